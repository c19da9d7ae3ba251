import { applyEdits, type Edit } from '../workload/json-patch.ts';
import type { WorkloadKind } from '../workload/kinds.ts';
import { readWorkloads, type ImageUse, type Workload } from '../workload/workload.ts';
import { isExemptImage, type ConfiguredRule, type Policy } from './policy.ts';
import type { Action, Facts, Problem } from './rule.ts';

/**
 * What becomes of fixes. `apply`: they are made now, and rules that follow see the object fixed. `announce`: the same, but
 * they will be made in the pods of this template, so there are no edits to it. `never`: nothing can be fixed here.
 */
export type FixMode = 'apply' | 'announce' | 'never';

export type EvaluateInput = Readonly<{
  object: unknown;
  kind: WorkloadKind;
  /** Where the object will be if it does not say so itself. */
  namespace: string;
  policy: Policy;
  facts?: Facts;
  fixMode: FixMode;
  /** Limits the judgement to some images, such as those that an update changed. */
  judges?: (image: ImageUse) => boolean;
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
  skipped: readonly Readonly<{ rule: string; missing: readonly string[] }>[];
}>;

/**
 * Judges one object by a policy. Pure: all it may look at is an argument. Rules run in the policy's order and are folded:
 * each sees what the fixes before it made of the object.
 */
export function evaluate(input: EvaluateInput): Decision {
  const facts = input.facts ?? {};
  const findings: Finding[] = [];
  const edits: Edit[] = [];
  const skipped: { rule: string; missing: string[] }[] = [];
  let object = input.object;
  let workloads: readonly Workload[] | undefined;
  for (const configured of input.policy.rules) {
    const missing = configured.rule.needs.filter((fact) => facts[fact] === undefined);
    if (missing.length > 0) {
      skipped.push({ rule: configured.rule.id, missing });
      continue;
    }
    workloads ??= readJudged(object, input);
    const found = workloads.flatMap((workload) => runRule(configured, workload, { ...input, facts }));
    for (const finding of found) findings.push(finding);
    const made = found.flatMap(({ fixed, fix }) => (fixed === 'no' ? [] : (fix?.edits ?? [])));
    if (made.length === 0) continue;
    for (const edit of made) edits.push(edit);
    object = applyEdits(object, made);
    // Read again only if a rule is left that wants to see it.
    workloads = undefined;
  }
  return { findings, edits: input.fixMode === 'apply' ? edits : [], skipped };
}

function readJudged(object: unknown, { kind, namespace, policy, judges }: EvaluateInput): readonly Workload[] {
  return readWorkloads(object, kind, namespace).map((workload) => ({
    ...workload,
    images: workload.images.filter((image) => judges?.(image) !== false && !isExempt(image, policy)),
  }));
}

function isExempt({ parsed }: ImageUse, policy: Policy): boolean {
  return parsed.ok && isExemptImage(policy, parsed.reference);
}

function runRule(
  { rule, action, fix, options }: ConfiguredRule,
  workload: Workload,
  { policy, facts = {}, fixMode }: EvaluateInput,
): readonly Finding[] {
  const { kind, name, namespace, podSpec } = workload;
  return rule.check({ workload, policy, options, facts }).map((problem) => {
    const fixed =
      problem.fix === undefined || !fix || fixMode === 'never' ? 'no' : fixMode === 'apply' ? 'now' : 'later';
    return {
      ...problem,
      rule: rule.id,
      remedy: rule.remedy,
      faqItems: rule.faqItems,
      // What is fixed is no reason to refuse: at most the user is told.
      action: lowest(action, problem.atMost ?? 'deny', fixed === 'no' ? 'deny' : 'warn'),
      fixed,
      workload: { kind, name, namespace, podSpec },
    };
  });
}

const SEVERITY: Readonly<Record<Action, number>> = { audit: 0, warn: 1, deny: 2 };

function lowest(...actions: readonly [Action, ...Action[]]): Action {
  return actions.reduce((low, action) => (SEVERITY[action] < SEVERITY[low] ? action : low));
}
