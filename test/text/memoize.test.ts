import { expect, test, vi } from 'vitest';
import { memoize, memoizeByObject } from '../../src/text/memoize.ts';

test('an image that is seen again is not worked out again', () => {
  const work = vi.fn((text: string) => text.length);
  const length = memoize(work);
  expect([length('nginx'), length('nginx'), length('redis:7')]).toEqual([5, 5, 7]);
  expect(work).toHaveBeenCalledTimes(2);
});

test('however many images there are, memory stays bounded and answers right', () => {
  const work = vi.fn((text: string) => `${text}!`);
  const shout = memoize(work);
  for (let at = 0; at < 5000; at++) expect(shout(`image-${at}`)).toBe(`image-${at}!`);
  shout('image-0');
  expect(work).toHaveBeenCalledTimes(5001);
});

test('an endless address is answered and not kept', () => {
  const work = vi.fn((text: string) => text.length);
  const length = memoize(work);
  const long = 'a'.repeat(100_000);
  expect([length(long), length(long)]).toEqual([100_000, 100_000]);
  expect(work).toHaveBeenCalledTimes(2);
});

test('what is made of an object is made once, also when it is nothing', () => {
  const work = vi.fn((): string | undefined => undefined);
  const look = memoizeByObject(work);
  const image = {};
  expect([look(image), look(image), look({})]).toEqual([undefined, undefined, undefined]);
  expect(work).toHaveBeenCalledTimes(2);
});
