import type { FailedAnswer, ImageAnswer } from '../../cause/answer.ts';
import { causeOf } from '../../cause/causes.ts';
import type { ProbeSettings } from '../../policy/policy.ts';
import { ANONYMOUS, type Fingerprint } from './fingerprint.ts';
import type { Pull } from './pull.ts';
import { toAnswerKey, type Access, type Session } from './session.ts';
import { keepBelievable, mayGoWithOthers, pickFailure } from './weigh-answers.ts';

/** Who mends a secret and applies again wants to know whether it is right now: milliseconds. */
const NEXT_APPLY_MS = 1000;

export type Recalled = Readonly<{
  /** As it is to be told: undefined when nothing can be said. */
  answer: ImageAnswer | undefined;
  /** Whether what the pull secrets held is recent enough; if not, they are to be read again. */
  isTrusted: boolean;
  /** Whether it is time to ask again, while this still is the answer. */
  isDue: boolean;
}>;

/** What is known of a pull without asking anybody; undefined when that is nothing. */
export function recall(
  { answers, accesses }: Session,
  pull: Pull,
  fingerprint: Fingerprint,
  { settings, now }: Readonly<{ settings: ProbeSettings; now: number }>,
): Recalled | undefined {
  const access = pull.secrets.length === 0 ? asAnybody(pull, now) : accesses.find(toAccessKey(pull, fingerprint));
  if (access === undefined) return undefined;
  const found = findAnswer(answers, pull, access);
  if (found === undefined) return undefined;
  const { answer, renewAt } = found;
  return {
    answer: keepBelievable(answer, access.isSure),
    isTrusted: now - access.at < limitTrust(answer, settings),
    isDue: answer?.outcome === 'ok' && now >= renewAt,
  };
}

/** The key of an access in `Session.accesses`: names of secrets may be long, and are nobody's business. */
export function toAccessKey({ namespace, secrets, isWhole, reference }: Pull, fingerprint: Fingerprint): string {
  return fingerprint(JSON.stringify([namespace, secrets, isWhole, reference.registry, reference.repository]));
}

/** Without pull secrets there is nothing to read. */
function asAnybody({ isWhole }: Pull, now: number): Access {
  return { fingerprints: [ANONYMOUS], isSure: isWhole, at: now };
}

type Found = Readonly<{ answer: ImageAnswer | undefined; renewAt: number }>;

/** Where kubelet ends as it tries one after the other; undefined when that is not known to the end. */
function findAnswer(answers: Session['answers'], { image }: Pull, { fingerprints }: Access): Found | undefined {
  const failures: FailedAnswer[] = [];
  for (const fingerprint of fingerprints) {
    const kept = answers.find(toAnswerKey(image, fingerprint));
    if (kept?.answer === undefined || !mayGoWithOthers(kept.answer)) return kept;
    failures.push(kept.answer);
  }
  return { answer: pickFailure(failures), renewAt: Infinity };
}

/** For how long an answer may be told without a look at the pull secrets. What another secret cannot change needs none. */
function limitTrust(answer: ImageAnswer | undefined, { positiveMs, errorMs }: ProbeSettings): number {
  if (answer === undefined) return errorMs;
  if (answer.outcome === 'ok') return positiveMs / 2;
  return causeOf(answer.cause).credentials === 'no' ? errorMs : NEXT_APPLY_MS;
}
