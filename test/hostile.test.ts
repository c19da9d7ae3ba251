import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReviewResponse } from '../src/admission/review.ts';
import { pullSecret, seedCluster, serviceAccount } from './cluster/facts/fact-objects.ts';
import type { Json } from './support/objects.ts';
import { startStandIn, type StandInApiServer } from './support/stand-in-api-server.ts';
import { writeKubeconfig } from './support/stand-in-connection.ts';
import { tempFolder } from './support/temp-folder.ts';

// What a tenant with the role `edit` in the namespace `shop` can do to the server as it is installed, from outside: each leaves it
// alive and below its memory limit, has its bad image denied, and another tenant answered.

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const DEPLOYMENT = readFileSync(new URL('../manifests/base/deployment.yaml', import.meta.url), 'utf8');
const NODE_OPTIONS = /NODE_OPTIONS\n\s+value: (.*)/.exec(DEPLOYMENT)![1]!;
const LIMIT_KIB = Number(/limits:[^]*?memory: (\d+)Mi/.exec(DEPLOYMENT)![1]!) * 1024;

const BAD = 'nginx:1.25:latest';
const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });

let api: StandInApiServer;
let server: ChildProcess;
let port: number;

const many = <Made>(count: number, make: (at: number) => Made): Made[] =>
  Array.from({ length: count }, (_, at) => make(at));
const one = (image: string, more: Json = {}): Json[] => [{ name: 'c', image, ...more }];

function deployment(containers: readonly Json[], spec: Json = {}, annotations: Json = {}): Json {
  const template = { metadata: { annotations }, spec: { containers, ...spec } };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', annotations }, spec: { template } };
}

function review(object: Json, namespace = 'shop'): string {
  const kind = { group: 'apps', version: 'v1', kind: object['kind'] };
  const fields = { uid: 'u1', kind, namespace, operation: 'CREATE', userInfo: { username: 'eve' }, object };
  return JSON.stringify({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request: fields });
}

async function post(body: string): Promise<ReviewResponse['response']> {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const call = request({ port, path: '/validate?timeout=30s', method: 'POST', agent, headers });
  // Of what is too large the end is not read; what counts is the answer.
  call.on('error', () => undefined);
  call.end(body);
  const [answer] = (await once(call, 'response')) as [Parameters<typeof json>[0]];
  return ((await json(answer)) as ReviewResponse).response;
}

async function open(): Promise<TLSSocket> {
  const socket = connectTls({ port, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]);
  return socket;
}

beforeAll(async () => {
  api = await startStandIn();
  seedCluster(api);
  api.seed('/api/v1/namespaces', [{ metadata: { name: 'shop' } }, { metadata: { name: 'other' } }]);
  api.seed('/api/v1/secrets', [
    pullSecret(
      'shop/default-secret',
      many(19_000, (at) => `*.h${at}.example.com`),
    ),
    ...many(4, (at) =>
      pullSecret(
        `shop/large${at}`,
        many(25_500, (key) => `r${key}`),
      ),
    ),
  ]);
  api.seed('/api/v1/serviceaccounts', [
    serviceAccount('other/default', []),
    ...many(6, (at) =>
      serviceAccount(
        `shop/a${at}`,
        many(75_000, (name) => `s${name}`),
      ),
    ),
  ]);
  const folder = tempFolder(afterAll);
  const kubeconfig = writeKubeconfig(api, folder.at('kubeconfig'));
  const flags = [
    '--kubeconfig',
    kubeconfig,
    '--secrets',
    'all',
    '--host',
    '127.0.0.1',
    '--port',
    '0',
    '--admin-port',
    '0',
  ];
  server = spawn(process.execPath, [MAIN, 'serve', ...flags, '--drain-seconds', '0'], {
    env: { ...process.env, NODE_OPTIONS },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let isKnown = false;
  for await (const line of createInterface({ input: server.stdout! })) {
    const told = JSON.parse(line) as { msg: string; port: number };
    if (told.msg === 'listening') port = told.port;
    isKnown ||= told.msg === 'cluster state loaded';
    if (isKnown && port > 0) break;
  }
  server.stdout!.resume();
}, 120_000);

afterAll(async () => {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  agent.destroy();
  await ended;
  await api.stop();
});

const escaped = (body: string): string => body.replaceAll('<', '\\u003c');

test.each<[what: string, body: () => string]>([
  [
    '131,000 rules in an annotation',
    () => review(deployment(one(BAD), {}, { 'pullguard.dev/skip': 'a,'.repeat(131_000) })),
  ],
  [
    '19,000 keys, and 5,000 images that they are compared with',
    () => {
      const images = many(5000, (at) => ({ name: `c${at}`, image: `r.x${at}.example.org/a:1` }));
      return review(deployment([...images, ...one(BAD)], { imagePullSecrets: [{ name: 'default-secret' }] }));
    },
  ],
  [
    'more secrets and accounts than anybody keeps',
    () =>
      review(
        deployment(one(BAD), {
          serviceAccountName: 'a1',
          imagePullSecrets: many(75_000, (at) => ({ name: `s${at}` })),
        }),
      ),
  ],
  ['250,001 brackets in a text', () => review(deployment(one(BAD), {}, { x: '['.repeat(250_001) }))],
  [
    'a body that is six times as large as its object',
    () => escaped(review(deployment(one(BAD, { args: ['<'.repeat(3_100_000)] })))),
  ],
  ['a body that is larger than any', () => escaped(review(deployment(one(BAD, { args: ['<'.repeat(3_500_000)] }))))],
  ['300,000 lists', () => review(deployment(one(BAD, { args: many(300_000, () => []) })))],
  ['a body of 6 MB, four at a time', () => review(deployment(one(BAD, { args: ['x'.repeat(6_000_000)] })))],
])('%s', { timeout: 60_000 }, async (_what, make) => {
  const body = make();
  const answers = await Promise.all(many(4, async () => post(body)));
  for (const answer of answers) expect(answer).toMatchObject({ uid: 'u1', allowed: false });
  await expectAlive();
});

test('connections that send a thousand calls at once, and hang up', { timeout: 60_000 }, async () => {
  const calls = 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(600);
  for (let round = 0; round < 2; round++) {
    await Promise.all(
      many(80, async () => {
        const socket = await open();
        socket.write(calls);
        socket.destroy();
      }),
    );
  }
  await expectAlive();
});

test('1,100 connections that never send their body', { timeout: 60_000 }, async () => {
  const head = 'POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{';
  const sockets: TLSSocket[] = [];
  for (let round = 0; round < 11; round++) {
    const opened = await Promise.all(many(100, async () => open()));
    for (const socket of opened) socket.write(head);
    sockets.push(...opened);
  }
  await expectAlive();
  for (const socket of sockets) socket.destroy();
});

/** Another tenant's small review is answered rightly, and the server is below its limit. */
async function expectAlive(): Promise<void> {
  const answer = await post(review(deployment(one(BAD)), 'other'));
  expect(answer.allowed).toBe(false);
  expect(answer.status?.message).toContain('did you mean "nginx:1.25"?');
  expect((await post(review(deployment(one('registry.example.com/a:1')), 'other'))).allowed).toBe(true);
  expect(server.exitCode).toBeNull();
  // Linux alone says what a process took at most.
  if (process.platform !== 'linux') return;
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))!;
  expect(Number(kib)).toBeLessThan(LIMIT_KIB);
}
