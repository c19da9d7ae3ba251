import { describeError } from '../../text/error.ts';
import { requestProblem, type Lives } from '../../tls/self-signed.ts';
import { termProblem, type CertificateSource, type ServingCertificate } from '../../tls/source.ts';
import type { ApiServer } from '../connection/api-server.ts';
import type { ServiceName } from './webhook-configuration.ts';
import {
  MAX_SETTLE_MS,
  overlapMs,
  planCertificates,
  settleMs,
  shouldTakeOver,
  type CertificatePlan,
} from './certificate-plan.ts';
import { openCertificateStore, type StoredCertificates } from './certificate-secret.ts';
import { electLeader } from './lease.ts';
import { trackPaths, type WebhookPaths } from './webhook-paths.ts';
import { watchWebhookTrust } from './webhook-trust.ts';

export type ManageOptions = Readonly<{
  api: ApiServer;
  /** The namespace of the Secret, the Lease and pullguard itself, which becomes an owner of the webhook configurations. */
  namespace: string;
  secretName: string;
  webhookConfigurationName: string;
  /** Only webhooks that call this Service get our CA. */
  service: ServiceName;
  /** The names of the certificate: those of that Service. */
  dnsNames: readonly string[];
  /** Unique to this process: not even the previous process in the same Pod has it. */
  identity: string;
  /** `DEFAULT_LIVES` by default. All intervals depend on them. */
  lives?: Partial<Lives>;
  /** Called once for each distinct problem until it is solved, never with key material; failed steps are retried. */
  onError: (message: string) => void;
  /** Called with what was created and why, and with changes of the leader. */
  onInfo: (message: string) => void;
  /** Called when a webhook configuration does not call us, or does not exist. */
  onMisfit: (problem: string) => void;
}>;

/** `close` lets another replica become the leader at once. */
export type ManagedCertificate = CertificateSource &
  Readonly<{
    /** Why the API server would refuse the served certificate, or undefined. */
    readiness: () => string | undefined;
    isLeader: () => boolean;
    /** The paths at which reviews are answered. */
    paths: Pick<WebhookPaths, 'find' | 'areSecret'>;
  }>;

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * A CA for ten years, as replacing it involves the Secret, the webhooks and every replica. A serving certificate for 90 days,
 * renewed after 60: often enough that a failing renewal is noticed within a quarter, with a month left to fix it.
 */
const DEFAULT_LIVES: Lives = { authorityMs: 3650 * DAY_MS, servingMs: 90 * DAY_MS };

/** Certificates have whole seconds: with a shorter validity, the pauses between two steps of a renewal would not fit. */
const MIN_LIFE_MS = 10_000;

const MAX_LEASE_MS = 15_000;
/** The longest pause between checks when nothing happens. */
const MAX_LOOK_MS = 60 * 60 * 1000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

const NOT_CALLED_HERE =
  'a webhook configuration does not have the path of this webhook yet: the leader writes it; if it cannot, see its log';

/**
 * Creates a CA and a serving certificate, keeps both in a Secret for all replicas and their CA in the webhook configurations, and
 * renews them in time. Returns at once and works in the background, even if the API server cannot be reached yet.
 *
 * A new CA never makes an admission fail. It is written to the Secret with its own serving certificate, and added to the webhooks
 * next to the old CA. Every replica keeps the certificate in its memory until the webhooks have had the new CA for `settleMs`.
 * After `overlapMs` the old CA is removed from the webhooks. To get a new CA, delete the Secret.
 *
 * Each CA has a token, for paths that only API servers know: see `trackPaths`. The webhooks switch to the paths of a new token
 * when the old CA is removed from them.
 *
 * All decisions are based on what the API server has, and only the version that was read is overwritten. A broken state is
 * repaired by the first replica that sees it; the leader does the rest.
 *
 * @throws Error when a name is not possible in a certificate, or the lives are invalid.
 */
