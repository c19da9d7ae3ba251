import { writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ConnectOptions } from '../cluster/connection/connect.ts';
import type { Policy } from '../engine/rule.ts';
import { describeCause } from '../manifest/files.ts';
import { keepAnswerable } from '../policy/policy.ts';
import { filePolicySource, type PolicySource } from '../policy/reload.ts';
import type { FactName, Facts } from '../pull/facts.ts';
import { defaultPolicy, loadPolicy } from '../rules/policy.ts';
import { describeError } from '../text/error.ts';
import { authoritySource, fileSource } from '../tls/files.ts';
import { validityProblem, type CertificateSource } from '../tls/source.ts';
import type { Metrics } from './metrics.ts';
import type { ClusterOptions, JoinedCluster } from './serve-cluster.ts';
import { explainSilence, openRegistries, type Registries } from './serve-registries.ts';
import { createLargeReviews } from './large-reviews.ts';
import { startServer, type RunningServer } from './start-server.ts';

export type ServiceOptions = CertificateOptions &
  ClusterOptions &
  ConnectOptions &
  Readonly<{
    /** Policy file; the default policy without one. */
    config?: string;
    host: string;
    port: number;
    adminPort: number;
    /** File with the CAs that may call, read again when it changes. */
    clientCa?: string;
    /** Names of which the certificate of a caller must have one. */
    clientName?: readonly string[];
    /** Asks no registry. */
    offline: boolean;
    /** Whether there is a cluster to ask. */
    isConnected: boolean;
  }>;

export type CertificateOptions = Readonly<{
  tlsCert?: string;
  tlsKey?: string;
  caOut?: string;
  dnsName: readonly string[];
}>;

/** Why a server cannot start, as `cause`: for whoever starts it to mend. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

type Outputs = Readonly<{ logger: Logger; metrics: Metrics }>;

/** What was opened, to be closed at the end, the last first. */
type Closers = (() => unknown)[];

/**
 * Puts a server together, and starts it.
 *
 * @throws StartError, and leaves nothing open that would keep the process alive.
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

/** What an API server that does not answer may cost a stop. */
const CLOSE_MS = 5000;

async function openService(
  options: ServiceOptions,
  { logger, metrics }: Outputs,
  closers: Closers,
): Promise<Pick<RunningServer, 'stop'>> {
  const { host, config, offline, isConnected } = options;
  const reportTrouble = (about: 'certificate' | 'cluster', problem: string): void => {
    metrics.errors.inc({ where: about });
    logger.error({ problem }, `${about} trouble`);
  };
  const reportCertificate = (problem: string): void => {
    reportTrouble('certificate', problem);
  };
  const { clientCa: clientCaFile, clientName: clientNames = [] } = options;
  const clientCa = await orExplain(() =>
    clientCaFile === undefined ? undefined : authoritySource(clientCaFile, { onError: reportCertificate }),
  );
  if (clientCa !== undefined) closers.push(clientCa.close);
  let cluster = NO_CLUSTER;
  let registries: Registries | undefined;
  const gathered = listGathered(options);
  const adapt = (policy: Policy): Policy => {
    const problem = explainSilence(policy, { offline, isConnected });
    if (problem !== undefined) logger.warn({ problem }, 'registries are not asked as the policy says');
    return keepAnswerable(policy, gathered);
  };
  const policy = await orExplain(() =>
    watchPolicy(config, adapt, (problem) => {
      metrics.policyReloads.inc({ result: problem === undefined ? 'success' : 'failure' });
      if (problem !== undefined) {
        metrics.errors.inc({ where: 'policy' });
        logger.error({ file: config, problem }, 'the changed policy cannot be used, the last good one stays');
        return;
      }
      logger.info({ file: config }, 'policy reloaded');
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
    cluster = await joinCluster({ ...options, callersAreProven }, api, { ...surroundings, reportTrouble });
    closers.push(cluster.close);
  }
  const { settings, readKeyring } = cluster;
  if (!offline) {
    registries = openRegistries({ ...surroundings, facts: settings.facts, readKeyring });
    closers.push(registries.close);
  }
  const large = createLargeReviews({
    policyText: policy.text,
    gathered,
    onFailure: (error) => {
      metrics.errors.inc({ where: 'admission' });
      logger.error({ err: error }, 'a large review failed');
    },
  });
  closers.push(large.close);
  const certificate = cluster.certificate ?? (await orExplain(async () => openCertificate(options, reportCertificate)));
  const { port, adminPort, stop } = await orExplain(async () =>
    startServer({
      ...options,
      ...settings,
      ...surroundings,
      ...(registries !== undefined && { registries: registries.current }),
      large,
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
  };
  checkValidity();
  certificate.onChange(checkValidity);
  const rules = policy.current().rules.map(({ rule }) => rule.id);
  logger.info({ host, port, adminPort, policy: config ?? 'default', cluster: cluster.url, rules }, 'listening');
  return { stop };
}

async function orExplain<T>(step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw new StartError(describeError(error), { cause: error });
  }
}

/** What rules can be told with these options: of a cluster, and of the registries that the policy has asked. */
function listGathered({ secrets, watchNodes, offline, isConnected }: ServiceOptions): readonly FactName[] {
  return [
    ...(isConnected ? (['namespaces', 'serviceAccounts'] as const) : []),
    ...(isConnected && secrets !== 'none' ? (['pullSecrets'] as const) : []),
    ...(isConnected && watchNodes ? (['nodes'] as const) : []),
    ...(!offline ? (['registries'] as const) : []),
  ];
}

/** Where no cluster is asked nothing is known, and nobody is told. */
const NO_CLUSTER: JoinedCluster = {
  url: 'none',
  settings: { facts: (): Facts => ({}) },
  // Nobody can say what is in the pull secrets that a pod names.
  readKeyring: async (_namespace, names) => Promise.resolve({ entries: [], isComplete: names.length === 0 }),
  onPolicyChange: () => undefined,
  close: async () => Promise.resolve(),
};

function watchPolicy(
  file: string | undefined,
  adapt: (policy: Policy) => Policy,
  onChange: (problem?: string) => void,
): PolicySource<Policy> {
  if (file === undefined) {
    const policy = adapt(defaultPolicy());
    return { current: () => policy, text: () => undefined, close: () => undefined };
  }
  return filePolicySource(file, {
    load: (text, name) => adapt(loadPolicy(text, name)),
    onReload: onChange,
    onError: onChange,
  });
}

/** Under these names a webhook is called from the same machine, and by an API server through its Service. */
const DEFAULT_NAMES = [
  'localhost',
  '127.0.0.1',
  '::1',
  'pullguard.pullguard.svc',
  'pullguard.pullguard.svc.cluster.local',
];

/** The certificate in the files given, or one that is made. */
async function openCertificate(
  { tlsCert, tlsKey, caOut, dnsName }: CertificateOptions,
  onError: (problem: string) => void,
): Promise<CertificateSource> {
  if (tlsCert !== undefined && tlsKey !== undefined) {
    return fileSource({ certFile: tlsCert, keyFile: tlsKey, onError });
  }
  // Loaded only here: node-forge is of no use to a server that is given its certificate.
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
    return `port ${port ?? ''} on ${host} is taken: stop what listens there, or choose with --port and --admin-port`;
  }
  if (code === 'EACCES') {
    return `port ${port ?? ''} may not be opened without more rights: choose one above 1023 with --port and --admin-port`;
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${host} is no address of this machine: choose another with --host`;
  }
  return `cannot listen on ${host}: ${message}`;
}
