import { expect, test } from 'vitest';
import { parseReference } from '../../src/image/parse-reference.ts';
import { suspectReference } from '../../src/image/suspect.ts';

/** An API server cuts a warning at 256 characters when there are many. */
const MAX_MESSAGE = 250;

// Quadratic time would pass the test's own time limit many times over, so no clock is read.
test.each([
  ...[' ', '@', '@a', '/', 'a/', ':', ':a@', '$', '${', '{{', '{a', '<', '<a', '%a', '%(', '@@A', '@sha256:a', '_'],
  ...['__A', '-', 'a-', '.', 'A', '[', '[[', '((', '"', '\\', 'é', '\ud800', '\ufdfa', '\n', '0', 'image: ', 'a://'],
])('an address of 300,000 characters does not stop the API server: %j over and over', (unit) => {
  for (const [before, after] of [
    ['', ''],
    ['a.b/', '!'],
    ['a:', '/'],
    ['a@', ' '],
    ['{{', '@a.b/c'],
  ] as const) {
    const written = before + unit.repeat(300_000 / unit.length) + after;
    expect(parseReference(written).ok).toBe(false);
    const suspicion = suspectReference(written, { registry: written, repository: written, tag: written });
    expect(suspicion?.length ?? 0).toBeLessThanOrEqual(MAX_MESSAGE);
  }
});
