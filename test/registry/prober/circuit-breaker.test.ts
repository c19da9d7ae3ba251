import { describe, expect, test } from 'vitest';
import { failBy, type ImageAnswer } from '../../../src/cause/answer.ts';
import { createCircuitBreaker } from '../../../src/registry/prober/circuit-breaker.ts';
import {
  BROKEN,
  CERTIFICATE,
  DENIED,
  NO_IMAGE,
  OK,
  RATE_LIMITED,
  stoppedClock,
  UNREACHABLE,
  type Clock,
} from './probing.ts';

const HOST = 'registry.example.com';

const broken = (...fault: Parameters<typeof failBy>): ImageAnswer => ({ endpoint: `${HOST}:443`, ...failBy(...fault) });

function createBreaker() {
  const clock: Clock = stoppedClock();
  const breaker = createCircuitBreaker(clock.now);
  /** Asks about so many images, one after the other. */
  const fail = (count: number, answer: ImageAnswer, firstImage = 0): void => {
    for (let at = 0; at < count; at++) {
      breaker.enter(HOST);
      breaker.leave(HOST, `image ${firstImage + at}`, answer);
    }
  };
  return { breaker, clock, fail };
}

describe('a registry is left alone', () => {
  test.each<[string, ImageAnswer]>([
    ['unreachable', UNREACHABLE],
    ['in trouble, as it said itself', BROKEN],
    ['in trouble where its tokens come from', broken('token-status', 502)],
  ])('when it was %s for five images in a row', (_name, answer) => {
    const { breaker, clock, fail } = createBreaker();
    fail(4, answer);
    expect(breaker.find(HOST)).toBeUndefined();
    fail(1, answer, 4);
    expect([breaker.find(HOST), breaker.enter(HOST)]).toEqual([answer, answer]);
    expect(breaker.find('other.example.com')).toBeUndefined();
    clock.pass(29_999);
    expect(breaker.find(HOST)).toEqual(answer);
    clock.pass(1);
    expect(breaker.find(HOST)).toBeUndefined();
  });

  test.each([OK, DENIED, NO_IMAGE, CERTIFICATE, RATE_LIMITED])('but not when it answers in between: %j', (answer) => {
    const { breaker, fail } = createBreaker();
    fail(4, UNREACHABLE);
    fail(1, answer);
    fail(4, UNREACHABLE);
    expect(breaker.find(HOST)).toBeUndefined();
  });

  // Five of them are quickly made, and everybody who pulls from there would be warned of a registry that works.
  test.each([broken('status', 400), broken('status', 431), broken('foreign-manifest'), broken('other-digest')])(
    'but not when it is the images or logins that it cannot work with: %j',
    (answer) => {
      const { breaker, fail } = createBreaker();
      fail(20, answer);
      expect(breaker.find(HOST)).toBeUndefined();
    },
  );

  test('but not for one image that is broken, or others would be said to be', () => {
    const { breaker, fail } = createBreaker();
    for (let at = 0; at < 20; at++) fail(1, BROKEN);
    expect(breaker.find(HOST)).toBeUndefined();
  });
});

describe('after that', () => {
  test('one tries, while the others are still told what it said', () => {
    const { breaker, clock, fail } = createBreaker();
    fail(5, UNREACHABLE);
    clock.pass(30_000);
    expect(breaker.enter(HOST)).toBeUndefined();
    expect([breaker.find(HOST), breaker.enter(HOST)]).toEqual([UNREACHABLE, UNREACHABLE]);
  });

  test('it is asked again as soon as it answers', () => {
    const { breaker, clock, fail } = createBreaker();
    fail(5, UNREACHABLE);
    clock.pass(30_000);
    fail(1, DENIED);
    expect([breaker.find(HOST), breaker.enter(HOST), breaker.enter(HOST)]).toEqual([undefined, undefined, undefined]);
    fail(4, UNREACHABLE);
    expect(breaker.find(HOST)).toBeUndefined();
  });

  test('it is left alone for as long again when it does not', () => {
    const { breaker, clock, fail } = createBreaker();
    fail(5, UNREACHABLE);
    clock.pass(30_000);
    fail(1, BROKEN);
    clock.pass(29_999);
    expect(breaker.find(HOST)).toEqual(BROKEN);
    clock.pass(1);
    expect(breaker.enter(HOST)).toBeUndefined();
  });

  test('the next one tries when it was not asked after all', () => {
    const { breaker, clock, fail } = createBreaker();
    fail(5, UNREACHABLE);
    clock.pass(30_000);
    breaker.enter(HOST);
    breaker.leave(HOST, 'image', undefined);
    expect(breaker.enter(HOST)).toBeUndefined();
    expect(breaker.enter(HOST)).toEqual(UNREACHABLE);
  });
});
