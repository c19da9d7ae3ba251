import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTable, wrapText } from '../../src/text/table.ts';

const HEAD = ['NAMESPACE', 'NAME', 'MESSAGE'];
const ROWS = [
  ['shop', 'web', 'one two three four five six seven eight'],
  ['a-longer-namespace', 'db', 'fine'],
];

test('columns are as wide as they have to be, and no line ends in spaces', () => {
  expect(formatTable(HEAD, ROWS)).toBe(
    `NAMESPACE            NAME   MESSAGE
shop                 web    one two three four five six seven eight
a-longer-namespace   db     fine
`,
  );
});

test('on a terminal the last column goes on below itself', () => {
  expect(formatTable(HEAD, ROWS, { width: 61 })).toBe(
    `NAMESPACE            NAME   MESSAGE
shop                 web    one two three four five six seven
                            eight
a-longer-namespace   db     fine
`,
  );
});

test('a terminal that is too narrow wraps by itself, which is better than a word a line', () => {
  expect(formatTable(HEAD, ROWS, { width: 40 })).toBe(formatTable(HEAD, ROWS));
});

test('colour moves nothing', () => {
  const paint = (cell: string, column: number): string => (column === 1 ? `\u001b[31m${cell}\u001b[39m` : cell);
  const colored = formatTable(HEAD, ROWS, { paint });
  expect(colored).toContain('\u001b[31mweb\u001b[39m');
  expect(stripVTControlCharacters(colored)).toBe(formatTable(HEAD, ROWS));
});

describe('a text is broken', () => {
  test.each<[text: string, width: number, lines: readonly string[]]>([
    ['', 5, ['']],
    ['short', 5, ['short']],
    ['two words', 5, ['two', 'words']],
    ['two words', 8, ['two', 'words']],
    ['a host/path/name:1', 10, ['a', 'host/path/', 'name:1']],
    ['x'.repeat(12), 5, ['xxxxx', 'xxxxx', 'xx']],
  ])('%j at %i', (text, width, lines) => {
    expect(wrapText(text, width)).toEqual(lines);
  });

  test('into lines that fit, and nothing of it is lost', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-c/ ]*$/), fc.integer({ min: 1, max: 12 }), (text, width) => {
        const lines = wrapText(text, width);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
    );
  });
});
