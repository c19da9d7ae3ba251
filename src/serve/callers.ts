import type { TLSSocket } from 'node:tls';

/**
 * Whether the certificate that a client has shown has one of these names, as a common name or a DNS name. Every
 * certificate of a CA that API servers have theirs from would do otherwise, such as a kubelet's.
 */
export function isNamedCaller(socket: TLSSocket, names: readonly string[]): boolean {
  return readNames(socket).some((name) => names.includes(name));
}

/** Node's types do not say so: there is no subject without a certificate, and it may have several common names. */
type Shown = Readonly<{ subject?: Readonly<{ CN?: string | readonly string[] }>; subjectaltname?: string }>;

function readNames(socket: TLSSocket): readonly string[] {
  const { subject, subjectaltname: others = '' } = socket.getPeerCertificate() as Shown;
  const common = subject?.CN ?? [];
  return [...(typeof common === 'string' ? [common] : common), ...readDnsNames(others)];
}

/**
 * `DNS:a.example, IP Address:10.0.0.1` → `a.example`. Node quotes a name in which there is a comma or the like; no API server has
 * such a name, and with a quote in the text it is not certain where one begins, so that then there is none.
 */
function readDnsNames(text: string): readonly string[] {
  if (text.includes('"')) return [];
  return text.split(', ').flatMap((name) => (name.startsWith('DNS:') ? [name.slice('DNS:'.length)] : []));
}
