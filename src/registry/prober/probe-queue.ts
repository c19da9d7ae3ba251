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
 * it has no receiver left, and the credentials that it holds are not to be kept for as long as a slow registry likes.
 */
const LONGEST_WAIT_MS = 30_000;

/**
 * One image may be at fault; so many different ones in a row are the registry, as far as one namespace can tell. As many as it
 * has probes at a time, unless a policy says otherwise, so that those which hang end together.
 */
const FAILURES = 4;
/** One namespace may be at fault, which can push images that a registry fails over; so many are the registry. */
const NAMESPACES = 2;
/** For how long a registry is left alone then. */
const OPEN_MS = 30_000;
/** Registries that are remembered, for each namespace and for all: a pattern of the policy may match any number of names. */
const MOST_REGISTRIES = 1000;

/** One image, and the namespace that asks for it. */
export type ProbeTarget = Readonly<{
  reference: ImageReference;
  /** The reference as text. */
  image: string;
  registry: RegistryProbe;
  /** Undefined to ask anonymously. */
  credentials: Credentials | undefined;
  /** Its key in the answer cache. */
  key: string;
  /** On whose behalf. */
  namespace: string;
}>;

/** One probe that was made, or why it was not. */
export type ProbeEvent = Readonly<{ registry: string; seconds: number; result: ProbeResult }>;

export type ProbeQueue = Readonly<{
  /**
   * Asks a registry about an image with certain credentials, and keeps what it says. Undefined if unknown: there is
   * no room to wait, the policy has changed meanwhile, or it does not let the registry be asked. Never rejects.
   */
  probe: (target: ProbeTarget) => Promise<ImageAnswer | undefined>;
  /** What a registry that is left alone last said; undefined when it may be asked. */
  getOpen: (host: string, namespace: string) => ImageAnswer | undefined;
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
  /** As `performance.now()`. */
  now: () => number;
}>;

/** Asks each image once at a time as the same user, a few of a registry at a time, and none of one that does not work. */
export function createProbeQueue(options: ProbeQueueOptions): ProbeQueue {
  const { settings, probeImage, platforms, onProbed, limiter, cache, isOver, now } = options;
  const waiting = createSingleFlight<ImageAnswer | undefined>();
  const underWay = createSingleFlight<ImageAnswer | undefined>();
  const breaker = createCircuitBreaker(now);

  return {
    probe: async (target) => {
      const { key, namespace } = target;
      const host = hostOf(target.reference);
      // First of all, or while a registry is left alone each review would have the pull secrets read for nothing.
      cache.postpone(key, namespace);
      const said = breaker.get(host, namespace);
      if (said !== undefined) return said;
      const until = now() + LONGEST_WAIT_MS;
      const before = cache.getAnswer(key)?.answer;
      const run = async (): Promise<ImageAnswer | undefined> =>
        now() < until ? probeNow(target, host, before) : undefined;
      // Each namespace waits in its own line, and none in that of another one, which may be long.
      return waiting.share(JSON.stringify([namespace, key]), async () =>
        limiter.run({ group: host, atOnce: settings().concurrency, namespace, run }),
      );
    },
    getOpen: breaker.get,
  };

  /** It may have waited until here, and things may be different by now. */
  async function probeNow(
    target: ProbeTarget,
    host: string,
    before: ImageAnswer | undefined,
  ): Promise<ImageAnswer | undefined> {
    const { key, namespace, image } = target;
    if (isOver()) return undefined;
    // Answered for another namespace meanwhile.
    const kept = cache.getAnswer(key)?.answer;
    if (kept !== undefined && kept !== before) return kept;
    const said = breaker.enter(host, namespace);
    if (said !== undefined) return said;
    const answer = await underWay.share(key, async () => ask(target));
    breaker.leave(host, namespace, { image, answer });
    return answer;
  }

  async function ask(target: ProbeTarget): Promise<ImageAnswer | undefined> {
    const started = performance.now();
    const result = await send(target);
    const seconds = (performance.now() - started) / 1000;
    const answer = 'answer' in result ? result.answer : undefined;
    cache.keepAnswer(target.key, answer, target.namespace);
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

/**
 * Saves a registry that does not work from being asked on and on, and those who ask from waiting for it. Each namespace finds
 * that out for itself, as it may be its own images that the registry fails over; what several have found out is told to all.
 */
type CircuitBreaker = Readonly<{
  /** What a registry that is left alone last said; undefined when it may be asked. */
  get: (host: string, namespace: string) => ImageAnswer | undefined;
  /** The same for who asks at once if it may: of those of a namespace who try whether it works again, there is one at a time. */
  enter: (host: string, namespace: string) => ImageAnswer | undefined;
  /** What came of asking about an image; no answer when it was not asked after all. */
  leave: (host: string, namespace: string, came: Readonly<{ image: string; answer: ImageAnswer | undefined }>) => void;
}>;

type Circuit = {
  /** What failed since the registry last worked, as far as it counts: images of a namespace, or namespaces. */
  readonly failed: Set<string>;
  open?: { answer: ImageAnswer; until: number; isTried: boolean };
};

function createCircuitBreaker(now: () => number): CircuitBreaker {
  const own = createRecentMap<Circuit>(() => MOST_REGISTRIES);
  const common = createRecentMap<Circuit>(() => MOST_REGISTRIES);
  const isOpen = (circuit: Circuit | undefined): boolean =>
    circuit?.open !== undefined && (circuit.open.isTried || now() < circuit.open.until);

  const get = (host: string, namespace: string): ImageAnswer | undefined =>
    [own.get(toKey(host, namespace)), common.get(host)].find((circuit) => isOpen(circuit))?.open?.answer;

  /** Whether so many failed by now that it is open. */
  const fail = (circuit: Circuit, what: string, most: number, answer: ImageAnswer): boolean => {
    if (circuit.failed.size < most) circuit.failed.add(what);
    if (circuit.failed.size < most) return false;
    circuit.open = { answer, until: now() + OPEN_MS, isTried: false };
    return true;
  };

  return {
    get,
    enter: (host, namespace) => {
      const said = get(host, namespace);
      const open = own.get(toKey(host, namespace))?.open;
      if (said === undefined && open !== undefined) open.isTried = true;
      return said;
    },
    leave: (host, namespace, { image, answer }) => {
      const key = toKey(host, namespace);
      const circuit = own.get(key) ?? { failed: new Set() };
      if (circuit.open !== undefined) circuit.open.isTried = false;
      if (answer === undefined) return;
      if (answer.outcome === 'ok' || !causeOf(answer.cause).blamesRegistry) {
        own.delete(key);
        common.delete(host);
        return;
      }
      own.set(key, circuit, namespace);
      if (!fail(circuit, image, FAILURES, answer)) return;
      // What was open for all and is over says nothing any more: it is not tried for all, as a namespace at fault would go on
      // failing.
      const before = common.get(host);
      const all =
        before === undefined || (before.open !== undefined && !isOpen(before)) ? { failed: new Set<string>() } : before;
      fail(all, namespace, NAMESPACES, answer);
      common.set(host, all, namespace);
    },
  };
}

function toKey(host: string, namespace: string): string {
  return `${host} ${namespace}`;
}
