import { readPath, readString, type Pointer } from '../text/json.ts';

/** A kind whose objects create Pods, and where its pod specs are. */
export type WorkloadKind = Readonly<{
  /** API group without version; empty for the core group. */
  group: string;
  kind: string;
  /** Plural, as in API paths and RBAC. Unknown, and not needed, for kinds that a policy adds. */
  resource?: string;
  /** Pointers to the pod specs; a segment `*` stands for every element or member. */
  podSpecs: readonly Pointer[];
  /** The same for containers outside of pod specs; their pull secrets are unknown. */
  containers?: readonly Pointer[];
  /** The start of variables that are filled in before the object is applied, such as `${` in objects of an OpenShift Template. */
  variable?: string;
}>;

const TEMPLATE: readonly Pointer[] = ['/spec/template/spec'];
const JOB_TEMPLATE: readonly Pointer[] = ['/spec/jobTemplate/spec/template/spec'];

/** The built-in kinds with images, in the groups that API servers serve today. */
export const WORKLOAD_KINDS: readonly WorkloadKind[] = [
  { group: '', kind: 'Pod', resource: 'pods', podSpecs: ['/spec'] },
  { group: '', kind: 'PodTemplate', resource: 'podtemplates', podSpecs: ['/template/spec'] },
  { group: '', kind: 'ReplicationController', resource: 'replicationcontrollers', podSpecs: TEMPLATE },
  { group: 'apps', kind: 'DaemonSet', resource: 'daemonsets', podSpecs: TEMPLATE },
  { group: 'apps', kind: 'Deployment', resource: 'deployments', podSpecs: TEMPLATE },
  { group: 'apps', kind: 'ReplicaSet', resource: 'replicasets', podSpecs: TEMPLATE },
  { group: 'apps', kind: 'StatefulSet', resource: 'statefulsets', podSpecs: TEMPLATE },
  { group: 'batch', kind: 'CronJob', resource: 'cronjobs', podSpecs: JOB_TEMPLATE },
  { group: 'batch', kind: 'Job', resource: 'jobs', podSpecs: TEMPLATE },
];

/** Kinds in their group before Kubernetes 1.16. No API server serves it, but manifests in Git may still use it. */
const OLD_KINDS: readonly WorkloadKind[] = ['DaemonSet', 'Deployment', 'ReplicaSet'].map((kind) => ({
  group: 'extensions',
  kind,
  podSpecs: TEMPLATE,
}));

/** Kinds by group and name. */
export type KindTable = ReadonlyMap<string, WorkloadKind>;

/** All built-in kinds and the added ones; an added kind replaces a built-in one with the same name. */
export function tabulateKinds(added: readonly WorkloadKind[]): KindTable {
  return new Map([...WORKLOAD_KINDS, ...OLD_KINDS, ...added].map((kind) => [`${kind.group}/${kind.kind}`, kind]));
}

export function findKind(kinds: KindTable, group: string, kind: string): WorkloadKind | undefined {
  return kinds.get(`${group}/${kind}`);
}

/** Whether a kind is built into Kubernetes, so that the meaning of each field is known, and what the API server refuses. */
export function isBuiltIn({ resource }: Pick<WorkloadKind, 'resource'>): boolean {
  return resource !== undefined;
}

/** Only Pods are modified; the other kinds are templates for Pods. */
export function isPod({ group, kind }: Readonly<{ group: string; kind: string }>): boolean {
  return group === '' && kind === 'Pod';
}

/** The group of an `apiVersion`: `apps` of `apps/v1`, empty for `v1`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

/** The owner of an object with `controller: true`. Texts are empty if the owner reference has none. */
export type Controller = Readonly<{ apiVersion: string; group: string; kind: string; name: string; uid: string }>;

/** The controlling owner of an object, if any: the ReplicaSet of a Pod. */
export function findController(object: unknown): Controller | undefined {
  const owners = readPath(object, 'metadata', 'ownerReferences');
  if (!Array.isArray(owners)) return undefined;
  const found: unknown = owners.find((owner) => readPath(owner, 'controller') === true);
  if (found === undefined) return undefined;
  const apiVersion = readString(found, 'apiVersion');
  const [kind, name, uid] = [readString(found, 'kind'), readString(found, 'name'), readString(found, 'uid')];
  return { apiVersion, group: groupOf(apiVersion), kind, name, uid };
}
