import { type ImageAnswer, notAskedByBug, type NotAsked } from '../../cause/answer.ts';
import type { PolicySections } from '../../policy/policy.ts';
import {
  chooseCredentials,
  type ChosenCredentials,
  type Credentials,
  type Keyring,
  type ReadKeyring,
  keepBelievable,
  tryInTurn,
} from '../../pull/keyring.ts';
import type { ImageQuestion, RegistryFacts } from '../../pull/facts.ts';
import { createAnswerCache, toAnswerKey, type AnswerCache, type Clocks } from './answer-cache.ts';
import { createLimiter, createPlaces, createSingleFlight, type SingleFlight } from './limits.ts';
import { createProbeQueue, type ProbeQueue, type ProbeQueueOptions } from './probe-queue.ts';
import { createFingerprints, hostOf, readQuestion, type AllowedQuestion } from './question.ts';

export type { ProbeEvent } from './probe-queue.ts';

/** `onProbed` also gets the reason if no registry was asked. */
export type ProberOptions = Pick<ProbeQueueOptions, 'probeImage' | 'platforms' | 'onProbed'> &
  Readonly<{
    policy: () => PolicySections;
    readKeyring: ReadKeyring;
    clocks?: Clocks;
  }>;

/** Asks registries, and caches their answers. */
export type Prober = Readonly<{
  /** What is known: answers, the credentials of pull secrets, and registries that are skipped. */
  registries: RegistryFacts;
  /** Asks over the network, or joins a request in flight; undefined if there is no answer. Never rejects. */
  ask: (question: ImageQuestion) => Promise<ImageAnswer | undefined>;
  /** Drops everything, as a new policy may change every answer. */
  forget: () => void;
  state: () => ProberState;
}>;

/** The numbers of cached answers and of probes in progress. */
export type ProberState = Readonly<{ answers: number; inFlight: number }>;

/** Probes that run or wait for others of their registry. A namespace can have 125 per registry, more than one object needs. */
const MOST_PROBES = 2000;

/** Questions that wait for answers, also for the same one. Each takes about a kilobyte. */
const MOST_WAITING = 20_000;

/** Reads of pull secrets at a time, and those that run or wait; limited to spare the API server. */
const READS_AT_ONCE = 8;
const MOST_READS = 1000;

/** The state of one policy. A new policy starts with an empty one; later results for this one are dropped. */
type Session = Readonly<{
  cache: AnswerCache;
  queue: ProbeQueue;
  /** By `AllowedQuestion.key`. */
  questions: SingleFlight<ImageAnswer | undefined>;
}>;

/**
 * Returns the known answers of registries for a Pod's pull secrets, and asks for the others on request. For each image and
 * credentials, a registry is asked once, no matter how many Pods use them. Only registries in the policy are asked.
 */
