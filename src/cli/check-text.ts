import { checkObject } from '../admission/admit.ts';
import type { Decision, Finding } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import type { Position } from '../manifest/document.ts';
import { describeUnreadable } from '../manifest/files.ts';
import { readPart, splitPieces, type Manifest, type ManifestObject, type Part } from '../manifest/read-manifests.ts';
import { isExemptNamespace } from '../policy/policy.ts';
import type { Facts } from '../pull/facts.ts';
import { formatFieldPath, readString } from '../text/json.ts';
import { memoize } from '../text/memoize.ts';
import { redact } from '../text/redact.ts';
import { findNoText } from '../workload/find-images.ts';
import { findKind, groupOf } from '../workload/kinds.ts';
import { readName } from '../workload/workload.ts';
import { dropDefinitions, openRendered, readFound, type Source } from './check-inputs.ts';
import type { CheckResult, LocatedFinding, SuppressedFinding } from './format-check.ts';
import { createIgnores, hasIgnoreComments, type Ignores } from './ignore-comments.ts';
import { hideCredentials } from './io.ts';
import { tellsOfCluster, type Told } from './manifest-facts.ts';
import { PackedList } from './packed-list.ts';
import type { Rendered, RenderOptions } from './render.ts';
import { accountFor, describeByName, describeOther, kindOf, type Unchecked } from './unchecked.ts';

/** What manifests are checked with. `listsObjects`: the report names every workload. `count` is called for each document. */
type Terms = Readonly<{
  policy: Policy;
  facts: Facts;
  listsObjects: boolean;
  options: RenderOptions;
  count: () => void;
}>;

/**
 * What may be a Secret, a ServiceAccount or a list of them, whatever it is written in. In a template its kind may be filled in,
 * and what has a backslash may be written otherwise. All else need not be read to know that.
 */
const MAY_TELL = /\b(?:Secret|ServiceAccount|Template)(?:List)?\b|\\/;

/** What texts tell of the cluster. */
export function* listTold(sources: readonly Source[], count: () => void): Generator<Told> {
  for (const { pieces } of sources) {
    for (const part of splitPieces(pieces())) {
      count();
      if (MAY_TELL.test(part.text)) yield* readPart(part).objects.filter(tellsOfCluster);
    }
  }
}

/** What was found so far: of all that is read only the findings, and what else is said of it. */
type Found = {
  readonly findings: PackedList<LocatedFinding>;
  /** Those that a comment ignores. */
  readonly suppressed: PackedList<SuppressedFinding>;
  readonly errors: CheckResult['errors'][number][];
  readonly unchecked: Unchecked[];
  readonly objects: NonNullable<CheckResult['objects']>[number][];
  readonly skipped: Map<string, Decision['skipped'][number]>;
  readonly counts: { -readonly [Key in keyof CheckResult['counts']]: number };
  /** Whether a comment ignores something, or is wrong. */
  hasComments: boolean;
};

/** Checks texts one after the other, and then what was rendered. */
export function checkAll(texts: readonly Source[], rendered: readonly Rendered[], terms: Terms): CheckResult {
  const found: Found = {
    findings: new PackedList(),
    suppressed: new PackedList(),
    errors: [],
    unchecked: [],
    objects: [],
    skipped: new Map(),
    counts: { workloads: 0, exempt: 0, otherObjects: 0, foreign: 0 },
    hasComments: false,
  };
  for (const text of texts) checkFile(text, terms, found);
  checkAllRendered(rendered, terms, found);
  const { skipped, hasComments, ...rest } = found;
  const hidden = { baseline: 0, ignored: found.suppressed.length };
  return { ...rest, skipped: [...skipped.values()], ...(hasComments && { hidden }) };
}

