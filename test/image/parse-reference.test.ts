import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseReference } from '../../src/image/parse-reference.ts';
import { escapeUnprintable } from '../../src/text/quote.ts';
import { formatReference, readReference } from '../../src/image/reference.ts';
import { suspectReference } from '../../src/image/suspect-reference.ts';
import { anyString, reference, slippedAddress, validAddress } from './arbitraries.ts';

/** An API server cuts a warning at 256 characters when there are many. */
const MAX_MESSAGE = 250;

describe('parseReference', () => {
  it('gives a reference back changed after it was formatted', () => {
    fc.assert(
      fc.property(reference, (given) => {
        expect(parseReference(formatReference(given))).toEqual({ ok: true, reference: given });
      }),
    );
  });

  it('refuses an address that every runtime takes', () => {
    fc.assert(
      fc.property(validAddress, (written) => {
        expect(parseReference(written).ok).toBe(true);
      }),
    );
  });

  it('means something else by an address than by its own spelling of it', () => {
    fc.assert(
      fc.property(fc.oneof(validAddress, slippedAddress), (written) => {
        const parsed = parseReference(written);
        if (parsed.ok) expect(parseReference(formatReference(parsed.reference))).toEqual(parsed);
      }),
    );
  });

  it('throws, or answers with a message that an API server drops or cuts', () => {
    fc.assert(
      fc.property(fc.oneof(anyString, slippedAddress), (written) => {
        const parsed = parseReference(written);
        const message = parsed.ok ? suspectReference(written, parsed.reference) : parsed.problem.message;
        if (message === undefined) return;
        expect(message).not.toBe('');
        expect(escapeUnprintable(message)).toBe(message);
        expect(message.length).toBeLessThanOrEqual(MAX_MESSAGE);
      }),
      { numRuns: 1000 },
    );
  });

  it('suggests an address that is wrong again, odd, or the one that was written', () => {
    fc.assert(
      fc.property(fc.oneof(anyString, slippedAddress), (written) => {
        const parsed = parseReference(written);
        if (parsed.ok || parsed.problem.suggestion === undefined) return;
        const { suggestion } = parsed.problem;
        const meant = readReference(suggestion);
        expect(suggestion).not.toBe(written);
        expect(meant).toBeDefined();
        expect(suspectReference(suggestion, meant!)).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  // Quadratic time would pass the test's own time limit many times over, so no clock is read.
  it.each(
    [
      ' ',
      '@',
      '@a',
      '/',
      'a/',
      ':',
      ':a@',
      '$',
      '${',
      '{{',
      '{a',
      '<',
      '<a',
      '%a',
      '%(',
      '@@A',
      '@sha256:a',
      '_',
      '__A',
      '-',
      'a-',
      '.',
      'A',
      '[',
      '[[',
      '((',
      '"',
      '\\',
      'é',
      '\ud800',
      '\ufdfa',
      '\n',
      '0',
      'image: ',
      'a://',
    ].map((unit) => [unit]),
  )('lets an address of a million characters stop the API server: %j over and over', (unit) => {
    for (const [before, after] of [
      ['', ''],
      ['a.b/', '!'],
      ['a:', '/'],
      ['a@', ' '],
      ['{{', '@a.b/c'],
    ] as const) {
      const written = before + unit.repeat(1_000_000 / unit.length) + after;
      const parsed = parseReference(written);
      expect(parsed.ok).toBe(false);
      expect(
        suspectReference(written, { registry: written, repository: written, tag: written })?.length ?? 0,
      ).toBeLessThanOrEqual(MAX_MESSAGE);
    }
  });
});
