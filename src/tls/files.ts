import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describeCause, readText as readUtf8 } from '../manifest/files.ts';
import { watchFiles } from '../manifest/watch-files.ts';
import { describeError } from '../text/error.ts';
import {
  readServingCertificate,
  splitCertificates,
  type CertificateSource,
  type ServingCertificate,
  type Source,
} from './source.ts';

type WatchOptions = Readonly<{
  /** Called once for each distinct problem, while the last valid content stays in use; never with key material. */
  onError: (message: string) => void;
  /** Milliseconds between checks of the files; 1000 by default. */
  intervalMs?: number;
}>;

export type FileSourceOptions = WatchOptions &
  Readonly<{
    /** PEM chain, the server's own certificate first. */
    certFile: string;
    /** PEM private key of that certificate. */
    keyFile: string;
  }>;

/**
 * A certificate and key in files, reloaded when either changes. Only a valid and different pair replaces the current one.
 * Anything else (half written, only one file replaced yet, deleted) is reported, and the files are read again.
 *
 * @throws Error with the file's name and the cause when there is no valid pair at the start.
 */
export function fileSource({ certFile, keyFile, ...options }: FileSourceOptions): CertificateSource {
  return watchContent([certFile, keyFile], {
    ...options,
    read: () => readPair(certFile, keyFile),
    isSame: (one, other) => one.cert === other.cert && one.key === other.key,
    describeKept: ({ notAfter }) => `still serving the certificate valid until ${notAfter.toISOString()}`,
  });
}

/**
 * The CAs in a file, as PEM, reloaded when it changes; only valid content replaces the current one.
 *
 * @throws Error with the cause when the file is invalid at the start.
 */
export function authoritySource(file: string, options: WatchOptions): Source<string> {
  return watchContent([file], {
    ...options,
    read: () => readAuthorities(file),
    isSame: (one, other) => one === other,
    describeKept: () => 'still accepting clients of the earlier CAs',
  });
}

type Content<Value> = WatchOptions &
  Readonly<{
    /** @throws Error when the content is invalid. */
    read: () => Value;
    isSame: (one: Value, other: Value) => boolean;
    /** What is still in use despite a problem. */
    describeKept: (kept: Value) => string;
  }>;

function watchContent<Value>(files: readonly string[], options: Content<Value>): Source<Value> {
  const { read, isSame, describeKept, onError, intervalMs = 1000 } = options;
  const listeners = new Set<(value: Value) => void>();
  const reported = new Set<string>();
  let retry: NodeJS.Timeout | undefined;

  // Before the first read, so that no change is missed in between.
  const stopWatching = watchFiles(files, look, intervalMs);
  let current = readFirst();

  return {
    current: () => current,
    onChange: (listener) => listeners.add(listener),
    close: async () => {
      stopWatching();
      clearTimeout(retry);
      listeners.clear();
      return Promise.resolve();
    },
  };

  function readFirst(): Value {
    try {
      return read();
    } catch (error) {
      stopWatching();
      throw error;
    }
  }

  function look(): void {
    clearTimeout(retry);
    let next: Value;
    try {
      next = read();
    } catch (error) {
      report(describeError(error));
      // Not every failed read is followed by a change of the file, for example if file descriptors ran out.
      retry = setTimeout(look, intervalMs).unref();
      return;
    }
    reported.clear();
    if (isSame(next, current)) return;
    current = next;
    for (const listener of listeners) listener(next);
  }

  function report(problem: string): void {
    if (reported.has(problem)) return;
    reported.add(problem);
    onError(`${problem}; ${describeKept(current)}`);
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

/** Parses each certificate, as OpenSSL would silently ignore an unreadable one, and then reject its clients. */
function readAuthorities(file: string): string {
  try {
    const text = readUtf8(file);
    const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1;
    // Node.js treats a text without a certificate as "no CA", and would then silently reject all clients.
    if (begun === 0) throw new Error('it holds no "BEGIN CERTIFICATE" line');
    const blocks = splitCertificates(text);
    if (blocks.length < begun) throw new Error('a "BEGIN CERTIFICATE" line has no END line');
    return blocks.map((block, index) => readAuthority(block, index + 1)).join('');
  } catch (error) {
    const advice = 'give PEM certificates of the CAs of permitted clients';
    throw new Error(`--client-ca ${file} cannot be used: ${describeCause(error)}; ${advice}`, { cause: error });
  }
}

function readAuthority(block: string, number: number): string {
  try {
    return new X509Certificate(block).toString();
  } catch {
    throw new Error(`certificate ${number} in it cannot be parsed`);
  }
}

/** In any encoding: a DER file gets the advice about PEM. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${file}: ${describeCause(error)}`);
  }
}
