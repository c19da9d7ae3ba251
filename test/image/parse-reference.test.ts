import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findSuspicion, parseReference } from '../../src/image/parse-reference.ts';
import { suspectReference } from '../../src/image/suspect.ts';
import { escapeUnprintable } from '../../src/text/quote.ts';
import { anyString, slippedAddress } from './arbitraries.ts';

/** An API server cuts a warning at 256 characters when there are many. */
const MAX_MESSAGE = 250;

test('whatever is written, it never throws, and what it says is neither dropped nor cut by an API server', () => {
  fc.assert(
    fc.property(fc.oneof(anyString, slippedAddress), (written) => {
      const parsed = parseReference(written);
      const message = parsed.ok ? findSuspicion(written) : parsed.problem.message;
      if (message === undefined) return;
      expect(message).not.toBe('');
      expect(escapeUnprintable(message)).toBe(message);
      expect(message.length).toBeLessThanOrEqual(MAX_MESSAGE);
    }),
    { numRuns: 1000 },
  );
});

test('what it suggests is another address, which parses and about which nothing is odd', () => {
  fc.assert(
    fc.property(fc.oneof(anyString, slippedAddress), (written) => {
      const parsed = parseReference(written);
      if (parsed.ok || parsed.problem.suggestion === undefined) return;
      const { suggestion } = parsed.problem;
      expect(suggestion).not.toBe(written);
      expect(parseReference(suggestion).ok).toBe(true);
      expect(findSuspicion(suggestion)).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
});

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
