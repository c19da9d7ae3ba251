import { toRefusal } from '../../src/cluster/connection/api-failure.ts';
import { ApiError, type ApiServer, type Query, type WatchEvent } from '../../src/cluster/connection/api-server.ts';
import { limitTime } from '../../src/cluster/connection/fetch-api-server.ts';
import type { Answer } from './stand-in-answers.ts';
import { createStandInCluster, type Connection, type SeenRequest, type StandInCluster } from './stand-in-cluster.ts';

/** A stand-in for the API server within the test's process. */
export type MemoryCluster = StandInCluster &
  Readonly<{
    connect: (namespace?: string) => ApiServer;
    /** Nothing listens any more, all connections are cut; what is stored stays. */
    stop: () => void;
    restart: () => void;
  }>;

const URL = 'https://stand-in';

/**
 * A stand-in for the API server, and for the connection to it. Without a network between, and with fake timers, a test sees
 * everything that happens, in the same order each time, and hours pass in a moment. `clockAheadMs`: how far its clock is ahead.
 */
export function createMemoryCluster({ clockAheadMs = 0 } = {}): MemoryCluster {
  const cluster = createStandInCluster();
  const cuts = new Set<() => void>();
  let isDown = false;

  return {
    ...cluster,
    connect,
    stop: () => {
      isDown = true;
      for (const cut of cuts) cut();
    },
    restart: () => {
      isDown = false;
    },
  };

  function connect(namespace = 'default'): ApiServer {
    return {
      url: URL,
      namespace,
      now: () => new Date(Date.now() + clockAheadMs),
      call: async (method, path, { query = {}, body, contentType, signal, timeoutMs = 10_000 } = {}) => {
        const name = `${method} ${path}`;
        const limit = limitTime(signal);
        limit.start(timeoutMs);
        const headers = { 'content-type': contentType ?? 'application/json' };
        const seen = { method, path, query: write(query), headers, body: copy(body) };
        try {
          const { code, body: answered } = await new Promise<Answer>((resolve, reject) => {
            const giveUp = (): void => {
              const late = unreachable(`no answer to ${name} within ${timeoutMs / 1000} s`);
              reject(limit.ranOut() ? late : new ApiError(`${name} was cancelled`));
            };
            ask(seen, limit.signal, { answer: resolve, fail: reject, giveUp });
          });
          if (code >= 400) throw toRefusal(name, code, JSON.stringify(answered));
          return copy(answered);
        } finally {
          limit.close();
        }
      },
      watch,
    };
  }

  async function* watch(
    path: string,
    { query = {}, signal, idleMs = 0, onOpen }: Parameters<ApiServer['watch']>[1],
  ): AsyncGenerator<WatchEvent> {
    const limit = limitTime(signal);
    const events: WatchEvent[] = [];
    let ended: Readonly<{ error?: Error }> | undefined;
    let wake = (): void => undefined;
    const end = (error?: Error): void => {
      ended ??= error === undefined ? {} : { error };
      wake();
    };
    const seen = { method: 'GET', path, query: write({ ...query, watch: true }), headers: {}, body: undefined };
    limit.start(idleMs);
    ask(seen, limit.signal, {
      answer: ({ code, body }) => {
        end(toRefusal(`the watch of ${path}`, code, JSON.stringify(body)));
      },
      fail: end,
      giveUp: () => {
        end(
          limit.ranOut()
            ? new ApiError(`the watch of ${path} is broken: nothing received from ${URL} for ${idleMs / 1000} s`)
            : undefined,
        );
      },
      onOpen,
      send: (event) => {
        events.push(copy(event) as WatchEvent);
        wake();
      },
    });
    try {
      for (;;) {
        if (events.length === 0 && ended === undefined) await new Promise<void>((resolve) => (wake = resolve));
        const event = events.shift();
        limit.stop();
        if (event === undefined) break;
        if (limit.signal.aborted) return;
        yield event;
        limit.start(idleMs);
      }
      if (ended?.error !== undefined) throw ended.error;
    } finally {
      limit.close();
    }
  }

  type Asking = Readonly<{
    answer: (answer: Answer) => void;
    fail: (error?: Error) => void;
    /** When the signal fires. */
    giveUp: () => void;
    onOpen?: (() => void) | undefined;
    send?: (event: unknown) => void;
  }>;

  function ask(seen: SeenRequest, signal: AbortSignal, { answer, fail, giveUp, onOpen, send }: Asking): void {
    const listeners = new Set<() => void>();
    let isClosed = false;
    const close = (): void => {
      isClosed = true;
      cuts.delete(cut);
      for (const listener of listeners) listener();
    };
    const cut = (): void => {
      close();
      fail(unreachable('the connection was closed'));
    };
    const connection: Connection = {
      answer: (given) => {
        close();
        answer(given);
      },
      open: () => {
        // Once the watch is open on the other side, too.
        queueMicrotask(() => onOpen?.());
        return {
          send: (event) => send?.(event),
          end: (how) => {
            close();
            fail(how === 'end' ? undefined : unreachable('the connection was closed'));
          },
        };
      },
      isClosed: () => isClosed,
      onClose: (listener) => listeners.add(listener),
    };
    const leave = (): void => {
      if (isClosed) return;
      close();
      giveUp();
    };
    if (signal.aborted) leave();
    else if (isDown) fail(unreachable('connection refused'));
    else {
      cuts.add(cut);
      signal.addEventListener('abort', leave);
      void cluster.handle(seen, connection);
    }
  }
}

function unreachable(why: string): ApiError {
  return new ApiError(`cannot reach ${URL}: ${why}`);
}

/** As it arrives that goes through JSON. */
function copy(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function write(query: Query): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  );
}
