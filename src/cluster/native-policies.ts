import type { Logger } from 'pino';
import type { Policy } from '../engine/rule.ts';
import { exportAdmissionPolicies, KUBERNETES_MINORS, mutatingVersion } from '../export/admission-policies.ts';
import { keepBesideWebhook, NAMES_BESIDE_WEBHOOK } from '../export/beside-webhook.ts';
import { ExportError } from '../export/cel.ts';
import { describeError } from '../text/error.ts';
import { readPath, readString } from '../text/json.ts';
import { orNothing, type ApiServer, type KubernetesObject } from './connection/api-server.ts';
import { createBackoff, reportOnce } from './connection/retry.ts';

type NativeOptions = Pick<KeepOptions, 'api' | 'owner' | 'isLeader' | 'onError'> &
  Readonly<{
    policy: () => Policy;
    logger: Logger;
  }>;

/** Keeps what the API server can do of the policy by itself in the cluster, as a second line beside the webhook. */
export function keepNativePolicies({ policy, logger, ...options }: NativeOptions): KeptPolicies {
  const { api, onError } = options;
  let logged = '';
  return keepApplied({
    ...options,
    names: NAMES_BESIDE_WEBHOOK,
    want: (mutating) => {
      const minor = KUBERNETES_MINORS.find((each) => mutatingVersion(each) === mutating) ?? KUBERNETES_MINORS[0];
      try {
        const { objects, unsaid } = exportAdmissionPolicies(policy(), minor);
        const text = JSON.stringify(unsaid);
        if (text !== logged) logger.info({ notExported: unsaid }, 'what native policies leave to the webhook');
        logged = text;
        return keepBesideWebhook(objects, api.namespace);
      } catch (error) {
        if (!(error instanceof ExportError)) throw error;
        // Those of an earlier policy may deny what this one allows.
        onError(`there are no native policies now: ${error.message}`);
        return [];
      }
    },
    onInfo: (change) => {
      logger.info({ change }, 'native policies');
    },
  });
}

/** An object without a namespace. */
export type Applied = Readonly<{ apiVersion: string; kind: string; metadata: Readonly<{ name: string }> }>;

type KeepOptions = Readonly<{
  api: ApiServer;
  /** Name of the ClusterRole that owns the objects: when it is deleted, the garbage collector deletes them. */
  owner: string;
  /** What there should be, if the API server serves MutatingAdmissionPolicy in this version. */
  want: (mutating: string | undefined) => readonly Applied[];
  /** By resource, in the order of applying: every name that an object may have, now or with another policy. */
  names: Readonly<Record<string, readonly string[]>>;
  isLeader: () => boolean;
  /** Called once for each distinct problem until it is over; it is tried again by itself. */
  onError: (problem: string) => void;
  onInfo: (message: string) => void;
}>;

export type KeptPolicies = Readonly<{
  /** `want` returns something else now. */
  refresh: () => void;
  close: () => Promise<void>;
}>;

const GROUP = 'admissionregistration.k8s.io';
const OWNERS = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
const MUTATING_VERSIONS = ['v1', 'v1beta1', 'v1alpha1'] as const;

/** How often to look whether this replica leads now. It asks nothing of the API server. */
const LOOK_MS = 2000;
/** How often to apply again what may have been changed or deleted by others. */
const REPEAT_MS = 10 * 60 * 1000;

const MANAGER = 'pullguard';

/** Creates every object that is missing, also by name in RBAC: unlike a POST, a PATCH has the name. JSON is YAML. */
const APPLY = {
  contentType: 'application/apply-patch+yaml',
  query: { fieldManager: MANAGER, force: true },
} as const;

/**
 * Keeps admission policies and their bindings in the cluster as they should be: applied by the leader, again when they change, and
 * deleted when no longer wanted. Only objects with its labels are changed or deleted. Runs in the background, and retries.
 */
