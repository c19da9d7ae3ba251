import { describe, expect, test } from 'vitest';
import type { ImageAnswer } from '../../../src/cause/answer.ts';
import type { PolicySections } from '../../../src/policy/policy.ts';
import {
  createAskRegistry,
  type AskRegistry,
  type ProbeEvent,
  type Target,
} from '../../../src/registry/prober/ask-registry.ts';
import { createLimiter } from '../../../src/registry/prober/limiter.ts';
import { openSession, toAnswerKey, type Session } from '../../../src/registry/prober/session.ts';
import {
  BROKEN,
  credentials,
  DENIED,
  imageOf,
  OK,
  probingPolicy,
  REGISTRY,
  settle,
  standInRegistry,
  stoppedClock,
  UNREACHABLE,
} from './probing.ts';

type Options = Readonly<{
  policy?: PolicySections;
  platforms?: () => readonly string[];
  most?: number;
}>;

/** What asks this registry, and what it told of it. */
function start(
  registry: ReturnType<typeof standInRegistry>,
  { policy = probingPolicy(), platforms, most = 1000 }: Options = {},
) {
  const clock = stoppedClock();
  const events: ProbeEvent[] = [];
  const session = openSession(() => policy.probe, clock.now);
  let current = session;
  const askRegistry = createAskRegistry({
    policy: () => policy,
    probeImage: registry.probeImage,
    platforms: platforms ?? (() => ['linux/amd64']),
    onProbed: (event) => events.push(event),
    limiter: createLimiter(most),
    isCurrent: (one) => one === current,
    now: clock.now,
  });
  const changePolicy = (): void => {
    current = openSession(() => policy.probe, clock.now);
  };
  return { askRegistry, session, clock, events, changePolicy, ask: asker(askRegistry, session) };
}

function targetOf(image: string, who?: string): Target {
  const reference = imageOf(image);
  return {
    reference,
    image,
    registry: REGISTRY,
    credentials: who === undefined ? undefined : credentials(who),
    key: toAnswerKey(image, who ?? 'anonymous'),
  };
}

function asker(askRegistry: AskRegistry, session: Session) {
  return async (image: string, who?: string): Promise<ImageAnswer | undefined> =>
    askRegistry(session, targetOf(image, who));
}

const APP = 'registry.example.com/app:1';
const appOf = (at: number, host = 'registry.example.com'): string => `${host}/app:${at}`;

describe('a registry is asked', () => {
  test('for the image, as who wants it, and what it says is kept and told', async () => {
    const registry = standInRegistry();
    const { ask, session, events } = start(registry, { platforms: () => ['linux/amd64', 'linux/arm64'] });
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
    expect(session.answers.find(toAnswerKey(APP, 'dev'))?.answer).toEqual(OK);
    expect(events).toEqual([
      { registry: 'registry.example.com', seconds: expect.any(Number) as number, result: { answer: OK } },
    ]);
  });

  test('once by all who ask at the same time as the same person', async () => {
    const registry = standInRegistry();
    const { ask } = start(registry);
    registry.hold();
    const asked = [ask(APP, 'dev'), ask(APP, 'dev'), ask(APP, 'ops'), ask(APP)];
    await settle();
    registry.release();
    expect(await Promise.all(asked)).toEqual([OK, OK, OK, OK]);
    expect(registry.requests.map((request) => request.credentials?.username)).toEqual(['dev', 'ops', undefined]);
  });

  test('about so many images at a time as the policy says, while another registry is asked as many', async () => {
    const registry = standInRegistry();
    const { ask } = start(registry, { policy: probingPolicy({ concurrency: 3 }) });
    registry.hold();
    const asked = Array.from({ length: 10 }, async (_, at) => ask(appOf(at)));
    asked.push(ask(appOf(0, 'other.example.com')));
    await settle();
    expect(registry.requests.map(({ reference }) => reference.registry)).toEqual([
      'registry.example.com',
      'registry.example.com',
      'registry.example.com',
      'other.example.com',
    ]);
    registry.release();
    expect(new Set(await Promise.all(asked))).toEqual(new Set([OK]));
  });

  test('no more of them when its host is written in other letters, as it is the same', async () => {
    const registry = standInRegistry();
    const { ask } = start(registry, { policy: probingPolicy({ concurrency: 1 }) });
    registry.hold();
    const asked = ['registry.example.com', 'Registry.example.com', 'REGISTRY.example.com'].map(async (host) =>
      ask(appOf(1, host)),
    );
    await settle();
    expect(registry.requests).toHaveLength(1);
    registry.release();
    expect(await Promise.all(asked)).toEqual([OK, OK, OK]);
  });

  test('not any more for who has waited half a minute, or credentials would be held as long as others are slow', async () => {
    const registry = standInRegistry();
    const { ask, clock } = start(registry, { policy: probingPolicy({ concurrency: 1 }) });
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
    const registry = standInRegistry();
    const { ask, session } = start(registry, { policy: probingPolicy({ concurrency: 1 }), most: 2 });
    registry.hold();
    const asked = Array.from({ length: 5 }, async (_, at) => ask(appOf(at)));
    expect(await Promise.all(asked.slice(3))).toEqual([undefined, undefined]);
    registry.release();
    expect(await Promise.all(asked.slice(0, 3))).toEqual([OK, OK, OK]);
    expect(await ask(appOf(4))).toEqual(OK);
    expect(session.answers.size()).toBe(4);
  });
});

