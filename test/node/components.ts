import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { stringify } from 'yaml';
import { startProgram, waitFor } from '../e2e/processes.ts';

/** The first address of the bridge that Pods are at: the node, and so the API server, for them. */
const GATEWAY = '10.88.0.1';
const PROXY_PORT = 3128;
/** Of no registry, and so not to be reached. */
const OTHER_PORT = 5000;
const REGISTRY = 'registry.invalid';

export type Lab = Readonly<{
  folder: string;
  /** The repository that the commands work in. */
  repository: string;
  /** As Pods reach API servers. */
  serviceAddress: string;
  /** The result is all that the lines print. */
  run: (lines: string) => Promise<string>;
  /** Where reports are described to the API server. */
  reportCrds: string;
}>;

/**
 * Whether the components that only a node can show do what they are for: `reports`, as a Pod of its CronJob; `proxy`, by what
 * reaches it; and where there is a kube-router to enforce them, `network-policy` and `egress`.
 */
export async function checkComponents(lab: Lab): Promise<boolean> {
  const { repository, run, serviceAddress } = lab;
  const proxied = await startProxy();
  for (const port of [OTHER_PORT, 443]) createTcpServer().listen(port, GATEWAY);
  const components = join(repository, 'manifests/components');
  writeFileSync(join(components, 'egress/control-plane.env'), `cidr=${serviceAddress}/32\n`);
  writeFileSync(join(components, 'network-policy/control-plane.env'), `cidr=${GATEWAY}/32\n`);
  writeFileSync(join(components, 'proxy/proxy.env'), `HTTPS_PROXY=http://${GATEWAY}:${PROXY_PORT}\n`);
  writeFileSync(join(repository, 'deploy/kustomization.yaml'), stringify(KUSTOMIZATION));
  writeFileSync(join(repository, 'deploy/policy.yaml'), stringify(POLICY));
  const kubeRouter = startKubeRouter(lab);
  await run(`kubectl apply -f ${lab.reportCrds} && kubectl wait --for=condition=Established crd --all`);
  const applied = await run(
    `kubectl apply -k deploy && kubectl -n pullguard rollout status deployment/pullguard --timeout=90s`,
  );
  const outcomes = [
    tell('the Pods are ready with all of these components', applied.includes('successfully rolled out'), applied),
    await checkReports(lab),
    await checkProxy(lab, proxied),
  ];
  if (kubeRouter) outcomes.push(...(await checkNetwork(lab)));
  else console.log('network policies were not enforced: there is no kube-router on PATH');
  await run('kubectl delete -k deploy');
  return outcomes.every(Boolean);
}

const KUSTOMIZATION = {
  resources: ['../manifests'],
  components: ['reports', 'proxy', 'network-policy', 'egress'].map((name) => `../manifests/components/${name}`),
  configMapGenerator: [
    { name: 'pullguard-policy', namespace: 'pullguard', behavior: 'replace', files: ['policy.yaml'] },
  ],
  patches: [
    {
      target: { kind: 'NetworkPolicy', name: 'pullguard-egress' },
      patch: stringify([{ op: 'add', path: '/spec/egress/2/ports/-', value: { protocol: 'TCP', port: PROXY_PORT } }]),
    },
  ],
};

const POLICY = {
  apiVersion: 'pullguard.dev/v1alpha1',
  kind: 'Policy',
  registries: [{ hosts: [REGISTRY], probe: true }],
};

