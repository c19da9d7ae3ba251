import { join } from 'node:path';
import { expect } from 'vitest';
import { writeKubeconfig } from './control-plane.ts';
import { countAsked, type Cluster } from './fixture.ts';
import type { Kubectl } from './kubectl.ts';
import { waitFor } from './processes.ts';
import { startPullguard, type Pullguard, type PullguardOptions } from './pullguard-process.ts';
import { isWebhookConfiguration, renderManifests, type Manifest } from './webhooks.ts';

/** Installs everything of an overlay but the webhook configurations, which would make the API server call nobody. */
export async function installManifests({ kubectl }: Pick<Cluster, 'kubectl'>, overlay = '.'): Promise<void> {
  for (const manifest of await renderManifests(kubectl, overlay)) {
    if (isWebhookConfiguration(manifest)) continue;
    // There are no nodes here: pods would be made and wait.
    if (manifest.kind === 'Deployment') continue;
    await applyTo(kubectl, manifest.kind === 'Service' ? toLoopback(manifest) : manifest);
  }
}

/**
 * Applies the webhook configurations as they are, but for the port: a Service of type ExternalName leads the API server to
 * this machine, under the name that certificates in a cluster are for.
 */
export async function installWebhooks(
  { kubectl }: Pick<Cluster, 'kubectl'>,
  port: number,
  overlay = '.',
): Promise<void> {
  for (const manifest of (await renderManifests(kubectl, overlay)).filter(isWebhookConfiguration)) {
    const webhooks = manifest.webhooks.map(({ clientConfig, ...webhook }) => ({
      ...webhook,
      clientConfig: { ...clientConfig, service: { ...clientConfig.service, port } },
    }));
    await applyTo(kubectl, { ...manifest, webhooks });
  }
}

function toLoopback(service: Manifest): object {
  return { ...service, spec: { type: 'ExternalName', externalName: 'localhost' } };
}

async function applyTo(kubectl: Kubectl, manifest: object): Promise<void> {
  const { metadata } = manifest as { metadata: { namespace?: string } };
  const flags = ['apply', '--namespace', metadata.namespace ?? 'default', '-f', '-'];
  const { code, stderr } = await kubectl(flags, { stdin: manifest });
  if (code !== 0) throw new Error(stderr);
}

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

export async function startReplica(
  { controlPlane, kubectl }: Pick<Cluster, 'controlPlane' | 'kubectl'>,
  { flags = [], ...options }: PullguardOptions,
): Promise<Pullguard> {
  const { code, stdout, stderr } = await kubectl('create token pullguard --namespace=pullguard --duration=1h');
  if (code !== 0) throw new Error(stderr);
  const token = { token: stdout.trim(), namespace: 'pullguard' };
  const kubeconfig = writeKubeconfig(join(controlPlane.folder, 'pullguard.kubeconfig'), controlPlane, token);
  return startPullguard(controlPlane.folder, {
    ...options,
    waits: 'listening',
    flags: [`--kubeconfig=${kubeconfig}`, '--tls-secret=pullguard-certificates', ...flags],
  });
}

export async function isReady({ adminPort }: Pullguard): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok;
}

export async function readMetrics({ adminPort }: Pullguard): Promise<string> {
  return (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
}
