import { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { splitCertificates } from '../../src/tls/source.ts';
import { POLICY, unregister, useCluster } from './fixture.ts';
import { startInCluster } from './in-cluster.ts';
import { installManifests, installWebhooks, isReady, startReplica } from './install.ts';
import { make } from './objects.ts';
import { waitFor } from './processes.ts';
import type { Pullguard } from './pullguard-process.ts';

const cluster = useCluster('certificates');
const { kubectl, call, get } = cluster;

const KINDS = ['mutatingwebhookconfiguration', 'validatingwebhookconfiguration'] as const;

type Configuration = Readonly<{
  metadata: { ownerReferences?: readonly { kind: string; name: string }[] };
  webhooks: readonly { name: string; clientConfig: { caBundle?: string; service: { path?: string } } }[];
}>;

let running: Pullguard[] = [];

beforeEach(async () => {
  await installManifests(cluster);
});

afterEach(async () => {
  await unregister(cluster);
  await Promise.all(running.map(async ({ stop }) => stop()));
  running = [];
  await kubectl('-n pullguard delete --ignore-not-found secret pullguard-certificates');
  await kubectl('-n pullguard delete --ignore-not-found lease pullguard');
});

async function start(flags: readonly string[] = []): Promise<Pullguard> {
  const pullguard = await startInCluster(cluster, { policy: POLICY, flags });
  running.push(pullguard);
  return pullguard;
}

async function readClientConfigs(): Promise<readonly Configuration['webhooks'][number]['clientConfig'][]> {
  const configurations = await Promise.all(KINDS.map(async (kind) => get<Configuration>(`${kind} pullguard`)));
  return configurations.flatMap(({ webhooks }) => webhooks.map(({ clientConfig }) => clientConfig));
}

async function readBundles(): Promise<readonly string[]> {
  const configs = await readClientConfigs();
  return configs.map(({ caBundle = '' }) => Buffer.from(caBundle, 'base64').toString());
}

async function readPaths(): Promise<readonly string[]> {
  return (await readClientConfigs()).map(({ service: { path = '' } }) => path);
}

/** What a pod gets for a review that it has made up. */
async function callAt(port: number, path: string): Promise<number | undefined> {
  const { 'ca.crt': ca } = await readSecret();
  return new Promise((resolve, reject) => {
    const servername = 'pullguard.pullguard.svc';
    const target = { host: '127.0.0.1', port, path, method: 'POST', ca, servername, agent: false };
    const call = request(target, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on('error', reject).end('{}');
  });
}

async function readSecret(): Promise<Readonly<Record<string, string>>> {
  const { data } = await get<{ data: Record<string, string> }>('-n pullguard secret pullguard-certificates');
  return Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString()]));
}

/** Whether all webhooks trust the CAs of the Secret; a CA from before may be among theirs for a while. */
async function areAllTrusting(): Promise<boolean> {
  const authorities = splitCertificates((await readSecret())['ca.crt'] ?? '');
  const bundles = await readBundles();
  return authorities.length > 0 && bundles.every((bundle) => authorities.every((pem) => bundle.includes(pem)));
}

test('an installation without cert-manager and openssl is trusted in seconds', async () => {
  const started = performance.now();
  await start();
  console.log(
    `asked ${Math.round(performance.now() - started)} ms after the start, webhook configurations applied on the way`,
  );
  expect(await areAllTrusting()).toBe(true);
  const { metadata } = await get<Configuration>('mutatingwebhookconfiguration pullguard');
  expect(metadata.ownerReferences).toMatchObject([{ kind: 'Namespace', name: 'pullguard' }]);
});

test('API servers call at a path that no pod knows, and which an apply leaves alone', async () => {
  const { port, readLog } = await start();
  const { token } = await readSecret();
  const paths = [`/${token!}/mutate`, `/${token!}/validate`, `/${token!}/validate`];
  expect(await readPaths()).toEqual(paths);
  await installWebhooks(cluster, port);
  expect([await readPaths(), await areAllTrusting()]).toEqual([paths, true]);
  for (const path of ['/validate', '/mutate', '/']) expect([path, await callAt(port, path)]).toEqual([path, 404]);
  // It has found an endpoint, and is no AdmissionReview.
  expect(await callAt(port, paths[1]!)).toBe(415);

  // Served while a configuration names it, so that nothing is admitted unchecked until it is put right.
  const patch = '[{"op":"replace","path":"/webhooks/0/clientConfig/service/path","value":"/validate"}]';
  expect((await kubectl(['patch', KINDS[1], 'pullguard', '--type=json', '--patch', patch])).code).toBe(0);
  const until = Date.now() + 3000;
  while (Date.now() < until) {
    const { status } = await call('POST', 'deployments?dryRun=All', make('Deployment', 'bad', 'NGINX:1.25'));
    expect(status).toBe(403);
  }
  expect(await readPaths()).toEqual(paths);
  expect(JSON.stringify(readLog())).not.toContain(token);
});

