import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RenewalPlan } from '../../../src/cluster/certificates/certificate-plan.ts';
import {
  openCertificateStore,
  readCertificateSecret,
  writeCertificateSecret,
  type CertificateStore,
} from '../../../src/cluster/certificates/certificate-secret.ts';
import type { CertificatePairs } from '../../../src/tls/self-signed.ts';
import type { Json } from '../../support/objects.ts';
import { createMemoryCluster, type MemoryCluster } from '../../support/stand-in-memory.ts';
import {
  keyLines,
  makeMore,
  makeTestPairs,
  NAMES,
  pass,
  SECRET,
  SECRETS,
  toBase64,
  TOKEN,
} from './certificate-fixtures.ts';

vi.mock('../../../src/tls/authority.ts', async (importOriginal) =>
  (await import('../../tls/pooled-keys.ts')).poolKeys(importOriginal),
);

const PATH = `${SECRETS}/certificates`;

let pairs: CertificatePairs;
let others: CertificatePairs;

beforeAll(async () => {
  pairs = await makeTestPairs();
  others = await makeTestPairs();
});

describe('the Secret', () => {
  test('is read as it was written, for all names', async () => {
    const names = [...NAMES, '*.example.com', '10.0.0.1'];
    const made = await makeMore(pairs, names);
    const written = writeCertificateSecret(undefined, SECRET, { ...made, token: TOKEN });
    expect(readCertificateSecret(written, names)).toEqual({
      authority: { ok: true, pair: { ...made.authority, token: TOKEN } },
      serving: { ok: true, pair: made.serving },
    });
  });

  test.each<[what: string, data: unknown, kept: Json]>([
    ['other data', { 'ca.crt': 'AAAA', 'more.txt': 'BBBB' }, { 'more.txt': 'BBBB' }],
    ['no data', undefined, {}],
    ['null', null, {}],
    ['numbers', { 'ca.crt': 1 }, {}],
  ])(
    'made by somebody else, with %s, is of no use, and keeps all that is not a certificate of ours',
    (_, data, kept) => {
      const metadata = { ...SECRET, resourceVersion: '7', labels: { team: 'a' }, annotations: { note: 'b' }, uid: 'c' };
      const before = { metadata, type: 'Opaque', data };
      expect(readCertificateSecret(before, NAMES).authority.ok).toBe(false);
      const after = writeCertificateSecret(before, SECRET, { ...pairs, token: TOKEN });
      expect(after).toMatchObject({ kind: 'Secret', metadata, type: 'Opaque', data: kept });
      expect(readCertificateSecret(after, NAMES).serving.ok).toBe(true);
    },
  );

  type Data = Record<string, string | undefined>;
  const unusable = 'ca.crt and ca.key cannot be used: ';

  test.each<[what: string, data: () => Data, authority: string | undefined, serving?: string]>([
    ['an empty CA', () => ({ 'ca.crt': '' }), 'ca.crt is missing or empty'],
    ['no CA key', () => ({ 'ca.key': undefined }), 'ca.key is missing or empty'],
    ['no token', () => ({ token: undefined }), 'token is not 64 hexadecimal digits'],
    ['a token that can be guessed', () => ({ token: 'secret' }), 'token is not 64 hexadecimal digits'],
    ['no certificate', () => ({ 'tls.crt': undefined }), undefined, 'tls.crt is missing or empty'],
    ['an empty key', () => ({ 'tls.key': '' }), undefined, 'tls.key is missing or empty'],
    ['garbage', () => ({ 'ca.crt': 'hello' }), `${unusable}the certificate has no "BEGIN CERTIFICATE" line`],
    [
      'the key of another CA',
      () => ({ 'ca.key': others.authority.key }),
      `${unusable}the private key does not belong to the certificate`,
    ],
    [
      'a key cut off',
      () => ({ 'tls.key': pairs.serving.key.slice(0, 300) }),
      undefined,
      'tls.crt and tls.key cannot be used: the private key is cut off',
    ],
    [
      'a certificate of another CA',
      () => ({ 'tls.crt': others.serving.cert, 'tls.key': others.serving.key }),
      undefined,
      'tls.crt was not issued by the CA in ca.crt',
    ],
    [
      'a CA that is none',
      () => ({ 'ca.crt': pairs.serving.cert, 'ca.key': pairs.serving.key }),
      'ca.crt is not the certificate of a CA',
    ],
  ])('with %s says so', (_what, data, authority, serving = authority) => {
    const read = readCertificateSecret(secretWith(data()), NAMES);
    // Without a CA nothing can be said of the rest.
    expect([read.authority, read.serving].map(problemOf)).toEqual([authority, serving]);
  });

  test('of another Service names what is missing', () => {
    const { serving } = readCertificateSecret(secretWith({}), [...NAMES, 'new.pullguard.svc']);
    expect(problemOf(serving)).toBe('tls.crt is not for the name new.pullguard.svc');
  });

  test('shows nothing of a key, whatever is wrong', () => {
    const keys = [pairs.authority.key, pairs.serving.key];
    for (const key of [...keys, others.serving.key, keys[0]!.slice(0, 500), generateKey()]) {
      for (const data of [{ 'ca.key': key }, { 'tls.key': key }, { 'ca.crt': key }, { 'tls.crt': key }]) {
        const { authority, serving } = readCertificateSecret(secretWith(data), NAMES);
        const text = `${problemOf(authority) ?? ''} ${problemOf(serving) ?? ''}`;
        for (const line of keyLines(key)) expect(text).not.toContain(line.slice(0, 8));
      }
    }
  });

  test('of several CAs has only the first trusted, as only its key is ours', () => {
    const both = pairs.authority.cert + others.authority.cert;
    const { authority } = readCertificateSecret(secretWith({ 'ca.crt': both }), NAMES);
    expect(authority).toEqual({ ok: true, pair: { ...pairs.authority, token: TOKEN } });
  });
});

