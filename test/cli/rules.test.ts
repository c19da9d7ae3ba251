import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { UsageError } from '../../src/cli/io.ts';
import { rules } from '../../src/cli/rules.ts';
import { RULES } from '../../src/rules/index.ts';
import { capturedIo } from '../support/captured-io.ts';

function run(id?: string): string {
  const io = capturedIo();
  expect(rules(id, io)).toBe(0);
  return io.printed.stdout;
}

test('every rule is listed, in the order in which they run, with its action and whether it fixes', () => {
  const lines = run().split('\n');
  for (const [at, { id, defaultAction, fixable, description }] of RULES.entries()) {
    const columns = (lines[at] ?? '').split(/ {2,}/);
    expect(columns).toEqual([id, defaultAction, ...(fixable ? ['fix'] : []), description]);
  }
  expect(lines[RULES.length]).toBe('');
  expect(lines.at(-2)).toContain('pullguard rules ID');
});

test('the columns line up, so that a person can scan them', () => {
  const starts = RULES.map(({ description }, at) => (run().split('\n')[at] ?? '').indexOf(description));
  expect(new Set(starts).size).toBe(1);
});

test.each(RULES.map(({ id }) => id))('the page of %s is the one in docs', (id) => {
  expect(run(id)).toBe(readFileSync(new URL(`../../docs/rules/${id}.md`, import.meta.url), 'utf8'));
});

const RULE_IDS = RULES.map(({ id }) => id).join(', ');

test.each([
  ['mirror-usde', 'there is no rule "mirror-usde"; did you mean "mirror-used"?'],
  ['pull-secret', 'there is no rule "pull-secret"; did you mean "pull-secret-present"?'],
  ['../../package.json', `there is no rule "../../package.json"; known are ${RULE_IDS}`],
  ['', `there is no rule ""; known are ${RULE_IDS}`],
])('an id that is none, %j, is told with the ones there are', (id, message) => {
  expect(() => run(id)).toThrow(new UsageError(message));
});