export function manageCertificate(options: ManageOptions): ManagedCertificate {
  const { namespace, dnsNames: names, onInfo } = options;
  const lives = { ...DEFAULT_LIVES, ...options.lives };
  const problem = livesProblem(lives) ?? requestProblem({ names });
  if (problem !== undefined) throw new Error(problem);
  const maxRetryMs = Math.min(MAX_RETRY_MS, lives.servingMs / 12);
  const paths = trackPaths(MAX_SETTLE_MS);

  const ending = new AbortController();
  const call: ApiServer['call'] = async (method, path, settings) =>
    options.api.call(method, path, { ...settings, signal: ending.signal });
  const api: ApiServer = { ...options.api, call };
  const listeners = new Set<(certificate: ServingCertificate) => void>();
  let lastProblem = 'no answer from the API server yet';
  let serving: ServingCertificate | undefined;
  /** Since when, by our own clock, all webhooks have had the CA in the Secret. */
  let held: Readonly<{ authority: string; since: number }> | undefined;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let isWanted = false;
  let running: Promise<void> | undefined;

  const shared = { api, namespace, onChange: look, onError, onInfo };
  const store = openCertificateStore({ ...shared, secret: { namespace, name: options.secretName }, names, lives });
  const name = options.webhookConfigurationName;
  const trust = watchWebhookTrust({ ...shared, name, service: options.service, onMisfit: options.onMisfit });
  const election = electLeader({
    // Not the aborted one, as `close` still releases the Lease.
    api: options.api,
    namespace,
    // Each installation has its own Lease, also if two of them share a namespace.
    name,
    identity: options.identity,
    onChange: (isLeader) => {
      onInfo(isLeader ? 'this replica is now the leader' : 'this replica is no longer the leader');
      look();
    },
    onError,
    durationMs: Math.min(MAX_LEASE_MS, lives.servingMs / 6),
  });

  return {
    current: () => serving,
    onChange: (listener) => listeners.add(listener),
    readiness: () => {
      if (serving === undefined) return `no serving certificate yet: ${lastProblem}`;
      const problem = termProblem('serving certificate', serving, api.now()) ?? trust.problemWith(serving.cert);
      if (problem !== undefined) return problem;
      const areServed = trust.namedPaths().every(({ path }) => paths.find(path) !== undefined);
      return areServed ? undefined : NOT_CALLED_HERE;
    },
    isLeader: election.isLeader,
    paths,
    close: async () => {
      ending.abort();
      clearTimeout(timer);
      store.close();
      trust.close();
      listeners.clear();
      await running;
      await election.close();
    },
  };

  function isClosed(): boolean {
    return ending.signal.aborted;
  }

  function onError(message: string): void {
    if (isClosed()) return;
    lastProblem = message;
    options.onError(message);
  }

  /** Runs one check at a time; changes during a check are handled by another one right after it. */
  function look(): void {
    isWanted = true;
    // At once: the running check may wait for a response, while API servers already call the paths in the configuration.
    queueMicrotask(updatePaths);
    running ??= lookAll();
  }

  function updatePaths(): void {
    paths.update({ token: store.readToken(), named: trust.namedPaths() });
  }

  async function lookAll(): Promise<void> {
    // Not within the callback: its caller may not be ready to be read yet.
    await Promise.resolve();
    while (isWanted && !isClosed()) {
      isWanted = false;
      try {
        const stored = store.read();
        if (stored !== undefined) await lookAt(stored);
      } catch (error) {
        // For example, a listener failed to use the new pair. Without another check, nothing would be renewed any more.
        onError(`managing the certificate failed: ${describeError(error)}`);
        timer = setTimeout(look, maxRetryMs).unref();
      }
    }
    running = undefined;
  }

  async function lookAt(stored: StoredCertificates): Promise<void> {
    clearTimeout(timer);
    const now = api.now();
    const heldForMs = measureHeld(stored);
    takeOver(stored, heldForMs, now);

    const plan = planCertificates(stored, now);
    const isDone = [await renew(plan), await spreadTrust(plan, stored, heldForMs)].every(Boolean);
    if (isClosed()) return;
    failures = isDone ? 0 : failures + 1;
    timer = setTimeout(look, nextLookMs(stored, heldForMs)).unref();
  }

  function measureHeld({ authority }: StoredCertificates): number | undefined {
    if (!authority.ok || !trust.holds(authority.pair.cert)) held = undefined;
    else if (held?.authority !== authority.pair.cert) {
      held = { authority: authority.pair.cert, since: performance.now() };
    }
    return held === undefined ? undefined : performance.now() - held.since;
  }

  function takeOver(stored: StoredCertificates, heldForMs: number | undefined, now: Date): void {
    if (!stored.serving.ok) return;
    const offered = stored.serving.pair;
    if (serving?.cert === offered.cert) return;
    const used = serving === undefined ? undefined : judge(serving);
    if (!shouldTakeOver({ used, offered: judge(offered), heldForMs }, now)) return;
    serving = offered;
    for (const listener of listeners) listener(offered);
  }

  function judge(pair: ServingCertificate): ServingCertificate & Readonly<{ trusted: boolean }> {
    return { ...pair, trusted: trust.problemWith(pair.cert) === undefined };
  }

  /** False if it has to be retried. */
  async function renew(plan: CertificatePlan): Promise<boolean> {
    if (plan.do === 'nothing' || !(plan.urgent || election.isLeader())) return true;
    return store.renew(plan);
  }

  /** False if it has to be retried. */
  async function spreadTrust(
    plan: CertificatePlan,
    { authority, serving: stored }: StoredCertificates,
    heldForMs = -Infinity,
  ): Promise<boolean> {
    const isUsable = authority.ok && !(plan.do === 'make-all' && plan.urgent);
    if (!isUsable || !election.isLeader()) return true;
    const dropOlder = stored.ok && heldForMs >= overlapMs(stored.pair);
    return trust.update({ authority: authority.pair.cert, token: authority.pair.token, dropOlder });
  }

  /** The time until the next step, a retry, or a regular check, whichever comes first. */
  function nextLookMs({ serving: stored }: StoredCertificates, heldForMs: number | undefined): number {
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), maxRetryMs);
    const steps = stored.ok && heldForMs !== undefined ? [settleMs(stored.pair), overlapMs(stored.pair)] : [];
    return Math.min(
      MAX_LOOK_MS,
      lives.servingMs / 24,
      ...(failures > 0 ? [retryMs] : []),
      ...steps.map((step) => step - (heldForMs ?? 0) + 1).filter((left) => left > 0),
    );
  }
}

function livesProblem({ authorityMs, servingMs }: Lives): string | undefined {
  if (servingMs >= MIN_LIFE_MS && authorityMs >= servingMs) return undefined;
  return `--certificate-life is ${servingMs} ms and --ca-life is ${authorityMs} ms: use at least ${MIN_LIFE_MS} ms for the certificate, and at least as much for the CA`;
}
