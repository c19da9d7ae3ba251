import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { ApiError, type ApiServer, type Method } from '../../../src/cluster/connection/api-server.ts';
import { electLeader, type Election } from '../../../src/cluster/certificates/lease.ts';
import type { Json } from '../../support/objects.ts';

const SECOND_MS = 1000;
const COLLECTION = '/apis/coordination.k8s.io/v1/namespaces/pullguard/leases';

let store: ReturnType<typeof createLeaseStore>;
let told: string[];
let changes: string[];

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-03-01T12:00:00.123Z') });
  store = createLeaseStore();
  told = [];
  changes = [];
});

afterEach(() => {
  vi.useRealTimers();
});

describe('one leads', () => {
  test('the first at once, and writes a Lease as kubectl and other tools read it', async () => {
    const one = start('one');
    await pass(0);
    expect(one.isLeader()).toBe(true);
    expect(changes).toEqual(['one: true']);
    expect(store.lease()).toMatchObject({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'pullguard', namespace: 'pullguard' },
      spec: {
        holderIdentity: 'one',
        leaseDurationSeconds: 15,
        leaseTransitions: 0,
        // The API server takes exactly six places.
        acquireTime: '2026-03-01T12:00:00.123000Z',
        renewTime: '2026-03-01T12:00:00.123000Z',
      },
    });
  });

  test('of two that start together, and it stays the same one', async () => {
    const both = [start('one'), start('two')];
    await pass(0);
    const leader = both.findIndex((each) => each.isLeader());
    for (let minute = 0; minute < 10; minute++) {
      await pass(60);
      expect(both.map((each) => each.isLeader())).toEqual([leader === 0, leader === 1]);
    }
    expect(changes).toHaveLength(1);
    expect(told).toEqual([]);
  });

  test('until it falls silent: the next waits for as long as the Lease says, and takes over', async () => {
    const one = start('one');
    await pass(0);
    const two = start('two');
    await pass(60);
    store.cutOff('one');
    // The last renewal was up to 5 s ago, was seen up to 5 s after that, and looks are 5 s apart.
    await pass(9.9);
    expect(two.isLeader()).toBe(false);
    await pass(16);
    expect([one.isLeader(), two.isLeader()]).toEqual([false, true]);
    expect(store.spec()).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  });

  test('until it ends: the next takes over at its next look, long before the Lease would expire', async () => {
    const one = start('one');
    await pass(0);
    const two = start('two');
    await pass(30);
    await one.close();
    expect(store.spec()['holderIdentity']).toBe('');
    expect(changes).toEqual(['one: true', 'one: false']);
    await pass(5);
    expect(two.isLeader()).toBe(true);
    await pass(60);
    expect(one.isLeader()).toBe(false);
  });

  test('never two at the same time, whoever loses the API server for however long', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(2), fc.boolean(), fc.nat(20)), { minLength: 5 }), async (steps) => {
        const names = ['one', 'two', 'three'];
        store = createLeaseStore();
        const started = names.map((name) => start(name));
        let led = 0;
        for (const [which, isCut, seconds] of steps) {
          if (isCut) store.cutOff(names[which]!);
          else store.reconnect(names[which]!);
          for (let second = 0; second <= seconds; second++) {
            await pass(1);
            const leaders = started.filter((each) => each.isLeader()).length;
            expect(leaders).toBeLessThanOrEqual(1);
            led += leaders;
          }
        }
        for (const name of names) store.reconnect(name);
        await pass(40);
        expect(started.filter((each) => each.isLeader())).toHaveLength(1);
        await Promise.all(started.map(async (each) => each.close()));
        expect(led).toBeGreaterThan(0);
      }),
      { numRuns: 25 },
    );
  });
});

describe('a leader', () => {
  test('that cannot renew steps down before the others may take over, and leads again when it can', async () => {
    const one = start('one');
    await pass(0);
    store.cutOff('one');
    await pass(4.9);
    expect(one.isLeader()).toBe(true);
    await pass(5.2);
    expect(one.isLeader()).toBe(false);
    store.reconnect('one');
    await pass(5);
    expect(one.isLeader()).toBe(true);
    expect(changes).toEqual(['one: true', 'one: false', 'one: true']);
  });

  test('whose calls get no answer steps down as well', async () => {
    const one = start('one');
    await pass(0);
    store.hang('one');
    await pass(10.1);
    expect(one.isLeader()).toBe(false);
  });

  test('that was paused does not take itself for the leader when it wakes up', async () => {
    const one = start('one');
    await pass(0);
    const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60 * SECOND_MS);
    expect(one.isLeader()).toBe(false);
    clock.mockRestore();
  });

  test('makes the Lease again that somebody deleted, and leads on', async () => {
    const one = start('one');
    await pass(1);
    store.remove();
    await pass(5);
    expect(one.isLeader()).toBe(true);
    expect(store.spec()['holderIdentity']).toBe('one');
    expect(changes).toHaveLength(1);
  });

  test('keeps what others wrote to the Lease, and is not thrown off by a write between its two', async () => {
    const one = start('one');
    await pass(1);
    store.interfere(1);
    await pass(12);
    expect(one.isLeader()).toBe(true);
    expect(store.lease()).toMatchObject({ metadata: { labels: { by: 'somebody' } } });
    expect(told).toEqual([]);
  });

  test('that finds another name in the Lease gives way at once', async () => {
    const one = start('one');
    await pass(1);
    store.hold('other', '2026-03-01T12:00:00.000000Z');
    await pass(5);
    expect(one.isLeader()).toBe(false);
    expect(store.spec()['holderIdentity']).toBe('other');
  });
});

