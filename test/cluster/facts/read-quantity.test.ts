import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readQuantity } from '../../../src/cluster/facts/read-quantity.ts';

describe('a quantity is the number of bytes that Kubernetes takes it for', () => {
  test.each<[text: string, bytes: number | undefined]>([
    ['0', 0],
    ['47093746742', 47_093_746_742],
    ['49340612Ki', 49_340_612 * 1024],
    ['1536Mi', 1_610_612_736],
    ['1.5Gi', 1_610_612_736],
    ['2Ti', 2 * 1024 ** 4],
    ['1Pi', 1024 ** 5],
    ['1Ei', 1024 ** 6],
    ['1k', 1000],
    ['1.1M', 1_100_000],
    ['100G', 100e9],
    ['2T', 2e12],
    ['1P', 1e15],
    ['1E', 1e18],
    ['1e3', 1000],
    ['1E3', 1000],
    ['129e6', 129e6],
    ['12e-1', 2],
    ['1e+3', 1000],
    ['2500m', 3],
    ['1u', 1],
    ['1n', 1],
    ['.5Ki', 512],
    ['1.Ki', 1024],
    ['+1Ki', 1024],
    ['007', 7],
    // No quantity, or nothing that a disk has.
    ['', undefined],
    ['-1', undefined],
    ['.', undefined],
    ['Ki', undefined],
    ['1 Gi', undefined],
    ['1gi', undefined],
    ['1KI', undefined],
    ['1K', undefined],
    ['1mi', undefined],
    ['1e', undefined],
    ['1e3Ki', undefined],
    ['1,5Gi', undefined],
    ['1.5.5', undefined],
    ['0x10', undefined],
    ['Infinity', undefined],
    ['1e999', undefined],
    ['1Gi\n', undefined],
  ])('%j is %s', (text, bytes) => {
    expect(readQuantity(text)).toBe(bytes);
  });

  test('any whole number with any suffix', () => {
    const suffixes: readonly [suffix: string, factor: number][] = [
      ...['', 'k', 'M', 'G', 'T'].map((suffix, at): [string, number] => [suffix, 1000 ** at]),
      ...['', 'Ki', 'Mi', 'Gi', 'Ti'].map((suffix, at): [string, number] => [suffix, 1024 ** at]),
    ];
    fc.assert(
      fc.property(
        fc.nat({ max: 8000 }),
        fc.constantFrom(...suffixes),
        fc.nat({ max: 3 }),
        (count, [suffix, factor], zeros) => {
          const point = zeros === 0 ? '' : `.${'0'.repeat(zeros)}`;
          expect(readQuantity(`${count}${point}${suffix}`)).toBe(count * factor);
        },
      ),
    );
  });

  test('any text is a whole number of bytes or none at all, and takes no time', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('0123456789.eE+-KMGTPEimnuk ')) }), (text) => {
        const bytes = readQuantity(text);
        expect(bytes === undefined || (Number.isInteger(bytes) && bytes >= 0)).toBe(true);
      }),
    );
    expect(readQuantity(`${'1'.repeat(100_000)}x`)).toBeUndefined();
  });
});
