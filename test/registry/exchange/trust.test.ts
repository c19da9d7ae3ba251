import type { PeerCertificate } from 'node:tls';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createExchange } from '../../../src/registry/exchange/exchange.ts';
import { createTrust } from '../../../src/registry/exchange/trust.ts';
import {
  makeRegistryCertificates,
  type RegistryCertificates,
  type ServedPair,
} from '../../support/registry-certificates.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { ask, LOOPBACK, requestFor, serve } from './asking.ts';

/** Stand in for the CAs that everybody trusts, of whom none will sign a certificate for a test. */
const roots = vi.hoisted((): string[] => []);
vi.mock(import('node:tls'), async (load) => ({ ...(await load()), rootCertificates: roots }));

const TRUSTED = { status: 200 };
const UNKNOWN = { outcome: 'failed', cause: 'unknown-ca' };

let certificates: RegistryCertificates;
let others: RegistryCertificates;

beforeAll(async () => {
  [certificates, others] = await Promise.all([makeRegistryCertificates(), makeRegistryCertificates()]);
});

describe('a policy that names a CA', () => {
  test('trusts it, and goes on trusting those that everybody trusts', async () => {
    roots.push(others.ca);
    onTestFinished(() => {
      roots.pop();
    });
    expect(await connect(certificates.valid, certificates.ca)).toMatchObject(TRUSTED);
    expect(await connect(others.valid, certificates.ca)).toMatchObject(TRUSTED);
    expect(await connect(others.unknown, certificates.ca)).toEqual(UNKNOWN);
  });

  test('goes on trusting those that the environment adds', async () => {
    const file = tempFolder().write('extra.pem', others.ca);
    vi.stubEnv('NODE_EXTRA_CA_CERTS', file);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    expect(await connect(others.valid, certificates.ca)).toMatchObject(TRUSTED);
  });

  test.each(['', '/nowhere/extra.pem'])(
    'does without those of the environment where they are not: "%s"',
    async (file) => {
      vi.stubEnv('NODE_EXTRA_CA_CERTS', file);
      onTestFinished(() => {
        vi.unstubAllEnvs();
      });
      expect(await connect(certificates.valid, certificates.ca)).toMatchObject(TRUSTED);
      expect(await connect(others.valid, certificates.ca)).toEqual(UNKNOWN);
    },
  );

  test('may name several, in one text with words between them', async () => {
    const ca = `the old one\n${others.ca}\nthe new one\n${certificates.ca}`;
    expect(await connect(certificates.valid, ca)).toMatchObject(TRUSTED);
    expect(await connect(others.valid, ca)).toMatchObject(TRUSTED);
  });

  test('may name the certificate of the registry itself, as containerd takes it', async () => {
    expect(await connect(certificates.valid, certificates.valid.cert)).toMatchObject(TRUSTED);
    expect(await connect(certificates.valid, others.valid.cert)).toEqual(UNKNOWN);
  });

  test.each(['', 'no certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'trusts nobody more with "%s", and that is all',
    async (ca) => {
      expect(await connect(certificates.valid, ca)).toEqual(UNKNOWN);
    },
  );
});

test.each<[why: string, subjectaltname: string | undefined, host: string, isFor: boolean]>([
  ['its name', 'DNS:registry.example.com', 'registry.example.com', true],
  ['a wildcard', 'DNS:*.example.com', 'registry.example.com', true],
  ['another name', 'DNS:elsewhere.example.com', 'registry.example.com', false],
  ['its address', 'IP Address:10.0.0.1', '10.0.0.1', true],
  ['the address as a name', 'DNS:10.0.0.1', '10.0.0.1', false],
  // containerd would refuse it.
  ['a common name alone', undefined, 'registry.example.com', false],
])('a certificate is held against the host as containerd does it: %s', (_why, subjectaltname, host, isFor) => {
  const certificate = { subject: { CN: host }, subjectaltname } as PeerCertificate;
  const error = createTrust(undefined).checkServerIdentity(host, certificate);
  expect(error === undefined).toBe(isFor);
  if (!isFor) expect(error).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});

async function connect(served: ServedPair, ca: string) {
  const server = await serve((_request, response) => response.end(), served);
  return ask(createExchange(), requestFor(`https://${server.host}/`, { registry: { ...LOOPBACK, ca } }));
}
