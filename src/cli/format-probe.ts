import {
  describeFailure,
  type FailedAnswer,
  type ImageAnswer,
  outcomeOf,
  type PlatformSize,
  type PullableImage,
  describeNotAsked,
  isForPolicy,
  type NotAsked,
} from '../cause/answer.ts';
import { causeOf } from '../cause/causes.ts';
import { listSome } from '../text/list.ts';
import { quote } from '../text/quote.ts';
import type { ImageReference } from '../image/reference.ts';
import type { ProbeResult } from '../registry/client/probe-image.ts';
import type { RateLimit } from '../registry/client/registry-client.ts';

/** The result of asking the registry of an image. */
export type ProbeReport = Readonly<{
  /** What was asked about: the image on its mirror, if it has one. */
  reference: ImageReference;
  result: ProbeResult;
  /** The key in the docker config of the credentials that were used; undefined if asked anonymously. */
  login: string | undefined;
  /** The pull secret that the policy has for such images. */
  pullSecret: string | undefined;
  /** Why no credentials were used where they may have helped, and how to; or what is wrong with them. Without a full stop. */
  note: string | undefined;
  /** Milliseconds since 1970. */
  answeredAt: number;
}>;

/** A name and its value. A row without a name continues the row above. */
export type Row = readonly [name: string, value: string];

export function isPullable({ result }: ProbeReport): boolean {
  return 'answer' in result && result.answer.outcome === 'ok';
}

/** A probe for people. `isMirror`: the mirror was asked, not the registry of the image itself. */
export function listProbe(report: ProbeReport, isMirror: boolean): readonly Row[] {
  const { result } = report;
  const note = findNote(report);
  const rows = 'notAsked' in result ? listNotAsked(result.notAsked) : listAnswer(report, result, isMirror);
  return note === undefined ? rows : [...rows, ...listText('note', note)];
}

/** Why no credentials were used, and which platforms are missing: only notes, as other platforms can be pulled. */
function findNote({ result, note }: ProbeReport): string | undefined {
  const { missing = [] } = 'answer' in result && result.answer.outcome === 'ok' ? result.answer : {};
  if (missing.length === 0) return note;
  const text = `the index lists ${listSome(missing, 'and')} too, but the registry does not have that manifest: nodes of that platform cannot pull it`;
  return note === undefined ? text : `${text}; ${note}`;
}

function listNotAsked(why: NotAsked): readonly Row[] {
  const remedy = adviseNotAsked(why);
  return [['pullable', `unknown: ${describeNotAsked(why)}`], ...(remedy === null ? [] : listText('remedy', remedy))];
}

/** Advice about the policy of the user, which may not exist yet; null if the policy does not matter. */
function adviseNotAsked(why: NotAsked): string | null {
  return isForPolicy(why)
    ? 'Allow it in the policy that --config names: see "Asking registries" in docs/policy.md.'
    : null;
}

/** A text as rows: one line per sentence, and one line per command, so that a command can be copied. */
function listText(name: string, text: string): readonly Row[] {
  const lines = text.split(/(?<=\.) (?=\p{Lu})|(?<=:) (?=(?:curl|kubectl|nslookup|openssl|skopeo) )/u);
  return lines.map((line, at): Row => [at === 0 ? name : '', line]);
}

type Answered = Exclude<ProbeResult, Readonly<{ notAsked: NotAsked }>>;

function listAnswer(report: ProbeReport, { answer, rateLimit }: Answered, isMirror: boolean): readonly Row[] {
  const asked = describeAsked(answer, report, isMirror);
  const limit: readonly Row[] = rateLimit === undefined ? [] : [['rate limit', describeRateLimit(rateLimit)]];
  return answer.outcome === 'ok'
    ? [['pullable', 'yes'], asked, ...listImage(answer, report), ...limit]
    : [...listFailure(answer, report), asked, ...limit];
}

