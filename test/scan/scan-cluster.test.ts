import { describe, expect, onTestFinished, test } from 'vitest';
import { scanCluster, type ScanInput, type ScanResult } from '../../src/scan/scan-cluster.ts';
import { ApiError, type ApiServer } from '../../src/cluster/connection/api-server.ts';
import type { Policy } from '../../src/engine/rule.ts';
import {
  DEPLOYMENTS,
  deploymentOf,
  NAMESPACES,
  namespaceOf,
  PODS,
  podOf,
  REPLICA_SETS,
  seedDeployment,
} from '../support/cluster-objects.ts';
import { deployment, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';
import { startStandIn, type StandInApiServer } from '../support/stand-in-api-server.ts';
import { connectTo } from '../support/stand-in-connection.ts';

/** A cluster with the namespaces `shop`, `bank` and `kube-system`. */
async function startCluster(): Promise<StandInApiServer> {
  const server = await startStandIn();
  onTestFinished(() => server.stop());
  server.seed(
    NAMESPACES,
    ['shop', 'bank', 'kube-system'].map((name) => namespaceOf(name)),
  );
  return server;
}

const SILENT = { show: () => undefined, clear: () => undefined };

function scan(server: StandInApiServer, input: Partial<ScanInput> = {}): Promise<ScanResult> {
  return scanCluster({
    api: connectTo(server),
    policy: MIRRORED,
    secrets: 'none',
    namespaces: [],
    progress: SILENT,
    ...input,
  });
}

const tell = ({ groups }: ScanResult): readonly string[] =>
  groups.map(
    ({ namespace, owner, result, finding, pods }) =>
      `${namespace} ${owner.kind}/${owner.name} ${result} ${finding.rule}${pods === undefined ? '' : ` ${pods}`}`,
  );

test('workloads are found wherever they are, and pods under what made them', async () => {
  const server = await startCluster();
  seedDeployment(server, { namespace: 'shop', name: 'web', image: 'nginx', pods: 3 });
  server.seed('/apis/batch/v1/cronjobs', [
    {
      metadata: { name: 'dump', namespace: 'bank' },
      spec: { jobTemplate: { spec: { template: deployment('NGINX')['spec'] } } },
    },
  ]);
  server.seed(PODS, [podOf('bank', 'bare', 'NGINX'), podOf('kube-system', 'exempt', 'NGINX')]);
  const result = await scan(server);
  expect(tell(result)).toEqual([
    'bank Pod/bare denied reference-valid 1',
    'shop Deployment/web unfixed mirror-used 3',
    'shop Deployment/web unfixed pull-secret-present 3',
    'shop Deployment/web fixed mirror-used',
    'shop Deployment/web fixed pull-secret-present',
  ]);
  expect(result).toMatchObject({
    errors: [],
    notServed: [],
    counts: { workloads: 2, pods: 4, unfixedPods: 3, leftOut: 1 },
  });
});

test('a large collection is read a page at a time, each object once, and how far it is shown', async () => {
  const server = await startCluster();
  const names = Array.from({ length: 1200 }, (_, at) => `web-${String(at).padStart(4, '0')}`);
  server.seed(
    DEPLOYMENTS,
    names.map((name) => deploymentOf('shop', name, 'NGINX')),
  );
  server.failNext({ status: 410, reason: 'Expired', path: DEPLOYMENTS, continued: true });
  const lines: unknown[][] = [];
  const progress = { ...SILENT, show: (...line: unknown[]) => lines.push(line) };
  const { groups, counts, errors } = await scan(server, { progress });
  expect(new Set(groups.map(({ owner }) => owner.name)).size).toBe(1200);
  expect([counts.workloads, ...errors]).toEqual([1200]);
  const told = lines.filter(([what, done]) => what === 'deployments.apps' && done !== undefined);
  expect(told.at(-1)).toEqual(['deployments.apps', 1200, undefined]);
});

describe('only the namespaces asked for are read', () => {
  const seedBoth = async (): Promise<StandInApiServer> => {
    const server = await startCluster();
    server.seed(PODS, [podOf('shop', 'a', 'NGINX'), podOf('bank', 'b', 'NGINX')]);
    return server;
  };
  const [SHOP, BANK] = ['shop Pod/a denied reference-valid 1', 'bank Pod/b denied reference-valid 1'];

  test.each<[namespaces: readonly string[], told: readonly string[], errors: readonly string[]]>([
    [['bank'], [BANK], []],
    [['bank', 'shop'], [BANK, SHOP], []],
    // One that is empty is fine, and one that is not there hides no other.
    [['kube-system'], [], []],
    [['shpo', 'shop'], [SHOP], ['namespace "shpo" does not exist']],
  ])('%j', async (namespaces, told, errors) => {
    const server = await seedBoth();
    const result = await scan(server, { namespaces });
    expect(tell(result)).toEqual(told);
    expect(result.errors).toEqual(errors.map((error) => expect.stringContaining(error) as string));
    expect(server.requests.map(({ path }) => path)).not.toContain(PODS);
  });

  test('one that may be missing and looks empty is an error, as nobody can tell a typo from a clean result', async () => {
    const server = await seedBoth();
    server.failNext({ status: 403, path: `${NAMESPACES}/nothing` });
    server.failNext({ status: 403, path: `${NAMESPACES}/shop` });
    const { errors } = await scan(server, { namespaces: ['nothing', 'shop'] });
    expect(errors).toEqual([expect.stringMatching(/^namespace "nothing" has no workloads or does not exist/)]);
  });
});

describe('what cannot be listed is told with what it takes, and hides nothing else', () => {
  test.each<[namespaces: readonly string[], path: string, error: string]>([
    [
      [],
      DEPLOYMENTS,
      'deployments.apps cannot be listed (Forbidden): ask the cluster admin for the verb "list" on deployments.apps in a ClusterRole',
    ],
    [
      ['shop'],
      '/apis/apps/v1/namespaces/shop/deployments',
      'deployments.apps in namespace "shop" cannot be listed (Forbidden): ask the cluster admin for the verb "list" on deployments.apps in a Role in that namespace',
    ],
  ])('in namespaces %j', async (namespaces, path, error) => {
    const server = await startCluster();
    seedDeployment(server, { namespace: 'shop', name: 'web', image: 'nginx', pods: 1 });
    server.failNext({ status: 403, path, reason: 'Forbidden', message: 'dev may not list deployments' });
    const result = await scan(server, { namespaces });
    expect(result.errors).toEqual([error]);
    expect(tell(result)).toContain('shop Deployment/web unfixed mirror-used 1');
  });

  test('in the words of whoever refused, where that is not the rules of the cluster', async () => {
    const server = await startCluster();
    server.failNext({ status: 403, path: DEPLOYMENTS, reason: 'Blocked', message: 'not from this network' });
    expect((await scan(server)).errors).toEqual([
      expect.stringMatching(/^deployments\.apps cannot be listed: .*not from this network$/),
    ]);
  });

  test('without ReplicaSets pods are shown under those', async () => {
    const server = await startCluster();
    seedDeployment(server, { namespace: 'shop', name: 'web', image: 'nginx', pods: 2 });
    server.failNext({ status: 403, path: REPLICA_SETS });
    expect(tell(await scan(server))).toContain('shop ReplicaSet/web-5d9 unfixed mirror-used 2');
  });

  test('a kind that an old cluster does not have is no error', async () => {
    const server = await startCluster();
    server.failNext({ status: 404, path: '/apis/batch/v1/cronjobs' });
    expect(await scan(server)).toMatchObject({ errors: [], notServed: ['CronJob.batch'] });
  });

  test('a server without pods is no cluster, and nothing found in it is not clean', async () => {
    const server = await startCluster();
    server.failNext({ status: 404, times: 100 });
    expect((await scan(server)).errors).toEqual([expect.stringMatching(/^pods cannot be listed: /)]);
  });
});

describe('a cluster that cannot be asked', () => {
  test('is said to be one, before anything is tried', async () => {
    const server = await startCluster();
    const api = connectTo(server);
    await server.stop();
    onTestFinished(() => server.restart());
    const message = expect.stringMatching(/: connection refused$/) as string;
    await expect(scan(server, { api })).rejects.toMatchObject({ name: ApiError.name, message });
  });

  test('as it does not let us in is asked no more', async () => {
    const server = await startCluster();
    server.failNext({ status: 401, message: 'Unauthorized' });
    await expect(scan(server)).rejects.toMatchObject({ status: 401 });
    expect(server.requests).toHaveLength(1);
  });

  test('any longer leaves what was found, and what was not is named', async () => {
    const server = await startCluster();
    server.seed(DEPLOYMENTS, [deploymentOf('shop', 'web', 'NGINX')]);
    const api = cutBefore(connectTo(server), '/apis/apps/v1/statefulsets', server);
    const result = await scan(server, { api });
    expect(tell(result)).toEqual(['shop Deployment/web denied reference-valid']);
    expect(result.errors).toEqual([
      expect.stringMatching(/^statefulsets\.apps cannot be listed: cannot reach /),
      'not read after that: cronjobs.batch, jobs.batch, pods',
    ]);
    await server.restart();
  });

  test('for one kind only, as its answer comes too late, is asked for the others', async () => {
    const server = await startCluster();
    server.seed(PODS, [podOf('shop', 'a', 'NGINX')]);
    const api = impatient(connectTo(server), REPLICA_SETS);
    server.hang(REPLICA_SETS);
    const result = await scan(server, { api });
    expect(result.errors).toEqual([expect.stringMatching(/^replicasets\.apps cannot be listed: /)]);
    expect(tell(result)).toEqual(['shop Pod/a denied reference-valid 1']);
  });
});

describe('kinds that the policy adds', () => {
  const POLICY: Policy = policyOf(
    'workloads: [{ group: argoproj.io, kind: Rollout, podTemplates: [/spec/template] }, { group: volcano.sh, kind: Job, podTemplates: [/spec/template] }]',
  );
  const DISCOVERY = {
    '/apis/argoproj.io': { preferredVersion: { version: 'v1alpha1' }, versions: [{ version: 'v1alpha1' }] },
    '/apis/argoproj.io/v1alpha1': { resources: [{ name: 'rollouts', kind: 'Rollout', namespaced: true }] },
  };

  test('are found by asking the cluster where they are; one that it does not have is told, and no error', async () => {
    const server = await startCluster();
    const rollout: Json = { ...deploymentOf('shop', 'web', 'NGINX'), kind: 'Rollout' };
    server.seed('/apis/argoproj.io/v1alpha1/rollouts', [rollout]);
    const api = withDocuments(connectTo(server), DISCOVERY);
    for (const namespaces of [[], ['shop']]) {
      const result = await scan(server, { api, policy: POLICY, namespaces });
      expect(tell(result)).toEqual(['shop Rollout/web denied reference-valid']);
      expect(result).toMatchObject({ errors: [], notServed: ['Job.volcano.sh'] });
    }
  });

  test('of the whole cluster are in no namespace that could be asked for', async () => {
    const server = await startCluster();
    const global = { resources: [{ name: 'rollouts', kind: 'Rollout', namespaced: false }] };
    const api = withDocuments(connectTo(server), { ...DISCOVERY, '/apis/argoproj.io/v1alpha1': global });
    await scan(server, { api, policy: POLICY, namespaces: ['shop'] });
    expect(server.requests.filter(({ path }) => path.includes('rollouts'))).toEqual([]);
  });
});

describe('facts', () => {
  test('that were not asked for are told with the rules that needed them', async () => {
    const server = await startCluster();
    server.seed(PODS, [podOf('shop', 'a', 'ghcr.io/a/b:1')]);
    const { skipped } = await scan(server, { secrets: 'none' });
    expect(skipped.map(({ rule }) => rule)).toContain('pull-secret-usable');
    expect(skipped.flatMap(({ missing }) => missing)).toContain('pullSecrets');
  });

  test('that may not be had are told, and are no error: the others are judged all the same', async () => {
    const server = await startCluster();
    server.seed(PODS, [podOf('shop', 'a', 'NGINX')]);
    server.failNext({ status: 403, path: '/api/v1/serviceaccounts', times: 10 });
    const result = await scan(server);
    expect(result.unknown).not.toEqual([]);
    expect(result.errors).toEqual([]);
    expect(tell(result)).toEqual(['shop Pod/a denied reference-valid 1']);
  });

  test("decide: a namespace's label takes it out", async () => {
    const server = await startCluster();
    server.seed(NAMESPACES, [namespaceOf('shop', { 'pullguard.dev/mode': 'off' })]);
    server.seed(PODS, [podOf('shop', 'a', 'NGINX')]);
    expect(await scan(server)).toMatchObject({ groups: [], counts: { pods: 0, leftOut: 1 } });
  });
});

/** Answers these paths itself, as the stand-in knows nothing of discovery. */
function withDocuments(api: ApiServer, documents: Readonly<Record<string, unknown>>): ApiServer {
  return {
    ...api,
    call: (method, path, options) =>
      path in documents ? Promise.resolve(documents[path]) : api.call(method, path, options),
  };
}

/** The server goes away as this path is asked for. */
function cutBefore(api: ApiServer, gone: string, server: StandInApiServer): ApiServer {
  return {
    ...api,
    call: async (method, path, options) => {
      if (path === gone) await server.stop();
      return api.call(method, path, options);
    },
  };
}

/** Does not wait for this path. */
function impatient(api: ApiServer, slow: string): ApiServer {
  return {
    ...api,
    call: (method, path, options) => api.call(method, path, { ...options, ...(path === slow && { timeoutMs: 50 }) }),
  };
}
