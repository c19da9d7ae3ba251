import { isExemptImage } from '../policy/policy.ts';
import { keyOfQuestion, type FactName, type Facts, type ImageQuestion, type KnownAnswer } from '../pull/facts.ts';
import { createPodPull, type PodPull } from '../pull/pod-pull.ts';
import { ALWAYS_LOOKED_AT } from '../text/bounds.ts';
import { listSome } from '../text/list.ts';
import type { WorkloadKind } from '../workload/kinds.ts';
import {
  editWorkload,
  readName,
  readWorkloads,
  type Edit,
  type ImageUse,
  type Workload,
} from '../workload/workload.ts';
import {
  assess,
  reportBound,
  SKIP_ALLOWED,
  toFindings,
  WARNS,
  wordReport,
  type Assessed,
  type Conditions,
  type Finding,
  type FixMode,
  type Severity,
} from './findings.ts';
import { NO_LIMITS, type NamespaceLimits } from './namespace-mode.ts';
import type { ConfiguredRule, FlatMap, Policy, Problem, Scope } from './rule.ts';
import { NO_SKIPS, resolveSkips, type Skips } from './skip.ts';

export { SEVERITIES, severityOf } from './findings.ts';
export type { Finding, FixMode, Severity };

export type EvaluateInput = Readonly<{
  object: unknown;
  kind: WorkloadKind;
  /** The namespace of the object; empty if only the object has it. */
  namespace: string;
  policy: Policy;
  facts?: Facts;
  fixMode: FixMode;
  /** The limits of the object's namespace; none by default. */
  limits?: NamespaceLimits;
  /** The object before an update: then only changes are checked. */
  oldObject?: unknown;
  /** Milliseconds since 1970, to compare with the expiry of credentials. By default, none have expired. */
  now?: number;
  /**
   * The share of the time for this object that is left, from 1 down to 0 or below. At 0, a large object is decided by what has
   * been checked so far. By default, there is no time limit.
   */
  timeLeft?: () => number;
}>;

/** What a rule needed: a fact, or time to check the whole object. */
export type Lack = FactName | 'budget';

export type Decision = Readonly<{
  /** Limited per rule, the most severe first. */
  findings: readonly Finding[];
  /** In the order in which they must be applied; each refers to the object after the edits before it. */
  edits: readonly Edit[];
  /** Rules that did not run, or with `budget` not to the end, and what they needed. */
  skipped: readonly Readonly<{ rule: string; missing: readonly Lack[] }>[];
  /** Rules that the object's annotation skips, as the policy allows. */
  waived: readonly string[];
  /** Open questions about registries, without duplicates: the caller may ask them, and then decide again. */
  unanswered: readonly ImageQuestion[];
  /** Questions whose cached answer was used, but should be renewed; there is no need to wait. */
  outdated: readonly ImageQuestion[];
}>;

/** The decision for objects that are not checked. */
export const NOTHING_FOUND: Decision = {
  findings: [],
  edits: [],
  skipped: [],
  waived: [],
  unanswered: [],
  outdated: [],
};

/**
 * Evaluates one object under a policy. Pure: all its inputs are arguments. Rules run in the policy's order, and each sees the
 * object with the fixes of the rules before it.
 */
export function evaluate(input: EvaluateInput): Decision {
  const { policy, facts = {}, limits = NO_LIMITS, now = -Infinity, timeLeft = () => 1 } = input;
  const { mode } = limits;
  if (mode === 'off' || policy.rules.length === 0) return NOTHING_FOUND;
  const { object, oldObject, kind, namespace, fixMode } = input;
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
    time: createTime(timeLeft),
    giveSecrets: listGivers(policy),
    questions: collectQuestions(facts),
  });
}

type FullInput = EvaluateInput &
  Conditions &
  Readonly<{
    facts: Facts;
    now: number;
    time: Time;
    giveSecrets: readonly ConfiguredRule[];
    questions: Questions;
  }>;

/** Rules that add missing pull secrets to Pods. */
function listGivers({ rules }: Policy): readonly ConfiguredRule[] {
  return rules.filter(({ rule, fix }) => fix && rule.fixable && rule.scope === 'pull-secrets');
}

