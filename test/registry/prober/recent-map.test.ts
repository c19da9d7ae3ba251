import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRecentMap } from '../../../src/registry/prober/recent-map.ts';

test('it never holds more than it may, and what it lets go of was asked for the longest ago', () => {
  const step = fc.record({
    does: fc.constantFrom('set', 'find', 'delete'),
    key: fc.integer({ min: 0, max: 9 }).map(String),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 6 }), (steps, most) => {
      const map = createRecentMap<{ key: string }>(() => most);
      // The same in a list, oldest first.
      let model: string[] = [];
      for (const { does, key } of steps) {
        const isThere = model.includes(key);
        if (does === 'find') expect(map.find(key)?.key).toBe(isThere ? key : undefined);
        if (does === 'set') map.set(key, { key });
        if (does === 'delete') map.delete(key);
        const others = model.filter((each) => each !== key);
        const stays = does === 'set' || (does === 'find' && isThere);
        model = stays ? [...others, key].slice(-most) : others;
        expect(map.size()).toBe(model.length);
      }
      expect(model.every((key) => map.find(key)?.key === key)).toBe(true);
    }),
  );
});

test('a smaller limit is kept from the next entry on, as a new policy may have one', () => {
  let most = 100;
  const map = createRecentMap<object>(() => most);
  for (let at = 0; at < 100; at++) map.set(String(at), {});
  most = 3;
  map.set('last', {});
  expect([map.size(), ['98', '99', 'last'].every((key) => map.find(key) !== undefined)]).toEqual([3, true]);
});
