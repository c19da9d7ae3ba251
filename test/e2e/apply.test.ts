import { expect, test } from 'vitest';
import { MIRROR, useCluster, usePullguard } from './fixture.ts';
import { warningsIn } from './kubectl.ts';
import { FAQ_DEPLOYMENT, KINDS, make, type Kind } from './objects.ts';

const cluster = useCluster('apply');
const { controlPlane, kubectl, call, apply, get, getPodOf } = cluster;
usePullguard(cluster);

test('the Deployment of the FAQ is created as it is written, and its author hears where the image will come from', async () => {
  const applied = await apply(FAQ_DEPLOYMENT);
  expect(applied.stdout).toBe('deployment.apps/nginx created\n');
  expect(warningsIn(applied)).toEqual([
    `notice: Deployment/nginx container "nginx": Pods get the mirror's "${MIRROR}/library/nginx" instead of "nginx" (mirror-used)`,
  ]);
  const { spec } = (await get('deployment nginx')).spec.template;
  expect(spec.containers[0]!.image).toBe('nginx');
  expect(spec.imagePullSecrets).toEqual([{ name: 'default-secret' }]);

  expect(warningsIn(await apply(FAQ_DEPLOYMENT)), 'nothing has changed, so nothing is said again').toEqual([]);
});

test('the pod of the FAQ Deployment runs from the mirror, with its pull secret', async ({ skip }) => {
  skip(!controlPlane.hasControllers, 'needs kube-controller-manager');
  const { spec } = await getPodOf('nginx');
  expect(spec.containers[0]!.image).toBe(`${MIRROR}/library/nginx`);
  expect(spec.imagePullSecrets).toEqual([{ name: 'default-secret' }]);
});

test.each(Object.keys(KINDS) as Kind[])(
  'a %s with a bad address is refused, and the intended one suggested',
  async (kind) => {
    const { code, stdout, stderr } = await kubectl('apply -f -', { stdin: make(kind, 'bad', 'NGINX:1.25') });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('admission webhook "validate.pullguard.dev" denied the request: ');
    expect(stderr).toMatch(
      /spec\.containers\[0\]\.image: Invalid value: "NGINX:1\.25": .*; did you mean "nginx:1\.25"\?/,
    );
    expect((await kubectl(`get ${kind} bad`)).stderr).toContain('NotFound');
  },
);

test.each([
  [
    'a scheme',
    'https://swr.eu-de.otc.t-systems.com/team/app:1',
    'did you mean "swr.eu-de.otc.t-systems.com/team/app:1"?',
  ],
  ['white space', ' nginx:1.25', 'did you mean "nginx:1.25"?'],
  ['a placeholder', 'registry.example.com/app:${TAG}', 'placeholder "${TAG}" was not replaced'],
])('a Deployment whose image has %s is refused in words', async (_slip, image, words) => {
  const { code, stderr } = await kubectl('apply -f -', { stdin: make('Deployment', 'bad', image) });
  expect(code).toBe(1);
  expect(stderr).toContain(words);
});

test('credentials in an address are refused and do not get into the output', async () => {
  const image = 'me:hunter2@registry.example.com/app:1';
  const { code, stderr } = await kubectl('create -f -', { stdin: make('Deployment', 'bad', image) });
  expect(code).toBe(1);
  expect(stderr).toContain('did you mean "registry.example.com/app:1"?');
  expect(stderr).not.toContain('hunter2');
});

test('a bad address in an init container is refused', async () => {
  const containers = [{ name: 'app', image: 'registry.example.com/app:1' }];
  const spec = { containers, initContainers: [{ name: 'init', image: 'BusyBox' }] };
  const { code, stderr } = await kubectl('apply -f -', { stdin: make('StatefulSet', 'bad', spec) });
  expect(code).toBe(1);
  expect(stderr).toContain('spec.template.spec.initContainers[0].image: Invalid value: "BusyBox"');
});

test('a bad address in an image volume is refused, and a Docker Hub one moved to the mirror', async ({ skip }) => {
  skip(controlPlane.minor < 31, 'image volumes came with Kubernetes 1.31');
  const withVolume = (reference: string) => ({
    containers: [{ name: 'app', image: 'registry.example.com/app:1' }],
    volumes: [{ name: 'data', image: { reference } }],
  });
  const refused = await kubectl('apply -f -', { stdin: make('Pod', 'volume', withVolume('nginx:1.25:latest')) });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('spec.volumes[0].image.reference: Invalid value');
  await apply(make('Pod', 'volume', withVolume('nginx:1.25')));
  const { spec } = await get('pod volume');
  expect(spec.volumes).toContainEqual(
    expect.objectContaining({
      image: expect.objectContaining({ reference: `${MIRROR}/library/nginx:1.25` }) as object,
    }),
  );
  expect(spec.imagePullSecrets).toEqual([{ name: 'default-secret' }]);
});