function runRules(input: FullInput): Decision {
  const { policy, facts, fixMode, questions, time } = input;
  const subjects = readSubjects(input);
  const findings = [...reportSkips(subjects, input)];
  const edits: Edit[] = [];
  const skipped: { rule: string; missing: readonly Lack[] }[] = [];
  const waived: string[] = [];
  for (const configured of policy.rules) {
    const { id, needs } = configured.rule;
    const missing = needs.filter((fact) => facts[fact] === undefined);
    if (missing.length > 0) {
      skipped.push({ rule: id, missing });
      continue;
    }
    const found = runRule(configured, subjects, input);
    for (const finding of found.findings) findings.push(finding);
    for (const edit of found.edits) edits.push(edit);
    if (found.isWaived) waived.push(id);
    if (time.isCut()) skipped.push({ rule: id, missing: ['budget'] });
  }
  return {
    // These come first, as only some of many warnings are shown.
    findings: [...reportBounds(subjects, skipped, input), ...findings],
    edits: fixMode === 'apply' ? edits : [],
    skipped,
    waived,
    unanswered: [...questions.unanswered.values()],
    outdated: [...questions.outdated.values()],
  };
}

/** A pod spec, with the images that rules of each scope check. Fixes replace its views. */
type Subject = Readonly<{ views: Record<Scope, View>; skips: Skips }>;

/** A pod spec as rules see it. Both scopes share one view if they have the same images. */
type View = Readonly<{ workload: Workload; pull: PodPull }>;

function readSubjects(input: FullInput): readonly Subject[] {
  const { object, oldObject, kind, namespace, policy, time } = input;
  const workloads = readWorkloads(object, kind, namespace, time.isHalfUp);
  const isInScope = oldObject === undefined ? undefined : findChanges(workloads, input);
  return time.flatMap(workloads, (workload) => {
    const skips = workload.skips.length === 0 ? NO_SKIPS : resolveSkips(workload, policy);
    const view = (scope: Scope): View =>
      toView(
        workload,
        input,
        (image) => isInScope?.(image, workload, scope) !== false && !(workload.isPartial && scope === 'pull-secrets'),
      );
    const images = view('images');
    const isOne = isInScope === undefined && !workload.isPartial;
    return [{ views: { images, 'pull-secrets': isOne ? images : view('pull-secrets') }, skips }];
  });
}

function findChanges(workloads: readonly Workload[], { oldObject, kind, namespace, time }: FullInput): IsInScope {
  const old = readWorkloads(oldObject, kind, namespace, time.isUp);
  // Unread parts of the old object would count as new, so an unrelated update could be denied.
  return time.isUp() ? () => false : compareWithOld(old, workloads);
}

/** Whether rules of a scope check an image. */
type IsInScope = (image: ImageUse, workload: Workload, scope: Scope) => boolean;

/**
 * What to check in an update: images that are new in a container of this name, or were not pulled before, so that a label can be
 * added to an invalid object. Rules on pull secrets also check all images of a Pod whose pull secrets or ServiceAccount changed.
 */
export function compareWithOld(old: readonly Workload[], changed: readonly Workload[]): IsInScope {
  const images = old.flatMap((workload) => workload.images);
  const before = new Set(images.map((image) => identify(image)));
  const pulledBefore = new Set(images.filter((image) => isPulled(image)).map((image) => identify(image)));
  const access = new Map(old.map((workload) => [workload.podSpec, describeAccess(workload)]));
  const withOtherAccess = new Set(
    changed
      .filter((workload) => access.get(workload.podSpec) !== describeAccess(workload))
      .map(({ podSpec }) => podSpec),
  );
  return (image, { podSpec }, scope) =>
    !(isPulled(image) ? pulledBefore : before).has(identify(image)) ||
    (scope === 'pull-secrets' && withOtherAccess.has(podSpec));
}

function identify({ key, written }: ImageUse): string {
  return JSON.stringify([key, written]);
}

function isPulled({ pullPolicy }: ImageUse): boolean {
  return pullPolicy !== 'Never';
}

function describeAccess({ pullSecrets, serviceAccount }: Workload): string {
  return JSON.stringify([serviceAccount, ...pullSecrets]);
}

function toView(
  workload: Workload,
  { policy, facts, now, questions }: FullInput,
  isAsked: (image: ImageUse) => boolean,
): View {
  const images = workload.images.filter(
    (image) => isAsked(image) && !(image.parsed.ok && isExemptImage(policy, image.parsed.reference)),
  );
  const asked = images.length === workload.images.length ? workload : { ...workload, images };
  return { workload: asked, pull: createPodPull(asked, facts, now, questions.get) };
}