/** A proxy that connects nowhere. The result is where it was asked to. */
async function startProxy(): Promise<readonly string[]> {
  const asked: string[] = [];
  const proxy = createServer().on('connect', ({ url = '' }: IncomingMessage, socket: Duplex) => {
    asked.push(url);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  proxy.listen(PROXY_PORT, GATEWAY);
  await once(proxy, 'listening');
  return asked;
}

/** Whether there is one. Without it, as in most small clusters, nothing enforces a NetworkPolicy. */
function startKubeRouter({ folder }: Lab): boolean {
  try {
    execFileSync('kube-router', ['--version'], { stdio: 'ignore' });
  } catch {
    return false;
  }
  writeFileSync('/proc/sys/net/bridge/bridge-nf-call-iptables', '1');
  startProgram(folder, 'kube-router', 'kube-router', [
    `--kubeconfig=${join(folder, '.kube/config')}`,
    '--hostname-override=node',
    '--run-firewall=true',
    '--run-router=false',
    '--run-service-proxy=false',
    '--run-loadbalancer=false',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--health-port=0',
    '--iptables-sync-period=5s',
  ]);
  return true;
}

async function checkReports({ run }: Lab): Promise<boolean> {
  const created = await run(
    `kubectl create namespace audited && kubectl label namespace audited pullguard.dev/mode=audit
    kubectl -n audited create deployment wrong --image=registry.example.com/Team/wrong:1
    kubectl -n pullguard create job --from=cronjob/pullguard-reports now`,
  );
  const ended = await run(
    `kubectl -n pullguard wait --for=condition=complete job/now --timeout=90s
    kubectl -n audited get policyreports -o yaml`,
  );
  const isRight = ended.includes('policy: reference-valid');
  return tell('a Pod of the CronJob wrote the report of a namespace', isRight, created + ended);
}

async function checkProxy({ run }: Lab, proxied: readonly string[]): Promise<boolean> {
  await run(`kubectl run proxied --image=${REGISTRY}/team/app:1`);
  const isAsked = await waitFor(async () => Promise.resolve(proxied.length > 0), 30);
  const targets = [...new Set(proxied)];
  const isRight = isAsked && targets.join() === `${REGISTRY}:443`;
  return tell('the proxy is asked for the registry, and for nothing else', isRight, targets.join());
}

async function checkNetwork({ run }: Lab): Promise<readonly boolean[]> {
  const pods = 'kubectl -n pullguard get pods -l app.kubernetes.io/name=pullguard -o';
  const address = (await run(`${pods} jsonpath='{.items[0].status.podIP}'`)).trim();
  await run(`kubectl run stranger --image=pullguard:0.1.0 --image-pull-policy=Never --command -- /nodejs/bin/node -e 'setInterval(() => {}, 1e6)'
    kubectl wait --for=condition=Ready pod/stranger --timeout=60s`);
  const stranger = (await run(`kubectl get pod stranger -o jsonpath='{.status.podIP}'`)).trim();
  const cases: readonly [what: string, from: string, to: string, port: number, expected: boolean][] = [
    ['pullguard reaches HTTPS', address, GATEWAY, 443, true],
    ['pullguard reaches the proxy', address, GATEWAY, PROXY_PORT, true],
    ['pullguard does not reach another port', address, GATEWAY, OTHER_PORT, false],
    ['another Pod reaches that port', stranger, GATEWAY, OTHER_PORT, true],
    ['another Pod does not reach the webhook', stranger, address, 8443, false],
    ['nor the metrics', stranger, address, 8080, false],
  ];
  const outcomes = [];
  for (const [what, from, to, port, expected] of cases) {
    const isRight = await waitFor(async () => Promise.resolve(connects(from, to, port) === expected), 20);
    outcomes.push(tell(what, isRight, `${from} to ${to}:${port}`));
  }
  const denied = await run('kubectl create deployment denied --image=registry.example.com/Team/denied:1');
  outcomes.push(tell('and the API server reaches the webhook', denied.includes('InvalidImageName'), denied));
  return outcomes;
}

/** Whether a connection can be made from the network of the Pod that has this address. */
function connects(from: string, to: string, port: number): boolean {
  // The name of a Pod that is gone may still be there.
  const network = readdirSync('/run/netns').find((name) => runIn(name, 'ip', '-4', 'addr')?.includes(` ${from}/`));
  if (network === undefined) throw new Error(`no network has ${from}`);
  return runIn(network, 'timeout', '2', 'bash', '-c', `</dev/tcp/${to}/${port}`) !== undefined;
}

/** The output; undefined if the command fails. */
function runIn(network: string, ...command: readonly string[]): string | undefined {
  try {
    return execFileSync('ip', ['netns', 'exec', network, ...command], { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    return undefined;
  }
}

function tell(what: string, isRight: boolean, output: string): boolean {
  console.log(isRight ? what : `FAILED: ${what}\n${output}`);
  return isRight;
}
