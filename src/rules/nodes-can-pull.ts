import { causeOf, type CauseCode } from '../cause/causes.ts';
import { defineRule, type Report, type Unplaced } from '../engine/rule.ts';
import type { FailedPulls } from '../pull/facts.ts';
import { shortenMiddle } from '../text/quote.ts';
import { formatNear } from '../text/time.ts';
import { placeOf } from '../workload/workload.ts';

type Failing = Readonly<{ words: string; nodes: number; registry: string; since: number; now: number }>;

const MESSAGES = {
  'registry-fails': ({ words, nodes, registry, since, now }: Failing) =>
    `${nameNodes(nodes)} cannot pull from ${shortenMiddle(registry, MAX_REGISTRY)} since ${formatNear(since, now)} (${shortenMiddle(words, MAX_WORDS)}): see pullguard diagnose`,
  'image-fails': ({ words, nodes, since, now }: Omit<Failing, 'registry'>) =>
    `${nameNodes(nodes)} cannot pull this image since ${formatNear(since, now)} (${shortenMiddle(words, MAX_WORDS)}): see pullguard diagnose`,
};

const MAX_REGISTRY = 60;

function nameNodes(nodes: number): string {
  return nodes === 0 ? 'nodes' : nodes === 1 ? '1 node' : `${nodes} nodes`;
}

/** kubelet's own words if they are short. */
function wordsOf(cause: CauseCode): string {
  const { says, name } = causeOf(cause);
  const [first = name] = says;
  return first.length <= MAX_WORDS ? first : name;
}

const MAX_WORDS = 60;

export const nodesCanPull = defineRule({
  id: 'nodes-can-pull',
  description: 'Finds images that nodes of the cluster fail to pull at this time, from what kubelet reports.',
  remedy: 'Find the cause with pullguard diagnose, and fix it: Pods with this image will wait until then.',
  faqItems: [3, 4, 5, 6, 7, 8],
  defaultAction: 'warn',
  scope: 'images',
  fixable: false,
  options: {},
  // The rule runs without facts: if Events are not watched it finds nothing, which needs no report.
  needs: [],
  messages: MESSAGES,
  check: ({ workload, pull, facts: { pulls }, now, flatMap }) => {
    if (pulls === undefined) return [];
    const reported = new Set<string>();
    return flatMap(pull.images(), ({ reference, uses }): readonly Report<typeof MESSAGES>[] => {
      const [worst] = pulls.find(reference, workload.namespace);
      if (worst === undefined) return [];
      // A registry is reported once, at its first image.
      if (worst.of === 'registry' && reported.has(worst.registry)) return [];
      if (worst.of === 'registry') reported.add(worst.registry);
      return [{ ...placeOf(uses[0]), ...describe(worst, now) }];
    });
  },
});

function describe(worst: FailedPulls, now: number): Unplaced<typeof MESSAGES> {
  const { cause, of, nodes, registry, since } = worst;
  const words = wordsOf(cause);
  const reference = { registry, repository: 'REPOSITORY', tag: 'TAG' };
  const context = { endpoint: `${registry}${registry.includes(':') ? '' : ':443'}`, reference, secrets: [], now };
  const found = { cause, remedy: causeOf(cause).remedy(context), atMost: 'warn' } as const;
  return of === 'registry'
    ? { ...found, messageId: 'registry-fails', params: { words, nodes, registry, since, now } }
    : { ...found, messageId: 'image-fails', params: { words, nodes, since, now } };
}
