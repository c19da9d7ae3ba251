import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Why a connection was closed: there were too many, or a second call came on it before the first was answered. */
export type Refusal = 'limit' | 'pipelined';

export type Connections = Readonly<{
  open: () => number;
  /** Calls whose response is not sent yet. */
  unanswered: () => number;
  /** Closes each when its call is answered, and those without one at once. */
  retire: () => void;
  /** Closes all at once. */
  destroy: () => void;
}>;

type Connection = {
  readonly socket: Socket;
  readonly address: string;
  /** The response to its last call, until it is sent. */
  last: ServerResponse | undefined;
  /** Responses that are not sent. */
  unsent: number;
  /** When it was opened, or its last call came, by `performance.now()`. */
  since: number;
  isRetired: boolean;
};

/**
 * Has `listener` take the calls of a server, one at a time on each connection, and bounds how many connections there are.
 *
 * A connection on which a second call comes before the first is answered is closed: no API server pipelines, and each of the
 * thousands of calls that fit into a packet would be held until those before it are answered.
 *
 * When there are `most`, a new one takes the place of another, as otherwise a client that holds them all would lock API servers
 * out. It is one of the address that has the most, so that a client can only take its own; of these the one whose last call is
 * the longest ago. A call that has arrived in full is not given up: it is answered in a moment. Those who send nothing lose
 * their connection before that, by the time limits for a handshake and for the head of a request.
 *
 * Calls are counted, not listed: a set of them, which is old, would have the garbage collector take its dead entries for alive,
 * and a call would take a tenth more processor time.
 */
export function serveConnections(
  server: Server,
  listener: RequestListener,
  { most, onRefused }: Readonly<{ most: number; onRefused: (why: Refusal) => void }>,
): Connections {
  /** By address and port of the client, which is what a connection and the TLS connection over it have in common. */
  const connections = new Map<string, Connection>();
  const byAddress = new Map<string, Set<Connection>>();
  const bySocket = new WeakMap<Socket, Connection>();
  let unanswered = 0;

  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address } = socket;
    // Has gone again.
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
  // Node would refuse other expectations than 100-continue by itself, without a word of the call.
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
      // Those of a connection that is gone were forgotten with it.
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

  /** Forgotten at once, as many may come before its socket has closed. */
  function close(connection: Connection): void {
    forget(keyOf(connection.socket), connection);
    connection.socket.destroy();
  }

  function forget(key: string, connection: Connection): void {
    // Calls that have queued up behind another never tell that their connection has closed.
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
 * Whether a call that comes now comes before the one before it is answered. Node says so a moment late that a response is sent,
 * and a client may have read it and called again by then: one that has ended and is not sent may be left.
 */
function isPipelined({ last, unsent }: Connection): boolean {
  return last?.writableEnded === false || unsent > 1;
}

/**
 * Has Node read no more of what came on a connection that is closed: a packet holds thousands of calls, and with hundreds of such
 * clients they would fill the heap before any of them is gone. Node has no name for it: as after a request to upgrade, which 2
 * stands for, the parser stops.
 */
function stopParsing(socket: Socket & { parser?: { onIncoming?: () => number } | null }): void {
  if (socket.parser) socket.parser.onIncoming = () => 2;
}

function keyOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
