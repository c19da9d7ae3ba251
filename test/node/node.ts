import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { callApi } from '../e2e/api.ts';
import type { ControlPlane } from '../e2e/control-plane.ts';
import { startProgram, waitUntilReady } from '../e2e/processes.ts';
import { writeArchive, type ImageMaker } from './images.ts';
import { HOSTS, PLAIN } from './registries.ts';
import { cgroupOf } from './sandbox.ts';

/** What all images of a node have to fit into. */
export const DISK_BYTES = 2 ** 26;
const PAUSE = 'localhost/pause:node';

/** Already on the node, and on no registry. */
export const PRELOADED = 'public.example.com/team/preloaded:1.0';
/** Another one, to be pulled `Always`: as long as kubelet tries to, it does not take the image for preloaded. */
export const PRELOADED_IN_VAIN = 'public.example.com/team/preloaded:2.0';

/** No Pod of generated ones asks for a network of its own; without any the node is not ready. */
const NO_NETWORK = { cniVersion: '0.4.0', name: 'none', plugins: [{ type: 'loopback' }] };

export type ContainerdOptions = Readonly<{ ca?: string; diskBytes?: number; network?: object }>;

/** Starts containerd with images that no registry has. Its socket is the result. */
export async function startContainerd(
  folder: string,
  makeImage: ImageMaker,
  { ca = '', diskBytes = DISK_BYTES, network = NO_NETWORK }: ContainerdOptions,
): Promise<string> {
  const home = join(folder, 'containerd');
  const socket = join(home, 'containerd.sock');
  mkdirSync(join(home, 'cni'), { recursive: true });
  mkdirSync(join(home, 'root'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'images', join(home, 'root')]);
  writeFileSync(join(home, 'cni', 'network.conflist'), JSON.stringify(network));
  writeFileSync(join(home, 'ca.crt'), ca);
  writeHosts(home);
  writeFileSync(
    join(home, 'config.toml'),
    `
version = 2
root = "${home}/root"
state = "${home}/state"
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  image_pull_progress_timeout = "10s"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${home}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${home}/hosts"
`,
  );
  const program = startProgram(folder, 'containerd', 'containerd', ['--config', join(home, 'config.toml')]);
  const ctr = (...args: string[]): string =>
    execFileSync('ctr', ['--address', socket, '--namespace', 'k8s.io', ...args], { encoding: 'utf8', stdio: 'pipe' });
  await waitUntilReady(program, async () => Promise.resolve(ctr('version').includes('Server:')));
  for (const name of [PAUSE, PRELOADED, PRELOADED_IN_VAIN])
    ctr('images', 'import', writeArchive(folder, name, makeImage()));
  return socket;
}

/** Whether containerd ends a pull that makes no progress: not before version 1.7. */
export function hasProgressTimeout(): boolean {
  return execFileSync('containerd', ['config', 'default'], { encoding: 'utf8' }).includes(
    'image_pull_progress_timeout',
  );
}

/** Trusts the CA for every registry but the one of strangers, and speaks plain HTTP to the one that does. */
function writeHosts(home: string): void {
  for (const host of [...Object.keys(HOSTS), PLAIN]) {
    if (host === 'stranger.example.com') continue;
    const scheme = host === PLAIN ? 'http' : 'https';
    const server = `${scheme}://${host}`;
    const trust = scheme === 'http' ? '' : `ca = "${home}/ca.crt"\n`;
    const text = `server = "${server}"\n${trust}[host."${server}"]\ncapabilities = ["pull", "resolve"]\n${trust}`;
    mkdirSync(join(home, 'hosts', host), { recursive: true });
    writeFileSync(join(home, 'hosts', host, 'hosts.toml'), text);
  }
}

/** Starts a scheduler and a kubelet, and waits until Pods can be scheduled there. */
export async function startNode(
  folder: string,
  controlPlane: ControlPlane,
  { assets, socket }: Readonly<{ assets: string; socket: string }>,
): Promise<void> {
  const { kubeconfig } = controlPlane;
  startProgram(folder, 'kube-scheduler', join(assets, 'kube-scheduler'), [
    `--kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    '--secure-port=0',
  ]);
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: `unix://${socket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroupOf(folder)}`,
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    failCgroupV1: false,
    makeIPTablesUtilChains: false,
    healthzPort: 0,
    maxPods: 1000,
    // A registry that hangs must not hold up all others, and a pull that kubelet puts off is none that failed.
    serializeImagePulls: false,
    registryPullQPS: 0,
    // With 0, no limit as its documentation has it, a client of Kubernetes sends five a second.
    eventRecordQPS: 1000,
    eventBurst: 1000,
    nodeStatusMaxImages: -1,
    nodeStatusUpdateFrequency: '2s',
    // The disk for images is full now and then, and no Pod is to be evicted for that.
    evictionHard: { 'imagefs.available': '0%', 'nodefs.available': '1%', 'memory.available': '50Mi' },
    imageGCHighThresholdPercent: 100,
  };
  const file = join(folder, 'kubelet.yaml');
  writeFileSync(file, stringify(config));
  const kubelet = startProgram(folder, 'kubelet', join(assets, 'kubelet'), [
    `--config=${file}`,
    `--kubeconfig=${kubeconfig}`,
    `--root-dir=${join(folder, 'kubelet')}`,
    `--cert-dir=${join(folder, 'kubelet-certs')}`,
    '--hostname-override=node',
  ]);
  await waitUntilReady(kubelet, async () => isSchedulable(controlPlane));
}

async function isSchedulable(controlPlane: ControlPlane): Promise<boolean> {
  const { body } = await callApi(controlPlane, 'GET', '/api/v1/nodes/node');
  const { spec, status } = body as {
    spec: { taints?: object[] };
    status: { conditions: { type: string; status: string }[] };
  };
  return (
    (spec.taints ?? []).length === 0 &&
    status.conditions.some((each) => each.type === 'Ready' && each.status === 'True')
  );
}
