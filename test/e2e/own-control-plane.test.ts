import { afterAll, beforeAll, expect, test } from 'vitest';
import { startControlPlane, type RunningControlPlane } from './control-plane.ts';
import { POLICY } from './fixture.ts';
import { installManifests, installWebhooks, isReady, readMetrics, startReplica } from './install.ts';
import { bindKubectl, type Kubectl } from './kubectl.ts';
import { waitFor } from './processes.ts';
import { startPullguard } from './pullguard-process.ts';

/** A control plane of their own: one test deletes the namespace that others work with, and the other stops the API server. */
let running: RunningControlPlane;
let kubectl: Kubectl;

beforeAll(async () => {
  running = await startControlPlane(process.env['KUBEBUILDER_ASSETS'] ?? '');
  kubectl = bindKubectl(running.controlPlane, 'default');
});

afterAll(async () => running.stop());

test('who only deletes the namespace leaves no webhook behind that would block the cluster', async ({ skip }) => {
  const { controlPlane } = running;
  skip(!controlPlane.hasControllers, 'without kube-controller-manager nothing is collected');
  await installManifests({ kubectl }, 'overlays/fail-closed');
  const pullguard = await startReplica({ controlPlane, kubectl }, { policy: POLICY });
  await installWebhooks({ kubectl }, pullguard.port, 'overlays/fail-closed');
  expect(await waitFor(async () => isReady(pullguard)), 'pullguard is ready').toBe(true);
  const hasOwners = async (): Promise<boolean> =>
    (await kubectl(`get ${KINDS} pullguard -o jsonpath={.items[*].metadata.ownerReferences[*].kind}`)).stdout ===
    'Namespace Namespace';
  expect(await waitFor(hasOwners), 'both belong to the namespace').toBe(true);
  await pullguard.stop();

  const refused = await kubectl('run refused --image=nginx');
  expect(refused.stderr).toContain('failed calling webhook');
  await kubectl('delete namespace pullguard --wait=false');
  const isGone = async (): Promise<boolean> => (await kubectl(`get ${KINDS} pullguard`)).stderr.includes('NotFound');
  expect(await waitFor(isGone, 30), 'both are collected').toBe(true);
  const isAdmitted = async (): Promise<boolean> => (await kubectl('run admitted --image=nginx')).code === 0;
  expect(await waitFor(isAdmitted, 10), 'pods are made again').toBe(true);
});

test(
  'an API server that is away costs nothing that is known, and is followed again when it is back',
  { timeout: 120_000 },
  async () => {
    const { controlPlane, restartApiServer } = running;
    await kubectl('create namespace before');
    const pullguard = await startPullguard(controlPlane.folder, {
      policy: POLICY,
      flags: [`--kubeconfig=${controlPlane.kubeconfig}`],
    });
    const namespaces = async (): Promise<number> =>
      Number(/^pullguard_facts_objects\{fact="namespaces"\} (\d+)$/m.exec(await readMetrics(pullguard))?.[1]);
    const age = async (): Promise<number> =>
      Number(/^pullguard_facts_age_seconds\{fact="namespaces"\} (\S+)$/m.exec(await readMetrics(pullguard))?.[1]);
    expect(await waitFor(async () => (await namespaces()) > 0)).toBe(true);
    const before = await namespaces();

    await restartApiServer(async () => {
      expect(await waitFor(async () => (await age()) > 3), 'what is known grows old').toBe(true);
      expect(await namespaces()).toBe(before);
      expect(await isReady(pullguard), 'it stays ready').toBe(true);
    });
    await kubectl('create namespace after');
    expect(await waitFor(async () => (await namespaces()) > before, 60), 'it learns what is new').toBe(true);
    expect(await pullguard.stop()).toBe(0);
  },
);

const KINDS = 'mutatingwebhookconfiguration,validatingwebhookconfiguration';
