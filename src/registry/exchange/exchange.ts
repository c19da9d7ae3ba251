import type { IncomingHttpHeaders } from 'node:http';
import { failBy, failWith, type FailedPull } from '../../cause/answer.ts';
import type { RegistryProbe } from '../../policy/policy.ts';

/** One HTTP request to a registry or a token service. */
export type ExchangeRequest = Readonly<{
  method: 'GET' | 'HEAD';
  url: URL;
  headers: Readonly<Record<string, string>>;
  /** What is allowed: addresses, CA. */
  registry: Pick<RegistryProbe, 'ca' | 'addresses'>;
  /** A longer body is a failure. */
  maxBytes: number;
  /** When the whole probe has to be over, by `performance.now()`. */
  deadline: number;
}>;

/** `body` is complete and of the length that was announced. */
export type ExchangeResponse = Readonly<{
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** Whether the address that answered is one that the whole internet cannot reach. */
  isPrivate?: boolean;
}>;

/** Sends one request without following redirects. @throws ExchangeError */
export type Exchange = (request: ExchangeRequest) => Promise<ExchangeResponse>;

/** Why there is no response. */
export type ExchangeFailure =
  | FailedPull
  /** Its address is one that the policy does not allow. */
  | Readonly<{ outcome: 'forbidden-address'; address: string }>
  /** DNS failed or did not answer, which says nothing of the host that was looked for. */
  | Readonly<{ outcome: 'dns-failed' }>
  /** The proxy did not connect, which says nothing of the host behind it. */
  | Readonly<{ outcome: 'proxy-failed'; proxy: string; says: string }>;

/** `proxy`: its name and port. `says`: `HTTP 407`, or why it cannot be reached. */
export function proxyFailed(proxy: string, says: string): ExchangeFailure {
  return { outcome: 'proxy-failed', proxy, says };
}

/** Has no cause on purpose: errors of Node hold what the registry wrote, and the certificate that it showed. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  readonly failure: ExchangeFailure;

  constructor(failure: ExchangeFailure) {
    super(`the exchange failed: ${failure.outcome === 'failed' ? failure.cause : failure.outcome}`);
    this.failure = failure;
  }
}

/** What an error of Node's resolver, sockets, TLS or HTTP means. Nothing of its text is kept, as it may be the registry's. */
export function classifyError(error: unknown): ExchangeFailure {
  if (error instanceof ExchangeError) return error.failure;
  // Several addresses were tried, and the first is the one that the resolver thinks best.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const { code = '', message = '', syscall }: Partial<NodeJS.ErrnoException> = first instanceof Error ? first : {};
  const known = FAILURES.get(code);
  if (known !== undefined) return known;
  // Other errors of the lookup, such as EINVAL for a name that is too long, also mean that the host does not exist.
  if (syscall === 'getaddrinfo') return failWith('no-such-host');
  if (code.startsWith('HPE_')) return failBy('not-http');
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_'))
    return failBy(isOtherProtocol(code + message) ? 'no-tls' : 'other-tls');
  return failBy('connection-failed');
}

/** Node.js returns EPROTO for all TLS errors; the code of OpenSSL says more. */
function isOtherProtocol(text: string): boolean {
  return /wrong.version.number|packet.length.too.long|http.request/i.test(text);
}

/** Node's error codes by cause, those of certificates as in `X509Pointer::ErrorCode`. Codes with another meaning are left out. */
const CODES = {
  // UNSPECIFIED is all for which Node has no name, such as keys that are too small and digests that are too weak.
  'unknown-ca': `CERT_CHAIN_TOO_LONG CERT_REJECTED CERT_REVOKED CERT_SIGNATURE_FAILURE CERT_UNTRUSTED CRL_HAS_EXPIRED
    CRL_NOT_YET_VALID CRL_SIGNATURE_FAILURE DEPTH_ZERO_SELF_SIGNED_CERT ERROR_IN_CERT_NOT_AFTER_FIELD
    ERROR_IN_CERT_NOT_BEFORE_FIELD ERROR_IN_CRL_LAST_UPDATE_FIELD ERROR_IN_CRL_NEXT_UPDATE_FIELD INVALID_CA INVALID_PURPOSE
    PATH_LENGTH_EXCEEDED SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY UNABLE_TO_DECRYPT_CERT_SIGNATURE
    UNABLE_TO_DECRYPT_CRL_SIGNATURE UNABLE_TO_GET_CRL UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    UNABLE_TO_VERIFY_LEAF_SIGNATURE UNSPECIFIED`,
  'certificate-expired': 'CERT_HAS_EXPIRED CERT_NOT_YET_VALID',
  'certificate-wrong-host': 'ERR_TLS_CERT_ALTNAME_INVALID ERR_TLS_CERT_ALTNAME_FORMAT HOSTNAME_MISMATCH',
  'no-such-host': 'ENOTFOUND',
  // A firewall or network policy that rejects connections is seen as EACCES or EPERM.
  'no-route': 'EHOSTUNREACH ENETUNREACH ENETDOWN EHOSTDOWN EADDRNOTAVAIL EACCES EPERM',
  'connection-refused': 'ECONNREFUSED',
  'connection-reset': 'ECONNRESET EPIPE ECONNABORTED',
  timeout: 'ETIMEDOUT',
} as const;

const FAILURES: ReadonlyMap<string, ExchangeFailure> = new Map(
  (Object.keys(CODES) as (keyof typeof CODES)[]).flatMap((cause) =>
    CODES[cause].split(/\s+/).map((code) => [code, failWith(cause)] as const),
  ),
);
