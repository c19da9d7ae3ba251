import { once } from 'node:events';
import { get, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createConnections, createTrust } from '../../../src/registry/exchange/connections.ts';
import { createExchange } from '../../../src/registry/exchange/create-exchange.ts';
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

const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);

test('what was connected under one permission is not used under another, and under the same one it is', async () => {
  const server = await serve((_request, response) => response.end());
  const exchange = createExchange({ resolve });
  const askWith = async (addresses: readonly string[]) => {
    const url = `http://registry.example.com:${server.port}/`;
    const outcome = await exchange(requestFor(url, { registry: { addresses } })).catch((error: unknown) => error);
    return { outcome, connections: server.connections() };
  };
  expect(await askWith(['127.0.0.0/8'])).toMatchObject({ outcome: { status: 200 }, connections: 1 });
  // As another policy would have it that says the same.
  expect(await askWith(['127.0.0.0/8'])).toMatchObject({ outcome: { status: 200 }, connections: 1 });
  expect(await askWith(['127.0.0.1/32'])).toMatchObject({ outcome: { status: 200 }, connections: 2 });
  expect(await askWith([])).toMatchObject({ outcome: { failure: { outcome: 'forbidden-address' } }, connections: 2 });
});

test('each protocol and CA has connections of its own', () => {
  const connectionsFor = createConnections(resolve);
  const permission = { addresses: ['127.0.0.0/8'] };
  const all = [
    connectionsFor('http:', permission),
    connectionsFor('https:', permission),
    connectionsFor('https:', { ...permission, ca: 'one' }),
    connectionsFor('https:', { ...permission, ca: 'two' }),
    connectionsFor('https:', { addresses: [] }),
  ];
  expect(new Set(all).size).toBe(all.length);
  expect(connectionsFor('https:', { ...permission, ca: 'two' })).toBe(all[3]);
});

test('permissions of old policies are not kept for ever', () => {
  const connectionsFor = createConnections(resolve);
  const first = connectionsFor('http:', { addresses: [] });
  expect(connectionsFor('http:', { addresses: [] })).toBe(first);
  for (let at = 0; at < 40; at++) connectionsFor('http:', { addresses: [`10.0.0.${at}/32`] });
  expect(connectionsFor('http:', { addresses: [] })).not.toBe(first);
});

test('of connections that nobody uses a few are kept, for some seconds', async () => {
  const open = new Set<Socket>();
  const held: (() => void)[] = [];
  const server = await serve((request, response) => {
    open.add(request.socket);
    request.socket.once('close', () => open.delete(request.socket));
    held.push(() => response.end());
    // All eight are there before the first is answered.
    if (held.length === 8) for (const answer of held) answer();
  });
  const { kept } = createConnections(resolve)('http:', { addresses: ['127.0.0.0/8'] });
  await Promise.all(Array.from({ length: 8 }, () => read(get({ agent: kept, host: '127.0.0.1', port: server.port }))));
  await vi.waitUntil(() => open.size === 4, { timeout: 10_000 });
  const idle = Object.values(kept.freeSockets).flatMap((sockets) => sockets ?? []);
  // The server says for how long it keeps them, which may be shorter.
  expect(idle.filter(({ timeout = 0 }) => timeout > 0 && timeout <= 5000)).toHaveLength(4);
});

async function read(request: ClientRequest): Promise<void> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  await once(response.resume(), 'end');
}

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
