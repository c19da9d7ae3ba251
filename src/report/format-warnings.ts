import type { Finding } from '../engine/evaluate.ts';
import { describeFinding, nameSubject, SHORT_VALUE } from './describe-finding.ts';

/** Above 4,096 characters in all the API server cuts every warning to this and drops the rest (`filters/warning.go`). */
const MAX_WARNING = 256;

/** 15 × 256 stays below those 4,096 with one line to spare for the rest; other webhooks have a say as well. */
const MAX_WARNINGS = 15;

/** Both webhooks see a pod, and what was fixed must not push out what was not: half of it each, 2 × (7 × 256 + a line). */
const MAX_POD_WARNINGS = 7;

/** A DNS label. The few names that are longer, up to 253 characters, would leave no room for what is wrong. */
const MAX_NAME = 63;

/** What kubectl prints behind `Warning:`, a line each: no line breaks, no duplicates, none longer than 256 characters. */
export function formatWarnings(findings: readonly Finding[]): readonly string[] {
  const told = findings.filter(({ action }) => action === 'warn').map((finding) => formatWarning(finding));
  const lines = [...new Set(told)];
  const most = findings.some(({ workload }) => workload.kind === 'Pod') ? MAX_POD_WARNINGS : MAX_WARNINGS;
  const left = lines.length - most;
  return left <= 0
    ? lines
    : [
        ...lines.slice(0, most),
        `${left} more warnings from pullguard; pullguard check lists those that need no cluster`,
      ];
}

/** What and where first, the rule last: `Deployment/web container "app": "nginx": comes from docker.io; … (mirror-used)`. */
function formatWarning(finding: Finding): string {
  const rule = ` (${finding.rule})`;
  const workload = { ...finding.workload, name: shorten(finding.workload.name, MAX_NAME) };
  const subject = nameSubject({ workload, ...(finding.label !== undefined && { label: finding.label }) });
  const limit = MAX_WARNING - rule.length;
  let text = `${subject}: ${describeFinding(finding)}`;
  for (const most of mostOfValues(finding)) {
    if (text.length <= limit) break;
    text = `${subject}: ${describeFinding(finding, most)}`;
  }
  return shorten(text, limit) + rule;
}

/** What to do stands last, and is worth more than a long value; where the place says which it is, more than any. */
function mostOfValues({ label }: Finding): readonly number[] {
  return label === undefined ? [SHORT_VALUE] : [SHORT_VALUE, 0];
}

/** Cuts whole code points: half of a pair would not survive the way to kubectl. */
function shorten(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
