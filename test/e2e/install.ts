import { join } from 'node:path';
import { writeKubeconfig, type ControlPlane } from './control-plane.ts';
import type { Kubectl } from './kubectl.ts';
import { startPullguard, type Pullguard, type PullguardOptions } from './pullguard-process.ts';
import { isWebhookConfiguration, renderManifests, type Manifest } from './webhooks.ts';

/** Installs everything of an overlay but the webhook configurations, which would make the API server call nobody. */
export async function installManifests({ kubectl }: Readonly<{ kubectl: Kubectl }>, overlay = '.'): Promise<void> {
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
  { kubectl }: Readonly<{ kubectl: Kubectl }>,
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

/** With the rights of the manifests' service account alone. */
export async function startReplica(
  { controlPlane, kubectl }: Readonly<{ controlPlane: ControlPlane; kubectl: Kubectl }>,
  { flags = [], ...options }: PullguardOptions,
): Promise<Pullguard> {
  const { code, stdout, stderr } = await kubectl('create token pullguard --namespace=pullguard --duration=1h');
  if (code !== 0) throw new Error(stderr);
  return startWithToken(controlPlane, stdout.trim(), { flags, ...options });
}

/** With the rights that a token gives, in the namespace of the manifests. */
export async function startWithToken(
  controlPlane: ControlPlane,
  token: string,
  { flags = [], ...options }: PullguardOptions,
): Promise<Pullguard> {
  const config = { token, namespace: 'pullguard' };
  const kubeconfig = writeKubeconfig(join(controlPlane.folder, 'pullguard.kubeconfig'), controlPlane, config);
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
