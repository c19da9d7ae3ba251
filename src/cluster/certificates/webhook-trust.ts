import { ENDPOINTS, type Endpoint } from '../../admission/admit.ts';
import { describeError } from '../../text/error.ts';
import { readString } from '../../text/json.ts';
import { ApiError, type KubernetesObject } from '../connection/api-server.ts';
import { startReflector, type Reflector } from '../connection/reflector.ts';
import { reportOnce } from '../connection/retry.ts';
import {
  findMisfit,
  holdsAuthority,
  isTrusted,
  patchConfiguration,
  readOwnWebhooks,
  type BundleChange,
  type NamespaceOwner,
  type ServiceName,
} from './webhook-configuration.ts';
import type { PartOptions } from './certificate-plan.ts';
import { toPath, type NamedPath } from './webhook-paths.ts';

export type WebhookTrustOptions = PartOptions &
  Readonly<{
    /** The name of both webhook configurations. */
    name: string;
    service: ServiceName;
    /** Our own namespace, which becomes an owner of both: see `patchConfiguration`. */
    namespace: string;
    /** Called when the names in a configuration do not match ours: see `findMisfit`. */
    onMisfit: (problem: string) => void;
  }>;

/**
 * Which CA the API server trusts for our Service, and which path it calls. If the API server cannot be reached, the last known
 * values are kept.
 */
export type WebhookTrust = Readonly<{
  /** Why the API server would refuse this serving certificate (PEM), or undefined. */
  problemWith: (cert: string) => string | undefined;
  /** Whether all our webhooks have this CA (PEM). */
  holds: (authority: string) => boolean;
  /** The current paths of our webhooks. */
  namedPaths: () => readonly NamedPath[];
  /** Updates both configurations. Resolves with whether both are up to date now, and never rejects. */
  update: (change: Pick<BundleChange, 'authority' | 'dropOlder'> & Readonly<{ token: string }>) => Promise<boolean>;
  close: () => void;
}>;

/** `title`: `the mutating webhook configuration "pullguard"`. */
type Watched = {
  readonly title: string;
  /** The endpoint that its webhooks call; `path` is that of the configuration itself. */
  readonly endpoint: Endpoint;
  readonly path: string;
  readonly found: Found;
  lastWrite: number;
};
type Found = Reflector<KubernetesObject>;

/** The kind of configuration whose webhooks call an endpoint. */
const KINDS: Readonly<Record<Endpoint, string>> = { mutate: 'mutating', validate: 'validating' };
/** Between two writes of one configuration, as another tool may revert each of them. */
const WRITE_PAUSE_MS = 1000;
/** Short, as the CA is more important than the owner. */
const OWNER_TIMEOUT_MS = 2000;

/**
 * Watches the mutating and the validating webhook configuration with a name. A missing one is no problem: pullguard is not called
 * through it, and it may have been deleted on purpose, to switch off pullguard or one half of it. If Pods were not ready for that
 * reason, no rollout would finish until the configuration is back.
 */
