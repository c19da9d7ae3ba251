import { describeError } from '../../text/error.ts';
import { readPath, readString } from '../../text/json.ts';
import {
  ApiError,
  orNothing,
  type ApiServer,
  type CallOptions,
  type KubernetesObject,
} from '../connection/api-server.ts';
import { reportOnce } from '../connection/retry.ts';

export type ElectionOptions = Readonly<{
  api: ApiServer;
  namespace: string;
  /** The name of the Lease. */
  name: string;
  /** Unique to this process: not even the previous process with the same name has it. */
  identity: string;
  /** Called on each change; at first this replica is not the leader. */
  onChange: (isLeader: boolean) => void;
  /** Called once for each distinct problem until it is solved; failed attempts are retried. */
  onError: (message: string) => void;
  /** How long the others wait for a leader that does not renew the Lease. */
  durationMs: number;
}>;

export type Election = Readonly<{
  isLeader: () => boolean;
  /** Gives up the leadership, so that the next leader need not wait until it expires. Never rejects. */
  close: () => Promise<void>;
}>;

/** For each of the two calls that release the Lease, as a shutdown must not wait long for them. */
const LAST_WORD_MS = 2000;

/**
 * Takes part in electing one leader among all processes that use the same Lease, as Kubernetes' controllers do. The leader renews
 * the Lease. The others take it over if it has not changed for its duration, by their own clocks: the times written in it are
 * from other machines, and for people. Each write only applies to the version that was read, so of two concurrent writes one
 * fails. A leader steps down some time before the others may take over.
 */
export function electLeader(options: ElectionOptions): Election {
  const { api, namespace, name, identity, onChange, onError, durationMs } = options;
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  // Three attempts while the others wait; after two failed ones this replica is no longer the leader.
  const renewMs = durationMs / 3;
  const reporter = reportOnce(onError);
  /** The last content of the Lease, and when it was first seen here. Not its version, as others may write a label. */
  let seen = { text: '', since: 0 };
  let leadsUntil = -Infinity;
  /** Whether the Lease may contain our identity. */
  let mayHold = false;
  let wasLeader = false;
  let closed = false;
  let nextTry: NodeJS.Timeout | undefined;
  let stepDown: NodeJS.Timeout | undefined;
  const ending = new AbortController();
  let limits: CallOptions = { timeoutMs: renewMs, signal: ending.signal };
  let running = campaign();

  return {
    isLeader,
    close: async () => {
      closed = true;
      ending.abort();
      clearTimeout(nextTry);
      clearTimeout(stepDown);
      tellChange();
      await running;
      limits = { timeoutMs: LAST_WORD_MS };
      if (mayHold) await release();
    },
  };

  /** Compares the clock each time: a process that was paused must not act as the leader when it continues. */
  function isLeader(): boolean {
    return !closed && performance.now() < leadsUntil;
  }

  async function campaign(): Promise<void> {
    const startedAt = performance.now();
    let retryMs = renewMs;
    try {
      if (await acquire()) leadsUntil = startedAt + (durationMs * 2) / 3;
      else leadsUntil = -Infinity;
      reporter.clear('lease');
    } catch (error) {
      retryMs = renewMs / 3;
      if (!closed) report('renewed', error);
    }
    if (closed) return;
    tellChange();
    clearTimeout(stepDown);
    if (isLeader()) stepDown = setTimeout(tellChange, leadsUntil - performance.now() + 1).unref();
    // Random, so that replicas that were started together do not ask at the same time.
    const tryAgain = (): void => void (running = campaign());
    nextTry = setTimeout(tryAgain, retryMs * (0.8 + 0.2 * Math.random())).unref();
  }

  /** False if another replica is the leader. @throws ApiError */
  async function acquire(): Promise<boolean> {
    const lease = await read();
    if (closed) return false;
    const holder = readString(lease, 'spec', 'holderIdentity');
    if (holder !== '' && holder !== identity && !hasExpired(lease)) {
      mayHold = false;
      return false;
    }
    // Set before the response, which may be lost.
    mayHold = true;
    const now = toMicroTime(api.now());
    const spec = {
      ...(readPath(lease, 'spec') as object | undefined),
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1000),
      renewTime: now,
      ...(holder !== identity && { acquireTime: now, leaseTransitions: countTransitions(lease) }),
    };
    await put(lease ?? { metadata: { namespace, name } }, spec, lease === undefined);
    return true;
  }

  function hasExpired(lease: unknown): boolean {
    const text = JSON.stringify(readPath(lease, 'spec'));
    if (text !== seen.text) seen = { text, since: performance.now() };
    const seconds = readPath(lease, 'spec', 'leaseDurationSeconds');
    return performance.now() - seen.since > (typeof seconds === 'number' ? seconds * 1000 : durationMs);
  }

  async function release(): Promise<void> {
    try {
      const lease = await read();
      if (lease === undefined || readString(lease, 'spec', 'holderIdentity') !== identity) return;
      const spec = readPath(lease, 'spec') as object;
      await put(lease, { ...spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: toMicroTime(api.now()) });
    } catch (error) {
      report('released', error);
    }
  }

  async function read(): Promise<KubernetesObject | undefined> {
    return orNothing(api.call('GET', `${collection}/${name}`, limits));
  }

  async function put(lease: KubernetesObject, spec: object, isMissing = false): Promise<void> {
    const body = { ...lease, apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', spec };
    const [method, path] = isMissing ? (['POST', collection] as const) : (['PUT', `${collection}/${name}`] as const);
    await api.call(method, path, { ...limits, body });
  }

  function tellChange(): void {
    if (isLeader() === wasLeader) return;
    wasLeader = !wasLeader;
    onChange(wasLeader);
  }

  function report(what: string, error: unknown): void {
    // Another replica was faster, which is not an error: the next read shows it.
    if (error instanceof ApiError && error.status === 409) return;
    const problem = `the Lease ${namespace}/${name} for leader election cannot be ${what}: ${describeError(error)}`;
    reporter.report('lease', problem);
  }
}

/** How often the holder of the Lease has changed. */
function countTransitions(lease: KubernetesObject | undefined): number {
  const before = readPath(lease, 'spec', 'leaseTransitions');
  return lease === undefined ? 0 : (typeof before === 'number' ? before : 0) + 1;
}

/** The API server only accepts this type of time with six decimal places: `2026-02-01T09:30:00.123000Z`. */
function toMicroTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}
