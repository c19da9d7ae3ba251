import { nameSubject } from '../report/finding.ts';
import { escapeUnprintable, quote } from '../text/quote.ts';
import { formatFieldPath, joinPointer } from '../text/json.ts';
import { listSome } from '../text/list.ts';
import { redact } from '../text/redact.ts';
import type { Change } from './plan-fixes.ts';
import type { Fixed, Unfixed } from './fix-manifests.ts';
import type { FixReport } from './fix.ts';

/** The changes of files, one line each; empty if there was nothing to fix. */
export function formatFixText({ mode, fixed, unfixed }: FixReport): string {
  const lines = fixed.map((one) => {
    const { file, before, change } = one;
    return mode === 'write'
      ? `${formatPlace(one)}: fixed: ${describeChange(change, 'replaced', 'added')}`
      : `${formatPlace({ file, ...before })}: can be fixed: ${describeChange(change, 'replace', 'add')}`;
  });
  return [...lines, ...listUnfixed(unfixed)].map((line) => `${escapeUnprintable(line)}\n`).join('');
}

/** The same for `-o json`, beside the remaining findings. */
export function toFixJson({ mode, fixed, unfixed }: FixReport): object {
  return {
    [mode === 'write' ? 'fixed' : 'fixable']: fixed.map(({ file, line, column, before, change }) => ({
      ...{ file, ...(mode === 'write' ? { line, column } : before), ...nameObject(change.findings[0]) },
      field: formatFieldPath(change.op === 'set' ? change.at : joinPointer(change.at, 'imagePullSecrets')),
      ...(change.op === 'set' ? { from: redact(change.from), to: change.to } : { added: change.names }),
      rules: listRules(change),
    })),
    notFixed: unfixed.map(({ file, line, column, finding, why }) => ({
      ...{ file, line, column, ...nameObject(finding) },
      ...{ field: formatFieldPath(finding.at), rule: finding.rule, message: why },
    })),
  };
}

function nameObject({ workload: { kind, namespace, name }, label }: Unfixed['finding']): object {
  return { kind, namespace, name: redact(name), ...(label !== undefined && { part: label }) };
}

function describeChange(change: Change, replaced: string, added: string): string {
  const [first] = change.findings;
  const rules = listRules(change).join(', ');
  if (change.op === 'set') {
    return `${nameSubject(first)}: ${replaced} ${quote(change.from)} with ${quote(change.to)} (${rules})`;
  }
  const labels = [...new Set(change.findings.flatMap(({ label }) => label ?? []))];
  const needed =
    labels.length === 0 ? '' : `, which ${listSome(labels, 'and')} ${labels.length === 1 ? 'needs' : 'need'}`;
  const names = change.names.map((name) => quote(name)).join(' and ');
  return `${nameSubject({ workload: first.workload })}: ${added} imagePullSecrets ${names}${needed} (${rules})`;
}

function listRules({ findings }: Change): readonly string[] {
  return [...new Set(findings.map(({ rule }) => rule))];
}

/** One line for each reason, as many objects have the same one. */
function listUnfixed(unfixed: readonly Unfixed[]): readonly string[] {
  const byReason = new Map<string, [Unfixed, ...Unfixed[]]>();
  for (const one of unfixed) {
    const key = `${one.finding.rule} ${one.why}`;
    const same = byReason.get(key);
    if (same === undefined) byReason.set(key, [one]);
    else same.push(one);
  }
  return [...byReason.values()].map(([first, ...others]) => {
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    return `${formatPlace(first)}: not fixed: ${nameSubject(first.finding)}${more}: ${first.why} (${first.finding.rule})`;
  });
}

function formatPlace({ file, line, column }: Pick<Fixed | Unfixed, 'file' | 'line' | 'column'>): string {
  return `${file}:${line}:${column}`;
}
