import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describeCause, readText as readUtf8 } from '../manifest/files.ts';
import { watchFiles } from '../manifest/watch-files.ts';
import { describeError } from '../text/error.ts';
import { splitCertificates } from './pem.ts';
import { readServingCertificate, type CertificateSource, type ServingCertificate } from './source.ts';

type WatchOptions = Readonly<{
  /** Told once of each distinct problem while the last good content stays in use; never with key material. */
  onError: (message: string) => void;
  /** Milliseconds between two looks at the files; 1000 by default. */
  intervalMs?: number;
}>;

export type FileSourceOptions = WatchOptions &
  Readonly<{
    /** PEM chain, the server's own certificate first. */
    certFile: string;
    /** PEM private key of that certificate. */
    keyFile: string;
  }>;

/** What files hold, read again when they change. `current`: the last that was good. */
export type FileSource<Value> = Readonly<{
  current: () => Value;
  /** Registers a listener, called after `current` has become something else. */
  onChange: (listener: (value: Value) => void) => void;
  close: () => Promise<void>;
}>;

/**
 * A certificate and key read from files, and read again when either changes. Only a good pair that differs replaces
 * the one in use; anything else (half written, one file ahead of the other, deleted) is reported and waited out.
 *
 * @throws Error naming the file and the cause when there is no good pair to start with.
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
 * The CAs in a file, as PEM, read again when it changes; only a good file replaces what is in use.
 *
 * @throws Error naming the cause when the file is no good to start with.
 */
export function authoritySource(file: string, options: WatchOptions): FileSource<string> {
  return watchContent([file], {
    ...options,
    read: () => readAuthorities(file),
    isSame: (one, other) => one === other,
    describeKept: () => 'still accepting clients of the earlier CAs',
  });
}

type Content<Value> = WatchOptions &
  Readonly<{
    /** @throws Error when it is no good. */
    read: () => Value;
    isSame: (one: Value, other: Value) => boolean;
    /** What a problem means. */
    describeKept: (kept: Value) => string;
  }>;

function watchContent<Value>(files: readonly string[], options: Content<Value>): FileSource<Value> {
  const { read, isSame, describeKept, onError, intervalMs = 1000 } = options;
  const listeners = new Set<(value: Value) => void>();
  const reported = new Set<string>();
  let retry: NodeJS.Timeout | undefined;

  // Before the first read, so that no change falls between the two.
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
      // Not every bad read is followed by a change of the file: out of file descriptors, for one.
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

/** Parses each of them, as OpenSSL would silently ignore an unreadable one, and then reject its clients. */
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

/** In whatever encoding: a file in DER gets the advice for one that is no PEM. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${file}: ${describeCause(error)}`);
  }
}
