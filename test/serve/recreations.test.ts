import { expect, test } from 'vitest';
import { admit, type Endpoint } from '../../src/admission/admit.ts';
import type { AdmissionRequest } from '../../src/admission/review.ts';
import type { Notice } from '../../src/admission/notices.ts';
import { createRecreations } from '../../src/serve/recreations.ts';
import {
  ACQUITTAL_MS,
  LOOP_WINDOW_MS,
  MOST_RECREATED,
  RECREATIONS_OF_LOOP,
  SAME_CREATION_MS,
  shareOfNamespace,
  STOP_MS,
} from '../../src/text/bounds.ts';
import { requestFor } from '../support/admission-request.ts';
import type { Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

const CLUSTER = { apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster', name: 'pg', uid: 'u1', controller: true };
const MIRROR = 'swr.eu-de.otc.t-systems.com/dockerhub';
const MINUTE = 60_000;

/** A Pod as an operator creates it: the API server has filled in its restartPolicy. */
function podOf({
  owner = CLUSTER as Json | null,
  name = 'pg-1',
  image = 'postgres:17',
  metadata = {},
  spec = {},
}): Json {
  return {
    metadata: { ...(name !== '' && { name }), ...(owner !== null && { ownerReferences: [owner] }), ...metadata },
    spec: { restartPolicy: 'Always', containers: [{ name: 'app', image }], ...spec },
  };
}

/** One replica of pullguard, whose time passes only by `wait`. */
function start(policy = MIRRORED) {
  let now = 0;
  const changes: string[] = [];
  const notices: Notice[] = [];
  const recreations = createRecreations({
    policy: () => policy,
    onChange: (result, { namespace, source, pod }) => changes.push(`${result} ${namespace} ${source} ${pod}`),
    onNotices: (more) => notices.push(...more),
    clock: () => now,
  });
  const review = (object: Json, overrides: Partial<AdmissionRequest> = {}, endpoint: Endpoint = 'mutate') => {
    const request = requestFor(object, { namespace: 'db', ...overrides });
    const known = recreations.find(request);
    const facts = known === undefined ? {} : { recreations: known };
    const admission = admit(request, endpoint, policy, { facts, now: 0 });
    recreations.note(endpoint, request, admission);
    return admission;
  };
  const isReplaced = (...args: Parameters<typeof review>): boolean =>
    review(...args).edits.some(({ path }) => path.endsWith('/image'));
  const wait = (ms: number): void => {
    now += ms;
  };
  /** Whether the image was replaced in each of several creations, with a time between them. */
  const repeat = (
    times: number,
    object: Json,
    { everyMs = MINUTE, ...overrides }: Partial<AdmissionRequest> & { everyMs?: number } = {},
  ) =>
    Array.from({ length: times }, () => {
      wait(everyMs);
      return isReplaced(object, overrides);
    });
  return { review, isReplaced, wait, repeat, changes, notices };
}

const LOOPED = RECREATIONS_OF_LOOP + 1;
const all = (length: number): boolean[] => Array.from({ length }, () => true);

test('a Pod that its operator recreates again and again keeps its image, with a warning, a notice on the owner and its pull secret', () => {
  const { review, repeat, changes, notices, wait } = start();
  expect(repeat(LOOPED, podOf({}))).toEqual(all(LOOPED));
  expect(changes).toEqual(['stopped db Cluster/pg pg-1']);
  expect(notices).toEqual([
    {
      involved: { apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster', namespace: 'db', name: 'pg', uid: 'u1' },
      outcome: 'kept',
      rule: 'mirror-used',
      message: expect.stringMatching(
        /^Pod\/pg-1 was created 6 times within 30 minutes, each time with its images replaced, "postgres:17" by ".*\/library\/postgres:17": they are not replaced any more for 24 hours\. Write the images of the mirror in Cluster\/pg/,
      ) as string,
    },
  ]);
  wait(MINUTE);
  const swr = {
    containers: [
      { name: 'app', image: 'postgres:17' },
      { name: 'own', image: `${MIRROR}/own:1` },
    ],
  };
  // The operator adds a sidecar from SWR, which changes nothing about what is replaced.
  const { edits } = review(podOf({ spec: swr }));
  expect(edits.map(({ path }) => path)).toEqual(['/spec/imagePullSecrets']);
  const { findings } = review(podOf({}), {}, 'validate');
  expect(findings.filter(({ rule }) => rule === 'mirror-used')).toMatchObject([
    {
      action: 'warn',
      severity: 'warning',
      fixed: 'no',
      message: `image stays on docker.io, as Pods are recreated whenever it is replaced: write "${MIRROR}/library/postgres:17" in Cluster/pg`,
    },
  ]);
});

test('the other Pods of the owner keep their images as well, but no Pod of another owner, namespace, or with another image', () => {
  const { isReplaced, repeat } = start();
  repeat(LOOPED, podOf({}));
  expect(isReplaced(podOf({ name: 'pg-2' }))).toBe(false);
  const others: readonly Parameters<typeof isReplaced>[] = [
    [podOf({ owner: { ...CLUSTER, name: 'other' } })],
    [podOf({ owner: { ...CLUSTER, uid: 'u2' } })],
    [podOf({ owner: { ...CLUSTER, kind: 'Pooler' } })],
    [podOf({ owner: null })],
    [podOf({}), { namespace: 'other' }],
    [podOf({ image: 'postgres:18' })],
  ];
  expect(others.map((args) => isReplaced(...args))).toEqual(all(others.length));
});

test('an operator with several Pods in the loop creates each once more, which is no reason to replace their images again', () => {
  const { repeat, changes } = start();
  const round = (): boolean[] => ['pg-1', 'pg-2', 'pg-3'].flatMap((name) => repeat(1, podOf({ name })));
  for (let at = 1; at < LOOPED; at++) expect(round()).toEqual(all(3));
  expect(round()).toEqual([true, false, false]);
  expect(round()).toEqual([false, false, false]);
  expect(changes).toEqual(['stopped db Cluster/pg pg-1']);
});

test('images are replaced again after a day', () => {
  const { isReplaced, repeat, wait } = start();
  repeat(LOOPED, podOf({}));
  wait(STOP_MS - 1);
  expect(isReplaced(podOf({}))).toBe(false);
  wait(1);
  expect(isReplaced(podOf({}))).toBe(true);
});

test('images are replaced again if the Pod is recreated although they are not: something else is the reason, such as a quota', () => {
  const { repeat, changes } = start();
  repeat(LOOPED, podOf({}));
  expect(repeat(4, podOf({}))).toEqual([false, false, false, true]);
  expect(changes).toEqual(['stopped db Cluster/pg pg-1', 'resumed db Cluster/pg pg-1']);
  // For an hour without counting, and then from the start.
  const within = ACQUITTAL_MS / MINUTE - 2;
  expect(repeat(within, podOf({}))).toEqual(all(within));
  expect(changes).toHaveLength(2);
  repeat(LOOPED + 2, podOf({}));
  expect(changes).toHaveLength(3);
});

const GIT = { 'argocd.argoproj.io/tracking-id': 'shop:/Pod:db/web' };

test.each<[string, Json]>([
  ['Argo CD', podOf({ owner: null, metadata: { annotations: GIT } })],
  ['Argo CD by label', podOf({ owner: null, metadata: { labels: { 'app.kubernetes.io/instance': 'shop' } } })],
  ['Flux', podOf({ owner: null, metadata: { labels: { 'kustomize.toolkit.fluxcd.io/name': 'shop' } } })],
])('a bare Pod that %s deletes and creates again keeps its image', (_, object) => {
  const { isReplaced, repeat, notices } = start();
  repeat(LOOPED, object);
  expect(isReplaced(object)).toBe(false);
  expect(notices[0]).toMatchObject({ involved: { kind: 'Pod', name: 'pg-1' } });
  expect(notices[0]?.message).toContain('Write the images of the mirror in Git');
});

const builtIn = (apiVersion: string, kind: string): Json => ({ ...CLUSTER, apiVersion, kind });

test.each<[string, Json, object?]>([
  [
    'a StatefulSet, which reuses names: evictions, node drains, kubectl delete',
    podOf({ owner: builtIn('apps/v1', 'StatefulSet') }),
  ],
  ['a ReplicaSet that somebody names', podOf({ owner: builtIn('apps/v1', 'ReplicaSet') })],
  ['a DaemonSet', podOf({ owner: builtIn('apps/v1', 'DaemonSet') })],
  ['a Job', podOf({ owner: builtIn('batch/v1', 'Job') })],
  ['a ReplicationController', podOf({ owner: builtIn('v1', 'ReplicationController') })],
  ['an operator that has names generated', podOf({ name: '', metadata: { generateName: 'pg-' } })],
  ['a Pod that runs once: its operator retries it', podOf({ spec: { restartPolicy: 'Never' } })],
  ['a Pod that is retried on failure', podOf({ spec: { restartPolicy: 'OnFailure' } })],
  ['a Pod whose owner does not control it', podOf({ owner: { ...CLUSTER, controller: false } })],
  ['a bare Pod that a person replaces', podOf({ owner: null })],
  ['dry runs', podOf({}), { dryRun: true }],
  ['calls that the API server repeats for one creation', podOf({}), { everyMs: SAME_CREATION_MS / 200 }],
  ['a Pod that is recreated from time to time', podOf({}), { everyMs: LOOP_WINDOW_MS / RECREATIONS_OF_LOOP }],
  ['an object that is not as it should be', { metadata: 7, spec: null }],
  ['owner references that are none', podOf({ metadata: { ownerReferences: 'x' } })],
])('never: %s', (_, object, overrides = {}) => {
  const { repeat, changes } = start();
  repeat(100, object, overrides);
  expect(changes).toEqual([]);
});

test('a rollout to hundreds of Pods and back, one after the other, is no loop', () => {
  const { repeat, changes } = start();
  for (const image of ['postgres:17', 'postgres:18', 'postgres:17']) {
    for (let at = 0; at < 300; at++) repeat(1, podOf({ name: `pg-${at}`, image }), { everyMs: 100 });
  }
  expect(changes).toEqual([]);
});

test('two images by turns are two rewrites: the user changes the owner, and no operator compares', () => {
  const { repeat, changes } = start();
  for (let at = 0; at < 20; at++) repeat(1, podOf({ image: `postgres:${16 + (at % 2)}` }), { everyMs: 10_000 });
  expect(changes).toEqual([]);
});

test.each([
  ['denies images that are not on the mirror', 'rules: { mirror-used: deny }'],
  ['says so', 'rules: { mirror-used: { action: warn, stopLoops: false } }'],
  ['does not replace images', 'rules: { mirror-used: { action: warn, fix: false } }'],
])('never where the policy %s', (_, rules) => {
  const { repeat, changes } = start(policyOf(`mirrors: [{ from: docker.io, to: ${MIRROR} }]`, rules));
  repeat(100, podOf({}));
  expect(changes).toEqual([]);
});

test('made-up owners of one namespace push out only its own, and take bounded memory', () => {
  const { isReplaced, repeat, changes } = start();
  repeat(LOOPED, podOf({}));
  repeat(LOOPED - 1, podOf({ name: 'half' }), { namespace: 'half' });
  const before = changes.length;
  for (let at = 0; at <= shareOfNamespace(MOST_RECREATED); at++) {
    const owner = { ...CLUSTER, name: 'x'.repeat(5000), uid: `forged-${at}` };
    repeat(2, podOf({ owner }), { namespace: 'evil', everyMs: SAME_CREATION_MS });
  }
  expect(changes).toHaveLength(before);
  expect(isReplaced(podOf({ name: 'pg-2' }))).toBe(false);
  repeat(1, podOf({ name: 'half' }), { namespace: 'half' });
  expect(changes.at(-1)).toBe('stopped half Cluster/pg half');
});

test('what an owner reference has for a name is not taken at its word', () => {
  const { repeat, notices, changes, review } = start();
  const owner = { ...CLUSTER, name: `\u001B[31m${'x'.repeat(100)}`, kind: 'https://user:hunter2@example.com' };
  repeat(LOOPED, podOf({ owner }));
  expect(notices).toHaveLength(1);
  expect(Buffer.byteLength(notices[0]?.message ?? '')).toBeLessThanOrEqual(1024);
  const { findings } = review(podOf({ owner }), {}, 'validate');
  const told = [
    notices[0]?.message,
    ...changes,
    ...findings.flatMap(({ message, remedy }) => [message, remedy]),
  ].join();
  expect(told).toContain('write "');
  expect(told).not.toMatch(/hunter2|\u001B/);
  // Longer than names in Kubernetes: there can be no such object, so there is no Event about it.
  repeat(LOOPED, podOf({ owner: { ...CLUSTER, name: 'x'.repeat(5000) } }));
  expect(changes).toHaveLength(2);
  expect(notices).toHaveLength(1);
});
