import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AdmissionRequest } from '../../src/admission/review.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { exportAdmissionPolicies, KUBERNETES_MINORS, type ApiObject } from '../../src/export/admission-policies.ts';
import { formatObjectYaml } from '../../src/manifest/commented-yaml.ts';
import { recordedNames, recordedReview, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';
import { useCluster } from './fixture.ts';
import { askEngine, describeDifference, readVerdict } from './native-comparison.ts';
import { createRandom, generateCase, listCases, toObject, type Case } from './native-objects.ts';
import { makeRolloutDefinition } from './objects.ts';
import { waitFor } from './processes.ts';

/** Generated objects: some in each run, and as many as one wants with NATIVE_CASES. */
const GENERATED = Number(process.env['NATIVE_CASES'] ?? 200);
const SEED = Number(process.env['NATIVE_SEED'] ?? 42);

const cluster = useCluster('native');
const { controlPlane, kubectl, call } = cluster;

/** Namespaces that differ in what is allowed there. */
const NAMESPACES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'native-deny': {},
  'native-warn': { 'pullguard.dev/mode': 'warn' },
  'native-audit': { 'pullguard.dev/mode': 'audit' },
  'native-off': { 'pullguard.dev/mode': 'off' },
  'native-former': { 'pullguard.dev/mode': 'enforce' },
  'native-unfixed': { 'pullguard.dev/fix': 'false' },
  'sys-native': {},
};

const RESOURCES: Readonly<Record<string, string>> = {
  Pod: '/api/v1:pods',
  PodTemplate: '/api/v1:podtemplates',
  ReplicationController: '/api/v1:replicationcontrollers',
  DaemonSet: '/apis/apps/v1:daemonsets',
  Deployment: '/apis/apps/v1:deployments',
  ReplicaSet: '/apis/apps/v1:replicasets',
  StatefulSet: '/apis/apps/v1:statefulsets',
  CronJob: '/apis/batch/v1:cronjobs',
  Job: '/apis/batch/v1:jobs',
  Rollout: '/apis/argo.example.com/v1:rollouts',
};

function pathOf(kind: string, namespace: string, name = ''): string {
  const [group = '', resource = ''] = RESOURCES[kind]?.split(':') ?? [];
  return `${group}/namespaces/${namespace}/${resource}${name === '' ? '' : `/${name}`}`;
}

const SHARED = [
  'mirrors:',
  '  - { from: docker.io, to: swr.eu-de.otc.t-systems.com/dockerhub }',
  '  - { from: quay.io/team, to: harbor.example.com/quay }',
  'registries:',
  "  - { hosts: [harbor.example.com, '*.corp.example.com:5000/team', 'r[1-3].reg.example.com', '10.0.0.?:5000'], pullSecret: harbor }",
  "  - { hosts: ['[::1]:5000', 'exempt.example.com'], pullSecret: other }",
  "exempt: { namespaces: [kube-system, 'sys-*'], images: [exempt.example.com] }",
];

/** Policies that between them have each rule with each action, with fixes and without. */
const POLICIES: Readonly<Record<string, Policy>> = {
  'the default': policyOf(),
  'mirrors and what is allowed to be skipped': policyOf(
    ...SHARED,
    'rules:',
    '  tag-explicit: { action: deny, forbidLatest: true }',
    '  registry-explicit: warn',
    'skip: { rules: [tag-explicit, mirror-used, pull-secret-present] }',
    'workloads: [{ group: argo.example.com, kind: Rollout, podTemplates: [/spec/template, /spec/more/*/template] }]',
  ),
  'deny everywhere': policyOf(
    ...SHARED,
    'rules:',
    '  reference-valid: deny',
    '  tag-explicit: warn',
    '  registry-explicit: deny',
    '  mirror-used: deny',
    '  pull-secret-present: deny',
    "skip: { rules: [reference-valid], namespaces: ['native-d*'] }",
  ),
  'nothing fixed': policyOf(
    ...SHARED,
    'rules:',
    '  reference-valid: audit',
    '  tag-explicit: audit',
    '  mirror-used: { action: deny, fix: false }',
    '  pull-secret-present: { action: warn, fix: false }',
    '  pull-secrets-valid: off',
  ),
};

beforeAll(async () => {
  for (const [name, labels] of Object.entries(NAMESPACES)) {
    const made = await call('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels },
    });
    expect([201, 409]).toContain(made.status);
    const isThere = await waitFor(async () => {
      if (!controlPlane.hasControllers) await kubectl(`create -n ${name} serviceaccount default`);
      return (await kubectl(`get -n ${name} serviceaccount default`)).code === 0;
    });
    expect(isThere).toBe(true);
  }
  await cluster.apply(makeRolloutDefinition('argo.example.com', 'v1'));
  await kubectl('wait --for=condition=Established crd/rollouts.argo.example.com');
});

const KINDS =
  'validatingadmissionpolicybindings,validatingadmissionpolicies,mutatingadmissionpolicybindings,mutatingadmissionpolicies';

