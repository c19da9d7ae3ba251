import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseReference } from '../../src/image/parse-reference.ts';
import { quote } from '../../src/text/quote.ts';
import { redactUserinfo, schemeOf } from '../../src/text/redact.ts';
import { HEX64, validAddress } from '../image/arbitraries.ts';

describe('redactUserinfo', () => {
  it.each([
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
  ])('prints the password in %j', (written, redacted) => {
    expect(redactUserinfo(written)).toBe(redacted);
  });

  it.each([
    'nginx',
    `nginx:1.25@sha256:${HEX64}`,
    'nginx@1.25',
    'nginx:1.25@latest',
    `https://a.b/app@sha256:${HEX64}`,
    'nginx@sha256:f00@sha256:f00',
    '@scope/app',
    '@',
    '',
  ])('hides a part of %j, in which there are no credentials', (written) => {
    expect(redactUserinfo(written)).toBe(written);
  });

  it('hides a part of an address that works', () => {
    fc.assert(
      fc.property(validAddress, (written) => {
        expect(redactUserinfo(written)).toBe(written);
      }),
    );
  });
});

describe('schemeOf', () => {
  it.each([
    ['https://a.b', 'https://'],
    ['docker-pullable://a', 'docker-pullable://'],
    ['HTTP://a', 'HTTP://'],
    ['https:/a.b/c', 'https:/'],
    ['https//a.b/c', 'https//'],
    ['http:a.b/c', 'http:'],
    ['http:5000/app', ''],
    ['http/app', ''],
    ['nginx', ''],
  ])('leaves a scheme in or takes a host for one: %j', (written, scheme) => {
    expect(schemeOf(written)).toBe(scheme);
  });
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
      '/app',
      '/team/App:1.0',
      '/app:1:2',
      `/app@sha256:${HEX64}`,
      '/app:1@latest',
      '/',
      '/app:${TAG}',
      '/app # x',
    ),
  })
  .map((parts) => ({
    ...parts,
    written: `${parts.before}${parts.user}:${parts.password}@${parts.host}${parts.after}`,
  }));

describe('credentials in an address', () => {
  it('reach a log, a message or a suggestion', () => {
    fc.assert(
      fc.property(leaky, ({ written, user, password }) => {
        const parsed = parseReference(written);
        expect(parsed.ok).toBe(false);
        const shown = [redactUserinfo(written), quote(written), quote(written, 40), JSON.stringify(parsed)];
        for (const text of shown) {
          expect(text).not.toContain(password);
          expect(text).not.toContain(user);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
