import type { Finding } from '../engine/evaluate.ts';
import { describeFieldError } from './describe-finding.ts';

/** A person mends a few at a time; the API server keeps the whole message in events and audit logs. */
const MAX_DENIALS = 10;

/** Why an object is refused, as the API server words its own refusals: one field error, or several in brackets. */
export function formatDenial(findings: readonly Finding[]): string | undefined {
  const errors = [
    ...new Set(findings.filter(({ action }) => action === 'deny').map((finding) => describeFieldError(finding))),
  ];
  const [first] = errors;
  if (errors.length <= 1) return first;
  const left = errors.length - MAX_DENIALS;
  const shown = left <= 0 ? errors : [...errors.slice(0, MAX_DENIALS), `and ${left} more`];
  return `[${shown.join(', ')}]`;
}
