import { describe, expect, test } from 'vitest';
import { failBy, type ImageAnswer } from '../../../src/cause/answer.ts';
import type { ProbeSettings } from '../../../src/policy/policy.ts';
import { createAnswerCache, toAnswerKey } from '../../../src/registry/prober/answer-cache.ts';
import { createLimiter } from '../../../src/registry/prober/limits.ts';
import { createProbeQueue, type ProbeEvent } from '../../../src/registry/prober/probe-queue.ts';
import { createFingerprints } from '../../../src/registry/prober/question.ts';
import {
  BROKEN,
  CERTIFICATE,
  credentials,
  DENIED,
  imageOf,
  NO_IMAGE,
  OK,
  RATE_LIMITED,
  REGISTRY,
  SETTINGS,
  settle,
  standInRegistry,
  stoppedClock,
  UNREACHABLE,
} from './probing.ts';

type Options = Readonly<{
  says?: Parameters<typeof standInRegistry>[0];
  settings?: Partial<ProbeSettings>;
  platforms?: () => readonly string[];
  most?: number;
}>;

const HOST = 'registry.example.com';
const APP = `${HOST}/app:1`;
const appOf = (at: number, host = HOST): string => `${host}/app:${at}`;

function start({ says, settings, platforms = () => ['linux/amd64'], most = 2000 }: Options = {}) {
  const clock = stoppedClock();
  const registry = standInRegistry(says);
  const events: ProbeEvent[] = [];
  const allSettings = { ...SETTINGS, ...settings };
  const cache = createAnswerCache(() => allSettings, createFingerprints(), clock);
  let isOver = false;
  const queue = createProbeQueue({
    settings: () => allSettings,
    probeImage: registry.probeImage,
    platforms,
    onProbed: (event) => events.push(event),
    limiter: createLimiter(most),
    cache,
    isOver: () => isOver,
    now: clock.now,
  });
  const ask = async (image: string, who?: string, namespace = 'web'): Promise<ImageAnswer | undefined> =>
    queue.probe({
      reference: imageOf(image),
      image,
      registry: REGISTRY,
      credentials: who === undefined ? undefined : credentials(who),
      key: toAnswerKey(image, who ?? 'anonymous'),
      namespace,
    });
  const changePolicy = (): void => {
    isOver = true;
  };
  const kept = (image: string, who = 'anonymous') => cache.getAnswer(toAnswerKey(image, who));
  return { queue, registry, cache, kept, clock, events, changePolicy, ask };
}

