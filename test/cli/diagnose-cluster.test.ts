import { describe, expect, onTestFinished, test } from 'vitest';
import { diagnose, type DiagnoseOptions } from '../../src/cli/diagnose.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import { diagnoseCluster } from '../../src/cli/diagnose-cluster.ts';
import { reachCluster } from '../../src/cli/reach-cluster.ts';
import type { ProbeRequest } from '../../src/registry/client/probe-image.ts';
import { policyOf } from '../support/policies.ts';
import { UsageError } from '../../src/cli/io.ts';
import { capturedIo } from '../support/captured-io.ts';
import { controllerOf, DEPLOYMENTS, NAMESPACES, namespaceOf, PODS, REPLICA_SETS } from '../support/cluster-objects.ts';
import { startStandIn, type StandInApiServer } from '../support/stand-in-api-server.ts';
import { writeKubeconfig } from '../support/stand-in-connection.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { pullFailure, runningPod, UNAUTHORIZED, UNKNOWN_CA, waitingPod, warning } from '../support/waiting-objects.ts';

const EVENTS = '/api/v1/events';
const SECRETS = '/api/v1/secrets';
const NODES = '/api/v1/nodes';
const APP = 'harbor.example.com/team/app:v1';

async function startCluster(fill: (server: StandInApiServer) => void): Promise<StandInApiServer> {
  const server = await startStandIn();
  onTestFinished(() => server.stop());
  server.seed(NAMESPACES, [namespaceOf('shop'), namespaceOf('bank')]);
  fill(server);
  return server;
}

async function run(server: StandInApiServer, targets: readonly string[] = [], options: Partial<DiagnoseOptions> = {}) {
  const kubeconfig = writeKubeconfig(server, tempFolder().at('kubeconfig'));
  const io = capturedIo();
  const all = options.namespace === undefined && targets.length === 0;
  const code = await diagnose(
    targets,
    { kubeconfig, output: 'text', ...(all && { allNamespaces: true }), ...options },
    io,
  );
  return { code, ...io.printed };
}

async function read(...args: Parameters<typeof run>): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { stdout } = await run(args[0], args[1], { ...args[2], output: 'json' });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A registry with an unknown CA under two Deployments, and a Pod with a typo. */
function fillShop({ seed }: StandInApiServer): void {
  seed(PODS, [
    ...['web', 'api'].flatMap((deployment) =>
      ['a', 'b'].map((each) => waitingPod({ name: `${deployment}-5d9-${each}`, image: APP, deployment })),
    ),
    waitingPod({
      name: 'typo',
      namespace: 'bank',
      image: 'NGINX',
      reason: 'InvalidImageName',
      message:
        'Failed to apply default image tag "NGINX": couldn\'t parse image name "NGINX": invalid reference format: repository name (library/NGINX) must be lowercase',
    }),
    runningPod('fine'),
  ]);
  seed(
    EVENTS,
    ['web', 'api'].flatMap((deployment) =>
      ['a', 'b'].flatMap((each) => [
        warning({ about: `${deployment}-5d9-${each}`, message: pullFailure(APP, UNKNOWN_CA) }),
        warning({ about: `${deployment}-5d9-${each}`, message: 'Error: ErrImagePull', count: 5 }),
      ]),
    ),
  );
  seed(NODES, [
    {
      metadata: { name: 'node-1' },
      status: {
        nodeInfo: { operatingSystem: 'linux', architecture: 'amd64', containerRuntimeVersion: 'containerd://1.7.20' },
        conditions: [{ type: 'DiskPressure', status: 'False' }],
      },
    },
  ]);
}

test('what waits is grouped by cause and registry, what most Pods have first, with what is known and ruled out', async () => {
  const { code, stdout, stderr } = await run(await startCluster(fillShop));
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  await expect(stdout).toMatchFileSnapshot('../fixtures/pull-failures/cluster.txt');
});

test('as JSON there is a line for each Pod, with the reason of its Event where its status only says that it waits', async () => {
  const found = await read(await startCluster(fillShop));
  expect(found.find(({ pod }) => pod === 'shop/web-5d9-a')).toMatchObject({
    cause: 'unknown-ca',
    faqItem: 5,
    image: APP,
    host: 'harbor.example.com',
    registry: 'harbor.example.com',
    owner: 'Deployment/web',
    node: 'node-1',
    since: '2026-06-01T12:02:00Z',
    count: 4,
  });
  expect(found.map(({ pod, cause }) => `${String(pod)} ${String(cause)}`).toSorted()).toEqual([
    'bank/typo reference-invalid',
    'shop/api-5d9-a unknown-ca',
    'shop/api-5d9-b unknown-ca',
    'shop/web-5d9-a unknown-ca',
    'shop/web-5d9-b unknown-ca',
  ]);
});

