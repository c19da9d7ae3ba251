import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { stringify } from 'yaml';
import { startControlPlane } from '../e2e/control-plane.ts';
import { waitFor } from '../e2e/processes.ts';
import { checkComponents } from './components.ts';
import { createImageMaker } from './images.ts';
import { startContainerd, startNode } from './node.ts';
import { NODE_ADDRESS, setUpNames } from './sandbox.ts';

// The quick start of README.md, line by line: its kubectl commands as they stand, on a real node; and in the place of what needs a
// container engine what that does: the image is built by scripts/image.ts, and goes to containerd as `kind load` brings it.

const [folder = ''] = process.argv.slice(2);
const ROOT = join(import.meta.dirname, '../..');
const REPOSITORY = join(folder, 'pullguard');
const ENV = { HOME: folder, PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}` };
const assets = process.env['KUBEBUILDER_ASSETS'] ?? '';
const SERVICE_ADDRESS = '10.0.0.1';
/** Of the Pods; the bridge has the first address, and is the way to the API server. */
const SUBNET = '10.88.0.0/24';
const POD_LOGS = '/var/log/pods';
const IMAGE_DISK_BYTES = 2 ** 30;

process.exitCode = (await main()) ? 0 : 1;
// All else that runs here ends with this process.
process.exit();

async function main(): Promise<boolean> {
  const started = Date.now();
  const tell = (what: string): void => {
    console.log(`${what}: ${Math.round((Date.now() - started) / 1000)} s`);
  };
  copyRepository();
  const stages: Readonly<Record<string, () => void | Promise<void>>> = {
    'docker build': buildImage,
    'kind create': startCluster,
    'kind load': loadImage,
  };
  const [[commands, denial] = ['', '']] = readTranscripts('README.md');
  let output = '';
  for (const line of commands.split('\n')) {
    const stage = stages[line.split(' ').slice(0, 2).join(' ')];
    if (stage === undefined) output = await run(line);
    else await stage();
    tell(line);
  }
  const outcomes = [compare('README.md', output, denial)];
  for (const [block, expected] of readTranscripts('docs/install.md')) {
    outcomes.push(compare('docs/install.md', await run(block), expected));
  }
  const warnings = readLogs()
    .split('\n')
    .filter((line) => /"level":"(?:warn|error|fatal)"/.test(line));
  outcomes.push(warnings.length === 0);
  console.log(warnings.length === 0 ? 'no warnings in the log of pullguard' : warnings.join('\n'));
  await run('kubectl delete -k manifests');
  outcomes.push(await installMisnamed());
  tell('a certificate for another name');
  outcomes.push(await runLocally(denial.split(' denied ')[0] ?? ''));
  tell('the overlay local');
  const reportCrds = join(ROOT, 'test/fixtures/report-crds.yaml');
  outcomes.push(
    await checkComponents({ folder, repository: REPOSITORY, serviceAddress: SERVICE_ADDRESS, run, reportCrds }),
  );
  tell('components');
  return outcomes.every(Boolean);
}

/** The blocks of commands that are followed by what they print. */
function readTranscripts(page: string): readonly (readonly [commands: string, output: string])[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const found = text.matchAll(/```sh\n([^`]*kubectl[^`]*)```\n\n```\n([^`]*)```/g);
  return [...found].map(([, commands = '', output = '']) => [commands.trim(), output.trim()]);
}

/** Whether each line that a page shows is printed. */
function compare(page: string, output: string, expected: string): boolean {
  const missing = expected.split('\n').filter((line) => !output.includes(line));
  console.log(
    missing.length === 0
      ? `${page}: printed as shown: ${expected}`
      : `${page} shows\n  ${missing.join('\n  ')}\nand printed is\n  ${output}`,
  );
  return missing.length === 0;
}

/** Under other names, but with a certificate for the old ones: API servers would refuse it, and nothing else tells why. */
async function installMisnamed(): Promise<boolean> {
  const overlay = 'manifests/overlays/own-certificate';
  mkdirSync(join(REPOSITORY, 'deploy'));
  const kustomization = { namespace: 'guards', namePrefix: 'team-', resources: [`../${overlay}`] };
  writeFileSync(join(REPOSITORY, 'deploy/kustomization.yaml'), stringify(kustomization));
  const rollout = 'kubectl -n guards rollout status deployment/team-pullguard --timeout=60s';
  const output = await run(
    `node dist/main.js certs --dns-name pullguard.pullguard.svc --out ${overlay}/certs
    kubectl apply -k deploy && ${rollout}`,
  );
  const line = readLogs()
    .split('\n')
    .find((each) => each.includes('"msg":"names do not fit"'));
  console.log(line ?? `no log line about the names in the certificate:\n${output}${readLogs()}`);
  await run('kubectl delete -k deploy --wait=false');
  return line?.includes('team-pullguard.guards.svc') === true;
}

