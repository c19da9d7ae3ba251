import { expect, test } from 'vitest';
import { startControlPlane } from './control-plane.ts';
import { bindKubectl } from './kubectl.ts';
import { waitFor } from './processes.ts';
import { startPullguard } from './pullguard-process.ts';
import { isReady, readMetrics } from './in-cluster.ts';
import { POLICY } from './fixture.ts';

/** Its own control plane, as the others are needed by everybody else. */
test(
  'an API server that is away costs nothing that is known, and is followed again when it is back',
  { timeout: 120_000 },
  async () => {
    const { controlPlane, restartApiServer, stop } = await startControlPlane(process.env['KUBEBUILDER_ASSETS'] ?? '');
    try {
      const kubectl = bindKubectl(controlPlane, 'default');
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
    } finally {
      await stop();
    }
  },
);
