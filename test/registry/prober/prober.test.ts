import { describe, expect, test } from 'vitest';
import type { ImageAnswer } from '../../../src/cause/answer.ts';
import type { ProbeSettings } from '../../../src/policy/policy.ts';
import type { ImageQuestion } from '../../../src/pull/facts.ts';
import type { Keyring } from '../../../src/pull/keyring.ts';
import type { ProbeRequest } from '../../../src/registry/client/probe-image.ts';
import type { ProbeEvent } from '../../../src/registry/prober/probe-queue.ts';
import { createProber } from '../../../src/registry/prober/prober.ts';
import {
  credentials,
  DENIED,
  keyringOf,
  NO_IMAGE,
  NO_REPOSITORY,
  OK,
  probingPolicy,
  question,
  SETTINGS,
  settle,
  standInRegistry,
  stoppedClock,
  UNREACHABLE,
} from './probing.ts';

const APP = 'registry.example.com/team/app:1';
const { positiveMs, errorMs } = SETTINGS;
/** Made once, as it is read for each question. */
const POLICY = probingPolicy();

type Secret = readonly (readonly [key: string, user: string, password?: string])[] | 'unreadable' | 'unknown';

type Options = Readonly<{
  says?: (request: ProbeRequest) => ImageAnswer | { notAsked: { why: 'token-redirects' } };
  settings?: Partial<ProbeSettings>;
  /** What is in the pull secrets, by `namespace/name`; nobody may look into one that is `unknown`. */
  secrets?: Record<string, Secret>;
}>;

function start({ says = () => OK, settings = {}, secrets = {} }: Options = {}) {
  const clock = stoppedClock();
  const registry = standInRegistry(says);
  const events: ProbeEvent[] = [];
  const reads: string[] = [];
  let policy = probingPolicy(settings);
  const readKeyring = async (namespace: string, names: readonly string[]): Promise<Keyring> => {
    reads.push(`${namespace}/${names.join('+')}`);
    const held = names.map((name) => secrets[`${namespace}/${name}`] ?? []);
    if (held.includes('unreadable')) return Promise.reject(new Error('the API server does not answer'));
    const entries = held.filter((each) => typeof each !== 'string').flat();
    const named = entries.map(([key, user, password]) => [key, credentials(user, password)] as const);
    return Promise.resolve(keyringOf(named, !held.includes('unknown')));
  };
  const prober = createProber({
    policy: () => policy,
    probeImage: registry.probeImage,
    readKeyring,
    platforms: () => ['linux/amd64'],
    onProbed: (event) => events.push(event),
    clocks: clock,
  });
  /** What is known, the answer itself if there is one. */
  const get = (one: ImageQuestion) => {
    const known = prober.registries.get(one);
    return typeof known === 'string' ? known : known.answer;
  };
  /** What a review is told in the end, and what it was told at once. */
  const review = async (one: ImageQuestion) => {
    const atOnce = prober.registries.get(one);
    if (atOnce === 'unasked') return { atOnce, last: await prober.ask(one) };
    if (typeof atOnce !== 'string' && atOnce.isDue) void prober.ask(one);
    const told = typeof atOnce === 'string' ? atOnce : atOnce.answer;
    return { atOnce: told, last: told };
  };
  const changePolicy = (changed: Partial<ProbeSettings> = {}): void => {
    policy = probingPolicy(changed);
    prober.forget();
  };
  return { prober, registry, events, reads, clock, get, review, changePolicy };
}

const DEV = { 'web/one': [['registry.example.com', 'dev']] } satisfies Options['secrets'];

