import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { TLSSocket } from 'node:tls';
import { escapeUnprintable, quote } from '../../text/quote.ts';
import { readPath, readString } from '../../text/json.ts';

/** `ca` is PEM. */
export type WebhookAddress = Readonly<{ url: string; ca: string }>;

/** As long as an API server waits by our manifests, and a while to look up the name. */
const TIMEOUT_MS = 5000;

/** An answer to the review below has some hundred bytes. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Calls a webhook as an API server would that trusts `ca`, with a review that asks for nothing. Resolves with what is wrong,
 * the cause and the next step, or with undefined when all is well.
 */
export async function tryWebhook(address: WebhookAddress, timeoutMs = TIMEOUT_MS): Promise<string | undefined> {
  const uid = randomUUID();
  try {
    return judgeAnswer(await post(address, reviewOf(uid), timeoutMs), uid);
  } catch (error) {
    return describeFailure(error, address.url);
  }
}

/** The deletion of a pod that nobody has, as a dry run: whoever answers it can do no harm. */
function reviewOf(uid: string): object {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid,
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      operation: 'DELETE',
      namespace: 'default',
      name: 'pullguard-install',
      userInfo: { username: 'pullguard-install' },
      object: null,
      oldObject: { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'default', name: 'pullguard-install' } },
      dryRun: true,
    },
  };
}

type Answer = Readonly<{ status: number; text: string; hasNames: boolean }>;

async function post({ url, ca }: WebhookAddress, body: object, timeoutMs: number): Promise<Answer> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      agent: false,
      ca,
      // An API server trusts what is in a caBundle, also if somebody else has signed it in turn.
      allowPartialTrustChain: true,
      signal,
    });
    sent.once('response', resolve);
    sent.once('error', reject);
    sent.end(JSON.stringify(body));
  });
  const { socket } = response;
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += chunk as string;
    if (text.length > MAX_ANSWER_BYTES) break;
  }
  return { status: response.statusCode ?? 0, text, hasNames: certificate?.subjectAltName !== undefined };
}

function judgeAnswer({ status, text, hasNames }: Answer, uid: string): string | undefined {
  if (!hasNames) return NO_NAMES;
  if (status === 404) {
    return 'nothing is served under this path (404); leave /mutate and /validate out of --url, and keep in it only what a proxy before pullguard wants';
  }
  if (status !== 200) return `it answers with ${status}, and pullguard would with 200; ${CHECK_SERVER}`;
  const answer = parse(text);
  const isAnswer = readString(answer, 'kind') === 'AdmissionReview' && readString(answer, 'response', 'uid') === uid;
  if (!isAnswer) return `it does not answer reviews, so it is no pullguard; ${CHECK_SERVER}`;
  if (readPath(answer, 'response', 'allowed') !== true) {
    return `it refuses the deletion of a pod, which pullguard never does; ${CHECK_SERVER}`;
  }
  return undefined;
}

/** Node falls back on the common name. */
const NO_NAMES =
  'its certificate has no subject alternative names, and an API server does not look at its common name; issue it again with the names that it is called by';

const CHECK_SERVER = 'check the host and port in --url: `pullguard serve` takes reviews at its --port';

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function describeFailure(error: unknown, url: string): string {
  const { name, code = '', message } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError' || name === 'AbortError') {
    return `no answer came in time; correct the host and port in --url, or have firewalls let this connection through`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return describeNames(error, url);
  const known = FAILURES.find(([pattern]) => pattern.test(`${code} ${message}`));
  return known?.[1] ?? `the connection failed: ${escapeUnprintable(message || code)}; ${CHECK_SERVER}`;
}

/** `DNS:localhost, IP Address:127.0.0.1` is what the certificate is for. */
function describeNames(error: unknown, url: string): string {
  const names = readString(error, 'cert', 'subjectaltname').replaceAll(/(?:DNS|IP Address):/g, '');
  if (names === '') return NO_NAMES;
  const host = new URL(url).hostname.replaceAll(/[[\]]/g, '');
  return `its certificate is for ${quote(names)} and not for ${host}; put one of those into --url, or issue it again with --dns-name ${host}`;
}

const WRONG_CA =
  'its certificate was not issued by the CA of --ca; give the CA that issued it: what `pullguard serve --ca-out` writes is made anew at each start';

/** Causes and next steps, by the codes of Node and OpenSSL; the cause of an EPROTO stands in its message only. */
const FAILURES: readonly (readonly [code: RegExp, text: string])[] = [
  [/^ECONNREFUSED/, 'nothing listens there; start `pullguard serve`, or correct the host and port in --url'],
  [/^(?:ENOTFOUND|EAI_AGAIN)/, 'no address is known for this name; correct the host in --url'],
  [/^(?:EHOSTUNREACH|ENETUNREACH)/, 'no network leads there; correct the host in --url'],
  [/^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_SELF_SIGNED_|CERT_SIGNATURE_FAILURE)/, WRONG_CA],
  [/^CERT_HAS_EXPIRED/, 'its certificate, or the CA of --ca, has expired; issue it again'],
  [/^CERT_NOT_YET_VALID/, 'its certificate, or the CA of --ca, is not valid yet; check the clocks of both machines'],
  [
    /ALERT_CERTIFICATE_REQUIRED/,
    'it asks for a client certificate, which API servers do not show unless they are set up for it; serve without --client-ca',
  ],
  [/SSL alert number 40/, 'it has no certificate to show yet; the /readyz of its admin port says what it waits for'],
  [
    /wrong version number|packet length too long/,
    'it does not speak TLS; give the --port of `pullguard serve`, and not its --admin-port',
  ],
  [/^HPE_/, `it does not speak HTTP; ${CHECK_SERVER}`],
  [/^(?:ECONNRESET|EPIPE)/, `it closed the connection without an answer; ${CHECK_SERVER}`],
];
