import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** A registry or token service that answers as a test wants it to, well or badly. */
export type FaultRegistry = Readonly<{
  /** `127.0.0.1:PORT`, as it stands in an image's name. */
  host: string;
  port: number;
  /** What was asked of it, oldest first. */
  requests: readonly SeenRequest[];
  /** Connections made to it so far. */
  connections: () => number;
  /** Nothing listens any more, all connections are cut. Once is enough, twice does no harm. */
  close: () => Promise<void>;
}>;

/** `url` is the path and query, as they came. */
export type SeenRequest = Readonly<{ method: string; url: string; headers: IncomingMessage['headers'] }>;

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Listens on the loopback, on a free port unless told which, HTTPS with `tls` and HTTP without. Bytes that no HTTP server would send are written
 * to `response.socket`. Whoever starts it closes it.
 */
export async function startFaultRegistry(
  answer: Answer,
  {
    tls,
    address = '127.0.0.1',
    port: wanted = 0,
  }: Readonly<{ tls?: Readonly<{ cert: string; key: string }>; address?: string; port?: number }> = {},
): Promise<FaultRegistry> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '', headers } = request;
    requests.push({ method, url, headers });
    // Whoever asked may hang up in the middle.
    response.on('error', () => undefined);
    answer(request, response);
  };
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(wanted, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    host: `${address}:${port}`,
    port,
    requests,
    connections: () => connections,
    close: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
