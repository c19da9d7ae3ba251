import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';

import {
  DEFAULT_LIVES,
  issueAgain,
  issueProblem,
  makeAll,
} from '../../../src/cluster/certificates/issue-certificates.ts';
import { NAMES } from './certificate-fixtures.ts';

const LIVES = { authorityMs: 60_000, servingMs: 30_000 };

test('a CA and two certificates after each other: other keys, the same CA, and times by the clock that was given', async () => {
  const start = Date.parse('2030-01-01T00:00:00Z');
  const request = { names: NAMES, lives: LIVES, now: () => new Date(start) };
  const first = await makeAll(request);
  const second = await issueAgain(first.authority, { ...request, now: () => new Date(start + 40_000) });

  expect(first.authority).toMatchObject({ notBefore: new Date(start - 6000), notAfter: new Date(start + 60_000) });
  expect(first.serving).toMatchObject({ notBefore: new Date(start - 3000), notAfter: new Date(start + 30_000) });
  // Not until 70 s: then the CA has ended.
  expect(second.serving.notAfter).toEqual(new Date(start + 60_000));
  expect(second.authority).toBe(first.authority);
  expect(new Set([first.authority.key, first.serving.key, second.serving.key]).size).toBe(3);
  const issuer = new X509Certificate(first.authority.cert);
  for (const { serving } of [first, second]) {
    expect(new X509Certificate(serving.cert).verify(issuer.publicKey)).toBe(true);
  }
});

test.each<[why: string, names: readonly string[], lives: Partial<typeof LIVES>, problem: RegExp | undefined]>([
  ['the defaults are fine', NAMES, DEFAULT_LIVES, undefined],
  ['short lives for tests are', NAMES, {}, undefined],
  ['a life too short to be renewed in is not', NAMES, { servingMs: 9999 }, /must live for 10000 ms or more/],
  ['nor a CA that ends before what it issues', NAMES, { authorityMs: 29_999 }, /the CA no less than that/],
  ['nor no number', NAMES, { servingMs: Number.NaN }, /NaN ms/],
  ['nor a name that cannot stand in a certificate', ['a b'], {}, /^"a b" is not a DNS name/],
  ['nor no name', [], {}, /at least one/],
])('%s', (_why, names, lives, problem) => {
  const found = issueProblem({ names, lives: { ...LIVES, ...lives } });
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(problem);
});
