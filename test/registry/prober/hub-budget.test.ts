import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHubBudget } from '../../../src/registry/prober/hub-budget.ts';
import { stoppedClock } from './probing.ts';

const HOUR = 3_600_000;

test('in no hour more is taken than it has', () => {
  const step = fc.record({ after: fc.integer({ min: 0, max: HOUR }), manifests: fc.integer({ min: 1, max: 4 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 10 }), (steps, perHour) => {
      const clock = stoppedClock();
      const budget = createHubBudget(clock.now);
      const taken: { at: number; manifests: number }[] = [];
      for (const { after, manifests } of steps) {
        clock.pass(after);
        if (budget.take(manifests, perHour) !== undefined) taken.push({ at: clock.now(), manifests });
        const lastHour = taken.filter(({ at }) => clock.now() - at < HOUR);
        expect(lastHour.reduce((sum, each) => sum + each.manifests, 0)).toBeLessThanOrEqual(perHour);
      }
    }),
  );
});

test('what was used up is there again an hour later', () => {
  const clock = stoppedClock();
  const budget = createHubBudget(clock.now);
  expect(budget.take(2, 2)).toBeDefined();
  clock.pass(HOUR - 1);
  expect(budget.take(1, 2)).toBeUndefined();
  clock.pass(1);
  expect(budget.take(1, 2)).toBeDefined();
});

test('what is given back can be taken again, once', () => {
  const budget = createHubBudget(stoppedClock().now);
  const giveBack = budget.take(2, 2);
  giveBack?.();
  giveBack?.();
  expect([budget.take(2, 2), budget.take(1, 2)]).toEqual([expect.any(Function), undefined]);
});

test.each([
  [{ limit: 100, remaining: 20 }, true],
  [{ limit: 100, remaining: 19 }, false],
  [{ limit: 100, remaining: 0 }, false],
  [{ remaining: 1 }, true],
  [{ remaining: 0 }, false],
])('with %j left by Docker Hub the nodes have what remains for themselves', (limit, isGranted) => {
  const budget = createHubBudget(stoppedClock().now);
  budget.note(limit);
  expect(budget.take(1, 20) !== undefined).toBe(isGranted);
  budget.note({ limit: 100, remaining: 90 });
  expect(budget.take(1, 20)).toBeDefined();
});
