import { describe, expect, onTestFinished, test } from 'vitest';
import { ApiError, type ApiServer } from '../../src/cluster/connection/api-server.ts';
import {
  checkNamespaces,
  collectionPath,
  findResources,
  listWorkloads,
  nameResource,
} from '../../src/scan/resources.ts';
import { readString } from '../../src/text/json.ts';
import { tabulateKinds, WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { DEPLOYMENTS, deploymentOf } from '../support/cluster-objects.ts';
import { startStandIn, type StandInApiServer } from '../support/stand-in-api-server.ts';
import { connectTo } from '../support/stand-in-connection.ts';

type Answers = Readonly<Record<string, unknown>>;

/** An API server that has these documents and nothing else, and the paths it was asked for. */
function answering(answers: Answers): { api: ApiServer; asked: readonly string[] } {
  const asked: string[] = [];
  const call = (_method: string, path: string): Promise<unknown> => {
    asked.push(path);
    const answer = answers[path] ?? new ApiError('not found', { status: 404, reason: 'NotFound' });
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return { asked, api: { call } as unknown as ApiServer };
}

const group = (preferred: string, ...versions: readonly string[]) => ({
  versions: versions.map((version) => ({ version })),
  preferredVersion: { version: preferred },
});

const resources = (...named: readonly (readonly [name: string, kind: string, namespaced?: boolean])[]) => ({
  resources: named.map(([name, kind, namespaced = true]) => ({ name, kind, namespaced })),
});

const ROLLOUT = { group: 'argoproj.io', kind: 'Rollout', podSpecs: ['/spec/template/spec'] };
const BOX = { ...ROLLOUT, group: '', kind: 'Box' };

/** Where an API server has the kinds that a policy adds. */
async function find(answers: Answers, ...added: readonly (typeof ROLLOUT)[]) {
  const { api, asked } = answering(answers);
  const { resources: found, notServed, problems } = await findResources(api, tabulateKinds(added));
  const isAdded = found.filter(({ kind }) => kind.resource === undefined);
  return {
    found,
    asked,
    problems,
    paths: isAdded.map((each) => collectionPath(each, each.isNamespaced ? 'shop' : undefined)),
    notServed: notServed.map(({ kind }) => kind),
  };
}

test('the kinds of Kubernetes itself are where they have been since 1.21, and nothing is asked', async () => {
  const { found, notServed, problems, asked } = await find({});
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
  const NONE: readonly string[] = [];

  test.each<[what: string, answers: Answers, added: typeof ROLLOUT, paths: readonly string[]]>([
    [
      'in the version that the cluster prefers',
      {
        '/apis/argoproj.io': group('v1beta1', 'v1alpha1', 'v1beta1'),
        '/apis/argoproj.io/v1alpha1': ROLLOUTS,
        '/apis/argoproj.io/v1beta1': ROLLOUTS,
      },
      ROLLOUT,
      ['/apis/argoproj.io/v1beta1/namespaces/shop/rollouts'],
    ],
    [
      'in another version when the preferred one does not have it',
      {
        '/apis/argoproj.io': group('v1', 'v1', 'v1alpha1'),
        '/apis/argoproj.io/v1': resources(['workflows', 'Workflow']),
        '/apis/argoproj.io/v1alpha1': ROLLOUTS,
      },
      ROLLOUT,
      ['/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts'],
    ],
    ['in the core group', { '/api/v1': resources(['boxes', 'Box']) }, BOX, ['/api/v1/namespaces/shop/boxes']],
    [
      'in no namespace',
      { '/apis/argoproj.io': group('v1', 'v1'), '/apis/argoproj.io/v1': resources(['rollouts', 'Rollout', false]) },
      ROLLOUT,
      ['/apis/argoproj.io/v1/rollouts'],
    ],
    ['or not, where there is no such group', {}, ROLLOUT, NONE],
    [
      'or no such kind',
      { '/apis/argoproj.io': group('v1', 'v1'), '/apis/argoproj.io/v1': resources(['a', 'A']) },
      ROLLOUT,
      NONE,
    ],
    ['or the group is on its way out', { '/apis/argoproj.io': group('v1', 'v1') }, ROLLOUT, NONE],
    [
      'or nothing makes sense',
      { '/apis/argoproj.io': [null], '/apis/argoproj.io/v1': { resources: 1 } },
      ROLLOUT,
      NONE,
    ],
  ])('%s', async (_what, answers, added, paths) => {
    const notServed = paths.length === 0 ? [added.kind] : [];
    expect(await find(answers, added)).toMatchObject({ paths, notServed, problems: [] });
  });

  test.each<[status: number | undefined, message: string]>([
    [403, 'user "dev" may not get path "/apis/argoproj.io"'],
    [undefined, 'no answer within 10 s'],
  ])('status %s is told, and hides no other kind', async (status, message) => {
    const failing = { '/apis/argoproj.io': new ApiError(message, { status }), '/api/v1': resources(['boxes', 'Box']) };
    expect(await find(failing, ROLLOUT, BOX)).toMatchObject({
      paths: ['/api/v1/namespaces/shop/boxes'],
      notServed: [],
      problems: [`cannot discover the resource of Rollout in argoproj.io: ${message}`],
    });
  });
});

test('a name with signs of its own stays one part of the path', () => {
  const resource = { kind: ROLLOUT, base: '/apis/a/v1', plural: 'a/b', isNamespaced: true };
  expect(collectionPath(resource, '../x')).toBe('/apis/a/v1/namespaces/..%2Fx/a%2Fb');
});

test('a namespace that is not there is told of, as its empty list would pass for a clean one', async () => {
  const { api } = answering({
    '/api/v1/namespaces/shop': {},
    '/api/v1/namespaces/secret': new ApiError('refused', { status: 403 }),
  });
  expect(await checkNamespaces(api, ['shop', 'shpo', 'secret'])).toEqual({
    namespaces: ['shop', 'secret'],
    unsure: ['secret'],
    problems: ['namespace "shpo" does not exist: list namespaces with "kubectl get namespaces"'],
  });
  const bug = answering({ '/api/v1/namespaces/shop': new TypeError('bug') });
  await expect(checkNamespaces(bug.api, ['shop'])).rejects.toThrow('bug');
});

describe('a collection is listed', () => {
  async function standIn(count: number): Promise<StandInApiServer> {
    const server = await startStandIn();
    onTestFinished(() => server.stop());
    const names = Array.from({ length: count }, (_, at) => String(at).padStart(4, '0'));
    server.seed(
      DEPLOYMENTS,
      names.map((name) => deploymentOf('shop', name, 'nginx')),
    );
    return server;
  }

  /** The names of the objects page by page; `between` is called after each page. */
  async function listNames(server: StandInApiServer, between: (page: number) => void = () => undefined) {
    const pages: string[][] = [];
    for await (const page of listWorkloads(connectTo(server), DEPLOYMENTS)) {
      pages.push(page.objects.map((object) => readString(object, 'metadata', 'name')));
      between(pages.length);
    }
    return { names: pages.flat(), sizes: pages.map(({ length }) => length) };
  }

  test('again when the API server forgets it halfway, and nothing is told twice or left out', async () => {
    const server = await standIn(1200);
    const { names, sizes } = await listNames(server, (page) => {
      if (page === 2) server.compact();
    });
    expect(sizes).toEqual([500, 500, 0, 0, 200]);
    expect(new Set(names).size).toBe(1200);
  });

  test('again with what was made in between', async () => {
    const server = await standIn(600);
    const { names } = await listNames(server, (page) => {
      if (page > 1) return;
      server.seed(DEPLOYMENTS, [deploymentOf('shop', '0000-new', 'nginx')]);
      server.compact();
    });
    expect(names).toHaveLength(601);
    expect(names).toContain('0000-new');
  });

  test('no more than three times', async () => {
    const server = await standIn(600);
    const listing = listNames(server, () => {
      server.compact();
    });
    await expect(listing).rejects.toMatchObject({ name: ApiError.name, status: 410 });
    // The first page of each of three attempts, and the second that failed.
    expect(server.requests.filter(({ path }) => path === DEPLOYMENTS)).toHaveLength(6);
  });
});
