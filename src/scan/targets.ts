import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';
import { describePod } from '../cause/reported-failures.ts';
import { readString } from '../text/json.ts';
import { isSubdomain } from '../text/kubernetes-name.ts';
import { findController, WORKLOAD_KINDS, type WorkloadKind } from '../workload/kinds.ts';

/** A Pod, or a workload that creates Pods. */
export type Target = Readonly<{ kind: string; name: string; collection: (namespace: string) => string }>;

const SHORT_NAMES: Readonly<Record<string, string>> = {
  po: 'pods',
  deploy: 'deployments',
  rs: 'replicasets',
  sts: 'statefulsets',
  ds: 'daemonsets',
  cj: 'cronjobs',
  rc: 'replicationcontrollers',
};

/** `web-1`, `deployment/web`, `deploy/web`, `deployments.apps/web`, as kubectl takes them; undefined for anything else. */
export function parseTarget(text: string): Target | undefined {
  const [type = '', name, ...rest] = text.includes('/') ? text.split('/') : ['pods', text];
  if (name === undefined || rest.length > 0 || !isSubdomain(name)) return undefined;
  const [given = '', ...group] = type.toLowerCase().split('.');
  const found = findKindNamed(given);
  if (found?.resource === undefined || (group.length > 0 && group.at(-1) !== found.group)) return undefined;
  const { kind, resource, group: its } = found;
  const base = its === '' ? '/api/v1' : `/apis/${its}/v1`;
  return { kind, name, collection: (namespace) => `${base}/namespaces/${namespace}/${resource}` };
}

function findKindNamed(given: string): WorkloadKind | undefined {
  const name = (Object.hasOwn(SHORT_NAMES, given) ? SHORT_NAMES[given] : undefined) ?? given;
  return WORKLOAD_KINDS.find(
    ({ kind, resource = '' }) => kind !== 'PodTemplate' && [resource, kind.toLowerCase()].includes(name),
  );
}

/** Whether a Pod is the target, or belongs to it. */
export function isOfTarget({ kind, name }: Pick<Target, 'kind' | 'name'>, pod: unknown): boolean {
  if (kind === 'Pod') return readString(pod, 'metadata', 'name') === name;
  const controller = findController(pod);
  if (controller === undefined) return false;
  if (kind === 'CronJob') return controller.kind === 'Job' && isJobOf(name, controller.name);
  return (controller.kind === kind && controller.name === name) || describePod(pod).owner === `${kind}/${name}`;
}

/** CronJobs name their Jobs by the minute for which they were due. */
function isJobOf(cronJob: string, job: string): boolean {
  return job.startsWith(`${cronJob}-`) && /^\d{1,12}$/.test(job.slice(cronJob.length + 1));
}

/**
 * Whether the target exists, or may not be read. Without this check, a typo would look like a healthy workload.
 *
 * @throws ApiError without a connection, or if the API server does not accept the user's credentials
 */
export async function exists(api: ApiServer, { collection, name }: Target, namespace: string): Promise<boolean> {
  try {
    await api.call('GET', `${collection(namespace)}/${encodeURIComponent(name)}`);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === undefined || error.status === 401) throw error;
    return error.status !== 404;
  }
}
