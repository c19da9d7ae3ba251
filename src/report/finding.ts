import type { Finding } from '../engine/evaluate.ts';
import { formatFieldPath } from '../text/json.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { escapeUnprintable, quote } from '../text/quote.ts';
import { shorten } from '../text/quote.ts';
import { redact } from '../text/redact.ts';

/** Of a value that is only to be told from others: where there is a fix, its address is the one that has to be legible. */
const SHORT_VALUE = 40;

/** Above 4,096 characters in all the API server cuts every warning to this and drops the rest (`filters/warning.go`). */
const MAX_WARNING = 256;

/** 15 × 256 stays below those 4,096 with one line to spare for the rest; other webhooks have a say as well. */
const MAX_WARNINGS = 15;

/** Both webhooks see a pod, and what was fixed must not push out what was not: half of it each, 2 × (7 × 256 + a line). */
const MAX_POD_WARNINGS = 7;

/** A DNS label. The few names that are longer, up to 253 characters, would leave no room for what is wrong. */
const MAX_NAME = 63;

/** A person mends a few at a time; the API server keeps the whole message in events and audit logs. */
const MAX_DENIALS = 10;

/** What was found, and what becomes of it: `"nginx": comes from docker.io; its pods get "mirror.example.com/…"`. */
export function describeFinding(finding: Finding): string {
  const { value, rest } = wordsOf(finding);
  return value + rest;
}

/** The object and the part of it that a finding is about: `Deployment/web container "app"`. */
export function nameSubject({ workload, label }: Pick<Finding, 'workload' | 'label'>): string {
  const object = workload.name === '' ? workload.kind : `${workload.kind}/${redact(workload.name)}`;
  return escapeUnprintable(label === undefined ? object : `${object} ${label}`);
}

/** Why an object is refused, as the API server words its own refusals: one field error, or several in brackets. */
export function formatDenial(findings: readonly Finding[]): string | undefined {
  const denied = findings.filter(({ action }) => action === 'deny');
  const errors = [...new Set(denied.map((finding) => describeFieldError(finding)))];
  const [first] = errors;
  if (errors.length <= 1) return first;
  const left = errors.length - MAX_DENIALS;
  const shown = left <= 0 ? errors : [...errors.slice(0, MAX_DENIALS), `and ${left} more`];
  return `[${shown.join(', ')}]`;
}

/** With this a warning begins of what is done or harmless, for people and scripts to tell it from what fails. */
const NOTICE = 'notice: ';

/** What kubectl prints behind `Warning:`, a line each: no line breaks, no duplicates, none longer than 256 characters. */
export function formatWarnings(findings: readonly Finding[]): readonly string[] {
  const told = findings.filter(({ action }) => action === 'warn').map((finding) => describeWarning(finding));
  const lines = [...new Set(told)];
  const most = findings.some(({ workload }) => workload.kind === 'Pod') ? MAX_POD_WARNINGS : MAX_WARNINGS;
  if (lines.length <= most) return lines;
  const kept = dropNotices(lines, lines.length - most).slice(0, most);
  const left = lines.filter((line) => !kept.includes(line));
  const what = left.every((line) => line.startsWith(NOTICE)) ? [NOTICE, 'notices'] : ['', 'warnings'];
  const rest = `${what[0]}${left.length} more ${what[1]} from pullguard; pullguard check lists those that need no cluster`;
  return [...kept, rest];
}

/** Without the last notices, so many of them: what fails is worth more than what does not. */
function dropNotices(lines: readonly string[], count: number): readonly string[] {
  const notices = lines.filter((line) => line.startsWith(NOTICE));
  const dropped = new Set(notices.slice(Math.max(0, notices.length - count)));
  return lines.filter((line) => !dropped.has(line));
}

/** The value that is there now, followed by a colon, and all that comes after it. Nothing in them is left to be escaped. */
type Words = Readonly<{ value: string; rest: string }>;

/** Made once: a webhook answers, logs and sends Events of the same findings. */
const wordsOf = memoizeByObject((finding: Finding): Words => {
  const { message, fix } = finding;
  const value = showValue(finding, fix === undefined ? undefined : SHORT_VALUE);
  return { value, rest: escapeUnprintable(message + describeFix(finding)) };
});

function showValue({ value }: Finding, limit?: number): string {
  return value === undefined ? '' : `${quote(value, limit)}: `;
}

function describeFix({ fixed, fix, workload }: Finding): string {
  if (fix === undefined) return '';
  switch (fixed) {
    case 'now':
      return `; given ${fix.gives}`;
    case 'later':
      return workload.kind === 'Pod' ? `; given ${fix.gives} in the cluster` : `; its pods get ${fix.gives}`;
    case 'no':
      return `; use ${fix.gives}`;
  }
}

/** As the API server words its own field errors: `spec.containers[0].image: Invalid value: "NGINX": repository name …`. */
function describeFieldError(finding: Finding): string {
  const type = finding.value === undefined ? 'Required value' : 'Invalid value';
  const items = finding.faqItems.length === 0 ? '' : `, ${formatFaqItems(finding.faqItems)}`;
  return `${formatFieldPath(finding.at)}: ${type}: ${describeFinding(finding)} (${finding.rule}${items})`;
}

/** `FAQ check item 2`, `FAQ check items 7 and 8`. */
function formatFaqItems(items: readonly number[]): string {
  const last = items.at(-1) ?? '';
  return items.length < 2 ? `FAQ check item ${last}` : `FAQ check items ${items.slice(0, -1).join(', ')} and ${last}`;
}

/** What and where first, the rule last: `Deployment/web container "app": "nginx": comes from docker.io; … (mirror-used)`. */
function describeWarning(finding: Finding): string {
  const { label, workload, rule, severity } = finding;
  const start = severity === 'notice' ? NOTICE : '';
  const named = { ...workload, name: shorten(workload.name, MAX_NAME) };
  const subject = nameSubject({ workload: named, ...(label !== undefined && { label }) });
  const { value, rest } = wordsOf(finding);
  const limit = MAX_WARNING - `${start} (${rule})`.length;
  const room = limit - `${subject}: ${rest}`.length;
  // What to do stands last, and is worth more than a long value; where the place says which it is, more than any.
  let shown = value;
  if (shown.length > room) shown = showValue(finding, SHORT_VALUE);
  if (shown.length > room && label !== undefined) shown = '';
  return `${start}${shorten(`${subject}: ${shown}${rest}`, limit)} (${rule})`;
}