/** Checks a text, without what its comments ignore, and with what is wrong with them. */
function checkFile(source: Source, terms: Terms, found: Found): void {
  const { file } = source;
  const ignores: Ignores[] = [];
  const held = new PackedList<LocatedFinding>();
  const checked = source.problem === undefined ? checkText(source, terms, found, take) : undefined;
  // The path may be an image reference with a password, meant for `pullguard image`.
  if (source.problem !== undefined) {
    const message = /^https?:\/\//i.test(file)
      ? 'is a URL: give a file, or the downloaded text on standard input (curl -fsSL URL | pullguard check -)'
      : describeUnreadable(source.problem);
    found.errors.push({ file: redact(file), message });
  } else if (checked?.isEmpty === true) found.unchecked.push(describeEmpty(file));
  const problems = ignores.flatMap(({ report }) => report(file, (rule) => checked?.skipped.has(rule) !== true));
  for (const finding of mergeByPlace(held, problems)) found.findings.push(finding);
  if (problems.length > 0) found.hasComments = true;

  function take(findings: readonly LocatedFinding[], part: Part): void {
    const own = hasIgnoreComments(part.text) ? createIgnores(part.text, terms.policy, part.line) : undefined;
    if (own !== undefined) ignores.push(own);
    for (const finding of findings.toSorted(compareByPlace)) {
      if (own?.isIgnored(finding) === true) suppress(finding, own, found);
      // Which comments do nothing is known at the end of the text, and said between the findings behind the first comment.
      else (ignores.length === 0 ? found.findings : held).push(finding);
    }
  }
}

function suppress(finding: LocatedFinding, { reasonOf }: Ignores, found: Found): void {
  found.suppressed.push({ ...finding, by: 'comment', reason: reasonOf(finding) });
  found.hasComments = true;
}

function compareByPlace(left: Position, right: Position): number {
  return left.line - right.line || left.column - right.column;
}

/** Of the same place those of the first list come first. Both are in the order of their places. */
function* mergeByPlace<Value extends Position>(first: Iterable<Value>, second: readonly Value[]): Generator<Value> {
  const others = second.toSorted(compareByPlace);
  let at = 0;
  for (const value of first) {
    for (let other = others[at]; other !== undefined && compareByPlace(other, value) < 0; other = others[++at])
      yield other;
    yield value;
  }
  yield* others.slice(at);
}

/** Checks what was rendered, without what overlays of one base repeat, and what comments at its sources ignore. */
function checkAllRendered(rendered: readonly Rendered[], terms: Terms, found: Found): void {
  const distinct = new Map<string, LocatedFinding>();
  for (const one of rendered) {
    for (const finding of checkRendered(one, terms, found)) {
      const { file, line, column, rule, workload, at, value } = finding;
      distinct.set(JSON.stringify([file, line, column, rule, workload, at, value]), finding);
    }
  }
  const ignoresOf = memoize((file) => createIgnores(readFound({ file }).text ?? '', terms.policy));
  for (const finding of distinct.values()) {
    const ignores = ignoresOf(finding.file);
    if (ignores.isIgnored(finding)) suppress(finding, ignores, found);
    else found.findings.push(finding);
  }
}

function checkRendered(one: Rendered, terms: Terms, found: Found): readonly LocatedFinding[] {
  const { unit, text, unchecked = [], problem } = one;
  if (text === undefined) {
    if (problem !== undefined) found.errors.push({ file: redact(unit.file), message: hideCredentials(problem) });
    found.unchecked.push(...unchecked);
    return [];
  }
  const findings: LocatedFinding[] = [];
  const { dropped } = dropDefinitions(text());
  found.counts.otherObjects += dropped;
  const source = openRendered(one, text, terms.options);
  const { isEmpty } = checkText(source, terms, found, (some) => findings.push(...some));
  if (isEmpty && dropped === 0) found.unchecked.push(describeEmpty(source.file));
  return findings.sort(compareByPlace);
}

/** Takes what is found in one part of a text, in the order of its objects. */
type Take = (findings: readonly LocatedFinding[], part: Part) => void;

/** `skipped`: the rules that did not run, by their ids. */
type Checked = Readonly<{ skipped: Found['skipped']; isEmpty: boolean }>;

