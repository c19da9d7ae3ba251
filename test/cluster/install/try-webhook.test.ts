import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import { once } from 'node:events';
import forge from 'node-forge';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { tryWebhook } from '../../../src/cluster/install/try-webhook.ts';
import { makeCertificates, type Certificates } from '../../../src/tls/self-signed.ts';
import { createApp } from '../../../src/serve/app.ts';
import { createMetrics } from '../../../src/serve/metrics.ts';
import { collectLog, serveLocally } from '../../serve/helpers.ts';
import { makeClientCertificates } from '../../serve/client-certificates.ts';
import { MIRRORED } from '../../support/policies.ts';
import { serveWebhook } from '../../support/webhook-server.ts';

let made: Certificates;
let other: Certificates;

beforeAll(async () => {
  [made, other] = await Promise.all([
    makeCertificates({ names: ['127.0.0.1'] }),
    makeCertificates({ names: ['127.0.0.1'] }),
  ]);
});

describe('all is well', () => {
  test.each(['mutate', 'validate'])('with pullguard itself, at /%s', async (endpoint) => {
    const { logger, lines } = collectLog();
    const app = createApp({
      policy: () => MIRRORED,
      facts: () => ({}),
      metrics: createMetrics(),
      logger,
      draining: () => false,
    });
    const { url } = await serveWebhook(made, app);
    expect(await tryWebhook({ url: `${url}/${endpoint}`, ca: made.ca })).toBeUndefined();
    expect(lines).toMatchObject([{ outcome: 'passed', operation: 'DELETE', dryRun: true }]);
  });

  test('with one of several CAs in the file, as during a change of the CA', async () => {
    const { url } = await serveWebhook(made);
    expect(await tryWebhook({ url, ca: other.ca + made.ca })).toBeUndefined();
  });

  test('with an intermediate CA in place of the root, which an API server trusts as well', async () => {
    const { ca, cert, key } = makeIntermediate();
    const { url } = await serveWebhook({ cert, key });
    expect(await tryWebhook({ url, ca })).toBeUndefined();
  });
});

describe('what is wrong is told with its cause and the next step', () => {
  test('a CA of an earlier start', async () => {
    const { url } = await serveWebhook(made);
    expect(await tryWebhook({ url, ca: other.ca })).toMatch(/not issued by the CA of --ca; give the CA that issued it/);
  });

  test('a certificate for other names', async () => {
    const tls = await makeCertificates({ names: ['localhost', '10.0.0.7'] });
    const { url } = await serveWebhook(tls);
    expect(await tryWebhook({ url, ca: tls.ca })).toBe(
      'its certificate is for "localhost, 10.0.0.7" and not for 127.0.0.1; put one of those into --url, or issue it again with --dns-name 127.0.0.1',
    );
  });

  test.each<[why: string, name: string]>([
    ['that Node would accept', 'localhost'],
    ['that nobody would accept', 'elsewhere'],
  ])('a certificate with a common name %s, and no other', async (_why, commonName) => {
    const tls = makeWithoutNames(commonName);
    const { port } = await serveWebhook(tls);
    expect(await tryWebhook({ url: `https://localhost:${port}`, ca: tls.ca })).toMatch(
      /no subject alternative names.*; issue it again with the names/,
    );
  });

  test('an expired certificate', async () => {
    const tls = await makeCertificates({ names: ['127.0.0.1'], days: 1, now: new Date(Date.now() - 3 * 86_400_000) });
    const { url } = await serveWebhook(tls);
    expect(await tryWebhook({ url, ca: tls.ca })).toMatch(/has expired; issue it again/);
  });

  test('a certificate from the future', async () => {
    const tls = await makeCertificates({ names: ['127.0.0.1'], now: new Date(Date.now() + 86_400_000) });
    const { url } = await serveWebhook(tls);
    expect(await tryWebhook({ url, ca: tls.ca })).toMatch(/not valid yet; check the clocks/);
  });

  test('a pullguard that asks its callers for a certificate', async () => {
    const { url } = await serveWebhook({
      ...made,
      ca: makeClientCertificates().ca,
      requestCert: true,
      rejectUnauthorized: true,
    });
    expect(await tryWebhook({ url, ca: made.ca })).toMatch(/client certificate.*; serve without --client-ca/);
  });

  test('a pullguard that waits for its certificate', async () => {
    const { url } = await serveWebhook({});
    expect(await tryWebhook({ url, ca: made.ca })).toMatch(/no certificate to show yet; the \/readyz of/);
  });

  test('the admin port, which has no TLS', async () => {
    const { port } = await serveLocally((_request, response) => response.end());
    expect(await tryWebhook({ url: `https://127.0.0.1:${port}`, ca: made.ca })).toMatch(
      /does not speak TLS; give the --port/,
    );
  });

  test('a port where nothing listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    expect(await tryWebhook({ url: `https://127.0.0.1:${port}`, ca: made.ca })).toMatch(
      /nothing listens there; start `pullguard serve`/,
    );
  });

  test('a name that nobody has', async () => {
    expect(await tryWebhook({ url: 'https://pullguard.invalid', ca: made.ca })).toMatch(/no address is known.*--url/);
  });

  test('a server that takes the connection and says nothing', async () => {
    const server = createServer((socket) => socket.once('error', () => undefined)).listen(0, '127.0.0.1');
    onTestFinished(() => {
      server.close();
    });
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    expect(await tryWebhook({ url: `https://127.0.0.1:${port}`, ca: made.ca }, 50)).toMatch(
      /no answer came in time; correct the host and port/,
    );
  });

  test.each<[what: string, listener: RequestListener, problem: RegExp]>([
    [
      'another path',
      (_request, response) => response.writeHead(404).end(),
      /\(404\); leave \/mutate and \/validate out/,
    ],
    [
      'a login page',
      (_request, response) => response.writeHead(302).end(),
      /answers with 302.*; check the host and port/,
    ],
    ['a web page', (_request, response) => response.end('<html>'), /no pullguard; check the host and port/],
    ['any JSON', (_request, response) => response.end('{"kind":"AdmissionReview"}'), /no pullguard/],
    ['a webhook that answers something else', answer({ uid: 'another' }), /no pullguard/],
    ['a webhook that denies what it does not know', answer({ allowed: false }), /refuses the deletion of a pod/],
    ['an endless answer', endless(), /no pullguard/],
    ['a cut connection', (request) => request.socket.destroy(), /closed the connection.*; check/],
  ])('%s', async (_what, listener, problem) => {
    const { url } = await serveWebhook(made, listener);
    expect(await tryWebhook({ url, ca: made.ca })).toMatch(problem);
  });
});