describe('a registry is asked', () => {
  test('for the image, as who wants it, and what it says is kept and told', async () => {
    const { ask, registry, kept, events } = start({ platforms: () => ['linux/amd64', 'linux/arm64'] });
    expect(await ask(APP, 'dev')).toEqual(OK);
    expect(registry.requests).toEqual([
      {
        reference: imageOf(APP),
        registry: REGISTRY,
        credentials: credentials('dev'),
        platforms: ['linux/amd64', 'linux/arm64'],
        timeoutMs: 10_000,
      },
    ]);
    expect(kept(APP, 'dev')?.answer).toEqual(OK);
    expect(events).toEqual([{ registry: HOST, seconds: expect.any(Number) as number, result: { answer: OK } }]);
  });

  test('once by all who ask at the same time as the same person', async () => {
    const { ask, registry } = start();
    registry.hold();
    const asked = [ask(APP, 'dev'), ask(APP, 'dev'), ask(APP, 'ops'), ask(APP)];
    await settle();
    registry.release();
    expect(await Promise.all(asked)).toEqual([OK, OK, OK, OK]);
    expect(registry.requests.map((request) => request.credentials?.username)).toEqual(['dev', 'ops', undefined]);
  });

  // Its host may be written in other letters, and is the same.
  test.each<[concurrency: number, hosts: readonly string[], asked: readonly string[]]>([
    [3, [...Array<string>(10).fill(HOST), 'other.example.com'], [HOST, HOST, HOST, 'other.example.com']],
    [1, [HOST, 'Registry.example.com', 'REGISTRY.example.com'], [HOST]],
  ])('about so many images at a time as the policy says: %d', async (concurrency, hosts, first) => {
    const { ask, registry } = start({ settings: { concurrency } });
    registry.hold();
    const asked = hosts.map(async (host, at) => ask(appOf(at, host), undefined, `web-${at}`));
    await settle();
    expect(registry.requests.map(({ reference }) => reference.registry)).toEqual(first);
    registry.release();
    expect(new Set(await Promise.all(asked))).toEqual(new Set([OK]));
  });

  test('not any more for who has waited half a minute, or credentials would be held as long as others are slow', async () => {
    const { ask, registry, clock } = start({ settings: { concurrency: 1 } });
    registry.hold();
    const first = ask(appOf(1));
    const second = ask(appOf(2), 'dev');
    clock.pass(29_999);
    const third = ask(appOf(3), 'dev');
    clock.pass(1);
    registry.release();
    expect(await Promise.all([first, second, third])).toEqual([OK, undefined, OK]);
    expect(registry.requests).toHaveLength(2);
    expect(await ask(appOf(2), 'dev')).toEqual(OK);
  });

  test('not when there is no room to wait, and the next one is', async () => {
    const { ask, registry, cache } = start({ settings: { concurrency: 1 }, most: 48 });
    registry.hold();
    const asked = Array.from({ length: 5 }, async (_, at) => ask(appOf(at)));
    expect(await Promise.all(asked.slice(3))).toEqual([undefined, undefined]);
    registry.release();
    expect(await Promise.all(asked.slice(0, 3))).toEqual([OK, OK, OK]);
    expect(await ask(appOf(4))).toEqual(OK);
    expect(cache.size()).toBe(4);
  });

  test('not any more when it waited under an old policy, as it may not be allowed', async () => {
    const { ask, registry, changePolicy } = start({ settings: { concurrency: 1 } });
    registry.hold();
    const asked = [ask(appOf(1)), ask(appOf(2))];
    await settle();
    changePolicy();
    registry.release();
    expect((await Promise.all(asked))[1]).toBeUndefined();
    expect(registry.requests).toHaveLength(1);
  });
});

