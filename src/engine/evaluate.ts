import { isExemptImage, type Action } from '../policy/policy.ts';
import { keyOfQuestion, type FactName, type Facts, type ImageQuestion, type KnownAnswer } from '../pull/facts.ts';
import { createPodPull, type PodPull } from '../pull/pod-pull.ts';
import type { WorkloadKind } from '../workload/kinds.ts';
import { editWorkload, readWorkloads, SKIP_ANNOTATION, type Edit, type Workload } from '../workload/workload.ts';
import { compareWithOld } from './changed.ts';
import { MOST_SEVERE, NO_LIMITS, type NamespaceLimits } from './namespace-mode.ts';
import { type AnyReport, type ConfiguredRule, type Policy, type Problem, type Rule, type Scope } from './rule.ts';
import { NO_SKIPS, resolveSkips, type Skips } from './skip.ts';

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
  /** What an update finds: then only what it changes is looked at. */
  oldObject?: unknown;
  /** Milliseconds since 1970, to tell whether credentials have ended. Unless it is given, none have. */
  now?: number;
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
  /** What rules would have liked to know of registries: who calls may ask, and decide again. Each question once. */
  unanswered: readonly ImageQuestion[];
  /** What they know, but should be asked again by now; there is nothing to wait for. */
  outdated: readonly ImageQuestion[];
}>;

/** Of what is not looked at. */
export const NOTHING_FOUND: Decision = {
  findings: [],
  edits: [],
  skipped: [],
  waived: [],
  unanswered: [],
  outdated: [],
};

/**
 * Evaluates one object under a policy. Pure: all it may look at is an argument. Rules run in the policy's order and are folded:
 * each sees what the fixes before it made of the object.
 */
export function evaluate(input: EvaluateInput): Decision {
  const { object, oldObject, kind, namespace, policy, fixMode } = input;
  const { facts = {}, limits = NO_LIMITS, now = -Infinity } = input;
  const { mode } = limits;
  if (mode === 'off' || policy.rules.length === 0) return NOTHING_FOUND;
  return runRules({
    object,
    oldObject,
    kind,
    namespace,
    policy,
    fixMode,
    facts,
    limits: { ...limits, mode },
    now,
    giveSecrets: policy.rules.filter(({ rule, fix }) => fix && rule.fixable && rule.scope === 'pull-secrets'),
    questions: collectQuestions(facts),
  });
}

type FullInput = EvaluateInput &
  Readonly<{
    facts: Facts;
    limits: NamespaceLimits & Readonly<{ mode: keyof typeof MOST_SEVERE }>;
    now: number;
    /** Rules that give pods the pull secrets that they lack. */
    giveSecrets: readonly ConfiguredRule[];
    questions: Questions;
  }>;

function runRules(input: FullInput): Decision {
  const { policy, facts, fixMode, questions } = input;
  const findings: Finding[] = [];
  const edits: Edit[] = [];
  const skipped: { rule: string; missing: FactName[] }[] = [];
  const waived: string[] = [];
  let scoped = readScoped(input);
  for (const subject of scoped.images) findings.push(...reportSkips(subject, input));
  for (const configured of policy.rules) {
    const { rule } = configured;
    const missing = rule.needs.filter((fact) => facts[fact] === undefined);
    if (missing.length > 0) {
      skipped.push({ rule: rule.id, missing });
      continue;
    }
    const subjects = scoped[rule.scope];
    const asked = subjects.filter(({ skips }) => !skips.waived.has(rule.id));
    if (asked.length < subjects.length) waived.push(rule.id);
    const found = asked.flatMap((subject) => runRule(configured, subject, input));
    for (const finding of found) findings.push(finding);
    const made = found.flatMap(({ fixed, fix }) => (fixed === 'no' ? [] : (fix?.edits ?? [])));
    if (made.length === 0) continue;
    for (const edit of made) edits.push(edit);
    scoped = applyFixes(scoped, made, input);
  }
  return {
    findings,
    edits: fixMode === 'apply' ? edits : [],
    skipped,
    waived,
    unanswered: [...questions.unanswered.values()],
    outdated: [...questions.outdated.values()],
  };
}

/** A pod spec with the images in it that rules are asked about, and what they are told of it. */
type Subject = Readonly<{ workload: Workload; pull: PodPull; skips: Skips }>;

/** By what rules are asked about; the same lists where that makes no difference. */
type Scoped = Readonly<Record<Scope, readonly Subject[]>>;

function readScoped(input: FullInput): Scoped {
  const { object, oldObject, kind, namespace } = input;
  const workloads = readWorkloads(object, kind, namespace);
  if (oldObject === undefined) {
    const all = workloads.map((workload) => toSubject(workload, input));
    return { images: all, 'pull-secrets': all };
  }
  const isInScope = compareWithOld(readWorkloads(oldObject, kind, namespace), workloads);
  const keep = (scope: Scope): readonly Subject[] =>
    workloads.map((workload) => {
      const images = workload.images.filter((image) => isInScope(image, workload, scope));
      return toSubject({ ...workload, images }, input);
    });
  return { images: keep('images'), 'pull-secrets': keep('pull-secrets') };
}

