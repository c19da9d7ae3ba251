import { describeError } from '../../text/error.ts';
import { readPath, readString } from '../../text/json.ts';
import { ApiError, type ApiServer, type CallOptions, type KubernetesObject } from '../connection/api-server.ts';
import { reportOnce } from '../connection/retry.ts';

export type ElectionOptions = Readonly<{
  api: ApiServer;
  namespace: string;
  /** Of the Lease. */
  name: string;
  /** Ours, and of no other process, not even of the one before us under the same name. */
  identity: string;
  /** Called with each change; it does not lead at first. */
  onChange: (isLeader: boolean) => void;
  /** Called once for each distinct problem until it is over; it is tried again by itself. */
  onError: (message: string) => void;
  /** How long the others wait for a leader that does not renew the Lease. */
  durationMs: number;
}>;

export type Election = Readonly<{
  isLeader: () => boolean;
  /** Gives the leadership away, so that the next one need not wait for it to expire. Never rejects. */
  close: () => Promise<void>;
}>;

/** For each of the two calls that release the Lease: a shutdown must not wait long for them. */
const LAST_WORD_MS = 2000;

/**
 * Takes part in choosing one leader among all that know the same Lease, as the controllers of Kubernetes do it. The leader
 * renews the Lease; the others take it over when it has not changed for as long as it says, by their own clocks: the times
 * written in it are of other machines and for people. All writes are of the version that was read, so of two that try at
 * once one fails. A leader steps down some time before the others may think it gone.
 */
export function electLeader(options: ElectionOptions): Election {
  const { api, namespace, name, identity, onChange, onError, durationMs } = options;
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  // Three tries while the others wait; after two of them without success it is no leader any more.
  const renewMs = durationMs / 3;
  const reporter = reportOnce(onError);
  /** What the Lease said last, and since when as far as we saw. Not its version: others may write a label. */
  let seen = { text: '', since: 0 };
  let leadsUntil = -Infinity;
  /** Whether our name may stand in the Lease. */
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

  /** Asked of the clock each time: a process that was paused must not take itself for the leader when it wakes up. */
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
    // Replicas that were started together need not ask together.
    const tryAgain = (): void => void (running = campaign());
    nextTry = setTimeout(tryAgain, retryMs * (0.8 + 0.2 * Math.random())).unref();
  }

  /** False when another one leads. @throws ApiError */
  async function acquire(): Promise<boolean> {
    const lease = await read();
    if (closed) return false;
    const holder = readString(lease, 'spec', 'holderIdentity');
    if (holder !== '' && holder !== identity && !hasExpired(lease)) {
      mayHold = false;
      return false;
    }
    // Before the answer, as it may be lost on its way to us.
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
    try {
      return (await api.call('GET', `${collection}/${name}`, limits)) as KubernetesObject;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
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

/** How often the Lease went to another holder. */
function countTransitions(lease: KubernetesObject | undefined): number {
  const before = readPath(lease, 'spec', 'leaseTransitions');
  return lease === undefined ? 0 : (typeof before === 'number' ? before : 0) + 1;
}

/** The API server reads a time of this type with six places only: `2026-02-01T09:30:00.123000Z`. */
function toMicroTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}
