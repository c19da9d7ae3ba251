import { quote } from '../text/quote.ts';
import { joinPointer } from '../text/json.ts';
import type { Facts } from '../pull/facts.ts';
import { ACTIONS } from '../policy/policy.ts';
import type { Problem } from './rule.ts';

/**
 * How far pullguard goes in a namespace, whatever its policy says, in the words of the policy: nothing is checked; findings are
 * noted, and nothing is changed; people are warned as well, and Pods are fixed; objects are denied as well. So a rollout goes
 * through them one by one.
 */
export const MODES = ['off', ...ACTIONS] as const;
export type Mode = (typeof MODES)[number];

/** What `deny` was called before. */
const FORMER_DENY = 'enforce';

export const MODE_LABEL = 'pullguard.dev/mode';
export const FIX_LABEL = 'pullguard.dev/fix';

/** What a namespace allows. */
export type NamespaceLimits = Readonly<{ mode: Mode; fixes: boolean }>;

export const NO_LIMITS: NamespaceLimits = { mode: 'deny', fixes: true };

/** Its labels may forbid to refuse, so nothing is refused. Fixes are made: the API server itself sends none it must not get. */
const NOT_KNOWN_YET: NamespaceLimits = { mode: 'warn', fixes: true };

/** What is allowed in a namespace. Where no cluster is asked, as by `check`, there are no limits. */
export function findLimits({ namespaces }: Facts, namespace: string): NamespaceLimits {
  if (namespaces === undefined) return NO_LIMITS;
  const labels = namespaces.findLabels(namespace);
  return labels === undefined ? NOT_KNOWN_YET : readLimits(labels);
}

type Labels = Readonly<Record<string, unknown>>;

/** Unknown values are treated as the stricter one, as if the label were not there. */
function readLimits(labels: Labels): NamespaceLimits {
  const mode = labels[MODE_LABEL];
  const known = MODES.find((each) => each === mode) ?? 'deny';
  return { mode: known, fixes: known !== 'audit' && labels[FIX_LABEL] !== 'false' };
}

/** The message of a label that works, so that it is a notice. */
export const FORMER_MODE = 'former-mode';

const METADATA_LABELS = '/metadata/labels';

/** What is wrong with the labels of a Namespace, for the user who sets them: a typo would otherwise enforce silently. */
export function findLabelProblems(labels: Labels): readonly Problem[] {
  const problems: Problem[] = [];
  const report = (label: string, messageId: string, message: string): void => {
    problems.push({ messageId, message, at: joinPointer(METADATA_LABELS, label), value: String(labels[label]) });
  };
  const mode = labels[MODE_LABEL];
  if (mode === FORMER_DENY) {
    report(MODE_LABEL, FORMER_MODE, 'former name of the mode deny, which still works: use deny');
  } else if (mode !== undefined && !MODES.some((each) => each === mode)) {
    report(MODE_LABEL, 'unknown-mode', 'unknown mode, treated as deny: use off, audit, warn or deny');
  }
  const fix = labels[FIX_LABEL];
  if (fix !== undefined && fix !== 'true' && fix !== 'false') {
    report(FIX_LABEL, 'unknown-fix', 'unknown value, treated as "true": use "true" or "false"');
  }
  for (const label of Object.keys(labels)) {
    if (label.startsWith('pullguard.dev/') && label !== MODE_LABEL && label !== FIX_LABEL) {
      report(label, 'unknown-label', `unknown label of pullguard: use ${quote(MODE_LABEL)} or ${quote(FIX_LABEL)}`);
    }
  }
  return problems;
}