describe('the Secret in the cluster', () => {
  const MAKE_ALL: RenewalPlan = { do: 'make-all', reason: 'of a test', urgent: true };

  let server: MemoryCluster;
  let store: CertificateStore;
  let changes: number;
  let told: string[];
  let infos: string[];

  beforeEach(() => {
    vi.useFakeTimers();
    server = createMemoryCluster();
    changes = 0;
    [told, infos] = [[], []];
  });

  afterEach(() => {
    store.close();
    vi.useRealTimers();
  });

  test('is not read before the API server has answered, and then known to be missing, too', async () => {
    server.delay(50);
    await open();
    expect(store.read()).toBeUndefined();
    await pass(50);
    expect(changes).toBe(1);
    expect(store.read()).toMatchObject({ authority: { ok: false, problem: 'it does not exist' } });
  });

  test('is made, and the log says what and why', async () => {
    await open();
    expect(await store.renew(MAKE_ALL)).toBe(true);
    await pass(0);
    expect(served()).toBeDefined();
    expect(store.read()).toMatchObject({
      authority: { pair: { token: expect.stringMatching(/^[0-9a-f]{64}$/) as string } },
    });
    // As other tools know it.
    expect(server.get(PATH)).toMatchObject({ kind: 'Secret', type: 'kubernetes.io/tls' });
    expect(infos).toEqual(['created a CA and a serving certificate in the Secret pullguard/certificates: of a test']);
  });

  test('is given another certificate of the CA that is there', async () => {
    seed();
    await open();
    expect(await store.renew({ ...MAKE_ALL, do: 'issue' })).toBe(true);
    await pass(0);
    expect(store.read()?.authority).toEqual({ ok: true, pair: { ...pairs.authority, token: TOKEN } });
    expect(served()).not.toBe(pairs.serving.cert);
  });

  test('is not written over what another replica has written meanwhile', async () => {
    await open();
    // It hears of it only after its own try.
    server.delay(500, { watch: true });
    server.disconnectWatches('cut');
    seed();
    const before = server.get(PATH);
    expect(await store.renew(MAKE_ALL)).toBe(false);
    await pass(2000);
    expect(served()).toBe(pairs.serving.cert);
    expect(server.get(PATH)).toBe(before);
    expect(told).toEqual([]);
  });

  test('is not written over a newer version either', async () => {
    seed();
    await open();
    server.delay(300, { method: 'PUT' });
    const renewed = store.renew(MAKE_ALL);
    server.seed(SECRETS, [{ ...server.get(PATH), metadata: { ...SECRET, labels: { by: 'somebody' } } }]);
    await pass(300);
    expect(await renewed).toBe(false);
    expect(server.get(PATH)?.metadata['labels']).toEqual({ by: 'somebody' });
    expect(told).toEqual([]);
  });

  test('is not written twice in a second, however fast somebody else undoes it', async () => {
    await open();
    expect(await store.renew(MAKE_ALL)).toBe(true);
    await pass(999);
    expect(await store.renew(MAKE_ALL)).toBe(false);
    await pass(1);
    expect(await store.renew(MAKE_ALL)).toBe(true);
  });

  test.each<[status: number, method: string]>([
    [403, 'POST'],
    // The namespace is gone.
    [404, 'POST'],
    // Made immutable.
    [422, 'PUT'],
  ])('refused with %d of a %s, says so once, without any of the keys', async (status, method) => {
    if (method === 'PUT') seed();
    await open();
    server.failNext({ status, method, times: 2 });
    for (let time = 0; time < 2; time++) expect(await store.renew(MAKE_ALL)).toBe(false);
    expect(told).toEqual([
      expect.stringMatching(
        `^cannot write new certificates to the Secret pullguard/certificates: .*${status}.* \\(needed because of a test\\)`,
      ),
    ]);
    const written = JSON.stringify(server.requests.filter((each) => each.method === method).map(({ body }) => body));
    expect(written).toContain('ca.key');
    for (const line of keyLines(pairs.authority.key, pairs.serving.key)) expect(told.join()).not.toContain(line);
  });

  async function open(): Promise<void> {
    store = openCertificateStore({
      api: server.connect(),
      secret: SECRET,
      names: NAMES,
      lives: { authorityMs: 600_000, servingMs: 60_000 },
      onChange: () => (changes += 1),
      onError: (message) => told.push(message),
      onInfo: (message) => infos.push(message),
    });
    await pass(0);
  }

  function seed(): void {
    server.seed(SECRETS, [writeCertificateSecret(undefined, SECRET, { ...pairs, token: TOKEN })]);
  }

  function served(): string | undefined {
    const stored = store.read();
    return stored?.serving.ok === true ? stored.serving.pair.cert : undefined;
  }
});

function secretWith(texts: Record<string, string | undefined>): Json {
  const secret = writeCertificateSecret(undefined, SECRET, { ...pairs, token: TOKEN });
  const data = { ...(secret['data'] as Json) };
  for (const [key, text] of Object.entries(texts)) data[key] = text === undefined ? undefined : toBase64(text);
  return { ...secret, data };
}

function problemOf(stored: Readonly<{ ok: boolean; problem?: string }>): string | undefined {
  return stored.problem;
}

function generateKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}
