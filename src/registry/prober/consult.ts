import type { FailedAnswer, ImageAnswer } from '../../cause/answer.ts';
import type { AskRegistry, ProbeEvent, Target } from './ask-registry.ts';
import { chooseCredentials } from '../../pull/choose-credentials.ts';
import type { Credentials, Keyring, ReadKeyring } from '../../pull/keyring.ts';
import { ANONYMOUS, fingerprintOf, type Fingerprint } from './fingerprint.ts';
import { createLimiter } from './limiter.ts';
import type { Pull } from './pull.ts';
import { toAccessKey } from './recall.ts';
import { toAnswerKey, type Session } from './session.ts';
import { createSingleFlight } from './single-flight.ts';
import { keepBelievable, mayGoWithOthers, pickFailure } from './weigh-answers.ts';

/** Reads of pull secrets at a time, and those that may wait: an API server has other things to do. */
const READS_AT_ONCE = 8;
const MOST_READS = 1000;

type Surroundings = Readonly<{
  readKeyring: ReadKeyring;
  askRegistry: AskRegistry;
  /** Told why nobody was asked, where the pull secrets cannot be read. */
  onProbed: (event: ProbeEvent) => void;
  fingerprint: Fingerprint;
  isCurrent: (session: Session) => boolean;
  now: () => number;
}>;

/**
 * Finds out what a pull comes to as kubelet does: reads the pull secrets, and tries what they hold one after the other. Uses
 * answers that are there. Undefined when nothing can be said. Credentials are held until it is done, and nowhere else.
 */
export type Consult = (session: Session, pull: Pull) => Promise<ImageAnswer | undefined>;

type Identity = Readonly<{ credentials: Credentials | undefined; fingerprint: string }>;

/** Whom to ask as, in turn, and whether kubelet has no others. */
type Chosen = Readonly<{ identities: readonly Identity[]; isSure: boolean }>;

export function createConsult(surroundings: Surroundings): Consult {
  const { readKeyring, askRegistry, onProbed, fingerprint, isCurrent, now } = surroundings;
  const reads = createSingleFlight<Keyring | Error | undefined>();
  const limiter = createLimiter(MOST_READS);

  return async (session, pull) => {
    const chosen = pull.secrets.length === 0 ? asAnybody(pull) : await choose(session, pull);
    if (chosen === undefined) return undefined;
    const answer = await tryInTurn(session, pull, chosen.identities);
    return isCurrent(session) ? keepBelievable(answer, chosen.isSure) : undefined;
  };

  /** Undefined when nobody can read the secrets, or not now. */
  async function choose(session: Session, pull: Pull): Promise<Chosen | undefined> {
    const remember = (fingerprints: readonly string[], isSure: boolean): void => {
      session.accesses.set(toAccessKey(pull, fingerprint), { fingerprints, isSure, at: now() });
    };
    const keyring = await read(pull);
    if (keyring instanceof Error) {
      remember([], false);
      onProbed({
        registry: pull.reference.registry,
        seconds: 0,
        result: { notAsked: { why: 'secrets-unreadable', problem: keyring.message } },
      });
      return undefined;
    }
    if (keyring === undefined) return undefined;
    const { credentials, isSure: isAll } = chooseCredentials(keyring, pull.reference);
    const identities = credentials.map((one) => ({ credentials: one, fingerprint: fingerprintOf(one, fingerprint) }));
    const isSure = isAll && pull.isWhole;
    remember(
      identities.map((identity) => identity.fingerprint),
      isSure,
    );
    return { identities, isSure };
  }

  /** Undefined when there is no room to wait for it, an error when nobody can say what is in them. */
  async function read({ namespace, secrets }: Pull): Promise<Keyring | Error | undefined> {
    const toError = (error: unknown): Error =>
      error instanceof Error ? error : new Error('the pull secrets cannot be read');
    return reads.share(JSON.stringify([namespace, secrets]), async () =>
      limiter.run('', READS_AT_ONCE, async () => readKeyring(namespace, secrets).catch(toError)),
    );
  }

  async function tryInTurn(
    session: Session,
    { reference, image, registry }: Pull,
    identities: readonly Identity[],
  ): Promise<ImageAnswer | undefined> {
    const failures: FailedAnswer[] = [];
    for (const { credentials, fingerprint: identity } of identities) {
      const target = { reference, image, registry, credentials, key: toAnswerKey(image, identity) };
      const answer = await find(session, target);
      if (answer === undefined || !mayGoWithOthers(answer)) return answer;
      failures.push(answer);
    }
    return pickFailure(failures);
  }

  async function find(session: Session, target: Target): Promise<ImageAnswer | undefined> {
    const kept = session.answers.find(target.key);
    if (kept === undefined) return askRegistry(session, target);
    const { answer, renewAt } = kept;
    // Nobody waits for it: what it says serves those who come after.
    if (answer?.outcome === 'ok' && now() >= renewAt) void askRegistry(session, target);
    return answer;
  }
}

/** Without pull secrets there is nothing to read. */
function asAnybody({ isWhole }: Pull): Chosen {
  return { identities: [{ credentials: undefined, fingerprint: ANONYMOUS }], isSure: isWhole };
}
