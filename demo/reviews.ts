import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

const RECORDED = new URL('../test/fixtures/admission-reviews/', import.meta.url);

/** What the API server asks, as far as this demo looks at it. */
export type Review = Readonly<{ apiVersion: string; kind: string; request: ReviewRequest }>;
export type ReviewRequest = Readonly<{
  uid: string;
  kind: Readonly<{ group: string; version: string; kind: string }>;
  resource: Readonly<{ group: string; version: string; resource: string }>;
  subResource?: string;
  operation: string;
  object: KubernetesObject;
}>;

export type KubernetesObject = Readonly<{
  apiVersion: string;
  kind: string;
  metadata: Readonly<Record<string, unknown> & { name?: string }>;
  spec: PodSpec & Readonly<{ template?: PodTemplate }>;
}>;
type PodTemplate = Readonly<{ metadata?: Readonly<Record<string, unknown>>; spec: PodSpec }>;
export type PodSpec = Readonly<{
  initContainers?: readonly Container[];
  containers?: readonly Container[];
  imagePullSecrets?: readonly Readonly<{ name: string }>[];
  serviceAccountName?: string;
}>;
type Container = Readonly<{ name: string; image: string }>;

/** What it is answered. */
export type ReviewResponse = Readonly<{
  apiVersion: string;
  kind: string;
  response: Readonly<{
    uid: string;
    allowed: boolean;
    status?: Readonly<{ code: number; reason: string; message: string }>;
    patchType?: string;
    patch?: string;
    warnings?: readonly string[];
    auditAnnotations?: Readonly<Record<string, string>>;
  }>;
}>;

/** The names of the reviews that a real API server sent once. */
export function recordedNames(): readonly string[] {
  return readdirSync(RECORDED).map((file) => file.replace(/\.json$/, ''));
}

export function readRecorded(name: string): Review {
  return JSON.parse(readFileSync(new URL(`${name}.json`, RECORDED), 'utf8')) as Review;
}

/** The FAQ's Deployment as an API server of today sends it: in the group `apps`, and with a namespace. */
export function reviewFaqDeployment(): Review {
  const faq = parse(readFileSync(new URL('faq-deployment.yaml', import.meta.url), 'utf8')) as KubernetesObject;
  return reviewCreation('deployments', {
    ...faq,
    apiVersion: 'apps/v1',
    metadata: { ...faq.metadata, namespace: 'default' },
  });
}

/** The pod that a Job, or the ReplicaSet of a Deployment, makes from its template, behind the ServiceAccount plugin. */
export function reviewPodOf({ request: { object: owner } }: Review): Review {
  const { template } = owner.spec;
  if (template === undefined) throw new Error(`${owner.kind} has no pod template`);
  const isDeployment = owner.kind === 'Deployment';
  // The hash stands for any: nothing depends on it.
  const maker = isDeployment
    ? { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${owner.metadata.name ?? ''}-5d59d67564` }
    : { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name ?? '' };
  return reviewCreation('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...template.metadata,
      generateName: `${maker.name}-`,
      namespace: 'default',
      ownerReferences: [{ ...maker, uid: randomUUID(), controller: true, blockOwnerDeletion: true }],
    },
    spec: { serviceAccountName: 'default', ...template.spec },
  });
}

/** The same request with the object as it is after the patch. */
export function withObject(review: Review, object: KubernetesObject): Review {
  return { ...review, request: { ...review.request, object } };
}

function reviewCreation(resource: string, object: KubernetesObject): Review {
  const { apiVersion, kind, metadata } = object;
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const request = {
    uid: randomUUID(),
    kind: { group, version, kind },
    resource: { group, version, resource },
    requestKind: { group, version, kind },
    requestResource: { group, version, resource },
    ...(metadata.name !== undefined && { name: metadata.name }),
    namespace: 'default',
    operation: 'CREATE',
    userInfo: { username: 'dev@example.com', groups: ['system:authenticated'] },
    object,
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  };
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request };
}
