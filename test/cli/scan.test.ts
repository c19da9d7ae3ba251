import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { UsageError } from '../../src/cli/io.ts';
import { scan, type ScanOptions } from '../../src/cli/scan.ts';
import { capturedIo } from '../support/captured-io.ts';
import {
  DEPLOYMENTS,
  deploymentOf,
  NAMESPACES,
  namespaceOf,
  PODS,
  podOf,
  seedDeployment,
} from '../support/cluster-objects.ts';
import { startStandIn, type StandInApiServer } from '../support/stand-in-api-server.ts';
import { pullFailure, UNKNOWN_CA, waitingPod, warning } from '../support/waiting-objects.ts';
import { writeKubeconfig } from '../support/stand-in-connection.ts';
import { tempFolder } from '../support/temp-folder.ts';

const MIRRORS = `apiVersion: pullguard.dev/v1alpha1
kind: Policy
mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/dockerhub }]
`;

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A cluster with the namespaces `shop`, `bank` and `kube-system`, and what else is put into it. */
async function startCluster(fill: (server: StandInApiServer) => void = () => undefined): Promise<StandInApiServer> {
  const server = await startStandIn();
  onTestFinished(() => server.stop());
  server.seed(
    NAMESPACES,
    ['shop', 'bank', 'kube-system'].map((name) => namespaceOf(name)),
  );
  fill(server);
  return server;
}

type Setup = Partial<ScanOptions> & Readonly<{ policy?: string; isTTY?: boolean }>;

/** Runs `scan` by a kubeconfig that leads to the stand-in. */
async function run(server: StandInApiServer, { policy = MIRRORS, isTTY = false, ...options }: Setup = {}) {
  const folder = tempFolder();
  const kubeconfig = writeKubeconfig(server, folder.at('kubeconfig'));
  const config = folder.write('policy.yaml', policy);
  const io = capturedIo({ isTTY });
  const code = await scan({ config, kubeconfig, secrets: 'none', output: 'text', ...options }, io);
  return { code, ...io.printed };
}

/** Something of everything that a scan can find. */
function fillShop(server: StandInApiServer): void {
  seedDeployment(server, { namespace: 'shop', name: 'web', image: 'nginx:1.25', pods: 3 });
  server.seed(DEPLOYMENTS, [deploymentOf('bank', 'checkout', 'NGINX:1.25')]);
  server.seed(PODS, [
    podOf('bank', 'debug', 'registry.example.com:5000'),
    podOf('kube-system', 'proxy', 'NGINX'),
    podOf('shop', 'fine', 'ghcr.io/a/b:1'),
  ]);
}

test('a policy that has registries asked is not taken to have been kept to by a scan that asks none', async () => {
  const policy = `${MIRRORS}registries: [{ hosts: [swr.eu-de.otc.t-systems.com], pullSecret: own, probe: true }]
rules: { mirror-used: { verify: true } }
`;
  const { stdout, stderr } = await run(await startCluster(fillShop), { policy });
  for (const rule of ['image-pullable', 'image-fits']) {
    expect(stdout + stderr).toContain(`not checked: ${rule}, which needs registries, which are not asked here\n`);
  }
  expect(stdout).toContain('if the mirror has it, which is not checked here');
});

test('the text has a block per owner, as people read it', async () => {
  const { code, stdout } = await run(await startCluster(fillShop));
  await expect(stdout).toMatchFileSnapshot('../fixtures/scan/blocks.txt');
  expect(code).toBe(1);
});

test('the JSON is one document with everything in it, without colour even on a terminal', async () => {
  const { code, stdout } = await run(await startCluster(fillShop), { output: 'json', isTTY: true });
  await expect(stdout).toMatchFileSnapshot('../fixtures/scan/findings.json');
  expect(code).toBe(1);
});

test('the page says of which cluster and policy it is; the exit code is that of the text', async () => {
  const server = await startCluster(fillShop);
  const { code, stdout } = await run(server, { output: 'html', namespace: ['shop', 'bank'] });
  expect(code).toBe(1);
  expect(/<title>(.*)<\/title>/.exec(stdout)?.[1]).toMatch(/^Image pulls in 127\.0\.0\.1:\d+, \d{4}-\d\d-\d\dT/);
  const about = [...stdout.matchAll(/<dt>(\w+)<\/dt>\s*<dd>([^<]*)<\/dd>/g)].map(([, name, value]) => [name, value]);
  expect(about).toEqual(
    expect.arrayContaining([
      ['Policy', expect.stringMatching(/policy\.yaml$/)],
      ['Namespaces', 'shop and bank'],
    ]),
  );
});

test('reports are written where the cluster serves them, and before it is scanned it is said where not', async () => {
  const server = await startCluster(fillShop);
  await expect(run(server, { output: 'openreports', writeReports: true })).rejects.toThrow(
    'the cluster does not serve reports.openreports.io v1alpha1: install its CRDs, or use -o policyreport',
  );
  expect(server.requests.filter(({ path }) => path.includes('deployments'))).toEqual([]);
});