test('of a list of manifests only the bad one is refused', async () => {
  const items = [make('Deployment', 'list-good', 'registry.example.com/a:1'), make('Deployment', 'list-bad', 'A:1')];
  const { code, stdout, stderr } = await kubectl('apply -f -', { stdin: { apiVersion: 'v1', kind: 'List', items } });
  expect(code).toBe(1);
  expect(stdout).toBe('deployment.apps/list-good created\n');
  expect(stderr).toContain('did you mean "a:1"?');
});

test('kubectl set image to a bad address is refused and changes nothing, to a good one it works', async () => {
  await apply(make('Deployment', 'set-image', 'registry.example.com/app:1'));
  const bad = await kubectl('set image deployment/set-image app=registry.example.com/App:1');
  expect(bad.code).toBe(1);
  expect(bad.stderr).toContain('did you mean "registry.example.com/app:1"?');
  expect((await get('deployment set-image')).spec.template.spec.containers[0]!.image).toBe(
    'registry.example.com/app:1',
  );

  const good = await kubectl('set image deployment/set-image app=nginx:1.25');
  expect(good).toMatchObject({ code: 0, stdout: 'deployment.apps/set-image image updated\n' });
  expect(warningsIn(good)).toHaveLength(2);
});

test('a server-side dry run says the same as the real thing and changes nothing', async () => {
  const refused = await kubectl('apply --dry-run=server -f -', { stdin: make('Deployment', 'dry', 'NGINX') });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('did you mean "nginx"?');

  const dry = await apply(make('Deployment', 'dry', 'nginx'), '--dry-run=server');
  expect(dry.stdout).toBe('deployment.apps/dry created (server dry run)\n');
  expect((await kubectl('get deployment dry')).stderr).toContain('NotFound');
  expect(warningsIn(dry)).toEqual(warningsIn(await apply(make('Deployment', 'dry', 'nginx'))));
  expect(warningsIn(dry)).toHaveLength(2);

  const pod = await kubectl('apply --dry-run=server -o json -f -', { stdin: make('Pod', 'dry', 'nginx') });
  expect(pod.stdout).toContain(`"image": "${MIRROR}/library/nginx"`);
  expect((await kubectl('get pod dry')).stderr).toContain('NotFound');
});

test('server-side apply is judged as well, and applying again does not conflict', async () => {
  const refused = await kubectl('apply --server-side -f -', { stdin: make('Deployment', 'ssa', 'NGINX') });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('did you mean "nginx"?');

  const applied = await apply(make('Deployment', 'ssa', 'nginx'), '--server-side');
  expect(applied.stdout).toBe('deployment.apps/ssa serverside-applied\n');
  expect(warningsIn(applied)).toHaveLength(2);
  await apply(make('Deployment', 'ssa', 'nginx:1.25'), '--server-side');
});

test('a CronJob is told about, its Job is not judged again, and kubectl create job --from works', async ({ skip }) => {
  const applied = await apply(make('CronJob', 'nightly', 'nginx'));
  expect(warningsIn(applied)).toHaveLength(2);
  const { code, stdout } = await kubectl('create job nightly-now --from=cronjob/nightly');
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'job.batch/nightly-now created\n' });
  skip(!controlPlane.hasControllers, 'needs kube-controller-manager');
  expect((await getPodOf('nightly')).spec.containers[0]!.image).toBe(`${MIRROR}/library/nginx`);
});

test('the Jobs that a CronJob makes get pods with mirror and pull secret', async ({ skip }) => {
  skip(!controlPlane.hasControllers, 'needs kube-controller-manager');
  await apply(make('CronJob', 'yearly', 'nginx'));
  // As if it had last run two years ago: its controller makes up for what was missed.
  const lastScheduleTime = new Date(Date.now() - 2 * 366 * 24 * 3600 * 1000).toISOString().replace(/\.\d+/, '');
  expect((await call('PATCH', 'cronjobs/yearly/status', { status: { lastScheduleTime } })).status).toBe(200);
  const { spec } = await getPodOf('yearly');
  expect(spec.containers[0]!.image).toBe(`${MIRROR}/library/nginx`);
  expect(spec.imagePullSecrets).toEqual([{ name: 'default-secret' }]);
});

test('everything can be deleted', async () => {
  const { code, stderr } = await kubectl(
    'delete --all --wait=false deployments,replicasets,daemonsets,statefulsets,jobs,cronjobs,pods,podtemplates,replicationcontrollers',
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
