import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { escapeUnprintable, nameCharacter, quote } from '../../src/text/quote.ts';
import { anyString } from '../image/arbitraries.ts';

describe('quote', () => {
  it.each([
    ['NGINX:1.25', '"NGINX:1.25"'],
    ['', '""'],
    ['say "hi" \\o', '"say \\"hi\\" \\\\o"'],
    ['a\nb\tc\rd', '"a\\nb\\tc\\rd"'],
    ['nginx\u200b', '"nginx\\u200b"'],
    ['a\u00a0b c', '"a\\u00a0b c"'],
    ['\u202etxet', '"\\u202etxet"'],
    ['\ud800', '"\\ud800"'],
    ['\u{e0041}', '"\\u{e0041}"'],
    ['gсr.io/müller', '"gсr.io/müller"'],
    ['https://user:secret@a.b/c', '"https://***@a.b/c"'],
  ])('shows %j in a way that cannot be read or is dropped on its way to the user', (written, quoted) => {
    expect(quote(written)).toBe(quoted);
  });

  it('drowns a message in an endless address, or leaves out its telling end', () => {
    expect(quote('a'.repeat(120))).toBe(`"${'a'.repeat(120)}"`);
    expect(quote('a'.repeat(100) + 'b'.repeat(100))).toBe(`"${'a'.repeat(99)}…${'b'.repeat(20)}"`);
    expect(quote('a'.repeat(50), 30)).toBe(`"${'a'.repeat(9)}…${'a'.repeat(20)}"`);
  });

  it('lets escapes make a text longer than its limit, or cuts one of them in two', () => {
    expect(quote('\0'.repeat(120), 30)).toBe(`"${'\\u0000'.repeat(4)}…"`);
    expect(quote('\\'.repeat(40), 40)).toMatch(/^"(?:\\\\)*…"$/);
  });

  it('hides credentials only where they are not cut in two', () => {
    expect(quote(`user:${'secret'.repeat(40)}@a.b/c`)).toBe('"***@a.b/c"');
  });

  it('prints control characters or more than its limit for some text', () => {
    fc.assert(
      fc.property(anyString, fc.integer({ min: 30, max: 130 }), (written, limit) => {
        const quoted = quote(written, limit);
        expect(escapeUnprintable(quoted)).toBe(quoted);
        expect(quoted.length).toBeLessThanOrEqual(limit + 2);
        expect(quoted).not.toMatch(/\p{Cs}/u);
      }),
    );
  });
});

describe('nameCharacter', () => {
  it.each([
    ['+', '"+"'],
    ['"', 'a quotation mark'],
    ["'", 'an apostrophe'],
    ['\\', 'a backslash'],
    ['\0', '"\\u0000"'],
  ])('makes a riddle of %j', (char, named) => {
    expect(nameCharacter(char)).toBe(named);
  });
});
