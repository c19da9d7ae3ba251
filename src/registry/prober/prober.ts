import type { Inquiry } from '../../admission/inquiry.ts';
import type { ImageAnswer } from '../../cause/answer.ts';
import { notAskedByBug } from '../../cause/not-asked.ts';
import type { PolicySections } from '../../policy/policy.ts';
import { createAskRegistry, type ProbeEvent } from './ask-registry.ts';
import { createConsult } from './consult.ts';
import type { ReadKeyring } from '../../pull/keyring.ts';
import { createFingerprint } from './fingerprint.ts';
import { createLimiter } from './limiter.ts';
import { openInquiry, type Reply } from './open-inquiry.ts';
import type { ProbeImage } from '../client/probe-image.ts';
import { readPull, toServer, type Pull } from './pull.ts';
import { recall } from './recall.ts';
import { openSession, type Session } from './session.ts';

export type { ProbeEvent } from './ask-registry.ts';

export type ProberOptions = Readonly<{
  policy: () => PolicySections;
  probeImage: ProbeImage;
  readKeyring: ReadKeyring;
  /** Platforms of the cluster's nodes; called for each probe. */
  platforms: () => readonly string[];
  /** Told of each probe that was made or, where there could be none, why. Must not throw. */
  onProbed: (event: ProbeEvent) => void;
  /** Milliseconds since 1970. */
  now?: () => number;
}>;

/** Asks registries in the background, and remembers what they said. */
export type Prober = Readonly<{
  /** For one review. */
  inquire: () => Inquiry;
  /** Forgets everything, as under a new policy all may be different. */
  forget: () => void;
  state: () => ProberState;
}>;

/** Answers that are kept, and probes that are being made. */
export type ProberState = Readonly<{ answers: number; inFlight: number }>;

/** Probes of all registries at a time, and those that may wait for others of their registry. */
const MOST_PROBES = 1000;

/** Questions of all reviews that wait for answers, whoever else asks the same: each takes about a kilobyte. */
const MOST_WAITING = 20_000;

/**
 * Says what registries answer to a pod's pull secrets, as far as it is known, and finds out the rest. An image is asked about
 * once for each credentials there are, whatever number of pods want it. Only registries that the policy names are asked.
 */
export function createProber(options: ProberOptions): Prober {
  const { policy, onProbed, now = Date.now } = options;
  const fingerprint = createFingerprint();
  const limiter = createLimiter(MOST_PROBES);
  const isCurrent = (one: Session): boolean => one === session;
  const askRegistry = createAskRegistry({ ...options, limiter, isCurrent, now });
  const consult = createConsult({ ...options, askRegistry, fingerprint, isCurrent, now });
  let session = openAnew();
  let waiting = 0;

  return {
    inquire: () => openInquiry((question) => readPull(question, policy()), find),
    forget: () => {
      session = openAnew();
    },
    state: () => ({ answers: session.answers.size(), inFlight: limiter.running() }),
  };

  function openAnew(): Session {
    return openSession(() => policy().probe, now);
  }

  function find(pull: Pull): Reply {
    const recalled = recall(session, pull, fingerprint, { settings: policy().probe, now: now() });
    if (recalled?.isTrusted === true) {
      if (recalled.isDue) void join(pull);
      return recalled.answer;
    }
    const said = recalled === undefined ? session.breaker.find(toServer(pull.reference)) : undefined;
    if (said !== undefined) return said;
    return recalled === undefined && lacksRoom(pull) ? undefined : join(pull);
  }

  /** Undefined when too many wait already, though it be for the same: pods come faster than a slow registry answers. */
  function join(pull: Pull): Promise<ImageAnswer | undefined> | undefined {
    if (waiting >= MOST_WAITING) return undefined;
    waiting += 1;
    return consultOnce(pull).finally(() => {
      waiting -= 1;
    });
  }

  /** Whether there is no room for it to wait for an answer, so that nobody needs to wait for it either. */
  function lacksRoom({ reference, key }: Pull): boolean {
    return limiter.isFull(toServer(reference), policy().probe.concurrency) && !session.questions.has(key);
  }

  /** Never rejects: what nobody can say is not said. */
  async function consultOnce(pull: Pull): Promise<ImageAnswer | undefined> {
    const asking = session;
    return asking.questions.share(pull.key, async () =>
      consult(asking, pull).catch((error: unknown) => {
        onProbed({ registry: pull.reference.registry, seconds: 0, result: { notAsked: notAskedByBug(error) } });
        return undefined;
      }),
    );
  }
}
