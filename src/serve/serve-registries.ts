import { outcomeOf, describeNotAsked } from '../cause/answer.ts';
import type { Logger } from 'pino';
import type { Registries as Asked } from '../admission/answer-later.ts';
import type { Facts } from '../pull/facts.ts';
import type { ReadKeyring } from '../pull/keyring.ts';
import type { Policy } from '../engine/rule.ts';
import { probesAny } from '../policy/policy.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { createExchange } from '../registry/exchange/create-exchange.ts';
import type { ProxyFor } from '../registry/exchange/proxies.ts';
import { createResolver } from '../registry/exchange/resolve-host.ts';
import { createProbeImage } from '../registry/client/probe-image.ts';
import { createProber, type ProbeEvent } from '../registry/prober/prober.ts';
import { countProbe, type Metrics } from './metrics.ts';

/** The connection of the server to registries. */
export type Registries = Readonly<{
  /** Undefined if the policy does not allow to ask any registry. */
  current: () => Asked | undefined;
  onPolicyChange: () => void;
  /** Starts no further requests; those in flight may still be answered. */
  close: () => void;
}>;

type Surroundings = Readonly<{
  policy: () => Policy;
  facts: () => Facts;
  readKeyring: ReadKeyring;
  metrics: Metrics;
  logger: Logger;
  /** The proxy to a URL; none by default. */
  proxyFor?: ProxyFor;
}>;

/** Asks registries in the background, as far as the current policy allows. */
export function openRegistries({ policy, facts, readKeyring, metrics, logger, proxyFor }: Surroundings): Registries {
  const report = reportProbes(logger);
  const prober = createProber({
    policy,
    probeImage: createProbeImage(
      createExchange({ resolve: createResolver(), ...(proxyFor !== undefined && { proxyFor }) }),
    ),
    readKeyring,
    platforms: () => listPlatforms(facts()),
    onProbed: (event) => {
      countProbe(metrics, event);
      report(event);
    },
  });
  metrics.measure({ registries: prober.state });
  const asked: Asked = { known: prober.registries, ask: prober.ask };
  return {
    current: () => (probesAny(policy()) ? asked : undefined),
    onPolicyChange: prober.forget,
    close: prober.forget,
  };
}

/** Why `probe` in the policy has no or little effect with these options; undefined if it has its full effect. */
export function explainIgnoredProbe(policy: Policy, { offline, isConnected }: RunsAs): string | undefined {
  if (!probesAny(policy) || isConnected) return undefined;
  return offline
    ? 'the policy enables probe, but --offline disables it: remove --offline to ask registries'
    : 'no cluster to read pull secrets from, so denied images are not reported, and missing images at most as a warning';
}

type RunsAs = Readonly<{ offline: boolean; isConnected: boolean }>;

/** Used if the nodes are unknown. */
const USUAL_PLATFORMS = ['linux/amd64'];

function listPlatforms({ nodes }: Facts): readonly string[] {
  const platforms = nodes === undefined ? [] : platformsOf(nodes.list());
  return platforms.length === 0 ? USUAL_PLATFORMS : platforms;
}

/** A new node may not have its platform yet. */
const platformsOf = memoizeByObject((nodes: readonly Readonly<{ platform: string }>[]) =>
  [...new Set(nodes.map(({ platform }) => platform))].filter((platform) => platform !== ''),
);

/** Enough for the registries of a policy. Users can invent any number of other registry names. */
const LINES_A_MINUTE = 20;
const MINUTE_MS = 60_000;

/**
 * Logs why registries were not asked, which the operator can fix, once a minute for each cause. The answers of registries are
 * reported to the authors of workloads instead.
 */
function reportProbes(logger: Logger): (event: ProbeEvent) => void {
  const told = new Set<string>();
  let began = -Infinity;
  return ({ registry, seconds, result }) => {
    if ('answer' in result) {
      logger.debug({ registry, seconds, outcome: outcomeOf(result.answer) }, 'registry asked');
      return;
    }
    const problem = describeNotAsked(result.notAsked);
    const cause = `${registry}: ${problem}`;
    const now = performance.now();
    if (now - began > MINUTE_MS) {
      told.clear();
      began = now;
    }
    if (told.has(cause) || told.size >= LINES_A_MINUTE) return;
    told.add(cause);
    logger.warn({ registry, problem }, 'registry not asked');
  };
}
