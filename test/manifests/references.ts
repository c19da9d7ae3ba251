import { isRecord, readPath, readString } from '../../src/text/json.ts';
import { hostProblem } from '../../src/tls/source.ts';
import { find, podOf, readFlags, type Manifest } from './manifests.ts';

/** The objects that one object names. `labels`: of Pods, which a template has to have. */
type Reference = Readonly<{ field: string; kinds: readonly string[]; name: string; namespace?: string | undefined }>;

/**
 * Each name in objects that no object has, and each selector that selects nothing: `Deployment y-pullguard: serviceAccountName: no
 * ServiceAccount guards/pullguard`. `elsewhere` are objects of other makers, such as `Secret guards/pullguard-tls`.
 */
export function listMisfits(objects: readonly Manifest[], elsewhere: readonly string[] = []): readonly string[] {
  const known = new Set([...objects.flatMap(identify), ...elsewhere]);
  return objects.flatMap((object) => {
    const where = `${object.kind} ${object.metadata.name}`;
    const missing = listReferences(object).filter(
      ({ kinds, name, namespace }) => !kinds.every((kind) => known.has(nameObject(kind, name, namespace))),
    );
    return [
      ...missing.map(
        ({ field, kinds, name, namespace }) => `${where}: ${field}: no ${nameObject(kinds.join('+'), name, namespace)}`,
      ),
      ...listOthers(object, objects).map((problem) => `${where}: ${problem}`),
    ];
  });
}

/** What it is, and what it makes: cert-manager makes the Secret of a Certificate. */
function identify({ kind, metadata, ...rest }: Manifest): readonly string[] {
  const { name, namespace } = metadata;
  const secret =
    kind === 'Certificate' ? [nameObject('Secret', readString(rest, 'spec', 'secretName'), namespace)] : [];
  return [nameObject(kind, name, namespace), ...secret];
}

