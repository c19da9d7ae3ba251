import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { writeCertificateSecret } from '../../../src/cluster/certificates/certificate-secret.ts';
import {
  manageCertificate,
  type ManagedCertificate,
  type ManageOptions,
} from '../../../src/cluster/certificates/managed-certificate.ts';
import { splitCertificates } from '../../../src/tls/source.ts';
import { makePairs, type CertificatePairs, type Lives } from '../../../src/tls/self-signed.ts';
import { isIssuedBy, termProblem } from '../../../src/tls/source.ts';
import { listCertificateAccess, type AccessRule } from '../../support/access.ts';
import type { Json } from '../../support/objects.ts';
import type { SeenRequest } from '../../support/stand-in-cluster.ts';
import { createMemoryCluster, type MemoryCluster } from '../../support/stand-in-memory.ts';
import { handshake } from '../../tls/handshake.ts';
import {
  configuration,
  fromBase64,
  keyLines,
  MUTATING,
  NAMES,
  NAMESPACE,
  pass,
  SECRET,
  SECRETS,
  SERVICE,
  toBase64,
  TOKEN,
  until,
  VALIDATING,
} from './certificate-fixtures.ts';

vi.mock('../../../src/tls/authority.ts', async (importOriginal) =>
  (await import('../../tls/pooled-keys.ts')).poolKeys(importOriginal),
);

const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
const LEASE = `${LEASES}/pullguard`;
const SECRET_PATH = `${SECRETS}/${SECRET.name}`;

/** The shortest that there are: 0.9 s to settle, 1.8 s until the old CA leaves, 0.6 s between two renewals of the Lease. */
const SHORT: Lives = { authorityMs: 60_000, servingMs: 10_000 };

let server: MemoryCluster;
let replicas: ManagedCertificate[];
let told: string[];
let infos: string[];
let misfits: string[];

beforeEach(() => {
  vi.useFakeTimers();
  server = createMemoryCluster();
  server.seed('/api/v1/namespaces', [{ metadata: { name: NAMESPACE } }]);
  seedWebhooks();
  [replicas, told, infos, misfits] = [[], [], [], []];
});

afterEach(async () => {
  server.recover();
  const closing = replicas.map(async (each) => each.close());
  await pass(10_000);
  await Promise.all(closing);
  vi.useRealTimers();
  const keys = server.requests.flatMap(({ body }) => keysIn(body));
  for (const line of keyLines(...keys)) expect([...told, ...infos].join()).not.toContain(line);
});

