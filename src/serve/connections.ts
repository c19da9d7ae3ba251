import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Why a connection was closed: there were too many, or a second call arrived on it before the first was answered. */
export type Refusal = 'limit' | 'pipelined';

export type Connections = Readonly<{
  open: () => number;
  /** Calls whose response is not sent yet. */
  unanswered: () => number;
  /** Closes each connection when its call is answered, and connections without a call at once. */
  retire: () => void;
  /** Closes all connections at once. */
  destroy: () => void;
}>;

type Connection = {
  readonly socket: Socket;
  readonly address: string;
  /** The response to its last call, until it is sent. */
  last: ServerResponse | undefined;
  /** Number of responses that are not sent yet. */
  unsent: number;
  /** When it was opened, or its last call arrived, by `performance.now()`. */
  since: number;
  isRetired: boolean;
};

/**
 * Passes the calls of a server to `listener`, one at a time on each connection, and limits the number of connections.
 *
 * A connection is closed if a second call arrives on it before the first is answered: no API server pipelines, and each of the
 * thousands of calls that fit into a packet would be kept until those before it are answered.
 *
 * At `most` connections, a new one replaces another; otherwise a client that holds all of them would lock out API servers. The
 * replaced one is of the address with the most connections, so that a client can only replace its own, and of these the one
 * whose last call is the longest ago. A connection whose call has arrived in full is never replaced, as it is answered in a
 * moment. Clients that send nothing lose their connection before that, by the time limits for a handshake and for the head of a
 * request.
 *
 * Calls are counted instead of kept in a set: with a set in the old generation, the garbage collector would treat its dead
 * entries as alive, and a call would take a tenth more processor time.
 */
export function serveConnections(
  server: Server,
  listener: RequestListener,
  { most, onRefused }: Readonly<{ most: number; onRefused: (why: Refusal) => void }>,
): Connections {
  /** By address and port of the client, which a TCP connection and the TLS connection over it have in common. */
  const connections = new Map<string, Connection>();
  const byAddress = new Map<string, Set<Connection>>();
  const bySocket = new WeakMap<Socket, Connection>();
  let unanswered = 0;

  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address } = socket;
    // The client has already disconnected.
    if (address === undefined) {
      socket.destroy();
      return;
    }
    if (connections.size >= most) {
      onRefused('limit');
      const replaced = chooseReplaced();
      if (replaced === undefined) {
        socket.destroy();
        return;
      }
      close(replaced);
    }
    add({ socket, address, last: undefined, unsent: 0, since: performance.now(), isRetired: false });
  });
  server.prependListener('secureConnection', (socket: Socket) => {
    const connection = connections.get(keyOf(socket));
    if (connection !== undefined) bySocket.set(socket, connection);
  });
  // Node.js would reject expectations other than 100-continue by itself, and the call would not be counted.
  server.on('checkExpectation', take);
  server.on('request', take);

  return {
    open: () => connections.size,
    unanswered: () => unanswered,
    retire: () => {
      for (const connection of connections.values()) {
        connection.isRetired = true;
        if (connection.unsent === 0) close(connection);
      }
    },
    destroy: () => {
      for (const connection of connections.values()) close(connection);
    },
  };

  function take(request: IncomingMessage, response: ServerResponse): void {
    const connection = bySocket.get(request.socket);
    if (connection === undefined || isPipelined(connection)) {
      if (!request.socket.destroyed) onRefused('pipelined');
      stopParsing(request.socket);
      request.socket.destroy();
      return;
    }
    connection.last = response;
    connection.unsent++;
    connection.since = performance.now();
    unanswered++;
    response.on('close', () => {
      // The calls of a closed connection were already subtracted by `forget`.
      if (connection.unsent === 0) return;
      unanswered--;
      connection.unsent--;
      if (connection.last === response) connection.last = undefined;
      if (connection.isRetired && connection.unsent === 0) close(connection);
    });
    listener(request, response);
  }

  function add(connection: Connection): void {
    const { socket, address } = connection;
    const key = keyOf(socket);
    const ofAddress = byAddress.get(address) ?? new Set();
    connections.set(key, connection);
    byAddress.set(address, ofAddress.add(connection));
    bySocket.set(socket, connection);
    socket.once('close', () => {
      forget(key, connection);
    });
  }

  /** Removes the connection at once, as many new ones may arrive before its socket is closed. */
  function close(connection: Connection): void {
    forget(keyOf(connection.socket), connection);
    connection.socket.destroy();
  }

  function forget(key: string, connection: Connection): void {
    // Responses that are queued behind another one never report that their connection has closed.
    unanswered -= connection.unsent;
    connection.unsent = 0;
    if (connections.get(key) === connection) connections.delete(key);
    const ofAddress = byAddress.get(connection.address);
    ofAddress?.delete(connection);
    if (ofAddress?.size === 0) byAddress.delete(connection.address);
  }

  function chooseReplaced(): Connection | undefined {
    let largest: ReadonlySet<Connection> = new Set();
    for (const ofAddress of byAddress.values()) if (ofAddress.size > largest.size) largest = ofAddress;
    let longest: Connection | undefined;
    for (const connection of largest) {
      if (connection.last?.req.complete === true) continue;
      if (longest === undefined || connection.since < longest.since) longest = connection;
    }
    return longest;
  }
}

/**
 * Whether a call that arrives now comes before the last one is answered. Node.js reports a moment late that a response is sent,
 * and a client may have read it and called again by then. So one response may have ended without being reported as sent.
 */
function isPipelined({ last, unsent }: Connection): boolean {
  return last?.writableEnded === false || unsent > 1;
}

/**
 * Stops parsing what has arrived on a connection that is being closed: a packet holds thousands of calls, and those of hundreds
 * of such clients would fill the heap before any connection is gone. Node.js has no API for this. The result 2 stands for a
 * request to upgrade, after which the parser stops.
 */
function stopParsing(socket: Socket & { parser?: { onIncoming?: () => number } | null }): void {
  if (socket.parser) socket.parser.onIncoming = () => 2;
}

function keyOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
