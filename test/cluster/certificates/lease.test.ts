import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { electLeader, type Election } from '../../../src/cluster/certificates/lease.ts';
import { ApiError, type ApiServer } from '../../../src/cluster/connection/api-server.ts';
import type { Json } from '../../support/objects.ts';
import { createMemoryCluster, type MemoryCluster } from '../../support/stand-in-memory.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/pullguard/leases';
const LEASE = `${LEASES}/pullguard`;

let server: MemoryCluster;
let told: string[];
let changes: string[];
/** The identities that the API server is lost to. */
const cut = new Set<string>();

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-03-01T12:00:00.123Z') });
  server = createMemoryCluster();
  [told, changes] = [[], []];
  cut.clear();
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
    expect(server.get(LEASE)).toMatchObject({
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

  test('until it falls silent: the next waits for as long as the Lease says, and takes over', async () => {
    const one = start('one');
    await pass(0);
    const two = start('two');
    await pass(60);
    cut.add('one');
    // The last renewal was up to 5 s ago, was seen up to 5 s after that, and looks are 5 s apart.
    await pass(9.9);
    expect(two.isLeader()).toBe(false);
    await pass(16);
    expect([one.isLeader(), two.isLeader()]).toEqual([false, true]);
    expect(spec()).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  });

  test('until it ends: the next takes over at its next look, long before the Lease would expire', async () => {
    const one = start('one');
    await pass(0);
    const two = start('two');
    await pass(30);
    await one.close();
    expect(spec()['holderIdentity']).toBe('');
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
        server = createMemoryCluster();
        const started = names.map((name) => start(name));
        let led = 0;
        for (const [which, isCut, seconds] of steps) {
          if (isCut) cut.add(names[which]!);
          else cut.delete(names[which]!);
          for (let second = 0; second <= seconds; second++) {
            await pass(1);
            const leaders = started.filter((each) => each.isLeader()).length;
            expect(leaders).toBeLessThanOrEqual(1);
            led += leaders;
          }
        }
        cut.clear();
        await pass(40);
        expect(started.filter((each) => each.isLeader())).toHaveLength(1);
        await Promise.all(started.map(async (each) => each.close()));
        expect(led).toBeGreaterThan(0);
      }),
      { numRuns: 10 },
    );
  });
});

describe('a leader', () => {
  let one: Election;

  beforeEach(async () => {
    one = start('one');
    await pass(0);
  });

  test('that cannot renew steps down before the others may take over, and leads again when it can', async () => {
    cut.add('one');
    await pass(4.9);
    expect(one.isLeader()).toBe(true);
    await pass(5.2);
    expect(one.isLeader()).toBe(false);
    cut.clear();
    await pass(5);
    expect(changes).toEqual(['one: true', 'one: false', 'one: true']);
  });

  test('that was paused does not take itself for the leader when it wakes up', () => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000);
    expect(one.isLeader()).toBe(false);
    clock.mockRestore();
  });

  test('makes the Lease again that somebody deleted, and leads on', async () => {
    await pass(1);
    server.remove(LEASE);
    await pass(5);
    expect(one.isLeader()).toBe(true);
    expect(spec()['holderIdentity']).toBe('one');
    expect(changes).toHaveLength(1);
  });

  test('keeps what others wrote to the Lease, and is not thrown off by a write between its two', async () => {
    await pass(1);
    server.delay(100, { method: 'PUT' });
    await until(() => server.requests.at(-1)?.method === 'PUT');
    server.delay(0);
    const lease = server.get(LEASE)!;
    server.seed(LEASES, [{ ...lease, metadata: { ...lease.metadata, labels: { by: 'somebody' } } }]);
    await pass(10);
    expect(one.isLeader()).toBe(true);
    expect(server.get(LEASE)).toMatchObject({ metadata: { labels: { by: 'somebody' } } });
    expect([changes, told]).toEqual([['one: true'], []]);
  });

  test('that finds another name in the Lease gives way at once', async () => {
    hold('2026-03-01T12:00:00.000000Z');
    await pass(5);
    expect(one.isLeader()).toBe(false);
    expect(spec()['holderIdentity']).toBe('other');
  });

  test('in trouble tells it once until it is over, and names the Lease', async () => {
    for (let time = 0; time < 2; time++) {
      cut.add('one');
      await pass(60);
      cut.clear();
      await pass(10);
    }
    expect(told).toEqual(
      Array(2).fill('the Lease pullguard/pullguard for leader election cannot be renewed: connection refused'),
    );
  });
});

describe('the times in a Lease are of other machines', () => {
  test.each(['1999-01-01T00:00:00.000000Z', '2099-01-01T00:00:00.000000Z'])(
    'one last renewed at %s is waited for, and taken over when it has not changed',
    async (renewTime) => {
      hold(renewTime);
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
      hold(`1999-01-01T00:00:${String(turn).padStart(2, '0')}.000000Z`);
      await pass(10);
      expect(one.isLeader()).toBe(false);
    }
  });
});

describe('the end', () => {
  test('leaves the Lease of another alone', async () => {
    hold('2026-03-01T12:00:00.000000Z');
    const one = start('one');
    await pass(1);
    await one.close();
    expect(spec()['holderIdentity']).toBe('other');
  });

  test('gives away also what a call that was under way has won', async () => {
    server.delay(100, { method: 'POST' });
    const one = start('one');
    await until(() => server.requests.at(-1)?.method === 'POST');
    const closing = one.close();
    await pass(60);
    await closing;
    expect(server.get(LEASE) === undefined || spec()['holderIdentity'] === '').toBe(true);
    expect(one.isLeader()).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('does not wait for an API server that is away', async () => {
    const one = start('one');
    await pass(1);
    server.hang();
    const closing = one.close();
    await pass(10);
    await expect(closing).resolves.toBeUndefined();
    expect(told.at(-1)).toMatch(/cannot be released: .*no answer/);
  });
});

function start(identity: string): Election {
  const api = server.connect();
  const call: ApiServer['call'] = async (...options) => {
    if (cut.has(identity)) throw new ApiError('connection refused');
    return api.call(...options);
  };
  return electLeader({
    api: { ...api, call },
    namespace: 'pullguard',
    name: 'pullguard',
    identity,
    durationMs: 15_000,
    onChange: (isLeader) => changes.push(`${identity}: ${isLeader}`),
    onError: (message) => told.push(message),
  });
}

/** In seconds. */
async function pass(seconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(seconds * 1000);
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pass(0.01);
}

function spec(): Json {
  return server.get(LEASE)!['spec'] as Json;
}

function hold(renewTime: string): void {
  const other = { holderIdentity: 'other', renewTime, leaseDurationSeconds: 15 };
  server.seed(LEASES, [{ metadata: { name: 'pullguard', namespace: 'pullguard' }, spec: other }]);
}
