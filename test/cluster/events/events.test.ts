import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError, type ApiServer, type CallOptions, type Method } from '../../../src/cluster/connection/api-server.ts';
import {
  createEventRecorder,
  EVENT_ACCESS,
  type EventRecorder,
  type EventResult,
} from '../../../src/cluster/events/events.ts';
import type { Finding } from '../../../src/engine/evaluate.ts';
import { readString } from '../../../src/text/json.ts';
import { requestFor } from '../../support/admission-request.ts';
import { finding } from '../../support/finding.ts';
import { pod, type Json } from '../../support/objects.ts';
import { answerCall } from '../../support/stand-in-answers.ts';
import { createStore, parsePath, type StoredObject } from '../../support/stand-in-store.ts';

const START = new Date('2026-03-01T12:00:00Z');
const EVENTS = '/api/v1/namespaces/default/events';
const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

describe('an Event', () => {
  test('about a denied object is a warning with all that kubectl shows of it', async () => {
    const { api, events } = createCluster();
    const { recorder } = startRecorder(api);
    recorder.record(requestFor(pod('NGINX')), denied());
    await vi.advanceTimersByTimeAsync(1000);
    const timestamp = '2026-03-01T12:00:00Z';
    expect(events()).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: expect.objectContaining({
          name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) as string,
          namespace: 'default',
        }) as Json,
        involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web' },
        type: 'Warning',
        reason: 'ImageDenied',
        message: expect.stringContaining('repository name must be lowercase') as string,
        count: 1,
        firstTimestamp: timestamp,
        lastTimestamp: timestamp,
        source: { component: 'pullguard' },
        reportingComponent: 'pullguard',
      },
    ]);
  });

  test('about a fix is a normal one', async () => {
    const { api, events } = createCluster();
    const { recorder } = startRecorder(api);
    recorder.record(requestFor(pod('nginx')), denied({ action: 'warn', fixed: 'now' }));
    await vi.advanceTimersByTimeAsync(1000);
    expect(events()).toMatchObject([{ type: 'Normal', reason: 'ImagePullFixed' }]);
  });

  test.each<[owner: string, name: RegExp]>([
    ['web-*', /^web\.[0-9a-f]{16}$/],
    ['Web_1.example', /^web-1-example\.[0-9a-f]{16}$/],
    ['a'.repeat(253), /^a{200}\.[0-9a-f]{16}$/],
    ['***', /^pullguard\.[0-9a-f]{16}$/],
  ])('about %s has a name that Kubernetes takes', async (owner, name) => {
    const { api, events } = createCluster();
    const { recorder } = startRecorder(api);
    recorder.record(requestFor(podNamed(owner)), denied());
    await vi.advanceTimersByTimeAsync(1000);
    expect(events()[0]?.metadata.name).toMatch(name);
  });

  test('about an object in no namespace lives in default, as the API server has it', async () => {
    const { api, events } = createCluster();
    const { recorder } = startRecorder(api);
    recorder.record(requestFor({ metadata: { name: 'template' } }), denied());
    await vi.advanceTimersByTimeAsync(1000);
    expect(events()).toMatchObject([{ metadata: { namespace: 'default' }, involvedObject: { namespace: '' } }]);
  });
});

