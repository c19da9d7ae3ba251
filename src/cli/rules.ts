import { getAsset, isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';
import { suggestOrList } from '../policy/errors.ts';
import { describeCause, readText } from '../manifest/files.ts';
import { quote } from '../text/quote.ts';
import { RULES } from '../rules/index.ts';
import type { Rule } from '../engine/rule.ts';
import { paint, useColor } from './terminal.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';

export type RulesOptions = Readonly<{ output: 'text' | 'json' }>;

/** `pullguard rules [ID]`: one line per rule, or the documentation of one rule. */
export function rules(id: string | undefined, { output }: RulesOptions, io: Io): ExitCode {
  if (output === 'json') io.stdout.write(formatJson(id === undefined ? RULES.map(toJson) : toJson(findRule(id))));
  else io.stdout.write(id === undefined ? listRules(useColor(io.stdout)) : readPage(findRule(id)));
  return 0;
}

function findRule(id: string): Rule {
  const rule = RULES.find((candidate) => candidate.id === id);
  if (rule !== undefined) return rule;
  const known = RULES.map((candidate) => candidate.id);
  throw new UsageError(`unknown rule ${quote(id)}${suggestOrList(id, known)}`);
}

function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function toJson({ id, description, remedy, defaultAction, fixable, faqItems, needs, messages, options }: Rule): object {
  return {
    id,
    description,
    remedy,
    defaultAction,
    fixable,
    faqItems,
    needs,
    messageIds: Object.keys(messages),
    options: Object.fromEntries(Object.entries(options).map(([name, option]) => [name, option.default])),
  };
}

function listRules(color: boolean): string {
  const width = Math.max(...RULES.map((rule) => rule.id.length));
  const lines = RULES.map((rule) => {
    const fix = rule.fixable ? 'fix' : '';
    const action = rule.defaultAction.padEnd(4);
    const painted = paint(COLORS[rule.defaultAction], action, color);
    return `${paint('bold', rule.id.padEnd(width), color)}  ${painted}  ${fix.padEnd(3)}  ${rule.description}\n`;
  });
  return `${lines.join('')}\nIn the order in which they run, with the default action; "fix" marks rules that can fix Pods. Details: pullguard rules ID\n`;
}

const COLORS = { off: 'gray', audit: 'gray', warn: 'yellow', deny: 'red' } as const;

function readPage({ id }: Rule): string {
  const page = `docs/rules/${id}.md`;
  try {
    return isSea() ? getAsset(page, 'utf8') : readText(fileURLToPath(new URL(`../../${page}`, import.meta.url)));
  } catch (error) {
    throw new UsageError(
      `${page} cannot be read: ${describeCause(error)}; reinstall pullguard, or read it in its repository`,
      {
        cause: error,
      },
    );
  }
}
