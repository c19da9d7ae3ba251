import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { callApi } from './api.ts';
import { cleanUp, findFreePorts, startProgram, waitUntilReady, type Program } from './processes.ts';

/** A running control plane, as plain data: the tests run in other processes than the one that started it. */
export type ControlPlane = Readonly<{
  /** Everything that is written lies here. */
  folder: string;
  kubectl: string;
  kubeconfig: string;
  /** `https://127.0.0.1:…` */
  url: string;
  /** Authenticates a member of system:masters. */
  token: string;
  /** PEM. */
  ca: string;
  /** 26 of Kubernetes 1.26. */
  minor: number;
  /** Without a controller manager nothing makes pods of Deployments, or service accounts in new namespaces. */
  hasControllers: boolean;
  apiServerLog: string;
  /** One JSON object a line, written before the request it is about is answered. */
  auditLog: string;
}>;

export type RunningControlPlane = Readonly<{
  controlPlane: ControlPlane;
  /** Ends the API server, runs `whileDown`, and starts it again with everything that it had stored. */
  restartApiServer: (whileDown: () => Promise<void>) => Promise<void>;
  stop: () => Promise<void>;
}>;

/**
 * Starts etcd, the API server and, if it is there, the controller manager from a folder, in the layout of envtest: all on
 * loopback, on free ports, with everything they write in one temporary folder. There is no scheduler and no kubelet: pods
 * are made and stay pending.
 */