test('two replicas that start at once make one CA, and one takes over from the other', async () => {
  const replicas = await Promise.all([1, 2].map(async () => startReplica(cluster, { policy: POLICY })));
  running.push(...replicas);
  const [one, other] = replicas as [Pullguard, Pullguard];
  await installWebhooks(cluster, one.port);
  for (const replica of replicas) expect(await waitFor(async () => isReady(replica)), 'both are ready').toBe(true);
  const { 'ca.crt': ca = '' } = await readSecret();
  expect(splitCertificates(ca)).toHaveLength(1);

  await one.stop();
  await kubectl('-n pullguard delete secret pullguard-certificates');
  expect(
    await waitFor(async () => 'ca.crt' in (await readSecret()) && (await areAllTrusting()), 20),
    'the other one repairs',
  ).toBe(true);
  expect(await waitFor(async () => isReady(other))).toBe(true);
});

describe('what somebody breaks is put right within seconds', () => {
  test.each<[string, () => Promise<unknown>]>([
    [
      'a caBundle that is emptied',
      async () =>
        kubectl([
          'patch',
          KINDS[1],
          'pullguard',
          '--type=json',
          '--patch',
          '[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]',
        ]),
    ],
    ['a Secret that is deleted', async () => kubectl('-n pullguard delete secret pullguard-certificates')],
    [
      'a Secret that is filled with something else',
      async () =>
        kubectl([
          '-n',
          'pullguard',
          'patch',
          'secret',
          'pullguard-certificates',
          '--patch',
          '{"stringData":{"tls.key":"x","ca.crt":"y"}}',
        ]),
    ],
  ])('%s', async (_, breakIt) => {
    const pullguard = await start();
    await breakIt();
    const started = performance.now();
    const isRepaired = async (): Promise<boolean> => {
      const { status } = await call('POST', 'deployments?dryRun=All', make('Deployment', 'bad', 'NGINX:1.25'));
      return status === 403 && (await areAllTrusting()) && (await isReady(pullguard));
    };
    expect(await waitFor(isRepaired, 20)).toBe(true);
    console.log(`repaired ${Math.round(performance.now() - started)} ms later`);
  });

  test('the webhook configurations, applied again', async () => {
    const { port } = await start();
    await kubectl(`delete ${KINDS.join(',')} pullguard`);
    await installWebhooks(cluster, port);
    expect(await waitFor(areAllTrusting, 20)).toBe(true);
  });
});

test('a CA of 60 s is renewed under load, and no admission fails', { timeout: 240_000 }, async () => {
  await start(['--ca-life=60s', '--certificate-life=30s']);
  // Calls that fail must show.
  for (const kind of KINDS) {
    const patch = '[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Fail"}]';
    expect((await kubectl(['patch', kind, 'pullguard', '--type=json', '--patch', patch])).code).toBe(0);
  }
  const seen = new Set<string>();
  let serving = new Set<string>();
  const statuses = new Map<number, number>();
  const failures: unknown[] = [];
  const until = Date.now() + 130_000;
  const load = async (): Promise<void> => {
    while (Date.now() < until) {
      const { status, body } = await call('POST', 'pods?dryRun=All', make('Pod', 'load', 'nginx'));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status !== 201) failures.push(body);
      await wait(10);
    }
  };
  const watch = async (): Promise<void> => {
    while (Date.now() < until) {
      const { 'ca.crt': bundle = '', 'tls.crt': leaf = '' } = await readSecret();
      for (const pem of splitCertificates(bundle)) {
        seen.add(new X509Certificate(pem).fingerprint256);
      }
      if (leaf !== '') serving = serving.add(new X509Certificate(leaf).fingerprint256);
      await wait(1000);
    }
  };
  await Promise.all([load(), load(), watch()]);
  console.log(
    `${[...statuses].map(([status, count]) => `${count} × ${status}`).join(', ')}; ${seen.size} CAs, ${serving.size} certificates`,
  );
  expect(failures).toEqual([]);
  expect(seen.size, 'CAs').toBeGreaterThanOrEqual(3);
  expect(serving.size, 'certificates').toBeGreaterThanOrEqual(4);
});
