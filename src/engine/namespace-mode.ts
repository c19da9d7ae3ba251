import { ACTIONS } from '../policy/policy.ts';
import type { Facts } from '../pull/facts.ts';
import { isRecord, joinPointer, readPath } from '../text/json.ts';
import { quote } from '../text/quote.ts';
import { readName } from '../workload/workload.ts';
import type { Finding } from './findings.ts';

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

/** A request about a Namespace, as in an AdmissionReview. */
type NamespaceRequest = Readonly<{ operation: string; object: unknown; oldObject: unknown }>;

/**
 * Problems of pullguard's labels that a request adds to a Namespace, for the user who sets them: a typo would otherwise enforce
 * silently. At most warnings.
 */
export function checkNamespaceLabels({ operation, object, oldObject }: NamespaceRequest): readonly Finding[] {
  if (operation !== 'CREATE' && operation !== 'UPDATE') return [];
  const old = labelsOf(oldObject);
  const labels = labelsOf(object);
  const workload = { kind: 'Namespace', name: readName(object), namespace: '', podSpec: '' };
  return Object.keys(labels).flatMap((label): readonly Finding[] => {
    const problem = labels[label] === old[label] ? undefined : describeProblem(label, labels[label]);
    if (problem === undefined) return [];
    return [
      {
        ...problem,
        at: joinPointer('/metadata/labels', label),
        value: String(labels[label]),
        rule: 'namespace-labels',
        remedy: 'Fix the label, or remove it.',
        faqItems: [],
        action: 'warn',
        fixed: 'no',
        severity: problem.messageId === 'former-mode' ? 'notice' : 'warning',
        workload,
      },
    ];
  });
}

function labelsOf(object: unknown): Labels {
  const labels = readPath(object, 'metadata', 'labels');
  return isRecord(labels) ? labels : {};
}

function describeProblem(label: string, value: unknown): Pick<Finding, 'messageId' | 'message'> | undefined {
  if (label === MODE_LABEL) {
    if (value === FORMER_DENY)
      return { messageId: 'former-mode', message: 'former name of the mode deny, which still works: use deny' };
    if (MODES.some((each) => each === value)) return undefined;
    return { messageId: 'unknown-mode', message: 'unknown mode, treated as deny: use off, audit, warn or deny' };
  }
  if (label === FIX_LABEL) {
    if (value === 'true' || value === 'false') return undefined;
    return { messageId: 'unknown-fix', message: 'unknown value, treated as "true": use "true" or "false"' };
  }
  if (!label.startsWith('pullguard.dev/')) return undefined;
  const message = `unknown label of pullguard: use ${quote(MODE_LABEL)} or ${quote(FIX_LABEL)}`;
  return { messageId: 'unknown-label', message };
}
