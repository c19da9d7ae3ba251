import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError, type ApiServer } from '../../src/cluster/connection/api-server.ts';
import { keepApplied, type Applied, type KeptPolicies } from '../../src/cluster/native-policies.ts';

const BASE = '/apis/admissionregistration.k8s.io';
const CHECK = `${BASE}/v1/validatingadmissionpolicies/deny`;
const FIX = `${BASE}/v1/mutatingadmissionpolicies/fixes`;
const OWNER = '/apis/rbac.authorization.k8s.io/v1/clusterroles/owner';
const OWN = { 'app.kubernetes.io/managed-by': 'pullguard', 'app.kubernetes.io/instance': 'owner' };
const NAMES = { validatingadmissionpolicies: ['deny', 'other'], mutatingadmissionpolicies: ['fixes'] };

const check: Applied = { apiVersion: 'v1', kind: 'ValidatingAdmissionPolicy', metadata: { name: 'deny' } };
const fix: Applied = { apiVersion: 'v1', kind: 'MutatingAdmissionPolicy', metadata: { name: 'fixes' } };

let stored: Map<string, object>;
let writes: string[];
let problems: string[];
let served: Record<string, readonly string[]>;
let wanted: readonly Applied[];
let askedFor: (string | undefined)[];
let isLeader = true;
let failing: ((method: string, path: string) => boolean) | undefined;
let kept: KeptPolicies | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  stored = new Map([[OWNER, { metadata: { uid: 'u-1' } }]]);
  served = { v1: ['validatingadmissionpolicies', 'mutatingadmissionpolicies'] };
  [writes, problems, wanted, askedFor] = [[], [], [check, fix], []];
  [isLeader, failing] = [true, undefined];
});

afterEach(async () => {
  await kept?.close();
  vi.useRealTimers();
});

async function call(method: string, path: string, { body }: { body?: unknown } = {}): Promise<unknown> {
  await Promise.resolve();
  if (failing?.(method, path) === true) throw new ApiError(`${method} ${path} is forbidden`, { status: 403 });
  const resources = served[path.replace(`${BASE}/`, '')];
  if (resources !== undefined) return { resources: resources.map((name) => ({ name })) };
  if (method !== 'GET') writes.push(`${method} ${path}`);
  if (method === 'PATCH') stored.set(path, body as object);
  const found = stored.get(path);
  if (method === 'DELETE') stored.delete(path);
  if (found === undefined) throw new ApiError('not found', { status: 404 });
  return found;
}

async function start(): Promise<KeptPolicies> {
  kept = keepApplied({
    api: { call } as unknown as ApiServer,
    owner: 'owner',
    want: (mutating) => {
      askedFor.push(mutating);
      return wanted;
    },
    names: NAMES,
    isLeader: () => isLeader,
    onError: (problem) => problems.push(problem),
    onInfo: () => undefined,
  });
  await pass(0);
  return kept;
}

const pass = async (seconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(seconds * 1000);

describe('native policies are kept', () => {
  test('as the policy says, with labels and an owner, so that they go with it', async () => {
    await start();
    expect(writes).toEqual([`PATCH ${CHECK}`, `PATCH ${FIX}`]);
    expect(stored.get(CHECK)).toMatchObject({
      metadata: { labels: OWN, ownerReferences: [{ name: 'owner', uid: 'u-1' }] },
    });
    expect(problems).toEqual([]);
  });

  test('when it changes: what is new first, then what is no longer needed is deleted', async () => {
    const { refresh } = await start();
    writes = [];
    wanted = [{ ...check, metadata: { name: 'other' } }];
    refresh();
    await pass(0);
    expect(writes).toEqual([`PATCH ${CHECK.replace('deny', 'other')}`, `DELETE ${FIX}`, `DELETE ${CHECK}`]);
  });

  test('also when it changes while the last change is applied', async () => {
    const { refresh } = await start();
    wanted = [check];
    refresh();
    wanted = [];
    refresh();
    await pass(0);
    expect([...stored.keys()]).toEqual([OWNER]);
  });

  test('against others: what was deleted by hand is there again within ten minutes', async () => {
    await start();
    stored.delete(CHECK);
    await pass(599);
    expect(stored.has(CHECK)).toBe(false);
    await pass(3);
    expect(stored.has(CHECK)).toBe(true);
  });

  test('by the leader alone, which applies what it knows when it becomes one', async () => {
    isLeader = false;
    const { refresh } = await start();
    refresh();
    await pass(60);
    expect(writes).toEqual([]);
    isLeader = true;
    await pass(2);
    expect(writes).toHaveLength(2);
    isLeader = false;
    await pass(2);
    stored.delete(CHECK);
    isLeader = true;
    await pass(2);
    expect(stored.has(CHECK)).toBe(true);
  });

  test.each([
    ['v1', { v1: ['validatingadmissionpolicies', 'mutatingadmissionpolicies'] }],
    ['v1beta1', { v1: ['validatingadmissionpolicies'], v1beta1: ['mutatingadmissionpolicies'] }],
    [undefined, { v1: ['validatingadmissionpolicies'], v1beta1: [] }],
  ])('with fixes in the version that is served: %s', async (version, resources) => {
    served = resources;
    wanted = version === undefined ? [check] : [check, fix];
    await start();
    expect(askedFor).toEqual([version]);
    expect(writes.filter((write) => write.includes('mutating'))).toEqual(
      version === undefined ? [] : [`PATCH ${FIX.replace('/v1/', `/${version}/`)}`],
    );
  });

  test('only if they are its own: an object without its labels is neither changed nor deleted', async () => {
    stored.set(CHECK, { metadata: { labels: { ...OWN, 'app.kubernetes.io/instance': 'another' } } });
    stored.set(CHECK.replace('deny', 'other'), { metadata: {} });
    await start();
    await pass(60);
    expect([...new Set(writes)]).toEqual([`PATCH ${FIX}`]);
    expect(problems).toEqual([
      'native policies: validatingadmissionpolicies/deny exists and was not created by this pullguard, so it is left as it is: delete it, or serve without --native-policies',
    ]);
  });

  test('one that cannot be applied is reported once and tried again, and the others are applied', async () => {
    failing = (method, path) => method === 'PATCH' && path === CHECK;
    await start();
    await pass(60);
    expect(stored.has(FIX)).toBe(true);
    expect(problems).toHaveLength(1);
    failing = undefined;
    await pass(35);
    expect(stored.has(CHECK)).toBe(true);
  });

  test('without the ClusterRole nothing is created, as nothing would delete it', async () => {
    stored.delete(OWNER);
    await start();
    await pass(60);
    expect(writes).toEqual([]);
    expect(problems).toEqual([expect.stringContaining('there is no ClusterRole "owner"')]);
  });

  test('not at all by an API server that has no such policies, which is told', async () => {
    served = { v1: ['validatingwebhookconfigurations'] };
    await start();
    expect(problems[0]).toContain('Kubernetes 1.30');
  });
});
