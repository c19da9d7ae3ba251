import { failBy, failWith } from '../../cause/answer.ts';
import { ExchangeError, type ExchangeFailure } from './exchange-error.ts';

/** What an error of Node's resolver, sockets, TLS or HTTP means. Nothing of its text is kept, as it may be the registry's. */
export function classifyError(error: unknown): ExchangeFailure {
  if (error instanceof ExchangeError) return error.failure;
  // Several addresses were tried, and the first is the one that the resolver thinks best.
  const { code = '', message = '', syscall } = asNodeError(error instanceof AggregateError ? error.errors[0] : error);
  const known = FAILURES.get(code);
  if (known !== undefined) return known;
  // Whatever else it says of a name, such as EINVAL of one that is too long, it is not known.
  if (syscall === 'getaddrinfo') return failWith('no-such-host');
  if (code.startsWith('HPE_')) return failBy('not-http');
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_'))
    return failBy(isOtherProtocol(code + message) ? 'no-tls' : 'other-tls');
  return failBy('connection-failed');
}

function asNodeError(error: unknown): Partial<NodeJS.ErrnoException> {
  return error instanceof Error ? error : {};
}

/** Node says EPROTO for all that goes wrong in TLS, and OpenSSL's own words tell more. */
function isOtherProtocol(text: string): boolean {
  return /wrong.version.number|packet.length.too.long|http.request/i.test(text);
}

/** What Node says of certificates (`ncrypto`, `X509Pointer::ErrorCode`), and what of that means something else is left out. */
const CODES = {
  'unknown-ca': [
    'CERT_CHAIN_TOO_LONG',
    'CERT_REJECTED',
    'CERT_REVOKED',
    'CERT_SIGNATURE_FAILURE',
    'CERT_UNTRUSTED',
    'CRL_HAS_EXPIRED',
    'CRL_NOT_YET_VALID',
    'CRL_SIGNATURE_FAILURE',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'ERROR_IN_CERT_NOT_AFTER_FIELD',
    'ERROR_IN_CERT_NOT_BEFORE_FIELD',
    'ERROR_IN_CRL_LAST_UPDATE_FIELD',
    'ERROR_IN_CRL_NEXT_UPDATE_FIELD',
    'INVALID_CA',
    'INVALID_PURPOSE',
    'PATH_LENGTH_EXCEEDED',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
    'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
    'UNABLE_TO_DECRYPT_CRL_SIGNATURE',
    'UNABLE_TO_GET_CRL',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    // All for which Node has no name, such as keys that are too small and digests that are too weak.
    'UNSPECIFIED',
  ],
  'certificate-expired': ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'],
  'certificate-wrong-host': ['ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_TLS_CERT_ALTNAME_FORMAT', 'HOSTNAME_MISMATCH'],
  'no-such-host': ['ENOTFOUND'],
  // A firewall or network policy that refuses is heard as one of the last two.
  'no-route': ['EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'EADDRNOTAVAIL', 'EACCES', 'EPERM'],
  'connection-refused': ['ECONNREFUSED'],
  'connection-reset': ['ECONNRESET', 'EPIPE', 'ECONNABORTED'],
  timeout: ['ETIMEDOUT'],
} as const;

const FAILURES: ReadonlyMap<string, ExchangeFailure> = new Map(
  (Object.keys(CODES) as (keyof typeof CODES)[]).flatMap((cause) =>
    CODES[cause].map((code) => [code, failWith(cause)] as const),
  ),
);