describe('a question', () => {
  test('is answered when the registry was asked, and from memory the next time', async () => {
    const { review, registry, reads } = start();
    expect(await review(question(APP))).toEqual({ atOnce: 'unasked', last: OK });
    expect(await review(question(APP))).toEqual({ atOnce: OK, last: OK });
    // Nor is anything read for a pod without pull secrets.
    expect([registry.requests.length, reads]).toEqual([1, []]);
  });

  test('alone has nobody asked', async () => {
    const { get, registry, reads } = start();
    expect([get(question(APP, ['one'])), get(question(APP, ['one']))]).toEqual(['unasked', 'unasked']);
    await settle();
    expect([registry.requests, reads]).toEqual([[], []]);
  });

  test('about a registry that the policy does not name has nobody asked', async () => {
    const { get, prober, registry, reads } = start();
    const asked = question('quay.io/team/app:1', ['one']);
    expect([get(asked), await prober.ask(asked)]).toEqual(['not-allowed', undefined]);
    expect([registry.requests, reads]).toEqual([[], []]);
  });

  test('of a thousand reviews at the same time is one probe an image and user', async () => {
    const { prober, registry, reads } = start({
      secrets: { ...DEV, 'web/two': [['registry.example.com', 'ops']] },
    });
    registry.hold();
    const asked = Array.from({ length: 1000 }, async (_, at) =>
      prober.ask(question(`registry.example.com/app:${at % 2}`, [at % 4 < 2 ? 'one' : 'two'])),
    );
    await settle();
    registry.release();
    expect(new Set(await Promise.all(asked))).toEqual(new Set([OK]));
    expect([registry.requests.length, reads.length]).toEqual([4, 2]);
  });
});

describe('an image is asked about as kubelet pulls it', () => {
  const notAsked = { notAsked: { why: 'token-redirects' } } as const;
  const ANSWERS = { denied: DENIED, missing: NO_IMAGE, good: OK, gone: UNREACHABLE, forbidden: notAsked };

  type Case = [what: string, users: readonly (keyof typeof ANSWERS)[], asked: readonly string[], told: unknown];

  test.each<Case>([
    ['anonymously without an entry for its registry', [], ['anybody'], NO_REPOSITORY],
    ['with the entry, and then never anonymously', ['denied'], ['denied'], DENIED],
    ['until somebody is let in', ['denied', 'missing', 'good', 'gone'], ['denied', 'missing', 'good'], OK],
    ['until nobody answers', ['denied', 'gone', 'good'], ['denied', 'gone'], UNREACHABLE],
    ['until it may not be asked', ['denied', 'forbidden', 'good'], ['denied', 'forbidden'], undefined],
    ['to the end when all are refused', ['denied', 'missing'], ['denied', 'missing'], NO_IMAGE],
  ])('%s', async (_what, users, tried, told) => {
    const { prober, registry, get } = start({
      says: ({ credentials: who }) =>
        who === undefined ? NO_REPOSITORY : ANSWERS[who.username as keyof typeof ANSWERS],
      secrets: { 'web/one': users.map((user) => ['registry.example.com', user]) },
    });
    expect(await prober.ask(question(APP, ['one']))).toEqual(told);
    expect(registry.requests.map(({ credentials: who }) => who?.username ?? 'anybody')).toEqual(tried);
    expect(get(question(APP, ['one']))).toEqual(told ?? 'no-answer');
  });

  test.each<[what: string, pullSecrets: readonly string[] | 'unknown', secret: Secret]>([
    ['as a secret could not be read', ['one'], 'unknown'],
    ['as nobody knows which secrets there are', 'unknown', 'unreadable'],
    ['as there are too many secrets', Array.from({ length: 21 }, (_, at) => `s${at}`), []],
  ])('and not all is told where it is not sure what kubelet has, %s', async (_what, pullSecrets, secret) => {
    // With credentials that kubelet may have it may be there.
    const hidden = { ...NO_IMAGE, mayBeHidden: true };
    for (const [answer, told] of [[OK, OK] as const, [NO_IMAGE, hidden] as const, [DENIED, undefined] as const]) {
      const { prober, get } = start({ says: () => answer, secrets: { 'web/one': secret } });
      expect(await prober.ask(question(APP, pullSecrets))).toEqual(told);
      expect(get(question(APP, pullSecrets))).toEqual(told ?? 'no-answer');
    }
  });

  test('a refusal of six users is none, as only five are tried', async () => {
    const users = ['a', 'b', 'c', 'd', 'e', 'f'];
    const { prober, registry } = start({
      says: () => DENIED,
      secrets: { 'web/one': users.map((user) => ['registry.example.com', user]) },
    });
    expect(await prober.ask(question(APP, ['one']))).toBeUndefined();
    expect(registry.requests.map(({ credentials: who }) => who?.username)).toEqual(users.slice(0, 5));
  });
});