describe('under a new policy', () => {
  test('nothing is asked any more that waited under the old one, as it may not be allowed', async () => {
    const registry = standInRegistry();
    const { ask, changePolicy } = start(registry, { policy: probingPolicy({ concurrency: 1 }) });
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
  test('is not asked any more after five images, and all are told at once, those who wait as well', async () => {
    const registry = standInRegistry(() => UNREACHABLE);
    const { ask, clock } = start(registry, { policy: probingPolicy({ concurrency: 5 }) });
    registry.hold();
    const asked = Array.from({ length: 100 }, async (_, at) => ask(appOf(at)));
    await settle();
    registry.release();
    expect(new Set(await Promise.all(asked))).toEqual(new Set([UNREACHABLE]));
    // One may have begun as the fifth ended.
    expect(registry.requests.length).toBeLessThan(10);
    const before = registry.requests.length;
    expect(await ask(appOf(100))).toEqual(UNREACHABLE);
    expect(registry.requests).toHaveLength(before);
    clock.pass(30_000);
    registry.hold();
    const again = Array.from({ length: 10 }, async (_, at) => ask(appOf(200 + at)));
    await settle();
    expect(registry.requests).toHaveLength(before + 1);
    registry.release();
    await Promise.all(again);
  });

  test('does not take away what is known', async () => {
    let answer: ImageAnswer = OK;
    const registry = standInRegistry(() => answer);
    const { ask, session } = start(registry);
    await ask(APP);
    answer = BROKEN;
    expect(await ask(APP)).toEqual(BROKEN);
    expect(session.answers.find(toAnswerKey(APP, 'anonymous'))?.answer).toEqual(OK);
    answer = DENIED;
    await ask(APP);
    expect(session.answers.find(toAnswerKey(APP, 'anonymous'))?.answer).toEqual(DENIED);
  });
});

describe('a mistake of ours', () => {
  const bug = (): never => {
    throw new TypeError('s3cr3t');
  };
  test.each([
    ['in asking', standInRegistry(bug), undefined],
    ['in listing platforms', standInRegistry(), bug],
  ])('%s is told without its words, and stops nothing', async (_name, registry, platforms) => {
    const { ask, events, session } = start(registry, platforms === undefined ? {} : { platforms });
    expect(await ask(APP)).toBeUndefined();
    expect(events).toMatchObject([{ result: { notAsked: { why: 'bug', error: 'TypeError' } } }]);
    expect(JSON.stringify(events)).not.toContain('s3cr3t');
    expect(session.answers.find(toAnswerKey(APP, 'anonymous'))).toMatchObject({ answer: undefined });
  });
});

test('that a registry may not be asked is told to operators, and not asked again at once', async () => {
  const registry = standInRegistry(() => ({ notAsked: { why: 'token-redirects' } }));
  const { ask, events, session } = start(registry);
  expect(await ask(APP)).toBeUndefined();
  expect(events).toMatchObject([{ result: { notAsked: { why: 'token-redirects' } } }]);
  expect(session.answers.find(toAnswerKey(APP, 'anonymous'))).toMatchObject({ answer: undefined });
});
