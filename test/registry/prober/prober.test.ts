import { describe, expect, test } from 'vitest';
import type { ImageQuestion } from '../../../src/pull/facts.ts';
import type { ImageAnswer } from '../../../src/cause/answer.ts';
import type { ProbeSettings } from '../../../src/policy/policy.ts';
import type { Keyring } from '../../../src/pull/keyring.ts';
import type { ProbeRequest } from '../../../src/registry/client/probe-image.ts';
import { createProber, type ProbeEvent } from '../../../src/registry/prober/prober.ts';
import {
  credentials,
  DENIED,
  keyringOf,
  NO_IMAGE,
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
const { positiveMs, negativeMs, errorMs } = SETTINGS;

type Options = Readonly<{
  says?: (request: ProbeRequest) => ImageAnswer;
  settings?: Partial<ProbeSettings>;
  /** What is in the pull secrets, by `namespace/name`. */
  secrets?: Record<string, readonly (readonly [key: string, user: string, password?: string])[] | 'unreadable'>;
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
    const entries = held.filter((each) => each !== 'unreadable').flat();
    return Promise.resolve(keyringOf(entries.map(([key, user, password]) => [key, credentials(user, password)])));
  };
  const prober = createProber({
    policy: () => policy,
    probeImage: registry.probeImage,
    readKeyring,
    platforms: () => ['linux/amd64'],
    onProbed: (event) => events.push(event),
    now: clock.now,
  });
  /** What one review is told at once, and what after it has waited. */
  const review = async (...questions: readonly ImageQuestion[]) => {
    const { registries, pending } = prober.inquire();
    const judge = () => questions.map((one) => registries.find(one));
    const atOnce = judge();
    const waits = pending();
    await waits;
    return { atOnce, hasWaited: waits !== undefined, last: judge(), stillWaits: pending() !== undefined };
  };
  const changePolicy = (changed: Partial<ProbeSettings>): void => {
    policy = probingPolicy(changed);
    prober.forget();
  };
  return { prober, registry, events, reads, clock, review, changePolicy };
}

describe('a question', () => {
  test('is answered after the registry was asked, and at once the next time', async () => {
    const { review, registry } = start();
    expect(await review(question(APP))).toEqual({
      atOnce: [undefined],
      hasWaited: true,
      last: [OK],
      stillWaits: false,
    });
    expect(await review(question(APP))).toEqual({ atOnce: [OK], hasWaited: false, last: [OK], stillWaits: false });
    expect(registry.requests).toHaveLength(1);
  });

  test('about a registry that the policy does not name is not asked, and nobody waits', async () => {
    const { review, registry, reads } = start();
    expect(await review(question('quay.io/team/app:1', ['one']))).toMatchObject({
      last: [undefined],
      hasWaited: false,
    });
    expect([registry.requests, reads]).toEqual([[], []]);
  });

  test('of a thousand reviews at the same time is one probe an image and user', async () => {
    const { review, registry, reads } = start({
      secrets: { 'web/one': [['registry.example.com', 'dev']], 'web/two': [['registry.example.com', 'ops']] },
    });
    registry.hold();
    const asked = Array.from({ length: 1000 }, async (_, at) =>
      review(question(`registry.example.com/app:${at % 2}`, [at % 4 < 2 ? 'one' : 'two'])),
    );
    await settle();
    registry.release();
    const reviews = await Promise.all(asked);
    expect(reviews.every(({ last }) => last[0] === OK)).toBe(true);
    expect(registry.requests).toHaveLength(4);
    expect(reads).toHaveLength(2);
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
      expect((await review(question(APP, ['one'], 'web'))).last).toEqual([OK]);
      expect((await review(question(APP, ['one'], 'shop'))).last).toEqual([DENIED]);
      expect((await review(question(APP, [], 'web'))).last).toEqual([DENIED]);
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
    expect((await review(question(APP, ['copy'], 'shop'))).last).toEqual([OK]);
    expect(registry.requests).toHaveLength(1);
  });

  test('a secret that is mended is noticed by the next apply', async () => {
    const secrets: NonNullable<Options['secrets']> = { 'web/one': [['registry.example.com', 'dev', 'wrong']] };
    const { review, clock } = start({ says, secrets });
    expect((await review(question(APP, ['one']))).last).toEqual([DENIED]);
    secrets['web/one'] = [['registry.example.com', 'dev', 'right']];
    clock.pass(1000);
    expect((await review(question(APP, ['one']))).last).toEqual([OK]);
  });

  test('a secret is not read again while the image is known to be there', async () => {
    const { review, reads, clock } = start({ secrets: { 'web/one': [['registry.example.com', 'dev']] } });
    await review(question(APP, ['one']));
    clock.pass(positiveMs / 2 - 1);
    expect(await review(question(APP, ['one']))).toMatchObject({ atOnce: [OK] });
    expect(reads).toHaveLength(1);
    clock.pass(1);
    expect(await review(question(APP, ['one']))).toMatchObject({ last: [OK] });
    expect(reads).toHaveLength(2);
  });

  test('nothing is said while secrets cannot be read, and nobody waits for it again at once', async () => {
    const secrets: NonNullable<Options['secrets']> = { 'web/one': 'unreadable' };
    const { review, registry, events, clock } = start({ secrets });
    expect(await review(question(APP, ['one']))).toMatchObject({
      hasWaited: true,
      last: [undefined],
      stillWaits: false,
    });
    expect(await review(question(APP, ['one']))).toMatchObject({ hasWaited: false, last: [undefined] });
    expect([registry.requests, events]).toMatchObject([
      [],
      [{ result: { notAsked: { why: 'secrets-unreadable', problem: 'the API server does not answer' } } }],
    ]);
    secrets['web/one'] = [];
    clock.pass(errorMs);
    expect((await review(question(APP, ['one']))).last).toEqual([OK]);
  });
});

