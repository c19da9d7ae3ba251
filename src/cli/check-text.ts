import { checkObject } from '../admission/check-object.ts';
import type { Decision, Finding } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import type { Position } from '../manifest/document.ts';
import {
  readPart,
  splitPieces,
  type Manifest,
  type ManifestObject,
  type OtherValue,
  type Part,
} from '../manifest/read-manifests.ts';
import { isExemptNamespace } from '../policy/policy.ts';
import type { Facts } from '../pull/facts.ts';
import { formatFieldPath, readString } from '../text/json.ts';
import { redact } from '../text/redact.ts';
import { findNoText } from '../workload/find-images.ts';
import { findKind, groupOf } from '../workload/kinds.ts';
import { readName } from '../workload/workload.ts';
import type { CheckResult, LocatedFinding } from './format-check.ts';
import { tellsOfCluster, type Told } from './manifest-facts.ts';
import type { Trace } from './render.ts';
import { accountFor, describeByName, describeOther, kindOf, type Unchecked } from './unchecked.ts';

/**
 * A text that is read in pieces, as often as it is needed: of a text with a hundred thousand objects one at a time is held. `trace`: where
 * something of a rendered text stands in the files that it was made of.
 */
export type Source = Readonly<{ file: string; pieces: () => Iterable<string>; trace?: Trace }>;

/** What manifests are checked with. `listsObjects`: whether the report names every workload. `count`: called for each document. */
export type Terms = Readonly<{ policy: Policy; facts: Facts; listsObjects: boolean; count: () => void }>;

/** All that is said of a text but its findings. */
export type TextResult = Omit<CheckResult, 'findings'>;

/**
 * What may be a Secret, a ServiceAccount or a list of them, whatever it is written in; in a template its kind may be filled in, and what
 * has a backslash may be written otherwise. All else need not be read to know that.
 */
const MAY_TELL = /\b(?:Secret|ServiceAccount|Template)(?:List)?\b|\\/;

/** What a text tells of the cluster. */
export function* listTold({ pieces }: Source, count: Terms['count']): Generator<Told> {
  for (const part of splitPieces(pieces())) {
    count();
    if (!MAY_TELL.test(part.text)) continue;
    for (const { apiVersion, kind, object } of readPart(part).objects) {
      if (tellsOfCluster({ apiVersion, kind, object })) yield { apiVersion, kind, object };
    }
  }
}

/** Takes what is found in one part of a text, in the order of its objects. */
export type Take = (findings: readonly LocatedFinding[], part: Part) => void;

type Counts = { -readonly [Key in keyof CheckResult['counts']]: number };

/** What is said of a text, each kind of it in the order of its documents. */
type Said = Readonly<{
  errors: CheckResult['errors'][number][];
  noText: CheckResult['errors'][number][];
  unchecked: Unchecked[];
  others: Unchecked[];
  objects: NonNullable<CheckResult['objects']>[number][];
  skipped: Map<string, Decision['skipped'][number]>;
  counts: Counts;
}>;

/** Checks the documents of a text one by one, and lets each go before it reads the next. */
export function checkText(source: Source, terms: Terms, take: Take): TextResult {
  const { file } = source;
  const counts: Counts = { workloads: 0, exempt: 0, otherObjects: 0, foreign: 0 };
  const said: Said = { errors: [], noText: [], unchecked: [], others: [], objects: [], skipped: new Map(), counts };
  let isEmpty = true;
  for (const part of splitPieces(source.pieces())) {
    terms.count();
    const { objects, foreign, others, errors } = readPart(part);
    isEmpty &&= objects.length === 0 && foreign === 0 && errors.length === 0;
    counts.foreign += foreign;
    for (const error of errors) said.errors.push({ file, ...error });
    for (const other of others) said.others.push(...listOther(other, file));
    const findings = objects
      .filter((object) => account(object, file, terms.policy, said))
      .flatMap((workload) => checkWorkload(workload, source, terms, said));
    take(findings, part);
  }
  const byName = counts.foreign > 0 ? describeByName(file) : undefined;
  const unchecked = [
    ...(byName === undefined ? [] : [byName]),
    ...said.unchecked,
    ...said.others,
    ...(isEmpty ? [{ file, cause: 'empty', message: 'it is empty, or has nothing but comments' } as const] : []),
  ];
  return {
    errors: [...said.errors, ...said.noText],
    counts: { ...counts, foreign: counts.foreign - said.others.length - (byName === undefined ? 0 : 1) },
    skipped: [...said.skipped.values()],
    unchecked,
    objects: said.objects,
  };
}

function listOther(other: OtherValue, file: string): readonly Unchecked[] {
  const unchecked = describeOther(other, file);
  return unchecked === undefined ? [] : [unchecked];
}

/** Notes what is to be said of an object, and tells whether it is a workload. */
function account(object: ManifestObject, file: string, policy: Policy, said: Said): boolean {
  const { isWorkload, unchecked } = accountFor(object, file, policy);
  const noText = describeNoText(object, policy);
  for (const one of unchecked) said.unchecked.push(one);
  for (const error of noText) said.noText.push({ file, ...error });
  if (!isWorkload && unchecked.length === 0 && noText.length === 0) said.counts.otherObjects++;
  return isWorkload;
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
  { objects, skipped, counts }: Said,
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
