import { X509Certificate } from 'node:crypto';

/** The certificates of a PEM text and nothing else of it; or why it cannot be used, without a word of what it holds. */
export type CertificatesRead = Readonly<{ ok: true; pem: string }> | Readonly<{ ok: false; problem: string }>;

/** Reads the certificates of CAs that stand in a policy. Never throws. */
export function readCertificates(text: string): CertificatesRead {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return { ok: false, problem: HOLDS_KEY };
  const blocks = text.split(/(?=-----BEGIN )/).filter((block) => block.startsWith('-----BEGIN CERTIFICATE-----'));
  if (blocks.length === 0) return { ok: false, problem: HOLDS_NONE };
  const certificates = blocks.map((block) => readCertificate(block));
  const broken = certificates.indexOf(undefined);
  return broken < 0
    ? { ok: true, pem: certificates.join('') }
    : { ok: false, problem: describeBroken(broken, certificates.length) };
}

const HOLDS_KEY =
  'holds a private key, which does not belong here: leave the certificate alone, and have another key made, as others have seen this one';

const HOLDS_NONE =
  'holds no certificate in PEM: paste the CA with its lines "-----BEGIN CERTIFICATE-----" and "-----END CERTIFICATE-----"';

function describeBroken(at: number, count: number): string {
  const which = count === 1 ? 'a certificate' : `a certificate, number ${at + 1} of ${count},`;
  return `holds ${which} that cannot be read: paste it whole, each line as it is in the file`;
}

/** As PEM again, without what stood before or behind it. */
function readCertificate(block: string): string | undefined {
  try {
    return new X509Certificate(block).toString();
  } catch {
    return undefined;
  }
}
