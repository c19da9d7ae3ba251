import { beforeAll, describe, expect, test } from 'vitest';
import { MIRROR, useCluster, usePullguard, type Stored } from './fixture.ts';
import { warningsIn } from './kubectl.ts';
import { make } from './objects.ts';

const SWR_IMAGE = 'swr.eu-de.otc.t-systems.com/team/app:1';

const cluster = useCluster('pods');
const { controlPlane, kubectl, call, apply, get, getPodOf } = cluster;
usePullguard(cluster);

beforeAll(async () => {
  await apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'builder' },
    imagePullSecrets: [{ name: 'third' }],
  });
});

test('a pod from SWR gets default-secret, and whoever creates it hears so', async () => {
  const applied = await apply(make('Pod', 'swr', SWR_IMAGE));
  expect(warningsIn(applied)).toEqual([
    `notice: Pod/swr container "app": added imagePullSecret "default-secret" (needed by "${SWR_IMAGE}") (pull-secret-present)`,
  ]);
  const { spec } = await get('pod swr');
  expect(spec.imagePullSecrets).toEqual([{ name: 'default-secret' }]);
  expect(spec.containers[0]!.image).toBe(SWR_IMAGE);
});

describe('a service account with a pull secret of its own', () => {
  test('a pod keeps that secret, first, and gets default-secret after it', async () => {
    const containers = [{ name: 'app', image: SWR_IMAGE }];
    await apply(make('Pod', 'both', { containers, serviceAccountName: 'builder' }));
    expect((await get('pod both')).spec.imagePullSecrets).toEqual([{ name: 'third' }, { name: 'default-secret' }]);
  });

  test('a Deployment makes pods with both, and its template stays without any', async ({ skip }) => {
    const containers = [{ name: 'app', image: 'nginx' }];
    await apply(make('Deployment', 'both-deployed', { containers, serviceAccountName: 'builder' }));
    expect((await get('deployment both-deployed')).spec.template.spec).not.toHaveProperty('imagePullSecrets');
    skip(!controlPlane.hasControllers, 'needs kube-controller-manager');
    const { spec } = await getPodOf('both-deployed');
    expect(spec.imagePullSecrets).toEqual([{ name: 'third' }, { name: 'default-secret' }]);
    expect(spec.containers[0]!.image).toBe(`${MIRROR}/library/nginx`);
  });
});

test('a pod that names default-secret and uses the mirror is left as it is, without a word', async () => {
  const containers = [{ name: 'app', image: `${MIRROR}/library/nginx:1.25` }];
  const imagePullSecrets = [{ name: 'first' }, { name: 'default-secret' }, { name: 'last' }];
  const applied = await apply(make('Pod', 'complete', { containers, imagePullSecrets }));
  expect(applied.stderr).toBe('');
  const { spec } = await get('pod complete');
  expect(spec.imagePullSecrets).toEqual(imagePullSecrets);
  expect(spec.containers[0]!.image).toBe(containers[0]!.image);
});

test('images of other registries are left as they are', async () => {
  const applied = await apply(make('Pod', 'other', 'registry.example.com:5000/team/app:1'));
  expect(applied.stderr).toBe('');
  expect((await get('pod other')).spec).not.toHaveProperty('imagePullSecrets');
});

test('tag and digest both survive the move to the mirror, in init containers too', async () => {
  const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
  const containers = [{ name: 'app', image: `bitnami/nginx:1.25@${digest}` }];
  const initContainers = [{ name: 'init', image: 'index.docker.io/library/busybox:1.36' }];
  await apply(make('Pod', 'digest', { containers, initContainers }));
  const { spec } = await get('pod digest');
  expect(spec.containers[0]!.image).toBe(`${MIRROR}/bitnami/nginx:1.25@${digest}`);
  expect(spec.initContainers![0]!.image).toBe(`${MIRROR}/library/busybox:1.36`);
});