describe('a registry that does not work', () => {
  const broken = (...fault: Parameters<typeof failBy>): ImageAnswer => ({
    endpoint: `${HOST}:443`,
    ...failBy(...fault),
  });

  /** Asks about so many images, one after the other; of each the registry says what it is told to. */
  function startFailing() {
    let answer: ImageAnswer = OK;
    const started = start({ says: () => answer });
    const fail = async (count: number, says: ImageAnswer, firstImage = 0): Promise<void> => {
      answer = says;
      for (let at = 0; at < count; at++) await started.ask(appOf(firstImage + at));
    };
    return { ...started, fail, open: (host = HOST, namespace = 'web') => started.queue.getOpen(host, namespace) };
  }

  test.each<[string, ImageAnswer]>([
    ['unreachable', UNREACHABLE],
    ['in trouble, as it said itself', BROKEN],
    ['in trouble where its tokens come from', broken('token-status', 502)],
  ])('is left alone for half a minute when it was %s for four images in a row', async (_name, answer) => {
    const { fail, open, ask, registry, clock } = startFailing();
    await fail(3, answer);
    expect(open()).toBeUndefined();
    await fail(1, answer, 3);
    expect([open(), await ask(appOf(5)), registry.requests.length]).toEqual([answer, answer, 4]);
    expect(open('other.example.com')).toBeUndefined();
    clock.pass(29_999);
    expect(open()).toEqual(answer);
    clock.pass(1);
    expect(open()).toBeUndefined();
  });

  test.each([OK, DENIED, NO_IMAGE, CERTIFICATE, RATE_LIMITED])(
    'is not left alone when it answers in between: %j',
    async (answer) => {
      const { fail, open } = startFailing();
      await fail(3, UNREACHABLE);
      await fail(1, answer);
      await fail(3, UNREACHABLE);
      expect(open()).toBeUndefined();
    },
  );

  // Some of them are quickly made, and everybody who pulls from there would be warned of a registry that works.
  test.each([broken('status', 400), broken('status', 431), broken('foreign-manifest'), broken('other-digest')])(
    'is not one that cannot work with images or logins: %j',
    async (answer) => {
      const { fail, open } = startFailing();
      await fail(20, answer);
      expect(open()).toBeUndefined();
    },
  );

  test('is not one with an image that is broken, or others would be said to be', async () => {
    const { fail, open } = startFailing();
    for (let at = 0; at < 20; at++) await fail(1, BROKEN);
    expect(open()).toBeUndefined();
  });

  test('is tried by one after that, while the others are still told what it said', async () => {
    const { fail, open, ask, registry, clock } = startFailing();
    await fail(4, UNREACHABLE);
    clock.pass(30_000);
    registry.hold();
    const trials = Array.from({ length: 10 }, async (_, at) => ask(appOf(200 + at)));
    await settle();
    expect([registry.requests.length, open()]).toEqual([5, UNREACHABLE]);
    registry.release();
    expect(new Set(await Promise.all(trials))).toEqual(new Set([UNREACHABLE]));
  });

  test('is asked again as soon as it answers, and left alone for as long again when it does not', async () => {
    const { fail, open, clock } = startFailing();
    await fail(4, UNREACHABLE);
    clock.pass(30_000);
    await fail(1, BROKEN);
    clock.pass(29_999);
    expect(open()).toEqual(BROKEN);
    clock.pass(1);
    await fail(1, DENIED);
    await fail(3, UNREACHABLE);
    expect(open()).toBeUndefined();
  });

  test('is tried by the next one when it was not asked after all', async () => {
    let says: ImageAnswer | undefined = UNREACHABLE;
    const { ask, clock, queue, registry } = start({
      says: () => says ?? { notAsked: { why: 'token-redirects' } },
    });
    for (let at = 0; at < 4; at++) await ask(appOf(at));
    clock.pass(30_000);
    says = undefined;
    expect(await ask(appOf(5))).toBeUndefined();
    says = UNREACHABLE;
    expect([queue.getOpen(HOST, 'web'), await ask(appOf(6)), registry.requests.length]).toEqual([
      undefined,
      UNREACHABLE,
      6,
    ]);
  });

  test('tells those who wait in its queue as well', async () => {
    const { ask, registry } = start({ says: () => UNREACHABLE, settings: { concurrency: 5 } });
    registry.hold();
    const asked = Array.from({ length: 100 }, async (_, at) => ask(appOf(at)));
    await settle();
    registry.release();
    expect(new Set(await Promise.all(asked))).toEqual(new Set([UNREACHABLE]));
    // One may have begun as the fourth ended.
    expect(registry.requests.length).toBeLessThan(10);
  });
});

describe('a mistake of ours', () => {
  const bug = (): never => {
    throw new TypeError('s3cr3t');
  };
  test.each<[string, Options]>([
    ['in asking', { says: bug }],
    ['in listing platforms', { platforms: bug }],
  ])('%s is told without its words, and stops nothing', async (_name, options) => {
    const { ask, events, kept } = start(options);
    expect(await ask(APP)).toBeUndefined();
    expect(events).toMatchObject([{ result: { notAsked: { why: 'bug', error: 'TypeError' } } }]);
    expect(JSON.stringify(events)).not.toContain('s3cr3t');
    expect(kept(APP)).toMatchObject({ answer: undefined });
  });
});

test('that a registry may not be asked is told to operators, and not asked again at once', async () => {
  const notAsked = { notAsked: { why: 'token-redirects' } } as const;
  const { ask, events, kept } = start({ says: () => notAsked });
  expect(await ask(APP)).toBeUndefined();
  expect(events).toMatchObject([{ result: notAsked }]);
  expect(kept(APP)).toMatchObject({ answer: undefined });
});
