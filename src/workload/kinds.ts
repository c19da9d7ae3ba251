import { readPath, readString, type Pointer } from '../text/json.ts';

/** A kind of object that makes pods, and where its pod specs are. */
export type WorkloadKind = Readonly<{
  /** API group without version; empty for the core group. */
  group: string;
  kind: string;
  /** Plural as in the API's paths and in RBAC. Not known, and not needed, of kinds that a policy adds. */
  resource?: string;
  /** Pointers to its pod specs; a segment `*` stands for every element or member. */
  podSpecs: readonly Pointer[];
  /** The same for containers outside of pod specs, of which it is unknown with which pull secrets their images are pulled. */
  containers?: readonly Pointer[];
  /** How variables begin that are filled in before it comes to a cluster, as `${` in what an OpenShift Template makes. */
  variable?: string;
}>;

const TEMPLATE: readonly Pointer[] = ['/spec/template/spec'];
const JOB_TEMPLATE: readonly Pointer[] = ['/spec/jobTemplate/spec/template/spec'];

/** The kinds of Kubernetes itself that name images, in the groups that API servers serve today. */
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

/** Kinds in the group they had before Kubernetes 1.16. No API server serves it, manifests in Git still say it. */
const OLD_KINDS: readonly WorkloadKind[] = ['DaemonSet', 'Deployment', 'ReplicaSet'].map((kind) => ({
  group: 'extensions',
  kind,
  podSpecs: TEMPLATE,
}));

/** Kinds by group and name. */
export type KindTable = ReadonlyMap<string, WorkloadKind>;

/** All built-in kinds and those given, which win where they name the same. */
export function tabulateKinds(added: readonly WorkloadKind[]): KindTable {
  return new Map([...WORKLOAD_KINDS, ...OLD_KINDS, ...added].map((kind) => [`${kind.group}/${kind.kind}`, kind]));
}

export function findKind(kinds: KindTable, group: string, kind: string): WorkloadKind | undefined {
  return kinds.get(`${group}/${kind}`);
}

/** Whether a kind is of Kubernetes itself, so that it is known what each field means and what the API server refuses. */
export function isBuiltIn({ resource }: Pick<WorkloadKind, 'resource'>): boolean {
  return resource !== undefined;
}

/** Only pods are changed, and only pods run; everything else is a template for them. */
export function isPod({ group, kind }: Readonly<{ group: string; kind: string }>): boolean {
  return group === '' && kind === 'Pod';
}

/** The group of an `apiVersion`: `apps` of `apps/v1`, empty for `v1`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

/** The object that made another one and looks after it. Texts are empty where its reference leaves them out. */
export type Controller = Readonly<{ apiVersion: string; group: string; kind: string; name: string; uid: string }>;

/** The one owner of an object that looks after it, if it has one: of a pod its ReplicaSet. */
export function findController(object: unknown): Controller | undefined {
  const owners = readPath(object, 'metadata', 'ownerReferences');
  if (!Array.isArray(owners)) return undefined;
  const found: unknown = owners.find((owner) => readPath(owner, 'controller') === true);
  if (found === undefined) return undefined;
  const apiVersion = readString(found, 'apiVersion');
  const [kind, name, uid] = [readString(found, 'kind'), readString(found, 'name'), readString(found, 'uid')];
  return { apiVersion, group: groupOf(apiVersion), kind, name, uid };
}
