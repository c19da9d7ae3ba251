import { afterAll, beforeAll, expect, test } from 'vitest';
import { startControlPlane, type RunningControlPlane } from './control-plane.ts';
import { bindKubectl, type Kubectl } from './kubectl.ts';
import { installManifests, installWebhooks, isReady, startReplica } from './in-cluster.ts';
import { POLICY } from './fixture.ts';
import { waitFor } from './processes.ts';

/** Its own control plane, as it takes away the namespace that the others work with. */
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

const KINDS = 'mutatingwebhookconfiguration,validatingwebhookconfiguration';
