import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseReference } from '../../src/image/parse-reference.ts';
import { escapeUnprintable, quote } from '../../src/text/quote.ts';
import { redact, schemeOf } from '../../src/text/redact.ts';
import { anyString, HEX64, validAddress } from '../image/arbitraries.ts';

describe('what is quoted', () => {
  test.each([
    ['NGINX:1.25', '"NGINX:1.25"'],
    ['', '""'],
    ['say "hi" \\o', '"say \\"hi\\" \\\\o"'],
    ['a\nb\tc\rd', '"a\\nb\\tc\\rd"'],
    ['nginx\u200b', '"nginx\\u200b"'],
    ['a\u00a0b c', '"a\\u00a0b c"'],
    ['\u202etxet', '"\\u202etxet"'],
    ['\ud800', '"\\ud800"'],
    ['\u{e0041}', '"\\u{e0041}"'],
    ['gсr.io/müller…', '"gсr.io/müller…"'],
    ['https://user:secret@a.b/c', '"https://***@a.b/c"'],
    // Credentials are hidden before anything is cut.
    [`user:${'secret'.repeat(40)}@a.b/c`, '"***@a.b/c"'],
  ])('prints, and holds no credentials: %j', (written, quoted) => {
    expect(quote(written)).toBe(quoted);
  });

  test.each<[written: string, limit: number | undefined, quoted: string]>([
    ['a'.repeat(120), undefined, `"${'a'.repeat(120)}"`],
    ['a'.repeat(100) + 'b'.repeat(100), undefined, `"${'a'.repeat(99)}…${'b'.repeat(20)}"`],
    ['a'.repeat(50), 30, `"${'a'.repeat(9)}…${'a'.repeat(20)}"`],
    ['\0'.repeat(120), 30, `"${'\\u0000'.repeat(4)}…"`],
    ['\\'.repeat(40), 40, '"…"'],
  ])('shows the telling end of a text that is too long, and no half of an escape: %#', (written, limit, quoted) => {
    expect(quote(written, limit)).toBe(quoted);
  });

  test('prints and keeps to its limit, whatever it is', () => {
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

test.each([
  ['https://a.b', 'https://'],
  ['docker-pullable://a', 'docker-pullable://'],
  ['HTTP://a', 'HTTP://'],
  ['https:/a.b/c', 'https:/'],
  ['https//a.b/c', 'https//'],
  ['http:a.b/c', 'http:'],
  ['http:5000/app', ''],
  ['http/app', ''],
  ['nginx', ''],
])('the scheme of %j is %j', (written, scheme) => {
  expect(schemeOf(written)).toBe(scheme);
});

/** The marks before and after make sure that no other part of an address holds the password by chance. */
const password = fc
  .string({ unit: fc.constantFrom(...Array.from('aZ9 :/@#!?$%&+=~.,;_-(){}[]<>*^|')), maxLength: 16 })
  .map((text) => `q7${text}w3`);
const user = fc.stringMatching(/^[A-Za-z][\w.-]{0,8}$/).map((text) => `u5${text}`);

const leaky = fc
  .record({
    before: fc.constantFrom('', 'https://', 'http://', 'docker://', ' ', '"', 'docker pull ', 'image: ', '//'),
    user,
    password,
    host: fc.constantFrom(
      'registry.example.com',
      'localhost',
      'registry:5000',
      '10.0.0.1:5000',
      '[::1]',
      '123.example.org',
    ),
    after: fc.constantFrom(
      ...['/app', '/team/App:1.0', '/app:1:2', `/app@sha256:${HEX64}`, '/app:1@latest', '/', '/app:${TAG}', '/app # x'],
    ),
  })
  .map((parts) => ({
    ...parts,
    written: `${parts.before}${parts.user}:${parts.password}@${parts.host}${parts.after}`,
  }));

describe('credentials in an address', () => {
  test.each([
    ['user:secret@a.b/app', '***@a.b/app'],
    ['user:secret@a.b/app:1@sha256:ff', '***@a.b/app:1@sha256:ff'],
    ['user:secret@a.b/app@latest', '***@a.b/app@latest'],
    ['user:secret@a.b/app@', '***@a.b/app@'],
    ['user:se@cret/s:@a.b/app', '***@a.b/app'],
    ['user:secret@10.0.0.1', '***@10.0.0.1'],
    ['user:secret@123456789012.dkr.ecr.eu-west-1.amazonaws.com', '***@123456789012.dkr.ecr.eu-west-1.amazonaws.com'],
    ['token@ghcr.io', '***@ghcr.io'],
    ['token@registry:5000', '***@registry:5000'],
    ['https://token@nginx', 'https://***@nginx'],
    ['https://user:secret@1.2', 'https://***@1.2'],
    ['https:/user:secret@a.b', 'https:/***@a.b'],
    ['user:P@SSWORD@a.b/app', '***@a.b/app'],
  ])('are hidden in %j', (written, redacted) => {
    expect(redact(written)).toBe(redacted);
  });

  test.each([
    ...['nginx', `nginx:1.25@sha256:${HEX64}`, 'nginx@1.25', 'nginx:1.25@latest', `https://a.b/app@sha256:${HEX64}`],
    ...['nginx:1.25@', 'a.b/team/app:552d840-dirty@', 'nginx:main@sha256', 'nginx:main@a1b2c3d'],
    ...['nginx@sha256:f00@sha256:f00', '@scope/app', '@', ''],
  ])('are not in %j', (written) => {
    expect(redact(written)).toBe(written);
  });

  test('are in no address that works', () => {
    fc.assert(
      fc.property(validAddress, (written) => {
        expect(redact(written)).toBe(written);
      }),
    );
  });

  test('reach no log, no message and no suggestion', () => {
    fc.assert(
      fc.property(leaky, ({ written, user, password }) => {
        const parsed = parseReference(written);
        expect(parsed.ok).toBe(false);
        const shown = [redact(written), quote(written), quote(written, 40), JSON.stringify(parsed)];
        for (const text of shown) {
          expect(text).not.toContain(password);
          expect(text).not.toContain(user);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
