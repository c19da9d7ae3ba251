import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Notice } from '../../../src/admission/notices.ts';
import { createEventBook, type DueEvent, type EventBook } from '../../../src/cluster/events/event-book.ts';
import { noticeOf } from './notice-of.ts';

const MINUTE = 60_000;

describe('one Event for many notices', () => {
  test('says when the first and the last of those came, and what the last one said', () => {
    const { book } = createBook();
    book.note(noticeOf('web', { message: 'first' }), new Date(1000), 0);
    book.note(noticeOf('web', { message: 'second' }), new Date(2000), 0);
    const due = book.take(0);
    expect(due).toMatchObject({ firstAt: new Date(1000), lastAt: new Date(2000), notice: { message: 'second' } });
    book.note(noticeOf('web', { message: 'third' }), new Date(3000), MINUTE);
    expect(book.take(6 * MINUTE)).toMatchObject({ count: 1, firstAt: new Date(3000), lastAt: new Date(3000) });
  });

  const { involved } = noticeOf('web');

  test.each<[what: string, change: Partial<Notice>]>([
    ['rule', { rule: 'tag-explicit' }],
    ['outcome', { outcome: 'fixed' }],
    ['name', { involved: { ...involved, name: 'api' } }],
    ['namespace', { involved: { ...involved, namespace: 'team' } }],
    ['kind', { involved: { ...involved, kind: 'Job' } }],
    ['uid, as of an object that was deleted and made again', { involved: { ...involved, uid: 'u2' } }],
  ])('is not that of another %s', (_what, change) => {
    const { book } = createBook();
    book.note(noticeOf('web'), new Date(0), 0);
    book.note(noticeOf('web', change), new Date(0), 0);
    expect(takeAll(book, 0)).toHaveLength(2);
  });
});

describe('a flood of notices', () => {
  test('makes 25 Events at once, then one every two seconds, those that waited longest first', () => {
    const { book } = createBook();
    for (let at = 0; at < 100; at++) note(book, `web-${at}`, at);
    expect(takeAll(book, 100)).toEqual(Array.from({ length: 25 }, (_, at) => `web-${at} 1`));
    expect(takeAll(book, 1999)).toEqual([]);
    expect(takeAll(book, 2101)).toEqual(['web-25 1']);
    expect(takeAll(book, 12_101)).toEqual(['web-26 1', 'web-27 1', 'web-28 1', 'web-29 1', 'web-30 1']);
  });

  test('tells what is new before it tells what was told before', () => {
    const { book } = createBook();
    for (let at = 0; at < 25; at++) note(book, `old-${at}`, 0);
    takeAll(book, 0);
    for (let at = 0; at < 25; at++) note(book, `old-${at}`, 1);
    note(book, 'new', 10 * MINUTE);
    expect(takeAll(book, 10 * MINUTE)).toEqual(['new 1', ...Array.from({ length: 24 }, (_, at) => `old-${at} 1`)]);
  });

  test('does not keep what is noted again and again from its turn', () => {
    const { book } = createBook();
    for (let at = 0; at < 25; at++) note(book, `web-${at}`, 0);
    takeAll(book, 0);
    note(book, 'busy', 1);
    for (let at = 0; at < 100; at++) note(book, `quiet-${at}`, 2);
    note(book, 'busy', 3);
    expect(takeAll(book, 2000)).toEqual(['busy 2']);
  });

  test('of new objects is dropped after 150, and counted, while known ones are noted on', () => {
    const { book, dropped } = createBook();
    for (let at = 0; at < 200; at++) note(book, `web-${at}`, 0);
    expect(dropped()).toBe(50);
    note(book, 'web-149', 0);
    expect(dropped()).toBe(50);
    takeAll(book, 0);
    note(book, 'web-200', 0);
    expect(dropped()).toBe(50);
  });

  test('forgets the object that was noted longest ago when there are a thousand, and counts what it had to tell', () => {
    const { book, dropped } = createBook();
    const names = Array.from({ length: 1000 }, (_, at) => `web-${at}`);
    for (const [at, name] of names.entries()) {
      note(book, name, at * 2000);
      takeAll(book, at * 2000);
    }
    const now = 1000 * 2000;
    // Too soon to be told again; then 999 others are noted after it.
    note(book, 'web-999', now);
    for (const name of names.slice(0, 999)) note(book, name, now);
    expect(dropped()).toBe(0);
    note(book, 'one-too-many', now);
    expect(dropped()).toBe(1);
    takeAll(book, now);
    // It can begin again, as what it is: a new one.
    note(book, 'web-999', now + 2000);
    expect(takeAll(book, now + 2000)).toEqual(['web-999 1']);
  });
});

