import { outcomeOf } from '../cause/answer.ts';
import { describeNotAsked } from '../cause/not-asked.ts';
import type { Logger } from 'pino';
import type { Registries as Asked } from '../admission/answer-later.ts';
import type { Facts } from '../pull/facts.ts';
import type { ReadKeyring } from '../pull/keyring.ts';
import type { Policy } from '../engine/rule.ts';
import { probesAny } from '../policy/policy.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { createExchange } from '../registry/exchange/create-exchange.ts';
import { createResolver } from '../registry/exchange/resolve-host.ts';
import { createProbeImage } from '../registry/client/probe-image.ts';
import { createProber, type ProbeEvent } from '../registry/prober/prober.ts';
import { countProbe, type Metrics } from './metrics.ts';

/** What a server takes from registries. */
export type Registries = Readonly<{
  /** Undefined where the policy has nobody asked. */
  current: () => Asked | undefined;
  onPolicyChange: () => void;
  /** Asks nobody any more; those who are being asked may still answer. */
  close: () => void;
}>;

type Surroundings = Readonly<{
  policy: () => Policy;
  facts: () => Facts;
  readKeyring: ReadKeyring;
  metrics: Metrics;
  logger: Logger;
}>;

/** Asks registries in the background, as far as the policy names them; which it may begin to do while this runs. */
export function openRegistries({ policy, facts, readKeyring, metrics, logger }: Surroundings): Registries {
  const report = reportProbes(logger);
  const prober = createProber({
    policy,
    probeImage: createProbeImage(createExchange({ resolve: createResolver() })),
    readKeyring,
    platforms: () => listPlatforms(facts()),
    onProbed: (event) => {
      countProbe(metrics, event);
      report(event);
    },
  });
  metrics.measureRegistries(prober.state);
  const asked: Asked = { known: prober.registries, ask: prober.ask };
  return {
    current: () => (probesAny(policy()) ? asked : undefined),
    onPolicyChange: prober.forget,
    close: prober.forget,
  };
}

/** What of the policy's asking comes to nothing as this runs, for whoever wonders why nothing is said; undefined for nothing. */
export function explainSilence(policy: Policy, { offline, isConnected }: RunsAs): string | undefined {
  if (!probesAny(policy) || isConnected) return undefined;
  return offline
    ? 'the policy has registries asked, but with --offline nobody is'
    : 'there is no cluster to read pull secrets in: that an image is denied is not told, and that it is missing is at most a warning';
}

type RunsAs = Readonly<{ offline: boolean; isConnected: boolean }>;

/** Where the nodes are not known: what nearly all are. */
const USUAL_PLATFORMS = ['linux/amd64'];

function listPlatforms({ nodes }: Facts): readonly string[] {
  const platforms = nodes === undefined ? [] : platformsOf(nodes.list());
  return platforms.length === 0 ? USUAL_PLATFORMS : platforms;
}

/** A node that has only just come may not say what it is. */
const platformsOf = memoizeByObject((nodes: readonly Readonly<{ platform: string }>[]) =>
  [...new Set(nodes.map(({ platform }) => platform))].filter((platform) => platform !== ''),
);

/** Enough for what is wrong with the registries of a policy. The names of more are made up by whoever names images. */
const LINES_A_MINUTE = 20;
const MINUTE_MS = 60_000;

/**
 * Logs what keeps registries from being asked, which is for operators to mend, once a minute for each cause. What they say when
 * they are asked is for the authors of workloads.
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
