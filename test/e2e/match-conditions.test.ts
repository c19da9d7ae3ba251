import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareWithOld } from '../../src/engine/evaluate.ts';
import { defaultPolicy } from '../../src/rules/policy.ts';
import { findKind } from '../../src/workload/kinds.ts';
import { readWorkloads } from '../../src/workload/workload.ts';
import { findTrouble, POLICY, unregister, useCluster } from './fixture.ts';
import { startInCluster } from './in-cluster.ts';
import { installManifests, readMetrics } from './install.ts';
import type { Pullguard } from './pullguard-process.ts';
import { isWebhookConfiguration, MANIFESTS, renderManifests } from './webhooks.ts';

const cluster = useCluster('conditions');
const { controlPlane, kubectl, call, apply } = cluster;

let pullguard: Pullguard;
let logBefore = 0;

beforeAll(async () => {
  await installManifests(cluster);
  pullguard = await startInCluster(cluster, { policy: POLICY });
  logBefore = readFileSync(controlPlane.apiServerLog).length;
  const folder = join(controlPlane.folder, 'match-conditions');
  mkdirSync(join(folder, 'deploy'), { recursive: true });
  cpSync(MANIFESTS, join(folder, 'manifests'), { recursive: true });
  const kustomization = 'resources: [../manifests/base]\ncomponents: [../manifests/components/match-conditions]\n';
  writeFileSync(join(folder, 'deploy/kustomization.yaml'), kustomization);
  const built = (await renderManifests(kubectl, relative(MANIFESTS, join(folder, 'deploy')))).filter(
    isWebhookConfiguration,
  );
  const matchConditions = built.flatMap(({ webhooks }) =>
    webhooks.flatMap((each) => (each as { matchConditions?: unknown }).matchConditions ?? []),
  );
  expect(matchConditions).toHaveLength(1);
  const patch = JSON.stringify([{ op: 'add', path: '/webhooks/0/matchConditions', value: matchConditions }]);
  const patched = await kubectl([
    'patch',
    'validatingwebhookconfiguration',
    'pullguard',
    '--type=json',
    '--patch',
    patch,
  ]);
  expect(patched).toMatchObject({ code: 0, stderr: '' });
}, 120_000);

afterAll(async () => {
  await unregister(cluster);
  await pullguard.stop();
  expect(findTrouble(controlPlane, logBefore)).toEqual([]);
});

/** Of a kind alone, as controllers answer an update with objects of others. */
async function countCalls(kind: string): Promise<number> {
  const pattern = new RegExp(
    `^pullguard_admission_requests_total\\{endpoint="validate",kind="${kind}".*\\} (\\d+)$`,
    'gm',
  );
  const lines = (await readMetrics(pullguard)).matchAll(pattern);
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

type Spec = Record<string, unknown> & { containers: Record<string, unknown>[] };

const SPEC: Spec = {
  serviceAccountName: 'default',
  imagePullSecrets: [{ name: 'one' }],
  initContainers: [{ name: 'init', image: 'registry.example.com/init:1' }],
  containers: [{ name: 'app', image: 'registry.example.com/app:1', imagePullPolicy: 'Always' }],
};

const [APP] = SPEC.containers;

/** What an update changes in a Pod spec, and whether pullguard has anything to check then. */
const CHANGES: readonly [what: string, change: Partial<Spec>, isChecked: boolean][] = [
  ['nothing', {}, false],
  ['a variable', { containers: [{ ...APP, env: [{ name: 'A', value: 'b' }] }] }, false],
  ['a label of nodes', { nodeSelector: { a: 'b' } }, false],
  ['another pull policy that pulls', { containers: [{ ...APP, imagePullPolicy: 'IfNotPresent' }] }, false],
  ['an image', { containers: [{ ...APP, image: 'registry.example.com/app:2' }] }, true],
  ['an init image', { initContainers: [{ name: 'init', image: 'registry.example.com/init:2' }] }, true],
  ['the name of a container', { containers: [{ ...APP, name: 'other' }] }, true],
  ['one container more', { containers: [APP!, { name: 'more', image: 'registry.example.com/app:1' }] }, true],
  ['a pull secret', { imagePullSecrets: [{ name: 'two' }] }, true],
  ['one pull secret more', { imagePullSecrets: [{ name: 'one' }, { name: 'two' }] }, true],
  ['no pull secret', { imagePullSecrets: [] }, true],
  ['the ServiceAccount', { serviceAccountName: 'other' }, true],
];

/** As much as a condition looks at. */
const LARGE: Spec = {
  containers: Array.from({ length: 100 }, (_, at) => ({
    name: `app-${at}`,
    image: `registry.example.com/${'a'.repeat(250)}:${at}`,
  })),
};
const LONG: Spec = {
  containers: [{ name: 'app', image: `registry.example.com/${'a'.repeat(200)}:${'b'.repeat(120)}` }],
};
const MANY: Spec = { containers: [...LARGE.containers, { name: 'more', image: 'a:1' }] };

const never = { containers: [{ ...APP, imagePullPolicy: 'Never' }] };

function wrap(kind: string, name: string, spec: object): object {
  const metadata = { name };
  const labels = { app: name };
  const template = { metadata: { labels }, spec };
  if (kind === 'CronJob') {
    const job = { template: { ...template, spec: { ...spec, restartPolicy: 'Never' } } };
    return {
      apiVersion: 'batch/v1',
      kind,
      metadata,
      spec: { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: job } },
    };
  }
  if (kind === 'PodTemplate') return { apiVersion: 'v1', kind, metadata, template };
  return { apiVersion: 'apps/v1', kind, metadata, spec: { replicas: 0, selector: { matchLabels: labels }, template } };
}

