import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { describeCause, readText } from '../manifest/files.ts';
import { fileSource } from '../tls/files.ts';
import type { CertificateSource } from '../tls/source.ts';

export type CertificateOptions = Readonly<{
  tlsCert?: string;
  tlsKey?: string;
  caOut?: string;
  dnsName: readonly string[];
}>;

/** Under these names a webhook is called from the same machine, and by an API server through its Service. */
const DEFAULT_NAMES = [
  'localhost',
  '127.0.0.1',
  '::1',
  'pullguard.pullguard.svc',
  'pullguard.pullguard.svc.cluster.local',
];

/** The certificate in the files given, or one that is made. @throws Error that says why there is none. */
export async function openCertificate(
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

/** The CAs that may call, as PEM. @throws Error that says what is wrong with the file. */
export function readClientCa(file: string): string {
  try {
    const pem = readText(file);
    // Node takes a text that holds no certificate for "no CA at all", and would then refuse everybody without a word.
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it holds no "BEGIN CERTIFICATE" line');
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    throw new Error(
      `--client-ca ${file} cannot be used: ${describeCause(error)}; give PEM certificates of the CAs that may call`,
      { cause: error },
    );
  }
}
