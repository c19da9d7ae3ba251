import { pino, type DestinationStream } from 'pino';
import { isInCluster } from '../cluster/connection/api-server.ts';
import { startService, StartError, type CertificateOptions, type ServiceOptions } from '../serve/service.ts';
import { UsageError, type ExitCode } from './io.ts';
import { toUsageError } from './load-config.ts';

export type ServeOptions = Omit<ServiceOptions, 'isConnected'> &
  Readonly<{
    /** How long to serve on after SIGTERM, in seconds. */
    drainSeconds: number;
    logLevel: string;
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
  try {
    const service = await startService({ ...options, isConnected }, logger);
    const signal = await receiveSignal();
    const drainSeconds = signal === 'SIGTERM' ? options.drainSeconds : 0;
    logger.info({ signal, drainSeconds }, 'stopping');
    await service.stop(drainSeconds * 1000);
    logger.info('stopped');
    return 0;
  } catch (error) {
    throw error instanceof StartError ? toUsageError(error.cause) : error;
  } finally {
    destination.flushSync();
  }
}

/** @throws UsageError when the options do not go together. */
function checkCertificateOptions({ tlsCert, tlsKey, caOut, dnsName }: CertificateOptions): void {
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
