import { DOCKER_HUB, readReference, type ImageReference } from '../image/reference.ts';
import { LONGEST_FAILURE } from '../text/bounds.ts';
import { causeOf, type CauseCode } from './causes.ts';
import { ALL_IS_WELL, OF_NO_PULL, READINGS, WITHOUT_REASON, type Reading } from './failure-phrases.ts';
import { findHost, findImage, findPlatform, findStatus, isOfSandbox } from './failure-facts.ts';
import { maskNames, unescapeMessage, type MaskedMessage } from './mask-names.ts';

/** What a message of kubelet or a container engine says about a failed pull. Its texts are not redacted yet. */
export type Failure = Readonly<{
  /** `unknown`: a pull failed, but the message has no known words. */
  cause: CauseCode | 'unknown';
  /** Other possible causes of the same words, most likely first. */
  alternatives: readonly CauseCode[];
  /** As written in the Pod, if the message contains it. */
  image: string | undefined;
  reference: ImageReference | undefined;
  /** Host, and port where one is written, that was asked: of a mirror or a proxy it is not the image's. */
  host: string | undefined;
  /** Of the HTTP answer. */
  status: number | undefined;
  /** `linux/arm64`: what the image is not for. */
  platform: string | undefined;
  /** The decisive clause, or the last one of an unknown message. */
  says: string;
  /** Whether it is the image of the sandbox, which no Pod names. */
  ofSandbox: boolean;
}>;

/** `failed`; `well` for an event of a successful pull; `other` for messages without known words about a pull. */
export type MessageReading = Readonly<{ kind: 'failed'; failure: Failure }> | Readonly<{ kind: 'well' | 'other' }>;

/**
 * Finds out why a pull failed from the words of an event, a status or a log line. Takes linear time; never throws.
 *
 * @param isOfPull whether the message is known to be about a pull. If not, only messages that mention an image or a pull are
 * read: `connection refused` also occurs in other log lines.
 */
export function readFailure(message: string, isOfPull = true): MessageReading {
  const text = unescapeMessage(bound(message));
  const { words } = maskNames(text, []);
  if (isOfOther(words)) return { kind: 'other' };
  const image = findImage(text);
  if (!isOfPull && image === undefined && !OF_IMAGE.test(words)) return { kind: 'other' };
  const attempts = splitAttempts(text).flatMap((attempt) => readAttempt(attempt, image) ?? []);
  const [furthest, ...others] = attempts.toSorted((a, b) => rank(b.reading.cause) - rank(a.reading.cause));
  return furthest === undefined
    ? readWithoutCause(text, image)
    : { kind: 'failed', failure: joinAttempts(furthest, others, text, image) };
}

/** One attempt: kubelet tries all credentials in turn, CRI-O all mirrors. */
type Attempt = Readonly<{ masked: MaskedMessage; reading: Omit<Reading, 'phrases'>; at: number }>;

function readAttempt(text: string, image: string | undefined): Attempt | undefined {
  const masked = maskNames(text, namesOf(image));
  const status = findStatus(masked.words);
  const words = status === undefined ? masked.words : putStatus(masked.words, status);
  const isOfPull = (image !== undefined || IS_OF_PULL.test(words)) && !OTHER_NOT_FOUND.test(words);
  const isCutStatus = status === undefined && CUT_STATUS.test(words);
  const mayBe = ({ isWeak, cause }: Reading): boolean =>
    (isWeak !== true || isOfPull) && !(isCutStatus && cause === 'broken-registry');
  const cut = readCutOff(masked, isOfPull);
  // The decisive words are at the end, and may be cut off.
  const readings = cut?.isCertain === true ? PARTED.slice(0, cut.order) : PARTED;
  for (const { reading, phrases } of readings) {
    const phrase = mayBe(reading) ? phrases.find((each) => findPhrase(words, each) >= 0) : undefined;
    if (phrase !== undefined) return { masked, reading, at: findPhrase(words, phrase) };
  }
  return cut;
}

/** A status that was cut off, so that it is unknown whether it is unexpected. */
const CUT_STATUS = /unexpected (?:status[^]|http status)/;

