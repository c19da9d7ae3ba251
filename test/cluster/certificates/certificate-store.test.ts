import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import type { RenewalPlan } from '../../../src/cluster/certificates/certificate-plan.ts';
import { writeCertificateSecret, type CertificatePairs } from '../../../src/cluster/certificates/certificate-secret.ts';
import { openCertificateStore, type CertificateStore } from '../../../src/cluster/certificates/certificate-store.ts';
import { DEFAULT_LIVES } from '../../../src/cluster/certificates/issue-certificates.ts';
import type * as Authority from '../../../src/tls/authority.ts';
import { startStandIn, type StandInApiServer } from '../../support/stand-in-api-server.ts';
import { connectTo } from '../../support/stand-in-connection.ts';
import { keyLines, makePairs, NAMES, NAMESPACE } from './certificate-fixtures.ts';

vi.mock('../../../src/tls/authority.ts', async (importOriginal) => {
  const [authority, { poolKeys }] = await Promise.all([importOriginal<typeof Authority>(), import('./pooled-keys.ts')]);
  return { ...authority, makeKeys: poolKeys(authority.makeKeys) };
});

const SECRET = { namespace: NAMESPACE, name: 'certificates' };
const COLLECTION = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const PATH = `${COLLECTION}/certificates`;
const MAKE_ALL: RenewalPlan = { do: 'make-all', reason: 'of a test', urgent: true };
const ISSUE: RenewalPlan = { do: 'issue', reason: 'of a test', urgent: true };

let pairs: CertificatePairs;
let standIn: StandInApiServer;
let store: CertificateStore;
let told: string[];
let infos: string[];

beforeAll(async () => {
  pairs = await makePairs();
});

beforeEach(async () => {
  standIn = await startStandIn();
  told = [];
  infos = [];
});

afterEach(async () => {
  store.close();
  await standIn.stop();
});

test('is not read before the API server has answered, and then known to be empty, too', async () => {
  standIn.delay(50);
  const changed = open();
  expect(store.read()).toBeUndefined();
  await changed;
  expect(store.read()).toMatchObject({ authority: { ok: false, problem: 'it does not exist' } });
});

test('makes the Secret; the log says what and why', async () => {
  await open();
  expect(await store.renew(MAKE_ALL)).toBe(true);
  await untilGood();
  expect(standIn.get(PATH)).toMatchObject({ type: 'kubernetes.io/tls' });
  expect(infos).toEqual(['made a new CA and serving certificate in the Secret pullguard/certificates: of a test']);
});

test('issues another certificate of the CA that is there', async () => {
  seed();
  await open();
  expect(await store.renew(ISSUE)).toBe(true);
  await vi.waitFor(() => {
    expect(servedNow()).not.toBe(pairs.serving.cert);
  }, WAIT);
  expect(store.read()?.authority).toEqual({ ok: true, pair: pairs.authority });
});

test('does not write over what another replica has written meanwhile', async () => {
  await open();
  // It hears of it only after its own try.
  standIn.delay(500, { watch: true });
  standIn.disconnectWatches('cut');
  seed();
  expect(await store.renew(MAKE_ALL)).toBe(false);
  const { resourceVersion } = standIn.get(PATH)!.metadata;
  standIn.recover();
  await untilGood();
  expect(servedNow()).toBe(pairs.serving.cert);
  expect(standIn.get(PATH)?.metadata.resourceVersion).toBe(resourceVersion);
  expect(told).toEqual([]);
});

test('does not write over a newer version of the Secret either', async () => {
  seed();
  await open();
  standIn.delay(300, { method: 'PUT' });
  const renewed = store.renew(MAKE_ALL);
  standIn.seed(COLLECTION, [{ ...standIn.get(PATH), metadata: { ...SECRET, labels: { by: 'somebody' } } }]);
  expect(await renewed).toBe(false);
  expect(standIn.get(PATH)?.metadata['labels']).toEqual({ by: 'somebody' });
  expect(told).toEqual([]);
});

test('does not write twice in a second, however fast somebody else undoes it', async () => {
  await open();
  expect(await store.renew(MAKE_ALL)).toBe(true);
  await untilGood();
  expect(await store.renew(MAKE_ALL)).toBe(false);
  await vi.waitFor(async () => {
    expect(await store.renew(MAKE_ALL)).toBe(true);
  }, WAIT);
});

test.each<[status: number, method: string]>([
  [403, 'POST'],
  // The namespace is gone.
  [404, 'POST'],
  [500, 'POST'],
  [403, 'PUT'],
  // Made immutable.
  [422, 'PUT'],
])('a refusal with %d of a %s is told once, without any of the keys', async (status, method) => {
  if (method === 'PUT') seed();
  await open();
  standIn.failNext({ status, method, times: 2 });
  for (let time = 0; time < 2; time++) expect(await store.renew(MAKE_ALL)).toBe(false);
  expect(told).toEqual([
    expect.stringMatching(
      `^the Secret pullguard/certificates cannot be given new certificates, which it needs as of a test: .*${status}`,
    ),
  ]);
  const written = JSON.stringify(standIn.requests.filter((each) => each.method === method).map(({ body }) => body));
  expect(written).toContain('ca.key');
  for (const line of keyLines(pairs.authority.key, pairs.serving.key)) expect(told.join()).not.toContain(line);
});

const WAIT = { timeout: 5000, interval: 20 };

/** Resolves at the first change. */
async function open(): Promise<void> {
  await new Promise<void>((resolve) => {
    store = openCertificateStore({
      api: connectTo(standIn, NAMESPACE),
      secret: SECRET,
      names: NAMES,
      lives: DEFAULT_LIVES,
      onChange: () => {
        if (store.read() !== undefined) resolve();
      },
      onError: (message) => told.push(message),
      onInfo: (message) => infos.push(message),
    });
  });
}

function seed(): void {
  standIn.seed(COLLECTION, [writeCertificateSecret(undefined, SECRET, pairs)]);
}

function servedNow(): string | undefined {
  const stored = store.read();
  return stored?.serving.ok === true ? stored.serving.pair.cert : undefined;
}

async function untilGood(): Promise<void> {
  await vi.waitFor(() => {
    expect(servedNow()).toBeDefined();
  }, WAIT);
}
