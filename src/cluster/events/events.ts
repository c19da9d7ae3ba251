import { createHash } from 'node:crypto';
import { describeError } from '../../text/error.ts';
import { readPath, readString } from '../../text/json.ts';
import { formatSecond } from '../../text/time.ts';
import { ApiError, orNothing, type ApiServer } from '../connection/api-server.ts';
import type { Notice } from '../../admission/notices.ts';
import { createEventBook, type DueEvent, type WrittenEvent } from './event-book.ts';

/** The result of one Event: written, dropped for lack of room, or failed because the API server refused it or did not respond. */
export type EventResult = 'written' | 'dropped' | 'failed';

export type EventRecorderOptions = Readonly<{
  api: ApiServer;
  /** Called once for each distinct problem; the Event is dropped. */
  onError: (message: string) => void;
  /** Told what came of each Event, for counting. */
  onResult: (result: EventResult) => void;
}>;

export type EventRecorder = Readonly<{
  /**
   * Records the notices of an admission. Never throws, even if `read` does, and never waits: it is called between two answers.
   */
  record: (read: () => readonly Notice[]) => void;
  /** Writes what may be written now, and ends: after five seconds at the latest. Never rejects. */
  close: () => Promise<void>;
}>;

/** So that the ten pods of a new ReplicaSet are one Event that says so, and not one that says 1 for the next five minutes. */
const GATHER_MS = 1000;

/** For one call, and for all there is to do at the end. */
const TIMEOUT_MS = 5000;

/** Tries to write one Event, when another replica writes the same one. */
const MAX_ATTEMPTS = 4;

/** Problems that are remembered as reported. */
const MOST_TOLD = 100;

/** Reports denials and fixes as Kubernetes Events: few, with counts, and never one per admission. */
export function createEventRecorder({ api, onError, onResult }: EventRecorderOptions): EventRecorder {
  const book = createEventBook(() => {
    onResult('dropped');
  });
  const told = new Set<string>();
  const ending = new AbortController();
  const call: Call = async (method, path, options) =>
    api.call(method, path, { ...options, signal: ending.signal, timeoutMs: TIMEOUT_MS });
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let closed = false;

  return {
    record: (read) => {
      if (closed) return;
      try {
        for (const notice of read()) book.note(notice, api.now(), performance.now());
        plan();
      } catch (error) {
        tell(`creating an Event failed: ${String(error)}`);
      }
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      const deadline = setTimeout(() => {
        ending.abort();
      }, TIMEOUT_MS);
      await running;
      await writeDue();
      clearTimeout(deadline);
    },
  };

  function plan(): void {
    if (closed || timer !== undefined || running !== undefined || !book.hasUntold()) return;
    timer = setTimeout(() => {
      timer = undefined;
      running = writeDue().finally(() => {
        running = undefined;
        plan();
      });
    }, GATHER_MS);
    timer.unref();
  }

  /** One after the other, until there are no more, or the API server does not answer: it will not answer the next either. */
  async function writeDue(): Promise<void> {
    for (let due = book.take(performance.now()); due !== undefined; due = book.take(performance.now())) {
      try {
        book.keep(due.key, await writeEvent(call, due));
        onResult('written');
      } catch (error) {
        onResult('failed');
        tell(`cannot write an Event: ${describeError(error)}`);
        if (!(error instanceof ApiError) || error.status === undefined) return;
      }
    }
  }

  function tell(message: string): void {
    if (told.has(message)) return;
    if (told.size >= MOST_TOLD) told.clear();
    told.add(message);
    onError(message);
  }
}

type Call = ApiServer['call'];

/**
 * Creates the Event, or adds to the one that is there. All replicas name it alike, and none writes over what another has
 * counted: a change is of the version that was read, and read again if that is an old one.
 */
async function writeEvent(call: Call, due: DueEvent): Promise<WrittenEvent> {
  const paths = locate(due);
  let { written } = due;
  for (let attempt = 1; ; attempt++) {
    try {
      return await (written === undefined ? create(call, paths, due) : addTo(written, call, paths, due));
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !(error instanceof ApiError)) throw error;
      // The Event has expired. A 404 on creation is different: the namespace does not exist.
      if (error.status === 404 && written !== undefined) written = undefined;
      else if (error.status === 409) written = await read(call, paths);
      else throw error;
    }
  }
}

type Paths = Readonly<{ namespace: string; name: string; all: string; one: string }>;

function locate({ key, notice: { involved } }: DueEvent): Paths {
  // Events are namespaced; the API server requires `default` for those of objects without a namespace.
  const namespace = involved.namespace || 'default';
  const name = nameEvent(involved.name, key);
  const all = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
  return { namespace, name, all, one: `${all}/${name}` };
}

/** `web-7d9f5.0f3a…`: the same in every replica, and another one for each owner, rule and outcome. */
function nameEvent(owner: string, key: string): string {
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 16);
  const start = owner
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 200)
    .replaceAll(/^-|-$/g, '');
  return start === '' ? `pullguard.${hash}` : `${start}.${hash}`;
}

const REASONS: Readonly<Record<Notice['outcome'], Readonly<{ type: string; reason: string }>>> = {
  denied: { type: 'Warning', reason: 'ImageDenied' },
  fixed: { type: 'Normal', reason: 'ImagePullFixed' },
  late: { type: 'Warning', reason: 'ImagePullMayFail' },
  failing: { type: 'Warning', reason: 'ImagePullFails' },
  kept: { type: 'Warning', reason: 'ImageNotReplaced' },
};

async function create(call: Call, { namespace, name, all }: Paths, due: DueEvent): Promise<WrittenEvent> {
  const { notice, count, firstAt, lastAt } = due;
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace },
    involvedObject: notice.involved,
    ...REASONS[notice.outcome],
    message: notice.message,
    count,
    firstTimestamp: formatSecond(firstAt),
    lastTimestamp: formatSecond(lastAt),
    source: { component: 'pullguard' },
    reportingComponent: 'pullguard',
  };
  return readWritten(await call('POST', all, { body }));
}

async function addTo(written: WrittenEvent, call: Call, { one }: Paths, due: DueEvent): Promise<WrittenEvent> {
  const lastTimestamp = formatSecond(due.lastAt);
  const body = {
    metadata: { resourceVersion: written.resourceVersion },
    message: due.notice.message,
    count: written.count + due.count,
    // Another replica may have seen it later; later times are greater texts.
    lastTimestamp: lastTimestamp > written.lastTimestamp ? lastTimestamp : written.lastTimestamp,
  };
  const contentType = 'application/merge-patch+json';
  return readWritten(await call('PATCH', one, { body, contentType }));
}

/** The Event as it is now; undefined when it has gone. */
async function read(call: Call, { one }: Paths): Promise<WrittenEvent | undefined> {
  const found = await orNothing(call('GET', one));
  return found && readWritten(found);
}

function readWritten(event: unknown): WrittenEvent {
  const count = readPath(event, 'count');
  return {
    count: typeof count === 'number' ? count : 0,
    lastTimestamp: readString(event, 'lastTimestamp'),
    resourceVersion: readString(event, 'metadata', 'resourceVersion'),
  };
}
