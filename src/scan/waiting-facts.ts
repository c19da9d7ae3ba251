import { ApiError, type ApiServer, type KubernetesObject } from '../cluster/connection/api-server.ts';
import { readNode, readServiceAccount } from '../cluster/facts/read-objects.ts';
import type { ClusterNode, Facts, ServiceAccount } from '../pull/facts.ts';
import { readPullSecret } from '../pull/pull-secret.ts';
import { MOST_READ_FOR_WAITING } from '../text/bounds.ts';
import { readPath, readString } from '../text/json.ts';
import { isLabel, isSubdomain } from '../text/kubernetes-name.ts';
import { nameMissing } from './find-waiting.ts';
import type { Progress } from './resources.ts';

/** The known details of a Pod's node. */
export type NodeState = ClusterNode & Readonly<{ runtime: string }>;

export type WaitingFacts = Readonly<{
  /** The facts for rules. They have the entries of pull secrets, without the credentials. */
  facts: Facts;
  findNode: (name: string) => NodeState | undefined;
  /** Missing permissions, each once. */
  problems: readonly string[];
}>;

/** Reads the ServiceAccounts, pull secrets and nodes of waiting Pods by name, so that no permission to list them is needed. */
export async function readWaitingFacts(
  api: ApiServer,
  pods: readonly unknown[],
  progress: Progress,
): Promise<WaitingFacts> {
  progress.show('pull secrets, service accounts and nodes');
  const problems = new Map<string, string>();
  const accounts = await readAll('serviceaccounts', listAccounts(pods), readServiceAccount);
  const secrets = await readAll('secrets', listSecrets(pods, accounts), readPullSecret);
  const nodes = await readAll('nodes', listNodes(pods), (object) => ({
    ...readNode(object),
    runtime: readString(object, 'status', 'nodeInfo', 'containerRuntimeVersion'),
  }));
  const known = [...nodes.values()].filter((node) => node !== 'absent');
  return {
    facts: {
      pullSecrets: { find: (namespace, name) => secrets.get(`${namespace}/${name}`), seesEveryType: true },
      serviceAccounts: { find: (namespace, name) => findAccount(accounts, namespace, name) },
      ...(known.length > 0 && { nodes: { list: () => known } }),
    },
    findNode: (name) => known.find((node) => node.name === name),
    problems: [...problems.values()],
  };

  async function readAll<Kept>(
    resource: string,
    names: readonly Name[],
    keep: (object: KubernetesObject) => Kept,
  ): Promise<ReadonlyMap<string, Kept | 'absent'>> {
    const found = new Map<string, Kept | 'absent'>();
    const left = names.slice(0, MOST_READ_FOR_WAITING);
    const work = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        // Permissions differ between namespaces.
        if (problems.has(`${resource} ${next.namespace}`)) continue;
        const object = await read(resource, next);
        const kept = object === undefined || object === 'absent' ? object : keepSafely(keep, object);
        if (kept !== undefined) found.set(keyOf(next), kept);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return found;
  }

  async function read(resource: string, { namespace, name }: Name): Promise<KubernetesObject | 'absent' | undefined> {
    const scope = namespace === '' ? '' : `/namespaces/${namespace}`;
    try {
      return (await api.call('GET', `/api/v1${scope}/${resource}/${encodeURIComponent(name)}`)) as KubernetesObject;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) return 'absent';
      const where = namespace === '' ? resource : `${resource} in namespace "${namespace}"`;
      problems.set(`${resource} ${namespace}`, nameMissing(where, 'get', error));
      return undefined;
    }
  }
}

/** Most requests at the same time. */
const AT_ONCE = 4;

type Name = Readonly<{ namespace: string; name: string }>;

function keyOf({ namespace, name }: Name): string {
  return `${namespace}/${name}`;
}

/** An object that exceeds a limit stays unknown. */
function keepSafely<Kept>(keep: (object: KubernetesObject) => Kept, object: KubernetesObject): Kept | undefined {
  try {
    return keep(object);
  } catch {
    return undefined;
  }
}

function findAccount(
  accounts: ReadonlyMap<string, ServiceAccount | 'absent'>,
  namespace: string,
  name: string,
): ServiceAccount | undefined {
  const found = accounts.get(`${namespace}/${name}`);
  return found === 'absent' ? undefined : found;
}

function listAccounts(pods: readonly unknown[]): Name[] {
  return distinct(
    pods.map((pod) => ({
      namespace: readString(pod, 'metadata', 'namespace'),
      name: readString(pod, 'spec', 'serviceAccountName') || 'default',
    })),
  );
}

/** The pull secrets of Pods, and those of their ServiceAccounts, which Pods that are created later get. */
function listSecrets(pods: readonly unknown[], accounts: ReadonlyMap<string, ServiceAccount | 'absent'>): Name[] {
  return distinct(
    pods.flatMap((pod) => {
      const namespace = readString(pod, 'metadata', 'namespace');
      const account = findAccount(accounts, namespace, readString(pod, 'spec', 'serviceAccountName') || 'default');
      return [...secretsOf(pod), ...(account?.pullSecrets ?? [])].map((name) => ({ namespace, name }));
    }),
  );
}

/** The names in the imagePullSecrets of a Pod. */
export function secretsOf(pod: unknown): readonly string[] {
  const listed = readPath(pod, 'spec', 'imagePullSecrets');
  return (Array.isArray(listed) ? listed : []).map((each) => readString(each, 'name')).filter((name) => name !== '');
}

function listNodes(pods: readonly unknown[]): Name[] {
  return distinct(pods.map((pod) => ({ namespace: '', name: readString(pod, 'spec', 'nodeName') })));
}

/** Each name once. Invalid names are left out, as they could lead to another path of the API. */
function distinct(names: readonly Name[]): Name[] {
  const valid = names.filter(({ namespace, name }) => (namespace === '' || isLabel(namespace)) && isSubdomain(name));
  return [...new Map(valid.map((each) => [keyOf(each), each])).values()];
}
