import { readFileSync } from 'node:fs';
import {
  checkServerIdentity,
  createSecureContext,
  rootCertificates,
  type PeerCertificate,
  type SecureContext,
} from 'node:tls';

/** How a server has to show who it is. */
export type Trust = Readonly<{
  secureContext: SecureContext;
  checkServerIdentity: typeof checkServerIdentity;
  rejectUnauthorized: true;
}>;

/**
 * Trust in Node's roots, those in the file NODE_EXTRA_CA_CERTS, and the CAs in `ca`, PEM, beside them, as containerd has it; a
 * certificate there is trusted also when it is not its own issuer. What in it is no certificate is passed over. Takes 30 ms
 * with a CA, as all roots are read.
 */
export function createTrust(ca: string | undefined): Trust {
  return {
    secureContext: createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca !== undefined && { ca: [...rootCertificates, ...readExtraRoots(), ca], allowPartialTrustChain: true }),
    }),
    checkServerIdentity: checkIdentity,
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says: credentials are sent to who is found to be the registry.
    rejectUnauthorized: true,
  };
}

/** Node takes this file by itself only as long as it is not told any CAs. */
function readExtraRoots(): readonly string[] {
  const file = process.env['NODE_EXTRA_CA_CERTS'] ?? '';
  if (file === '') return [];
  try {
    return [readFileSync(file, 'utf8')];
  } catch {
    // Node has warned of it at the start.
    return [];
  }
}

/** Without names in its extension Node looks at a certificate's common name; Go, and so containerd, does not. */
function checkIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  return checkServerIdentity(host, { ...certificate, subject: { ...certificate.subject, CN: '' } });
}