describe('who is asked as', () => {
  const says = ({ credentials: who }: ProbeRequest): ImageAnswer => (who?.password === 'right' ? OK : DENIED);

  test('two namespaces with different passwords are told different things', async () => {
    const { review } = start({
      says,
      secrets: {
        'web/one': [['registry.example.com', 'dev', 'right']],
        'shop/one': [['registry.example.com', 'dev', 'wrong']],
      },
    });
    for (let time = 0; time < 2; time++) {
      expect((await review(question(APP, ['one'], 'web'))).last).toEqual(OK);
      expect((await review(question(APP, ['one'], 'shop'))).last).toEqual(DENIED);
      expect((await review(question(APP, [], 'web'))).last).toEqual(DENIED);
    }
  });

  test('two namespaces with the same credentials share an answer', async () => {
    const { review, registry } = start({
      says,
      secrets: {
        'web/one': [['registry.example.com', 'dev', 'right']],
        'shop/copy': [['https://*.example.com/v2/', 'dev', 'right']],
      },
    });
    await review(question(APP, ['one'], 'web'));
    expect((await review(question(APP, ['copy'], 'shop'))).last).toEqual(OK);
    expect(registry.requests).toHaveLength(1);
  });
});

describe('pull secrets', () => {
  test('that are mended are noticed by the next apply', async () => {
    const secrets: NonNullable<Options['secrets']> = { 'web/one': [['registry.example.com', 'dev', 'wrong']] };
    const { review, clock } = start({
      says: ({ credentials: who }) => (who?.password === 'right' ? OK : DENIED),
      secrets,
    });
    expect((await review(question(APP, ['one']))).last).toEqual(DENIED);
    secrets['web/one'] = [['registry.example.com', 'dev', 'right']];
    clock.pass(1000);
    expect((await review(question(APP, ['one']))).last).toEqual(OK);
  });

  test('that cannot be read have nothing said, operators told, and nobody wait for it again at once', async () => {
    const secrets: NonNullable<Options['secrets']> = { 'web/one': 'unreadable' };
    const { review, registry, events, clock } = start({ secrets });
    expect(await review(question(APP, ['one']))).toEqual({ atOnce: 'unasked', last: undefined });
    expect(await review(question(APP, ['one']))).toMatchObject({ atOnce: 'no-answer' });
    const notAsked = { why: 'secrets-unreadable', problem: 'the API server does not answer' };
    expect([registry.requests, events]).toEqual([
      [],
      [{ registry: 'registry.example.com', seconds: 0, result: { notAsked } }],
    ]);
    secrets['web/one'] = [];
    clock.pass(errorMs);
    expect((await review(question(APP, ['one']))).last).toEqual(OK);
  });

  test('are read once by all who ask at the same time, and again by who comes later', async () => {
    const { prober, reads } = start({ secrets: DEV });
    const images = Array.from({ length: 50 }, (_, at) => `registry.example.com/team/app-${at}:1`);
    await Promise.all(images.map(async (image) => prober.ask(question(image, ['one']))));
    const later = [question(APP, ['one']), question(APP, ['one', 'two']), question(APP, ['one'], 'other')];
    await Promise.all(later.map(prober.ask));
    expect(reads).toEqual(['web/one', 'web/one', 'web/one+two', 'other/one']);
  });

  test('are read a few at a time, as an API server has other things to do', async () => {
    const ends: ((keyring: Keyring) => void)[] = [];
    const { ask } = createProber({
      policy: () => POLICY,
      probeImage: standInRegistry().probeImage,
      readKeyring: async () => new Promise((resolve) => ends.push(resolve)),
      platforms: () => [],
      onProbed: () => undefined,
    });
    const asked = Array.from({ length: 1100 }, async (_, at) => ask(question(APP, ['one'], `web-${at}`)));
    await settle();
    expect(ends).toHaveLength(8);
    // As some end, the next ones begin to be read, and end up in the same list.
    for (const [at, end] of ends.entries()) {
      end(keyringOf([]));
      if (at === ends.length - 1) await settle();
    }
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(1000);
  });
});

