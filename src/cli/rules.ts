import { fileURLToPath } from 'node:url';
import { suggestOrList } from '../policy/errors.ts';
import { describeCause, readText } from '../manifest/files.ts';
import { quote } from '../text/quote.ts';
import { RULES } from '../rules/index.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';

/** `pullguard rules [ID]`: one line per rule, or the documentation of one rule. */
export function rules(id: string | undefined, io: Io): ExitCode {
  io.stdout.write(id === undefined ? listRules() : readPage(id));
  return 0;
}

function listRules(): string {
  const width = Math.max(...RULES.map((rule) => rule.id.length));
  const lines = RULES.map((rule) => {
    const fix = rule.fixable ? 'fix' : '';
    return `${rule.id.padEnd(width)}  ${rule.defaultAction.padEnd(4)}  ${fix.padEnd(3)}  ${rule.description}\n`;
  });
  return `${lines.join('')}\nIn the order in which they run, with the default action; "fix" marks rules that can fix Pods. Details: pullguard rules ID\n`;
}

function readPage(id: string): string {
  const rule = RULES.find((candidate) => candidate.id === id);
  if (rule === undefined) {
    const known = RULES.map((candidate) => candidate.id);
    throw new UsageError(`unknown rule ${quote(id)}${suggestOrList(id, known)}`);
  }
  try {
    return readText(fileURLToPath(new URL(`../../docs/rules/${rule.id}.md`, import.meta.url)));
  } catch (error) {
    throw new UsageError(
      `docs/rules/${rule.id}.md cannot be read: ${describeCause(error)}; reinstall pullguard, or read it in its repository`,
      {
        cause: error,
      },
    );
  }
}
