import { describe, expect, test } from 'vitest';
import type { ImageAnswer } from '../../../src/cause/answer.ts';
import type { ProbeImage, ProbeResult } from '../../../src/registry/client/probe-image.ts';
import { createProber } from '../../../src/registry/prober/prober.ts';
import {
  BROKEN,
  keyringOf,
  OK,
  probingPolicy,
  question,
  RATE_LIMITED,
  settle,
  stoppedClock,
  UNREACHABLE,
} from './probing.ts';

const HOST = 'registry.example.com';
const APP = `${HOST}/app:1`;
const NEW = `${HOST}/app:2`;

type Says = (image: string) => ImageAnswer | ProbeResult | 'hangs';

/** Of each image, `host/repository`, the registries say this. */
function start(says: Says) {
  const clock = stoppedClock();
  const asked: string[] = [];
  const probeImage: ProbeImage = async ({ reference: { registry, repository, tag } }) => {
    asked.push(`${registry}/${repository}:${tag}`);
    const said = says(`${registry}/${repository}`);
    if (said === 'hangs') return new Promise(() => undefined);
    // An answer of its own for each, as registries give it.
    return Promise.resolve('outcome' in said ? { answer: { ...said } } : said);
  };
  const policy = probingPolicy();
  const prober = createProber({
    policy: () => policy,
    probeImage,
    readKeyring: async () => Promise.resolve(keyringOf([])),
    platforms: () => [],
    onProbed: () => undefined,
    clocks: clock,
  });
  /** A hundred images of each object, as nobody asks for more at a time. */
  const flood = async (count: number, imageOf: (at: number) => string, namespace = 'shop'): Promise<void> => {
    for (let at = 0; at < count; at += 100) {
      const images = Array.from({ length: Math.min(100, count - at) }, (_, more) => imageOf(at + more));
      for (const image of images) void prober.ask(question(image, [], namespace));
      await settle();
    }
  };
  /** What another namespace is told of an image. */
  const ask = async (image: string, namespace = 'web') => {
    let told: unknown = 'still waits';
    void prober.ask(question(image, [], namespace)).then((answer) => (told = answer));
    await settle();
    return told;
  };
  return { prober, asked, clock, flood, ask };
}

const isShops = (image: string): boolean => !image.startsWith(`${HOST}/app`);
const shops =
  (says: ReturnType<Says>): Says =>
  (image) =>
    isShops(image) ? says : OK;
const hostOf = (at: number): string => `h${at}.example.com/app:1`;
const tagOf = (at: number): string => `${HOST}/shop/app:${at}`;
const notAsked = { notAsked: { why: 'dns-failed', host: 'h1.example.com' } } as const;

describe('one namespace misbehaves, and another is served', () => {
  test.each<[what: string, says: Says, count: number, imageOf: (at: number) => string]>([
    ['made-up hosts that hang in DNS', shops('hangs'), 5000, hostOf],
    ['made-up hosts that DNS fails for', shops(notAsked), 10_000, hostOf],
    ['made-up hosts that nobody can reach', shops(UNREACHABLE), 10_000, hostOf],
    ['images that the registry of all fails over', shops(BROKEN), 1000, tagOf],
    ['images that the registry of all never answers for', shops('hangs'), 1000, tagOf],
    ['images over its limit', shops(RATE_LIMITED), 1000, tagOf],
    ['ten thousand images that are there', shops(OK), 10_000, tagOf],
  ])('%s', async (_what, says, count, imageOf) => {
    const { prober, asked, flood, ask } = start(says);
    expect(await ask(APP)).toEqual(OK);
    await flood(count, imageOf);
    // What was known is known, and what is asked now is answered now.
    expect(prober.registries.get(question(APP, [], 'web'))).toEqual({ answer: OK, isDue: false });
    expect([await ask(NEW), asked.at(-1)]).toEqual([OK, NEW]);
    expect(prober.registries.get(question(`${HOST}/app:3`, [], 'web'))).toBe('unasked');
  });

  test('it waits for images that all pull, and others need not wait behind it', async () => {
    const { flood, ask } = start((image) => (image.endsWith('/slow') ? 'hangs' : OK));
    await flood(100, (at) => `${HOST}/slow:${at}`);
    await flood(20, (at) => `${HOST}/base:${at}`);
    expect(await ask(`${HOST}/base:7`)).toEqual(OK);
  });

  test('it asked for an image that another one asks for as well, which is one probe', async () => {
    const { asked, ask } = start(() => 'hangs');
    expect([await ask(APP, 'shop'), await ask(APP), asked]).toEqual(['still waits', 'still waits', [APP]]);
  });
});

describe('a registry', () => {
  const failing = (says: ImageAnswer = UNREACHABLE) => {
    const state = { says };
    return { state, ...start(() => state.says) };
  };
  const get = (prober: ReturnType<typeof start>['prober'], namespace: string) => {
    const known = prober.registries.get(question(`${HOST}/other:1`, [], namespace));
    return typeof known === 'string' ? known : known.answer;
  };

  test('is left alone for all when two namespaces found that it does not work, and for half a minute', async () => {
    const { prober, flood, clock } = failing();
    await flood(5, tagOf, 'shop');
    expect([get(prober, 'shop'), get(prober, 'web'), get(prober, 'dev')]).toEqual([UNREACHABLE, 'unasked', 'unasked']);
    await flood(5, (at) => `${HOST}/web:${at}`, 'web');
    expect(['shop', 'web', 'dev'].map((namespace) => get(prober, namespace))).toEqual(Array(3).fill(UNREACHABLE));
    clock.pass(30_000);
    expect(get(prober, 'dev')).toBe('unasked');
  });

  test('is not left alone for all as long as one of them goes on failing by itself', async () => {
    const { prober, flood, clock, state } = failing();
    await flood(5, tagOf, 'shop');
    await flood(5, (at) => `${HOST}/web:${at}`, 'web');
    for (let round = 0; round < 5; round++) {
      clock.pass(30_000);
      await flood(5, (at) => tagOf(100 * round + at), 'shop');
      expect([get(prober, 'shop'), get(prober, 'dev')]).toEqual([UNREACHABLE, 'unasked']);
    }
    state.says = OK;
    await flood(1, (at) => `${HOST}/web:${at}`, 'web');
    expect([get(prober, 'web'), get(prober, 'shop')]).toEqual(['unasked', UNREACHABLE]);
  });

  test('that answers one namespace is not left alone for what others found before', async () => {
    const { prober, flood, state } = failing();
    await flood(5, tagOf, 'shop');
    state.says = OK;
    await flood(1, (at) => `${HOST}/dev:${at}`, 'dev');
    state.says = UNREACHABLE;
    await flood(5, (at) => `${HOST}/web:${at}`, 'web');
    expect(get(prober, 'dev')).toBe('unasked');
  });

  test.each([-86_400_000, 86_400_000])('is left alone for as long when the clock is set by %d ms', async (step) => {
    const { prober, flood, clock } = failing();
    await flood(5, tagOf, 'shop');
    clock.set(step);
    clock.pass(29_999);
    expect(get(prober, 'shop')).toEqual(UNREACHABLE);
    clock.pass(1);
    expect(get(prober, 'shop')).toBe('unasked');
  });
});