/** docs/install.md, "Run it outside the cluster": this machine is reached at the address of the node. */
async function runLocally(denial: string): Promise<boolean> {
  const page = readFileSync(join(ROOT, 'docs/install.md'), 'utf8');
  const [, serve = '', use = ''] = /```sh\n(HOST=[^`]*)```[^`]*```sh\n([^`]*)```/.exec(page) ?? [];
  const server = spawn('sh', ['-c', serve.replace(/HOST=.*/, `HOST=${NODE_ADDRESS}`)], {
    cwd: REPOSITORY,
    env: ENV,
    stdio: 'ignore',
  });
  const isUp = await waitFor(async () => (await fetch('http://127.0.0.1:8080/healthz')).ok);
  const [apply = '', create = '', remove = ''] = use.trim().split('\n');
  await run(apply);
  // The API server needs a moment to know of a new webhook configuration.
  const isDenied = await waitFor(async () => (await run(create)).includes(denial));
  const removed = await run(remove);
  server.kill();
  console.log(
    `docs/install.md: pullguard outside the cluster: ${isUp && isDenied ? 'denied' : 'not denied'}\n${removed.trim()}`,
  );
  return isUp && isDenied;
}

/** What the commands work in: they write files. */
function copyRepository(): void {
  for (const name of ['manifests', 'dist', 'package.json'])
    cpSync(join(ROOT, name), join(REPOSITORY, name), { recursive: true });
}

/** As `docker save` writes it, which is what `kind load` reads. */
function buildImage(): void {
  const layout = join(folder, 'image');
  execFileSync(process.execPath, ['--import', 'tsx', join(ROOT, 'scripts/image.ts'), layout], { cwd: ROOT });
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const archive = `docker-archive:${join(folder, 'image.tar')}:pullguard:${version}`;
  execFileSync('skopeo', ['copy', '--insecure-policy', '--quiet', `oci:${layout}:pullguard`, archive]);
}

/** What `kind load` runs in each node. */
function loadImage(): void {
  const flags = [
    '--address',
    join(folder, 'containerd/containerd.sock'),
    '--namespace=k8s.io',
    'images',
    'import',
    '--all-platforms',
    '--digests',
  ];
  execFileSync('ctr', [...flags, join(folder, 'image.tar')]);
}

async function startCluster(): Promise<void> {
  setUpNames(folder, {});
  mkdirSync(POD_LOGS, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'logs', POD_LOGS]);
  execFileSync('ip', ['addr', 'add', `${SERVICE_ADDRESS}/32`, 'dev', 'lo']);
  const network = {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods0',
        isDefaultGateway: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: SUBNET }]], dataDir: join(folder, 'addresses') },
      },
    ],
  };
  // Webhooks are called at the addresses of Pods: there is no kube-proxy.
  const [socket, { controlPlane }] = await Promise.all([
    startContainerd(folder, createImageMaker(folder), { diskBytes: IMAGE_DISK_BYTES, network }),
    startControlPlane(assets, ['--enable-aggregator-routing=true']),
  ]);
  const { hostname, port } = new URL(controlPlane.url);
  createServer((client) => {
    const server = connect(Number(port), hostname);
    client.pipe(server).pipe(client);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const)
      one.once('error', () => other.destroy());
  }).listen(443, SERVICE_ADDRESS);
  await startNode(folder, controlPlane, { assets, socket });
  mkdirSync(join(folder, 'bin'));
  copyFileSync(controlPlane.kubectl, join(folder, 'bin/kubectl'));
  mkdirSync(join(folder, '.kube'));
  copyFileSync(controlPlane.kubeconfig, join(folder, '.kube/config'));
}

/** Runs lines of a page as they stand. The result is all that they print. */
async function run(lines: string): Promise<string> {
  const child = spawn('sh', ['-c', `exec 2>&1\n${lines}`], { cwd: REPOSITORY, env: ENV, timeout: 120_000 });
  return text(child.stdout);
}

/** What the Pods logged, as their node keeps it. */
function readLogs(): string {
  const files = readdirSync(POD_LOGS, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.log'));
  return files.map((file) => readFileSync(join(POD_LOGS, file), 'utf8')).join('');
}
