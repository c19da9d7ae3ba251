import { pino, type DestinationStream, type Logger } from 'pino';
import { isInCluster } from '../cluster/connection/api-server.ts';
import { createMetrics } from '../serve/metrics.ts';
import { startService, StartError, type CertificateOptions, type ServiceOptions } from '../serve/service.ts';
import { toUsageError, UsageError, type ExitCode } from './io.ts';
import { createLogOutput, formatLogLine } from './log-output.ts';
import { COMMIT, VERSION } from './version.ts';
import { useColor } from './terminal.ts';

export type ServeOptions = Omit<ServiceOptions, 'isConnected'> &
  Readonly<{
    /** How long to keep serving after SIGTERM, in seconds. */
    drainSeconds: number;
    logLevel: string;
    /** As JSON, or as text for a person; by default text on a terminal. */
    logFormat?: 'json' | 'text';
  }>;

/** How long unfinished work, such as a call to an API server that hangs, may keep the process alive after a stop. */
const LEFTOVERS_MS = 1000;

/** `pullguard serve`: runs the webhook until it receives a signal. */
export async function serve(options: ServeOptions): Promise<ExitCode> {
  checkCertificateOptions(options);
  if (options.clientName !== undefined && options.clientCa === undefined) {
    throw new UsageError('--client-name needs --client-ca: add the file with the CA of these clients');
  }
  const isConnected = asksCluster(options);
  const metrics = createMetrics();
  metrics.buildInfo.set({ version: VERSION, commit: COMMIT ?? 'unknown' }, 1);
  const output = createLogOutput({
    // Read from process.stdout, as Node.js then makes a pipe non-blocking: otherwise a write would block a thread.
    fd: process.stdout.fd,
    onDropped: () => {
      metrics.logLinesDropped.inc();
    },
  });
  const { logLevel, logFormat = process.stdout.isTTY ? 'text' : 'json' } = options;
  const color = useColor(process.stdout);
  const logger = createLogger(
    logLevel,
    logFormat === 'json'
      ? output
      : {
          write: (line) => {
            output.write(formatLogLine(line, color));
          },
        },
  );
  try {
    const service = await startService({ ...options, isConnected }, { logger, metrics });
    const signal = await receiveSignal();
    const drainSeconds = signal === 'SIGINT' ? 0 : options.drainSeconds;
    logger.info({ signal, drainSeconds }, 'stopping');
    await service.stop(drainSeconds * 1000);
    logger.info('stopped');
    setTimeout(() => process.exit(), LEFTOVERS_MS).unref();
    return 0;
  } catch (error) {
    throw error instanceof StartError ? toUsageError(error.cause) : error;
  } finally {
    await output.end();
  }
}

/** Levels are words: the numbers are pino's own, and log collectors filter by words. */
function createLogger(level: string, destination: DestinationStream): Logger {
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino({ level, formatters, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

/** @throws UsageError if the options contradict each other */
function checkCertificateOptions({ tlsCert, tlsKey, caOut, dnsName }: CertificateOptions): void {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError(
      '--tls-cert and --tls-key belong together: give both, or neither to have a certificate created',
    );
  }
  const useless = caOut !== undefined ? '--ca-out' : dnsName.length > 0 ? '--dns-name' : undefined;
  if (tlsCert !== undefined && useless !== undefined) {
    throw new UsageError(
      `${useless} is for a certificate that pullguard creates: leave it out, or leave out --tls-cert`,
    );
  }
}

/** Whether there is a cluster to connect to: the one of the options, or the one that pullguard runs in. */
function asksCluster({ offline, kubeconfig, context, tlsSecret }: ServeOptions): boolean {
  if (offline) return false;
  if (kubeconfig !== undefined || context !== undefined || isInCluster()) return true;
  if (tlsSecret === undefined) return false;
  throw new UsageError(
    '--tls-secret needs a cluster, and no service account token was found: mount the token in the Pod, or give --kubeconfig',
  );
}

/**
 * Resolves at the first signal. SIGHUP, sent by a terminal as it closes, counts as SIGTERM. A second signal, such as Ctrl-C, ends
 * the process at once.
 */
async function receiveSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;
    const receive = (signal: NodeJS.Signals): void => {
      for (const each of signals) process.off(each, receive);
      resolve(signal);
    };
    for (const signal of signals) process.on(signal, receive);
  });
}
