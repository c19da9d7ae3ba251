import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { writeCertificateSecret, type CertificatePairs } from '../../../src/cluster/certificates/certificate-secret.ts';
import { makeAll, type Lives } from '../../../src/cluster/certificates/issue-certificates.ts';
import { manageCertificate, type ManagedCertificate } from '../../../src/cluster/certificates/managed-certificate.ts';
import type * as Authority from '../../../src/tls/authority.ts';
import type { Json } from '../../support/objects.ts';
import { startStandIn, type StandInApiServer } from '../../support/stand-in-api-server.ts';
import { connectTo } from '../../support/stand-in-connection.ts';
import { configuration, fromBase64, keyLines, NAMES, NAMESPACE, SERVICE } from './certificate-fixtures.ts';

vi.mock('../../../src/tls/authority.ts', async (importOriginal) => {
  const [authority, { poolKeys }] = await Promise.all([importOriginal<typeof Authority>(), import('./pooled-keys.ts')]);
  return { ...authority, makeKeys: poolKeys(authority.makeKeys) };
});

const MUTATING = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const VALIDATING = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const SECRET = { namespace: NAMESPACE, name: 'certificates' };
const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/pullguard`;

/** The shortest that there are: 0.9 s to settle, 1.8 s until the old CA leaves, 0.6 s between two renewals of the Lease. */
const SHORT: Lives = { authorityMs: 60_000, servingMs: 10_000 };
const WAIT = { timeout: 8000, interval: 20 };

let standIn: StandInApiServer;
let replicas: ManagedCertificate[];
let told: string[];
let infos: string[];

beforeEach(async () => {
  standIn = await startStandIn();
  standIn.seed('/api/v1/namespaces', [{ metadata: { name: NAMESPACE } }]);
  seedWebhooks();
  [replicas, told, infos] = [[], [], []];
});

afterEach(async () => {
  await Promise.all(replicas.map(async (each) => each.close()));
  const keys = standIn.requests.flatMap(({ body }) => keysIn(body));
  for (const line of keyLines(...keys)) expect([...told, ...infos].join()).not.toContain(line);
  await standIn.stop();
});

describe('in a cluster where there is nothing yet', () => {
  test('two replicas that start at once make one CA, give it to the webhooks, and serve what it issued', async () => {
    const [one, two] = [start('one'), start('two')];
    await untilReady(one, two);
    expect(one.current()).toEqual(two.current());
    expect(keyLines(...standIn.requests.flatMap(({ body }) => keysIn(body))).length).toBeGreaterThan(20);
    expect(infos.filter((each) => each.startsWith('made '))).toEqual([
      'made a new CA and serving certificate in the Secret pullguard/certificates: it does not exist',
    ]);
    expect([one.isLeader(), two.isLeader()].filter(Boolean)).toHaveLength(1);
    expect(await handshake(one, bundlesOf(MUTATING)[0]!)).toBe('authorized');
    expect(await handshake(two, bundlesOf(VALIDATING)[0]!)).toBe('authorized');
    expect(told).toEqual([]);
  });

  test('listeners are told of the pair once', async () => {
    const one = start('one');
    const heard: unknown[] = [];
    one.onChange((pair) => heard.push(pair));
    await untilReady(one);
    expect(heard).toEqual([one.current()]);
  });

  test('a listener that fails is told of, and keeps nobody from looking after the rest', async () => {
    const one = start('one', SHORT);
    one.onChange(() => {
      throw new Error('no room for it');
    });
    await untilReady(one);
    expect(told).toEqual(['the certificate could not be looked after: no room for it']);
  });

  test('an API server that is away is waited for, and /readyz says so meanwhile', async () => {
    await standIn.stop();
    const one = start('one');
    await vi.waitFor(() => {
      expect(one.readiness()).toMatch(/^there is no certificate yet: .*nothing listens there/);
    }, WAIT);
    expect(one.current()).toBeUndefined();
    await standIn.restart();
    await untilReady(one);
  });

  test('a replica that does not lead makes the Secret all the same: the leader may be long gone', async () => {
    const spec = { holderIdentity: 'gone', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' };
    standIn.seed(LEASE.replace(/\/[^/]+$/, ''), [{ metadata: { name: 'pullguard', namespace: NAMESPACE }, spec }]);
    const one = start('one');
    await vi.waitFor(() => {
      expect(one.current()).toBeDefined();
    }, WAIT);
    expect(one.isLeader()).toBe(false);
  });

  test('webhook configurations may come later', async () => {
    for (const collection of [MUTATING, VALIDATING]) standIn.remove(`${collection}/pullguard`);
    const one = start('one');
    await untilReady(one);
    seedWebhooks();
    await untilInBundles(one);
  });

  test('a Secret that we may not make is told of once, and made as soon as we may', async () => {
    standIn.failNext({ status: 403, path: SECRETS, method: 'POST', times: 2 });
    const one = start('one');
    await vi.waitFor(() => {
      expect(one.readiness()).toMatch(/^there is no certificate yet: the Secret .* cannot be given .*403/);
    }, WAIT);
    await untilReady(one);
    expect(told).toHaveLength(1);
  });
});

describe('what is wrong with the Secret at the start is put right', () => {
  const lives = { authorityMs: 60_000, servingMs: 20_000 };
  const ago = (ms: number) => ({ names: NAMES, lives, now: () => new Date(Date.now() - ms) });

  test.each<[what: string, data: () => Promise<Json>, keepsAuthority: boolean, why: string]>([
    ['it was made empty in advance', async () => Promise.resolve({}), false, 'ca.crt is missing or empty'],
    ['garbage', async () => toData(await makeAll(ago(0)), { 'ca.crt': 'AAAA' }), false, 'ca.crt and ca.key cannot be'],
    ['an expired pair', async () => toData(await makeAll(ago(30_000))), true, 'the serving certificate expired'],
    ['an expired CA', async () => toData(await makeAll(ago(90_000))), false, 'the CA expired on'],
    [
      'a key that does not fit',
      async () => toData(await makeAll(ago(0)), await otherKey()),
      true,
      'does not belong to',
    ],
  ])('%s', async (_what, data, keepsAuthority, why) => {
    const before = { metadata: { ...SECRET, labels: { team: 'a' } }, type: 'Opaque', data: await data() };
    standIn.seed(SECRETS, [before]);
    const one = start('one', lives);
    await untilReady(one);
    const after = secretNow();
    expect(after['ca.crt'] === fromBase64(before.data['ca.crt'])).toBe(keepsAuthority);
    expect(standIn.get(`${SECRETS}/certificates`)).toMatchObject({
      metadata: { labels: { team: 'a' } },
      type: 'Opaque',
    });
    expect(infos).toContainEqual(expect.stringContaining(why));
  });

  async function otherKey(): Promise<Json> {
    const { serving } = await makeAll(ago(0));
    return { 'tls.key': Buffer.from(serving.key).toString('base64') };
  }
});

describe('without a single refused call', () => {
  test('a Secret that somebody deletes is back within moments; in the end there is a new CA, and only that', async () => {
    const [one, two] = [start('one', SHORT), start('two', SHORT)];
    await untilReady(one, two);
    const refusals = watchForRefusals(one, two);
    const before = secretNow()['ca.crt']!;
    standIn.remove(`${SECRETS}/certificates`);
    await vi.waitFor(() => {
      expect(bundlesOf(MUTATING)[0]).toBe(secretNow()['ca.crt']! + before);
    }, WAIT);
    // Nobody turns to it before API servers have had the time to hear of it.
    expect([one, two].map((each) => issuedBy(each, before))).toEqual([true, true]);
    await vi.waitFor(() => {
      for (const collection of [MUTATING, VALIDATING]) expect(bundlesOf(collection)).toEqual([secretNow()['ca.crt']]);
    }, WAIT);
    expect([one, two].map((each) => issuedBy(each, before))).toEqual([false, false]);
    expect(refusals()).toEqual([]);
    expect(told).toEqual([]);
  });

  test('garbage in the Secret is written over, while the pair in memory is served on', async () => {
    const one = start('one', SHORT);
    await untilReady(one);
    const refusals = watchForRefusals(one);
    standIn.seed(SECRETS, [{ metadata: SECRET, data: { 'ca.crt': 'AAAA', 'tls.key': 'BBBB', more: 'CCCC' } }]);
    await vi.waitFor(() => {
      expect(bundlesOf(VALIDATING)).toEqual([secretNow()['ca.crt']]);
    }, WAIT);
    expect(standIn.get(`${SECRETS}/certificates`)).toMatchObject({ data: { more: 'CCCC' } });
    expect(refusals()).toEqual([]);
  });

  test('certificates and CAs follow one another, each before the end of the one before', async () => {
    const lives = { authorityMs: 13_000, servingMs: 10_000 };
    const [one, two] = [start('one', lives), start('two', lives)];
    await untilReady(one, two);
    const refusals = watchForRefusals(one, two);
    const before = secretNow()['ca.crt']!;
    await vi.waitFor(
      () => {
        expect(bundlesOf(MUTATING)).toEqual(bundlesOf(VALIDATING));
        expect(bundlesOf(MUTATING)[0]).not.toContain(before);
      },
      { timeout: 20_000, interval: 50 },
    );
    expect(refusals()).toEqual([]);
    expect(infos.filter((each) => each.startsWith('made a new serving certificate')).length).toBeGreaterThan(0);
    expect(infos.filter((each) => each.startsWith('made a new CA')).length).toBe(2);
    expect(await handshake(one, bundlesOf(MUTATING)[0]!)).toBe('authorized');
  });
});

describe('a cluster in which others meddle', () => {
  test('a caBundle that somebody empties, and a configuration made anew, are put right', async () => {
    const one = start('one');
    await untilReady(one);
    standIn.seed(MUTATING, [configuration('')]);
    await untilInBundles(one);
    standIn.remove(`${VALIDATING}/pullguard`);
    standIn.seed(VALIDATING, [configuration(undefined, undefined)]);
    await untilInBundles(one);
    expect(standIn.get(`${VALIDATING}/pullguard`)?.metadata['ownerReferences']).toHaveLength(1);
    expect(one.readiness()).toBeUndefined();
    expect(told).toEqual([]);
  });

  test('webhooks that may not be written make us not ready, with the reason in the log', async () => {
    standIn.failNext({ status: 403, path: `${VALIDATING}/pullguard`, method: 'PATCH', times: 99 });
    const one = start('one');
    await vi.waitFor(() => {
      expect(told).toEqual([expect.stringMatching(/^the validating webhook configuration .* cannot be given .*403/)]);
    }, WAIT);
    expect(one.readiness()).toMatch(/^the validating webhook configuration "pullguard" does not trust/);
  });

  test('a replica that is ready stays so when the API server is lost, and serves on', async () => {
    const one = start('one');
    await untilReady(one);
    const before = one.current();
    await standIn.stop();
    await vi.waitFor(() => {
      expect(told.length).toBeGreaterThan(0);
    }, WAIT);
    expect(one.readiness()).toBeUndefined();
    expect(one.current()).toBe(before);
    await standIn.restart();
  });
});

describe('a leader that ends', () => {
  test('is followed by the other replica, which does the work from then on', async () => {
    const one = start('one', SHORT);
    await untilReady(one);
    const two = start('two', SHORT);
    await untilReady(two);
    await one.close();
    expect(standIn.get(LEASE)?.['spec']).toMatchObject({ holderIdentity: '' });
    await vi.waitFor(() => {
      expect(two.isLeader()).toBe(true);
    }, WAIT);
    standIn.seed(MUTATING, [configuration('')]);
    await untilInBundles(two);
    expect(one.isLeader()).toBe(false);
  });

  test('asks the API server for nothing more, and keeps its pair for the calls that are left', async () => {
    const one = start('one');
    await untilReady(one);
    const pair = one.current();
    await one.close();
    const asked = standIn.requests.length;
    standIn.remove(`${SECRETS}/certificates`);
    await vi.waitFor(() => {
      expect(standIn.openWatches()).toBe(0);
    }, WAIT);
    expect(standIn.requests).toHaveLength(asked);
    expect(one.current()).toBe(pair);
  });

  test('ends also while it is waiting for an answer', async () => {
    standIn.hang();
    const one = start('one');
    await vi.waitFor(() => {
      expect(standIn.requests.length).toBeGreaterThan(0);
    }, WAIT);
    await one.close();
    expect(told).toEqual([]);
  });
});

test.each<[why: string, options: Partial<Parameters<typeof manageCertificate>[0]>, message: RegExp]>([
  ['a name that cannot be in a certificate', { dnsNames: ['a b'] }, /^"a b" is not a DNS name/],
  ['lives too short to be kept up', { lives: { servingMs: 1 } }, /a serving certificate for 1 ms/],
])('%s is refused at the start', (_why, options, message) => {
  expect(() => manageCertificate({ ...optionsOf('one'), ...options })).toThrow(message);
});

function start(identity: string, lives?: Lives): ManagedCertificate {
  const replica = manageCertificate({ ...optionsOf(identity), ...(lives !== undefined && { lives }) });
  replicas.push(replica);
  return replica;
}

function optionsOf(identity: string): Parameters<typeof manageCertificate>[0] {
  return {
    api: connectTo(standIn, NAMESPACE),
    namespace: NAMESPACE,
    secretName: SECRET.name,
    webhookConfigurationName: 'pullguard',
    service: SERVICE,
    dnsNames: NAMES,
    identity,
    onError: (message) => told.push(message),
    onInfo: (message) => infos.push(message),
  };
}

function seedWebhooks(): void {
  standIn.seed(MUTATING, [configuration(undefined)]);
  standIn.seed(VALIDATING, [configuration(undefined)]);
}

async function untilReady(...wanted: readonly ManagedCertificate[]): Promise<void> {
  await vi.waitFor(() => {
    for (const each of wanted) expect(each.readiness()).toBeUndefined();
  }, WAIT);
}

async function untilInBundles(replica: ManagedCertificate): Promise<void> {
  await vi.waitFor(() => {
    for (const bundle of [...bundlesOf(MUTATING), ...bundlesOf(VALIDATING)])
      expect(issuedBy(replica, bundle)).toBe(true);
  }, WAIT);
}

/** Holds what is served against what is stored, again and again, as an API server would that hears of all at once. */
function watchForRefusals(...served: readonly ManagedCertificate[]): () => readonly string[] {
  const refusals: string[] = [];
  const timer = setInterval(() => {
    for (const replica of served) {
      const { notBefore, notAfter } = replica.current()!;
      if (new Date() < notBefore || new Date() > notAfter) refusals.push(`not valid at ${new Date().toISOString()}`);
      for (const bundle of [...bundlesOf(MUTATING), ...bundlesOf(VALIDATING)]) {
        if (!issuedBy(replica, bundle)) refusals.push(`not trusted at ${new Date().toISOString()}`);
      }
      const problem = replica.readiness();
      if (problem !== undefined) refusals.push(problem);
    }
  }, 50);
  return () => {
    clearInterval(timer);
    return refusals;
  };
}

function issuedBy(replica: ManagedCertificate, bundle: string): boolean {
  const leaf = new X509Certificate(replica.current()!.cert);
  const authorities = bundle.match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g) ?? [];
  return authorities
    .map((pem) => new X509Certificate(pem))
    .some((ca) => leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
}

/** As the API server calls: 'authorized', or the code with which it breaks off. */
async function handshake(replica: ManagedCertificate, bundle: string): Promise<string> {
  const { cert, key } = replica.current()!;
  const server = createServer({ cert, key }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, ca: bundle, servername: NAMES[0]! });
  const outcome = await once(socket, 'secureConnect').then(
    () => 'authorized',
    (error: unknown) => String(error),
  );
  socket.destroy();
  server.close();
  return outcome;
}

function bundlesOf(collection: string): readonly string[] {
  const webhooks = standIn.get(`${collection}/pullguard`)!['webhooks'] as { clientConfig: Json }[];
  return webhooks.map(({ clientConfig }) => fromBase64(clientConfig['caBundle'] ?? ''));
}

function secretNow(): Readonly<Record<string, string>> {
  const data = (standIn.get(`${SECRETS}/certificates`)?.['data'] ?? {}) as Readonly<Record<string, string>>;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, fromBase64(value)]));
}

function toData(pairs: CertificatePairs, more: Json = {}): Json {
  return { ...(writeCertificateSecret(undefined, SECRET, pairs)['data'] as Json), ...more };
}

/** What must not be told of, of whatever was written. */
function keysIn(body: unknown): readonly string[] {
  const data = ((body as Json | undefined)?.['data'] ?? {}) as Readonly<Record<string, unknown>>;
  return ['ca.key', 'tls.key'].map((name) => fromBase64(data[name] ?? ''));
}
