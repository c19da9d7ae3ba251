import { pino, type DestinationStream, type Logger } from 'pino';
import { isInCluster } from '../cluster/connection/api-server.ts';
import { defaultPolicy, loadPolicy } from '../rules/policy.ts';
import { filePolicySource, type PolicySource } from '../policy/reload.ts';
import type { FactName, Facts } from '../pull/facts.ts';
import type { Policy } from '../engine/rule.ts';
import { keepAnswerable } from '../policy/policy.ts';
import { createMetrics, type Metrics } from '../serve/metrics.ts';
import { startServer, type ServerSettings } from '../serve/start-server.ts';
import { describeError } from '../text/error.ts';
import { validityProblem } from '../tls/source.ts';
import { UsageError, type ExitCode } from './io.ts';
import { explainPolicyErrors } from './load-config.ts';
import { openCertificate, readClientCa, type CertificateOptions } from '../serve/serve-certificate.ts';
import type { ConnectionOptions } from './options.ts';
import type { ClusterOptions, JoinedCluster } from '../serve/serve-cluster.ts';
import { explainSilence, openRegistries, type Registries } from '../serve/serve-registries.ts';

export type ServeOptions = CertificateOptions &
  ClusterOptions &
  ConnectionOptions &
  Readonly<{
    config?: string;
    host: string;
    port: number;
    adminPort: number;
    clientCa?: string;
    /** How long to serve on after SIGTERM, in seconds. */
    drainSeconds: number;
    logLevel: string;
    offline: boolean;
  }>;

/** A page of memory, or a tenth of a second, whichever comes first. */
const LOG_BUFFER_BYTES = 4096;
const LOG_FLUSH_MS = 100;

/** `pullguard serve`: runs the webhook until it is told to stop. */
export async function serve(options: ServeOptions): Promise<ExitCode> {
  checkCertificateOptions(options);
  const isConnected = asksCluster(options);
  // Written in the background and several lines at a time: a log on a slow disk or pipe must not delay an admission.
  const destination = pino.destination({
    dest: 1,
    sync: false,
    minLength: LOG_BUFFER_BYTES,
    periodicFlush: LOG_FLUSH_MS,
  });
  const logger = pino(
    { level: options.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    destination as DestinationStream,
  );
  const metrics = createMetrics();
  try {
    await serveUntilSignal(options, isConnected, metrics, logger);
    return 0;
  } finally {
    destination.flushSync();
  }
}

/** What rules can be told with these options: of a cluster, and of the registries that the policy has asked. */
function listGathered({ secrets, watchNodes, offline }: ServeOptions, isConnected: boolean): readonly FactName[] {
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

async function serveUntilSignal(
  options: ServeOptions,
  isConnected: boolean,
  metrics: Metrics,
  logger: Logger,
): Promise<void> {
  const { clientCa: clientCaFile } = options;
  const clientCa = clientCaFile === undefined ? undefined : await explainErrors(() => readClientCa(clientCaFile));
  let cluster = NO_CLUSTER;
  let registries: Registries | undefined;
  const onReload = (): void => {
    cluster.onPolicyChange();
    registries?.onPolicyChange();
  };
  const gathered = listGathered(options, isConnected);
  const adapt = (policy: Policy): Policy => {
    const problem = explainSilence(policy, { offline: options.offline, isConnected });
    if (problem !== undefined) logger.warn({ problem }, 'registries are not asked as the policy says');
    return keepAnswerable(policy, gathered);
  };
  const policy = watchPolicy(options.config, { metrics, logger, adapt, onReload });
  if (isConnected) {
    // Loaded only here: the Kubernetes client takes longer to load than everything else together.
    const [{ reachCluster }, { joinCluster }] = await Promise.all([
      import('./reach-cluster.ts'),
      import('../serve/serve-cluster.ts'),
    ]);
    cluster = await joinCluster(options, reachCluster(options), { policy: policy.current, metrics, logger });
  }
  if (!options.offline) {
    const { settings, readKeyring } = cluster;
    registries = openRegistries({ policy: policy.current, facts: settings.facts, readKeyring, metrics, logger });
  }
  const certificate =
    cluster.certificate ?? (await explainErrors(async () => openCertificate(options, reportTrouble(metrics, logger))));
  const server = await startServer({
    ...options,
    ...cluster.settings,
    ...(registries !== undefined && { registries: registries.current }),
    certificate,
    ...(clientCa !== undefined && { clientCa }),
    policy: policy.current,
    metrics,
    logger,
  }).catch((error: unknown) => {
    throw new UsageError(explainListenError(error, options), { cause: error });
  });
  warnOfValidity(certificate, metrics, logger);
  certificate.onChange(() => {
    warnOfValidity(certificate, metrics, logger);
  });
  const { port, adminPort } = server;
  logger.info(
    {
      host: options.host,
      port,
      adminPort,
      policy: options.config ?? 'default',
      cluster: cluster.url,
      rules: policy.current().rules.map(({ rule }) => rule.id),
    },
    'listening',
  );
  const signal = await receiveSignal();
  const drainSeconds = signal === 'SIGTERM' ? options.drainSeconds : 0;
  logger.info({ signal, drainSeconds }, 'stopping');
  await server.stop(drainSeconds * 1000);
  policy.close();
  registries?.close();
  await cluster.close();
  logger.info('stopped');
}

/** What goes wrong as it starts is for whoever started it to mend. */
async function explainErrors<T>(start: () => T | Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    throw new UsageError(describeError(error), { cause: error });
  }
}

/** @throws UsageError when the options do not go together. */
export function checkCertificateOptions({ tlsCert, tlsKey, caOut, dnsName }: CertificateOptions): void {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError('--tls-cert and --tls-key go together: give both, or neither to have a certificate made');
  }
  const useless = caOut !== undefined ? '--ca-out' : dnsName.length > 0 ? '--dns-name' : undefined;
  if (tlsCert !== undefined && useless !== undefined) {
    throw new UsageError(`${useless} is for the certificate that pullguard makes itself; leave it out with --tls-cert`);
  }
}