export function createProber(options: ProberOptions): Prober {
  const { policy, readKeyring, onProbed, clocks = { now: () => performance.now(), wallNow: Date.now } } = options;
  const { now } = clocks;
  const fingerprints = createFingerprints();
  const probes = createLimiter(MOST_PROBES);
  const reads = createLimiter(MOST_READS);
  const readsUnderWay = createSingleFlight<Keyring | undefined>();
  const waiting = createPlaces(MOST_WAITING);
  let session = openSession();

  return {
    registries: {
      get: (question) => {
        const allowed = readQuestion(question, policy());
        if (allowed === undefined) return 'not-allowed';
        const cached = session.cache.get(allowed);
        if (cached?.isTrusted === true) {
          const { answer, isDue } = cached;
          return answer === undefined ? 'no-answer' : { answer, isDue };
        }
        const answer =
          cached === undefined ? session.queue.getOpen(hostOf(allowed.reference), allowed.namespace) : undefined;
        return answer === undefined ? 'unasked' : { answer, isDue: false };
      },
    },
    ask: async (question) => {
      const allowed = readQuestion(question, policy());
      // Pods may be created faster than a slow registry answers.
      if (allowed === undefined || waiting.isFull(allowed.namespace) || lacksRoom(allowed)) return undefined;
      waiting.take(allowed.namespace);
      return askOnce(session, allowed).finally(() => {
        waiting.leave(allowed.namespace);
      });
    },
    forget: () => {
      session = openSession();
    },
    state: () => ({ answers: session.cache.size(), inFlight: probes.running() }),
  };

  function openSession(): Session {
    const settings = (): PolicySections['probe'] => policy().probe;
    const cache = createAnswerCache(settings, fingerprints, clocks);
    const isOver = (): boolean => session !== opened;
    const queue = createProbeQueue({ ...options, settings, limiter: probes, cache, isOver, now });
    const opened: Session = { cache, queue, questions: createSingleFlight() };
    return opened;
  }

  /** Whether there is no room for the question, so that waiting for an answer is useless. */
  function lacksRoom(question: AllowedQuestion): boolean {
    const { cache, questions } = session;
    const isFull = probes.isFull(hostOf(question.reference), question.namespace);
    return isFull && !questions.has(question.key) && cache.get(question) === undefined;
  }

  async function askOnce(asking: Session, question: AllowedQuestion): Promise<ImageAnswer | undefined> {
    return asking.questions.share(question.key, async () =>
      askAsKubelet(asking, question).catch((error: unknown) => {
        tellNotAsked(question, notAskedByBug(error));
        return undefined;
      }),
    );
  }

  /** Reads the pull secrets, and tries their credentials one after the other. The credentials are kept only in this call. */
  async function askAsKubelet(asking: Session, question: AllowedQuestion): Promise<ImageAnswer | undefined> {
    const chosen = await choose(asking, question);
    if (chosen === undefined) return undefined;
    const attempt = await tryInTurn(chosen.entries, async (entry) => ({
      answer: await askAs(asking, question, entry?.credentials),
    }));
    return asking === session ? keepBelievable(attempt?.told.answer, chosen.isSure) : undefined;
  }

  async function askAs(
    { cache, queue }: Session,
    { reference, image, registry, namespace }: AllowedQuestion,
    credentials: Credentials | undefined,
  ): Promise<ImageAnswer | undefined> {
    const key = toAnswerKey(image, fingerprints.ofCredentials(credentials));
    const kept = cache.getAnswer(key);
    const target = { reference, image, registry, credentials, key, namespace };
    if (kept === undefined) return queue.probe(target);
    // In the background: the answer is for later requests.
    if (kept.answer?.outcome === 'ok' && now() >= kept.renewAt) void queue.probe(target);
    return kept.answer;
  }

  /** The credentials that kubelet would try; undefined if the secrets cannot be read. */
  async function choose({ cache }: Session, question: AllowedQuestion): Promise<ChosenCredentials | undefined> {
    // Without pull secrets there is nothing to read.
    if (question.secrets.length === 0) return { entries: [undefined], isSure: question.isWhole };
    let keyring: Keyring | undefined;
    try {
      keyring = await readOnce(question);
    } catch (error) {
      cache.keepSecrets(question, { fingerprints: [], isSure: false });
      const problem = error instanceof Error ? error.message : 'the pull secrets cannot be read';
      tellNotAsked(question, { why: 'secrets-unreadable', problem });
      return undefined;
    }
    if (keyring === undefined) return undefined;
    const { entries, isSure: isAll } = chooseCredentials(keyring, question.reference);
    const isSure = isAll && question.isWhole;
    const held = entries.map((entry) => fingerprints.ofCredentials(entry?.credentials));
    cache.keepSecrets(question, { fingerprints: held, isSure });
    return { entries, isSure };
  }

  /** Undefined when there is no room to wait for the result. */
  async function readOnce({ namespace, secrets }: AllowedQuestion): Promise<Keyring | undefined> {
    return readsUnderWay.share(JSON.stringify([namespace, secrets]), async () =>
      reads.run({ group: '', atOnce: READS_AT_ONCE, namespace, run: async () => readKeyring(namespace, secrets) }),
    );
  }

  function tellNotAsked({ reference: { registry } }: AllowedQuestion, notAsked: NotAsked): void {
    onProbed({ registry, seconds: 0, result: { notAsked } });
  }
}