test('where nothing waits it says so, and ends with 0', async () => {
  const server = await startCluster(({ seed }) => {
    seed(PODS, [runningPod('fine')]);
    // Of a Pod that is well by now.
    seed(EVENTS, [warning({ about: 'fine', message: pullFailure(APP, UNKNOWN_CA) })]);
  });
  expect(await run(server)).toEqual({ code: 0, stdout: 'no Pod waits for an image\n', stderr: '' });
});

describe('targets', () => {
  test.each([
    ['a Pod', ['web-5d9-a'], ['shop/web-5d9-a']],
    ['a Deployment', ['deploy/web'], ['shop/web-5d9-a', 'shop/web-5d9-b']],
    ['its ReplicaSet, in the long form', ['replicasets.apps/api-5d9'], ['shop/api-5d9-a', 'shop/api-5d9-b']],
    ['several', ['pod/web-5d9-a', 'deployment/api'], ['shop/api-5d9-a', 'shop/api-5d9-b', 'shop/web-5d9-a']],
  ])('may be %s', async (_what, targets, pods) => {
    const server = await startCluster((filled) => {
      fillShop(filled);
      filled.seed(
        DEPLOYMENTS,
        ['web', 'api'].map((name) => ({ metadata: { namespace: 'shop', name } })),
      );
      filled.seed(REPLICA_SETS, [{ metadata: { namespace: 'shop', name: 'api-5d9' } }]);
    });
    const found = await read(server, targets, { namespace: 'shop' });
    expect(found.map(({ pod }) => pod).toSorted()).toEqual(pods);
  });

  test.each([
    ['that do not exist', ['deployment/wbe'], {}, 'Deployment/wbe does not exist in namespace "shop"'],
    ['of no kind that creates Pods', ['service/web'], {}, '"service/web" is neither a Pod nor TYPE/NAME'],
    ['that lead to another path', ['../../secrets'], {}, 'is neither a Pod nor TYPE/NAME'],
    ['in all namespaces', ['web'], { allNamespaces: true, namespace: undefined }, 'use -n instead of -A'],
    ['in a namespace that does not exist', ['web'], { namespace: 'shpo' }, 'namespace "shpo" does not exist'],
    ['beside standard input', ['-', 'web'], {}, 'name "-" alone'],
  ])('%s are a mistake', async (_what, targets, options, message) => {
    const server = await startCluster(fillShop);
    const { namespace = 'shop', ...rest } = { namespace: 'shop', ...options };
    const given = 'allNamespaces' in options ? rest : { ...rest, namespace };
    await expect(run(server, targets, given)).rejects.toThrow(UsageError);
    await expect(run(server, targets, given)).rejects.toThrow(message);
  });
});

describe('what the cluster knows decides between causes of the same words', () => {
  const DOCKER_CONFIG = { auths: { 'harbor.example.com': { username: 'robot', password: 'pass-word-1' } } };
  const fill = (server: StandInApiServer, secrets: readonly string[]): void => {
    server.seed(PODS, [waitingPod({ name: 'web', image: APP, secrets })]);
    server.seed(EVENTS, [warning({ about: 'web', message: pullFailure(APP, UNAUTHORIZED) })]);
    server.seed(SECRETS, [
      {
        metadata: { namespace: 'shop', name: 'harbor' },
        type: 'kubernetes.io/dockerconfigjson',
        data: { '.dockerconfigjson': Buffer.from(JSON.stringify(DOCKER_CONFIG)).toString('base64') },
      },
    ]);
  };

  test('a Pod with credentials was refused with them, and they are not shown', async () => {
    const server = await startCluster((filled) => {
      fill(filled, ['harbor']);
    });
    const [found] = await read(server);
    expect(found).toMatchObject({ cause: 'credentials-refused', faqItem: 3 });
    expect(found!['remedy']).toContain('kubectl -n shop delete secret harbor --ignore-not-found');
    const { stdout } = await run(server);
    expect(stdout).not.toContain('pass-word-1');
    expect(stdout).not.toContain('robot');
  });

  test('a secret that does not exist is named', async () => {
    const server = await startCluster((filled) => {
      fill(filled, ['gone']);
    });
    const { stdout } = await run(server);
    expect(stdout).toMatch(/^ {2}found {2}.*"gone".*\(pull-secret-usable\)$/m);
  });

  test('a secret that may not be read is no reason for anything, and the right is named', async () => {
    const server = await startCluster((filled) => {
      fill(filled, ['harbor']);
    });
    server.failNext({ status: 403, path: '/api/v1/namespaces/shop/secrets/harbor', reason: 'Forbidden' });
    const { code, stderr, stdout } = await run(server);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^note: secrets in namespace "shop" cannot be read: .*: ask the cluster admin for the verb "get" on secrets/,
    );
    expect(stdout).not.toContain('  not ');
  });
});