describe('an answer', () => {
  test('that is half as old as it may be is told at once, and asked for again by one in the background', async () => {
    let answer: ImageAnswer = OK;
    const { review, get, registry, clock } = start({ says: () => answer });
    await review(question(APP));
    clock.pass(positiveMs / 2);
    answer = NO_IMAGE;
    registry.hold();
    const reviews = await Promise.all(Array.from({ length: 100 }, async () => review(question(APP))));
    expect(reviews.every(({ atOnce }) => atOnce === OK)).toBe(true);
    expect(registry.requests).toHaveLength(2);
    registry.release();
    await settle();
    expect(get(question(APP))).toEqual(NO_IMAGE);
  });

  test('that is being asked for again has no secret read for that in the meantime', async () => {
    const { review, registry, reads, clock } = start({ secrets: DEV });
    registry.hold();
    const first = review(question(APP, ['one']));
    await settle();
    // The answer is younger than what is known of the secret.
    clock.pass(1000);
    registry.release();
    await first;
    clock.pass(positiveMs / 2 - 1000);
    await review(question(APP, ['one']));
    clock.pass(1000);
    registry.hold();
    for (let time = 0; time < 10; time++) {
      expect(await review(question(APP, ['one']))).toMatchObject({ atOnce: OK });
      await settle();
    }
    expect([registry.requests.length, reads.length]).toEqual([2, 3]);
  });

  test('stays when asking again fails, and that is not tried with every review', async () => {
    let answer: ImageAnswer = OK;
    const { review, registry, clock } = start({ says: () => answer });
    await review(question(APP));
    clock.pass(positiveMs / 2);
    answer = UNREACHABLE;
    for (let time = 0; time < 10; time++) {
      expect(await review(question(APP))).toMatchObject({ atOnce: OK });
      await settle();
    }
    expect(registry.requests).toHaveLength(2);
    clock.pass(errorMs);
    await review(question(APP));
    await settle();
    expect(registry.requests).toHaveLength(3);
    clock.pass(positiveMs / 2);
    expect((await review(question(APP))).last).toEqual(UNREACHABLE);
  });
});

describe('a registry that hangs', () => {
  const hanging = (options: Options = {}) => {
    const started = start(options);
    started.registry.hold();
    return started;
  };
  const appOf = (at: number, namespace = 'web') => question(`registry.example.com/app:${at}`, [], namespace);

  test('does not keep others from being asked', async () => {
    const { prober, registry } = hanging();
    for (let at = 0; at < 1500; at++) void prober.ask(appOf(at));
    await settle();
    expect(prober.state()).toEqual({ answers: 0, inFlight: 4 });
    const asked = prober.ask(question('other.example.com/app:1'));
    await settle();
    expect(registry.requests.at(-1)?.reference.registry).toBe('other.example.com');
    registry.release();
    expect(await asked).toEqual(OK);
  });

  /** How many of these are not done at once, and how to wait for them. */
  async function countWaiting(asked: readonly Promise<unknown>[]): Promise<number> {
    let done = 0;
    for (const one of asked) void one.then(() => (done += 1));
    await settle();
    return asked.length - done;
  }

  test('is waited for by so many reviews at most, though all of them ask the same', async () => {
    const { prober, registry } = hanging();
    const asked = Array.from({ length: 20_010 }, async (_, at) => prober.ask(question(APP, [], `web-${at % 4}`)));
    expect(await countWaiting(asked)).toBe(20_000);
    registry.release();
    await Promise.all(asked);
    expect(await prober.ask(appOf(2))).toEqual(OK);
  });

  test('has a share of the questions of each namespace wait at most; who asks more does not wait, nor has secrets read', async () => {
    const { prober, reads } = hanging();
    const asked = Array.from({ length: 1500 }, async (_, at) => prober.ask(appOf(at, `web-${at % 10}`)));
    expect(await countWaiting(asked)).toBe(10 * 125);
    expect(await countWaiting([prober.ask(appOf(0, 'web-0')), prober.ask(question(APP, ['one'], 'web-1'))])).toBe(1);
    expect(reads).toEqual([]);
  });
});

