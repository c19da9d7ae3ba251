import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createStandInCluster, type Connection, type SeenRequest, type StandInCluster } from './stand-in-cluster.ts';

/** A stand-in, not Kubernetes: a server that speaks as much of the API's protocol as pullguard uses. */
export type StandInApiServer = StandInCluster &
  Readonly<{
    url: string;
    port: number;
    /** Nothing listens any more, all connections are cut; what is stored stays. Once is enough, twice does no harm. */
    stop: () => Promise<void>;
    /** Listens again, on the same port. */
    restart: () => Promise<void>;
  }>;

/** Listens on a free port of the loopback. Whoever starts it stops it. `clockAheadMs`: how far its clock is ahead of ours. */
export async function startStandIn({ clockAheadMs = 0 } = {}): Promise<StandInApiServer> {
  const cluster = createStandInCluster();
  const sockets = new Set<Socket>();
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;

  return {
    ...cluster,
    url: `http://127.0.0.1:${port}`,
    port,
    stop: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    restart: async () => {
      server = await listen(port);
    },
  };

  async function listen(at: number): Promise<Server> {
    const started = createServer((request, response) => {
      // Whoever asked is gone in the middle of asking.
      answer(request, response).catch(() => response.destroy());
    });
    started.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    started.listen(at, '127.0.0.1');
    await once(started, 'listening');
    return started;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://stand-in');
    const text = await readAll(request);
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
    response.setHeader('Date', new Date(Date.now() + clockAheadMs).toUTCString());
    response.setHeader('Content-Type', 'application/json');
    await cluster.handle(seen, connectionOf(response));
  }
}

function connectionOf(response: ServerResponse): Connection {
  return {
    answer: ({ code, body }) => {
      sendAnswer(response, code, body).catch(() => response.destroy());
    },
    open: () => {
      response.writeHead(200).flushHeaders();
      return {
        send: (event) => response.write(`${JSON.stringify(event)}\n`),
        end: (how) => (how === 'end' ? response.end() : response.socket?.destroy()),
      };
    },
    isClosed: () => response.destroyed,
    onClose: (listener) => response.once('close', listener),
  };
}

/** A list as API servers send one: an item after the other, as long as somebody reads it. */
async function sendAnswer(response: ServerResponse, code: number, body: unknown): Promise<void> {
  response.writeHead(code);
  const { items, ...list } = (body ?? {}) as Readonly<Record<string, unknown>>;
  if (!Array.isArray(items)) {
    response.end(JSON.stringify(body));
    return;
  }
  const parts = function* (): Generator<string> {
    yield `${JSON.stringify(list).slice(0, -1)},"items":[`;
    for (const [at, item] of items.entries()) yield `${at === 0 ? '' : ','}${writeItem(item as Item)}`;
    yield ']}';
  };
  await pipeline(Readable.from(parts()), response);
}

type Item = Readonly<{ metadata: object }>;

/** Each version of an object has metadata of its own. */
const writtenItems = new WeakMap<object, string>();

function writeItem(item: Item): string {
  const written = writtenItems.get(item.metadata) ?? JSON.stringify(item);
  writtenItems.set(item.metadata, written);
  return written;
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
