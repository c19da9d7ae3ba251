import type { Finding } from '../engine/evaluate.ts';
import { findLabelProblems, FORMER_MODE } from '../engine/namespace-mode.ts';
import { isRecord, readPath } from '../text/json.ts';
import { readName } from '../workload/workload.ts';
import type { AdmissionRequest } from './review.ts';

/** Problems of a namespace's pullguard labels that this request adds: at most warnings. */
export function checkNamespaceLabels({ operation, object, oldObject }: AdmissionRequest): readonly Finding[] {
  if (operation !== 'CREATE' && operation !== 'UPDATE') return [];
  const old = readLabels(oldObject);
  const labels = readLabels(object);
  const changed = Object.fromEntries(Object.entries(labels).filter(([label, value]) => old[label] !== value));
  return findLabelProblems(changed).map((problem) => ({
    ...problem,
    rule: 'namespace-labels',
    remedy: 'Fix the label, or remove it.',
    faqItems: [],
    action: 'warn',
    fixed: 'no',
    severity: problem.messageId === FORMER_MODE ? 'notice' : 'warning',
    workload: { kind: 'Namespace', name: readName(object), namespace: '', podSpec: '' },
  }));
}

function readLabels(object: unknown): Readonly<Record<string, unknown>> {
  const labels = readPath(object, 'metadata', 'labels');
  return isRecord(labels) ? labels : {};
}