function answer(overrides: object): RequestListener {
  return (request, response) => {
    void request.toArray().then((chunks) => {
      const { uid } = (JSON.parse(chunks.join('')) as { request: { uid: string } }).request;
      response.end(JSON.stringify({ kind: 'AdmissionReview', response: { uid, allowed: true, ...overrides } }));
    });
  };
}

function endless(): RequestListener {
  return (_request, response) => {
    const send = (): void => {
      while (response.write('x'.repeat(10_000)));
    };
    response.on('drain', send);
    send();
  };
}

type Tls = Readonly<{ ca: string; cert: string; key: string }>;
type Issuer = Readonly<{ certificate: forge.pki.Certificate; key: forge.pki.rsa.PrivateKey }>;

/** A certificate of an intermediate CA, and that CA, whose own issuer nobody has. */
function makeIntermediate(): Tls {
  const root = issue('root', { isCa: true });
  const intermediate = issue('intermediate', { isCa: true, issuer: root });
  const leaf = issue('leaf', { issuer: intermediate, ip: '127.0.0.1' });
  return toTls(leaf, intermediate);
}

function makeWithoutNames(commonName: string): Tls {
  const root = issue('root', { isCa: true });
  return toTls(issue(commonName, { issuer: root }), root);
}

function issue(
  commonName: string,
  { isCa = false, issuer, ip }: { isCa?: boolean; issuer?: Issuer; ip?: string },
): Issuer {
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(keys.publicKey);
  certificate.serialNumber = `40${randomBytes(8).toString('hex')}`;
  certificate.validity.notBefore = new Date(Date.now() - 60_000);
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
  const subject = [{ name: 'commonName', value: commonName }];
  certificate.setSubject(subject);
  certificate.setIssuer(issuer?.certificate.subject.attributes ?? subject);
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: isCa },
    ...(ip === undefined ? [] : [{ name: 'subjectAltName', altNames: [{ type: 7, ip }] }]),
  ]);
  const key = forge.pki.privateKeyFromPem(keys.privateKey);
  certificate.sign(issuer?.key ?? key, forge.md.sha256.create());
  return { certificate, key };
}

function toTls(leaf: Issuer, ca: Issuer): Tls {
  return {
    ca: forge.pki.certificateToPem(ca.certificate),
    cert: forge.pki.certificateToPem(leaf.certificate),
    key: forge.pki.privateKeyToPem(leaf.key),
  };
}
