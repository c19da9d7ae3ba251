import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MIRROR, POLICY, unregister, useCluster } from './fixture.ts';
import { startInCluster } from './in-cluster.ts';
import { installManifests, readMetrics } from './install.ts';
import { warningsIn } from './kubectl.ts';
import { make, makePullSecret, type PodSpec } from './objects.ts';
import { waitFor } from './processes.ts';
import { isErrorLine, startPullguard, type Pullguard } from './pullguard-process.ts';

const cluster = useCluster('facts');
const { controlPlane, kubectl, apply, call, get, getPodOf } = cluster;

let pullguard: Pullguard;

beforeAll(async () => {
  await installManifests(cluster);
  pullguard = await startInCluster(cluster, { policy: POLICY });
});

afterAll(async () => {
  await unregister(cluster);
  await pullguard.stop();
  expect(pullguard.readLog().filter(isErrorLine), 'errors in the log of pullguard').toEqual([]);
});

const SWR = 'swr.eu-de.otc.t-systems.com';
const IMAGE = `${SWR}/team/app:1`;

/** The pull secret that CCE keeps in every namespace, as it makes it. */
function defaultSecret(metadata: object): object {
  return makePullSecret('default-secret', SWR, 'user:password', metadata);
}

const DEFAULT_SECRET = defaultSecret({ labels: { 'secret-generated-by': 'cce' } });

let made = 0;

/** The warnings of pullguard for a new Deployment that nothing comes of. */
async function warnedOf(spec: PodSpec | string, namespace = 'facts'): Promise<readonly string[]> {
  made += 1;
  const object = make('Deployment', `warned-${made}`, spec);
  const { warnings } = await call('POST', `/apis/apps/v1/namespaces/${namespace}/deployments?dryRun=All`, object);
  return warnings;
}

async function expectWarnings(spec: PodSpec | string, expected: readonly RegExp[], namespace?: string): Promise<void> {
  // What is known follows the cluster by a moment.
  await waitFor(async () => (await warnedOf(spec, namespace)).length === expected.length, 5);
  expect(await warnedOf(spec, namespace)).toEqual(expected.map((text) => expect.stringMatching(text) as string));
}

test('the rights that the manifests give it are enough to know the cluster', async () => {
  const known = async (): Promise<boolean> =>
    (await readMetrics(pullguard)).match(/^pullguard_facts_age_seconds/gm)?.length === 3;
  expect(await waitFor(known), 'all three facts are known').toBe(true);
});

test('all pull secrets are known where it is told and allowed to look at them', async () => {
  await apply(makePullSecret('all', 'harbor.example.com'));
  const flags = [`--kubeconfig=${controlPlane.kubeconfig}`, '--secrets=all'];
  const { stop, ...other } = await startPullguard(controlPlane.folder, { policy: POLICY, flags });
  const known = async (): Promise<boolean> =>
    /^pullguard_facts_objects\{fact="pullSecrets"\} [1-9]/m.test(await readMetrics({ stop, ...other }));
  expect(await waitFor(known)).toBe(true);
  expect(await stop()).toBe(0);
  await kubectl('delete secret all');
});

describe('a pull secret', () => {
  test('that is not there is told, and no longer once it is', async () => {
    await expectWarnings(IMAGE, [
      /imagePullSecret "default-secret"/,
      /"default-secret".*not found.*\(pull-secret-usable\)$/,
    ]);
    await apply(DEFAULT_SECRET);
    await expectWarnings(IMAGE, [/Pods get imagePullSecret "default-secret"/]);
    await kubectl('delete secret default-secret');
    await expectWarnings(IMAGE, [/imagePullSecret "default-secret"/, /not found/]);
  });

  test.each<[string, object, RegExp]>([
    ['for another registry', makePullSecret('default-secret', 'harbor.example.com'), /"harbor\.example\.com"/],
    [
      'that has expired',
      defaultSecret({ annotations: { 'swr-auth-may-expires-at': '2021-11-26 20:55:31.380909 +0000 UTC' } }),
      /expired/,
    ],
    [
      'of another type',
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'default-secret' }, stringData: { a: 'b' } },
      /Opaque/,
    ],
  ])('%s is told', async (_, secret, expected) => {
    await apply(secret);
    await expectWarnings(
      { containers: [{ name: 'app', image: IMAGE }], imagePullSecrets: [{ name: 'default-secret' }] },
      [expected],
    );
    await kubectl('delete secret default-secret');
  });
});

