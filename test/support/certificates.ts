import { makeCertificates } from '../../src/tls/self-signed.ts';
import { makeRegistryCertificates } from './registry-certificates.ts';

/** Made once for all files that a worker runs, as each pair of keys takes a third of a second. */
const kept = new Map<string, ReturnType<typeof makeCertificates>>();

/** A CA, and a certificate of it for these names. */
export async function certificatesFor(...names: readonly string[]): ReturnType<typeof makeCertificates> {
  const key = names.join();
  const certificates = kept.get(key) ?? makeCertificates({ names });
  kept.set(key, certificates);
  return certificates;
}

let ofRegistry: ReturnType<typeof makeRegistryCertificates> | undefined;

/** Certificates of registries, good ones and bad ones. */
export async function registryCertificates(): ReturnType<typeof makeRegistryCertificates> {
  return (ofRegistry ??= makeRegistryCertificates());
}