describe('an answer', () => {
  test.each([
    ['is there', OK, positiveMs],
    ['is not there', NO_IMAGE, negativeMs],
    ['cannot be reached', UNREACHABLE, errorMs],
  ])('that an image %s is told for as long as the policy says', async (_what, answer, milliseconds) => {
    const { review, registry, clock } = start({ says: () => answer });
    await review(question(APP));
    clock.pass(milliseconds - 1);
    expect((await review(question(APP))).atOnce).toEqual([answer]);
    await settle();
    const asked = registry.requests.length;
    clock.pass(milliseconds);
    expect(await review(question(APP))).toMatchObject({ atOnce: [undefined], last: [answer] });
    expect(registry.requests).toHaveLength(asked + 1);
  });

  test('that is half as old as it may be is told at once, and asked for again by one in the background', async () => {
    let answer: ImageAnswer = OK;
    const { review, registry, clock } = start({ says: () => answer });
    await review(question(APP));
    clock.pass(positiveMs / 2);
    answer = NO_IMAGE;
    registry.hold();
    const reviews = await Promise.all(Array.from({ length: 100 }, async () => review(question(APP))));
    expect(reviews.every(({ hasWaited, last }) => !hasWaited && last[0] === OK)).toBe(true);
    expect(registry.requests).toHaveLength(2);
    registry.release();
    await settle();
    expect(await review(question(APP))).toMatchObject({ hasWaited: false, last: [NO_IMAGE] });
  });

  test('that is being asked for again has no secret read for that in the meantime', async () => {
    const { review, registry, reads, clock } = start({ secrets: { 'web/one': [['registry.example.com', 'dev']] } });
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
      expect(await review(question(APP, ['one']))).toMatchObject({ hasWaited: false, last: [OK] });
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
      expect(await review(question(APP))).toMatchObject({ hasWaited: false, last: [OK] });
      await settle();
    }
    expect(registry.requests).toHaveLength(2);
    clock.pass(errorMs);
    await review(question(APP));
    await settle();
    expect(registry.requests).toHaveLength(3);
    clock.pass(positiveMs / 2);
    expect((await review(question(APP))).last).toEqual([UNREACHABLE]);
  });

  test('is one of no more than the policy allows, however many images there are', async () => {
    const { review, prober } = start({ settings: { entries: 10, concurrency: 100 } });
    for (let at = 0; at < 100; at++) await review(question(`registry.example.com/app:${at}`));
    expect(prober.state()).toEqual({ answers: 10, inFlight: 0 });
    expect((await review(question('registry.example.com/app:99'))).atOnce).toEqual([OK]);
    expect((await review(question('registry.example.com/app:0'))).atOnce).toEqual([undefined]);
  });

  test('is told to the review that waited for it although there is no room to keep it, or no time', async () => {
    const { review } = start({ settings: { entries: 1, positiveMs: 0 } });
    const questions = Array.from({ length: 5 }, (_, at) => question(`registry.example.com/app:${at}`));
    expect(await review(...questions)).toMatchObject({ last: [OK, OK, OK, OK, OK], stillWaits: false });
  });
});