describe('the times in a Lease are of other machines', () => {
  test.each(['1999-01-01T00:00:00.000000Z', '2099-01-01T00:00:00.000000Z'])(
    'one last renewed at %s is waited for, and taken over when it has not changed',
    async (renewTime) => {
      store.hold('other', renewTime);
      const one = start('one');
      await pass(14.9);
      expect(one.isLeader()).toBe(false);
      await pass(6);
      expect(one.isLeader()).toBe(true);
    },
  );

  test('one that changes all the time is never taken over', async () => {
    const one = start('one');
    for (let turn = 0; turn < 20; turn++) {
      store.hold('other', `1999-01-01T00:00:${String(turn).padStart(2, '0')}.000000Z`);
      await pass(10);
      expect(one.isLeader()).toBe(false);
    }
  });
});

test('a trouble is told once until it is over, and names the Lease', async () => {
  start('one');
  for (let time = 0; time < 2; time++) {
    store.cutOff('one');
    await pass(60);
    store.reconnect('one');
    await pass(10);
  }
  expect(told).toEqual(
    Array(2).fill('the Lease pullguard/pullguard, which says who leads, cannot be renewed: nothing listens there'),
  );
});

describe('the end', () => {
  test('leaves the Lease of another alone', async () => {
    store.hold('other', '2026-03-01T12:00:00.000000Z');
    const one = start('one');
    await pass(1);
    await one.close();
    expect(store.spec()['holderIdentity']).toBe('other');
  });

  test('gives away also what a call that was under way has won', async () => {
    const one = start('one');
    await one.close();
    await pass(60);
    expect(store.lease() === undefined || store.spec()['holderIdentity'] === '').toBe(true);
    expect(one.isLeader()).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('does not wait for an API server that is away', async () => {
    const one = start('one');
    await pass(1);
    store.hang('one');
    const closing = one.close();
    await pass(10);
    await expect(closing).resolves.toBeUndefined();
    expect(told.at(-1)).toMatch(/cannot be released: no answer/);
  });
});

function start(identity: string): Election {
  return electLeader({
    api: store.connect(identity),
    namespace: 'pullguard',
    name: 'pullguard',
    identity,
    onChange: (isLeader) => changes.push(`${identity}: ${isLeader}`),
    onError: (message) => told.push(message),
  });
}

async function pass(seconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(seconds * SECOND_MS);
}

/** An API server that knows one Lease, in memory so that time can be made to pass. */
function createLeaseStore() {
  let lease: (Json & { metadata: Json; spec: Json }) | undefined;
  let version = 0;
  let interferences = 0;
  const cut = new Set<string>();
  const hanging = new Set<string>();
  const write = (object: Json): Json => {
    version += 1;
    lease = structuredClone({
      ...object,
      metadata: { ...(object['metadata'] as Json), resourceVersion: String(version) },
    }) as unknown as NonNullable<typeof lease>;
    return lease;
  };
  const answer = (method: Method, path: string, body: Json): unknown => {
    if (method === 'POST') {
      expect(path).toBe(COLLECTION);
      if (lease !== undefined) throw new ApiError('it exists', { status: 409, reason: 'AlreadyExists' });
      return write(body);
    }
    expect(path).toBe(`${COLLECTION}/pullguard`);
    if (lease === undefined) throw new ApiError('not found', { status: 404, reason: 'NotFound' });
    if (method === 'GET') return structuredClone(lease);
    if (interferences-- > 0) write({ ...lease, metadata: { ...lease.metadata, labels: { by: 'somebody' } } });
    if ((body['metadata'] as Json)['resourceVersion'] !== lease.metadata['resourceVersion']) {
      throw new ApiError('it changed', { status: 409, reason: 'Conflict' });
    }
    return write(body);
  };
  return {
    lease: () => lease,
    spec: () => lease!.spec,
    remove: () => (lease = undefined),
    interfere: (times: number) => (interferences = times),
    hold: (holderIdentity: string, renewTime: string) => {
      write({ metadata: { name: 'pullguard' }, spec: { holderIdentity, renewTime, leaseDurationSeconds: 15 } });
    },
    cutOff: (identity: string) => cut.add(identity),
    hang: (identity: string) => hanging.add(identity),
    reconnect: (identity: string) => cut.delete(identity),
    connect: (identity: string): ApiServer => ({
      url: 'https://stand-in',
      namespace: 'pullguard',
      now: () => new Date(),
      watch: () => {
        throw new Error('nobody watches a Lease');
      },
      call: async (method, path, { body, timeoutMs = 10_000 } = {}) => {
        await Promise.resolve();
        if (hanging.has(identity)) {
          await new Promise((resolve) => setTimeout(resolve, timeoutMs));
          throw new ApiError('no answer');
        }
        if (cut.has(identity)) throw new ApiError('nothing listens there');
        return answer(method, path, body as Json);
      },
    }),
  };
}
