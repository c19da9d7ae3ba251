import type { Finding } from '../engine/evaluate.ts';
import { escapeUnprintable, quote } from '../text/quote.ts';
import { formatFieldPath } from '../text/json.ts';

/**
 * What was found, and what becomes of it: `"nginx": comes from docker.io; its pods get "mirror.example.com/…"`. Of the value
 * that is there now no more than `mostOfValue` characters are shown, or nothing of it when that is 0.
 */
export function describeFinding(
  finding: Finding,
  // Where there is a fix, its address is the one that has to be legible.
  mostOfValue = finding.fix === undefined ? 120 : SHORT_VALUE,
): string {
  const { value, message } = finding;
  const shown = value === undefined || mostOfValue === 0 ? '' : `${quote(value, mostOfValue)}: `;
  return escapeUnprintable(`${shown}${message}${describeFix(finding)}`);
}

/** Enough to tell it from others. */
export const SHORT_VALUE = 40;

/** As the API server words its own field errors: `spec.containers[0].image: Invalid value: "NGINX": repository name …`. */
export function describeFieldError(finding: Finding): string {
  const type = finding.value === undefined ? 'Required value' : 'Invalid value';
  const items = finding.faqItems.length === 0 ? '' : `, ${formatFaqItems(finding.faqItems)}`;
  return `${formatFieldPath(finding.at)}: ${type}: ${describeFinding(finding)} (${finding.rule}${items})`;
}

/** `FAQ check item 2`, `FAQ check items 7 and 8`. */
export function formatFaqItems(items: readonly number[]): string {
  const last = items.at(-1) ?? '';
  return items.length < 2 ? `FAQ check item ${last}` : `FAQ check items ${items.slice(0, -1).join(', ')} and ${last}`;
}

/** The object and the part of it that a finding is about: `Deployment/web container "app"`. */
export function nameSubject({ workload, label }: Pick<Finding, 'workload' | 'label'>): string {
  const object = workload.name === '' ? workload.kind : `${workload.kind}/${workload.name}`;
  return escapeUnprintable(label === undefined ? object : `${object} ${label}`);
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