describe('a namespace in which thousands of Pods fail', () => {
  /** Its Events so far, and what waits for more. */
  function flood(book: EventBook, namespaces: readonly string[]): void {
    for (const namespace of namespaces) {
      for (let at = 0; at < 10_000; at++) book.note(noticeOf(`pod-${at}`, { namespace }), new Date(0), 0);
    }
  }

  test('does not delay the first Event of another', () => {
    const { book, dropped } = createBook();
    flood(book, ['hostile']);
    expect(dropped()).toBe(9850);
    expect(takeAll(book, 0)).toHaveLength(25);
    note(book, 'web', 1);
    expect(takeAll(book, 1)).toEqual(['web 1']);
  });

  test('does not delay it either where a dozen of them have used up what all have together', () => {
    const { book } = createBook();
    flood(
      book,
      Array.from({ length: 12 }, (_, at) => `hostile-${at}`),
    );
    expect(takeAll(book, 0)).toHaveLength(50);
    for (let at = 0; at < 9; at++) note(book, `web-${at}`, 1);
    const taken = Array.from({ length: 60 }, (_, at) => takeAll(book, at * 500)).flat();
    expect(taken.indexOf('web-0 1')).toBeLessThan(14);
    // By turns, of which there are thirteen at first; the share of those that had 25 is used up before long.
    expect(taken.filter((text) => text.startsWith('web'))).toHaveLength(4);
  });

  test('has its workloads told first, and its Pods dropped first', () => {
    const { book, dropped } = createBook();
    flood(book, ['shop']);
    const involved = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' };
    book.note(noticeOf('web', { involved }), new Date(0), 0);
    expect(dropped()).toBe(9851);
    expect(takeAll(book, 0).slice(0, 2)).toEqual(['web 1', 'pod-0 1']);
  });

  test('does not keep another from an Event that is written again', () => {
    const { book } = createBook();
    note(book, 'web', 0);
    takeAll(book, 0);
    note(book, 'web', 1);
    flood(book, ['hostile']);
    expect(takeAll(book, 6 * MINUTE)).toContain('web 1');
  });
});

test('nothing that is noted is lost or told twice, and what is kept is bounded, whatever comes when', () => {
  const step = fc.record({
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 10 * MINUTE })),
    name: fc.integer({ min: 0, max: 40 }),
    takes: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const { book, dropped } = createBook();
      let now = 0;
      let told = 0;
      const lastTaken = new Map<string, number>();
      const take = (): boolean => {
        const due = book.take(now);
        if (due === undefined) return false;
        expect(now - (lastTaken.get(due.key) ?? -Infinity)).toBeGreaterThanOrEqual(5 * MINUTE);
        lastTaken.set(due.key, now);
        told += due.count;
        return true;
      };
      for (const { wait, name, takes } of steps) {
        now += wait;
        note(book, `web-${name}`, now);
        for (let left = takes; left > 0; left--) take();
      }
      for (let round = 0; round < 3; round++) {
        now += 10 * MINUTE;
        while (take());
      }
      expect(told).toBe(steps.length);
      expect(book.hasUntold()).toBe(false);
      expect(dropped()).toBe(0);
    }),
  );
});

function createBook(): { book: EventBook; dropped: () => number } {
  let dropped = 0;
  return { book: createEventBook(() => dropped++), dropped: () => dropped };
}

function note(book: EventBook, name: string, now: number): void {
  book.note(noticeOf(name), new Date(now), now);
}

/** Takes until nothing is due: `web 3`. */
function takeAll(book: EventBook, now: number): readonly string[] {
  const taken: string[] = [];
  for (let due: DueEvent | undefined; (due = book.take(now)) !== undefined;) {
    taken.push(`${due.notice.involved.name} ${due.count}`);
  }
  return taken;
}
