import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createEventRecorder, type EventRecorder, type EventResult } from '../../../src/cluster/events/events.ts';
import type { Notice } from '../../../src/admission/notices.ts';
import { EVENT_ACCESS } from '../../support/access.ts';
import type { StoredObject } from '../../support/stand-in-store.ts';
import { createMemoryCluster, type MemoryCluster } from '../../support/stand-in-memory.ts';
import { noticeOf } from './notice-of.ts';

const START = new Date('2026-03-01T12:00:00Z');
const EVENTS = '/api/v1/namespaces/default/events';
const SECOND = 1000;
const MINUTE = 60 * SECOND;

let server: MemoryCluster;
let errors: string[];
let results: EventResult[];
let recorder: EventRecorder;

beforeEach(() => {
  vi.useFakeTimers({ now: START });
  server = createMemoryCluster();
  [errors, results] = [[], []];
  recorder = startRecorder();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('an Event', () => {
  test('about a denied object is a warning with all that kubectl shows of it', async () => {
    record('web');
    await pass(SECOND);
    const name: unknown = expect.stringMatching(/^web\.[0-9a-f]{16}$/);
    expect(events()).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: expect.objectContaining({ name, namespace: 'default' }) as unknown,
        involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web' },
        type: 'Warning',
        reason: 'ImageDenied',
        message: 'wrong',
        count: 1,
        firstTimestamp: '2026-03-01T12:00:00Z',
        lastTimestamp: '2026-03-01T12:00:00Z',
        source: { component: 'pullguard' },
        reportingComponent: 'pullguard',
      },
    ]);
  });

  test('about a fix is a normal one', async () => {
    record('web', { outcome: 'fixed' });
    await pass(SECOND);
    expect(events()).toMatchObject([{ type: 'Normal', reason: 'ImagePullFixed' }]);
  });

  test.each<[owner: string, name: RegExp]>([
    ['web-*', /^web\.[0-9a-f]{16}$/],
    ['Web_1.example', /^web-1-example\.[0-9a-f]{16}$/],
    ['a'.repeat(253), /^a{200}\.[0-9a-f]{16}$/],
    ['***', /^pullguard\.[0-9a-f]{16}$/],
  ])('about %s has a name that Kubernetes takes', async (owner, name) => {
    record(owner);
    await pass(SECOND);
    expect(events()[0]?.metadata.name).toMatch(name);
  });

  test('about an object in no namespace lives in default, as the API server has it', async () => {
    record('template', { namespace: '' });
    await pass(SECOND);
    expect(events()).toMatchObject([{ metadata: { namespace: 'default' }, involvedObject: { namespace: '' } }]);
  });
});

describe('the same again', () => {
  test('within a second is one Event that counts them all', async () => {
    for (let replica = 0; replica < 10; replica++) record('web');
    await pass(SECOND);
    expect(events()).toMatchObject([{ count: 10 }]);
    expect(calls()).toEqual(['POST']);
  });

  test('makes its count grow, five minutes later and in one call', async () => {
    for (let second = 0; second < 100; second++) {
      record('web');
      await pass(SECOND);
    }
    expect(events()).toMatchObject([{ count: 1 }]);
    await pass(5 * MINUTE);
    expect(events()).toMatchObject([
      { count: 100, firstTimestamp: '2026-03-01T12:00:00Z', lastTimestamp: '2026-03-01T12:01:39Z' },
    ]);
    expect(calls()).toEqual(['POST', 'PATCH']);
  });

  test('after the Event has expired is a new one', async () => {
    record('web');
    await pass(SECOND);
    expire();
    await pass(70 * MINUTE);
    record('web');
    await pass(SECOND);
    expect(events()).toMatchObject([{ count: 1, firstTimestamp: '2026-03-01T13:10:01Z' }]);
    expect(results).toEqual(['written', 'written']);
  });

  test('in several replicas is one Event, and nothing that any of them counted is lost', async () => {
    const recorders = [recorder, startRecorder(), startRecorder()];
    for (let minute = 0; minute < 30; minute++) {
      for (const each of recorders) each.record(() => [noticeOf('web')]);
      await pass(MINUTE);
    }
    await pass(10 * MINUTE);
    expect(events()).toMatchObject([{ count: 90, lastTimestamp: '2026-03-01T12:29:00Z' }]);
  });

  test('in a replica that was started anew goes on with the Event that is there', async () => {
    record('web');
    await recorder.close();
    recorder = startRecorder();
    record('web');
    await pass(SECOND);
    expect(events()).toMatchObject([{ count: 2 }]);
  });

  test('when the Event expires between two calls is a new one all the same', async () => {
    startRecorder().record(() => [noticeOf('web')]);
    await pass(SECOND);
    server.delay(10, { method: 'GET' });
    record('web');
    await pass(SECOND);
    expire();
    await pass(SECOND);
    expect(events()).toMatchObject([{ count: 1 }]);
    expect(calls()).toEqual(['POST', 'POST', 'GET', 'POST']);
  });
});