export function keepApplied({ api, owner, want, names, isLeader, onError, onInfo }: KeepOptions): KeptPolicies {
  const reporter = reportOnce(onError);
  const ending = new AbortController();
  const call: ApiServer['call'] = async (method, path, settings) =>
    api.call(method, path, { ...settings, signal: ending.signal });
  const labels = { 'app.kubernetes.io/managed-by': MANAGER, 'app.kubernetes.io/instance': owner };
  let nextMs = createBackoff();
  let dueAt = -Infinity;
  let running: Promise<void> | undefined;
  const timer = setInterval(look, LOOK_MS).unref();
  look();

  return {
    refresh: () => {
      dueAt = -Infinity;
      look();
    },
    close: async () => {
      ending.abort();
      clearInterval(timer);
      await running;
    },
  };

  function look(): void {
    if (running !== undefined || ending.signal.aborted) return;
    if (!isLeader()) {
      // The next leader applies what it knows; if that is this replica again, another one may have led in between.
      dueAt = -Infinity;
      return;
    }
    if (performance.now() >= dueAt) running = applyAll();
  }

  async function applyAll(): Promise<void> {
    // Before `want` is read, so that a change in the meantime is not missed.
    dueAt = Infinity;
    const isDone = await attempt('native policies', async () => {
      const mutating = await findMutatingVersion();
      const ownerReferences = [await readOwner()];
      const wanted = want(mutating);
      const places = listPlaces(mutating, wanted);
      const applied = await inTurn(
        places.filter(({ object }) => object !== undefined),
        async (place) => applyOne(place, ownerReferences),
      );
      const deleted = await inTurn(places.filter(({ object }) => object === undefined).toReversed(), deleteOne);
      return applied && deleted;
    });
    running = undefined;
    if (isDone) nextMs = createBackoff();
    const isStillWanted = dueAt === Infinity;
    if (isStillWanted) dueAt = performance.now() + (isDone ? REPEAT_MS : nextMs(0));
    else look();
  }

  /** The version of MutatingAdmissionPolicy that is served, if one is. @throws Error without ValidatingAdmissionPolicy */
  async function findMutatingVersion(): Promise<string | undefined> {
    for (const version of MUTATING_VERSIONS) {
      const resources = await listResources(version);
      if (version === 'v1' && !resources.includes('validatingadmissionpolicies')) {
        throw new Error('the API server does not serve ValidatingAdmissionPolicy: it needs Kubernetes 1.30 or newer');
      }
      if (resources.includes('mutatingadmissionpolicies')) return version;
    }
    return undefined;
  }

  async function listResources(version: string): Promise<readonly string[]> {
    const found = await orNothing(call('GET', `/apis/${GROUP}/${version}`));
    const resources = readPath(found, 'resources');
    return Array.isArray(resources) ? resources.map((each) => readString(each, 'name')) : [];
  }

  async function readOwner(): Promise<object> {
    const found = await orNothing(call('GET', `${OWNERS}/${owner}`));
    if (found === undefined) {
      throw new Error(
        `there is no ClusterRole "${owner}" to own them: create it, as the component native-controller does, or serve without --native-policies`,
      );
    }
    const uid = readString(found, 'metadata', 'uid');
    return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: owner, uid };
  }

  function listPlaces(mutating: string | undefined, wanted: readonly Applied[]): readonly Place[] {
    return Object.entries(names).flatMap(([resource, each]) => {
      const version = resource.startsWith('mutating') ? mutating : 'v1';
      if (version === undefined) return [];
      return each.map((name) => ({
        path: `/apis/${GROUP}/${version}/${resource}/${name}`,
        title: `${resource}/${name}`,
        object: wanted.find(({ kind, metadata }) => toResource(kind) === resource && metadata.name === name),
      }));
    });
  }

  async function applyOne({ path, title, object }: Place, ownerReferences: readonly object[]): Promise<boolean> {
    return attempt(title, async () => {
      const before = await orNothing(call('GET', path));
      if (before !== undefined && !isOwn(before)) {
        throw new Error(
          `${title} exists and was not created by this pullguard, so it is left as it is: delete it, or serve without --native-policies`,
        );
      }
      const metadata = { ...object?.metadata, ownerReferences };
      const after = await call('PATCH', path, {
        ...APPLY,
        body: { ...object, metadata: { ...metadata, labels: { ...labelsOf(object), ...labels } } },
      });
      const [was, is] = [before, after].map((each) => readPath(each, 'metadata', 'generation'));
      if (was !== is) onInfo(`${before === undefined ? 'created' : 'changed'} ${title}`);
      return true;
    });
  }

  async function deleteOne({ path, title }: Place): Promise<boolean> {
    return attempt(title, async () => {
      const found = await orNothing(call('GET', path));
      if (found === undefined || !isOwn(found)) return true;
      const preconditions = { uid: readString(found, 'metadata', 'uid') };
      await orNothing(call('DELETE', path, { body: { preconditions } }));
      onInfo(`deleted ${title}, which the policy no longer needs`);
      return true;
    });
  }

  function isOwn(object: KubernetesObject): boolean {
    return Object.entries(labels).every(([label, value]) => readString(object, 'metadata', 'labels', label) === value);
  }

  /** False if it failed, which is reported, or if another replica leads now, which may know a newer policy. */
  async function attempt(about: string, work: () => Promise<boolean>): Promise<boolean> {
    if (!isLeader()) return false;
    try {
      const isDone = await work();
      if (isDone) reporter.clear(about);
      return isDone;
    } catch (error) {
      if (!ending.signal.aborted) reporter.report(about, `native policies: ${describeError(error)}`);
      return false;
    }
  }
}

/** Where an object may be, and what should be there. */
type Place = Readonly<{ path: string; title: string; object: Applied | undefined }>;

/** `ValidatingAdmissionPolicy` → `validatingadmissionpolicies` */
function toResource(kind: string): string {
  const singular = kind.toLowerCase();
  return singular.endsWith('y') ? `${singular.slice(0, -1)}ies` : `${singular}s`;
}

function labelsOf(object: Applied | undefined): object {
  return (readPath(object, 'metadata', 'labels') as object | undefined) ?? {};
}

/** All of them, also after a failure. */
async function inTurn<Item>(items: readonly Item[], work: (item: Item) => Promise<boolean>): Promise<boolean> {
  let isDone = true;
  for (const item of items) isDone = (await work(item)) && isDone;
  return isDone;
}