test('while a registry is left alone, the secrets of an image that is known are not read for each review', async () => {
  let answer: ImageAnswer = OK;
  const { review, reads, clock } = start({ says: () => answer, secrets: DEV });
  await review(question(APP, ['one']));
  clock.pass(positiveMs / 2 - 1);
  await review(question(APP, ['one']));
  answer = UNREACHABLE;
  for (let tag = 10; tag < 15; tag++) await review(question(`registry.example.com/app:${tag}`));
  clock.pass(1);
  for (let time = 0; time < 10; time++) {
    expect((await review(question(APP, ['one']))).last).toEqual(OK);
    await settle();
  }
  expect(reads.length).toBeLessThan(4);
});

describe('under a new policy', () => {
  test('everything is asked anew', async () => {
    const { get, prober, changePolicy } = start();
    await prober.ask(question(APP));
    expect(prober.state()).toEqual({ answers: 1, inFlight: 0 });
    changePolicy();
    expect([prober.state().answers, get(question(APP))]).toEqual([0, 'unasked']);
  });

  test('what was asked under the old one is neither kept nor told', async () => {
    let answer: ImageAnswer = DENIED;
    const { prober, review, registry, changePolicy } = start({ says: () => answer });
    registry.hold();
    const old = prober.ask(question(APP));
    await settle();
    changePolicy();
    registry.release();
    expect(await old).toBeUndefined();
    expect(prober.state().answers).toBe(0);
    answer = OK;
    expect(await review(question(APP))).toEqual({ atOnce: 'unasked', last: OK });
  });

  test('a registry that was left alone is asked again, as its address may have been mended', async () => {
    let answer: ImageAnswer = UNREACHABLE;
    const { get, review, changePolicy } = start({ says: () => answer });
    for (let tag = 0; tag < 5; tag++) await review(question(`registry.example.com/app:${tag}`));
    expect(get(question(APP, ['one']))).toEqual(UNREACHABLE);
    answer = OK;
    changePolicy();
    expect((await review(question(APP))).last).toEqual(OK);
  });
});

test('a mistake of ours is told to operators, and nothing is said', async () => {
  const events: ProbeEvent[] = [];
  const { ask } = createProber({
    policy: () => POLICY,
    probeImage: standInRegistry().probeImage,
    readKeyring: async () => Promise.resolve({ entries: [null], isComplete: true } as unknown as Keyring),
    platforms: () => [],
    onProbed: (event) => events.push(event),
  });
  expect(await ask(question(APP, ['one']))).toBeUndefined();
  expect(events).toMatchObject([{ result: { notAsked: { why: 'bug', error: 'TypeError' } } }]);
});

test('credentials are in nothing that is told', async () => {
  const { review, events, registry } = start({
    says: () => DENIED,
    secrets: { 'web/one': [['registry.example.com', 'dev-user', 's3cr3t']] },
  });
  const told = [await review(question(APP, ['one'])), events];
  expect(registry.requests[0]?.credentials).toEqual({ username: 'dev-user', password: 's3cr3t' });
  expect(JSON.stringify(told)).not.toMatch(/dev-user|s3cr3t/);
});
