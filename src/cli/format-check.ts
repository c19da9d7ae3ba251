import { styleText } from 'node:util';
import type { Action } from '../policy/policy.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { describeFinding, nameSubject } from '../report/finding.ts';
import { redact } from '../text/redact.ts';
import { formatFieldPath } from '../text/json.ts';
import type { Decision, Finding } from '../engine/evaluate.ts';
import type { Position } from '../manifest/document.ts';
import { listRemedies, listSkipped } from '../report/notes.ts';

export type LocatedFinding = Finding & Position & Readonly<{ file: string }>;

/** All that was learned from the paths given. */
export type CheckResult = Readonly<{
  findings: readonly LocatedFinding[];
  /** Files and places in them that could not be read. */
  errors: readonly Readonly<{ file: string; line?: number; column?: number; message: string }>[];
  /** Objects judged; other Kubernetes objects; documents that are none. */
  counts: Readonly<{ workloads: number; otherObjects: number; foreign: number }>;
  /** Rules that did not run, and the facts they missed. */
  skipped: Decision['skipped'];
  /** Objects with images that were not checked. */
  unchecked?: readonly Unchecked[];
}>;

/**
 * An object with an image that was not read, and the place of its first. `kind`: the kind is not known. `apiVersion`: it is known in
 * another group. `misplaced`: it is known, and has no pods there.
 */
export type Unchecked = Position &
  Readonly<{
    file: string;
    apiVersion: string;
    kind: string;
    name: string;
    field: string;
    cause: 'kind' | 'apiVersion' | 'misplaced';
    /** The group in which the kind is known. */
    group?: string;
  }>;

type Style = Parameters<typeof styleText>[0];
const STYLES: Readonly<Record<Action | 'error', Style>> = { deny: 'red', error: 'red', warn: 'yellow', audit: 'gray' };

/** A line per finding, `file:line:column: deny: Deployment/web container "app": … (rule)`, as editors and CI logs link it. */
export function formatCheckText(result: CheckResult, color: boolean): string {
  const paint = (word: Action | 'error'): string =>
    color ? styleText(STYLES[word], word, { validateStream: false }) : word;
  const findings = result.findings.map((finding) => {
    const text = `${nameSubject(finding)}: ${describeFinding(finding)} (${finding.rule})`;
    return `${formatPlace(finding)}: ${paint(finding.action)}: ${text}\n`;
  });
  const errors = result.errors.map(
    (error) => `${formatPlace(error)}: ${paint('error')}: ${escapeUnprintable(error.message)}\n`,
  );
  const notes = [...listRemedies(result.findings), ...listSkipped(result.skipped)];
  return [
    ...findings,
    ...errors,
    ...listUnchecked(result).map(
      (one) => `${formatPlace(one)}: not checked: ${escapeUnprintable(describeUnchecked(one))}\n`,
    ),
    ...notes.map((note) => `${escapeUnprintable(note)}\n`),
    `${summarize(result)}\n`,
  ].join('');
}

/** One JSON document: `findings`, `errors`, `skipped` rules, and `summary` with the counts. */
export function formatCheckJson(result: CheckResult): string {
  const { errors, counts, skipped } = result;
  const unchecked = listUnchecked(result).map((one) => {
    const { file, line, column, apiVersion, kind, name, field } = one;
    const texts = { apiVersion: redact(apiVersion), kind: redact(kind), name: redact(name), field: redact(field) };
    return { file, line, column, ...texts, message: describeUnchecked(one) };
  });
  const summary = {
    ...counts,
    denied: count(result, 'deny'),
    warned: count(result, 'warn'),
    audited: count(result, 'audit'),
  };
  return `${JSON.stringify({ findings: result.findings.map((finding) => toJson(finding)), errors, skipped, ...(unchecked.length > 0 && { unchecked }), summary }, null, 2)}\n`;
}

function listUnchecked({ unchecked = [] }: CheckResult): readonly Unchecked[] {
  return unchecked;
}

function describeUnchecked({ apiVersion, kind, name, field, cause, group = '' }: Unchecked): string {
  const subject = `${redact(kind)}/${redact(name)} (${redact(apiVersion)}) has images`;
  switch (cause) {
    case 'kind':
      return `${subject}, and its kind is not known: name it in the policy under workloads`;
    case 'apiVersion':
      return `${subject}, and ${redact(kind)} is of ${group === '' ? 'v1' : `the group ${group}`}: correct the apiVersion, or name this one in the policy under workloads`;
    case 'misplaced':
      return `${subject} at ${redact(field)}, where its kind has no list of containers: correct the indentation, or the policy under workloads`;
  }
}

function toJson(finding: LocatedFinding): object {
  const { file, line, column, workload, label, rule, action, fixed, severity, at, value, remedy } = finding;
  const { kind, namespace, name } = workload;
  return {
    file,
    line,
    column,
    kind,
    namespace,
    name,
    ...(label !== undefined && { part: label }),
    field: formatFieldPath(at),
    ...(value !== undefined && { value: redact(value) }),
    rule,
    action,
    fixed,
    severity,
    message: describeFinding(finding),
    remedy,
  };
}

function summarize(result: CheckResult): string {
  const { workloads, otherObjects, foreign } = result.counts;
  const found = [
    `${count(result, 'deny')} to be denied`,
    `${count(result, 'warn')} to be warned about`,
    ...(count(result, 'audit') > 0 ? [`${count(result, 'audit')} for the audit log`] : []),
    ...(result.errors.length > 0 ? [`${result.errors.length} could not be read`] : []),
  ];
  const skipped = [
    ...(listUnchecked(result).length > 0 ? [`${listUnchecked(result).length} with images that were not checked`] : []),
    ...(otherObjects > 0 ? [`${otherObjects} without images`] : []),
    ...(foreign > 0 ? [`${foreign} that are no Kubernetes objects`] : []),
  ];
  const left = skipped.length > 0 ? `; skipped ${skipped.join(' and ')}` : '';
  return `${workloads} ${workloads === 1 ? 'workload' : 'workloads'} checked: ${found.join(', ')}${left}`;
}

function count({ findings }: CheckResult, action: Action): number {
  return findings.filter((finding) => finding.action === action).length;
}

function formatPlace({ file, line, column }: { file: string; line?: number; column?: number }): string {
  const name = escapeUnprintable(file);
  return line === undefined ? name : `${name}:${line}:${column ?? 1}`;
}
