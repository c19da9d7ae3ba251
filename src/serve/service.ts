import { writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ConnectOptions } from '../cluster/connection/connect.ts';
import type { Policy } from '../engine/rule.ts';
import { describeCause } from '../manifest/files.ts';
import { keepAnswerable } from '../policy/policy.ts';
import { filePolicySource, hashPolicyText, type PolicySource } from '../policy/reload.ts';
import type { FactName, Facts } from '../pull/facts.ts';
import { readProxies } from '../registry/exchange/proxies.ts';
import { defaultPolicy, loadPolicy } from '../rules/policy.ts';
import { describeError } from '../text/error.ts';
import { authoritySource, fileSource } from '../tls/files.ts';
import { hostProblem, validityProblem, type CertificateSource } from '../tls/source.ts';
import type { Metrics } from './metrics.ts';
import type { ClusterOptions, JoinedCluster } from './serve-cluster.ts';
import { explainIgnoredProbe, openRegistries, type Registries } from './serve-registries.ts';
import { createLargeReviews } from './large-reviews.ts';
import { cutText } from './decide.ts';
import { createRecreations } from './recreations.ts';
import { startServer, type RunningServer } from './start-server.ts';

export type ServiceOptions = CertificateOptions &
  ClusterOptions &
  ConnectOptions &
  Readonly<{
    /** Policy file; the built-in policy by default. */
    config?: string;
    host: string;
    port: number;
    adminPort: number;
    /** File with the CAs of permitted clients, reloaded when it changes. */
    clientCa?: string;
    /** The certificate of a client must have one of these names. */
    clientName?: readonly string[];
    /** Whether requests to registries are disabled. */
    offline: boolean;
    /** Whether to connect to a cluster. */
    isConnected: boolean;
  }>;

export type CertificateOptions = Readonly<{
  tlsCert?: string;
  tlsKey?: string;
  caOut?: string;
  dnsName: readonly string[];
}>;

/** A server cannot start because of its options or environment; `cause` says why. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

type Outputs = Readonly<{ logger: Logger; metrics: Metrics }>;

/** Resources to close at the end, the last first. */
type Closers = (() => unknown)[];

/**
 * Assembles a server and starts it.
 *
 * @throws StartError after closing everything that would keep the process alive.
 */