describe('--probe asks registries with the pull secrets of the Pods', () => {
  const POLICY = policyOf();

  /** Of a Pod without pull secrets, of which the registry of the node says what stands for three causes. */
  async function ask(answer: ImageAnswer) {
    const server = await startCluster(({ seed }) => {
      seed(PODS, [waitingPod({ name: 'web', image: 'docker.io/team/app:v1' })]);
      const denied =
        'pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed';
      seed(EVENTS, [warning({ about: 'web', message: pullFailure('docker.io/team/app:v1', denied) })]);
    });
    const asked: ProbeRequest[] = [];
    const input = {
      api: await reachCluster({ kubeconfig: writeKubeconfig(server, tempFolder().at('kubeconfig')) }),
      policy: POLICY,
      targets: [],
      namespace: 'shop',
      probe: true,
      probeImage: async (request: ProbeRequest) => {
        asked.push(request);
        return Promise.resolve({ answer });
      },
    };
    const { explained } = await diagnoseCluster(input, capturedIo());
    return { asked, ...explained[0]! };
  }

  test('and what they answer decides', async () => {
    const found = await ask({ endpoint: 'registry-1.docker.io:443', outcome: 'failed', cause: 'repository-not-found' });
    expect(found.asked).toHaveLength(1);
    expect(found.diagnosis.cause).toBe('repository-not-found');
    expect(found.found[0]).toContain('NAME_UNKNOWN');
  });

  test('and if they serve the image, it is the node that differs', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const endpoint = 'registry-1.docker.io:443';
    const found = await ask({ endpoint, outcome: 'ok', digest, sizes: [], platforms: undefined });
    expect(found.found[0]).toMatch(/^registry-1\.docker\.io:443 serves the image anonymously/);
  });
});

test('the sandbox that fails is in Events alone, and those of an earlier Pod of that name do not count', async () => {
  const creating = (name: string) =>
    waitingPod({ name, image: 'nginx:1.25', reason: 'ContainerCreating', message: '' });
  const sandbox = (about: string, uid?: string) =>
    warning({
      about,
      ...(uid !== undefined && { uid }),
      reason: 'FailedCreatePodSandBox',
      message: `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image "registry.k8s.io/pause:3.9": failed to pull image "registry.k8s.io/pause:3.9": failed to pull and unpack image "registry.k8s.io/pause:3.9": failed to resolve reference "registry.k8s.io/pause:3.9": failed to do request: Head "https://registry.k8s.io/v2/pause/manifests/3.9": dial tcp: lookup registry.k8s.io on 10.0.0.2:53: no such host`,
    });
  const server = await startCluster(({ seed }) => {
    seed(PODS, [creating('db-0'), creating('db-1'), creating('db-2')]);
    seed(EVENTS, [sandbox('db-0'), sandbox('db-1', 'of-an-earlier-pod')]);
  });
  expect(await read(server)).toMatchObject([{ cause: 'no-such-host', pod: 'shop/db-0', node: 'node-1' }]);
});

test('workloads whose Pods are refused for their images are named by what people wrote, as long as Pods are missing', async () => {
  const denial =
    'Error creating: admission webhook "validate.pullguard.dev" denied the request: container "web": spec.containers[0].image: Invalid value: "NGINX": repository name must be lowercase (reference-valid)';
  const replicaSet = (name: string, replicas: number) => ({
    metadata: { namespace: 'shop', name, ...controllerOf('apps/v1', 'Deployment', 'web') },
    spec: { replicas: 1 },
    status: { replicas },
  });
  const server = await startCluster(({ seed }) => {
    seed(REPLICA_SETS, [replicaSet('web-1', 0), replicaSet('web-2', 1)]);
    seed(EVENTS, [
      ...['web-1', 'web-2', 'web-gone'].map((about) =>
        warning({ kind: 'ReplicaSet', about, reason: 'FailedCreate', message: denial }),
      ),
      warning({ kind: 'ReplicaSet', about: 'web-1', reason: 'FailedCreate', message: 'exceeded quota: compute' }),
    ]);
  });
  expect(await read(server)).toMatchObject([{ cause: 'reference-invalid', faqItem: 2, owner: 'Deployment/web' }]);
  const { stdout } = await run(server, [], { namespace: 'shop' });
  expect(stdout).toContain('1 Deployment: Pods are refused: invalid image reference (FAQ check item 2)');
});

test('without the right to list Pods it cannot tell, and says which right is missing', async () => {
  const server = await startCluster(fillShop);
  server.failNext({ status: 403, path: PODS, reason: 'Forbidden' });
  await expect(run(server)).rejects.toThrow(/ask the cluster admin for list of pods/);
});

test('without Events it tells what the status says, and which right is missing', async () => {
  const server = await startCluster(fillShop);
  server.failNext({ status: 403, path: EVENTS, reason: 'Forbidden' });
  const { code, stdout, stderr } = await run(server);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^note: events cannot be read: .*: ask the cluster admin for the verb "list" on events/);
  expect(stdout).toContain('InvalidImageName');
});

test('it changes nothing', async () => {
  const server = await startCluster(fillShop);
  await run(server);
  expect(new Set(server.requests.map(({ method }) => method))).toEqual(new Set(['GET']));
});
