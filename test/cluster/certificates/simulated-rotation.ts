import {
  holdsAuthority,
  planBundle,
  shouldMove,
  type TrustedAuthority,
} from '../../../src/cluster/certificates/webhook-configuration.ts';
import {
  overlapMs,
  planCertificates,
  shouldTakeOver,
  type StoredPairs,
} from '../../../src/cluster/certificates/certificate-plan.ts';
import { toPath, trackPaths, type WebhookPaths } from '../../../src/cluster/certificates/webhook-paths.ts';
import { termProblem, type Term } from '../../../src/tls/source.ts';

/** Stand-ins for certificates, which would take a tenth of a second each to make. */
type Authority = TrustedAuthority;
type Serving = Term & Readonly<{ issuer: string }>;
type Secret = Readonly<{ authority: Authority; serving: Serving; token: string }>;
type Bundle = readonly Authority[];
type Configuration = Readonly<{ bundle: Bundle; path: string }>;

/** Something in the API server, as it was at any time. */
type History<Value> = { at: number; value: Value }[];

type Replica = {
  /** The moments whose state it has seen, of the Secret and of the webhooks: late, and never going back. */
  saw: { secret: number; bundles: number };
  serving: Serving | undefined;
  paths: WebhookPaths;
  held: Readonly<{ authority: string; since: number }> | undefined;
  /** Since when it is ready; calls come a moment after. */
  readyAt: number | undefined;
  nextLook: number;
};

export type Simulation = Readonly<{ refusals: readonly string[]; rotations: number; renewals: number }>;

const AUTHORITY_MS = 400_000;
const SERVING_MS = 120_000;
const END_MS = 3_000_000;
const STEP_MS = 250;
/** Below the time that a certificate for two minutes is given to settle, which is 11 s. */
const API_LAG_MS = 9000;
const REPLICA_LAG_MS = 3000;
const LOOK_MS = 2000;
const REIGN_MS = 60_000;
const INTERREGNUM_MS = 15_000;

const ENDPOINT = 'validate';
/** As in the real code, and longer than an API server takes to hear of a change. */
const GRACE_MS = 10_000;

/**
 * Two replicas, two webhook configurations and an API server for fifty minutes, with lives of minutes. Every read is
 * late by a random time, leaders change, are missing or are two at once, replicas start anew and somebody deletes the
 * Secret. The decisions are those of the real code. A refusal is a call that the API server would have made to a ready
 * replica, and broken off, or to a path where that serves nothing.
 */
export function simulateRotation(seed: number): Simulation {
  const random = randomFrom(seed);
  const secret: History<Secret | undefined> = [{ at: 0, value: undefined }];
  const configurations: readonly History<Configuration>[] = [0, 1].map(() => [
    { at: 0, value: { bundle: [], path: '' } },
  ]);
  let clock = 0;
  const replicas = [startReplica(0), startReplica(0)];
  const refusals: string[] = [];
  let [rotations, renewals, names] = [0, 0, 0];
  let leaders: readonly number[] = [];
  let reignEnds = 0;
  let quietUntil = 60_000;

  for (let now = 0; now < END_MS; now += STEP_MS) {
    clock = now;
    if (now >= reignEnds) {
      // Whoever led is gone, and the others wait before they follow.
      leaders = leaders.length > 0 && random() < 0.3 ? [] : pick([[0], [1], [0, 1]]);
      reignEnds = now + random() * (leaders.length === 0 ? INTERREGNUM_MS : REIGN_MS);
    }
    if (now > quietUntil && random() < 0.002) disturb(now);
    replicas.forEach((replica, index) => {
      if (now >= replica.nextLook) look(replica, index, now);
      judge(replica, index, now);
    });
  }
  return { refusals, rotations, renewals };

  function disturb(now: number): void {
    // The next one not before this one is over and done with, as for the whole chain to fail twice at once.
    quietUntil = now + 40_000;
    if (random() < 0.5) secret.push({ at: now, value: undefined });
    else replicas[random() < 0.5 ? 0 : 1] = startReplica(now);
  }

  function look(replica: Replica, index: number, now: number): void {
    replica.nextLook = now + random() * LOOK_MS;
    for (const what of ['secret', 'bundles'] as const) {
      replica.saw[what] = Math.max(replica.saw[what], now - random() * REPLICA_LAG_MS);
    }
    const seen = latest(secret, replica.saw.secret);
    const seenConfigurations = configurations.map((each) => latest(each, replica.saw.bundles));
    const named = seenConfigurations.map(({ value }) => ({ endpoint: ENDPOINT, path: value.path }) as const);
    replica.paths.update({ token: seen.value?.token, named });
    const bundles = seenConfigurations.map(({ value }) => value.bundle);
    const heldForMs = takeOver(replica, seen.value, { bundles, now });

    const plan = planCertificates(toStored(seen.value), new Date(now));
    const leads = leaders.includes(index);
    // Over the version that was read, or not at all.
    if (plan.do !== 'nothing' && (plan.urgent || leads) && seen === secret.at(-1)) {
      secret.push({ at: now, value: renew(plan.do, seen.value, now) });
    }
    if (!leads || seen.value === undefined || (plan.do === 'make-all' && plan.urgent)) return;
    const { authority, serving, token } = seen.value;
    const dropOlder = heldForMs !== undefined && heldForMs >= overlapMs(serving);
    configurations.forEach((configuration, which) => {
      const before = seenConfigurations[which]!;
      const bundle = planBundle(before.value.bundle, authority, { dropOlder, now: new Date(now) });
      const ours = toPath(token, ENDPOINT);
      const path = shouldMove(before.value.path, { path: ours, dropOlder }) ? ours : before.value.path;
      const isChanged = namesOf(bundle) !== namesOf(before.value.bundle) || path !== before.value.path;
      if (before === configuration.at(-1) && isChanged) configuration.push({ at: now, value: { bundle, path } });
    });
  }

  function renew(what: 'make-all' | 'issue', current: Secret | undefined, now: number): Secret {
    if (what === 'issue' && current !== undefined) {
      renewals += 1;
      return { ...current, serving: issue(current.authority, now) };
    }
    rotations += 1;
    const authority = { pem: `CA ${++names}`, ...termOf(now, AUTHORITY_MS) };
    return { authority, serving: issue(authority, now), token: names.toString(16).padStart(64, '0') };
  }

  /** A call of an API server that has heard of the webhooks with any delay up to the longest. */
  function judge({ serving, readyAt, paths }: Replica, index: number, now: number): void {
    if (serving === undefined || readyAt === undefined || now < readyAt + API_LAG_MS) return;
    const problem = termProblem('certificate', serving, new Date(now));
    if (problem !== undefined) refusals.push(`${now}: replica ${index}: ${problem}`);
    for (const configuration of configurations) {
      const { value } = latest(configuration, now - random() * API_LAG_MS);
      const { bundle, path } = value;
      if (paths.find(path) === undefined) refusals.push(`${now}: replica ${index}: nothing is served at ${path}`);
      const issuer = bundle.find(({ pem }) => pem === serving.issuer);
      if (issuer === undefined || now > issuer.notAfter.getTime()) {
        refusals.push(`${now}: replica ${index}: ${serving.issuer} is not among ${namesOf(bundle)}`);
      }
    }
  }

  function startReplica(now: number): Replica {
    const saw = { secret: now, bundles: now };
    const paths = trackPaths(GRACE_MS, () => clock);
    return { saw, serving: undefined, paths, held: undefined, readyAt: undefined, nextLook: now };
  }

  function pick<Value>(values: readonly Value[]): Value {
    return values[Math.floor(random() * values.length)]!;
  }
}

