import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { checkServerIdentity, connect, createServer } from 'node:tls';

/** 'authorized', or the code with which a client that trusts `ca` and calls `name` breaks off. */
export async function handshake(
  { cert, key }: Readonly<{ cert: string; key: string }>,
  ca: string,
  name: string,
): Promise<string> {
  const server = createServer({ cert, key }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  // As a client does that has looked the name up: it connects to an address and checks the name it was given.
  const socket = connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    ca,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  });
  const outcome = await once(socket, 'secureConnect').then(
    () => 'authorized',
    (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error),
  );
  socket.destroy();
  server.close();
  return outcome;
}