function toSubject(workload: Workload, { policy, facts, now, questions }: FullInput): Subject {
  const images = workload.images.filter(({ parsed }) => !parsed.ok || !isExemptImage(policy, parsed.reference));
  const subject = images.length === workload.images.length ? workload : { ...workload, images };
  return {
    workload: subject,
    pull: createPodPull(subject, facts, now, questions.get),
    skips: subject.skips.length === 0 ? NO_SKIPS : resolveSkips(subject, policy),
  };
}

/** What the fixes leave, without a second look at the object. */
function applyFixes(scoped: Scoped, edits: readonly Edit[], input: FullInput): Scoped {
  const apply = (subjects: readonly Subject[]): readonly Subject[] =>
    subjects.map(({ workload }) => toSubject(editWorkload(workload, edits), input));
  const images = apply(scoped.images);
  return { images, 'pull-secrets': scoped.images === scoped['pull-secrets'] ? images : apply(scoped['pull-secrets']) };
}

/** What was looked up of registries, and what of that is not known, or should be asked again: each question once. */
type Questions = Readonly<{
  get: ((question: ImageQuestion) => KnownAnswer) | undefined;
  unanswered: Map<string, ImageQuestion>;
  outdated: Map<string, ImageQuestion>;
}>;

function collectQuestions({ registries }: Facts): Questions {
  const unanswered = new Map<string, ImageQuestion>();
  const outdated = new Map<string, ImageQuestion>();
  const get =
    registries &&
    ((question: ImageQuestion): KnownAnswer => {
      const known = registries.get(question);
      if (known === 'unasked') unanswered.set(keyOfQuestion(question), question);
      else if (typeof known !== 'string' && known.isDue) outdated.set(keyOfQuestion(question), question);
      return known;
    });
  return { get, unanswered, outdated };
}

/** Found as if by a rule, so that it is told, logged and counted like everything else. */
const SKIPPING: Pick<Rule, 'id' | 'remedy' | 'faqItems'> = {
  id: 'skip-allowed',
  remedy: `Take the rule out of the annotation ${SKIP_ANNOTATION}, or have the policy allow it under skip.`,
  faqItems: [],
};

function reportSkips(subject: Subject, input: FullInput): readonly Finding[] {
  const { workload, skips } = subject;
  if (workload.images.length === 0) return [];
  const by = { rule: SKIPPING, action: 'warn', fix: false } as const;
  return skips.problems.map((problem) => toFinding(problem, problem.message, by, { workload, input }));
}

function runRule(configured: ConfiguredRule, { workload, pull, skips }: Subject, input: FullInput): readonly Finding[] {
  const { rule, options } = configured;
  const { policy, facts, now } = input;
  const givesPullSecrets = input.giveSecrets.some((each) => !skips.waived.has(each.rule.id));
  return rule
    .check({ workload, pull, policy, options, givesPullSecrets, facts, now })
    .map((report) => toFinding(report, wordReport(rule, report), configured, { workload, input }));
}

function toFinding(
  report: AnyReport,
  message: string,
  { rule, action, fix }: Pick<ConfiguredRule, 'action' | 'fix'> & { rule: Pick<Rule, 'id' | 'remedy' | 'faqItems'> },
  { workload, input }: Readonly<{ workload: Workload; input: FullInput }>,
): Finding {
  const { fixMode, limits } = input;
  const { kind, name, namespace, podSpec } = workload;
  const canFix = report.fix !== undefined && fix && limits.fixes && fixMode !== 'never';
  const fixed = !canFix ? 'no' : fixMode === 'apply' ? 'now' : 'later';
  return {
    // What is spread stands last: Node.js 20 gives each object that begins so, and is added to, a hidden class of its own.
    message,
    rule: rule.id,
    remedy: report.remedy ?? rule.remedy,
    faqItems: rule.faqItems,
    // What is fixed is no reason to refuse: at most the user is told.
    action: lowest(action, report.atMost ?? 'deny', fixed === 'no' ? 'deny' : 'warn', MOST_SEVERE[limits.mode]),
    fixed,
    workload: { kind, name, namespace, podSpec },
    ...report,
  };
}

/** The words of a report, by the messages of its rule. */
function wordReport({ messages }: Pick<Rule, 'messages'>, { messageId, params }: AnyReport): string {
  const word = messages[messageId] as ((params: unknown) => string) | undefined;
  return word === undefined ? messageId : word(params);
}

const SEVERITY: Readonly<Record<Action, number>> = { audit: 0, warn: 1, deny: 2 };

function lowest(...actions: readonly [Action, ...Action[]]): Action {
  return actions.reduce((low, action) => (SEVERITY[action] < SEVERITY[low] ? action : low));
}
