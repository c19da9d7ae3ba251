import type { Action } from '../policy/policy.ts';
import { MOST_FINDINGS } from '../text/bounds.ts';
import { SKIP_ANNOTATION, type Workload } from '../workload/workload.ts';
import type { AnyReport, ConfiguredRule, Problem, Rule } from './rule.ts';

/**
 * What happens with fixes. `apply`: they are applied now, and later rules see the fixed object. `announce`: the same, but without
 * edits, as the Pods of this template will be fixed. `never`: nothing can be fixed.
 */
export type FixMode = 'apply' | 'announce' | 'never';

/**
 * How serious a finding is, whatever is done about it: `error` is denied, `warning` may fail, `notice` is fixed or harmless. The
 * most severe comes first.
 */
export const SEVERITIES = ['error', 'warning', 'notice'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** A problem, and what the policy does about it. */
export type Finding = Problem &
  Readonly<{
    rule: string;
    remedy: string;
    faqItems: readonly number[];
    action: Action;
    /** `now`: by the edits of this decision; `later`: in the Pods; `no`: not fixed. */
    fixed: 'now' | 'later' | 'no';
    severity: Severity;
    workload: Pick<Workload, 'kind' | 'name' | 'namespace' | 'podSpec'>;
  }>;

/** What determines the result of a report, besides its rule: whether Pods are fixed here, and the limits of the namespace. */
export type Conditions = Readonly<{ fixMode: FixMode; limits: Readonly<{ mode: Action; fixes: boolean }> }>;

/** The parts of a finding that are from its rule. */
type Source = Pick<Rule, 'id' | 'remedy' | 'faqItems'>;

/** A report and its result, still without a message: only some of many reports get one. */
export type Assessed = Pick<Finding, 'action' | 'fixed' | 'severity' | 'workload'> & Readonly<{ report: AnyReport }>;

/** Decides what is done about a report. */
export function assess(
  report: AnyReport,
  { action, fix }: Pick<ConfiguredRule, 'action' | 'fix'>,
  workload: Finding['workload'],
  { fixMode, limits }: Conditions,
): Assessed {
  const canFix = report.fix !== undefined && fix && limits.fixes && fixMode !== 'never';
  const fixed = !canFix ? 'no' : fixMode === 'apply' ? 'now' : 'later';
  const isNotice = fixed !== 'no' || report.harmless === true;
  // A notice is no reason to deny; at most it warns.
  const most = lowest(report.atMost ?? 'deny', isNotice ? 'warn' : 'deny', limits.mode);
  const taken = lowest(action, most);
  return { report, workload, action: taken, fixed, severity: isNotice ? 'notice' : severityOf(taken) };
}

/** The severity of a finding that is neither fixed nor harmless. */
export function severityOf(action: Action): Exclude<Severity, 'notice'> {
  return action === 'deny' ? 'error' : 'warning';
}

/** Turns reports into findings with messages: the most severe ones, and a note about how many more there are. */
export function toFindings(
  found: readonly Assessed[],
  source: Source,
  word: (report: AnyReport) => string,
  conditions: Conditions,
): readonly Finding[] {
  const shown = selectWorst(found).map((assessed) => toFinding(assessed, source, word(assessed.report)));
  return [...shown, ...reportMore(found, source, conditions)];
}

function selectWorst(found: readonly Assessed[]): readonly Assessed[] {
  if (found.length <= MOST_FINDINGS) return found;
  return SEVERITIES.flatMap((each) => found.filter(({ severity }) => severity === each)).slice(0, MOST_FINDINGS);
}

function toFinding(
  { report, workload, action, fixed, severity }: Assessed,
  { id, remedy, faqItems }: Source,
  message: string,
): Finding {
  const { kind, name, namespace, podSpec } = workload;
  return {
    // Spread last: an object literal that starts with a spread and is then extended gets its own hidden class in Node.js 20.
    message,
    rule: id,
    remedy: report.remedy ?? remedy,
    faqItems,
    action,
    fixed,
    severity,
    workload: { kind, name, namespace, podSpec },
    ...report,
  };
}

/** Reported like the findings of rules, so that it is logged and counted like them. */
export const SKIP_ALLOWED = {
  id: 'skip-allowed',
  description: 'Finds exceptions from rules that the policy does not allow, and such as do nothing.',
  remedy: `Remove the rule from the annotation ${SKIP_ANNOTATION}, or allow it in the policy under skip.`,
  faqItems: [],
} as const;
const WITHIN_BOUNDS = {
  id: 'within-bounds',
  description: 'Finds objects that are too large to be checked as a whole.',
  remedy: 'Split the object into smaller ones.',
  faqItems: [],
} as const;

/** Findings that are reported without a rule. */
export const FOUND_BESIDES = [SKIP_ALLOWED, WITHIN_BOUNDS];

/** Findings without a rule warn at most, and are not fixed. */
export const WARNS = { action: 'warn', fix: false } as const;

function reportMore(found: readonly Assessed[], { id }: Source, conditions: Conditions): readonly Finding[] {
  const [first] = found;
  if (first === undefined || found.length <= MOST_FINDINGS) return [];
  const message = `${found.length - MOST_FINDINGS} more findings of ${id} are not listed: split the object into smaller ones`;
  return [reportBound(message, first.workload, conditions)];
}

/** A finding about a limit that the object exceeds. */
export function reportBound(message: string, workload: Assessed['workload'], conditions: Conditions): Finding {
  const report = { messageId: 'beyond', at: workload.podSpec };
  return toFinding(assess(report, WARNS, workload, conditions), WITHIN_BOUNDS, message);
}

/** The message of a report, from its rule. */
export function wordReport({ messages }: Pick<Rule, 'messages'>, { messageId, params }: AnyReport): string {
  const word = messages[messageId] as ((params: unknown) => string) | undefined;
  return word === undefined ? messageId : word(params);
}

const STRENGTH: Readonly<Record<Action, number>> = { audit: 0, warn: 1, deny: 2 };

function lowest(...actions: readonly [Action, ...Action[]]): Action {
  return actions.reduce((low, action) => (STRENGTH[action] < STRENGTH[low] ? action : low));
}