const KINDS = ['Deployment', 'StatefulSet', 'CronJob', 'PodTemplate'];

const CASES = KINDS.flatMap((kind) => [
  ...CHANGES.map(([what, change, isChecked]) => [kind, what, SPEC, { ...SPEC, ...change }, isChecked] as const),
  [kind, 'an image that is pulled now', { ...SPEC, ...never }, SPEC, true] as const,
  [kind, 'an image that is not pulled any more', SPEC, { ...SPEC, ...never }, 'for nothing'] as const,
  [kind, 'a label of nodes of a large object', LARGE, { ...LARGE, nodeSelector: { a: 'b' } }, false] as const,
  [
    kind,
    'the last image of a large object',
    LARGE,
    { containers: [...LARGE.containers.slice(1), APP!] },
    true,
  ] as const,
  [
    kind,
    'a label of nodes of too many containers',
    MANY,
    { ...MANY, nodeSelector: { a: 'b' } },
    'for nothing',
  ] as const,
  [kind, 'a label of nodes with a long image', LONG, { ...LONG, nodeSelector: { a: 'b' } }, 'for nothing'] as const,
]);

test.for(CASES.map((each, at) => [...each, `update-${at}`] as const))(
  '%s: an update of %s',
  async ([kind, , before, after, isChecked, name]) => {
    const [old, changed] = [before, after].map((spec) => wrap(kind, name, spec));
    await apply(old!);
    const path = `${RESOURCES[kind]!}/${name}`;
    const read = async (): Promise<object> => (await call('GET', path)).body as object;
    const stored = await read();
    const calls = await countCalls(kind);
    await apply(changed!, '--server-side', '--force-conflicts', '--field-manager=test');
    const called = (await countCalls(kind)) - calls;
    const judged = isJudged(kind, stored, await read());
    expect([judged, called > 0]).toEqual([isChecked === true, isChecked !== false]);
  },
);

const RESOURCES: Readonly<Record<string, string>> = {
  Deployment: '/apis/apps/v1/namespaces/conditions/deployments',
  StatefulSet: '/apis/apps/v1/namespaces/conditions/statefulsets',
  CronJob: '/apis/batch/v1/namespaces/conditions/cronjobs',
  PodTemplate: '/api/v1/namespaces/conditions/podtemplates',
};

/** Whether pullguard checks any image because of an update. */
function isJudged(kindName: string, oldObject: object, object: object): boolean {
  const group = { CronJob: 'batch', PodTemplate: '' }[kindName] ?? 'apps';
  const kind = findKind(defaultPolicy().kinds, group, kindName)!;
  const [old, changed] = [oldObject, object].map((each) => readWorkloads(each, kind, 'conditions', () => false));
  const isInScope = compareWithOld(old!, changed!);
  return changed!.some((workload) =>
    workload.images.some((image) => isInScope(image, workload, 'images') || isInScope(image, workload, 'pull-secrets')),
  );
}