test('what waits for an image now comes first, with its cause, and without the right to read Events as far as the Pods say', async () => {
  const image = 'harbor.example.com/team/app:v1';
  const server = await startCluster((filled) => {
    fillShop(filled);
    filled.seed(PODS, [waitingPod({ name: 'api-5d9-a', image, deployment: 'api' })]);
    filled.seed('/api/v1/events', [warning({ about: 'api-5d9-a', message: pullFailure(image, UNKNOWN_CA) })]);
  });
  const { stdout } = await run(server);
  expect(stdout).toMatch(/^1 Pod of 1 Deployment: harbor\.example\.com: unknown CA \(FAQ check item 5\)\n/);
  const { stdout: json } = await run(server, { output: 'json' });
  const { waiting } = JSON.parse(json) as { waiting: unknown[] };
  expect(waiting).toMatchObject([{ cause: 'unknown-ca', pod: 'shop/api-5d9-a', owner: 'Deployment/api' }]);
  server.failNext({ status: 403, path: '/api/v1/events', reason: 'Forbidden' });
  const { stdout: without } = await run(server);
  expect(without).toMatch(/^1 Pod of 1 Deployment: harbor\.example\.com\/team\/app:v1: waiting after a failed pull/);
  expect(without).toContain('unknown: events cannot be read: ');
});

describe('the exit code, which CI goes by', () => {
  test.each<[what: string, code: number, image: string]>([
    ['fine', 0, 'ghcr.io/a/b:1'],
    ['a warning and a fix only', 0, 'nginx:1.25'],
    ['something that would be denied', 1, 'NGINX'],
  ])('%s: %i', async (_what, code, image) => {
    const server = await startCluster(({ seed }) => {
      seed(PODS, [podOf('shop', 'web', image)]);
    });
    expect((await run(server)).code).toBe(code);
  });

  test('something that could not be listed: 2, also beside something that would be denied', async () => {
    const server = await startCluster((filled) => {
      fillShop(filled);
      filled.failNext({ status: 403, path: '/apis/apps/v1/daemonsets', reason: 'Forbidden' });
    });
    const { code, stdout } = await run(server);
    expect(code).toBe(2);
    expect(stdout).toMatch(
      /^error: daemonsets\.apps cannot be listed \(Forbidden\): ask the cluster admin for the verb "list"/m,
    );
    expect(stdout).toMatch(/^Deployment\/checkout \(namespace bank\)\n {2}error /m);
  });

  test('-A is all namespaces, whatever -n says, as for kubectl', async () => {
    const { code, stdout } = await run(await startCluster(fillShop), { namespace: ['shop'], allNamespaces: true });
    expect(stdout).toMatch(/^Deployment\/checkout \(namespace bank\)$/m);
    expect(code).toBe(1);
  });

  test('a namespace that is not there: 2', async () => {
    const { code, stdout } = await run(await startCluster(), { namespace: ['shpo'] });
    expect(code).toBe(2);
    expect(stdout).toContain('namespace "shpo" does not exist');
  });

  test('nothing found: 0, in one plain line', async () => {
    const server = await startCluster(({ seed }) => {
      seed(PODS, [podOf('shop', 'web', 'ghcr.io/a/b:1')]);
    });
    const policy =
      'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\nrules: { pull-secret-usable: off, service-account-secrets-kept: off }';
    expect(await run(server, { policy })).toEqual({
      code: 0,
      stdout: '0 workloads and 1 Pod checked: no problems found\n',
      stderr: '',
    });
  });
});

describe('misuse is said, and no cluster is asked', () => {
  test.each<[what: string, options: Partial<ScanOptions>, message: RegExp]>([
    ['a namespace of several words', { namespace: ['a b'] }, /^--namespace "a b" is not a valid namespace name: /],
    ['a namespace that leads elsewhere', { namespace: ['../../nodes'] }, /is not a valid namespace name/],
    ['an empty namespace', { namespace: [''] }, /is not a valid namespace name/],
    ['a kubeconfig that is not there', { kubeconfig: '/no/such/kubeconfig' }, /\/no\/such\/kubeconfig/],
    ['a context that is not in it', { context: 'other' }, /other/],
    [
      'reports to write that are none',
      { output: 'json', writeReports: true },
      /^--write-reports needs -o policyreport /,
    ],
  ])('%s', async (_what, options, message) => {
    const server = await startCluster();
    const running = run(server, options);
    await expect(running).rejects.toThrow(UsageError);
    await expect(running).rejects.toThrow(message);
    expect(server.requests).toEqual([]);
  });

  test('a policy with a mistake', async () => {
    await expect(run(await startCluster(), { policy: 'kind: Policy' })).rejects.toThrow('the policy cannot be used');
  });
});

describe('progress', () => {
  test('is on standard error while a person waits, and gone when the result comes', async () => {
    vi.stubEnv('TERM', 'xterm');
    const { stdout, stderr } = await run(await startCluster(fillShop), { isTTY: true });
    expect(stderr).toContain('reading deployments.apps');
    expect(stderr.endsWith('\r\u001b[K')).toBe(true);
    expect(stdout).not.toContain('reading');
  });

  test('is gone too when the cluster does not answer', async () => {
    vi.stubEnv('TERM', 'xterm');
    const server = await startCluster();
    server.failNext({ status: 401 });
    const io = capturedIo({ isTTY: true });
    const kubeconfig = writeKubeconfig(server, tempFolder().at('kubeconfig'));
    await expect(scan({ kubeconfig, secrets: 'none', output: 'text' }, io)).rejects.toThrow(UsageError);
    expect(io.printed.stderr).toMatch(/^(?:$|.*\r\u001b\[K$)/s);
    expect(io.printed.stdout).toBe('');
  });
});
