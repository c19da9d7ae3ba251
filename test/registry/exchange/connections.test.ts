import { once } from 'node:events';
import { get, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { createConnections } from '../../../src/registry/exchange/connections.ts';
import { createExchange } from '../../../src/registry/exchange/exchange.ts';
import { requestFor, serve } from './asking.ts';

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
  const server = await serve((request, response) => {
    open.add(request.socket);
    request.socket.once('close', () => open.delete(request.socket));
    // All eight are there before the first is answered.
    void vi.waitUntil(() => open.size === 8).then(() => response.end());
  });
  const { kept } = createConnections(resolve)('http:', { addresses: ['127.0.0.0/8'] });
  await Promise.all(Array.from({ length: 8 }, () => read(get({ agent: kept, host: '127.0.0.1', port: server.port }))));
  await vi.waitUntil(() => open.size === 4);
  const idle = Object.values(kept.freeSockets).flatMap((sockets) => sockets ?? []);
  // The server says for how long it keeps them, which may be shorter.
  expect(idle.filter(({ timeout = 0 }) => timeout > 0 && timeout <= 5000)).toHaveLength(4);
});

async function read(request: ClientRequest): Promise<void> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  await once(response.resume(), 'end');
}