describe('a registry that hangs', () => {
  const hanging = (options: Options = {}) => {
    const started = start(options);
    started.registry.hold();
    return started;
  };

  test('does not keep others from being asked', async () => {
    const { prober, review, registry } = hanging();
    for (let at = 0; at < 1500; at++) prober.inquire().registries.find(question(`registry.example.com/app:${at}`));
    await settle();
    expect(prober.state()).toEqual({ answers: 0, inFlight: 8 });
    const asked = review(question('other.example.com/app:1'));
    await settle();
    expect(registry.requests.at(-1)?.reference.registry).toBe('other.example.com');
    registry.release();
    expect((await asked).last).toEqual([OK]);
  });

  test('is waited for by so many reviews at most, though all of them ask the same', async () => {
    const { prober, registry } = hanging();
    const inquiries = Array.from({ length: 20_010 }, () => prober.inquire());
    for (const { registries } of inquiries) registries.find(question(APP));
    expect(inquiries.filter(({ pending }) => pending() !== undefined)).toHaveLength(20_000);
    registry.release();
    await Promise.all(inquiries.map(async ({ pending }) => pending()));
    const next = prober.inquire();
    next.registries.find(question('registry.example.com/app:2'));
    expect(next.pending()).toBeDefined();
  });

  test('has a thousand questions wait at most, and who asks more does not wait', () => {
    const { prober } = hanging();
    const waits = Array.from({ length: 1500 }, (_, at) => {
      const { registries, pending } = prober.inquire();
      registries.find(question(`registry.example.com/app:${at}`));
      return pending() !== undefined;
    });
    expect(waits.filter(Boolean)).toHaveLength(8 + 1000);
    const joining = prober.inquire();
    joining.registries.find(question('registry.example.com/app:0'));
    expect(joining.pending()).toBeDefined();
  });
});

test('a registry that is down is told of at once, until it is tried again', async () => {
  const { review, registry, clock } = start({ says: () => UNREACHABLE });
  const ask = async (tag: number) => review(question(`registry.example.com/app:${tag}`, ['one']));
  for (let tag = 0; tag < 5; tag++) expect(await ask(tag)).toMatchObject({ hasWaited: true });
  expect(await ask(5)).toMatchObject({ hasWaited: false, last: [UNREACHABLE] });
  expect(registry.requests).toHaveLength(5);
  clock.pass(30_000);
  registry.hold();
  const trial = ask(6);
  await settle();
  expect(await ask(7)).toMatchObject({ hasWaited: false, last: [UNREACHABLE] });
  registry.release();
  await trial;
  expect(registry.requests).toHaveLength(6);
});

test('while a registry is left alone, the secrets of an image that is known are not read for each review', async () => {
  let answer: ImageAnswer = OK;
  const { review, reads, clock } = start({
    says: () => answer,
    secrets: { 'web/one': [['registry.example.com', 'dev']] },
  });
  await review(question(APP, ['one']));
  clock.pass(positiveMs / 2 - 1);
  await review(question(APP, ['one']));
  answer = UNREACHABLE;
  for (let tag = 10; tag < 15; tag++) await review(question(`registry.example.com/app:${tag}`));
  clock.pass(1);
  for (let time = 0; time < 10; time++) {
    expect((await review(question(APP, ['one']))).last).toEqual([OK]);
    await settle();
  }
  expect(reads.length).toBeLessThan(4);
});

describe('under a new policy', () => {
  test('everything is asked anew', async () => {
    const { review, changePolicy, prober } = start();
    await review(question(APP));
    changePolicy({});
    expect(prober.state().answers).toBe(0);
    expect(await review(question(APP))).toMatchObject({ atOnce: [undefined], last: [OK] });
  });

  test('what was asked under the old one is neither kept nor told', async () => {
    let answer: ImageAnswer = DENIED;
    const { review, registry, changePolicy, prober } = start({ says: () => answer });
    registry.hold();
    const old = review(question(APP));
    await settle();
    changePolicy({});
    registry.release();
    expect((await old).last).toEqual([undefined]);
    expect(prober.state().answers).toBe(0);
    answer = OK;
    expect(await review(question(APP))).toMatchObject({ atOnce: [undefined], last: [OK] });
  });

  test('a registry that was left alone is asked again, as its address may have been mended', async () => {
    let answer: ImageAnswer = UNREACHABLE;
    const { review, changePolicy } = start({ says: () => answer });
    for (let tag = 0; tag < 5; tag++) await review(question(`registry.example.com/app:${tag}`));
    answer = OK;
    changePolicy({});
    expect((await review(question(APP))).last).toEqual([OK]);
  });
});

test('a mistake of ours is told to operators, and the review goes on', async () => {
  const { prober, events } = start();
  const broken = createProber({
    policy: () => probingPolicy(),
    probeImage: standInRegistry().probeImage,
    readKeyring: async () => Promise.resolve({ entries: [null], isComplete: true } as unknown as Keyring),
    platforms: () => [],
    onProbed: (event) => events.push(event),
  });
  for (const { registries, pending } of [broken.inquire(), prober.inquire()]) {
    registries.find(question(APP, ['one']));
    await pending();
  }
  expect(events).toMatchObject([
    { result: { notAsked: { why: 'bug', error: 'TypeError' } } },
    { result: { answer: OK } },
  ]);
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