export function watchWebhookTrust(options: WebhookTrustOptions): WebhookTrust {
  const { api, name, service, namespace, onChange, onError, onInfo, onMisfit } = options;
  const reporter = reportOnce(onError);
  let owner: NamespaceOwner | undefined;
  let mayOwn = true;
  const misfits = new Map<string, string | undefined>();
  const watched = ENDPOINTS.map(watch);

  return {
    problemWith: (cert) => {
      const now = api.now();
      for (const { title, found } of watched) {
        if (!found.hasSynced()) return `not known yet whether ${title} trusts this certificate`;
        if (!webhooksOf(found).every(({ authorities }) => isTrusted(cert, authorities, now))) {
          return `${title} does not have the CA of this certificate in caBundle yet: the leader writes it; if it cannot, see its log`;
        }
      }
      return undefined;
    },
    holds: (authority) =>
      watched.every(
        ({ found }) =>
          found.hasSynced() && webhooksOf(found).every(({ authorities }) => holdsAuthority(authorities, authority)),
      ),
    namedPaths: () =>
      watched.flatMap(({ endpoint, found }) => webhooksOf(found).map(({ path }) => ({ endpoint, path }))),
    update: async ({ token, ...change }) => {
      if (mayOwn) owner ??= await readOwner();
      const whole = { ...change, service, now: api.now(), owner };
      const outcomes = await Promise.all(
        watched.map(async (each) => updateOne(each, { ...whole, path: toPath(token, each.endpoint) })),
      );
      return outcomes.every(Boolean);
    },
    close: () => {
      for (const { found } of watched) found.close();
    },
  };

  function watch(endpoint: Endpoint): Watched {
    const kind = KINDS[endpoint];
    const title = `the ${kind} webhook configuration "${name}"`;
    const path = `/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations`;
    const found = startReflector({
      api,
      path,
      fieldSelector: `metadata.name=${name}`,
      keep: (configuration) => configuration,
      onChange: (kept) => {
        tellMisfit(title, kept);
        onChange();
      },
      onError,
    });
    void found.synced.then(() => {
      // The promise also resolves when the watch is closed.
      if (found.hasSynced()) tellMisfit(title, found.find('', name));
      onChange();
    });
    return { title, endpoint, path, found, lastWrite: -Infinity };
  }

  function tellMisfit(title: string, configuration: KubernetesObject | undefined): void {
    const problem = findMisfit(configuration, { title, service, namespace });
    if (misfits.get(title) === problem) return;
    misfits.set(title, problem);
    if (problem !== undefined) onMisfit(problem);
  }

  function webhooksOf(found: Found): ReturnType<typeof readOwnWebhooks> {
    const configuration = found.find('', name);
    return configuration === undefined ? [] : readOwnWebhooks(configuration, service);
  }

  /** Undefined if it cannot be read: the CA is more important, and is written without an owner. */
  async function readOwner(): Promise<NamespaceOwner | undefined> {
    try {
      const found = await api.call('GET', `/api/v1/namespaces/${namespace}`, { timeoutMs: OWNER_TIMEOUT_MS });
      reporter.clear('namespace');
      return { name: namespace, uid: readString(found, 'metadata', 'uid') };
    } catch (error) {
      reporter.report(
        'namespace',
        `the Namespace ${namespace} cannot be read, so the webhook configurations "${name}" remain if it is deleted: ${describeError(error)}`,
      );
      return undefined;
    }
  }

  async function updateOne(one: Watched, change: BundleChange): Promise<boolean> {
    const { title, path, found } = one;
    const configuration = found.find('', name);
    const patch = configuration === undefined ? [] : patchConfiguration(configuration, change);
    if (patch.length === 0) {
      reporter.clear(title);
      return true;
    }
    if (performance.now() < one.lastWrite + WRITE_PAUSE_MS) return false;
    one.lastWrite = performance.now();
    try {
      await api.call('PATCH', `${path}/${name}`, { body: patch, contentType: 'application/json-patch+json' });
      onInfo(`updated caBundle and path of ${title}`);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 403 && change.owner !== undefined) {
        one.lastWrite = -Infinity;
        const isDone = await updateOne(one, { ...change, owner: undefined });
        if (isDone) giveUpOwner(error);
        return isDone;
      }
      if (!wasChanged(error, configuration, found))
        reporter.report(
          title,
          // If the API server refuses the path, its message quotes it.
          `cannot write the CA of the certificate to ${title}: ${describeError(error).replaceAll(/[0-9a-f]{16,}/g, '…')}`,
        );
      return false;
    }
  }

  /**
   * The admission plugin OwnerReferencesPermissionEnforcement only lets clients set owners if they may delete the object. The CA
   * is more important.
   */
  function giveUpOwner(error: ApiError): void {
    if (!mayOwn) return;
    mayOwn = false;
    owner = undefined;
    onError(
      `the webhook configurations "${name}" cannot get the Namespace ${namespace} as their owner, so they remain if it is deleted: ${error.message}: delete them before the Namespace, or allow pullguard to delete them`,
    );
  }

  /** Another replica was faster, which is not an error; the API server returns 422 for a failed `test`. */
  function wasChanged(error: unknown, before: unknown, found: Found): boolean {
    if (!(error instanceof ApiError) || ![404, 409, 422].includes(error.status ?? 0)) return false;
    const [old, now] = [before, found.find('', name)].map((each) => readString(each, 'metadata', 'resourceVersion'));
    return old !== now;
  }
}