describe('a service account', () => {
  beforeAll(async () => {
    await apply(DEFAULT_SECRET);
    await apply({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'builder' },
      imagePullSecrets: [{ name: 'third' }],
    });
    await apply({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'ready' },
      imagePullSecrets: [{ name: 'default-secret' }],
    });
    await apply({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'strict', annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } },
    });
  });

  const spec = (serviceAccountName: string, ...secrets: readonly string[]): PodSpec => ({
    containers: [{ name: 'app', image: IMAGE }],
    serviceAccountName,
    ...(secrets.length > 0 && { imagePullSecrets: secrets.map((name) => ({ name })) }),
  });

  test('whose secrets a template shadows is told of, with the secrets that its pods will lose', async () => {
    await expectWarnings(spec('builder', 'default-secret'), [/"builder".*"third".*\(service-account-secrets-kept\)$/]);
  });

  test('that names the pull secret is enough for a template, and its pods have it', async () => {
    await expectWarnings(spec('ready'), []);
    await apply(make('Pod', 'ready', spec('ready')));
    expect((await get('pod ready')).spec.imagePullSecrets).toEqual([{ name: 'default-secret' }]);
  });

  test('that allows only its own secrets gets none that would have its pods refused', async () => {
    const applied = await apply(make('Pod', 'strict', spec('strict')));
    expect(applied.stdout).toBe('pod/strict created\n');
    expect(warningsIn(applied).join('\n')).toMatch(/ServiceAccount "strict"/);
    expect((await get('pod strict')).spec.imagePullSecrets ?? []).toEqual([]);
  });
});

describe('a namespace with the label', () => {
  async function applyBad(namespace: string, label: string): Promise<Awaited<ReturnType<typeof kubectl>>> {
    await kubectl(`create namespace ${namespace}`);
    await kubectl(`label namespace ${namespace} ${label}`);
    const object = { ...make('Deployment', 'bad', 'NGINX:1.25'), metadata: { name: 'bad', namespace } };
    const dryRun = async (): ReturnType<typeof kubectl> =>
      kubectl(['apply', '-n', namespace, '--dry-run=server', '-f', '-'], { stdin: object });
    const isLimited = async (): Promise<boolean> => (await dryRun()).code === 0;
    // What is known follows the cluster by a moment.
    await waitFor(isLimited, 3);
    return dryRun();
  }

  test.each([
    ['off', 0, /^$/],
    ['audit', 0, /^$/],
    ['warn', 0, /^Warning: Deployment\/bad .*\(reference-valid\)\n$/],
    ['deny', 1, /denied the request/],
    ['enforce', 1, /denied the request/],
  ] as const)('mode=%s', async (mode, code, stderr) => {
    expect(await applyBad(`mode-${mode}`, `pullguard.dev/mode=${mode}`)).toMatchObject({
      code,
      stderr: expect.stringMatching(stderr) as string,
    });
  });

  test('fix=false keeps its pods as they are', async () => {
    await kubectl('create namespace unfixed');
    await kubectl('label namespace unfixed pullguard.dev/fix=false');
    const path = '/api/v1/namespaces/unfixed/pods?dryRun=All';
    await waitFor(async () => (await kubectl('-n unfixed get serviceaccount default')).code === 0);
    const isLimited = async (): Promise<boolean> => {
      const { body } = await call('POST', path, make('Pod', 'web', 'nginx'));
      return (body as { spec: PodSpec }).spec.containers[0]?.image === 'nginx';
    };
    expect(await waitFor(isLimited, 5)).toBe(true);
  });

  test('that nobody knows is told to who sets it, and taken for deny', async () => {
    await kubectl('create namespace typo');
    const { code, stderr } = await kubectl('label namespace typo pullguard.dev/mode=enforced');
    expect(code).toBe(0);
    expect(stderr).toContain('"enforced": unknown mode, treated as deny: use off, audit, warn or deny');
  });
});

describe('what was denied and fixed', () => {
  type Event = Readonly<{
    reason: string;
    count: number;
    type: string;
    message: string;
    involvedObject: { kind: string; name: string };
    source: { component?: string };
  }>;
  const eventsOf = async (kind: string): Promise<readonly Event[]> =>
    (await get<{ items: Event[] }>('events')).items.filter(
      ({ involvedObject, source }) => involvedObject.kind === kind && source.component === 'pullguard',
    );

  test.runIf(controlPlane.hasControllers)(
    'is one Event for its owner and rule, however many pods it is about',
    async () => {
      await apply({
        ...make('Deployment', 'fixed', 'nginx:1.25'),
        spec: { ...(make('Deployment', 'fixed', 'nginx:1.25') as { spec: object }).spec, replicas: 5 },
      });
      const pod = await getPodOf('fixed');
      expect(pod.spec.containers[0]?.image).toBe(`${MIRROR}/library/nginx:1.25`);
      expect(await waitFor(async () => (await eventsOf('ReplicaSet')).length >= 2, 10), 'Events are written').toBe(
        true,
      );
      const events = await eventsOf('ReplicaSet');
      // One for each of the two rules that fixed its pods.
      expect(events).toHaveLength(2);
      expect(events.map(({ count }) => count)).toEqual([5, 5]);
    },
  );

  test('a dry run leaves none', async () => {
    const before = (await eventsOf('Deployment')).length;
    await kubectl('apply --dry-run=server -f -', { stdin: make('Deployment', 'dry', 'NGINX:1.25') });
    expect((await kubectl('apply -f -', { stdin: make('Deployment', 'wet', 'NGINX:1.25') })).code).toBe(1);
    expect(await waitFor(async () => (await eventsOf('Deployment')).length > before, 10)).toBe(true);
    expect((await eventsOf('Deployment')).map(({ involvedObject }) => involvedObject.name)).toEqual(['wet']);
  });
});