test('an image that is never pulled keeps the name it was loaded under', async () => {
  const containers = [{ name: 'app', image: 'loaded:1', imagePullPolicy: 'Never' }];
  expect((await apply(make('Pod', 'never', { containers }))).stderr).toBe('');
  expect((await get('pod never')).spec.containers[0]!.image).toBe('loaded:1');
});

test('a pod whose name the API server generates is fixed as well', async () => {
  const metadata = { generateName: 'generated-' };
  const created = await kubectl('create -f - -o json', { stdin: { ...make('Pod', 'any', 'nginx'), metadata } });
  expect(created.code).toBe(0);
  const { metadata: stored, spec } = JSON.parse(created.stdout) as Stored;
  expect(stored.name).toMatch(/^generated-\w+$/);
  expect(spec.containers[0]!.image).toBe(`${MIRROR}/library/nginx`);
  expect(spec.imagePullSecrets).toEqual([{ name: 'default-secret' }]);
  const warnings = warningsIn(created);
  expect(warnings).toHaveLength(2);
  for (const warning of warnings) expect(warning).toMatch(/^notice: Pod\/generated-(?:\*|\w+) container "app": /);
});

test('kube-system is not touched, whatever its pods are', async () => {
  for (const [name, image] of Object.entries({ swr: SWR_IMAGE, hub: 'nginx', bad: 'NGINX:1.25' })) {
    const { code, stderr } = await kubectl('-n kube-system create -f -', { stdin: make('Pod', name, image) });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { spec } = await get(`-n kube-system pod ${name}`);
    expect(spec.containers[0]!.image).toBe(image);
    expect(spec).not.toHaveProperty('imagePullSecrets');
  }
});

test('a static pod shows up: it may not name secrets, so it is given none', async () => {
  const containers = [{ name: 'app', image: SWR_IMAGE }];
  const mirrored = make('Pod', 'static', { containers, nodeName: 'node-1' }) as { metadata: object };
  const annotations = { 'kubernetes.io/config.mirror': 'checksum' };
  await apply({ ...mirrored, metadata: { ...mirrored.metadata, annotations } });
  expect((await get('pod static')).spec).not.toHaveProperty('imagePullSecrets');
});

test('pods are bound to nodes and evicted from them', async () => {
  await apply(make('Pod', 'bound', 'nginx'));
  const binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'bound' },
    target: { kind: 'Node', name: 'node-1' },
  };
  expect((await call('POST', 'pods/bound/binding', binding)).status).toBe(201);
  expect((await get('pod bound')).spec.nodeName).toBe('node-1');

  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'bound' } };
  expect((await call('POST', 'pods/bound/eviction', eviction)).status).toBe(201);
  // It waits for a kubelet to end it; meanwhile it can still be changed.
  const labelled = await kubectl('label pod bound stuck=yes');
  expect(labelled).toMatchObject({ code: 0, stderr: '' });
});

test('a pod that is applied again is not refused, and its author hears that it leaves the mirror', async () => {
  await apply(make('Pod', 'twice', 'nginx:1.25'));
  const again = await apply(make('Pod', 'twice', 'nginx:1.25'));
  const [warning, ...others] = warningsIn(again);
  expect(warning).toBe(
    `Pod/twice container "app": "nginx:1.25": image comes from docker.io, which has a mirror: use "${MIRROR}/library/nginx:1.25" (mirror-used)`,
  );
  expect(others).toEqual([]);
});

test('kubectl set image on a pod to a bad address is refused', async () => {
  await apply(make('Pod', 'set-image', 'registry.example.com/app:1'));
  const { code, stderr } = await kubectl('set image pod/set-image app=registry.example.com/App:2');
  expect(code).toBe(1);
  expect(stderr).toContain('did you mean "registry.example.com/app:2"?');
});

test('kubectl run works', async () => {
  const run = await kubectl('run quick --image=nginx');
  expect(run).toMatchObject({ code: 0, stdout: 'pod/quick created\n' });
  expect(warningsIn(run)).toHaveLength(2);
  expect((await get('pod quick')).spec.containers[0]!.image).toBe(`${MIRROR}/library/nginx`);
});