describe('in a cluster where there is nothing yet', () => {
  test('two replicas that start at once make one CA, give it to the webhooks, and serve what it issued', async () => {
    const [one, two] = [start('one'), start('two')];
    await untilReady(one, two);
    expect(one.current()).toEqual(two.current());
    expect(keyLines(...server.requests.flatMap(({ body }) => keysIn(body))).length).toBeGreaterThan(20);
    expect(infos.filter((each) => each.startsWith('created '))).toEqual([
      'created a CA and a serving certificate in the Secret pullguard/certificates: it does not exist',
    ]);
    expect([one.isLeader(), two.isLeader()].filter(Boolean)).toHaveLength(1);
    expect(told).toEqual([]);
    vi.useRealTimers();
    expect(await handshake(one.current()!, bundlesOf(MUTATING)[0]!, NAMES[0]!)).toBe('authorized');
    expect(await handshake(two.current()!, bundlesOf(VALIDATING)[0]!, NAMES[0]!)).toBe('authorized');
    vi.useFakeTimers();
  });

  test('listeners are told of the pair once; one that fails keeps nobody from looking after the rest', async () => {
    const one = start('one', SHORT);
    const heard: unknown[] = [];
    one.onChange((pair) => {
      heard.push(pair);
      throw new Error('no room for it');
    });
    await untilReady(one);
    expect(heard).toEqual([one.current()]);
    expect(told).toEqual(['managing the certificate failed: no room for it']);
  });

  test('an API server that is away is waited for, and /readyz says so meanwhile', async () => {
    server.stop();
    const one = start('one');
    await pass(5000);
    expect(one.readiness()).toMatch(/^no serving certificate yet: .*connection refused/);
    expect(one.current()).toBeUndefined();
    server.restart();
    await untilReady(one);
  });

  test('a replica that does not lead makes the Secret all the same: the leader may be long gone', async () => {
    const spec = { holderIdentity: 'gone', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' };
    server.seed(LEASES, [{ metadata: { name: 'pullguard', namespace: NAMESPACE }, spec }]);
    const one = start('one');
    await pass(1000);
    expect([one.current() === undefined, one.isLeader()]).toEqual([false, false]);
  });

  test('a Secret that we may not make is told of once, and made as soon as we may', async () => {
    server.failNext({ status: 403, path: SECRETS, method: 'POST', times: 2 });
    const one = start('one');
    await until(() => told.length > 0);
    expect(one.readiness()).toMatch(/^no serving certificate yet: cannot write new certificates to the Secret .*403/);
    await untilReady(one);
    expect(told).toHaveLength(1);
  });
});

describe('what is wrong with the Secret at the start is put right', () => {
  const lives = { authorityMs: 60_000, servingMs: 20_000 };
  const made = async (msAgo: number) => makePairs({ names: NAMES, lives, now: () => new Date(Date.now() - msAgo) });

  test.each<[what: string, data: () => Promise<Json>, keepsAuthority: boolean, why: string]>([
    ['an expired pair', async () => toData(await made(30_000)), true, 'the serving certificate expired'],
    ['an expired CA', async () => toData(await made(90_000)), false, 'the CA expired at'],
    [
      'a key that does not fit',
      async () => toData(await made(0), { 'tls.key': toBase64((await made(0)).serving.key) }),
      true,
      'does not belong to',
    ],
  ])('%s', async (_what, data, keepsAuthority, why) => {
    const before = { metadata: { ...SECRET, labels: { team: 'a' } }, type: 'Opaque', data: await data() };
    server.seed(SECRETS, [before]);
    await untilReady(start('one', lives));
    expect(secretNow()['ca.crt'] === fromBase64(before.data['ca.crt'])).toBe(keepsAuthority);
    expect(server.get(SECRET_PATH)).toMatchObject({ metadata: { labels: { team: 'a' } }, type: 'Opaque' });
    expect(infos).toContainEqual(expect.stringContaining(why));
  });
});

describe('without a single refused call', () => {
  test('a Secret that somebody deletes is back within moments; in the end there is a new CA, and only that', async () => {
    const both = [start('one', SHORT), start('two', SHORT)];
    await untilReady(...both);
    const refusals = watchForRefusals(...both);
    const before = secretNow()['ca.crt']!;
    server.remove(SECRET_PATH);
    await until(() => bundlesOf(MUTATING)[0] === `${secretNow()['ca.crt']}${before}`);
    // Nobody turns to it before API servers have had the time to hear of it.
    expect(both.map((each) => issuedBy(each, before))).toEqual([true, true]);
    await until(() => [MUTATING, VALIDATING].every((each) => bundlesOf(each)[0] === secretNow()['ca.crt']));
    expect(both.map((each) => issuedBy(each, before))).toEqual([false, false]);
    expect(refusals()).toEqual([]);
    expect(told).toEqual([]);
  });

  test('garbage in the Secret is written over, while the pair in memory is served on', async () => {
    const one = start('one', SHORT);
    await untilReady(one);
    const refusals = watchForRefusals(one);
    server.seed(SECRETS, [{ metadata: SECRET, data: { 'ca.crt': 'AAAA', 'tls.key': 'BBBB', more: 'CCCC' } }]);
    await until(() => bundlesOf(VALIDATING)[0] === secretNow()['ca.crt']);
    expect(server.get(SECRET_PATH)).toMatchObject({ data: { more: 'CCCC' } });
    expect(refusals()).toEqual([]);
  });

  test('certificates and CAs follow one another, each before the end of the one before', async () => {
    const lives = { authorityMs: 13_000, servingMs: 10_000 };
    const both = [start('one', lives), start('two', lives)];
    await untilReady(...both);
    const refusals = watchForRefusals(...both);
    const before = secretNow()['ca.crt']!;
    await until(() => [MUTATING, VALIDATING].every((each) => !bundlesOf(each)[0]!.includes(before)));
    expect(refusals()).toEqual([]);
    expect(infos.filter((each) => each.startsWith('created a serving certificate')).length).toBeGreaterThan(0);
    expect(infos.filter((each) => each.startsWith('created a CA')).length).toBe(2);
    expect(issuedBy(both[0]!, bundlesOf(MUTATING)[0]!)).toBe(true);
  });
});

describe('a cluster in which others meddle', () => {
  test('a caBundle that somebody empties, and a configuration made anew, are put right', async () => {
    const one = start('one');
    await untilReady(one);
    server.seed(MUTATING, [configuration('')]);
    await untilInBundles(one);
    server.remove(`${VALIDATING}/pullguard`);
    server.seed(VALIDATING, [configuration(undefined, undefined)]);
    await untilInBundles(one);
    expect(server.get(`${VALIDATING}/pullguard`)?.metadata['ownerReferences']).toHaveLength(1);
    expect(one.readiness()).toBeUndefined();
    expect(told).toEqual([]);
  });

  test('webhooks that may not be written make us not ready, with the reason in the log', async () => {
    server.failNext({ status: 403, path: `${VALIDATING}/pullguard`, method: 'PATCH', times: 99 });
    const one = start('one');
    await pass(5000);
    expect(told).toEqual([
      expect.stringMatching(/^cannot write the CA of the certificate to the validating webhook configuration .*403/),
    ]);
    expect(one.readiness()).toMatch(/^the validating webhook configuration "pullguard" does not have the CA/);
  });

  test('a replica that is ready stays so when the API server is lost, and serves on', async () => {
    const one = start('one');
    await untilReady(one);
    const before = one.current();
    server.stop();
    await pass(60_000);
    expect(told).not.toEqual([]);
    expect(one.readiness()).toBeUndefined();
    expect(one.current()).toBe(before);
  });
});

describe('API servers alone are told where to call', () => {
  const PLAIN = { mutate: '/mutate', validate: '/validate' };

  test('from the start, at a path of the Secret that every replica serves, and at no other', async () => {
    const [one, two] = [start('one'), start('two')];
    await untilReady(one, two);
    const { token = '' } = secretNow();
    expect(namedPaths()).toEqual([`/${token}/mutate`, `/${token}/validate`]);
    for (const { paths } of [one, two]) {
      expect(namedPaths().map(paths.find)).toEqual(['mutate', 'validate']);
      for (const path of ['/mutate', '/validate', '/', '', `/${token}`, `/${token}/`, `/${'0'.repeat(64)}/validate`]) {
        expect([path, paths.find(path)]).toEqual([path, undefined]);
      }
      expect(paths.areSecret()).toBe(true);
    }
  });

  test('at another path with a new CA: whatever they have heard of is served, also by a replica that starts meanwhile', async () => {
    const one = start('one', SHORT);
    await untilReady(one);
    const [before, after] = [namedPaths(), () => `/${secretNow()['token']}/mutate`];
    server.remove(SECRET_PATH);
    await until(() => ![undefined, before[0]!.split('/')[1]].includes(secretNow()['token']));
    const two = start('two', SHORT);
    await untilReady(two);
    const unserved = watchForUnserved(one, two);
    await until(() => namedPaths()[0] === after());
    expect(after()).not.toBe(before[0]);
    await pass(25_000);
    expect(unserved()).toEqual([]);
    await pass(10_000);
    for (const { paths } of [one, two]) {
      expect(before.map(paths.find)).toEqual([undefined, undefined]);
      expect(paths.areSecret()).toBe(true);
    }
  });

  test('again after somebody wrote down a path that anybody knows, which is served until no API server calls there', async () => {
    const [one, two] = [start('one'), start('two')];
    await untilReady(one, two);
    const paths = namedPaths();
    const unserved = watchForUnserved(one, two);
    for (const [collection, path] of [
      [MUTATING, PLAIN.mutate],
      [VALIDATING, PLAIN.validate],
    ] as const) {
      writePath(collection, path);
    }
    await until(() => namedPaths().join() === paths.join());
    expect([one.paths.find('/validate'), one.paths.areSecret()]).toEqual(['validate', false]);
    await pass(25_000);
    expect(unserved()).toEqual([]);
    await pass(10_000);
    for (const replica of [one, two]) {
      expect([replica.paths.find('/validate'), replica.paths.areSecret()]).toEqual([undefined, true]);
    }
    expect(told).toEqual([]);
  });

  test('also while a replica waits for another answer: a configuration may change at any time', async () => {
    const one = start('one');
    await untilReady(one);
    // The last write is a while ago, so that the next one goes out at once.
    await pass(2000);
    server.hang({ method: 'PATCH' });
    writePath(MUTATING, '/webhooks/mutate');
    await pass(0);
    expect([one.paths.find('/webhooks/mutate'), server.hungRequests()]).toEqual(['mutate', 1]);
    writePath(VALIDATING, '/webhooks/validate');
    await pass(0);
    expect(one.paths.find('/webhooks/validate')).toBe('validate');
  });

  test('and one that cannot be told apart is not served, so that we are not ready until it is put right', async () => {
    const one = start('one');
    await untilReady(one);
    server.failNext({ status: 403, path: `${MUTATING}/pullguard`, method: 'PATCH' });
    writePath(MUTATING, undefined);
    await pass(0);
    expect(one.readiness()).toMatch(/^a webhook configuration does not have the path of this webhook yet: /);
    await untilReady(one);
  });
});

describe('a leader that ends', () => {
  test('is followed by the other replica, which does the work from then on', async () => {
    const one = start('one', SHORT);
    await untilReady(one);
    const two = start('two', SHORT);
    await untilReady(two);
    await one.close();
    expect(server.get(LEASE)?.['spec']).toMatchObject({ holderIdentity: '' });
    await pass(1000);
    expect([one.isLeader(), two.isLeader()]).toEqual([false, true]);
    server.seed(MUTATING, [configuration('')]);
    await untilInBundles(two);
  });

  test('asks the API server for nothing more, and keeps its pair for the calls that are left', async () => {
    const one = start('one');
    await untilReady(one);
    const pair = one.current();
    await one.close();
    const asked = server.requests.length;
    server.remove(SECRET_PATH);
    await pass(600_000);
    expect([server.openWatches(), server.requests.length, one.current()]).toEqual([0, asked, pair]);
  });

  test('ends also while it is waiting for an answer', async () => {
    server.hang();
    const one = start('one');
    await pass(100);
    expect(server.hungRequests()).toBeGreaterThan(0);
    await one.close();
    expect(told).toEqual([]);
  });
});

test.each<[why: string, options: Partial<ManageOptions>, message: RegExp]>([
  ['a name that cannot be in a certificate', { dnsNames: ['a b'] }, /^"a b" is not a DNS name/],
  ['no name', { dnsNames: [] }, /at least one/],
  [
    'a life too short to be renewed in',
    { lives: { servingMs: 9999 } },
    /--certificate-life is 9999 ms .* at least 10000 ms/,
  ],
  ['a CA that ends before what it issues', { lives: { authorityMs: 10_000 } }, /at least as much for the CA/],
  ['a life that is no number', { lives: { servingMs: Number.NaN } }, /NaN ms/],
])('%s is refused at the start', (_why, options, message) => {
  expect(() => manageCertificate({ ...optionsOf('one'), ...options })).toThrow(message);
});

test('what is asked of the API server is what is listed: no more, or it would be refused; no less, or it is too much', async () => {
  const one = start('one', SHORT);
  await untilReady(one);
  // Made at first, it is written over when it is there and of no use.
  server.seed(SECRETS, [{ metadata: SECRET, data: {} }]);
  await pass(5000);
  await one.close();
  expect([...new Set(server.requests.map(describeRequest))].sort()).toEqual(
    listCertificateAccess(optionsOf('one')).flatMap(describeRule).sort(),
  );
  expect(told).toEqual([]);
});

/** `list leases.coordination.k8s.io pullguard in ours`. */
function describeRule({ apiGroup, resource, verbs, resourceNames, namespaced }: AccessRule): readonly string[] {
  // To the authorizer a Namespace is in itself, so a Role allows this of the Namespace that it is in.
  if (resource === 'namespaces') return verbs.map((verb) => `${verb} ${resource}.${apiGroup} ${NAMESPACE} in all`);
  return (resourceNames ?? ['']).flatMap((name) =>
    verbs.map((verb) => `${verb} ${resource}.${apiGroup} ${name} in ${namespaced ? 'ours' : 'all'}`),
  );
}

function describeRequest({ method, path, query }: SeenRequest): string {
  const [, group = '', namespace, resource = '', named] =
    /^\/(?:api|apis\/([^/]+))\/v1(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
  const selected = /^metadata\.name=(.+)$/.exec(query['fieldSelector'] ?? '')?.[1];
  const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch' };
  const reading = query['watch'] === 'true' ? 'watch' : named === undefined ? 'list' : 'get';
  return `${verbs[method] ?? reading} ${resource}.${group} ${named ?? selected ?? ''} in ${namespace === undefined ? 'all' : 'ours'}`;
}

function start(identity: string, lives?: Lives): ManagedCertificate {
  const replica = manageCertificate({ ...optionsOf(identity), ...(lives !== undefined && { lives }) });
  replicas.push(replica);
  return replica;
}

function optionsOf(identity: string): ManageOptions {
  return {
    api: server.connect(NAMESPACE),
    namespace: NAMESPACE,
    secretName: SECRET.name,
    webhookConfigurationName: 'pullguard',
    service: SERVICE,
    dnsNames: NAMES,
    identity,
    onError: (message) => told.push(message),
    onInfo: (message) => infos.push(message),
    onMisfit: (problem) => misfits.push(problem),
  };
}

function seedWebhooks(): void {
  for (const collection of [MUTATING, VALIDATING]) server.seed(collection, [configuration(undefined)]);
}

async function untilReady(...wanted: readonly ManagedCertificate[]): Promise<void> {
  await until(() => wanted.every((each) => each.readiness() === undefined));
}

async function untilInBundles(replica: ManagedCertificate): Promise<void> {
  await until(() => [MUTATING, VALIDATING].flatMap(bundlesOf).every((bundle) => issuedBy(replica, bundle)));
}

/** Holds what is served against what is stored, again and again, as an API server would that hears of all at once. */
function watchForRefusals(...served: readonly ManagedCertificate[]): () => readonly string[] {
  const refusals: string[] = [];
  const timer = setInterval(() => {
    const now = new Date();
    for (const replica of served) {
      const problem = termProblem('certificate', replica.current()!, now) ?? replica.readiness();
      const isTrusted = [MUTATING, VALIDATING].flatMap(bundlesOf).every((bundle) => issuedBy(replica, bundle));
      if (problem !== undefined || !isTrusted) refusals.push(`${now.toISOString()}: ${problem ?? 'not trusted'}`);
    }
  }, 200);
  return () => {
    clearInterval(timer);
    return refusals;
  };
}

/** Calls each replica, again and again, wherever an API server would that hears of a change up to 25 s late. */
function watchForUnserved(...served: readonly ManagedCertificate[]): () => readonly string[] {
  const unserved = new Set<string>();
  const named = new Map<string, number>();
  const timer = setInterval(() => {
    for (const path of namedPaths()) named.set(path, Date.now());
    for (const [path, lastNamed] of named) {
      if (Date.now() > lastNamed + 25_000) named.delete(path);
      else if (served.some(({ paths }) => paths.find(path) !== /[^/]*$/.exec(path)?.[0])) unserved.add(path);
    }
  }, 50);
  return () => {
    clearInterval(timer);
    return [...unserved];
  };
}

function namedPaths(): readonly string[] {
  return [MUTATING, VALIDATING].flatMap((collection) => {
    const webhooks = server.get(`${collection}/pullguard`)!['webhooks'] as { clientConfig: { service: Json } }[];
    return webhooks.map(({ clientConfig }) => String(clientConfig.service['path']));
  });
}

function writePath(collection: string, path: string | undefined): void {
  const before = server.get(`${collection}/pullguard`)!;
  const webhooks = (before['webhooks'] as { clientConfig: { service: Json } }[]).map((webhook) => {
    const service = { ...webhook.clientConfig.service, path };
    return { ...webhook, clientConfig: { ...webhook.clientConfig, service } };
  });
  server.seed(collection, [{ ...before, webhooks }]);
}

function issuedBy(replica: ManagedCertificate, bundle: string): boolean {
  const { cert } = replica.current()!;
  return splitCertificates(bundle).some((pem) => {
    const key = cert + pem;
    const known = issued.get(key) ?? isIssuedBy(new X509Certificate(cert), new X509Certificate(pem));
    issued.set(key, known);
    return known;
  });
}

/** To look every 50 ms costs nothing then. */
const issued = new Map<string, boolean>();

function bundlesOf(collection: string): readonly string[] {
  const webhooks = server.get(`${collection}/pullguard`)!['webhooks'] as { clientConfig: Json }[];
  return webhooks.map(({ clientConfig }) => fromBase64(clientConfig['caBundle'] ?? ''));
}

function secretNow(): Readonly<Record<string, string>> {
  const data = (server.get(SECRET_PATH)?.['data'] ?? {}) as Readonly<Record<string, string>>;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, fromBase64(value)]));
}

function toData(pairs: CertificatePairs, more: Json = {}): Json {
  return { ...(writeCertificateSecret(undefined, SECRET, { ...pairs, token: TOKEN })['data'] as Json), ...more };
}

/** What must not be told of, of whatever was written. */
function keysIn(body: unknown): readonly string[] {
  const data = ((body as Json | undefined)?.['data'] ?? {}) as Readonly<Record<string, unknown>>;
  return ['ca.key', 'tls.key', 'token'].map((name) => fromBase64(data[name] ?? ''));
}
