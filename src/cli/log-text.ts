import { isRecord } from '../text/json.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { paint } from './terminal.ts';

type Style = Parameters<typeof paint>[0];

const STYLES: Readonly<Record<string, Style>> = { debug: 'dim', warn: 'yellow', error: 'red' };

/**
 * A log line for a person: `12:00:01 info  listening  port=8443 rules=["reference-valid"]`, and the stack of an error below it.
 * A few lines instead of pino-pretty, which brings a dozen packages.
 */
export function formatLogLine(line: string, color: boolean): string {
  const entry: unknown = JSON.parse(line);
  if (!isRecord(entry)) return line;
  const { level, time, msg, err, ...fields } = entry;
  const name = String(level);
  const clock = String(time).slice('2026-01-01T'.length, '2026-01-01T12:00:00'.length);
  const values = Object.entries(fields).map(
    ([key, value]) => ` ${paint('dim', `${key}=`, color)}${formatValue(value)}`,
  );
  const head = `${clock} ${paint(STYLES[name] ?? 'green', name.padEnd(5), color)} ${escapeUnprintable(String(msg))} `;
  return `${head}${values.join('')}`.trimEnd() + `${formatError(err)}\n`;
}

/** A text without spaces as it is, and everything else as JSON. */
function formatValue(value: unknown): string {
  return escapeUnprintable(typeof value === 'string' && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value));
}

function formatError(err: unknown): string {
  if (!isRecord(err)) return '';
  const stack = String(err['stack'] ?? err['message']).split('\n');
  return stack.map((each) => `\n    ${escapeUnprintable(each.trim())}`).join('');
}
