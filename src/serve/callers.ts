import type { TLSSocket } from 'node:tls';

/**
 * Whether the certificate of a client has one of these names, as a common name or a DNS name. Without this check, every
 * certificate of the CA of the API servers would be accepted, such as a kubelet's.
 */
export function isNamedCaller(socket: TLSSocket, names: readonly string[]): boolean {
  return readNames(socket).some((name) => names.includes(name));
}

/** Node's types lack that there is no subject without a certificate, and that it may have several common names. */
type Shown = Readonly<{ subject?: Readonly<{ CN?: string | readonly string[] }>; subjectaltname?: string }>;

function readNames(socket: TLSSocket): readonly string[] {
  const { subject, subjectaltname: others = '' } = socket.getPeerCertificate() as Shown;
  const common = subject?.CN ?? [];
  return [...(typeof common === 'string' ? [common] : common), ...readDnsNames(others)];
}

/**
 * `DNS:a.example, IP Address:10.0.0.1` → `a.example`. Node.js quotes a name that contains a comma or similar characters. No API
 * server has such a name, and a quote makes it uncertain where a name begins, so no name of such a text is used.
 */
function readDnsNames(text: string): readonly string[] {
  if (text.includes('"')) return [];
  return text.split(', ').flatMap((name) => (name.startsWith('DNS:') ? [name.slice('DNS:'.length)] : []));
}