type View = Readonly<{ bundles: readonly Bundle[]; now: number }>;

/** Returns for how long the webhooks have held the CA in the Secret. */
function takeOver(replica: Replica, secret: Secret | undefined, view: View): number | undefined {
  const heldForMs = measureHeld(replica, secret, view);
  if (secret !== undefined && secret.serving !== replica.serving) {
    const offered = { ...secret.serving, trusted: isTrusted(secret.serving, view) };
    const { serving } = replica;
    const used = serving === undefined ? {} : { used: { ...serving, trusted: isTrusted(serving, view) } };
    if (shouldTakeOver({ ...used, offered, heldForMs }, new Date(view.now))) replica.serving = secret.serving;
  }
  if (replica.serving !== undefined && isTrusted(replica.serving, view)) replica.readyAt ??= view.now;
  return heldForMs;
}

function measureHeld(replica: Replica, secret: Secret | undefined, { bundles, now }: View): number | undefined {
  if (secret === undefined || !bundles.every((bundle) => holdsAuthority(bundle, secret.authority.pem))) {
    replica.held = undefined;
    return undefined;
  }
  if (replica.held?.authority !== secret.authority.pem) replica.held = { authority: secret.authority.pem, since: now };
  return now - replica.held.since;
}

function isTrusted({ issuer }: Serving, { bundles, now }: View): boolean {
  return bundles.every((bundle) => bundle.some(({ pem, notAfter }) => pem === issuer && now <= notAfter.getTime()));
}

function toStored(secret: Secret | undefined): StoredPairs {
  const missing = { ok: false, problem: 'it does not exist' } as const;
  if (secret === undefined) return { authority: missing, serving: missing };
  return { authority: { ok: true, pair: secret.authority }, serving: { ok: true, pair: secret.serving } };
}

function namesOf(bundle: Bundle): string {
  return bundle.map(({ pem }) => pem).join();
}

function issue({ pem, notAfter }: Authority, now: number): Serving {
  return { issuer: pem, ...termOf(now, Math.min(SERVING_MS, notAfter.getTime() - now)) };
}

function termOf(now: number, lifeMs: number): Term {
  return { notBefore: new Date(now - lifeMs / 10), notAfter: new Date(now + lifeMs) };
}

function latest<Value>(history: History<Value>, at: number): History<Value>[number] {
  for (let index = history.length - 1; index > 0; index--) {
    if (history[index]!.at <= at) return history[index]!;
  }
  return history[0]!;
}

/** mulberry32: small, and the same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
