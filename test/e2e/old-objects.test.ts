import { expect, test } from 'vitest';
import { useCluster, usePullguard } from './fixture.ts';
import { make } from './objects.ts';

const cluster = useCluster('old-objects');
const { controlPlane, kubectl, call, apply, get } = cluster;

usePullguard(cluster, {
  // From before there was a pullguard: nobody was told that these cannot run.
  prepare: async () => {
    for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet', 'CronJob', 'Job', 'Pod'] as const) {
      await apply(make(kind, 'old', 'NGINX:1.25'));
    }
    await apply(make('Pod', 'old-swr', 'swr.eu-de.otc.t-systems.com/team/app:1'));
    await kubectl('create namespace doomed');
    await kubectl('-n doomed create -f -', { stdin: make('Deployment', 'old', 'NGINX:1.25') });
  },
});

test.each(['deployment', 'statefulset', 'daemonset', 'cronjob', 'job', 'pod'])(
  'a bad %s from before can be labelled and annotated',
  async (kind) => {
    const { code, stderr } = await kubectl(`label ${kind} old team=web`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect((await kubectl(`annotate ${kind} old note=seen`)).code).toBe(0);
    expect((await get(`${kind} old`)).metadata.labels).toMatchObject({ team: 'web' });
  },
);

test.each(['deployment', 'statefulset'])('a bad %s from before can be scaled', async (kind) => {
  const { code, stdout, stderr } = await kubectl(`scale ${kind} old --replicas=0`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('scaled');
  expect((await get(`${kind} old`)).spec.replicas).toBe(0);
  // The other way to scale: the field itself, as an autoscaler or GitOps tool without the subresource does.
  expect((await kubectl(['patch', kind, 'old', '--type=merge', '-p', '{"spec":{"replicas":2}}'])).code).toBe(0);
});

test.each(['deployment', 'statefulset', 'daemonset'])('a bad %s from before can be restarted', async (kind) => {
  const { code, stderr } = await kubectl(`rollout restart ${kind}/old`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('a bad Deployment from before can have its environment changed, and can be paused and resumed', async () => {
  expect(await kubectl('set env deployment/old MODE=fast')).toMatchObject({ code: 0, stderr: '' });
  expect((await kubectl('rollout pause deployment/old')).code).toBe(0);
  expect((await kubectl('rollout resume deployment/old')).code).toBe(0);
});

test('a bad Deployment from before can be mended, and then not be broken again', async () => {
  expect((await kubectl('set image deployment/old app=registry.example.com/app:1')).code).toBe(0);
  const { code, stderr } = await kubectl('set image deployment/old app=NGINX:1.25');
  expect(code).toBe(1);
  expect(stderr).toContain('did you mean "nginx:1.25"?');
});

test('a new bad container beside an old one is refused, and only the new one is named', async () => {
  const containers = [
    { name: 'app', image: 'NGINX:1.25' },
    { name: 'new', image: 'BusyBox' },
  ];
  const { code, stderr } = await kubectl('apply -f -', { stdin: make('StatefulSet', 'old', { containers }) });
  expect(code).toBe(1);
  expect(stderr).toContain('spec.template.spec.containers[1].image: Invalid value: "BusyBox"');
  expect(stderr).not.toContain('"NGINX:1.25"');
});

test('a running pod from SWR without the secret can be labelled: its pull secrets cannot change any more', async () => {
  expect(await kubectl('label pod old-swr team=web')).toMatchObject({ code: 0, stderr: '' });
  expect((await get('pod old-swr')).spec).not.toHaveProperty('imagePullSecrets');
});

test('the status of a bad pod can be written, and its finalizers can be removed while it goes', async () => {
  const finalizers = ['example.com/hold'];
  expect((await call('PATCH', 'pods/old', { metadata: { finalizers } })).status).toBe(200);
  expect((await call('PATCH', 'pods/old/status', { status: { message: 'InvalidImageName' } })).status).toBe(200);
  expect((await kubectl('delete pod old --wait=false')).code).toBe(0);
  expect((await call('PATCH', 'pods/old', { metadata: { finalizers: null } })).status).toBe(200);
  expect((await kubectl('get pod old')).stderr).toContain('NotFound');
});

test('bad objects from before can be deleted', async () => {
  const deleted = await kubectl('delete --wait=false deployment/old statefulset/old daemonset/old cronjob/old job/old');
  expect(deleted).toMatchObject({ code: 0, stderr: '' });
});

test('a namespace with bad objects in it can be deleted', async ({ skip }) => {
  skip(!controlPlane.hasControllers, 'needs kube-controller-manager');
  expect((await kubectl('delete namespace doomed --timeout=20s')).code).toBe(0);
});
