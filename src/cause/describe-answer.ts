import type { ImageReference } from '../image/reference.ts';
import { quote } from '../text/quote.ts';
import { adviseOn, speaksNoTls, type SecretsAsked } from './advise-on-answer.ts';
import type { FailedPull, ImageAnswer } from './image-answer.ts';
import { quoteFirst } from '../text/list.ts';
import { CCE_SECRET } from '../image/swr.ts';

/** What a registry says of an image that cannot be pulled from it. */
export type FailedAnswer = ImageAnswer & FailedPull;

/** How it was asked, and when, in milliseconds since 1970, if that is known. */
export type Asking = SecretsAsked & Readonly<{ now: number | undefined }>;

/**
 * A failed answer in words. `message`: the cause, then in short what to do, one line without a full stop; within 170
 * characters for names of an ordinary length, within 256 for any. `remedy`: all that there is to do, in whole sentences,
 * with commands to copy.
 */
export function describeFailure(
  answer: FailedAnswer,
  reference: ImageReference,
  asking: Asking,
): Readonly<{ message: string; remedy: string }> {
  const endpoint = cutMiddle(answer.endpoint, MAX_ENDPOINT);
  return {
    message: tell(answer, endpoint, reference, asking),
    remedy: adviseOn(answer, reference, asking),
  };
}

/** Why nobody can say whether an image can be pulled, in a few words: `connection refused`, `HTTP 503`. */
export function nameCause(answer: Exclude<FailedPull, { outcome: 'denied' | 'not-found' }>): string {
  switch (answer.outcome) {
    case 'certificate':
      return CERTIFICATE_CAUSES[answer.problem];
    case 'unreachable':
      return UNREACHABLE_CAUSES[answer.cause];
    case 'rate-limited':
      return 'too many requests';
    case 'broken':
      return answer.said;
  }
}

const CERTIFICATE_CAUSES = {
  unknown: 'certificate signed by an unknown CA',
  expired: 'certificate has expired or is not yet valid',
  'wrong-name': 'certificate is for another host',
} as const;

/** In the words of kubelet's events, so that they are recognised. */
const UNREACHABLE_CAUSES = {
  dns: 'no such host',
  'no-route': 'no route to host',
  refused: 'connection refused',
  reset: 'connection reset',
  timeout: 'timeout',
} as const;

// Of a long name the end is shown as well: a port, the last part of a path.
const MAX_ENDPOINT = 50;
const MAX_NAME = 40;

function tell(answer: FailedPull, endpoint: string, reference: ImageReference, { secrets, now }: Asking): string {
  switch (answer.outcome) {
    case 'denied':
      return `${endpoint} ${tellDenied(answer, reference, secrets)}`;
    case 'not-found':
      return `${endpoint} has no ${tellMissing(answer, reference)}`;
    case 'certificate':
      return `the certificate of ${endpoint} ${tellCertificate(answer, endpoint)}`;
    case 'unreachable':
      return `pullguard cannot reach ${endpoint} (${nameCause(answer)}): ${WAYS[answer.cause]}`;
    case 'rate-limited':
      return `${endpoint} limits pulls ${tellEnd(answer.endsAt, now)}: push the image to SWR and pull it from there`;
    case 'broken':
      return `${endpoint} does not work as a registry should (${nameCause(answer)}): ${speaksNoTls(answer) ? 'check the port, or have plain HTTP allowed' : 'ask who runs it'}`;
  }
}

/** Registries do not let on that a repository exists to those who may not see it, so to be denied may mean either. */
function tellDenied(
  { asked, lacks }: Extract<FailedPull, { outcome: 'denied' }>,
  { repository }: ImageReference,
  secrets: readonly string[],
): string {
  const absent = `or there is no ${cutMiddle(repository, MAX_NAME)}`;
  if (asked === 'anonymously') {
    return lacks === 'login'
      ? `gives it to nobody without a user and password, ${absent}: name a pull secret that has them, or correct the address`
      : `does not let just anybody pull it, ${absent}: name a pull secret of a user who may, or correct the address`;
  }
  const whose = nameSecrets(secrets);
  return lacks === 'login'
    ? `refuses the user and password ${whose}: ${adviseRefused(secrets)}`
    : `does not let the user ${whose} pull it, ${absent}: give the user that right, or correct the address`;
}

function nameSecrets(secrets: readonly string[]): string {
  if (secrets.length === 0) return 'it was given';
  return `of pull secret${secrets.length === 1 ? '' : 's'} ${quoteFirst(secrets, 1, MAX_NAME)}`;
}

function adviseRefused(secrets: readonly string[]): string {
  if (secrets.length !== 1) return 'give it the right ones';
  return secrets[0] === CCE_SECRET
    ? 'wait until CCE has renewed it, or name one of your own'
    : 'make it again with the right ones';
}

function tellMissing(
  { missing }: Extract<FailedPull, { outcome: 'not-found' }>,
  { repository, tag, digest }: ImageReference,
): string {
  const where = cutMiddle(repository, MAX_NAME);
  if (missing === 'repository') return `repository ${where}: correct the address, or push the image`;
  if (digest !== undefined) {
    return `image ${digest.slice(0, DIGEST_SHOWN)}… in ${where}: correct the digest, or push the image`;
  }
  const advice = tag === undefined ? 'name one that is there' : 'correct the tag';
  return `tag ${quote(tag ?? 'latest', MAX_NAME)} in ${where}: ${advice}, or push the image`;
}

/** `sha256:` and what people compare digests by. */
const DIGEST_SHOWN = 19;

function tellCertificate({ problem }: Extract<FailedPull, { outcome: 'certificate' }>, endpoint: string): string {
  switch (problem) {
    case 'unknown': {
      // A command that is cut is worse than none.
      const command = endpoint.includes('…') ? '' : ` (openssl s_client -showcerts -connect ${endpoint})`;
      return `is signed by a CA that is unknown here: add the CA on each node${command}`;
    }
    case 'expired':
      return 'has expired or is not yet valid: have it renewed, or put the clock right';
    case 'wrong-name':
      return 'is for another host: write the host that it is for, or have it name this one';
  }
}

const OPEN_A_WAY = 'give the nodes a way there, such as a public IP (EIP), or push the image to SWR';

const WAYS = {
  dns: 'correct the address, or have DNS know the host',
  'no-route': OPEN_A_WAY,
  refused: 'check the port, and that the registry runs',
  reset: OPEN_A_WAY,
  timeout: OPEN_A_WAY,
} as const;

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 24 * 60 * MS_PER_MINUTE;

/** `until 14:05Z` within a day, `until 2026-06-02T14:05Z` later, and just `now` when it says nothing that makes sense. */
function tellEnd(endsAt = NaN, now = -Infinity): string {
  const end = new Date(Math.ceil(endsAt / MS_PER_MINUTE) * MS_PER_MINUTE);
  if (Number.isNaN(end.getTime()) || endsAt <= now || end.getUTCFullYear() > 9999) return 'now';
  const text = `${end.toISOString().slice(0, 16)}Z`;
  return `until ${endsAt - now < MS_PER_DAY ? text.slice(text.indexOf('T') + 1) : text}`;
}

function cutMiddle(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit / 2 - 1)}…${text.slice(-limit / 2)}`;
}
