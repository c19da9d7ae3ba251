import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  overlapMs,
  planCertificates,
  settleMs,
  shouldTakeOver,
  type Stored,
  type StoredPairs,
} from '../../../src/cluster/certificates/certificate-plan.ts';
import type { Term } from '../../../src/tls/source.ts';
import { simulateRotation } from './simulated-rotation.ts';

const SECOND_MS = 1000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;
const START = Date.parse('2026-01-01T00:00:00Z');
const CA_END = '2026-10-28T00:00:00Z';
const EARLY = 'the CA is not valid before 2026-01-01T00:00:00Z';
const EXPIRED = 'the serving certificate expired at 2026-04-01T00:00:00Z';

describe('the plan over the life of a CA for 300 days and a certificate for 90', () => {
  const stored = { authority: good(0, 300), serving: good(0, 90) };

  const due = (what: string, until: string): string =>
    `two thirds of the lifetime of the ${what} have passed, it expires at ${until}`;
  const servingDue = due('serving certificate', '2026-04-01T00:00:00Z');
  const younger = { ...stored, serving: good(180, 270) };
  const typo = { ...stored, serving: bad('a typo') };

  test.each<[why: string, stored: StoredPairs, day: number, plan: object]>([
    ['new ones are left alone', stored, 0, { do: 'nothing' }],
    ['also just before two thirds', stored, 59.9, { do: 'nothing' }],
    ['at two thirds the certificate is renewed', stored, 60, { do: 'issue', urgent: false, reason: servingDue }],
    ['expired it is for anybody to renew', stored, 90.1, { do: 'issue', urgent: true, reason: EXPIRED }],
    ['a CA is renewed at two thirds too', younger, 200, { do: 'make-all', urgent: false, reason: due('CA', CA_END) }],
    ['both due: a new CA brings both', { ...stored, serving: good(130, 220) }, 200, { do: 'make-all', urgent: false }],
    ['expired under a CA that is due: help first', { ...stored, serving: good(100, 190) }, 200, { do: 'issue' }],
    ['an expired CA is for anybody, however good the rest', stored, 301, { do: 'make-all', urgent: true }],
    ['a CA of the future, made by a clock ahead, is no good yet', stored, -1, { do: 'make-all', reason: EARLY }],
    ['a certificate of the future too', { ...stored, serving: good(9, 99) }, 8, { do: 'issue', urgent: true }],
    ['without a CA all is made', { ...stored, authority: bad('x') }, 1, { do: 'make-all', urgent: true, reason: 'x' }],
    ['a bad certificate is issued again', typo, 1, { do: 'issue', urgent: true, reason: 'a typo' }],
    ['and that before the CA that is due', typo, 250, { do: 'issue', urgent: true }],
  ])('%s', (_why, pairs, day, plan) => {
    expect(planCertificates(pairs, at(day))).toMatchObject(plan);
  });
});

describe('a new certificate beside the one in use', () => {
  const old = { ...term(0, 90), trusted: true };
  const offered = { ...term(60, 150), trusted: false };

  test.each<[why: string, handover: Parameters<typeof shouldTakeOver>[0], day: number, taken: boolean]>([
    ['is served at once when there is none', { offered, heldForMs: undefined }, 60, true],
    ['waits while a webhook lacks its CA', { used: old, offered, heldForMs: undefined }, 60, false],
    ['waits for slow API servers', { used: old, offered, heldForMs: 29 * SECOND_MS }, 60, false],
    ['is served when all have had the time', { used: old, offered, heldForMs: 30 * SECOND_MS }, 60, true],
    ['waits however long to the end of the old one', { used: old, offered, heldForMs: undefined }, 89.9, false],
    ['and not beyond', { used: old, offered, heldForMs: undefined }, 90.1, true],
    [
      'is served at once when the old one is refused and it is not',
      { used: { ...old, trusted: false }, offered: { ...offered, trusted: true }, heldForMs: 0 },
      60,
      true,
    ],
    ['waits when both are refused', { used: { ...old, trusted: false }, offered, heldForMs: undefined }, 60, false],
    ['is never served before or after its time', { offered, heldForMs: undefined }, 151, false],
  ])('%s', (_why, handover, day, taken) => {
    expect(shouldTakeOver(handover, at(day))).toBe(taken);
  });
});

test('short lives have short waits, so that a renewal ends before the old certificate does', () => {
  for (const seconds of [10, 33, 600, 86_400, 90 * 86_400]) {
    const serving = { notBefore: new Date(START), notAfter: new Date(START + seconds * SECOND_MS) };
    expect(settleMs(serving)).toBeLessThanOrEqual(30 * SECOND_MS);
    expect(overlapMs(serving)).toBeGreaterThanOrEqual(2 * settleMs(serving));
    // A third of its life is left when it is renewed.
    expect(overlapMs(serving)).toBeLessThanOrEqual((seconds * SECOND_MS) / 6);
  }
});

test('no rotation ever costs a call, in whatever order replicas and API servers hear of things', () => {
  fc.assert(
    fc.property(fc.noShrink(fc.integer()), (seed) => {
      const { refusals, rotations, renewals } = simulateRotation(seed);
      expect(refusals).toEqual([]);
      // Otherwise there was nothing to see.
      expect(rotations).toBeGreaterThan(3);
      expect(renewals).toBeGreaterThan(3);
    }),
    { numRuns: 20 },
  );
});

function good(fromDay: number, toDay: number): Stored {
  return { ok: true, pair: term(fromDay, toDay) };
}

function bad(problem: string): Stored {
  return { ok: false, problem };
}

function term(fromDay: number, toDay: number): Term {
  return { notBefore: at(fromDay), notAfter: at(toDay) };
}

function at(day: number): Date {
  return new Date(START + day * DAY_MS);
}