/** Whether there is a cluster to ask: the one it is told of, or the one it runs in. */
function asksCluster({ offline, kubeconfig, context, tlsSecret }: ServeOptions): boolean {
  if (offline) return false;
  if (kubeconfig !== undefined || context !== undefined || isInCluster()) return true;
  if (tlsSecret === undefined) return false;
  throw new UsageError(
    '--tls-secret needs a cluster and this is no pod with a token: mount its service account token, or give --kubeconfig',
  );
}

function watchPolicy(
  file: string | undefined,
  {
    metrics,
    logger,
    adapt,
    onReload,
  }: { metrics: Metrics; logger: Logger; adapt: (policy: Policy) => Policy; onReload: () => void },
): PolicySource<Policy> {
  if (file === undefined) {
    const policy = adapt(defaultPolicy());
    return { current: () => policy, close: () => undefined };
  }
  return explainPolicyErrors(() =>
    filePolicySource(file, {
      load: (text, name) => adapt(loadPolicy(text, name)),
      onReload: () => {
        metrics.policyReloads.inc({ result: 'success' });
        logger.info({ file }, 'policy reloaded');
        onReload();
      },
      onError: (problem) => {
        metrics.policyReloads.inc({ result: 'failure' });
        metrics.errors.inc({ where: 'policy' });
        logger.error({ file, problem }, 'the changed policy cannot be used, the last good one stays');
      },
    }),
  );
}

function reportTrouble(metrics: Metrics, logger: Logger): (problem: string) => void {
  return (problem) => {
    metrics.errors.inc({ where: 'certificate' });
    logger.error({ problem }, 'certificate trouble');
  };
}

function warnOfValidity(certificate: ServerSettings['certificate'], metrics: Metrics, logger: Logger): void {
  const serving = certificate.current();
  const problem = serving === undefined ? undefined : validityProblem(serving, new Date());
  if (problem !== undefined) reportTrouble(metrics, logger)(problem);
}

function explainListenError(error: unknown, { host }: ServeOptions): string {
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

/** Resolves at the first signal; a second one ends the process at once, as people expect of Ctrl-C twice. */
async function receiveSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = ['SIGTERM', 'SIGINT'] as const;
    const receive = (signal: NodeJS.Signals): void => {
      for (const each of signals) process.off(each, receive);
      resolve(signal);
    };
    for (const signal of signals) process.on(signal, receive);
  });
}
