import { afterAll, beforeAll, expect, test } from 'vitest';
import { MIRROR, POLICY, useCluster, usePullguard } from './fixture.ts';
import { warningsIn } from './kubectl.ts';
import { make } from './objects.ts';
import { waitFor } from './processes.ts';
import { startPullguard, type Pullguard } from './pullguard-process.ts';
import { isWebhookConfiguration, pointAt, renderManifests } from './webhooks.ts';

const cluster = useCluster('reinvocation');
const { controlPlane, kubectl, call, apply, get } = cluster;
usePullguard(cluster, {
  // A webhook is not told that it is called again. The audit log keeps its annotations of the first call; what it fixed
  // the second time is in its own log.
  tolerated: /mutate\.pullguard\.dev: admission annotations are not allowe?d to be overwritten/,
});

/** Stands for somebody else's webhook: it is called after pullguard and moves images to Docker Hub. */
let later: Pullguard;

beforeAll(async () => {
  const mirrors = [{ from: 'quay.io', to: 'docker.io/from-quay' }];
  const registries = [{ hosts: ['docker.io'], pullSecret: 'docker-hub' }];
  later = await startPullguard(controlPlane.folder, { policy: { ...POLICY, mirrors, registries } });
  const manifests = await renderManifests(kubectl, '.');
  const mutating = manifests.filter(isWebhookConfiguration).find(({ kind }) => kind.startsWith('Mutating'))!;
  await apply(pointAt(mutating, { ...later, name: 'z-later.example.com' }));
  const isAsked = async (): Promise<boolean> => {
    const { body } = await call('POST', 'pods?dryRun=All', make('Pod', 'probe', 'quay.io/probe'));
    return JSON.stringify(body).includes('from-quay');
  };
  expect(await waitFor(isAsked)).toBe(true);
});

afterAll(async () => {
  await kubectl('delete mutatingwebhookconfiguration z-later.example.com');
  await later.stop();
});

test('what a later webhook puts into a pod is fixed as well, and what was fixed is not fixed twice', async () => {
  const containers = [
    { name: 'hub', image: 'nginx' },
    { name: 'quay', image: 'quay.io/team/app:1' },
  ];
  const applied = await apply(make('Pod', 'web', { containers }));
  const { spec } = await get('pod web');
  expect(spec.containers.map(({ image }) => image)).toEqual([
    `${MIRROR}/library/nginx`,
    `${MIRROR}/from-quay/team/app:1`,
  ]);
  expect(spec.imagePullSecrets?.map(({ name }) => name).sort()).toEqual(['default-secret', 'docker-hub']);
  const told = warningsIn(applied);
  expect(told).toHaveLength(new Set(told).size);
  expect(told.filter((warning) => warning.includes('"nginx"') && warning.includes('(mirror-used)'))).toHaveLength(1);
});
