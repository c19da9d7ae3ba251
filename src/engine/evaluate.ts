import { applyEdits, type Edit } from '../workload/json-patch.ts';
import type { WorkloadKind } from '../workload/kinds.ts';
import { readWorkloads, SKIP_ANNOTATION, type ImageUse, type Workload } from '../workload/workload.ts';
import type { FactName, Facts } from '../pull/facts.ts';
import { MOST_SEVERE, NO_LIMITS, type NamespaceLimits } from './namespace-mode.ts';
import { isExemptImage, type Action } from '../policy/policy.ts';
import type { Policy, ConfiguredRule, Problem, Rule } from './rule.ts';
import { judgeSkips } from './skip.ts';

/**
 * What becomes of fixes. `apply`: they are made now, and rules that follow see the object fixed. `announce`: the same, but
 * they will be made in the pods of this template, so there are no edits to it. `never`: nothing can be fixed here.
 */
export type FixMode = 'apply' | 'announce' | 'never';

export type EvaluateInput = Readonly<{
  object: unknown;
  kind: WorkloadKind;
  /** Where the object is, or will be; empty if only it can say so itself. */
  namespace: string;
  policy: Policy;
  facts?: Facts;
  fixMode: FixMode;
  /** What the object's namespace allows; everything unless told otherwise. */
  limits?: NamespaceLimits;
  /** Limits the judgement of rules to some images, such as those that an update changed. */
  judges?: (image: ImageUse, subject: Rule['judges']) => boolean;
}>;

/** A problem, and what comes of it under the policy. */
export type Finding = Problem &
  Readonly<{
    rule: string;
    remedy: string;
    faqItems: readonly number[];
    action: Action;
    /** `now`: by the edits of this decision; `later`: in the pods; `no`: it stays as it is. */
    fixed: 'now' | 'later' | 'no';
    workload: Pick<Workload, 'kind' | 'name' | 'namespace' | 'podSpec'>;
  }>;

export type Decision = Readonly<{
  findings: readonly Finding[];
  /** In the order in which they are to be applied; each finds the object as those before it left it. */
  edits: readonly Edit[];
  /** Rules that did not run, and the facts they missed. */
  skipped: readonly Readonly<{ rule: string; missing: readonly FactName[] }>[];
  /** Rules that did not run because the object asked so, and the policy lets it. */
  waived: readonly string[];
}>;

/**
 * Judges one object by a policy. Pure: all it may look at is an argument. Rules run in the policy's order and are folded:
 * each sees what the fixes before it made of the object.
 */
export function evaluate(input: EvaluateInput): Decision {
  const { facts = {}, limits = NO_LIMITS } = input;
  const { mode } = limits;
  return mode === 'off'
    ? { findings: [], edits: [], skipped: [], waived: [] }
    : runRules({ ...input, facts, limits: { ...limits, mode } });
}

type LimitedInput = EvaluateInput &
  Readonly<{ facts: Facts; limits: NamespaceLimits & Readonly<{ mode: keyof typeof MOST_SEVERE }> }>;

function runRules(input: LimitedInput): Decision {
  const { policy, facts } = input;
  const findings: Finding[] = [];
  const edits: Edit[] = [];
  const skipped: { rule: string; missing: FactName[] }[] = [];
  const waived: string[] = [];
  let object = input.object;
  let judged = readJudged(object, input);
  let isStale = false;
  for (const found of reportSkips(judged, input)) findings.push(found);
  for (const configured of policy.rules) {
    const { id, needs, judges } = configured.rule;
    const missing = needs.filter((fact) => facts[fact] === undefined);
    if (missing.length > 0) {
      skipped.push({ rule: id, missing });
      continue;
    }
    if (isStale) judged = readJudged(object, input);
    isStale = false;
    const asked = judged[judges].filter((workload) => !judgeSkips(workload, policy).waived.has(id));
    if (asked.length < judged[judges].length) waived.push(id);
    const found = asked.flatMap((workload) => runRule(configured, workload, input));
    for (const finding of found) findings.push(finding);
    const made = found.flatMap(({ fixed, fix }) => (fixed === 'no' ? [] : (fix?.edits ?? [])));
    if (made.length === 0) continue;
    for (const edit of made) edits.push(edit);
    object = applyEdits(object, made);
    // Read again only if a rule is left that wants to see it.
    isStale = true;
  }
  return { findings, edits: input.fixMode === 'apply' ? edits : [], skipped, waived };
}

/** The workloads of an object, with the images in them that a rule is asked about, by what the rule judges. */
type Judged = Readonly<Record<Rule['judges'], readonly Workload[]>>;

function readJudged(object: unknown, { kind, namespace, policy, judges }: EvaluateInput): Judged {
  const workloads = readWorkloads(object, kind, namespace);
  const keep = (subject: Rule['judges']): readonly Workload[] =>
    workloads.map((workload) => ({
      ...workload,
      images: workload.images.filter((image) => judges?.(image, subject) !== false && !isExempt(image, policy)),
    }));
  const all = keep('images');
  return { images: all, 'pull-secrets': judges === undefined ? all : keep('pull-secrets') };
}

function isExempt({ parsed }: ImageUse, policy: Policy): boolean {
  return parsed.ok && isExemptImage(policy, parsed.reference);
}

/** Found as if by a rule, so that it is told, logged and counted like everything else. */
const SKIPPING: Pick<Rule, 'id' | 'remedy' | 'faqItems'> = {
  id: 'skip-allowed',
  remedy: `Take the rule out of the annotation ${SKIP_ANNOTATION}, or have the policy allow it under skip.`,
  faqItems: [],
};

function reportSkips({ images: workloads }: Judged, input: LimitedInput): readonly Finding[] {
  return workloads
    .filter(({ skips, images }) => skips.length > 0 && images.length > 0)
    .flatMap((workload) =>
      judgeSkips(workload, input.policy).problems.map((problem) =>
        toFinding(problem, SKIPPING, { action: 'warn', fix: false }, workload, input),
      ),
    );
}

function runRule(configured: ConfiguredRule, workload: Workload, input: LimitedInput): readonly Finding[] {
  const { rule, options } = configured;
  const { policy, facts } = input;
  return rule
    .check({ workload, policy, options, facts })
    .map((problem) => toFinding(problem, rule, configured, workload, input));
}

// eslint-disable-next-line max-params -- a problem, and the four things that decide what comes of it
function toFinding(
  problem: Problem,
  { id, remedy, faqItems }: Pick<Rule, 'id' | 'remedy' | 'faqItems'>,
  { action, fix }: Pick<ConfiguredRule, 'action' | 'fix'>,
  { kind, name, namespace, podSpec }: Workload,
  { fixMode, limits }: LimitedInput,
): Finding {
  const canFix = problem.fix !== undefined && fix && limits.fixes && fixMode !== 'never';
  const fixed = !canFix ? 'no' : fixMode === 'apply' ? 'now' : 'later';
  return {
    ...problem,
    rule: id,
    remedy: problem.remedy ?? remedy,
    faqItems,
    // What is fixed is no reason to refuse: at most the user is told.
    action: lowest(action, problem.atMost ?? 'deny', fixed === 'no' ? 'deny' : 'warn', MOST_SEVERE[limits.mode]),
    fixed,
    workload: { kind, name, namespace, podSpec },
  };
}

const SEVERITY: Readonly<Record<Action, number>> = { audit: 0, warn: 1, deny: 2 };

function lowest(...actions: readonly [Action, ...Action[]]): Action {
  return actions.reduce((low, action) => (SEVERITY[action] < SEVERITY[low] ? action : low));
}