/** Whether something else fails, and no failed pull is mentioned before it. */
function isOfOther(words: string): boolean {
  const pull = words.search(PULL_FAILS);
  const others = [...OF_NO_PULL.map((phrase) => words.indexOf(phrase)), words.search(OTHER_NOT_FOUND)];
  return others.some((at) => at >= 0 && (pull < 0 || at < pull));
}

const OF_IMAGE = /pull|manifest|registry|blob|layer|image|sandbox/;

/** The same, or any request of kubelet to a container engine. */
const IS_OF_PULL = new RegExp(`${OF_IMAGE.source}|rpc error: `);

/**
 * Other objects of a Pod: `secret "a" not found`. If a pull fails because of one, the end of the message is not about the image.
 */
const OTHER_NOT_FOUND =
  /(?:secret|configmap|serviceaccount|persistentvolumeclaim|storageclass|runtimeclass|priorityclass|pod|node|container|task|volume|namespace)s? "?·{1,300}"?:? (?:is )?not found|(?:sandbox|container|task) (?:with id · )?not found|sub ?path "·{1,300}" does not exist/;

/** The status in one form, beside where it stands. */
function putStatus(words: string, { at, status }: Readonly<{ at: number; status: number }>): string {
  return `${words.slice(0, at)}#${status} ${words.slice(at)}`;
}

/** The readings with their phrases in parts, as `a … b` has two. */
const PARTED = READINGS.map((reading) => ({ reading, phrases: reading.phrases.map((phrase) => phrase.split(' … ')) }));

/** Where a phrase begins; -1 where it does not stand. */
function findPhrase(words: string, parts: readonly string[]): number {
  let start = -1;
  let from = 0;
  for (const part of parts) {
    const at = part === EOF ? words.search(EOF_ALONE) : words.indexOf(part, from);
    if (at < 0) return -1;
    if (start < 0) start = at;
    from = at + part.length;
  }
  return start;
}

const EOF = 'eof';

/** So that no longer word is taken for it. */
const EOF_ALONE = /(?<![a-z0-9])eof(?![a-z0-9])/;

/** A clause that was begun, and where the reading of it stands. */
type CutOff = Attempt & Readonly<{ order: number; isCertain: boolean }>;

/**
 * Events are cut off at 1024 bytes, and users shorten what they paste: a clause that is cut off counts if few causes start like
 * it.
 */
