import type { ImageAnswer } from '../../cause/answer.ts';
import { notAskedByBug } from '../../cause/not-asked.ts';
import type { PolicySections, RegistryProbe } from '../../policy/policy.ts';
import type { ImageReference } from '../../image/reference.ts';
import type { Credentials } from '../../pull/keyring.ts';
import type { Limiter } from './limiter.ts';
import type { ProbeImage, ProbeResult } from '../client/probe-image.ts';
import { toServer } from './pull.ts';
import type { Session } from './session.ts';

/**
 * The longest that a probe waits for others of its registry, in milliseconds: as long as an API server waits at most. After that
 * nobody is there to hear of it, and the credentials that it holds are not to be kept for as long as a slow registry likes.
 */
const LONGEST_WAIT_MS = 30_000;

/** One image, and who asks for it. */
export type Target = Readonly<{
  reference: ImageReference;
  /** The reference as text. */
  image: string;
  registry: RegistryProbe;
  /** Undefined to ask as anybody. */
  credentials: Credentials | undefined;
  /** Its key in `Session.answers`. */
  key: string;
}>;

/** One probe that was made, or why it was not. */
export type ProbeEvent = Readonly<{ registry: string; seconds: number; result: ProbeResult }>;

/**
 * Asks a registry about an image with certain credentials, and keeps what it says. Undefined when nobody can say: there is
 * no room to wait, the policy has changed meanwhile, or it does not let the registry be asked. Never rejects.
 */
export type AskRegistry = (session: Session, target: Target) => Promise<ImageAnswer | undefined>;

type Surroundings = Readonly<{
  policy: () => PolicySections;
  probeImage: ProbeImage;
  platforms: () => readonly string[];
  onProbed: (event: ProbeEvent) => void;
  limiter: Limiter;
  isCurrent: (session: Session) => boolean;
  /** Milliseconds since 1970. */
  now: () => number;
}>;

export function createAskRegistry(surroundings: Surroundings): AskRegistry {
  const { policy, limiter, now } = surroundings;
  return async (session, target) => {
    const server = toServer(target.reference);
    // First of all, or while a registry is left alone each review would have the pull secrets read for nothing.
    session.answers.postpone(target.key);
    const said = session.breaker.find(server);
    if (said !== undefined) return said;
    const until = now() + LONGEST_WAIT_MS;
    return session.probes.share(target.key, async () =>
      limiter.run(server, policy().probe.concurrency, async () =>
        now() < until ? probe(session, target, surroundings) : undefined,
      ),
    );
  };
}

/** It may have waited until here, and things may be different by now. */
async function probe(session: Session, target: Target, surroundings: Surroundings): Promise<ImageAnswer | undefined> {
  const { image, key, reference } = target;
  const server = toServer(reference);
  if (!surroundings.isCurrent(session)) return undefined;
  const said = session.breaker.enter(server);
  if (said !== undefined) return said;
  const started = performance.now();
  const result = await send(target, surroundings);
  const seconds = (performance.now() - started) / 1000;
  const answer = 'answer' in result ? result.answer : undefined;
  session.breaker.leave(server, image, answer);
  session.answers.keep(key, answer);
  surroundings.onProbed({ registry: reference.registry, seconds, result });
  return answer;
}

async function send(target: Target, surroundings: Surroundings): Promise<ProbeResult> {
  const { probeImage, platforms, policy } = surroundings;
  const { reference, registry, credentials } = target;
  const { timeoutMs } = policy().probe;
  try {
    return await probeImage({ reference, registry, credentials, platforms: platforms(), timeoutMs });
  } catch (error) {
    return { notAsked: notAskedByBug(error) };
  }
}
