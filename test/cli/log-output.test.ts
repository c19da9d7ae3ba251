import { expect, test } from 'vitest';
import { formatLogLine } from '../../src/cli/log-output.ts';

const LINE = { level: 'info', time: '2026-01-02T12:34:56.789Z' };

test.each<[entry: object, text: string]>([
  [{ port: 8443, rules: ['a', 'b'], msg: 'listening' }, '12:34:56 info  listening  port=8443 rules=["a","b"]'],
  [{ level: 'warn', problem: 'x509: unknown', msg: 'y' }, '12:34:56 warn  y  problem="x509: unknown"'],
  [{ msg: 'stopped' }, '12:34:56 info  stopped'],
  [
    { level: 'error', err: { type: 'Error', message: 'a bug', stack: 'Error: a bug\n    at f (a.js:1:1)' }, msg: 'm' },
    '12:34:56 error m\n    Error: a bug\n    at f (a.js:1:1)',
  ],
  // A user chose these: they must not move the cursor, nor begin a line that looks like one of ours.
  [
    { name: 'a\n12:00:00 error\u001b[2J', user: '"', msg: 'd' },
    String.raw`12:34:56 info  d  name="a\n12:00:00 error\u001b[2J" user="\""`,
  ],
  [{ name: 'a\u009b2J\u202eb', msg: 'd' }, String.raw`12:34:56 info  d  name=a\u009b2J\u202eb`],
])('%j is readable on a terminal', (entry, text) => {
  expect(formatLogLine(`${JSON.stringify({ ...LINE, ...entry })}\n`, false)).toBe(`${text}\n`);
});

test('with color the words are the same', () => {
  const line = `${JSON.stringify({ ...LINE, level: 'error', port: 1, msg: 'm' })}\n`;
  expect(formatLogLine(line, true).replaceAll(/\u001b\[\d+m/g, '')).toBe(formatLogLine(line, false));
});
