import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DURATION_PATTERN, parseDuration } from '../../src/text/duration.ts';

test.each<[text: string, milliseconds: number | undefined]>([
  ['0ms', 0],
  ['250ms', 250],
  ['10s', 10_000],
  ['5m', 300_000],
  ['24h', 86_400_000],
  ['007s', 7000],
  ['250', undefined],
  ['', undefined],
  ['s', undefined],
  ['1.5s', undefined],
  ['-1s', undefined],
  ['1 s', undefined],
  ['1S', undefined],
  ['90d', 7_776_000_000],
  ['1w', undefined],
  ['1h30m', undefined],
  ['1s\n', undefined],
  ['1e3ms', undefined],
  ['٣s', undefined],
  ['1'.repeat(10) + 's', undefined],
])('%j is %s ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test('any count of any unit', () => {
  const units = fc.constantFrom(['ms', 1], ['s', 1000], ['m', 60_000], ['h', 3_600_000], ['d', 86_400_000] as const);
  fc.assert(
    fc.property(fc.nat({ max: 999_999_999 }), units, (count, [unit, factor]) => {
      expect(parseDuration(`${count}${unit}`)).toBe(count * factor);
    }),
  );
});

test('a text is a duration just when the schema lets it pass: no other comes out as none at all', () => {
  const pattern = new RegExp(DURATION_PATTERN, 'u');
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('0', '1', '9', 'm', 's', 'h', '.', ' ') }));
  fc.assert(
    fc.property(text, (each) => {
      expect(parseDuration(each) !== undefined).toBe(pattern.test(each));
    }),
  );
});
