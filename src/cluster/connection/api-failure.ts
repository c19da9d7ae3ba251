import { STATUS_CODES } from 'node:http';
import { escapeUnprintable } from '../../text/quote.ts';
import { shorten } from '../../text/quote.ts';
import { ApiError } from './api-server.ts';

/** The longest external text in a message, in characters: long enough for the field errors of an API server. */
const MAX_TEXT = 1024;

/** The error for a status other than 2xx, with the message of the API server. `call`: `GET /api/v1/secrets`. */
export function toRefusal(call: string, status: number, text: string): ApiError {
  const said = readStatus(text);
  const words =
    said?.message ??
    `${STATUS_CODES[status] ?? 'no reason given'} (not a message of an API server, perhaps of a proxy)`;
  return new ApiError(`the API server returned ${status} for ${call}: ${boundText(words)}`, {
    status,
    reason: boundText(said?.reason ?? ''),
  });
}

/** The JSON of a response. @throws ApiError without the content, which may be secret. */
export function parseAnswer(call: string, status: number, text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(
      `the answer to ${call} is not JSON, so it is not from an API server: check the server address and proxies`,
      { status },
    );
  }
}

/** Why there was no response, for use after `cannot reach <address>: `. */
export function describeNetworkFailure(error: unknown): string {
  const { code = '', message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { message: String(error) };
  const known = Object.entries(FAILURES).find(([codes]) => codes.split(' ').some((each) => code.startsWith(each)));
  return known?.[1] ?? boundText(message.replace(/^request to \S+ failed, reason: /, '') || code || 'unknown error');
}

/** By the start of the error codes of Node.js and OpenSSL. */
const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'temporary failure in name resolution',
  'EHOSTUNREACH ENETUNREACH': 'no route to host',
  ETIMEDOUT: 'timed out',
  'ECONNRESET EPIPE ERR_STREAM_PREMATURE_CLOSE': 'the connection was closed',
  'UNABLE_TO_ SELF_SIGNED_ DEPTH_ZERO_SELF_SIGNED_':
    'x509: certificate signed by unknown authority: check certificate-authority in the kubeconfig',
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: check the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name: check the server in the kubeconfig',
  'EPROTO ERR_SSL_WRONG_VERSION_NUMBER': 'TLS handshake failed: check that the server uses https',
  'ERR_OSSL_PEM ERR_OSSL_X509 ERR_OSSL_ASN1 ERR_OSSL_EVP ERR_OSSL_RSA':
    'the CA, client certificate or client key in the kubeconfig is not valid PEM, or certificate and key do not match',
  HPE_: 'the answer is not HTTP',
};

/** Why there are no credentials, for use after `cannot log in to <address>: `. */
export function describeLoginFailure(error: unknown): string {
  // The messages of these two errors start with a credential.
  if (error instanceof SyntaxError) return 'the credential plugin in the kubeconfig did not print JSON';
  if (error instanceof TypeError)
    return 'the token is missing, or has invalid characters such as a line break: check the kubeconfig';
  const { code, syscall, path, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { message: '' };
  if (code === 'ENOENT' && syscall?.startsWith('spawn') === true)
    return `the credential plugin ${boundText(path ?? '')} in the kubeconfig is not installed`;
  return boundText(message.trim()) || 'the credential plugin in the kubeconfig failed without a message';
}

/** An external text as one line of bounded length. */
export function boundText(text: string): string {
  return shorten(escapeUnprintable(text), MAX_TEXT);
}

/** The Status object of an error response, if it is one. */
function readStatus(text: string): Readonly<{ message: string; reason: string }> | undefined {
  try {
    const { kind, message, reason } = (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>;
    if (kind !== 'Status' || typeof message !== 'string' || message === '') return undefined;
    return { message, reason: typeof reason === 'string' ? reason : '' };
  } catch {
    return undefined;
  }
}