function listFailure(answer: FailedAnswer, report: ProbeReport): readonly Row[] {
  const { message, remedy } = describe(answer, report);
  const says: readonly Row[] = answer.says === undefined ? [] : [['returned', `"${answer.says}"`]];
  return [['pullable', `no: ${message}`], ...says, ...listText('remedy', remedy)];
}

function describe(answer: FailedAnswer, report: ProbeReport): { message: string; remedy: string } {
  const { reference, pullSecret, answeredAt } = report;
  return describeFailure(answer, reference, { secrets: [], usualSecret: pullSecret, now: answeredAt });
}

function describeAsked(answer: ImageAnswer, { login }: ProbeReport, isMirror: boolean): Row {
  const { endpoint } = answer;
  const where = isMirror ? `${endpoint} (mirror)` : endpoint;
  const how = login === undefined ? 'anonymously' : `with credentials for ${quote(login)}`;
  // A registry that cannot be reached has not answered.
  return answer.outcome === 'failed' && causeOf(answer.cause).about === 'way'
    ? ['asked', `${where}, ${how}`]
    : ['answered', `${where}, asked ${how}`];
}

function listImage({ digest, sizes }: PullableImage, { reference }: ProbeReport): readonly Row[] {
  const size = `${sizes.map((each) => describeSize(each)).join(', ')} (compressed)`;
  return [
    // The image reference shows it already.
    ...(digest === reference.digest ? [] : [['digest', digest] as const]),
    ...(sizes.length === 0 ? [] : [['size', size] as const]),
  ];
}

/** An image for a single platform does not say which one. */
function describeSize({ platform, bytes }: PlatformSize): string {
  const [unit, of] = UNITS.find(([, each]) => bytes >= each) ?? SMALLEST;
  const size = `${(bytes / of).toFixed(1)} ${unit}`;
  return platform === '' ? size : `${platform} ${size}`;
}

const SMALLEST = ['KiB', 2 ** 10] as const;
const UNITS = [['GiB', 2 ** 30], ['MiB', 2 ** 20], SMALLEST] as const;

/** `97 of 100 pulls left in 6 h`, or the parts of it that the registry returns. */
function describeRateLimit({ limit, remaining, windowSeconds }: RateLimit): string {
  const count = limit === undefined ? String(remaining) : `${remaining} of ${limit}`;
  return `${count} pulls left${windowSeconds === undefined ? '' : ` in ${describeSeconds(windowSeconds)}`}`;
}

function describeSeconds(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** A probe for programs, as documented in docs/image.md; null for what is unknown. */
export function toProbeJson(report: ProbeReport): object {
  const { result, login } = report;
  const note = findNote(report) ?? null;
  if ('notAsked' in result) {
    return { ...NOTHING, message: describeNotAsked(result.notAsked), remedy: adviseNotAsked(result.notAsked), note };
  }
  const { answer, rateLimit } = result;
  return {
    ...NOTHING,
    pullable: answer.outcome === 'ok',
    outcome: outcomeOf(answer),
    endpoint: answer.endpoint,
    asked: login === undefined ? 'anonymously' : 'with-credentials',
    ...(answer.outcome === 'ok' ? toImageJson(answer) : { ...describe(answer, report), says: answer.says ?? null }),
    rateLimit: rateLimit === undefined ? null : toLimitJson(rateLimit),
    note,
  };
}

function toImageJson({ digest, sizes, platforms }: PullableImage): object {
  return {
    digest,
    sizes: sizes.map(({ platform, bytes }) => ({ platform: platform === '' ? null : platform, bytes })),
    platforms: platforms ?? null,
  };
}

function toLimitJson({ remaining, limit, windowSeconds }: RateLimit): object {
  return { remaining, limit: limit ?? null, windowSeconds: windowSeconds ?? null };
}

const NOTHING = {
  pullable: null,
  outcome: 'not-asked',
  endpoint: null,
  asked: null,
  digest: null,
  sizes: [],
  platforms: null,
  rateLimit: null,
  message: null,
  says: null,
  remedy: null,
  note: null,
};
