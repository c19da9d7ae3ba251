import type { Finding } from '../engine/evaluate.ts';
import { formatFieldPath } from '../text/json.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { escapeUnprintable, quote, shorten } from '../text/quote.ts';
import { redact } from '../text/redact.ts';

/** The length of a value that must only be recognized: if there is a fix, the new image must be readable. */
const SHORT_VALUE = 40;

/**
 * Above 4,096 characters in total, the API server shortens every warning to this length and drops the rest
 * (`filters/warning.go`).
 */
const MAX_WARNING = 256;

/** 15 × 256 is below those 4,096, with one line for the rest; other webhooks may warn too. */
const MAX_WARNINGS = 15;

/** Both webhooks check a Pod, and warnings about fixes must not replace the others: each has half, 2 × (7 × 256 + a line). */
const MAX_POD_WARNINGS = 7;

/** A DNS label. The few longer names, up to 253 characters, would leave no room for the problem. */
const MAX_NAME = 63;

/** A kind of container and its name, which is also a DNS label. */
const MAX_LABEL = 90;

/** Users fix a few at a time; the API server keeps the whole message in events and audit logs. */
const MAX_DENIALS = 10;

/** The problem, `"NGINX": repository name must be lowercase…`, or the fix: `added imagePullSecret "harbor" (…)`. */
export function describeFinding(finding: Finding): string {
  const { value, rest } = wordsOf(finding);
  return value + rest;
}

type Subject = Pick<Finding, 'label'> & Readonly<{ workload: Pick<Finding['workload'], 'kind' | 'name'> }>;

/** The object and the part of it that a finding is about: `Deployment/web container "app"`. */
export function nameSubject({ workload, label }: Subject): string {
  const object = workload.name === '' ? workload.kind : `${workload.kind}/${redact(workload.name)}`;
  return escapeUnprintable(label === undefined ? object : `${object} ${label}`);
}

/** Why an object is denied, worded like field errors of the API server: one, or several in brackets. */
export function formatDenial(findings: readonly Finding[]): string | undefined {
  const denied = findings.filter(({ action }) => action === 'deny');
  const errors = [...new Set(denied.map((finding) => describeFieldError(finding)))];
  const [first] = errors;
  if (errors.length <= 1) return first;
  const left = errors.length - MAX_DENIALS;
  const shown = left <= 0 ? errors : [...errors.slice(0, MAX_DENIALS), `and ${left} more`];
  return `[${shown.join(', ')}]`;
}

/** The start of warnings about something fixed or harmless, so that people and scripts can tell them from problems. */
const NOTICE = 'notice: ';

/** The lines that kubectl prints after `Warning:`: without line breaks and duplicates, at most 256 characters each. */
export function formatWarnings(findings: readonly Finding[]): readonly string[] {
  const told = findings.filter(({ action }) => action === 'warn').map((finding) => describeWarning(finding));
  const lines = [...new Set(told)];
  const most = findings.some(({ workload }) => workload.kind === 'Pod') ? MAX_POD_WARNINGS : MAX_WARNINGS;
  if (lines.length <= most) return lines;
  const kept = dropNotices(lines, lines.length - most).slice(0, most);
  const left = lines.filter((line) => !kept.includes(line));
  const what = left.every((line) => line.startsWith(NOTICE)) ? [NOTICE, 'notices'] : ['', 'warnings'];
  const rest = `${what[0]}${left.length} more ${what[1]} from pullguard: run pullguard check to list those that need no cluster`;
  return [...kept, rest];
}

/** Drops the last `count` notices, as problems are more important. */
function dropNotices(lines: readonly string[], count: number): readonly string[] {
  const notices = lines.filter((line) => line.startsWith(NOTICE));
  const dropped = new Set(notices.slice(Math.max(0, notices.length - count)));
  return lines.filter((line) => !dropped.has(line));
}

/** The current value with a colon, and the text after it. Both are already escaped. */
type Words = Readonly<{ value: string; rest: string }>;

/** Cached: a webhook uses the same findings in its response, log and Events. */
const wordsOf = memoizeByObject((finding: Finding): Words => {
  const fix = describeFix(finding);
  if (fix !== undefined) return { value: '', rest: escapeUnprintable(fix) };
  const value = showValue(finding, finding.fix === undefined ? undefined : SHORT_VALUE);
  return { value, rest: escapeUnprintable(finding.message) };
});

function showValue({ value, namesValue }: Finding, limit?: number): string {
  return value === undefined || namesValue === true ? '' : `${quote(value, limit)}: `;
}

/** The fix that was or will be made for a finding; undefined without one. */
function describeFix({ fixed, fix, workload }: Finding): string | undefined {
  if (fix === undefined || fixed === 'no') return undefined;
  if (fixed === 'now') return fix.done;
  return `${workload.kind === 'Pod' ? 'the Pod gets' : 'Pods get'} ${fix.coming}`;
}

/**
 * A field error of the API server, after the container: `container "web": spec.containers[0].image: Invalid value: "NGINX": …`.
 */
function describeFieldError(finding: Finding): string {
  const type = finding.value === undefined ? 'Required value' : 'Invalid value';
  const container = finding.label === undefined ? '' : `${escapeUnprintable(shorten(finding.label, MAX_LABEL))}: `;
  return `${container}${formatFieldPath(finding.at)}: ${type}: ${describeFinding(finding)} (${finding.rule})`;
}

/**
 * The object and the problem first, the rule last: `Deployment/web container "app": "NGINX": repository name …
 * (reference-valid)`.
 */
function describeWarning(finding: Finding): string {
  const { label, workload, rule, severity } = finding;
  const start = severity === 'notice' ? NOTICE : '';
  const named = { ...workload, name: shorten(workload.name, MAX_NAME) };
  const subject = nameSubject({ workload: named, ...(label !== undefined && { label }) });
  const { value, rest } = wordsOf(finding);
  const limit = MAX_WARNING - `${start} (${rule})`.length;
  const room = limit - `${subject}: ${rest}`.length;
  // The advice at the end is more important than a long value; if there is a label, the value can be left out.
  let shown = value;
  if (shown.length > room) shown = showValue(finding, SHORT_VALUE);
  if (shown.length > room && label !== undefined) shown = '';
  return `${start}${shorten(`${subject}: ${shown}${rest}`, limit)} (${rule})`;
}
