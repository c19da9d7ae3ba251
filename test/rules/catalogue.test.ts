import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { RULES } from '../../src/rules/index.ts';
import { policyOf } from '../support/policies.ts';

test('rules run in an order in which each sees what it needs to', () => {
  expect(RULES.map(({ id }) => id)).toEqual([
    'reference-valid',
    'tag-explicit',
    // An image on its mirror needs the mirror's pull secret.
    'mirror-used',
    // What is added to a list, its author has not left out.
    'service-account-secrets-kept',
    'pull-secret-present',
    // What was added is to be usable as well.
    'pull-secret-usable',
    // Registries are asked about what is pulled in the end, with what the pods then have.
    'image-pullable',
    'image-fits',
  ]);
});

test('a newcomer who knows the id of a rule finds its file and its test', () => {
  const files = readdirSync(new URL('../../src/rules', import.meta.url)).filter((file) => file !== 'index.ts');
  expect(files).toEqual(expect.arrayContaining(RULES.map(({ id }) => `${id}.ts`)));
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