/** Checks the documents of a text one by one, and lets each go before it reads the next. */
function checkText(source: Source, terms: Terms, found: Found, take: Take): Checked {
  const { file } = source;
  // Said of each text in this order, whatever the order of its documents.
  const unchecked: Unchecked[] = [];
  const others: Unchecked[] = [];
  const noText: Found['errors'] = [];
  const here: Found = { ...found, skipped: new Map() };
  let foreign = 0;
  let isEmpty = true;
  for (const part of splitPieces(source.pieces())) {
    terms.count();
    const read = readPart(part);
    isEmpty &&= read.objects.length === 0 && read.foreign === 0 && read.errors.length === 0;
    foreign += read.foreign;
    for (const error of read.errors) found.errors.push({ file, ...error });
    others.push(...read.others.flatMap((other) => describeOther(other, file) ?? []));
    const findings = read.objects.flatMap((object) => {
      const known = accountFor(object, file, terms.policy);
      const problems = describeNoText(object, terms.policy);
      unchecked.push(...known.unchecked);
      noText.push(...problems.map((error) => ({ file, ...error })));
      if (known.isWorkload) return checkWorkload(object, source, terms, here);
      if (known.unchecked.length === 0 && problems.length === 0) found.counts.otherObjects++;
      return [];
    });
    take(findings, part);
  }
  const byName = foreign > 0 ? describeByName(file) : undefined;
  found.errors.push(...noText);
  found.unchecked.push(...(byName === undefined ? [] : [byName]), ...unchecked, ...others);
  found.counts.foreign += foreign - others.length - (byName === undefined ? 0 : 1);
  for (const [rule, one] of here.skipped) found.skipped.set(rule, one);
  return { skipped: here.skipped, isEmpty };
}

function describeEmpty(file: string): Unchecked {
  return { file, cause: 'empty', message: 'it is empty, or has nothing but comments' };
}

function describeNoText({ apiVersion, kind, object, locate }: ManifestObject, policy: Policy): Manifest['errors'] {
  if (isExemptNamespace(policy, readString(object, 'metadata', 'namespace'))) return [];
  const known = findKind(policy.kinds, groupOf(apiVersion), kind);
  const found = known === undefined ? [] : findNoText(object, known);
  return found.map(({ at, what }) => ({
    ...locate(at),
    message: `${kind}/${redact(readName(object))} ${formatFieldPath(at)}: the image is ${what}, but has to be a string: write it in quotes, as in "registry/repository:tag"`,
  }));
}

function checkWorkload(
  manifest: ManifestObject,
  { file, trace }: Source,
  terms: Terms,
  { objects, skipped, counts }: Found,
): readonly LocatedFinding[] {
  const { kind, object } = manifest;
  // In what is rendered a value is not where its source has it.
  const checked = checkManifest(manifest, terms, trace === undefined);
  counts[checked.isExempt ? 'exempt' : 'workloads']++;
  for (const one of checked.skipped) skipped.set(one.rule, one);
  if (terms.listsObjects) {
    const namespace = readString(object, 'metadata', 'namespace');
    objects.push({ file, kind, namespace, name: redact(readName(object)) });
  }
  return checked.findings.map((finding) => ({ ...finding, file, ...trace?.(finding), input: file }));
}

type CheckedManifest = Pick<Decision, 'skipped'> &
  Readonly<{ findings: readonly (Finding & Position)[]; isExempt: boolean }>;

function checkManifest(manifest: ManifestObject, { policy, facts }: Terms, hasEnds: boolean): CheckedManifest {
  const kind = kindOf(manifest, policy.kinds);
  const { object } = manifest;
  if (kind === undefined) return { findings: [], skipped: [], isExempt: false };
  const checked = checkObject('manifest', { object, kind, namespace: '', policy, facts, now: Date.now() });
  if (checked.exempt !== undefined) return { findings: [], skipped: [], isExempt: true };
  const findings = checked.decision.findings.map((finding) => ({
    ...spareSource(finding),
    ...manifest.locate(finding.at),
    ...(hasEnds && findEnd(manifest, finding)),
  }));
  return { findings, skipped: checked.decision.skipped, isExempt: false };
}

/** Where the value ends that is wrong. What is missing ends nowhere. */
function findEnd(
  { locate }: ManifestObject,
  { at, value }: Finding,
): Readonly<{ endLine?: number; endColumn?: number }> {
  if (value === undefined) return {};
  const start = locate(at);
  const { line, column } = locate(at, 'end');
  return line === start.line && column === start.column ? {} : { endLine: line, endColumn: column };
}

/** In a file `ko` builds `ko://…` and replaces it by the image. In a cluster nothing does. */
function spareSource(finding: Finding): Finding {
  const isBuilt = finding.value?.startsWith('ko://') === true;
  return isBuilt && finding.action === 'deny' ? { ...finding, action: 'warn', severity: 'warning' } : finding;
}
