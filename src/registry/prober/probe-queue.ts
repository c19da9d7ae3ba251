import type { ImageAnswer } from '../../cause/answer.ts';
import { causeOf } from '../../cause/causes.ts';
import { notAskedByBug } from '../../cause/not-asked.ts';
import type { ImageReference } from '../../image/reference.ts';
import type { ProbeSettings, RegistryProbe } from '../../policy/policy.ts';
import type { Credentials } from '../../pull/keyring.ts';
import type { ProbeImage, ProbeResult } from '../client/probe-image.ts';
import type { AnswerCache } from './answer-cache.ts';
import { createRecentMap, createSingleFlight, type Limiter } from './limits.ts';
import { hostOf } from './question.ts';

/**
 * The longest that a probe waits for others of its registry, in milliseconds: as long as an API server waits at most. After that
 * nobody is there to hear of it, and the credentials that it holds are not to be kept for as long as a slow registry likes.
 */
const LONGEST_WAIT_MS = 30_000;

/** One image may be at fault; so many different ones in a row are the registry. */
const FAILURES = 5;
/** For how long a registry is left alone then. */
const OPEN_MS = 30_000;
/** Registries that are remembered: a pattern of the policy may match any number of names. */
const MOST_REGISTRIES = 1000;

/** One image, and who asks for it. */
export type ProbeTarget = Readonly<{
  reference: ImageReference;
  /** The reference as text. */
  image: string;
  registry: RegistryProbe;
  /** Undefined to ask as anybody. */
  credentials: Credentials | undefined;
  /** Its key in the answer cache. */
  key: string;
}>;

/** One probe that was made, or why it was not. */
export type ProbeEvent = Readonly<{ registry: string; seconds: number; result: ProbeResult }>;

export type ProbeQueue = Readonly<{
  /**
   * Asks a registry about an image with certain credentials, and keeps what it says. Undefined when nobody can say: there is
   * no room to wait, the policy has changed meanwhile, or it does not let the registry be asked. Never rejects.
   */
  probe: (target: ProbeTarget) => Promise<ImageAnswer | undefined>;
  /** What a registry that is left alone last said; undefined when it may be asked. */
  getOpen: (host: string) => ImageAnswer | undefined;
  isFull: (host: string) => boolean;
}>;

export type ProbeQueueOptions = Readonly<{
  settings: () => ProbeSettings;
  probeImage: ProbeImage;
  /** Platforms of the cluster's nodes; called for each probe. */
  platforms: () => readonly string[];
  /** Told of each probe that was made. Must not throw. */
  onProbed: (event: ProbeEvent) => void;
  limiter: Limiter;
  cache: AnswerCache;
  /** Whether the policy has changed since, so that nothing may be asked any more. */
  isOver: () => boolean;
  /** Milliseconds since 1970. */
  now: () => number;
}>;

/** Asks each image once at a time as the same user, a few of a registry at a time, and none of one that does not work. */
export function createProbeQueue(options: ProbeQueueOptions): ProbeQueue {
  const { settings, probeImage, platforms, onProbed, limiter, cache, isOver, now } = options;
  const underWay = createSingleFlight<ImageAnswer | undefined>();
  const breaker = createCircuitBreaker(now);

  return {
    probe: async (target) => {
      const host = hostOf(target.reference);
      // First of all, or while a registry is left alone each review would have the pull secrets read for nothing.
      cache.postpone(target.key);
      const said = breaker.get(host);
      if (said !== undefined) return said;
      const until = now() + LONGEST_WAIT_MS;
      return underWay.share(target.key, async () =>
        limiter.run(host, settings().concurrency, async () => (now() < until ? probeNow(target, host) : undefined)),
      );
    },
    getOpen: breaker.get,
    isFull: (host) => limiter.isFull(host, settings().concurrency),
  };

  /** It may have waited until here, and things may be different by now. */
  async function probeNow(target: ProbeTarget, host: string): Promise<ImageAnswer | undefined> {
    if (isOver()) return undefined;
    const said = breaker.enter(host);
    if (said !== undefined) return said;
    const started = performance.now();
    const result = await send(target);
    const seconds = (performance.now() - started) / 1000;
    const answer = 'answer' in result ? result.answer : undefined;
    breaker.leave(host, target.image, answer);
    cache.keepAnswer(target.key, answer);
    onProbed({ registry: target.reference.registry, seconds, result });
    return answer;
  }

  async function send({ reference, registry, credentials }: ProbeTarget): Promise<ProbeResult> {
    try {
      const { timeoutMs } = settings();
      return await probeImage({ reference, registry, credentials, platforms: platforms(), timeoutMs });
    } catch (error) {
      return { notAsked: notAskedByBug(error) };
    }
  }
}

/** Saves a registry that does not work from being asked on and on, and those who ask from waiting for it. */
type CircuitBreaker = Readonly<{
  /** What a registry that is left alone last said; undefined when it may be asked. */
  get: (host: string) => ImageAnswer | undefined;
  /** The same for who asks at once if it may: of those who try whether it works again, there is one at a time. */
  enter: (host: string) => ImageAnswer | undefined;
  /** What came of asking about an image; undefined when it was not asked after all. */
  leave: (host: string, image: string, answer: ImageAnswer | undefined) => void;
}>;

type Circuit = {
  /** Images that failed since the registry last worked, as far as they count. */
  readonly failed: Set<string>;
  open?: { answer: ImageAnswer; until: number; isTried: boolean };
};

function createCircuitBreaker(now: () => number): CircuitBreaker {
  const circuits = createRecentMap<Circuit>(() => MOST_REGISTRIES);
  const get = (host: string): ImageAnswer | undefined => {
    const open = circuits.get(host)?.open;
    return open !== undefined && (open.isTried || now() < open.until) ? open.answer : undefined;
  };
  return {
    get,
    enter: (host) => {
      const said = get(host);
      const open = circuits.get(host)?.open;
      if (said === undefined && open !== undefined) open.isTried = true;
      return said;
    },
    leave: (host, image, answer) => {
      const circuit = circuits.get(host) ?? { failed: new Set() };
      if (circuit.open !== undefined) circuit.open.isTried = false;
      if (answer === undefined) return;
      if (answer.outcome === 'ok' || !causeOf(answer.cause).blamesRegistry) {
        circuits.delete(host);
        return;
      }
      if (circuit.failed.size < FAILURES) circuit.failed.add(image);
      if (circuit.failed.size === FAILURES) circuit.open = { answer, until: now() + OPEN_MS, isTried: false };
      circuits.set(host, circuit);
    },
  };
}
