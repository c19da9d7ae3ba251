import { expect, test } from 'vitest';
import { quoteFirst } from '../../src/text/list.ts';

test.each([
  [[], 3, ''],
  [['a'], 3, '"a"'],
  [['a', 'b', 'c'], 3, '"a", "b", "c"'],
  [['a', 'b', 'c', 'd', 'e'], 3, '"a", "b", "c" and 2 more'],
  [['a', 'a', 'b', 'a'], 1, '"a" and 1 more'],
])('a message stays short however many there are: %j, %i shown: %s', (texts, most, expected) => {
  expect(quoteFirst(texts, most)).toBe(expected);
});

test('a message shows no credentials, and no text that fills it', () => {
  expect(quoteFirst(['user:secret@registry.example.com', 'x'.repeat(200)], 2, 40)).toBe(
    `"***@registry.example.com", "${'x'.repeat(19)}…${'x'.repeat(20)}"`,
  );
});
