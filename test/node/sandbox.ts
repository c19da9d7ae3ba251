import { execFileSync, spawn } from 'node:child_process';
import {
  accessSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

/** What the API server's folder has to hold, and what Debian has packages of. */
const ASSETS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kubectl'];
const PROGRAMS = ['containerd', 'ctr', 'runc', 'docker-registry', 'busybox', 'unshare', 'ip', 'mount', 'tar'];

/** Written by kubelet as it starts, and shared by all namespaces of the machine. */
const KERNEL_SETTINGS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

/** Why a node cannot be started here; empty where it can. */
export function listMissing(assets: string, more: readonly string[] = []): readonly string[] {
  if (process.platform !== 'linux') return ['Linux'];
  if (assets === '') return ['$KUBEBUILDER_ASSETS'];
  const inAssets = ASSETS.filter((name) => !existsSync(join(assets, name))).map((name) => `${name} in ${assets}`);
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const onPath = [...PROGRAMS, ...more].filter((name) => !folders.some((folder) => canRun(resolve(folder, name))));
  return [...inAssets, ...onPath, ...(process.getuid?.() === 0 ? [] : ['root'])];
}

function canRun(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a script in namespaces of its own: mounts, network, processes. Names, ports, mounts and processes of the node are then
 * nobody else's, and all of them are gone with the first process, however that ends. What is left over is a folder, a cgroup
 * and some kernel settings, which are put right here. The result is the exit code.
 */
export async function runInSandbox(script: string, args: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'pullguard-node-'));
  const settings = KERNEL_SETTINGS.map((name) => join('/proc/sys', name))
    .filter((file) => existsSync(file))
    .map((file) => [file, readFileSync(file, 'utf8')] as const);
  const child = spawn(
    'unshare',
    [
      ...['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'],
      // A shell is the first process, as it buries those whose parents have died.
      ...['sh', '-c', '"$@" & wait $!', 'sh'],
      ...[process.execPath, '--import', 'tsx', script, folder, ...args],
    ],
    // In a group of its own: Ctrl-C comes here alone.
    { stdio: ['ignore', 'inherit', 'inherit'], detached: true, env: { ...process.env, TMPDIR: folder } },
  );
  const stop = (): void => {
    child.kill('SIGKILL');
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  const code = await new Promise<number>((resolve) => {
    child.once('exit', (exitCode) => {
      resolve(exitCode ?? 1);
    });
    child.once('error', () => {
      resolve(1);
    });
  });
  for (const [file, value] of settings) writeFileSync(file, value);
  removeCgroups(cgroupOf(folder));
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  return code;
}

/** The name of the cgroup that all containers of a sandbox are in. */
export function cgroupOf(folder: string): string {
  return folder.split('/').at(-1) ?? 'pullguard-node';
}

/** A cgroup is removed from its leaves on, and in every hierarchy of version 1. */
function removeCgroups(name: string): void {
  const root = '/sys/fs/cgroup';
  const hierarchies = ['', ...readdirSync(root)].map((each) => join(root, each, name));
  for (const folder of hierarchies.filter((each) => existsSync(each))) removeFolders(folder);
}

function removeFolders(folder: string): void {
  const below = readdirSync(folder, { withFileTypes: true }).filter((each) => each.isDirectory());
  for (const { name } of below) removeFolders(join(folder, name));
  try {
    rmdirSync(folder);
  } catch {
    console.error(`${folder} is left over: a process in it has not ended`);
  }
}

export const NODE_ADDRESS = '10.99.0.1';

/** The network and the names of the sandbox: what is not in `hosts` does not exist. */
export function setUpNames(folder: string, hosts: Readonly<Record<string, string>>): void {
  run('ip', 'link', 'set', 'lo', 'up');
  // A node has to have an address that is not of the loopback.
  run('ip', 'link', 'add', 'node0', 'type', 'bridge');
  run('ip', 'addr', 'add', `${NODE_ADDRESS}/24`, 'dev', 'node0');
  run('ip', 'link', 'set', 'node0', 'up');
  run('ip', 'route', 'add', 'default', 'via', '10.99.0.254');
  const lines = Object.entries({ localhost: '127.0.0.1', ...hosts }).map(([name, address]) => `${address} ${name}\n`);
  writeFileSync(join(folder, 'hosts'), lines.join(''));
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.0.1\n');
  for (const name of ['hosts', 'resolv.conf']) run('mount', '--bind', join(folder, name), join('/etc', name));
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args);
}
