import type { Finding } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import { resolveSkips } from '../engine/skip.ts';
import type { Position } from '../manifest/document.ts';
import { listComments } from '../manifest/read-manifests.ts';
import { quote } from '../text/quote.ts';
import type { LocatedFinding } from './format-check.ts';

/** `# pullguard: ignore mirror-used,tag-explicit kept on Docker Hub until May`. */
type IgnoreComment = Position & Readonly<{ of: number; rules: readonly string[]; reason: string }>;

const FORM = /^#\s*pullguard:\s*ignore\b\s*([\w,-]*)\s*(.*)$/;

/** A comment behind something is about its own line, one alone about the next line that is no comment. */
function readIgnoreComments(text: string): readonly IgnoreComment[] {
  if (!hasIgnoreComments(text)) return [];
  const comments = listComments(text);
  const alone = new Set(comments.filter(({ isAlone }) => isAlone).map(({ line }) => line));
  return comments.flatMap(({ line, column, text: comment, isAlone }) => {
    const [form, list = '', reason = ''] = FORM.exec(comment) ?? [];
    if (form === undefined) return [];
    let of = line;
    if (isAlone) while (alone.has(of)) of++;
    return [{ line, column, of, rules: list.split(',').filter((rule) => rule !== ''), reason: reason.trim() }];
  });
}

/** Whether there may be one in a text. */
export function hasIgnoreComments(text: string): boolean {
  return /#\s*pullguard:/.test(text);
}

export type Ignores = Readonly<{
  /** Whether a comment asks not to be told of a finding, and the policy lets it. */
  isIgnored: (finding: Finding & Position) => boolean;
  /** What that comment gives as its reason. */
  reasonOf: (finding: Finding & Position) => string;
  /** What is wrong with the comments; to be asked when all findings are known. */
  report: (file: string, isJudged: (rule: string) => boolean) => readonly LocatedFinding[];
}>;

/**
 * What the comments of a text leave out, of the rules and in the namespaces that the policy lets annotations skip.
 *
 * @param above lines of the file that stand before the text
 */
export function createIgnores(text: string, policy: Policy, above = 0): Ignores {
  const comments = readIgnoreComments(text).map((one) => ({ ...one, line: one.line + above, of: one.of + above }));
  const used = new Set<string>();
  const refused = new Map<string, string>();
  const keyOf = (comment: IgnoreComment, rule: string): string => `${comment.line}:${comment.column} ${rule}`;
  const find = ({ line, rule }: Finding & Position): IgnoreComment | undefined =>
    comments.find(({ of, rules }) => of === line && rules.includes(rule));
  return {
    reasonOf: (finding) => find(finding)?.reason ?? '',
    isIgnored: (finding) => {
      const { rule, workload } = finding;
      const comment = find(finding);
      if (comment === undefined) return false;
      const { waived, problems } = resolveSkips(
        { skips: [{ at: '', rules: [rule] }], namespace: workload.namespace },
        policy,
      );
      if (waived.has(rule)) used.add(keyOf(comment, rule));
      for (const { message } of problems) refused.set(keyOf(comment, rule), message);
      return waived.has(rule);
    },
    report: (file, isJudged) =>
      comments.flatMap((comment) => {
        const { rules, reason } = comment;
        const told = (messageId: string, message: string, value?: string): LocatedFinding =>
          toFinding(file, comment, { messageId, message, ...(value !== undefined && { value }) });
        if (rules.length === 0) return [told('no-rule', `names no rule: write "# pullguard: ignore RULE REASON"`)];
        const problems = rules.flatMap((rule) => {
          if (!policy.skip.known.includes(rule)) {
            const known = policy.skip.known.join(', ');
            return [told('unknown-rule', `is no rule, so this comment does nothing; rules are ${known}`, rule)];
          }
          const refusal = refused.get(keyOf(comment, rule)) ?? findRefusal(rule, policy);
          if (refusal !== undefined) return [told('not-allowed', refusal, rule)];
          if (used.has(keyOf(comment, rule)) || !isJudged(rule)) return [];
          return [told('unused', 'has no finding here, so this comment does nothing: remove it', rule)];
        });
        const isGiven = reason !== '' || problems.length > 0;
        return isGiven
          ? problems
          : [
              told(
                'no-reason',
                `ignores ${rules.map((rule) => quote(rule)).join(', ')} without a reason: write one behind the rule`,
              ),
            ];
      }),
  };
}

/** Why a rule may be ignored nowhere. Where it may be somewhere, that depends on what is found. */
function findRefusal(rule: string, policy: Policy): string | undefined {
  if (policy.skip.rules.has(rule)) return undefined;
  return resolveSkips({ skips: [{ at: '', rules: [rule] }], namespace: '' }, policy).problems[0]?.message;
}

/** Found as if by a rule, as what is wrong with an annotation is. */
function toFinding(
  file: string,
  { line, column }: Position,
  problem: Readonly<{ messageId: string; message: string; value?: string }>,
): LocatedFinding {
  return {
    ...problem,
    file,
    line,
    column,
    at: '',
    rule: 'skip-allowed',
    remedy: 'Correct the comment or remove it, or have the policy allow it under skip.',
    faqItems: [],
    action: 'warn',
    severity: 'warning',
    fixed: 'no',
    workload: { kind: 'comment', name: '', namespace: '', podSpec: '' },
  };
}
