import type { CertificateProblem, UnreachableCause } from '../../cause/image-answer.ts';
import { ExchangeError, type ExchangeFailure } from './exchange-error.ts';

/** What an error of Node's resolver, sockets, TLS or HTTP means. Nothing of its text is kept, as it may be the registry's. */
export function classifyError(error: unknown): ExchangeFailure {
  if (error instanceof ExchangeError) return error.failure;
  // Several addresses were tried, and the first is the one that the resolver thinks best.
  const { code = '', message = '', syscall } = asNodeError(error instanceof AggregateError ? error.errors[0] : error);
  const known = FAILURES.get(code);
  if (known !== undefined) return known;
  // Whatever else it says of a name, such as EINVAL of one that is too long, it is not known.
  if (syscall === 'getaddrinfo') return { outcome: 'unreachable', cause: 'dns' };
  if (code.startsWith('HPE_')) return { outcome: 'broken', said: 'its answer is not HTTP' };
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return { outcome: 'broken', said: describeTls(code + message) };
  return { outcome: 'broken', said: 'the connection to it failed' };
}

function asNodeError(error: unknown): Partial<NodeJS.ErrnoException> {
  return error instanceof Error ? error : {};
}

/** Node says EPROTO for all that goes wrong in TLS, and OpenSSL's own words tell more. */
function describeTls(text: string): string {
  const isOtherProtocol = /wrong.version.number|packet.length.too.long|http.request/i.test(text);
  return isOtherProtocol ? 'it does not speak TLS' : 'it and pullguard cannot agree on TLS';
}

/** What Node says of certificates (`ncrypto`, `X509Pointer::ErrorCode`), and what of that means something else is left out. */
const CERTIFICATES: Readonly<Record<CertificateProblem, readonly string[]>> = {
  unknown: [
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
  expired: ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'],
  'wrong-name': ['ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_TLS_CERT_ALTNAME_FORMAT', 'HOSTNAME_MISMATCH'],
};

const CAUSES: Readonly<Record<UnreachableCause, readonly string[]>> = {
  dns: ['ENOTFOUND'],
  // A firewall or network policy that refuses is heard as one of the last two.
  'no-route': ['EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'EADDRNOTAVAIL', 'EACCES', 'EPERM'],
  refused: ['ECONNREFUSED'],
  reset: ['ECONNRESET', 'EPIPE', 'ECONNABORTED'],
  timeout: ['ETIMEDOUT'],
};

const FAILURES: ReadonlyMap<string, ExchangeFailure> = new Map([
  ...listCodes(CERTIFICATES, (problem): ExchangeFailure => ({ outcome: 'certificate', problem })),
  ...listCodes(CAUSES, (cause): ExchangeFailure => ({ outcome: 'unreachable', cause })),
]);

function listCodes<Kind extends string>(
  codes: Readonly<Record<Kind, readonly string[]>>,
  toFailure: (kind: Kind) => ExchangeFailure,
): readonly (readonly [code: string, failure: ExchangeFailure])[] {
  return (Object.keys(codes) as Kind[]).flatMap((kind) => codes[kind].map((code) => [code, toFailure(kind)] as const));
}