function readCutOff(masked: MaskedMessage, isOfPull: boolean): CutOff | undefined {
  const words = masked.words.trimEnd().replace(/["\])]{1,20}$/, '');
  const at = endOfLead(words);
  const begun = words.slice(at).replace(/[.…]{1,3}$/, '');
  if (at === 0 || begun.length < SHORTEST_BEGUN || begun.endsWith(':')) return undefined;
  if (WHOLE.has(begun) || WITHOUT_CAUSE.some((clause) => clause.startsWith(begun))) return undefined;
  const isBegun = (parts: readonly string[]): boolean =>
    parts.at(-1)?.startsWith(begun) === true && (parts.length === 1 || findPhrase(words, parts.slice(0, -1)) >= 0);
  const found = PARTED.filter(
    ({ reading, phrases }) => (reading.isWeak !== true || isOfPull) && phrases.some((parts) => isBegun(parts)),
  );
  const [first] = found;
  if (first === undefined) return undefined;
  const { cause, or = [] } = first.reading;
  // Of a longer phrase, such as `lookup … i/o timeout`, the first part says enough.
  const isLonger = first.phrases.some((parts) => parts.length > 1 && isBegun(parts));
  const others = isLonger ? [] : found.map(({ reading }) => reading.cause).filter((each) => each !== cause);
  if (others.length > MOST_BEGUN) return undefined;
  const order = PARTED.indexOf(first);
  return { masked, reading: { cause, or: [...others, ...or] }, at, order, isCertain: others.length === 0 };
}

/** Complete clauses, even if some phrases start with them: `not found`. */
const WHOLE: ReadonlySet<string> = new Set(
  READINGS.flatMap(({ phrases }) => phrases.map((phrase) => phrase.replace(/^[:=] /, ''))),
);

/** Causes besides the first that a clause may be the beginning of: with more of them it says nothing. */
const MOST_BEGUN = 2;

/** Clauses about what was attempted, not why it failed. */
const WITHOUT_CAUSE: readonly string[] = [
  'failed to authorize',
  'failed to copy',
  'failed to do request',
  'failed to fetch anonymous token',
  'failed to fetch oauth token',
  'failed to pull and unpack image',
  'failed to resolve reference',
  'unexpected status from',
  'unexpected status code',
];

/** Characters of a clause: a shorter one may be complete, or the start of anything. */
const SHORTEST_BEGUN = 8;

/** Where the last clause begins, behind a colon or what gRPC puts before a message; 0 where there is one clause alone. */
function endOfLead(words: string): number {
  const ends = CLAUSES.map((sign) => [words.lastIndexOf(sign), sign.length] as const);
  return Math.max(0, ...ends.map(([at, length]) => (at < 0 ? 0 : at + length)));
}

const CLAUSES = [': ', 'desc = '];

/** The attempt that got furthest counts: if the image was not found with one of the credentials, the registry accepted these. */
function joinAttempts(
  { masked, reading, at }: Attempt,
  others: readonly Attempt[],
  text: string,
  image: string | undefined,
): Failure {
  const reference = image === undefined ? undefined : readReference(image);
  const { cause, alternatives } = readCauses(reading, reference);
  const more = others.map(({ reading }) => reading.cause);
  return {
    cause,
    alternatives: [...new Set([...alternatives, ...more])].filter((each) => each !== cause),
    image,
    reference,
    host: findHost(masked),
    status: findStatus(masked.words)?.status,
    platform: findPlatform(masked.text),
    says: clauseAt(masked.text, at),
    ofSandbox: isOfSandbox(text),
  };
}

function readCauses(
  { cause, or = [], onDockerHub }: Omit<Reading, 'phrases'>,
  reference: ImageReference | undefined,
): Readonly<{ cause: CauseCode; alternatives: readonly CauseCode[] }> {
  if (onDockerHub === undefined || reference?.registry !== DOCKER_HUB) return { cause, alternatives: or };
  return { cause: onDockerHub, alternatives: [cause, ...or].filter((each) => each !== onDockerHub) };
}

/** Among causes about credentials, a later one means that the attempt got further. */
function rank(cause: CauseCode): number {
  if (causeOf(cause).about !== 'credentials') return 10;
  return CREDENTIALS.indexOf(cause);
}

const CREDENTIALS: readonly CauseCode[] = [
  'credentials-missing',
  'token-denied-anonymous',
  'anonymous-denied',
  'credentials-refused',
  'token-denied',
  'access-denied',
];

function readWithoutCause(text: string, image: string | undefined): MessageReading {
  const masked = maskNames(text, namesOf(image));
  const { words } = masked;
  if (ALL_IS_WELL.some((phrase) => words.includes(phrase)) && !FAILS.test(words)) return { kind: 'well' };
  if (!PULL_FAILS.test(words)) return { kind: 'other' };
  const reference = image === undefined ? undefined : readReference(image);
  const facts = { alternatives: [], image, reference, host: findHost(masked), platform: undefined };
  const rest = { ...facts, status: undefined, ofSandbox: isOfSandbox(text) };
  const cause = hasReason(words) ? 'unknown' : 'back-off';
  return { kind: 'failed', failure: { cause, says: lastClause(masked), ...rest } };
}

const FAILS = /fail|error|unable|cannot|could not|back-off|refused|denied/;
const PULL_FAILS =
  /failed to pull|back-off pulling|errimagepull|imagepullbackoff|pullimage .{0,20}failed|error pulling|failed pulling|unable to pull|image pull failed|failed to resolve reference|initializing source|failed to pull and unpack|failed to record image pull intent/;

/** Whether a message has other words than those of all such messages. */
function hasReason(words: string): boolean {
  let rest = words;
  for (const phrase of WITHOUT_REASON) rest = rest.split(phrase).join(' ');
  return /[a-z]{3}/.test(rest);
}

/** Starts of the message of one attempt, within a list in brackets. */
const STARTS = [
  'rpc error: ',
  'failed to pull and unpack image ',
  'Error response from daemon: ',
  'unable to pull image ',
  'initializing source ',
  'Source image rejected',
  'failed to "StartContainer"',
];

/** Splits `[a, b]`, kubelet's list for several credentials, and what CRI-O appends about mirrors and another kind of artifact. */
function splitAttempts(text: string): readonly string[] {
  const own = cutBefore(text, '; artifact err: ');
  const mirrors = own.indexOf(MIRRORS);
  const end = mirrors < 0 ? -1 : own.indexOf(']): ', mirrors);
  const parts = end < 0 ? [own] : [own.slice(end + 4), own.slice(mirrors, end)];
  return parts.flatMap((part) => splitList(part));
}

const MIRRORS = '(Mirrors also failed: ';

function splitList(text: string): readonly string[] {
  const bracket = STARTS.map((start) => text.indexOf(`[${start}`)).filter((at) => at >= 0);
  if (bracket.length === 0) return [text];
  const cuts = new Set([0]);
  for (const start of STARTS) {
    const separator = `, ${start}`;
    for (let at = text.indexOf(separator); at >= 0; at = text.indexOf(separator, at + 1)) cuts.add(at + 2);
  }
  const sorted = [...cuts].toSorted((a, b) => a - b).slice(0, MOST_ATTEMPTS);
  return sorted.map((cut, index) => text.slice(cut, sorted[index + 1]));
}

/** The most credentials that kubelet tries for an image; further attempts are not split. */
const MOST_ATTEMPTS = 20;

function cutBefore(text: string, sign: string): string {
  const at = text.indexOf(sign);
  return at < 0 ? text : text.slice(0, at);
}

/** An image and what messages make of it: without its tag, with Docker Hub's full name, its tag alone. */
function namesOf(image: string | undefined): readonly string[] {
  if (image === undefined) return [];
  const reference = readReference(image);
  if (reference === undefined) return [image];
  const { registry, repository } = reference;
  const short = repository.startsWith('library/') ? repository.slice('library/'.length) : repository;
  return [image, `${registry}/${repository}`, repository, `${short}:${reference.tag ?? 'latest'}`, short].filter(
    // A short name may be an ordinary word: it is blanked only in places where a name is expected.
    (name) => /[/:@]/.test(name),
  );
}

const MOST_SAID = 200;

/** The clause at a position, with short clauses before it such as `x509:`, up to the end of the attempt. */
function clauseAt(text: string, at: number): string {
  let start = startOfClause(text, at);
  for (let before = startOfClause(text, start - 2); start - before <= SHORT_CLAUSE && before < start;) {
    start = before;
    before = startOfClause(text, start - 2);
  }
  const rest = text.slice(start, start + MOST_SAID);
  const end = /\n|, (?:rpc error|failed to pull)/.exec(rest)?.index ?? rest.length;
  return closeQuotes(rest.slice(0, end).trim());
}

/** Without the quote that ends what the clause stands in. */
function closeQuotes(clause: string): string {
  const isOpen = clause.split('"').length % 2 === 0;
  return isOpen && clause.endsWith('"') ? clause.slice(0, -1) : clause;
}

const SHORT_CLAUSE = 30;

function startOfClause(text: string, at: number): number {
  if (at <= 0) return 0;
  const line = text.lastIndexOf('\n', at - 1) + 1;
  const before = text.lastIndexOf(': ', at - 1) + 2;
  const start = Math.max(line, before < 2 ? 0 : before);
  return at - start > MOST_SAID ? at : start;
}

function lastClause({ text }: MaskedMessage): string {
  const trimmed = text.trimEnd();
  return trimmed.slice(endOfLead(trimmed)).slice(0, MOST_SAID);
}

/** The start and the end of a text that is too long, as the decisive words are at the end. */
function bound(text: string): string {
  if (text.length <= LONGEST_FAILURE) return text;
  return `${text.slice(0, LONGEST_FAILURE / 2)} ${text.slice(-LONGEST_FAILURE / 2)}`;
}
