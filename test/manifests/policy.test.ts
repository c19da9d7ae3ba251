import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { defaultPolicy, loadPolicy } from '../../src/rules/policy.ts';
import { buildPolicySchema } from '../../src/policy/schema.ts';
import { probesAny } from '../../src/policy/policy.ts';
import { RULES } from '../../src/rules/index.ts';
import { describePolicy, policyGenerator, policyText } from './manifests.ts';

test('the policy sets what it claims to: the defaults, so that installing it changes nothing that was not documented', () => {
  expect(describePolicy(loadPolicy(policyText, 'policy.yaml'))).toEqual(describePolicy(defaultPolicy()));
});

/** Set without a registry to ask they are a mistake. */
const asking = RULES.filter(({ needs }) => needs.includes('registries')).map(({ id }) => id);

const { properties } = buildPolicySchema(RULES) as { properties: Readonly<Record<string, { description: string }>> };
const { apiVersion, kind, metadata, ...sections } = properties;

test('it shows every section, and rules in the order in which they run', () => {
  const shown = parse(policyText) as Readonly<Record<string, unknown>>;
  expect(new Set(Object.keys(shown))).toEqual(new Set(['apiVersion', 'kind', ...Object.keys(sections)]));
  expect([apiVersion, kind, metadata]).not.toContain(undefined);
  const rules = Object.keys(shown['rules'] as object);
  expect(rules).toEqual(RULES.map(({ id }) => id).filter((id) => rules.includes(id)));
});

test.each(Object.entries(sections))('it says what %s are for as the schema does', (key, { description }) => {
  const [, comment = ''] = new RegExp(`((?:^#.*\n)+)${key}:`, 'm').exec(policyText) ?? [];
  const words = comment.replaceAll(/\n?^# ?/gm, ' ').trim();
  expect(words.toLowerCase()).toMatch(new RegExp(`^${description.toLowerCase().replaceAll('.', '[.]')}`));
});

const samples = readSamples(policyText);

test.each(samples)('the sample %s can be used as it stands', (_title, sample) => {
  const policy = loadPolicy(`apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n${sample}`);
  expect(describePolicy(policy)).not.toEqual(describePolicy(defaultPolicy()));
});

test('a sample has registries asked, and sets the rules that do so', () => {
  const policies = samples.map(([, sample]) =>
    loadPolicy(`apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n${sample}`),
  );
  const [policy, ...others] = policies.filter((each) => probesAny(each));
  expect(others).toEqual([]);
  const set = Object.keys((parse(samples[policies.indexOf(policy!)]![1]) as { rules: object }).rules);
  expect(set).toEqual(expect.arrayContaining(asking));
});

test('it has a sample for each key that is empty', () => {
  expect(samples.map(([title]) => title).sort()).toEqual([
    'exempt',
    'mirrors',
    'registries',
    'registries',
    'rules',
    'skip',
    'workloads',
  ]);
});

test('it is reloaded by the pods that run: a hash in its name would roll out new ones instead', () => {
  expect(policyGenerator.options).toMatchObject({ disableNameSuffixHash: true });
});

/** The indented lines of comments that are a part of a policy, by its first key. */
function readSamples(text: string): readonly (readonly [title: string, sample: string])[] {
  const comments = text.split('\n').map((line) => /^ *# {3}(.*)/.exec(line)?.[1] ?? '');
  return comments
    .join('\n')
    .split(/\n{2,}/)
    .map((block) => block.trim())
    .filter((block) => /^\w+:\n/.test(block))
    .map((block) => [block.slice(0, block.indexOf(':')), block] as const);
}
