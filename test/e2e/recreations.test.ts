import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callApi } from './api.ts';
import { MIRROR, POLICY, unregister, useCluster } from './fixture.ts';
import { startInCluster } from './in-cluster.ts';
import { installManifests, readMetrics } from './install.ts';
import { make, makeRolloutDefinition, type PodSpec } from './objects.ts';
import { waitFor } from './processes.ts';
import { isErrorLine, type Pullguard } from './pullguard-process.ts';

const cluster = useCluster('recreations');
const { controlPlane, kubectl, apply, call, get } = cluster;
const GROUP = 'recreations.example.com';
const POD = '/api/v1/namespaces/recreations/pods';

type Pod = Readonly<{ metadata: Readonly<{ uid: string }>; spec: PodSpec }>;

beforeAll(async () => {
  await installManifests(cluster);
  await apply(makeRolloutDefinition(GROUP, 'v1'));
  expect(await waitFor(async () => (await kubectl(`get rollouts.${GROUP}`)).code === 0)).toBe(true);
});

/** Runs a test's pullguard; afterwards there must be no error in its log. */
function usePullguard(rules: object): () => Pullguard {
  let pullguard: Pullguard | undefined;
  beforeAll(async () => {
    pullguard = await startInCluster(cluster, { policy: { ...POLICY, rules } });
  });
  afterAll(async () => {
    await unregister(cluster);
    await pullguard?.stop();
    expect(pullguard?.readLog().filter(isErrorLine)).toEqual([]);
  });
  return () => pullguard!;
}

/**
 * An operator as there are several: it has a Pod of a fixed name for each of its objects, and deletes the Pod when its image is
 * not the one in the object. The result is how often it created the Pod, once it found nothing to do, or did so for long.
 */
async function operate(name: string, image: string, most: number): Promise<number> {
  await apply({ apiVersion: `${GROUP}/v1`, kind: 'Rollout', metadata: { name }, spec: { image } });
  const { metadata } = await get(`rollouts.${GROUP} ${name}`);
  const owner = { apiVersion: `${GROUP}/v1`, kind: 'Rollout', name, uid: metadata.uid, controller: true };
  const pod = { ...make('Pod', `${name}-1`, image), metadata: { name: `${name}-1`, ownerReferences: [owner] } };
  for (let created = 0; ;) {
    const { status, body } = await callApi(controlPlane, 'GET', `${POD}/${name}-1`);
    if (status === 404) {
      if (created === most) return created;
      expect((await call('POST', 'pods', pod)).status).toBe(201);
      created += 1;
    } else if ((body as Pod).spec.containers[0]?.image === image) {
      return created;
    } else {
      await callApi(controlPlane, 'DELETE', `${POD}/${name}-1?gracePeriodSeconds=0`);
      // Pods take time to end, and to be created again.
      await wait(1100);
    }
  }
}

describe('with pullguard as it is by default', () => {
  const pullguard = usePullguard({});

  test('a Pod that its operator recreates stays in the end, its owner has an Event, and a metric counts', async () => {
    expect(await operate('pg', 'nginx:1.25', 12)).toBe(7);
    const { spec } = await get<Pod>('pod pg-1');
    expect(spec.containers[0]?.image).toBe('nginx:1.25');
    const fields = 'involvedObject.kind=Rollout,involvedObject.name=pg,reason=ImageNotReplaced';
    const readEvents = async (): Promise<readonly Event[]> =>
      (await get<{ items: Event[] }>(`events --field-selector ${fields}`)).items;
    expect(await waitFor(async () => (await readEvents()).length > 0, 15), 'the owner has an Event').toBe(true);
    expect((await readEvents()).map(({ type, message }) => `${type} ${message}`)).toEqual([
      `Warning Pod/pg-1 was created 6 times within 30 minutes, each time with its images replaced, "nginx:1.25" by "${MIRROR}/library/nginx:1.25": they are not replaced any more for 24 hours. Write the images of the mirror in Rollout/pg, so that they need not be replaced. Or exempt the Pods from mirror-used: by the annotation pullguard.dev/skip, if the policy allows it under skip, or by exempt in the policy.`,
    ]);
    expect(await readMetrics(pullguard())).toContain('pullguard_recreation_loops_total{result="stopped"} 1');
  });

  test('the way out: with the image of the mirror in its object, the operator has nothing to do, and nothing is replaced', async () => {
    await kubectl('delete pod pg-1 --now');
    expect(await operate('pg', `${MIRROR}/library/nginx:1.25`, 3)).toBe(1);
  });

  test('a bare Pod that GitOps applies again keeps the image of Git: it is changed once, without a new Pod', async () => {
    const labels = { 'kustomize.toolkit.fluxcd.io/name': 'shop' };
    const inGit = { ...make('Pod', 'bare', 'nginx:1.25'), metadata: { name: 'bare', labels } };
    const sync = async (): Promise<Pod> => {
      await apply(inGit, '--server-side', '--field-manager=kustomize-controller');
      return get<Pod>('pod bare');
    };
    const first = await sync();
    expect(first.spec.containers[0]?.image).toBe(`${MIRROR}/library/nginx:1.25`);
    const second = await sync();
    expect(second.spec.containers[0]?.image).toBe('nginx:1.25');
    expect(second.metadata.uid).toBe(first.metadata.uid);
    expect((await sync()).spec).toEqual(second.spec);
  });

  test('by client-side apply as well', async () => {
    const annotations = { 'argocd.argoproj.io/tracking-id': 'shop:/Pod:recreations/client-side' };
    const inGit = { ...make('Pod', 'client-side', 'nginx:1.25'), metadata: { name: 'client-side', annotations } };
    const images: (string | undefined)[] = [];
    for (let sync = 0; sync < 3; sync++) {
      await apply(inGit);
      images.push((await get<Pod>('pod client-side')).spec.containers[0]?.image);
    }
    expect(images).toEqual([`${MIRROR}/library/nginx:1.25`, 'nginx:1.25', 'nginx:1.25']);
  });

  test('a bare Pod that GitOps deletes and creates again keeps its image in the end', async () => {
    const annotations = { 'argocd.argoproj.io/tracking-id': 'shop:/Pod:recreations/forced' };
    const inGit = { ...make('Pod', 'forced', 'nginx:1.25'), metadata: { name: 'forced', annotations } };
    const images: (string | undefined)[] = [];
    for (let sync = 0; sync < 7; sync++) {
      expect((await kubectl('replace --force --grace-period=0 -f -', { stdin: inGit })).code).toBe(0);
      images.push((await get<Pod>('pod forced')).spec.containers[0]?.image);
      await wait(1100);
    }
    expect(images.slice(0, 6)).toEqual(images.slice(0, 6).map(() => `${MIRROR}/library/nginx:1.25`));
    expect(images[6]).toBe('nginx:1.25');
  });
});

describe('with stopLoops: false', () => {
  usePullguard({ 'mirror-used': { action: 'warn', stopLoops: false } });

  test('the operator recreates its Pod without end', async () => {
    expect(await operate('endless', 'nginx:1.25', 10)).toBe(10);
  });
});

type Event = Readonly<{ type: string; message: string }>;
