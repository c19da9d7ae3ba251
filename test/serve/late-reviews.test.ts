import { describe, expect, test } from 'vitest';
import type { Later } from '../../src/admission/answer-later.ts';
import { NOTHING_FOUND, type Finding } from '../../src/engine/evaluate.ts';
import type { Decided } from '../../src/serve/decide.ts';
import { createLateReviews, type LateReview } from '../../src/serve/late-reviews.ts';
import { MOST_LATE_BYTES } from '../../src/text/bounds.ts';
import { requestFor } from '../support/admission-request.ts';
import { finding } from '../support/finding.ts';
import { pod, type Json } from '../support/objects.ts';

const OWNER = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'u1', controller: true };

function reviewOf(name: string, special: Partial<LateReview> = {}, metadata: Json = {}): LateReview {
  const object = { ...pod('a.example/app:1'), metadata: { name, namespace: 'default', ...metadata } };
  return { endpoint: 'validate', request: requestFor(object, { namespace: 'default' }), bytes: 4096, ...special };
}

function decidedWith(...findings: readonly Finding[]): Decided {
  return { text: '', outcome: 'allowed', admission: { ...NOTHING_FOUND, findings }, unanswered: [], outdated: [] };
}

/** Late reviews, what was found in them, and how many were dropped or failed. */
function open() {
  const found: (readonly [name: string, findings: readonly Finding[]])[] = [];
  const count = { dropped: 0, failed: 0 };
  const late = createLateReviews({
    onFound: ({ object }, findings) => found.push([String((object as { metadata: Json }).metadata['name']), findings]),
    onDrop: () => count.dropped++,
    onFailure: () => count.failed++,
  });
  return { late, found, count };
}

/** What is late, until it is told what is decided then. */
function holdLater(open_: readonly string[] = ['q']) {
  let settle: (decided: Decided) => void = () => undefined;
  const decided = new Promise<Decided>((resolve) => (settle = resolve));
  const later: Later<Decided> = { open: open_, decide: async () => decided };
  return { later, settle };
}

const missing = finding({ action: 'warn', rule: 'image-pullable', messageId: 'refused' });
const settled = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function foundOf(review: LateReview, before: Decided, after: Decided): Promise<readonly Finding[]> {
  const { late, found, count } = open();
  const { later, settle } = holdLater();
  late.wait(review, before, later);
  settle(after);
  await settled();
  expect(count).toEqual({ dropped: 0, failed: 0 });
  return found.flatMap(([, findings]) => findings);
}

describe('what a registry answers after the review', () => {
  test.each<[what: string, after: readonly Finding[], told: readonly Finding[]]>([
    ['a problem is told', [missing], [missing]],
    ['a problem that would have been denied is told', [finding()], [finding()]],
    ['nothing, where all is well', [], []],
    ['nothing of a notice', [finding({ harmless: true, action: 'warn' })], []],
    ['nothing that was for the audit log only', [finding({ action: 'audit' })], []],
  ])('%s', async (_what, after, told) => {
    expect(await foundOf(reviewOf('web'), decidedWith(), decidedWith(...after))).toEqual(told);
  });

  test('is not told twice: what the answer said is left out', async () => {
    const said = finding({ action: 'warn', message: 'worded in one way' });
    const again = { ...said, message: 'worded in another' };
    expect(await foundOf(reviewOf('web'), decidedWith(said), decidedWith(again, missing))).toEqual([missing]);
  });

  test.each<[what: string, review: LateReview, before: Partial<Decided>]>([
    ['at /mutate, which says what it fixed and no more', reviewOf('web', { endpoint: 'mutate' }), {}],
    ['of an object that was refused, and is not there', reviewOf('web'), { outcome: 'denied' }],
    ['of an object that we failed to check', reviewOf('web'), { outcome: 'error' }],
  ])('is not waited for %s', async (_what, review, before) => {
    expect(await foundOf(review, { ...decidedWith(), ...before }, decidedWith(missing))).toEqual([]);
  });

  test('is told once for the Pods of one owner that want the same images', async () => {
    const { late, found } = open();
    const first = holdLater(['a']);
    const second = holdLater(['b']);
    for (const name of ['p1', 'p2', 'p3']) {
      late.wait(reviewOf(name, {}, { ownerReferences: [OWNER] }), decidedWith(), first.later);
    }
    // Another image of the same owner is another matter.
    late.wait(reviewOf('p4', {}, { ownerReferences: [OWNER] }), decidedWith(), second.later);
    for (const { settle } of [first, second]) settle(decidedWith(missing));
    await settled();
    expect(found.map(([name]) => name)).toEqual(['p1', 'p4']);
  });

  test('is counted where our own code fails on it, and nothing else happens', async () => {
    const { late, found, count } = open();
    const { later, settle } = holdLater();
    late.wait(reviewOf('web'), decidedWith(), later);
    settle({ ...decidedWith(missing), error: new Error('a bug') });
    await settled();
    expect([found, count]).toEqual([[], { dropped: 0, failed: 1 }]);
  });
});

describe('reviews that wait', () => {
  test('have so many bytes together, of which a namespace has a quarter, and leave them when they are told', async () => {
    const { late, count } = open();
    const { later, settle } = holdLater();
    const quarter = MOST_LATE_BYTES / 4;
    const of = (namespace: string, bytes: number): LateReview => {
      const { request } = reviewOf('web');
      return { ...reviewOf('web', { bytes }), request: { ...request, namespace } };
    };
    for (const namespace of ['a', 'b', 'c', 'd']) {
      expect(late.hasRoom(of(namespace, quarter))).toBe(true);
      expect(late.hasRoom(of(namespace, quarter + 1))).toBe(false);
      late.wait(of(namespace, quarter), decidedWith(), later);
      expect(late.hasRoom(of(namespace, 1))).toBe(false);
    }
    late.wait(of('e', 1), decidedWith(), later);
    expect(count.dropped).toBe(1);
    settle(decidedWith());
    await settled();
    expect(late.hasRoom(of('a', quarter))).toBe(true);
  });

  test('count as 4 KiB each, however short they are', () => {
    const { late, count } = open();
    const { later } = holdLater();
    for (let at = 0; at < 33; at++) late.wait(reviewOf(`web-${at}`, { bytes: 1 }), decidedWith(), later);
    expect(count.dropped).toBe(1);
  });

  test('of which none says how long it is', () => {
    expect(open().late.hasRoom(reviewOf('web', { bytes: Infinity }))).toBe(false);
  });
});