async function remove(): Promise<void> {
  const kinds = controlPlane.minor >= 36 ? KINDS : KINDS.split(',').slice(0, 2).join(',');
  await kubectl(`delete --ignore-not-found ${kinds} -l app.kubernetes.io/name=pullguard`);
}

/** As kubectl apply does it, from the YAML that is printed; it is there for every request once two that differ are answered by it. */
async function install(objects: readonly ApiObject[]): Promise<void> {
  await remove();
  const applied = await kubectl(['apply', '-f', '-'], {
    stdin: objects.map((each) => formatObjectYaml(each)).join('---\n'),
  });
  expect(applied.stderr).toBe('');
  // An API server compiles a policy some time after it has stored it.
  await new Promise((resolve) => setTimeout(resolve, 3000));
}

/** Requests as they are made to the API server, and as the webhook would get them. */
type Ask = Readonly<{
  what: string;
  namespace: string;
  native: () => ReturnType<typeof call>;
  request: Parameters<typeof askEngine>[1];
}>;

/** What differs, of all that were decided; several at once, as in a cluster. */
async function compare(
  policy: Policy,
  asks: Iterable<Ask>,
): Promise<Readonly<{ decided: number; differences: readonly string[] }>> {
  const next = asks[Symbol.iterator]();
  const differences: string[] = [];
  let decided = 0;
  const work = async (): Promise<void> => {
    for (let ask = next.next(); ask.done !== true; ask = next.next()) {
      const { what, namespace, native, request } = ask.value;
      const verdict = readVerdict(await native());
      if (verdict === undefined) continue;
      decided++;
      const difference = describeDifference(askEngine(policy, request, NAMESPACES[namespace] ?? {}), verdict);
      if (difference !== undefined) differences.push(`${namespace} ${what}: ${difference}`.slice(0, 600));
    }
  };
  await Promise.all(Array.from({ length: 6 }, work));
  return { decided, differences };
}

function toCreate(made: Case, namespace: string, name: string): Ask {
  const object = toObject(made, name);
  return {
    what: JSON.stringify(made),
    namespace,
    native: async () => call('POST', `${pathOf(made.kind, namespace)}?dryRun=All`, object),
    request: { object, oldObject: undefined, namespace },
  };
}

describe.skipIf(controlPlane.minor < 36).each(Object.entries(POLICIES))(
  'with %s, the API server decides as the engine does',
  (_name, policy) => {
    beforeAll(async () => install(exportAdmissionPolicies(policy, KUBERNETES_MINORS.at(-1)!).objects));
    afterAll(remove);

    test('about a table of objects', { timeout: 180_000 }, async () => {
      const names = Object.keys(NAMESPACES);
      const asks = listCases().flatMap((each, at) => [
        toCreate(each, 'native-deny', `a${at}`),
        toCreate(each, names[1 + (at % (names.length - 1))]!, `b${at}`),
      ]);
      const { decided, differences } = await compare(policy, asks);
      expect(differences).toEqual([]);
      expect(decided).toBeGreaterThan(500);
    });

    test('about generated objects', { timeout: 60_000 + GENERATED * 200 }, async () => {
      const random = createRandom(SEED);
      const names = Object.keys(NAMESPACES);
      const asks = Array.from({ length: Math.ceil(GENERATED / 4) }, (_, at) =>
        toCreate(generateCase(random), names[Math.floor(random() * names.length)]!, `g${at}`),
      );
      const { decided, differences } = await compare(policy, asks);
      expect(differences).toEqual([]);
      expect(decided).toBeGreaterThan(asks.length * 0.9);
    });

    test('about the reviews that were recorded', { timeout: 60_000 }, async () => {
      const asks = recordedNames().flatMap((name) => replay(name));
      const { decided, differences } = await compare(policy, asks);
      expect(differences).toEqual([]);
      expect(decided).toBeGreaterThan(8);
    });
  },
);

/** What the API server adds, and what a Pod names that is not there any more. */
const NOT_REPLAYED = new Set([
  ...['managedFields', 'resourceVersion', 'creationTimestamp', 'namespace', 'status'],
  ...['serviceAccountName', 'serviceAccount', 'volumes', 'volumeMounts'],
]);

/** The object of a recorded review, created again, whatever came of it then. */
function replay(name: string): readonly Ask[] {
  const { operation, object, subResource } = recordedReview(name).request as unknown as AdmissionRequest;
  if (operation === 'DELETE' || Boolean(subResource)) return [];
  const text = JSON.stringify(object, (key, value: unknown) => (NOT_REPLAYED.has(key) ? undefined : value));
  const made = JSON.parse(text) as Json;
  return [
    {
      what: name,
      namespace: 'native-deny',
      native: async () => call('POST', `${pathOf(String(made['kind']), 'native-deny')}?dryRun=All`, made),
      request: { object: made, oldObject: undefined, namespace: 'native-deny' },
    },
  ];
}
