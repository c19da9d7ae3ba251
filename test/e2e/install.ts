import { join } from 'node:path';
import { parse } from 'yaml';
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

/** Where a Deployment was installed, under which name; its Service and webhook configurations have the same one. */
export type Installed = Readonly<{ namespace: string; name: string }>;

const CONFIGURATIONS = ['mutatingwebhookconfiguration', 'validatingwebhookconfiguration'];

/**
 * Starts what a Deployment of an installation would start, here: there is no node. With its ServiceAccount, its policy, and those
 * of its flags that say what objects are called.
 */
export async function startDeployed(
  { controlPlane, kubectl }: Readonly<{ controlPlane: ControlPlane; kubectl: Kubectl }>,
  installed: Installed,
  ...more: readonly string[]
): Promise<Pullguard> {
  const { namespace, name } = installed;
  const read = async (args: string): Promise<string> => {
    const { code, stdout, stderr } = await kubectl(`--namespace=${namespace} ${args}`);
    if (code !== 0) throw new Error(stderr);
    return stdout.trim();
  };
  const { spec } = (JSON.parse(await read(`get deployment ${name} -o json`)) as Deployment).spec.template;
  const token = await read(`create token ${spec.serviceAccountName} --duration=1h`);
  const config = writeKubeconfig(join(controlPlane.folder, `${name}.kubeconfig`), controlPlane, { token, namespace });
  const configMap = spec.volumes.find((volume) => volume.name === 'policy')?.configMap?.name ?? '';
  const policy = parse(await read(`get configmap ${configMap} -o jsonpath={.data.policy\\.yaml}`)) as object;
  const own = spec.containers[0]!.args.filter(
    (arg) => !/^(?:serve$|--(?:host|port|admin-port|config|drain-seconds)=)/.test(arg),
  );
  const flags = [`--kubeconfig=${config}`, ...own, ...more];
  const pullguard = await startPullguard(controlPlane.folder, { policy, waits: 'listening', flags });
  await redirect(kubectl, installed, pullguard.port);
  return pullguard;
}

type Deployment = Readonly<{
  spec: Readonly<{
    template: Readonly<{
      spec: Readonly<{
        serviceAccountName: string;
        volumes: readonly Readonly<{ name: string; configMap?: Readonly<{ name: string }> }>[];
        containers: readonly Readonly<{ args: readonly string[] }>[];
      }>;
    }>;
  }>;
}>;

/** There is no network of Services here: the Service leads to this machine, and the webhooks to the port of a process. */
export async function redirect(kubectl: Kubectl, { namespace, name }: Installed, port: number): Promise<void> {
  const patch = async (what: string, change: object, type: string): Promise<void> => {
    const flags = [`--namespace=${namespace}`, 'patch', ...what.split(' '), `--type=${type}`];
    const { code, stderr } = await kubectl([...flags, '--patch', JSON.stringify(change)]);
    if (code !== 0) throw new Error(stderr);
  };
  const service = { type: 'ExternalName', externalName: 'localhost', clusterIP: null, clusterIPs: null };
  await patch(`service ${name}`, { spec: service }, 'merge');
  for (const kind of CONFIGURATIONS) {
    const { stdout } = await kubectl(`get ${kind} ${name} -o jsonpath={.webhooks[*].name}`);
    const changes = stdout
      .split(' ')
      .map((_, at) => ({ op: 'replace', path: `/webhooks/${at}/clientConfig/service/port`, value: port }));
    await patch(`${kind} ${name}`, changes, 'json');
  }
}
