/**
 * Counts our files that take part in a call, by the coverage of V8: files with a function that ran while the call was answered,
 * after everything was loaded. To follow the call, a reader has to open that many.
 *
 *     npm run bench -- --files            a table
 *     npm run bench -- --files mutate     also lists the files of the calls with "mutate" in their name
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Session } from 'node:inspector/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { check } from '../src/cli/check.ts';
import { scan } from '../src/cli/scan.ts';
import type { Policy } from '../src/engine/rule.ts';
import { keepAnswerable } from '../src/policy/policy.ts';
import { parseCredentialKey } from '../src/pull/credential-key.ts';
import type { Facts } from '../src/pull/facts.ts';
import { loadPolicy } from '../src/rules/policy.ts';
import { createApp } from '../src/serve/app.ts';
import { createMetrics } from '../src/serve/metrics.ts';
import { openRegistries, type Registries } from '../src/serve/serve-registries.ts';
import { folder, ROOT, startRegistry, startScript } from './processes.ts';
import { podReviews, readSamples } from './reviews.ts';

const HEAD = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';
const MIRRORED = `${HEAD}mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/dockerhub }]\n`;

/** A call, its preparation, and the most files that it should use. */
type Route = Readonly<{ name: string; wanted?: number; run: () => Promise<unknown>; prepare?: () => unknown }>;

export async function measureFiles(name: string | undefined): Promise<void> {
  const routes = await listRoutes();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  const table: Record<string, object> = {};
  for (const { name: route, wanted, run, prepare = run } of routes) {
    // Twice, as the first call loads code and fills caches.
    await prepare();
    await prepare();
    await session.post('Profiler.takePreciseCoverage');
    await run();
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const files = result
      .filter(({ url }) => url.includes('/src/'))
      .map(({ url, functions }) => ({
        file: url.replace(/.*\/src\//, ''),
        // esbuild adds this helper to name functions.
        ran: functions.filter(
          ({ functionName, ranges: [range] }) => functionName !== '__name' && (range?.count ?? 0) > 0,
        ),
      }))
      .filter(({ ran }) => ran.length > 0);
    const functions = files.reduce((sum, { ran }) => sum + ran.length, 0);
    const isEnough = wanted === undefined || files.length <= wanted;
    table[route] = {
      files: `${files.length}${isEnough ? '' : ' (short of the target)'}`,
      wanted: wanted ?? '',
      functions,
    };
    if (name === undefined || !route.includes(name)) continue;
    for (const { file, ran } of files)
      console.log(file.padEnd(40), ran.map(({ functionName }) => functionName).join(' '));
  }
  console.table(table);
}

async function listRoutes(): Promise<readonly Route[]> {
  const [mutated, , deployment] = readSamples().map(({ body }) => body);
  const broken = deployment!.replaceAll(/"image":"[^"]*"/g, '"image":"NGINX:1.25"');
  const { request, ...review } = JSON.parse(deployment!) as { request: { object: object } };
  const update = JSON.stringify({ ...review, request: { ...request, operation: 'UPDATE', oldObject: request.object } });
  const plain = await serve(loadPolicy(MIRRORED, 'policy'), () => ({}));
  const inCluster = await serve(loadPolicy(MIRRORED, 'policy'), () => KNOWN);
  return [
    { name: '/mutate, a new Pod with a mirror', wanted: 25, run: () => plain('/mutate', mutated!) },
    { name: '/validate, a new Pod, cluster known', wanted: 30, run: () => inCluster('/validate', mutated!) },
    { name: '/validate, a new Deployment that is denied', wanted: 30, run: () => plain('/validate', broken) },
    {
      name: '/validate, an updated Deployment',
      wanted: 30,
      run: () => plain('/validate', update.replace('"image":"', '"image":"registry.example.com/')),
    },
    ...(await listRegistryRoutes()),
    ...(await listCommands()),
  ];
}

const KNOWN: Facts = {
  namespaces: { findLabels: () => ({}) },
  serviceAccounts: { find: () => ({ pullSecrets: [], enforcesMountableSecrets: false }) },
  pullSecrets: {
    find: (_namespace, name) =>
      name === 'default-secret'
        ? {
            type: 'kubernetes.io/dockerconfigjson',
            entries: [{ key: parseCredentialKey('swr.eu-de.otc.t-systems.com')!, hasCredentials: true }],
          }
        : 'absent',
    seesEveryType: true,
  },
};

const logger = pino({ level: 'info', base: null }, { write: () => undefined });

type Post = (path: string, body: string) => Promise<unknown>;

async function serve(policy: Policy, facts: () => Facts, registries?: Registries): Promise<Post> {
  const gathered = [...Object.keys(facts()), ...(registries === undefined ? [] : ['registries'])];
  const answerable = keepAnswerable(policy, gathered);
  const app = createApp({
    policy: () => answerable,
    facts,
    ...(registries !== undefined && { registries: registries.current }),
    metrics: createMetrics(),
    logger,
    draining: () => false,
  });
  const server = createServer(app).listen(0, '127.0.0.1').unref();
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return async (path, body) => {
    const headers = { 'Content-Type': 'application/json', Connection: 'close' };
    const answer = await fetch(`http://127.0.0.1:${port}${path}?timeout=10s`, { method: 'POST', headers, body });
    return answer.json();
  };
}

/** Calls with a registry that requires authentication, and a pull secret of `default` with its credentials. */
async function listRegistryRoutes(): Promise<readonly Route[]> {
  const host = await startRegistry('0');
  const policy = loadPolicy(
    `${HEAD}probe: { wait: 10s, waitForControllers: 10s }\nregistries:\n  - { hosts: ['${host}'], pullSecret: default-secret, probe: { plainHttp: true, addresses: ['127.0.0.1/32'] } }\n`,
    'policy',
  );
  const key = parseCredentialKey(host)!;
  const entry = { key, credentials: { username: 'AK', password: 'secret' } };
  const registries = openRegistries({
    policy: () => policy,
    facts: () => KNOWN,
    readKeyring: () => Promise.resolve({ entries: [entry], isComplete: true }),
    metrics: createMetrics(),
    logger,
  });
  const post = await serve(policy, () => KNOWN, registries);
  const [known = '', ...others] = podReviews(Array.from({ length: 4 }, (_, at) => `${host}/team/app-${at}:1`));
  const askNext = (): Promise<unknown> => post('/validate', others.shift() ?? '');
  return [
    { name: '/validate, a new Pod, registry asked before', run: () => post('/validate', known) },
    { name: '/validate, a new Pod, registry asked now', run: askNext },
  ];
}

async function listCommands(): Promise<readonly Route[]> {
  const io = {
    stdout: { write: () => true },
    stderr: { write: () => true },
    readStdin: () => Promise.resolve(''),
  };
  const manifest = join(folder, 'manifest.yaml');
  const policy = join(folder, 'files-policy.yaml');
  const kubeconfig = join(folder, 'files-kubeconfig');
  const { request } = JSON.parse(
    readFileSync(join(ROOT, 'test/fixtures/admission-reviews/deployment-create.json'), 'utf8'),
  ) as {
    request: { object: object };
  };
  writeFileSync(manifest, JSON.stringify(request.object));
  writeFileSync(policy, MIRRORED);
  await startScript('stand-in.ts', ['2', kubeconfig]);
  return [
    { name: 'check, a Deployment', run: () => check([manifest], { config: policy, output: 'text' }, io) },
    {
      name: 'scan, two namespaces',
      run: () => scan({ config: policy, kubeconfig, secrets: 'default-secret-only', output: 'text' }, io),
    },
  ];
}
