import { readFileSync } from 'node:fs';
import { describeCause } from '../manifest/files.ts';
import { watchFiles } from '../manifest/watch-files.ts';
import { describeError } from '../text/error.ts';
import { readServingCertificate, type CertificateSource, type ServingCertificate } from './source.ts';

export type FileSourceOptions = Readonly<{
  /** PEM chain, the server's own certificate first. */
  certFile: string;
  /** PEM private key of that certificate. */
  keyFile: string;
  /** Told once of each distinct problem while the last good pair stays in use; never with key material. */
  onError: (message: string) => void;
  /** Milliseconds between two looks at the files; 1000 unless told otherwise. */
  intervalMs?: number;
}>;

/**
 * A certificate and key read from files, and read again when either changes. Only a good pair that differs replaces
 * the one in use; anything else (half written, one file ahead of the other, deleted) is reported and waited out.
 *
 * @throws Error naming the file and the cause when there is no good pair to start with.
 */
export function fileSource(options: FileSourceOptions): CertificateSource {
  const { certFile, keyFile, onError, intervalMs = 1000 } = options;
  const listeners = new Set<(certificate: ServingCertificate) => void>();
  const reported = new Set<string>();
  let retry: NodeJS.Timeout | undefined;

  // Before the first read, so that no change falls between the two.
  const stopWatching = watchFiles([certFile, keyFile], look, intervalMs);
  let certificate = readFirst();

  return {
    current: () => certificate,
    onChange: (listener) => listeners.add(listener),
    close: async () => {
      stopWatching();
      clearTimeout(retry);
      listeners.clear();
      return Promise.resolve();
    },
  };

  function readFirst(): ServingCertificate {
    try {
      return readPair(certFile, keyFile);
    } catch (error) {
      stopWatching();
      throw error;
    }
  }

  function look(): void {
    clearTimeout(retry);
    let next: ServingCertificate;
    try {
      next = readPair(certFile, keyFile);
    } catch (error) {
      report(describeError(error));
      // Not every bad read is followed by a change of the file: out of file descriptors, for one.
      retry = setTimeout(look, intervalMs).unref();
      return;
    }
    reported.clear();
    if (next.cert === certificate.cert && next.key === certificate.key) return;
    certificate = next;
    for (const listener of listeners) listener(next);
  }

  function report(problem: string): void {
    if (reported.has(problem)) return;
    reported.add(problem);
    onError(`${problem}; still serving the certificate valid until ${certificate.notAfter.toISOString()}`);
  }
}

function readPair(certFile: string, keyFile: string): ServingCertificate {
  const cert = readText(certFile);
  const key = readText(keyFile);
  try {
    return readServingCertificate(cert, key);
  } catch (error) {
    throw new Error(`cannot use certificate ${certFile} with key ${keyFile}: ${describeError(error)}`);
  }
}

/** In whatever encoding: a file in DER gets the advice for one that is no PEM. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${file}: ${describeCause(error)}`);
  }
}
