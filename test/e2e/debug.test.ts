import { beforeAll, expect, test } from 'vitest';
import { MIRROR, useCluster, usePullguard } from './fixture.ts';
import { warningsIn } from './kubectl.ts';
import { make } from './objects.ts';

const cluster = useCluster('debug');
const { namespace, kubectl, apply, get } = cluster;

usePullguard(cluster, {
  prepare: async () => {
    await apply(make('Pod', 'old-bad', 'NGINX:1.25'));
  },
});

beforeAll(async () => {
  await apply(make('Pod', 'web', 'registry.example.com/app:1'));
});

test('kubectl debug with an image of Docker Hub works, and says that the mirror has it', async () => {
  const debug = await kubectl('debug web --image=busybox --container=first -- sleep 1');
  expect(debug.code, debug.stderr).toBe(0);
  expect(warningsIn(debug)).toEqual([
    `Pod/web ephemeral container "first": "busybox": image comes from docker.io, which has a mirror: use "${MIRROR}/library/busybox" (mirror-used)`,
  ]);
  const { spec } = await get('pod web');
  expect(spec.ephemeralContainers).toMatchObject([{ name: 'first', image: 'busybox' }]);
});

test('a second kubectl debug is judged as well, and what the first brought is not told again', async () => {
  const debug = await kubectl('debug web --image=alpine --container=second -- sleep 1');
  expect(debug.code, debug.stderr).toBe(0);
  expect(warningsIn(debug)).toEqual([expect.stringContaining('ephemeral container "second": "alpine"')]);
  expect((await get('pod web')).spec.ephemeralContainers).toHaveLength(2);
});

test('an ephemeral container with a bad address is refused with the intended one', async () => {
  // kubectl debug of some versions looks at the address itself, so this is what it would send.
  const pod = await get('pod web');
  const added = { name: 'third', image: 'BusyBox', terminationMessagePolicy: 'File' };
  const ephemeralContainers = [...pod.spec.ephemeralContainers!, added];
  const { code, stderr } = await kubectl(
    `replace --raw /api/v1/namespaces/${namespace}/pods/web/ephemeralcontainers -f -`,
    { stdin: { ...pod, spec: { ...pod.spec, ephemeralContainers } } },
  );
  expect(code).toBe(1);
  expect(stderr).toContain('spec.ephemeralContainers[2].image: Invalid value: "BusyBox"');
  expect(stderr).toContain('did you mean "busybox"?');

  expect((await kubectl('debug web --image=BusyBox --container=third -- sleep 1')).code).toBe(1);
  expect((await get('pod web')).spec.ephemeralContainers).toHaveLength(2);
});

test('a pod whose own image is bad can be debugged: that is when it is needed', async () => {
  const debug = await kubectl(`debug old-bad --image=${MIRROR}/library/busybox --container=look -- sleep 1`);
  expect(debug.code, debug.stderr).toBe(0);
});

test('kubectl debug --copy-to makes a copy that is fixed like any pod', async () => {
  const debug = await kubectl('debug web --copy-to=web-copy --image=busybox --container=look -- sleep 1');
  expect(debug.code, debug.stderr).toBe(0);
  const { spec } = await get('pod web-copy');
  expect(spec.containers.find(({ name }) => name === 'look')?.image).toBe(`${MIRROR}/library/busybox`);
  expect(spec.imagePullSecrets).toEqual([{ name: 'default-secret' }]);
});
