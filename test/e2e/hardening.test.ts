import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callApi } from './api.ts';
import { POLICY, unregister, useCluster } from './fixture.ts';
import { startInCluster } from './in-cluster.ts';
import { installManifests, isReady } from './install.ts';
import { make } from './objects.ts';
import { waitFor } from './processes.ts';
import { isErrorLine, type Pullguard } from './pullguard-process.ts';
import { MANIFESTS } from './webhooks.ts';

const cluster = useCluster('hardening');
const { controlPlane, kubectl, get } = cluster;

let pullguard: Pullguard;
let token: string;
let proxy: Server;
const proxied: string[] = [];

/** Applies components as a kustomization of a user has them, without what else such a kustomization installs. */
async function buildComponents(...components: readonly string[]): Promise<string> {
  const folder = join(controlPlane.folder, `hardening-${components.join('-')}`);
  mkdirSync(join(folder, 'deploy'), { recursive: true });
  cpSync(MANIFESTS, join(folder, 'manifests'), { recursive: true });
  const list = components.map((name) => `../manifests/components/${name}`).join(', ');
  writeFileSync(join(folder, 'deploy/kustomization.yaml'), `components: [${list}]\n`);
  const { code, stdout, stderr } = await kubectl(['kustomize', join(folder, 'deploy')]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

describe('with the component webhook-guard', () => {
  beforeAll(async () => {
    await installManifests(cluster);
    const applied = await kubectl('apply -f -', { stdin: await buildComponents('webhook-guard') });
    expect(applied).toMatchObject({ code: 0, stderr: '' });
    proxy = createServer().on('connect', ({ url = '' }: IncomingMessage, socket: Duplex) => {
      proxied.push(url);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const env = { HTTPS_PROXY: url, HTTP_PROXY: url, https_proxy: url, http_proxy: url };
    const registries = [{ hosts: ['registry.invalid'], probe: true }];
    pullguard = await startInCluster(cluster, { policy: { ...POLICY, registries }, env });
    token = (await kubectl('create token pullguard --namespace=pullguard --duration=1h')).stdout.trim();
    const isInForce = async (): Promise<boolean> =>
      (await patchAsPullguard(KIND, replace('/webhooks/0/timeoutSeconds', 1))).includes('pullguard may only change');
    expect(await waitFor(isInForce, 30), 'the policy is in force').toBe(true);
  }, 120_000);

  afterAll(async () => {
    await unregister(cluster);
    await pullguard.stop();
    proxy.close();
    const policies = 'validatingadmissionpolicy,validatingadmissionpolicybinding';
    await kubectl(`delete ${policies} pullguard-webhooks`);
  });

  test('expressions are of the types that the API server knows', async () => {
    const { status } = await get<{ status?: { typeChecking?: { expressionWarnings?: unknown } } }>(
      'validatingadmissionpolicy pullguard-webhooks',
    );
    expect(status?.typeChecking?.expressionWarnings).toBeUndefined();
  });

  test('pullguard keeps the webhooks right: caBundle, path and owner', async () => {
    const broken = [
      { op: 'remove', path: '/webhooks/0/clientConfig/caBundle' },
      { op: 'replace', path: '/webhooks/0/clientConfig/service/path', value: '/validate' },
      { op: 'remove', path: '/metadata/ownerReferences' },
    ];
    expect(await patch(KIND, broken, [])).toBe('patched');
    const isRight = async (): Promise<boolean> => {
      const { metadata, webhooks } = await get<Configuration>(`${KIND} pullguard`);
      const [{ clientConfig }] = webhooks;
      return (
        clientConfig.caBundle !== undefined &&
        clientConfig.service.path.length > 64 &&
        metadata.ownerReferences?.[0]?.name === 'pullguard'
      );
    };
    expect(await waitFor(isRight, 30)).toBe(true);
    expect(await waitFor(async () => isReady(pullguard))).toBe(true);
    expect(pullguard.readLog().filter(isErrorLine)).toEqual([]);
  });

  test('through a proxy it asks registries, and the API server directly', async () => {
    const pod = make('Pod', 'proxied', 'registry.invalid/team/app:1');
    await cluster.call('POST', 'pods', pod);
    expect(await waitFor(async () => Promise.resolve(proxied.length > 0))).toBe(true);
    expect(new Set(proxied)).toEqual(new Set(['registry.invalid:443']));
    const reported = async (): Promise<boolean> =>
      Promise.resolve(pullguard.readLog().some(({ msg }) => msg === 'registry not asked'));
    expect(await waitFor(reported)).toBe(true);
  });

  test.each<[what: string, change: readonly object[]]>([
    ['another Service', [replace('/webhooks/0/clientConfig/service/name', 'evil')]],
    ['a Service in another namespace', [replace('/webhooks/0/clientConfig/service/namespace', 'default')]],
    ['another port', [replace('/webhooks/0/clientConfig/service/port', 4444)]],
    [
      'a URL',
      [
        { op: 'remove', path: '/webhooks/0/clientConfig/service' },
        add('/webhooks/0/clientConfig/url', 'https://evil.example'),
      ],
    ],
    ['more kinds', [replace('/webhooks/0/rules/0/resources', ['secrets'])]],
    ['no kinds', [replace('/webhooks/0/rules', [])]],
    ['fewer namespaces', [add('/webhooks/0/namespaceSelector/matchLabels', { a: 'b' })]],
    ['fewer objects', [add('/webhooks/0/objectSelector/matchLabels', { a: 'b' })]],
    ['fewer requests', [add('/webhooks/0/matchConditions', [{ name: 'none', expression: 'false' }])]],
    ['failing closed', [replace('/webhooks/0/failurePolicy', 'Fail')]],
    ['another timeout', [replace('/webhooks/0/timeoutSeconds', 30)]],
    ['another match policy', [replace('/webhooks/0/matchPolicy', 'Exact')]],
    ['other side effects', [replace('/webhooks/0/sideEffects', 'None')]],
    ['a webhook less', [{ op: 'remove', path: '/webhooks/0' }]],
    ['a path of another server', [replace('/webhooks/0/clientConfig/service/path', '/metrics')]],
    ['a label', [add('/metadata/labels/a', 'b')]],
    ['an annotation', [add('/metadata/annotations', { 'cert-manager.io/inject-ca-from': 'a/b' })]],
    ['a finalizer', [add('/metadata/finalizers', ['example.com/stay'])]],
    [
      'an owner that is gone, so that it is deleted',
      [add('/metadata/ownerReferences/-', { apiVersion: 'v1', kind: 'Namespace', name: 'gone', uid: 'x' })],
    ],
  ])('a token of pullguard does not allow %s, and the admin may', async (_what, change) => {
    for (const kind of KINDS) {
      expect(await patchAsPullguard(kind, ...change)).toMatch(
        /ValidatingAdmissionPolicy 'pullguard-webhooks' .*denied request: pullguard may/,
      );
    }
    expect(await patch(KIND, change, ['--dry-run=server'])).toMatch(/patched|Invalid value/);
  });

  test.each<[what: string, change: object]>([
    ['caBundle', add('/webhooks/0/clientConfig/caBundle', Buffer.from(' ').toString('base64'))],
    ['a path below a token', replace('/webhooks/0/clientConfig/service/path', `/${'a'.repeat(64)}/validate`)],
  ])('it allows %s', async (_what, change) => {
    expect(await patchAsPullguard(KIND, change)).toMatch(/patched|caBundle: Invalid value/);
  });
});

test('the dashboard is where the sidecar of Grafana looks for it: a ConfigMap with its label, and JSON', async () => {
  const stdin = await buildComponents('dashboard');
  expect(await kubectl('apply -n pullguard -f -', { stdin })).toMatchObject({ code: 0, stderr: '' });
  const list = 'configmaps -n pullguard -l grafana_dashboard=1';
  const { items } = await get<{ items: readonly { data: Record<string, string> }[] }>(list);
  expect(items.map(({ data }) => JSON.parse(data['pullguard.json'] ?? '') as unknown)).toMatchObject([
    { uid: 'pullguard' },
  ]);
});

describe('with the kinds of the Prometheus Operator', () => {
  /** A folder with its CRDs, as they stand in its repository: too long to be kept here. */
  const crds = process.env['PROMETHEUS_OPERATOR_CRDS'] ?? '';
  const skipped = test.skipIf(crds === '');

  afterAll(async () => {
    if (crds !== '') await kubectl(['delete', '-f', crds, '--wait=false', '--ignore-not-found']);
  });

  skipped('monitoring and service-monitor are stored as they stand, and nothing of them is unknown', async () => {
    const created = await kubectl(['apply', '--server-side', '-f', crds]);
    expect(created).toMatchObject({ code: 0 });
    await kubectl('wait --for=condition=Established crd --all --timeout=60s');
    for (const components of [['monitoring'], ['monitoring', 'service-monitor']]) {
      const stdin = await buildComponents(...components);
      const flags = 'apply --server-side --validate=strict -n pullguard -f -';
      expect(await kubectl(flags, { stdin })).toMatchObject({ code: 0, stderr: '' });
    }
    const list = 'podmonitors,servicemonitors,prometheusrules -n pullguard';
    const { items } = await get<{ items: readonly { kind: string; spec: object }[] }>(list);
    expect(items.map(({ kind }) => kind).sort()).toEqual(['PodMonitor', 'PrometheusRule', 'ServiceMonitor']);
  });
});

test('the Namespace takes no Pod that is not restricted', async () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'bad' },
    spec: { hostNetwork: true, containers: [{ name: 'a', image: 'a:1' }] },
  };
  const { code, stderr } = await kubectl('apply -n pullguard --dry-run=server -f -', { stdin: pod });
  expect(code).toBe(1);
  expect(stderr).toContain('violates PodSecurity "restricted:v1.36"');
});

const KINDS = ['validatingwebhookconfiguration', 'mutatingwebhookconfiguration'] as const;
const [KIND] = KINDS;

type Configuration = Readonly<{
  metadata: { ownerReferences?: readonly { name: string }[] };
  webhooks: readonly [{ clientConfig: { caBundle?: string; service: { path: string } } }];
}>;

function replace(path: string, value: unknown): object {
  return { op: 'replace', path, value };
}

function add(path: string, value: unknown): object {
  return { op: 'add', path, value };
}

/** `patched`, or why not, of the admin. */
async function patch(kind: string, change: readonly object[], flags: readonly string[]): Promise<string> {
  const args = ['patch', kind, 'pullguard', '--type=json', `--patch=${JSON.stringify(change)}`, ...flags];
  const { code, stderr } = await kubectl(args);
  return code === 0 ? 'patched' : stderr;
}

/** The same by a token of pullguard, as a dry run. kubectl would read the object first, which pullguard may not. */
async function patchAsPullguard(kind: string, ...change: readonly object[]): Promise<string> {
  const path = `/apis/admissionregistration.k8s.io/v1/${kind}s/pullguard?dryRun=All`;
  const { status, body } = await callApi({ ...controlPlane, token }, 'PATCH', path, change);
  return status === 200 ? 'patched' : JSON.stringify(body);
}
