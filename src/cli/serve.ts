import { writeFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { pino, type DestinationStream, type Logger } from 'pino';
import { defaultPolicy } from '../config/load-policy.ts';
import { filePolicySource, type PolicySource } from '../config/policy-source.ts';
import { describeCause, readText } from '../config/read-text.ts';
import { createMetrics, type Metrics } from '../server/metrics.ts';
import { startServer } from '../server/start-server.ts';
import { fileSource } from '../tls/files.ts';
import { validityProblem, type CertificateSource } from '../tls/source.ts';
import { UsageError, type ExitCode } from './io.ts';
import { explainPolicyErrors } from './load-config.ts';

export type ServeOptions = Readonly<{
  config?: string;
  host: string;
  port: number;
  adminPort: number;
  tlsCert?: string;
  tlsKey?: string;
  caOut?: string;
  dnsName: readonly string[];
  clientCa?: string;
  /** How long to serve on after SIGTERM, in seconds. */
  drainSeconds: number;
  logLevel: string;
  offline: boolean;
}>;

/** Under these names a webhook is called from the same machine, and by an API server through its Service. */
const DEFAULT_NAMES = [
  'localhost',
  '127.0.0.1',
  '::1',
  'pullguard.pullguard.svc',
  'pullguard.pullguard.svc.cluster.local',
];

/** A page of memory, or a tenth of a second, whichever comes first. */
const LOG_BUFFER_BYTES = 4096;
const LOG_FLUSH_MS = 100;

/** `pullguard serve`: runs the webhook until it is told to stop. */
export async function serve(options: ServeOptions): Promise<ExitCode> {
  checkOptions(options);
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
    const policy = watchPolicy(options.config, metrics, logger);
    const certificate = await openCertificate(options, metrics, logger);
    const clientCa = options.clientCa === undefined ? undefined : readClientCa(options.clientCa);
    const server = await startServer({
      ...options,
      certificate,
      ...(clientCa !== undefined && { clientCa }),
      policy: policy.current,
      facts: () => ({}),
      metrics,
      logger,
    }).catch((error: unknown) => {
      throw new UsageError(explainListenError(error, options), { cause: error });
    });
    warnOfValidity(certificate, logger);
    certificate.onChange(() => {
      warnOfValidity(certificate, logger);
    });
    const { port, adminPort } = server;
    logger.info(
      { host: options.host, port, adminPort, policy: options.config ?? 'default', offline: options.offline },
      'listening',
    );
    const signal = await receiveSignal();
    const drainSeconds = signal === 'SIGTERM' ? options.drainSeconds : 0;
    logger.info({ signal, drainSeconds }, 'stopping');
    await server.stop(drainSeconds * 1000);
    policy.close();
    certificate.close();
    logger.info('stopped');
    return 0;
  } finally {
    destination.flushSync();
  }
}

function checkOptions({ tlsCert, tlsKey, caOut, dnsName }: ServeOptions): void {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError('--tls-cert and --tls-key go together: give both, or neither to have a certificate made');
  }
  const useless = caOut !== undefined ? '--ca-out' : dnsName.length > 0 ? '--dns-name' : undefined;
  if (tlsCert !== undefined && useless !== undefined) {
    throw new UsageError(`${useless} is for the certificate that pullguard makes itself; leave it out with --tls-cert`);
  }
}

function watchPolicy(file: string | undefined, metrics: Metrics, logger: Logger): PolicySource {
  if (file === undefined) {
    const policy = defaultPolicy();
    return { current: () => policy, close: () => undefined };
  }
  return explainPolicyErrors(() =>
    filePolicySource(file, {
      onReload: () => {
        metrics.policyReloads.inc({ result: 'success' });
        logger.info({ file }, 'policy reloaded');
      },
      onError: (problem) => {
        metrics.policyReloads.inc({ result: 'failure' });
        metrics.errors.inc({ where: 'policy' });
        logger.error({ file, problem }, 'the changed policy cannot be used, the last good one stays');
      },
    }),
  );
}

async function openCertificate(options: ServeOptions, metrics: Metrics, logger: Logger): Promise<CertificateSource> {
  const onError = (problem: string): void => {
    metrics.errors.inc({ where: 'certificate' });
    logger.error({ problem }, 'certificate trouble');
  };
  try {
    if (options.tlsCert !== undefined && options.tlsKey !== undefined) {
      return fileSource({ certFile: options.tlsCert, keyFile: options.tlsKey, onError });
    }
    // Loaded only here: node-forge is of no use to a server that is given its certificate.
    const { selfSignedSource } = await import('../tls/self-signed.ts');
    const source = await selfSignedSource({
      names: options.dnsName.length > 0 ? options.dnsName : DEFAULT_NAMES,
      onError,
    });
    if (options.caOut !== undefined) writeCa(options.caOut, source.ca);
    return source;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function writeCa(file: string, pem: string): void {
  try {
    writeFileSync(file, pem);
  } catch (error) {
    throw new Error(`--ca-out ${file} cannot be written: ${describeCause(error)}`, { cause: error });
  }
}

function readClientCa(file: string): string {
  try {
    const pem = readText(file);
    // Node takes a text that holds no certificate for "no CA at all", and would then refuse everybody without a word.
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it holds no "BEGIN CERTIFICATE" line');
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    throw new UsageError(
      `--client-ca ${file} cannot be used: ${describeCause(error)}; give PEM certificates of the CAs that may call`,
      { cause: error },
    );
  }
}

function warnOfValidity(certificate: CertificateSource, logger: Logger): void {
  const problem = validityProblem(certificate.current(), new Date());
  if (problem !== undefined) logger.error({ problem }, 'certificate trouble');
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
