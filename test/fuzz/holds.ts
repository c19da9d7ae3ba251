import fc from 'fast-check';
import { test } from 'vitest';

/** Unless told otherwise the same inputs each time: a change that has nothing to do with a finding must not meet it. */
const seed = Number(process.env['FUZZ_SEED'] ?? 10);
/** How many times as many inputs as in an ordinary test run. */
const times = Number(process.env['FUZZ_TIMES'] ?? 1);

/** A test that a property holds: briefly among all tests, and for as long as one likes with `npm run fuzz`. */
export function holds<Inputs>(
  what: string,
  property: fc.IProperty<Inputs> | fc.IAsyncProperty<Inputs>,
  numRuns = 100,
): void {
  test(what, { timeout: times === 1 ? 20_000 : 0 }, async () => {
    await fc.assert(property, { seed, numRuns: numRuns * times });
  });
}