describe('the same again', () => {
  test('within a second is one Event that counts them all', async () => {
    const { api, events, calls } = createCluster();
    const { recorder } = startRecorder(api);
    for (let replica = 0; replica < 10; replica++) recorder.record(requestFor(pod('NGINX')), denied());
    await vi.advanceTimersByTimeAsync(1000);
    expect(events()).toMatchObject([{ count: 10 }]);
    expect(calls).toHaveLength(1);
  });

  test('makes its count grow, five minutes later and in one call', async () => {
    const { api, events, calls } = createCluster();
    const { recorder } = startRecorder(api);
    for (let second = 0; second < 100; second++) {
      recorder.record(requestFor(pod('NGINX')), denied());
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(events()).toMatchObject([{ count: 1 }]);
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    expect(events()).toMatchObject([
      { count: 100, firstTimestamp: '2026-03-01T12:00:00Z', lastTimestamp: '2026-03-01T12:01:39Z' },
    ]);
    expect(calls).toHaveLength(2);
  });

  test('after the Event has expired is a new one', async () => {
    const { api, events, expire } = createCluster();
    const { recorder, results } = startRecorder(api);
    recorder.record(requestFor(pod('NGINX')), denied());
    await vi.advanceTimersByTimeAsync(1000);
    expire();
    await vi.advanceTimersByTimeAsync(70 * MINUTE);
    recorder.record(requestFor(pod('NGINX')), denied());
    await vi.advanceTimersByTimeAsync(1000);
    expect(events()).toMatchObject([{ count: 1, firstTimestamp: '2026-03-01T13:10:01Z' }]);
    expect(results).toEqual(['written', 'written']);
  });

  test('in several replicas is one Event, and nothing that any of them counted is lost', async () => {
    const { api, events } = createCluster();
    const recorders = [0, 1, 2].map(() => startRecorder(api).recorder);
    for (let minute = 0; minute < 30; minute++) {
      for (const recorder of recorders) recorder.record(requestFor(pod('NGINX')), denied());
      await vi.advanceTimersByTimeAsync(MINUTE);
    }
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(events()).toMatchObject([{ count: 90, lastTimestamp: '2026-03-01T12:29:00Z' }]);
  });

  test('in a replica that was started anew goes on with the Event that is there', async () => {
    const { api, events } = createCluster();
    const { recorder: first } = startRecorder(api);
    first.record(requestFor(pod('NGINX')), denied());
    await first.close();
    const { recorder: second } = startRecorder(api);
    second.record(requestFor(pod('NGINX')), denied());
    await vi.advanceTimersByTimeAsync(1000);
    expect(events()).toMatchObject([{ count: 2 }]);
  });

  test('when the Event expires between two calls is a new one all the same', async () => {
    const { api, events, expire, intercept } = createCluster();
    const { recorder } = startRecorder(api);
    startRecorder(api).recorder.record(requestFor(pod('NGINX')), denied());
    await vi.advanceTimersByTimeAsync(1000);
    recorder.record(requestFor(pod('NGINX')), denied());
    intercept((method) => {
      if (method === 'GET') expire();
    });
    await vi.advanceTimersByTimeAsync(1000);
    expect(events()).toMatchObject([{ count: 1 }]);
  });
});

describe('trouble', () => {
  test('is told once, drops what was to be written, and is over when the API server is back', async () => {
    const { api, events, intercept } = createCluster();
    const { recorder, errors, results } = startRecorder(api);
    intercept(() => {
      throw new ApiError('cannot reach https://api: nothing listens there');
    });
    for (let at = 0; at < 10; at++) recorder.record(requestFor(podNamed(`web-${at}`)), denied());
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(errors).toEqual(['an Event could not be written: cannot reach https://api: nothing listens there']);
    expect(results).toEqual(Array.from({ length: 10 }, () => 'failed'));
    expect(vi.getTimerCount()).toBe(0);
    intercept(() => undefined);
    recorder.record(requestFor(podNamed('late')), denied());
    await vi.advanceTimersByTimeAsync(1000);
    expect(events()).toMatchObject([{ involvedObject: { name: 'late' } }]);
  });

  test('does not pile up calls or memory while the API server does not answer', async () => {
    const { api, calls, intercept } = createCluster();
    const { recorder, results } = startRecorder(api);
    intercept((_method, { signal, timeoutMs = 0 }) => until(signal, timeoutMs));
    for (let at = 0; at < 5000; at++) recorder.record(requestFor(podNamed(`web-${at}`)), denied());
    await vi.advanceTimersByTimeAsync(20 * MINUTE);
    expect(results.filter((result) => result === 'dropped')).toHaveLength(4850);
    expect(calls).toHaveLength(150);
  });

  test('of a namespace that is not there is told, not tried over and over', async () => {
    const { api, calls, intercept } = createCluster();
    const { recorder, errors } = startRecorder(api);
    intercept(() => {
      throw new ApiError('namespaces "default" not found', { status: 404, reason: 'NotFound' });
    });
    recorder.record(requestFor(pod('NGINX')), denied());
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(errors).toEqual(['an Event could not be written: namespaces "default" not found']);
    expect(calls).toHaveLength(1);
  });

  test('of one namespace keeps nothing from being told of another', async () => {
    const { api, events, intercept } = createCluster();
    const { recorder } = startRecorder(api);
    intercept((_method, { body }) => {
      if (readString(body, 'metadata', 'name').startsWith('doomed')) throw new ApiError('terminating', { status: 403 });
    });
    for (const name of ['doomed-1', 'web', 'doomed-2']) recorder.record(requestFor(podNamed(name)), denied());
    await recorder.close();
    expect(events()).toMatchObject([{ involvedObject: { name: 'web' } }]);
  });

  test('of a conflict that does not end is given up', async () => {
    const { api, calls, intercept } = createCluster();
    const { recorder, results } = startRecorder(api);
    recorder.record(requestFor(pod('NGINX')), denied());
    await vi.advanceTimersByTimeAsync(1000);
    recorder.record(requestFor(pod('NGINX')), denied());
    intercept((method) => {
      if (method === 'PATCH') throw new ApiError('modified', { status: 409, reason: 'Conflict' });
    });
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(results).toEqual(['written', 'failed']);
    expect(calls.slice(1)).toEqual(['PATCH', 'GET', 'PATCH', 'GET', 'PATCH', 'GET', 'PATCH']);
  });

  test('with an admission is told, and never reaches who answers it', () => {
    const { api } = createCluster();
    const { recorder, errors } = startRecorder(api);
    const broken = new Proxy(requestFor(pod('NGINX')), {
      get: () => {
        throw new Error('broken');
      },
    });
    expect(() => {
      recorder.record(broken, denied());
    }).not.toThrow();
    expect(errors).toEqual(['an admission could not be told of by an Event: Error: broken']);
  });

  test('of ever new kinds is told, and not remembered for ever', async () => {
    const { api, intercept } = createCluster();
    const { recorder, errors } = startRecorder(api);
    let count = 0;
    intercept(() => {
      throw new ApiError(`trouble ${(count = (count + 1) % 101)}`);
    });
    for (let at = 0; at < 202; at++) {
      recorder.record(requestFor(podNamed(`web-${at}`)), denied());
      await vi.advanceTimersByTimeAsync(3000);
    }
    expect(errors).toHaveLength(202);
  });
});

describe('the end', () => {
  test('leaves nothing untold that may be told, and nothing is taken down after it', async () => {
    const { api, events } = createCluster();
    const { recorder } = startRecorder(api);
    recorder.record(requestFor(pod('NGINX')), denied());
    await recorder.close();
    expect(events()).toHaveLength(1);
    recorder.record(requestFor(podNamed('late')), denied());
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(events()).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('waits five seconds at most for an API server that does not answer', async () => {
    const { api, intercept } = createCluster();
    const { recorder } = startRecorder(api);
    intercept((_method, { signal }) => until(signal, Infinity));
    for (let at = 0; at < 10; at++) recorder.record(requestFor(podNamed(`web-${at}`)), denied());
    await vi.advanceTimersByTimeAsync(1000);
    let ended = false;
    void recorder.close().then(() => {
      ended = true;
    });
    await vi.advanceTimersByTimeAsync(5000);
    expect(ended).toBe(true);
  });
});

test('what it asks to be allowed is what it does', async () => {
  const { api, calls, expire } = createCluster();
  const [one, other] = [startRecorder(api).recorder, startRecorder(api).recorder];
  const recordAll = async (): Promise<void> => {
    for (const recorder of [one, other]) recorder.record(requestFor(pod('NGINX')), denied());
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
  };
  await recordAll();
  await recordAll();
  expire();
  await recordAll();
  const verbs: Readonly<Record<string, string>> = { POST: 'create', GET: 'get', PATCH: 'patch' };
  expect([...new Set(calls)].map((method) => verbs[method]).sort()).toEqual([...EVENT_ACCESS.verbs].sort());
  expect(EVENT_ACCESS).toMatchObject({ apiGroup: '', resource: 'events' });
});

type Intercept = (method: Method, options: CallOptions) => unknown;

type Cluster = Readonly<{
  api: ApiServer;
  events: () => readonly StoredObject[];
  calls: readonly Method[];
  /** Events are kept for an hour only: all of them go. */
  expire: () => void;
  /** Called before each call is answered: what it throws or waits for is thrown or waited for. */
  intercept: (intercept: Intercept) => void;
}>;

/** An API server without a network between: its answers are those of the stand-in. */
function createCluster(): Cluster {
  const store = createStore();
  const calls: Method[] = [];
  let intercept: Intercept = () => undefined;
  const events = (): readonly StoredObject[] => store.list(parsePath(EVENTS)!);
  return {
    events,
    calls,
    expire: () => {
      for (const { metadata } of events()) store.remove(parsePath(`${EVENTS}/${metadata.name}`)!);
    },
    intercept: (next) => {
      intercept = next;
    },
    api: {
      url: 'https://api',
      namespace: 'default',
      now: () => new Date(),
      watch: () => {
        throw new Error('nothing is watched');
      },
      call: async (method, path, options = {}) => {
        calls.push(method);
        await intercept(method, options);
        const headers = { 'content-type': options.contentType };
        const { code, body } = answerCall(store, { method, query: {}, headers, body: options.body }, parsePath(path)!);
        if (code < 400) return body;
        const { message, reason } = body as { message: string; reason: string };
        throw new ApiError(message, { status: code, reason });
      },
    },
  };
}

function startRecorder(api: ApiServer): { recorder: EventRecorder; errors: string[]; results: EventResult[] } {
  const errors: string[] = [];
  const results: EventResult[] = [];
  const recorder = createEventRecorder({
    api,
    onError: (message) => errors.push(message),
    onResult: (result) => results.push(result),
  });
  return { recorder, errors, results };
}

/** Never answers: rejects when it is given up, or when its time is over. */
async function until(signal: AbortSignal | undefined, ms: number): Promise<never> {
  return new Promise((_resolve, reject) => {
    const giveUp = (): void => {
      signal?.removeEventListener('abort', giveUp);
      reject(new ApiError('given up'));
    };
    if (signal?.aborted === true) giveUp();
    signal?.addEventListener('abort', giveUp);
    if (ms < Infinity) setTimeout(giveUp, ms);
  });
}

function podNamed(name: string): Json {
  return { ...pod('NGINX'), metadata: { name, namespace: 'default' } };
}

function denied(overrides: Partial<Finding> = {}) {
  return { findings: [finding(overrides)] };
}
