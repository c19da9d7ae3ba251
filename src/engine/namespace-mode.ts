import { quote } from '../text/quote.ts';
import { joinPointer } from '../text/json.ts';
import type { Facts } from '../pull/facts.ts';
import { ACTIONS } from '../policy/policy.ts';
import type { Problem } from './rule.ts';

/**
 * How strict pullguard is in a namespace, whatever its policy says, in the words of the policy: `off` checks nothing; `audit`
 * records findings and changes nothing; `warn` also warns and fixes Pods; `deny` also denies objects. A rollout can go through
 * them in this order.
 */
export const MODES = ['off', ...ACTIONS] as const;
export type Mode = (typeof MODES)[number];

/** The former name of `deny`. */
const FORMER_DENY = 'enforce';

export const MODE_LABEL = 'pullguard.dev/mode';
export const FIX_LABEL = 'pullguard.dev/fix';

/** The limits of a namespace. */
export type NamespaceLimits = Readonly<{ mode: Mode; fixes: boolean }>;

export const NO_LIMITS: NamespaceLimits = { mode: 'deny', fixes: true };

/**
 * Its labels may not allow denials, so nothing is denied. Pods are fixed: the API server does not send those that must not be.
 */
const NOT_KNOWN_YET: NamespaceLimits = { mode: 'warn', fixes: true };

/** The limits of a namespace. Without a cluster, as in `check`, there are none. */
export function findLimits({ namespaces }: Facts, namespace: string): NamespaceLimits {
  if (namespaces === undefined) return NO_LIMITS;
  const labels = namespaces.findLabels(namespace);
  return labels === undefined ? NOT_KNOWN_YET : readLimits(labels);
}

type Labels = Readonly<Record<string, unknown>>;

/** An unknown value counts as the stricter one, as if there were no label. */
function readLimits(labels: Labels): NamespaceLimits {
  const mode = labels[MODE_LABEL];
  const known = MODES.find((each) => each === mode) ?? 'deny';
  return { mode: known, fixes: known !== 'audit' && labels[FIX_LABEL] !== 'false' };
}

/** The message of a label that still works, so that it is a notice. */
export const FORMER_MODE = 'former-mode';

const METADATA_LABELS = '/metadata/labels';

/** Problems of a Namespace's labels, for the user who sets them: a typo would otherwise enforce silently. */
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
