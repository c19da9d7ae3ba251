import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { RULES } from '../../src/rules/index.ts';
import { policyOf } from '../support/policies.ts';

test.each([
  ['an image on its mirror needs the pull secret of the mirror', 'mirror-used', 'pull-secret-present'],
  ['what is added to a list, its author has not left out', 'service-account-secrets-kept', 'pull-secret-present'],
  ['what was added is to be usable as well', 'pull-secret-present', 'pull-secret-usable'],
  ['registries are looked up with what the pods then have', 'pull-secret-present', 'image-pullable'],
  ['and for the image that is pulled in the end', 'mirror-used', 'image-fits'],
])('rules run in an order in which each sees what it needs to: %s', (_, first, second) => {
  const ids = RULES.map(({ id }) => id);
  expect(ids.indexOf(first)).toBeGreaterThanOrEqual(0);
  expect(ids.indexOf(first)).toBeLessThan(ids.indexOf(second));
});

test('a newcomer who knows the id of a rule finds its file and its test', () => {
  const files = readdirSync(new URL('../../src/rules', import.meta.url));
  expect(files.sort()).toEqual([...RULES.map(({ id }) => `${id}.ts`), 'index.ts', 'policy.ts'].sort());
  for (const { id } of RULES)
    expect(existsSync(new URL(`./${id}.test.ts`, import.meta.url)), `${id}.test.ts`).toBe(true);
});

describe.each(RULES.map((rule) => [rule.id, rule] as const))('%s', (_, rule) => {
  test('describes itself in whole sentences, as help and documentation show them', () => {
    expect(rule.description).toMatch(/^Finds .*\.$/);
    expect(rule.remedy).toMatch(/^[A-Z].*\.$/);
    expect(rule.faqItems.every((item) => item >= 1 && item <= 8)).toBe(true);
  });

  test('has options that a policy can set and leave out', () => {
    for (const option of Object.values(rule.options)) expect(option['description']).toMatch(/\.$/);
    const options = Object.fromEntries(Object.entries(rule.options).map(([name, option]) => [name, option.default]));
    const rules = JSON.stringify({ [rule.id]: { action: 'warn', ...options } });
    expect(() => policyOf('registries: [{ hosts: [a.example], probe: true }]', `rules: ${rules}`)).not.toThrow();
  });
});