function nameObject(kind: string, name: string, namespace: string | undefined): string {
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

function listReferences(object: Manifest): readonly Reference[] {
  const { kind, metadata } = object;
  const { namespace } = metadata;
  const own = (field: string, target: string, name: string): readonly Reference[] =>
    name === '' ? [] : [{ field, kinds: [target], name, namespace }];
  const home = namespace === undefined ? [] : [{ field: 'namespace', kinds: ['Namespace'], name: namespace }];
  const inject = /^(.+)\/(.+)$/.exec(metadata.annotations?.['cert-manager.io/inject-ca-from'] ?? '');
  return [
    ...home,
    ...(inject === null
      ? []
      : [{ field: 'inject-ca-from', kinds: ['Certificate'], name: inject[2]!, namespace: inject[1] }]),
    ...listSubjects(object),
    ...own('issuerRef', 'Issuer', readString(object, 'spec', 'issuerRef', 'name')),
    ...own('ca.secretName', 'Secret', readString(object, 'spec', 'ca', 'secretName')),
    ...own('scaleTargetRef', 'Deployment', readString(object, 'spec', 'scaleTargetRef', 'name')),
    ...listWebhookServices(object),
    ...listPolicies(object),
    ...(kind === 'Deployment' ? listPodReferences(object, own) : []),
  ];
}

function listSubjects(object: Manifest): readonly Reference[] {
  const role = readString(object, 'roleRef', 'name');
  if (role === '') return [];
  const kind = readString(object, 'roleRef', 'kind');
  const { namespace } = object.metadata;
  return [
    { field: 'roleRef', kinds: [kind], name: role, namespace: kind === 'Role' ? namespace : undefined },
    ...list(object, 'subjects').map((subject) => ({
      field: 'subjects',
      kinds: [readString(subject, 'kind')],
      name: readString(subject, 'name'),
      namespace: readString(subject, 'namespace'),
    })),
  ];
}

/**
 * The policy of a binding, and the ClusterRole that a flag names. kustomize does not know admission policies, and gives them the namespace of
 * a kustomization, which API servers ignore.
 */
function listPolicies(object: Manifest): readonly Reference[] {
  const policy = readString(object, 'spec', 'policyName');
  const owner = object.kind === 'Deployment' ? readFlags(podOf([object])).get('native-policies') : undefined;
  return [
    ...(policy === ''
      ? []
      : [
          {
            field: 'policyName',
            kinds: [object.kind.replace(/Binding$/, '')],
            name: policy,
            namespace: object.metadata.namespace,
          },
        ]),
    ...(owner === undefined ? [] : [{ field: '--native-policies', kinds: ['ClusterRole'], name: owner }]),
  ];
}

function listWebhookServices(object: Manifest): readonly Reference[] {
  return list(object, 'webhooks').flatMap((webhook) => {
    const service = readPath(webhook, 'clientConfig', 'service');
    if (service === undefined) return [];
    const [name, namespace] = [readString(service, 'name'), readString(service, 'namespace')];
    return [{ field: readString(webhook, 'name'), kinds: ['Service'], name, namespace }];
  });
}

function listPodReferences(
  object: Manifest,
  own: (field: string, kind: string, name: string) => readonly Reference[],
): readonly Reference[] {
  const spec = readPath(object, 'spec', 'template', 'spec');
  const flags = readFlags(podOf([object]));
  const configuration = flags.get('webhook-configuration') ?? 'pullguard';
  return [
    ...own('serviceAccountName', 'ServiceAccount', readString(spec, 'serviceAccountName')),
    ...list(spec, 'volumes').flatMap((volume) => [
      ...own('volumes', 'ConfigMap', readString(volume, 'configMap', 'name')),
      ...own('volumes', 'Secret', readString(volume, 'secret', 'secretName')),
    ]),
    ...own('--service', 'Service', flags.get('service') ?? 'pullguard'),
    {
      field: '--webhook-configuration',
      kinds: ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'],
      name: configuration,
    },
  ];
}

/** What is no name of an object. */
function listOthers(object: Manifest, objects: readonly Manifest[]): readonly string[] {
  const template = readPath(find(objects, 'Deployment'), 'spec', 'template', 'metadata', 'labels');
  const home = find(objects, 'Deployment').metadata.namespace ?? '';
  const selectors = listSelectors(object).filter((selector) => !isPart(selector, template));
  const exposed = list(object, 'webhooks').filter((webhook) => !excludes(webhook, home));
  const service = find(objects, 'Service').metadata;
  const host = `${service.name}.${service.namespace ?? ''}.svc`;
  return [
    ...selectors.map((selector) => `selects no Pod: ${JSON.stringify(selector)}`),
    ...exposed.map((webhook) => `${readString(webhook, 'name')} does not exclude ${home}`),
    ...listCertificateProblems(object, host),
  ];
}

function listCertificateProblems(object: Manifest, host: string): readonly string[] {
  const pem = object.kind === 'Secret' ? Buffer.from(readString(object, 'data', 'tls.crt'), 'base64').toString() : '';
  const problem = pem === '' ? undefined : hostProblem({ cert: pem }, host);
  const names = list(object, 'spec', 'dnsNames');
  const isServing = object.kind === 'Certificate' && readPath(object, 'spec', 'isCA') !== true;
  return [
    ...(problem === undefined ? [] : [problem]),
    ...(isServing && !names.includes(host) ? [`dnsNames: ${names.join()} without ${host}`] : []),
  ];
}

/** All that select Pods of pullguard. */
function listSelectors(object: Manifest): readonly unknown[] {
  const spec = readPath(object, 'spec');
  const spreads = list(spec, 'template', 'spec', 'topologySpreadConstraints');
  return [
    ...(object.kind === 'Service' ? [readPath(spec, 'selector') ?? {}] : []),
    readPath(spec, 'selector', 'matchLabels'),
    readPath(spec, 'podSelector', 'matchLabels'),
    ...spreads.map((each) => readPath(each, 'labelSelector', 'matchLabels')),
  ].filter((selector) => selector !== undefined);
}

function isPart(selector: unknown, labels: unknown): boolean {
  if (!isRecord(selector) || Object.keys(selector).length === 0) return false;
  return Object.entries(selector).every(([key, value]) => readPath(labels, key) === value);
}

function excludes(webhook: unknown, namespace: string): boolean {
  return list(webhook, 'namespaceSelector', 'matchExpressions').some(
    (each) => readString(each, 'key') === 'kubernetes.io/metadata.name' && list(each, 'values').includes(namespace),
  );
}

function list(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = readPath(value, ...path);
  return Array.isArray(found) ? (found as readonly unknown[]) : [];
}
