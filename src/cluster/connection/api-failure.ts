import { STATUS_CODES } from 'node:http';
import { escapeUnprintable } from '../../text/quote.ts';
import { shorten } from '../../text/quote.ts';
import { ApiError } from './api-server.ts';

/** Longest text from outside in a message, in characters: what an API server says of a field fits. */
const MAX_TEXT = 1024;

/** The error for an answer other than 2xx, with what the API server says of it. `call` names it: `GET /api/v1/secrets`. */
export function toRefusal(call: string, status: number, text: string): ApiError {
  const said = readStatus(text);
  const words =
    said?.message ??
    `${STATUS_CODES[status] ?? 'no reason given'}; these are not an API server's words, perhaps those of a proxy on the way to it`;
  return new ApiError(`the API server answers ${call} with ${status}: ${boundText(words)}`, {
    status,
    reason: boundText(said?.reason ?? ''),
  });
}

/** The JSON of an answer. @throws ApiError without a word of what it holds, as that may be a secret. */
export function parseAnswer(call: string, status: number, text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(
      `the answer to ${call} is not JSON: no API server answers like that, check the address and the proxies on the way to it`,
      { status },
    );
  }
}

/** Why there was no answer, to stand after `cannot reach <address>: `. */
export function describeNetworkFailure(error: unknown): string {
  const { code = '', message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { message: String(error) };
  const known = Object.entries(FAILURES).find(([codes]) => codes.split(' ').some((each) => code.startsWith(each)));
  return known?.[1] ?? boundText(message.replace(/^request to \S+ failed, reason: /, '') || code || 'unknown cause');
}

/** By how the codes of Node and OpenSSL begin. */
const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'no address is known for this name',
  EAI_AGAIN: 'its name cannot be looked up at the moment',
  'EHOSTUNREACH ENETUNREACH': 'no network leads there',
  ETIMEDOUT: 'no answer came',
  'ECONNRESET EPIPE ERR_STREAM_PREMATURE_CLOSE': 'the connection was cut',
  'UNABLE_TO_ SELF_SIGNED_ DEPTH_ZERO_SELF_SIGNED_':
    'its certificate is signed by an unknown authority; check the certificate-authority of the kubeconfig',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; check the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  'EPROTO ERR_SSL_WRONG_VERSION_NUMBER': 'it does not speak TLS as we do',
  'ERR_OSSL_PEM ERR_OSSL_X509 ERR_OSSL_ASN1 ERR_OSSL_EVP ERR_OSSL_RSA':
    'the certificate authority, client certificate or client key of the kubeconfig is not valid PEM, or the two do not belong together',
  HPE_: 'it does not speak HTTP',
};

/** Why we have nothing to log in with, to stand after `cannot log in to <address>: `. */
export function describeLoginFailure(error: unknown): string {
  // The text of these two begins with what they were given, which is a credential.
  if (error instanceof SyntaxError) return 'the program that the kubeconfig names for it did not print JSON';
  if (error instanceof TypeError)
    return 'the token is missing, or holds characters that none has, such as a line break; check the kubeconfig';
  const { code, syscall, path, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { message: '' };
  if (code === 'ENOENT' && syscall?.startsWith('spawn') === true)
    return `the program ${boundText(path ?? '')} that the kubeconfig names for it is not installed`;
  return boundText(message.trim()) || 'the program that the kubeconfig names for it failed without a word';
}

/** Text from outside as one line of bounded length. */
export function boundText(text: string): string {
  return shorten(escapeUnprintable(text), MAX_TEXT);
}

/** The Status object of a refusal, where it is one. */
function readStatus(text: string): Readonly<{ message: string; reason: string }> | undefined {
  try {
    const { kind, message, reason } = (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>;
    if (kind !== 'Status' || typeof message !== 'string' || message === '') return undefined;
    return { message, reason: typeof reason === 'string' ? reason : '' };
  } catch {
    return undefined;
  }
}
