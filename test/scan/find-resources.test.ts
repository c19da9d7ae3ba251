import { describe, expect, test } from 'vitest';
import { ApiError, type ApiServer } from '../../src/cluster/connection/api-server.ts';
import { collectionPath, findResources, nameResource } from '../../src/scan/find-resources.ts';
import { tabulateKinds, WORKLOAD_KINDS } from '../../src/workload/kinds.ts';

type Answers = Readonly<Record<string, unknown>>;

/** An API server that has these documents and nothing else, and the paths it was asked for. */
function answering(answers: Answers): { api: ApiServer; asked: readonly string[] } {
  const asked: string[] = [];
  const call = (_method: string, path: string): Promise<unknown> => {
    asked.push(path);
    const answer = answers[path] ?? new ApiError('not found', { status: 404, reason: 'NotFound' });
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const watch = (): never => {
    throw new Error('nothing is watched here');
  };
  return { asked, api: { url: 'https://api.example:6443', namespace: 'default', call, watch, now: () => new Date() } };
}

const group = (preferred: string, ...versions: readonly string[]) => ({
  kind: 'APIGroup',
  versions: versions.map((version) => ({ version, groupVersion: `argoproj.io/${version}` })),
  preferredVersion: { version: preferred, groupVersion: `argoproj.io/${preferred}` },
});

const resources = (...named: readonly (readonly [name: string, kind: string, namespaced?: boolean])[]) => ({
  kind: 'APIResourceList',
  resources: named.map(([name, kind, namespaced = true]) => ({ name, kind, namespaced })),
});

const ROLLOUT = { group: 'argoproj.io', kind: 'Rollout', podSpecs: ['/spec/template/spec'] };

/** Where an API server has the kinds that a policy adds. */
async function find(answers: Answers, ...added: readonly (typeof ROLLOUT)[]) {
  const { api, asked } = answering(answers);
  const found = await findResources(api, tabulateKinds(added));
  const paths = found.resources
    .filter(({ kind }) => kind.resource === undefined)
    .map((resource) => collectionPath(resource, 'shop'));
  return { ...found, asked, paths };
}

test('the kinds of Kubernetes itself are where they have been since 1.21, and nothing is asked', async () => {
  const { resources: found, notServed, problems, asked } = await find({});
  expect(found.map((resource) => `${nameResource(resource)} ${collectionPath(resource, undefined)}`)).toEqual([
    'pods /api/v1/pods',
    'podtemplates /api/v1/podtemplates',
    'replicationcontrollers /api/v1/replicationcontrollers',
    'daemonsets.apps /apis/apps/v1/daemonsets',
    'deployments.apps /apis/apps/v1/deployments',
    'replicasets.apps /apis/apps/v1/replicasets',
    'statefulsets.apps /apis/apps/v1/statefulsets',
    'cronjobs.batch /apis/batch/v1/cronjobs',
    'jobs.batch /apis/batch/v1/jobs',
  ]);
  expect(found).toHaveLength(WORKLOAD_KINDS.length);
  expect([...notServed, ...problems, ...asked]).toEqual([]);
});

describe('a kind that the policy adds is found by asking', () => {
  const ROLLOUTS = resources(['rollouts/status', 'Rollout'], ['rollouts', 'Rollout'], ['experiments', 'Experiment']);

  test('in the version that the cluster prefers', async () => {
    const answers = {
      '/apis/argoproj.io': group('v1beta1', 'v1alpha1', 'v1beta1'),
      '/apis/argoproj.io/v1alpha1': ROLLOUTS,
      '/apis/argoproj.io/v1beta1': ROLLOUTS,
    };
    const { paths, problems } = await find(answers, ROLLOUT);
    expect(paths).toEqual(['/apis/argoproj.io/v1beta1/namespaces/shop/rollouts']);
    expect(problems).toEqual([]);
  });

  test('in another version when the preferred one does not have it', async () => {
    const answers = {
      '/apis/argoproj.io': group('v1', 'v1', 'v1alpha1'),
      '/apis/argoproj.io/v1': resources(['workflows', 'Workflow']),
      '/apis/argoproj.io/v1alpha1': ROLLOUTS,
    };
    expect((await find(answers, ROLLOUT)).paths).toEqual(['/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts']);
  });

  test('in the core group', async () => {
    const answers = { '/api/v1': resources(['boxes', 'Box']) };
    expect((await find(answers, { ...ROLLOUT, group: '', kind: 'Box' })).paths).toEqual([
      '/api/v1/namespaces/shop/boxes',
    ]);
  });

  test('and whether it is in namespaces', async () => {
    const answers = {
      '/apis/argoproj.io': group('v1', 'v1'),
      '/apis/argoproj.io/v1': resources(['rollouts', 'Rollout', false]),
    };
    expect((await find(answers, ROLLOUT)).resources.at(-1)).toMatchObject({ plural: 'rollouts', isNamespaced: false });
  });

  test.each<[what: string, answers: Answers]>([
    ['the group', {}],
    ['the kind', { '/apis/argoproj.io': group('v1', 'v1'), '/apis/argoproj.io/v1': resources(['a', 'A']) }],
    ['a group that is on its way out', { '/apis/argoproj.io': group('v1', 'v1') }],
    ['anything that makes sense', { '/apis/argoproj.io': [null], '/apis/argoproj.io/v1': { resources: 1 } }],
  ])('a cluster that does not have %s does not serve it, which is no mistake', async (_what, answers) => {
    const { notServed, problems } = await find(answers, ROLLOUT);
    expect(notServed.map(({ kind }) => kind)).toEqual(['Rollout']);
    expect(problems).toEqual([]);
  });

  test.each<[status: number | undefined, message: string]>([
    [403, 'user "dev" may not get path "/apis/argoproj.io"'],
    [undefined, 'no answer within 10 s'],
  ])('status %s is told, and hides no other kind', async (status, message) => {
    const failing = { '/apis/argoproj.io': new ApiError(message, { status }), '/api/v1': resources(['boxes', 'Box']) };
    const { paths, notServed, problems } = await find(failing, ROLLOUT, { ...ROLLOUT, group: '', kind: 'Box' });
    expect(problems).toEqual([`where the API has Rollout of argoproj.io could not be asked: ${message}`]);
    expect(notServed).toEqual([]);
    expect(paths).toEqual(['/api/v1/namespaces/shop/boxes']);
  });
});

test('a name with signs of its own stays one part of the path', () => {
  const resource = { kind: ROLLOUT, base: '/apis/a/v1', plural: 'a/b', isNamespaced: true };
  expect(collectionPath(resource, '../x')).toBe('/apis/a/v1/namespaces/..%2Fx/a%2Fb');
});
