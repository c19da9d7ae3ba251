import { type ImageAnswer, notAskedByBug } from '../../cause/answer.ts';
import { causeOf } from '../../cause/causes.ts';
import type { ProbeSettings } from '../../policy/policy.ts';
import type { Credentials } from '../../pull/keyring.ts';
import type { ProbeImage, ProbeResult } from '../client/probe-image.ts';
import type { AnswerCache } from './answer-cache.ts';
import { createRecentMap, createSingleFlight, type Limiter } from './limits.ts';
import { hostOf, type AllowedQuestion } from './question.ts';

/**
 * The longest that a probe waits for others of its registry, in milliseconds: the longest time that an API server waits for a
 * webhook. After that the answer has no receiver, and the probe's credentials must not be kept until a slow registry answers.
 */
const LONGEST_WAIT_MS = 30_000;

/**
 * Failures of this many different images in a row are blamed on the registry, for one namespace; fewer may be the fault of an
 * image. By default a namespace has as many probes at a time, so that probes which hang end together.
 */
const FAILURES = 4;
/**
 * When this many namespaces see failures, the registry is skipped for all. One alone may push images that make the registry fail.
 */
const NAMESPACES = 2;
/** How long a failing registry is skipped. */
const OPEN_MS = 30_000;
/** Registries that are remembered, for each namespace and for all: a pattern of the policy may match any number of names. */
const MOST_REGISTRIES = 1000;

/** One image, and the namespace that asks for it. */
export type ProbeTarget = Pick<AllowedQuestion, 'reference' | 'image' | 'registry' | 'namespace'> &
  Readonly<{
    /** Undefined to ask anonymously. */
    credentials: Credentials | undefined;
    /** Its key in the answer cache. */
    key: string;
  }>;

/** One probe that was sent, or why it was not. */
export type ProbeEvent = Readonly<{ registry: string; seconds: number; result: ProbeResult }>;

export type ProbeQueue = Readonly<{
  /**
   * Asks a registry about an image with certain credentials, and keeps what it says. Undefined if unknown: there is
   * no room to wait, the policy has changed meanwhile, or it does not let the registry be asked. Never rejects.
   */
  probe: (target: ProbeTarget) => Promise<ImageAnswer | undefined>;
  /** The last answer of a registry that is skipped; undefined if the registry may be asked. */
  getOpen: (host: string, namespace: string) => ImageAnswer | undefined;
}>;

export type ProbeQueueOptions = Readonly<{
  settings: () => ProbeSettings;
  probeImage: ProbeImage;
  /** Platforms of the cluster's nodes; called for each probe. */
  platforms: () => readonly string[];
  /** Called for each probe that was sent. Must not throw. */
  onProbed: (event: ProbeEvent) => void;
  limiter: Limiter;
  cache: AnswerCache;
  /** Whether the policy has changed since, so that nothing may be asked any more. */
  isOver: () => boolean;
  /** As `performance.now()`. */
  now: () => number;
}>;

/** Asks about each image once at a time per identity, limits the probes of a registry, and skips registries that keep failing. */
export function createProbeQueue(options: ProbeQueueOptions): ProbeQueue {
  const { settings, probeImage, platforms, onProbed, limiter, cache, isOver, now } = options;
  const waiting = createSingleFlight<ImageAnswer | undefined>();
  const underWay = createSingleFlight<ImageAnswer | undefined>();
  const breaker = createCircuitBreaker(now);

  return {
    probe: async (target) => {
      const { key, namespace } = target;
      const host = hostOf(target.reference);
      // Before anything else: while a registry is skipped, each review would otherwise read the pull secrets for nothing.
      cache.postpone(key, namespace);
      const said = breaker.get(host, namespace);
      if (said !== undefined) return said;
      const until = now() + LONGEST_WAIT_MS;
      const before = cache.getAnswer(key)?.answer;
      const run = async (): Promise<ImageAnswer | undefined> =>
        now() < until ? probeNow(target, host, before) : undefined;
      // Each namespace has its own queue, so that it does not wait in the long queue of another one.
      return waiting.share(JSON.stringify([namespace, key]), async () =>
        limiter.run({ group: host, atOnce: settings().concurrency, namespace, run }),
      );
    },
    getOpen: breaker.get,
  };

  /** The probe may have waited in a queue, so everything is checked again. */
  async function probeNow(
    target: ProbeTarget,
    host: string,
    before: ImageAnswer | undefined,
  ): Promise<ImageAnswer | undefined> {
    const { key, namespace, image } = target;
    if (isOver()) return undefined;
    // Another namespace may have got the answer meanwhile.
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
 * Stops requests to a registry that keeps failing, and waiting for it. Each namespace counts failures on its own, as its own
 * images may cause them; once several namespaces see failures, the registry is skipped for all.
 */
type CircuitBreaker = Readonly<{
  /** The last answer of a registry that is skipped; undefined if the registry may be asked. */
  get: (host: string, namespace: string) => ImageAnswer | undefined;
  /** As `get`, and marks the request that follows as a trial; each namespace has one trial at a time. */
  enter: (host: string, namespace: string) => ImageAnswer | undefined;
  /** The result of a request about an image; without an answer if the registry was not asked after all. */
  leave: (host: string, namespace: string, came: Readonly<{ image: string; answer: ImageAnswer | undefined }>) => void;
}>;

type Circuit = {
  /** What failed since the registry last worked: images of a namespace, or namespaces. At most as many as open the circuit. */
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

  /** Adds a failure; whether the circuit is open now. */
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
      // Once the pause for all is over, its count starts again. There is no trial for all, as one namespace at fault would fail
      // it again and again.
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