export async function startService(options: ServiceOptions, outputs: Outputs): Promise<Pick<RunningServer, 'stop'>> {
  const closers: Closers = [];
  const close = async (): Promise<void> => {
    const closing = Promise.allSettled(
      closers.reverse().map(async (each) => {
        await each();
      }),
    );
    await Promise.race([closing, wait(CLOSE_MS, undefined, { ref: false })]);
  };
  try {
    const { stop } = await openService(options, outputs, closers);
    return {
      stop: async (drainMs) => {
        await stop(drainMs);
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The longest that an API server without an answer may delay a stop. */
const CLOSE_MS = 5000;

/** Log messages by where a problem occurred. */
const PROBLEMS = { certificate: 'certificate error', cluster: 'cluster error' } as const;

async function openService(
  options: ServiceOptions,
  { logger, metrics }: Outputs,
  closers: Closers,
): Promise<Pick<RunningServer, 'stop'>> {
  const { host, config, offline, isConnected } = options;
  const reportProblem = (about: 'certificate' | 'cluster', problem: string): void => {
    metrics.errors.inc({ where: about });
    logger.error({ problem }, PROBLEMS[about]);
  };
  const reportMisfit = (problem: string): void => {
    logger.warn({ problem }, 'names do not fit');
  };
  const reportCertificate = (problem: string): void => {
    reportProblem('certificate', problem);
  };
  const { clientCa: clientCaFile, clientName: clientNames = [] } = options;
  const clientCa = await orExplain(() =>
    clientCaFile === undefined ? undefined : authoritySource(clientCaFile, { onError: reportCertificate }),
  );
  if (clientCa !== undefined) closers.push(clientCa.close);
  let cluster = NO_CLUSTER;
  let registries: Registries | undefined;
  const gathered = listGathered(options);
  let policyHash = '';
  const adapt = (policy: Policy, text?: string): Policy => {
    policyHash = text === undefined ? 'built-in' : hashPolicyText(text);
    metrics.policyInfo.reset();
    metrics.policyInfo.set({ hash: policyHash }, 1);
    const problem = explainIgnoredProbe(policy, { offline, isConnected });
    if (problem !== undefined) logger.warn({ problem }, 'probe in the policy has no full effect');
    return keepAnswerable(policy, gathered);
  };
  const policy = await orExplain(() =>
    watchPolicy(config, adapt, (problem) => {
      metrics.policyReloads.inc({ result: problem === undefined ? 'success' : 'failure' });
      if (problem !== undefined) {
        metrics.errors.inc({ where: 'policy' });
        logger.error({ file: config, problem }, 'policy reload failed, keeping the last valid policy');
        return;
      }
      logger.info({ file: config, policyHash }, 'policy reloaded');
      cluster.onPolicyChange();
      registries?.onPolicyChange();
    }),
  );
  closers.push(policy.close);
  const surroundings = { policy: policy.current, metrics, logger };
  if (isConnected) {
    // Loaded only here: the Kubernetes client takes longer to load than everything else together.
    const [{ connectToCluster }, { joinCluster }] = await Promise.all([
      import('../cluster/connection/connect.ts'),
      import('./serve-cluster.ts'),
    ]);
    const api = await orExplain(() => connectToCluster(options));
    const callersAreProven = clientNames.length > 0;
    cluster = await joinCluster({ ...options, callersAreProven }, api, {
      ...surroundings,
      reportProblem,
      reportMisfit,
    });
    closers.push(cluster.close);
  }
  const { settings, readKeyring } = cluster;
  if (!offline) {
    const proxyFor = await orExplain(() => readProxies(process.env));
    registries = openRegistries({ ...surroundings, facts: settings.facts, readKeyring, proxyFor });
    closers.push(registries.close);
  }
  const large = createLargeReviews({
    policyText: policy.text,
    gathered,
    onFailure: (error) => {
      metrics.errors.inc({ where: 'admission' });
      logger.error({ err: error }, 'large review failed');
    },
  });
  closers.push(large.close);
  const recreations = createRecreations({
    policy: policy.current,
    onChange: (result, { namespace, source, pod }) => {
      metrics.recreationLoops.inc({ result });
      const place = { namespace: cutText(namespace), owner: cutText(source), pod: cutText(pod) };
      logger.warn(place, result === 'stopped' ? 'images not replaced, Pod is recreated' : 'images replaced again');
    },
    onNotices: (notices) => {
      cluster.record(notices);
    },
  });
  const certificate = cluster.certificate ?? (await orExplain(async () => openCertificate(options, reportCertificate)));
  const { port, adminPort, stop } = await orExplain(async () =>
    startServer({
      ...options,
      ...settings,
      ...surroundings,
      ...(registries !== undefined && { registries: registries.current }),
      large,
      recreations,
      certificate,
      clientCa,
      clientNames,
    }).catch((error: unknown) => {
      throw new Error(explainListenError(error, host), { cause: error });
    }),
  );
  const checkValidity = (): void => {
    const serving = certificate.current();
    const problem = serving === undefined ? undefined : validityProblem(serving, new Date());
    if (problem !== undefined) reportCertificate(problem);
    const { serviceHost } = cluster;
    if (serving === undefined || serviceHost === undefined) return;
    const misfit = hostProblem(serving, serviceHost);
    if (misfit !== undefined) reportMisfit(misfit);
  };
  checkValidity();
  certificate.onChange(checkValidity);
  const rules = policy.current().rules.map(({ rule }) => rule.id);
  logger.info(
    { host, port, adminPort, policy: config ?? 'default', policyHash, cluster: cluster.url, rules },
    'listening',
  );
  return { stop };
}

async function orExplain<T>(step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw new StartError(describeError(error), { cause: error });
  }
}

/** The facts that rules can get with these options. */
function listGathered({ secrets, watchNodes, watchPulls, offline, isConnected }: ServiceOptions): readonly FactName[] {
  return [
    ...(isConnected ? (['namespaces', 'serviceAccounts'] as const) : []),
    ...(isConnected && secrets !== 'none' ? (['pullSecrets'] as const) : []),
    ...(isConnected && watchNodes ? (['nodes'] as const) : []),
    ...(isConnected && watchPulls ? (['pulls'] as const) : []),
    ...(!offline ? (['registries'] as const) : []),
  ];
}

/** Without a cluster no facts are known, and no Events are written. */
const NO_CLUSTER: JoinedCluster = {
  url: 'none',
  settings: { facts: (): Facts => ({}) },
  // The content of pull secrets is unknown.
  readKeyring: async (_namespace, names) => Promise.resolve({ entries: [], isComplete: names.length === 0 }),
  onPolicyChange: () => undefined,
  record: () => undefined,
  close: async () => Promise.resolve(),
};

function watchPolicy(
  file: string | undefined,
  adapt: (policy: Policy, text?: string) => Policy,
  onChange: (problem?: string) => void,
): PolicySource<Policy> {
  if (file === undefined) {
    const policy = adapt(defaultPolicy());
    return { current: () => policy, text: () => undefined, close: () => undefined };
  }
  return filePolicySource(file, {
    load: (text, name) => adapt(loadPolicy(text, name), text),
    onReload: onChange,
    onError: onChange,
  });
}

/** The names of the webhook on its own machine, and behind its Service. */
const DEFAULT_NAMES = [
  'localhost',
  '127.0.0.1',
  '::1',
  'pullguard.pullguard.svc',
  'pullguard.pullguard.svc.cluster.local',
];

/** The certificate in the given files, or a new one. */
async function openCertificate(
  { tlsCert, tlsKey, caOut, dnsName }: CertificateOptions,
  onError: (problem: string) => void,
): Promise<CertificateSource> {
  if (tlsCert !== undefined && tlsKey !== undefined) {
    return fileSource({ certFile: tlsCert, keyFile: tlsKey, onError });
  }
  // Loaded only here: not needed with certificates from files.
  const { selfSignedSource } = await import('../tls/self-signed.ts');
  const source = await selfSignedSource({ names: dnsName.length > 0 ? dnsName : DEFAULT_NAMES, onError });
  if (caOut !== undefined) writeCa(caOut, source.ca);
  return source;
}

function writeCa(file: string, pem: string): void {
  try {
    writeFileSync(file, pem);
  } catch (error) {
    throw new Error(`--ca-out ${file} cannot be written: ${describeCause(error)}`, { cause: error });
  }
}

function explainListenError(error: unknown, host: string): string {
  const { code, port, message } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') {
    return `port ${port ?? ''} on ${host} is in use (EADDRINUSE): stop the process that uses it, or choose another with --port or --admin-port`;
  }
  if (code === 'EACCES') {
    return `port ${port ?? ''} cannot be opened (permission denied): choose one above 1023 with --port or --admin-port`;
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${host} is not an address of this machine: choose another with --host`;
  }
  return `cannot listen on ${host}: ${message}`;
}
