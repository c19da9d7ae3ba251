import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Notice } from '../../../src/admission/notices.ts';
import { PULL_EVENTS, watchPulls, type WatchedPulls } from '../../../src/cluster/pulls/watch-pulls.ts';
import type { ApiServer } from '../../../src/cluster/connection/api-server.ts';
import { readReference } from '../../../src/image/reference.ts';
import { PULLS_ACCESS } from '../../support/access.ts';
import { controllerOf, PODS, podOf, REPLICA_SETS } from '../../support/cluster-objects.ts';
import { createMemoryCluster, type MemoryCluster } from '../../support/stand-in-memory.ts';
import { pullFailure, UNKNOWN_CA, warning } from '../../support/waiting-objects.ts';

const EVENTS = '/api/v1/events';
const APP = 'harbor.example.com/team/app:v1';
const REFERENCE = readReference(APP)!;

let server: MemoryCluster;
let pulls: WatchedPulls;
let written: Notice[];
let counted: string[];
let isLeader: boolean;

beforeEach(async () => {
  vi.useFakeTimers({ now: new Date('2026-06-01T12:01:30Z') });
  server = createMemoryCluster();
  [written, counted, isLeader] = [[], [], true];
  server.seed(REPLICA_SETS, [
    { metadata: { namespace: 'shop', name: 'web-5d9', ...controllerOf('apps/v1', 'Deployment', 'web', 'uid-web') } },
  ]);
  server.seed(PODS, [
    ...['a', 'b'].map((each) =>
      podOf('shop', `web-5d9-${each}`, APP, {
        ...controllerOf('apps/v1', 'ReplicaSet', 'web-5d9', 'uid-rs'),
      }),
    ),
    podOf('shop', 'alone', APP),
  ]);
  vi.setSystemTime(new Date('2026-06-01T12:11:00Z'));
  pulls = watchPulls({
    api: slowly(server.connect()),
    onError: (message) => counted.push(message),
    isWriting: () => isLeader,
    record: (read) => written.push(...read()),
    onFailure: ({ cause, faqItem }) => counted.push(`${cause} ${faqItem}`),
    onFirstFailure: ({ wasForetold }) => counted.push(`foretold ${wasForetold}`),
    onDelay: () => counted.push('delay'),
  });
  await pass();
});

afterEach(() => {
  pulls.close();
  vi.useRealTimers();
});

/** An API server takes its time, in which more Events come. */
function slowly(api: ApiServer): ApiServer {
  return {
    ...api,
    call: async (...request) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return api.call(...request);
    },
  };
}

async function pass(ms = 50): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

async function fail(about: string, why = UNKNOWN_CA): Promise<void> {
  server.seed(EVENTS, [warning({ about, message: pullFailure(APP, why) })]);
  await pass();
}

test('what nodes meet is known, told on the Deployment with what to do, and counted', async () => {
  await fail('web-5d9-a');
  expect(pulls.facts.find(REFERENCE, 'bank')).toMatchObject([{ cause: 'unknown-ca', nodes: 1, pods: 1 }]);
  expect(pulls.countWaiting()).toEqual(new Map([['unknown-ca', 1]]));
  expect(written).toHaveLength(1);
  expect(written[0]).toMatchObject({
    involved: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web', uid: 'uid-web' },
    outcome: 'failing',
    rule: 'unknown-ca',
  });
  expect(written[0]!.message).toMatch(
    /^node node-1 cannot pull "harbor\.example\.com\/team\/app:v1" for Pod web-5d9-a: unknown CA \(.*x509: certificate signed by unknown authority\), FAQ check item 5/,
  );
  expect(counted).toEqual(['unknown-ca 5', 'foretold false', 'delay']);
});

test('Pods of one Deployment are one Event, and its owner is asked for once', async () => {
  await fail('web-5d9-a');
  await fail('web-5d9-b');
  expect(new Set(written.map((notice) => JSON.stringify(notice))).size).toBe(1);
  expect(server.requests.filter(({ path }) => path.includes('/pods/'))).toHaveLength(1);
});

