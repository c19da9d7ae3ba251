import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createShelf, estimateBytes, type Shelf } from '../../../src/cluster/connection/kept-objects.ts';

const SHARE = 2000;
const ALL = 5000;

function fill(objects: readonly (readonly [namespace: string, name: string, size: number])[]): Shelf<string> {
  const shelf = createShelf<string>(ALL, SHARE);
  for (const [namespace, name, size] of objects) shelf.put(namespace, name, 'x'.repeat(size));
  return shelf;
}

const many = (namespace: string, count: number) =>
  Array.from({ length: count }, (_, at) => [namespace, `n${String(at).padStart(3, '0')}`, 34] as const);

test('a namespace that is full takes no room from others, and what had no room may be there', () => {
  const shelf = fill([...many('shop', 500), ['web', 'a', 34]]);
  expect([shelf.size(), shelf.find('web', 'a')?.length, shelf.isWhole()]).toEqual([10, 34, false]);
  const places: readonly [string, string][] = [
    ['shop', 'n009'],
    ['shop', 'n499'],
    ['shop', 'a'],
    ['web', 'b'],
    ['new', 'a'],
  ];
  expect(places.map((place) => shelf.mayHold(...place))).toEqual([true, true, false, false, false]);
});

test('when all have too much, those lose that have most', () => {
  const shelf = fill(['a', 'b', 'c', 'd'].flatMap((namespace) => [...many(namespace, 10), [`${namespace}2`, 'x', 34]]));
  const counts = ['a', 'b', 'c', 'd'].map((each) => [...shelf.places()].filter(([inside]) => inside === each).length);
  expect(counts).toEqual([4, 4, 4, 4]);
  expect(['a2', 'b2', 'c2', 'd2'].map((each) => shelf.find(each, 'x')?.length)).toEqual([34, 34, 34, 34]);
});

test('of what is in no namespace there may be as much as of all together', () => {
  expect(fill(many('', 100)).size()).toBe(24);
});

test('what is not known may be there, and costs little', () => {
  const shelf = createShelf<string>(ALL, SHARE);
  shelf.put('web', 'a', undefined);
  expect([shelf.find('web', 'a'), shelf.mayHold('web', 'a'), shelf.isWhole(), shelf.size()]).toEqual([
    undefined,
    true,
    false,
    0,
  ]);
  shelf.put('web', 'a', 'known');
  expect([shelf.find('web', 'a'), shelf.mayHold('web', 'a'), shelf.isWhole()]).toEqual(['known', false, true]);
  shelf.put('web', 'a', undefined);
  shelf.remove('web', 'a');
  expect([shelf.mayHold('web', 'a'), shelf.isWhole()]).toEqual([false, true]);
});

test('room comes back when half of a full share is free', () => {
  const shelf = fill(many('shop', 11));
  expect(shelf.hasRoomAgain()).toBe(false);
  for (let at = 0; at < 6; at++) shelf.remove('shop', `n00${at}`);
  expect(shelf.hasRoomAgain()).toBe(true);
});

// After a restart, as in another replica, objects come in another order.
test('what is kept of a namespace depends on what there is, and not on what came first', () => {
  const objects = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b'), fc.stringMatching(/^[a-z]{1,2}$/), fc.nat(900)), {
    selector: ([namespace, name]) => `${namespace}/${name}`,
    maxLength: 30,
  });
  const shuffled = objects.chain((each) =>
    fc.tuple(fc.constant(each), fc.shuffledSubarray(each, { minLength: each.length })),
  );
  fc.assert(
    fc.property(shuffled, ([one, other]) => {
      const [left, right] = [fill(one), fill(other)];
      expect([...right.places()].sort()).toEqual([...left.places()].sort());
      const bytes = [...left.values()].reduce((sum, value) => sum + estimateBytes(value), 0);
      expect(bytes).toBeLessThanOrEqual(2 * SHARE);
    }),
  );
});
