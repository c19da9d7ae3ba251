import { expect } from 'vitest';
import { countAsked, type Cluster } from './fixture.ts';
import { installWebhooks, isReady, startReplica } from './install.ts';
import { waitFor } from './processes.ts';
import type { Pullguard, PullguardOptions } from './pullguard-process.ts';

/**
 * Starts a pullguard as the manifests start it, but outside: with the rights of its own service account alone, certificates
 * in a Secret, and its webhooks registered. Resolves when the API server asks it.
 */
export async function startInCluster(cluster: Cluster, options: PullguardOptions): Promise<Pullguard> {
  const pullguard = await startReplica(cluster, options);
  await installWebhooks(cluster, pullguard.port);
  expect(await waitFor(async () => isReady(pullguard)), 'pullguard is ready').toBe(true);
  expect(await waitFor(async () => (await countAsked(cluster)) === 2), 'pullguard is asked').toBe(true);
  return pullguard;
}
