import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AdmissionRequest } from '../../src/admission/review.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { exportAdmissionPolicies, KUBERNETES_MINORS, type ApiObject } from '../../src/export/admission-policies.ts';
import { buildMatchConditions, type MatchCondition } from '../../src/export/match-conditions.ts';
import { formatObjectYaml } from '../../src/manifest/commented-yaml.ts';
import { isRecord, readPath } from '../../src/text/json.ts';
import { recordedNames, recordedReview, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';
import { useCluster } from './fixture.ts';
import { askEngine, describeDifference, hasWork, readVerdict, type Asked } from './native-comparison.ts';
import {
  createRandom,
  generateCase,
  listCases,
  listUpdates,
  toObject,
  type Case,
  type Update,
} from './native-objects.ts';
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

const UPDATES = listUpdates();

/** The objects of the updates, as they are stored before there are policies. */
const stored: Json[] = [];

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
  for (const [at, { before }] of UPDATES.entries()) {
    const object = toObject(before, `u${at}`);
    if (before.kind === 'Deployment') (object['spec'] as Json)['replicas'] = 0;
    const made = await call('POST', pathOf(before.kind, 'native-deny'), object);
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    stored.push(made.body as Json);
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
  request: Asked;
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

function toUpdate({ kind, patch, subResource }: Update, at: number): Ask {
  const namespace = 'native-deny';
  const oldObject = stored[at] ?? {};
  return {
    what: JSON.stringify({ kind, patch, old: readPath(oldObject, 'spec') }),
    namespace,
    native: async () =>
      call(
        'PATCH',
        `${pathOf(kind, namespace, `u${at}`)}${subResource === undefined ? '' : `/${subResource}`}?dryRun=All`,
        patch,
      ),
    request: { object: mergePatch(oldObject, patch), oldObject, namespace, subResource: subResource ?? '' },
  };
}

/** JSON Merge Patch (RFC 7386). */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const kept = Object.entries(isRecord(target) ? target : {}).filter(([key]) => patch[key] !== null);
  const merged: Record<string, unknown> = Object.fromEntries(kept);
  for (const [key, value] of Object.entries(patch)) {
    if (value !== null) merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

describe.skipIf(controlPlane.minor < 36).each(Object.entries(POLICIES))(
  'with %s, the API server decides as the engine does',
  (policyName, policy) => {
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

    test('about updates', { timeout: 60_000 }, async () => {
      const { decided, differences } = await compare(
        policy,
        UPDATES.map((each, at) => toUpdate(each, at)),
      );
      expect(differences).toEqual([]);
      expect(decided).toBeGreaterThan(UPDATES.length * 0.9);
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

    test('and notes it in the audit log where the namespace allows no more', async () => {
      const name = `audited-${String(Object.keys(POLICIES).indexOf(policyName))}`;
      const pod = toObject({ kind: 'Pod', spec: { containers: [{ name: 'app', image: 'NGINX' }] } }, name);
      expect((await call('POST', `${pathOf('Pod', 'native-audit')}?dryRun=All`, pod)).warnings).toEqual([]);
      const isNoted = (): boolean =>
        readFileSync(controlPlane.auditLog, 'utf8')
          .split('\n')
          .some(
            (line) => line.includes(name) && line.includes('validation_failure') && line.includes('(reference-valid'),
          );
      expect(await waitFor(async () => Promise.resolve(isNoted()))).toBe(true);
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

describe.skipIf(controlPlane.minor < 36)('a Pod with 100 containers', () => {
  const hosts = (count: number, prefix: string): readonly string[] =>
    Array.from({ length: count }, (_, at) => `${prefix}${at}.registry.example.com`);
  const grow = (globs: number): Policy =>
    policyOf(
      `mirrors: [${hosts(100, 'm')
        .map((host) => `{ from: ${host}/some/path, to: mirror.invalid/${host} }`)
        .join()}]`,
      `registries: [${hosts(60, 's')
        .map((host, at) => `{ hosts: ['${at < globs ? '*.' : ''}${host}', '${host}:5000'], pullSecret: ${host} }`)
        .join()}]`,
      'rules: { tag-explicit: { action: deny, forbidLatest: true }, registry-explicit: warn }',
      'skip: { rules: [mirror-used, tag-explicit] }',
    );
  const isExported = (policy: Policy): boolean => {
    try {
      return exportAdmissionPolicies(policy, 36).objects.length > 0;
    } catch {
      return false;
    }
  };
  const largest = Array.from({ length: 60 }, (_, globs) => grow(globs)).findLast((policy) => isExported(policy))!;

  beforeAll(async () => install(exportAdmissionPolicies(largest, 36).objects));
  afterAll(remove);

  test(
    'is decided within the limit of cost, under the largest policy that is exported',
    { timeout: 60_000 },
    async () => {
      const path = 'a-rather-long-name-of-a-team/and-of-an-application/with-a-component';
      const images = Array.from({ length: 100 }, (_, at) =>
        at === 99
          ? 'NGINX'
          : `s${at % 60}.registry.example.com/${path}:2024.11.28-build.${at}@sha256:${'0123456789abcdef'.repeat(4)}`,
      );
      const spec = (kept: readonly string[]): Json => ({
        containers: kept.map((image, at) => ({ name: `c${at}`, image })),
      });
      const create = (kind: 'Pod' | 'Deployment', kept: readonly string[]): Ask =>
        toCreate({ kind, spec: spec(kept) }, 'native-deny', 'large');
      const mirrored = images.map((image) => image.replace(/^s(\d+)(?=\.)(.*?\/)/, 'm$1$2some/path/'));
      // The last one is invalid: that it is found shows that nothing failed before, as what fails is admitted.
      const asks = [images, images.slice(0, 99), mirrored, mirrored.slice(0, 99)].flatMap((kept) => [
        create('Pod', kept),
        create('Deployment', kept),
      ]);
      const { decided, differences } = await compare(largest, asks);
      expect(differences).toEqual([]);
      expect(decided).toBe(asks.length);
    },
  );

  test('never makes the conditions of the webhook fail, as they then would count as its failure', async () => {
    const { mutate, validate } = buildMatchConditions(largest, { pullSecrets: true, nodes: true, pulls: false });
    await install([...probe('mutate', mutate), ...probe('validate', validate)]);
    const image = `s1.registry.example.com/${'long-name/'.repeat(20)}app:1@sha256:${'0123456789abcdef'.repeat(4)}`;
    for (const count of [1, 20, 21, 100]) {
      const containers = Array.from({ length: count }, (_, at) => ({ name: `c${at}`, image }));
      const pod = toObject({ kind: 'Pod', spec: { containers } }, 'large');
      const { status, body } = await call('POST', `${pathOf('Pod', 'native-deny')}?dryRun=All`, pod);
      expect([count, status, readPath(body, 'message')]).toEqual([count, 201, undefined]);
    }
  });
});

describe.skipIf(controlPlane.minor < 36)('a custom kind of the policy', () => {
  const policy = POLICIES['mirrors and what is allowed to be skipped']!;
  beforeAll(async () => install(exportAdmissionPolicies(policy, 36).objects));
  afterAll(remove);

  test.each<[what: string, spec: Json, denied: RegExp | undefined]>([
    [
      'a template',
      { template: { spec: { containers: [{ name: 'a', image: 'NGINX' }] } } },
      /container "a": InvalidImageName: repository name must be lowercase/,
    ],
    [
      'a template that is as it should be',
      { template: { spec: { containers: [{ name: 'a', image: 'ghcr.io/a/b:1' }] } } },
      undefined,
    ],
    [
      'one of several in a list',
      { more: [{}, { template: { spec: { containers: [{ name: 'b', image: 'a//b' }] } } }] },
      /container "b": InvalidImageName/,
    ],
    [
      'one of several by name',
      { more: { x: { template: { spec: { containers: [{ name: 'c', image: 'NGINX' }] } } } } },
      /container "c": InvalidImageName/,
    ],
    ['no template', {}, undefined],
    ['something else in its place', { template: { spec: { containers: 'NGINX' } } }, undefined],
  ])('is checked: %s', async (_what, spec, denied) => {
    const { status, body } = await call('POST', `${pathOf('Rollout', 'native-deny')}?dryRun=All`, {
      apiVersion: 'argo.example.com/v1',
      kind: 'Rollout',
      metadata: { name: 'x' },
      spec,
    });
    expect([status, readPath(body, 'message') ?? '']).toEqual([
      denied === undefined ? 201 : 403,
      denied === undefined ? '' : (expect.stringMatching(denied) as string),
    ]);
  });
});

/** A policy that warns of whatever meets the conditions under which a webhook is called, as those are in the same language. */
function probe(endpoint: 'mutate' | 'validate', conditions: readonly MatchCondition[]): readonly ApiObject[] {
  const name = `pullguard-called-${endpoint}`;
  const labels = { 'app.kubernetes.io/name': 'pullguard' };
  const [checks] = exportAdmissionPolicies(policyOf(), 36).objects;
  const pods = {
    apiGroups: [''],
    apiVersions: ['v1'],
    resources: ['pods'],
    operations: ['CREATE'],
    scope: 'Namespaced',
  };
  const constraints = endpoint === 'mutate' ? { resourceRules: [pods] } : checks!.spec['matchConstraints'];
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name, labels },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: constraints,
        matchConditions: conditions,
        validations: [{ expression: 'false', message: endpoint }],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name, labels },
      spec: { policyName: name, validationActions: ['Warn'] },
    },
  ];
}

describe.each(Object.entries(POLICIES))('with %s, the webhook is called', (_name, policy) => {
  const { mutate, validate } = buildMatchConditions(policy, { pullSecrets: false, nodes: false, pulls: false });
  beforeAll(async () => install([...probe('mutate', mutate), ...probe('validate', validate)]));
  afterAll(remove);

  test('for every object with which it has something to do, and for few others', { timeout: 240_000 }, async () => {
    const random = createRandom(SEED + 1);
    const large = {
      containers: Array.from({ length: 101 }, (_, at) => ({ name: `c${at}`, image: 'ghcr.io/org/app:1' })),
    };
    const asks = [
      ...listCases().map((each, at) => toCreate(each, 'native-deny', `a${at}`)),
      ...Array.from({ length: Math.ceil(GENERATED / 4) }, (_, at) =>
        toCreate(generateCase(random), 'native-deny', `g${at}`),
      ),
      ...UPDATES.map((each, at) => toUpdate(each, at)),
      ...recordedNames().flatMap((name) => replay(name)),
      toCreate({ kind: 'Pod', spec: large }, 'native-deny', 'large'),
    ];
    const missed: string[] = [];
    const idle = { mutate: 0, validate: 0 };
    const saved = { mutate: 0, validate: 0 };
    for (const { what, native, request } of asks) {
      const { status, warnings, body } = await native();
      // What the conditions cannot evaluate is denied by this policy.
      expect(JSON.stringify(body)).not.toContain('pullguard-called');
      if (status >= 300) continue;
      const work = hasWork(policy, request, {});
      for (const endpoint of ['mutate', 'validate'] as const) {
        const isCalled = warnings.some((warning) => warning.endsWith(`: ${endpoint}`));
        if (work[endpoint] && !isCalled) missed.push(`${endpoint} ${what}`);
        if (!work[endpoint]) idle[endpoint]++;
        if (!work[endpoint] && !isCalled) saved[endpoint]++;
      }
    }
    console.log(
      `of calls with nothing to do saved: /mutate ${saved.mutate} of ${idle.mutate}, /validate ${saved.validate} of ${idle.validate}`,
    );
    expect(missed).toEqual([]);
    expect(saved.mutate / idle.mutate).toBeGreaterThan(0.8);
    expect(saved.validate / idle.validate).toBeGreaterThan(0.4);
  });
});
