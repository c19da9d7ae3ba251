import { expect, test } from 'vitest';
import { UsageError } from '../../src/cli/io.ts';
import { explainPolicyErrors, loadConfig } from '../../src/cli/load-config.ts';
import { defaultPolicy } from '../../src/rules/policy.ts';
import { tempFolder } from '../support/temp-folder.ts';

const HEAD = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';

test('without --config the built-in policy judges', () => {
  expect(loadConfig(undefined).rules.map(({ rule }) => rule.id)).toEqual(
    defaultPolicy().rules.map(({ rule }) => rule.id),
  );
});

test('with --config the file judges', () => {
  const { write } = tempFolder();
  const policy = loadConfig(write('policy.yaml', `${HEAD}rules: { tag-explicit: deny }\n`));
  expect(policy.rules.find(({ rule }) => rule.id === 'tag-explicit')?.action).toBe('deny');
});

test('every mistake in the file is a line for the person who typed the command', () => {
  const { write } = tempFolder();
  const file = write('policy.yaml', `${HEAD}mirors: []\nrules: { tag-explicit: dney }\n`);
  expect(() => loadConfig(file)).toThrow(
    new UsageError(
      `the policy cannot be used:\n${file}:3:1: unknown key "mirors"; did you mean "mirrors"?\n${file}:4:24: must be one of off, audit, warn, deny, is "dney"; did you mean "deny"?`,
    ),
  );
});

test('a file that cannot be read is misuse, not a bug', () => {
  const { at } = tempFolder();
  const error = new UsageError(`cannot read policy ${at('none')}: ENOENT: no such file or directory`);
  expect(() => loadConfig(at('none'))).toThrow(error);
  expect(() => explainPolicyErrors(() => loadConfig(at('none')))).toThrow(error);
});