/** Applies fixes to the views of a pod spec, without reading the object again. */
function applyFixes({ views }: Subject, edits: readonly Edit[], input: FullInput): void {
  const apply = ({ workload }: View): View => toView(editWorkload(workload, edits), input, () => true);
  const isOne = views.images === views['pull-secrets'];
  views.images = apply(views.images);
  views['pull-secrets'] = isOne ? views.images : apply(views['pull-secrets']);
}

/** The time limit for an object. Once it is reached, the rest is left out. */
type Time = Readonly<{
  /** Whether the time is up. Call it only before work that is left out if so. */
  isUp: () => boolean;
  /** The same for the first half, in which an object is read; the other half is for checking. */
  isHalfUp: () => boolean;
  /** Whether anything was left out. */
  isCut: () => boolean;
  flatMap: FlatMap;
}>;

function createTime(left: () => number): Time {
  let isCut = false;
  let looks = 0;
  const isBelow = (share: number): boolean => {
    if (looks++ < ALWAYS_LOOKED_AT || left() > share) return false;
    isCut = true;
    return true;
  };
  const isUp = (): boolean => isBelow(0);
  return {
    isUp,
    isHalfUp: () => isBelow(1 / 2),
    isCut: () => isCut,
    flatMap: <Entry, Mapped>(list: readonly Entry[], map: (entry: Entry) => readonly Mapped[]) => {
      const mapped: Mapped[] = [];
      for (const entry of list) {
        if (isUp()) break;
        for (const each of map(entry)) mapped.push(each);
      }
      return mapped;
    },
  };
}

/**
 * The questions that were asked about registries, without duplicates: those without an answer, and those with an outdated one.
 */
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

/** The results of a rule for all pod specs. */
type RuleRun = Readonly<{ findings: readonly Finding[]; edits: readonly Edit[]; isWaived: boolean }>;

function runRule(configured: ConfiguredRule, subjects: readonly Subject[], input: FullInput): RuleRun {
  const { rule, options } = configured;
  const { policy, facts, now, time } = input;
  const edits: Edit[] = [];
  let isWaived = false;
  const found = time.flatMap(subjects, (subject): readonly Assessed[] => {
    if (subject.skips.waived.has(rule.id)) {
      isWaived = true;
      return [];
    }
    const { workload, pull } = subject.views[rule.scope];
    const givesPullSecrets = input.giveSecrets.some((each) => !subject.skips.waived.has(each.rule.id));
    const context = { workload, pull, policy, options, givesPullSecrets, facts, now, flatMap: time.flatMap };
    const assessed = rule.check(context).map((report) => assess(report, configured, workload, input));
    const made = assessed.flatMap(({ fixed, report }) => (fixed === 'no' ? [] : (report.fix?.edits ?? [])));
    for (const edit of made) edits.push(edit);
    if (made.length > 0) applyFixes(subject, made, input);
    return assessed;
  });
  const findings = toFindings(found, rule, (report) => wordReport(rule, report), input);
  return { findings, edits, isWaived };
}

function reportSkips(subjects: readonly Subject[], input: FullInput): readonly Finding[] {
  const reported = new Set<string>();
  const found = input.time.flatMap(subjects, ({ skips, views }): readonly Assessed[] => {
    const { workload } = views.images;
    if (workload.images.length === 0) return [];
    return skips.problems.flatMap((problem) => {
      // The annotation of an object applies to all its pod specs, so it is reported once.
      const key = `${problem.at} ${problem.value ?? ''}`;
      if (reported.has(key)) return [];
      reported.add(key);
      return [assess(problem, WARNS, workload, input)];
    });
  });
  return toFindings(found, SKIP_ALLOWED, (report) => (report as Problem).message, input);
}

/** Reports limits that the object exceeds. */
function reportBounds(
  subjects: readonly Subject[],
  skipped: Decision['skipped'],
  input: FullInput,
): readonly Finding[] {
  const findings = subjects.flatMap(({ views }) => {
    const { workload, pull } = views['pull-secrets'];
    return pull.beyond().map((message) => reportBound(message, workload, input));
  });
  const unfinished = skipped.filter(({ missing }) => missing.includes('budget')).map(({ rule }) => rule);
  if (unfinished.length === 0) return findings;
  const message = `object is too large to check in time, so ${listSome(unfinished, 'and')} did not check all of it: split it into smaller objects`;
  const { object, kind, namespace } = input;
  return [
    ...findings,
    reportBound(message, { kind: kind.kind, name: readName(object), namespace, podSpec: '' }, input),
  ];
}