export async function startControlPlane(
  assets: string,
  moreFlags: readonly string[] = [],
): Promise<RunningControlPlane> {
  checkAssets(assets);
  const folder = mkdtempSync(join(tmpdir(), 'pullguard-e2e-'));
  mkdirSync(join(folder, 'pids'));
  const removeTraces = cleanUpOnExit(folder);
  const programs: Program[] = [];
  const stop = async (): Promise<void> => {
    // The API server would wait for etcd to come back, so it goes first.
    for (const program of programs.toReversed()) await program.stop();
    removeTraces();
  };
  try {
    const { controlPlane, startApiServer } = await startAll({ assets, moreFlags }, folder, programs);
    const restartApiServer = async (whileDown: () => Promise<void>): Promise<void> => {
      const at = programs.findIndex(({ log }) => log === controlPlane.apiServerLog);
      await programs[at]?.stop();
      await whileDown();
      programs[at] = await startApiServer();
    };
    return { controlPlane, restartApiServer, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startAll(
  { assets, moreFlags }: Readonly<{ assets: string; moreFlags: readonly string[] }>,
  folder: string,
  programs: Program[],
): Promise<{ controlPlane: ControlPlane; startApiServer: () => Promise<Program> }> {
  const [etcdPort = 0, peerPort = 0, apiPort = 0, controllerPort = 0] = await findFreePorts(4);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = startProgram(folder, 'etcd', join(assets, 'etcd'), [
    '--name=e2e',
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=e2e=${peerUrl}`,
    '--unsafe-no-fsync',
  ]);
  programs.push(etcd);
  await waitUntilReady(etcd, async () => (await getStatus(`${etcdUrl}/health`)) === 200);

  const minor = readMinorVersion(join(assets, 'kube-apiserver'));
  const token = 'e2e';
  const auditLog = join(folder, 'audit.log');
  const url = `https://127.0.0.1:${apiPort}`;
  // It makes itself a certificate, which is its own CA.
  const caFile = join(folder, 'api-server', 'apiserver.crt');
  const flags = [
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${apiPort}`,
    `--cert-dir=${join(folder, 'api-server')}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--allow-privileged=true',
    '--authorization-mode=RBAC',
    `--token-auth-file=${writeTokens(folder, token)}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    ...writeServiceAccountKeys(folder),
    `--audit-policy-file=${writeAuditPolicy(folder)}`,
    `--audit-log-path=${auditLog}`,
    // Image volumes came with 1.31 as a feature to be switched on, and are simply there from 1.36 on.
    ...(minor >= 31 && minor < 36 ? ['--feature-gates=ImageVolume=true'] : []),
    ...moreFlags,
  ];
  const startApiServer = async (): Promise<Program> => {
    const program = startProgram(folder, 'kube-apiserver', join(assets, 'kube-apiserver'), flags);
    await waitUntilReady(program, async () => {
      const ca = readFileSync(caFile, 'utf8');
      return (await callApi({ url, token, ca }, 'GET', '/readyz')).status === 200;
    });
    return program;
  };
  const apiServer = await startApiServer();
  programs.push(apiServer);

  const ca = readFileSync(caFile, 'utf8');
  const kubeconfig = writeKubeconfig(join(folder, 'kubeconfig'), { url, ca }, { token });
  const controllerManager = join(assets, 'kube-controller-manager');
  const hasControllers = existsSync(controllerManager);
  if (hasControllers) {
    programs.push(
      startProgram(folder, 'kube-controller-manager', controllerManager, [
        `--kubeconfig=${kubeconfig}`,
        '--bind-address=127.0.0.1',
        `--secure-port=${controllerPort}`,
        `--cert-dir=${join(folder, 'controller-manager')}`,
        '--leader-elect=false',
        `--service-account-private-key-file=${join(folder, 'service-account.key')}`,
        `--root-ca-file=${caFile}`,
        '--kube-api-qps=500',
        '--kube-api-burst=1000',
      ]),
    );
  }
  const controlPlane: ControlPlane = {
    folder,
    kubectl: join(assets, 'kubectl'),
    kubeconfig,
    url,
    token,
    ca,
    minor,
    hasControllers,
    apiServerLog: apiServer.log,
    auditLog,
  };
  return { controlPlane, startApiServer };
}

function checkAssets(assets: string): void {
  const missing = ['etcd', 'kube-apiserver', 'kubectl'].filter((name) => !existsSync(join(assets, name)));
  if (missing.length > 0) throw new Error(`$KUBEBUILDER_ASSETS is ${assets}, which has no ${missing.join(' and no ')}`);
}

/** `Kubernetes v1.26.4` */
function readMinorVersion(apiServer: string): number {
  const version = execFileSync(apiServer, ['--version'], { encoding: 'utf8' });
  return Number(/v1\.(\d+)/.exec(version)?.[1]);
}

function writeTokens(folder: string, token: string): string {
  const file = join(folder, 'tokens.csv');
  writeFileSync(file, `${token},admin,admin,"system:masters"\n`);
  return file;
}

function writeServiceAccountKeys(folder: string): readonly string[] {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = join(folder, 'service-account.key');
  const pub = join(folder, 'service-account.pub');
  writeFileSync(key, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  writeFileSync(pub, publicKey.export({ type: 'spki', format: 'pem' }));
  return [`--service-account-key-file=${pub}`, `--service-account-signing-key-file=${key}`];
}

function writeAuditPolicy(folder: string): string {
  const file = join(folder, 'audit-policy.yaml');
  const rules = [{ level: 'Metadata', verbs: ['create', 'update', 'patch'], omitStages: ['RequestReceived'] }];
  writeFileSync(file, stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }));
  return file;
}

/** A kubeconfig with nothing but a token, which is all that a pod has. */
export function writeKubeconfig(
  file: string,
  { url, ca }: Pick<ControlPlane, 'url' | 'ca'>,
  { token, namespace = 'default' }: { token: string; namespace?: string },
): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'e2e', cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name: 'e2e', user: { token } }],
    contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: 'e2e', namespace } }],
    'current-context': 'e2e',
  };
  writeFileSync(file, stringify(config), { mode: 0o600 });
  return file;
}

async function getStatus(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).once('error', reject);
  });
}

/** Leaves nothing behind, however this process ends; the result does so at once. */
function cleanUpOnExit(folder: string): () => void {
  const removeTraces = (): void => {
    process.off('exit', removeTraces);
    cleanUp(folder);
  };
  process.once('exit', removeTraces);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  return removeTraces;
}