test('a Pod that is gone is asked for once, whatever number of Events it still has', async () => {
  for (const count of [1, 2, 3]) {
    server.seed(EVENTS, [warning({ about: 'gone-1', message: pullFailure(APP, UNKNOWN_CA), count })]);
    await pass();
  }
  expect(server.requests.filter(({ path }) => path.includes('/pods/'))).toHaveLength(1);
  expect(written).toEqual([]);
});

test('of a Pod that nothing made the Event is on the Pod', async () => {
  await fail('alone');
  expect(written[0]!.involved).toMatchObject({ kind: 'Pod', name: 'alone' });
});

test('a namespace with any number of failing Pods does not delay the Event of another', async () => {
  server.seed(
    EVENTS,
    Array.from({ length: 1000 }, (_, at) =>
      warning({ namespace: 'hostile', about: `pod${at}-x`, message: pullFailure(APP, UNKNOWN_CA) }),
    ),
  );
  await fail('web-5d9-a');
  expect(written).toMatchObject([{ involved: { kind: 'Deployment', name: 'web' } }]);
  await pass(10_000);
  const sought = server.requests.filter(({ path }) => path.includes('/pods/'));
  // Those that found no room are sought when kubelet reports them again.
  expect(sought.length).toBeLessThan(110);
});

test('it stops when the node pulls again', async () => {
  await fail('web-5d9-a');
  server.seed(EVENTS, [
    {
      ...warning({
        about: 'web-5d9-b',
        reason: 'Pulled',
        message: `Successfully pulled image "${APP}" in 1.2s (1.2s including waiting). Image size: 3 bytes.`,
        last: '2026-06-01T12:10:30Z',
      }),
      type: 'Normal',
    },
  ]);
  await pass();
  expect(pulls.facts.find(REFERENCE, 'shop')).toEqual([]);
  expect(pulls.facts.hasPulled('harbor.example.com')).toBe(true);
});

test('that an image was on the node already says nothing of its registry', async () => {
  await fail('web-5d9-a');
  const message = `Container image "${APP}" already present on machine`;
  server.seed(EVENTS, [{ ...warning({ about: 'x', reason: 'Pulled', message }), type: 'Normal' }]);
  await pass();
  expect(pulls.facts.find(REFERENCE, 'shop')).toHaveLength(1);
});

test('a replica that does not write Events knows the same', async () => {
  isLeader = false;
  await fail('web-5d9-a');
  expect(written).toEqual([]);
  expect(pulls.facts.find(REFERENCE, 'shop')).toHaveLength(1);
});

test('what an admission warned of is counted as foretold', async () => {
  pulls.foretell('shop', APP);
  await fail('web-5d9-a');
  expect(counted).toContain('foretold true');
});

test('what says nothing, or nothing known, of a pull is no evidence', async () => {
  for (const message of [
    'Error: ErrImagePull',
    'Error: ImagePullBackOff',
    'Error: secret "a" not found',
    pullFailure(APP, 'the flux is gone'),
  ]) {
    server.seed(EVENTS, [warning({ about: 'web-5d9-a', message })]);
  }
  await pass();
  expect(pulls.facts.find(REFERENCE, 'shop')).toEqual([]);
  expect(written).toEqual([]);
});

test('the rights that it needs are those that PULLS_ACCESS says, and all of them', async () => {
  await fail('web-5d9-a');
  const used = server.requests.map(({ path, query }) => {
    const [, resource = '', name] =
      /\/(?:api\/v1|apis\/[^/]+\/v1)\/(?:namespaces\/[^/]+\/)?([a-z]+)(?:\/(.+))?$/.exec(path) ?? [];
    return `${name !== undefined ? 'get' : query['watch'] === undefined ? 'list' : 'watch'} ${resource}`;
  });
  const granted = PULLS_ACCESS.flatMap(({ resource, verbs }) => verbs.map((verb) => `${verb} ${resource}`));
  // Jobs are read for Pods of Jobs.
  expect([...new Set([...used, 'get jobs'])].toSorted()).toEqual(granted.toSorted());
  const selectors = server.requests.flatMap(({ query }) => query['fieldSelector'] ?? []);
  expect(new Set(selectors)).toEqual(new Set(PULL_EVENTS));
});