describe('trouble', () => {
  test('is told once, drops what was to be written, and is over when the API server is back', async () => {
    server.stop();
    for (let at = 0; at < 10; at++) record(`web-${at}`);
    await pass(MINUTE);
    expect(errors).toEqual(['cannot write an Event: cannot reach https://stand-in: connection refused']);
    expect(results).toEqual(Array.from({ length: 10 }, () => 'failed'));
    expect(vi.getTimerCount()).toBe(0);
    server.restart();
    record('late');
    await pass(SECOND);
    expect(events()).toMatchObject([{ involvedObject: { name: 'late' } }]);
  });

  test('does not pile up calls or memory while the API server does not answer', async () => {
    server.hang();
    for (let at = 0; at < 5000; at++) record(`web-${at}`);
    await pass(20 * MINUTE);
    expect(results.filter((result) => result === 'dropped')).toHaveLength(4850);
    expect(calls()).toHaveLength(150);
  });

  test('of a namespace that is not there is told, not tried over and over', async () => {
    server.failNext({ status: 404, message: 'namespaces "default" not found' });
    record('web');
    await pass(10 * MINUTE);
    expect(errors).toEqual([expect.stringMatching(/^cannot write an Event: .*namespaces "default" not found$/)]);
    expect(calls()).toEqual(['POST']);
  });

  test('of one namespace keeps nothing from being told of another', async () => {
    server.failNext({ status: 403, path: '/api/v1/namespaces/doomed/events', times: 2 });
    record('one', { namespace: 'doomed' });
    record('web');
    record('two', { namespace: 'doomed' });
    await recorder.close();
    expect(events()).toMatchObject([{ involvedObject: { name: 'web' } }]);
    expect(results.sort()).toEqual(['failed', 'failed', 'written']);
  });

  test('of a conflict that does not end is given up', async () => {
    record('web');
    await pass(SECOND);
    server.failNext({ status: 409, method: 'PATCH', times: 9 });
    record('web');
    await pass(10 * MINUTE);
    expect(results).toEqual(['written', 'failed']);
    expect(calls().slice(1)).toEqual(['PATCH', 'GET', 'PATCH', 'GET', 'PATCH', 'GET', 'PATCH']);
  });

  test('with an admission is told, and never reaches who answers it', () => {
    recorder.record(() => {
      throw new Error('broken');
    });
    expect(errors).toEqual(['creating an Event failed: Error: broken']);
  });

  test('of ever new kinds is told, and not remembered for ever', async () => {
    for (let at = 0; at < 202; at++) {
      server.failNext({ status: 403, message: `trouble ${at % 101}` });
      record(`web-${at}`);
      await pass(3 * SECOND);
    }
    expect(errors).toHaveLength(202);
  });
});

describe('the end', () => {
  test('leaves nothing untold that may be told, and nothing is taken down after it', async () => {
    record('web');
    await recorder.close();
    expect(events()).toHaveLength(1);
    record('late');
    await pass(MINUTE);
    expect(events()).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('waits five seconds at most for an API server that does not answer', async () => {
    server.hang();
    for (let at = 0; at < 10; at++) record(`web-${at}`);
    await pass(SECOND);
    let ended = false;
    void recorder.close().then(() => {
      ended = true;
    });
    await pass(5 * SECOND);
    expect(ended).toBe(true);
  });
});

test('what it asks to be allowed is what it does', async () => {
  const other = startRecorder();
  for (const expires of [false, true, false]) {
    if (expires) expire();
    for (const each of [recorder, other]) each.record(() => [noticeOf('web')]);
    await pass(10 * MINUTE);
  }
  const verbs: Readonly<Record<string, string>> = { POST: 'create', GET: 'get', PATCH: 'patch' };
  expect([...new Set(calls())].map((method) => verbs[method]).sort()).toEqual([...EVENT_ACCESS.verbs].sort());
  expect(EVENT_ACCESS).toMatchObject({ apiGroup: '', resource: 'events' });
});

function startRecorder(): EventRecorder {
  return createEventRecorder({
    api: server.connect(),
    onError: (message) => errors.push(message),
    onResult: (result) => results.push(result),
  });
}

function record(name: string, overrides: Partial<Notice> & { namespace?: string } = {}): void {
  recorder.record(() => [noticeOf(name, overrides)]);
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

function events(): readonly StoredObject[] {
  return server.list(EVENTS);
}

function calls(): readonly string[] {
  return server.requests.map(({ method }) => method);
}

/** The API server keeps Events for an hour only: all of them go. */
function expire(): void {
  for (const { metadata } of events()) server.remove(`${EVENTS}/${metadata.name}`);
}
