import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { buildPolicySchema } from '../../src/policy/policy-schema.ts';
import type { Rule } from '../../src/engine/rule.ts';
import { ACTIONS } from '../../src/policy/policy.ts';
import { RULES } from '../../src/rules/index.ts';

function compile(rules: readonly Rule[]): (policy: object) => boolean {
  const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(buildPolicySchema(rules));
  return (members) => validate({ apiVersion: 'pullguard.dev/v1alpha1', kind: 'Policy', ...members });
}

const accepts = compile(RULES);

test.each(RULES.map((rule) => [rule.id, rule] as const))('%s can be set in every way its page names', (id, rule) => {
  for (const action of ['off', ...ACTIONS]) {
    expect(accepts({ rules: { [id]: action } }), action).toBe(true);
    expect(accepts({ rules: { [id]: { action } } }), action).toBe(true);
  }
  expect(accepts({ rules: { [id]: { fix: false } } }), 'fix, of a rule that fixes').toBe(rule.fixable);
  for (const [name, { default: value }] of Object.entries(rule.options)) {
    expect(accepts({ rules: { [id]: { action: 'warn', [name]: value } } }), name).toBe(true);
    expect(accepts({ rules: { [id]: { action: 'warn', [name]: { not: 'a value' } } } }), name).toBe(false);
  }
});

test('a new rule is configurable without a change to the schema', () => {
  const rule: Rule = {
    id: 'new-rule',
    description: '',
    remedy: '',
    faqItems: [],
    defaultAction: 'warn',
    scope: 'images',
    fixable: false,
    options: { limitMiB: { type: 'integer', minimum: 1, default: 2048 } },
    needs: [],
    messages: {},
    check: () => [],
  };
  const acceptsNew = compile([rule]);
  expect(acceptsNew({ rules: { 'new-rule': { limitMiB: 512 } } })).toBe(true);
  expect(acceptsNew({ rules: { 'new-rule': { limitMiB: 0 } } })).toBe(false);
  expect(acceptsNew({ rules: { 'tag-explicit': 'warn' } })).toBe(false);
});

describe('the parts of a policy', () => {
  const workload = (members: object) => ({
    workloads: [{ group: 'argoproj.io', kind: 'Rollout', podTemplates: ['/spec/template'], ...members }],
  });
  const PROBE = {
    ca: 'a',
    plainHttp: false,
    tokenHosts: ['auth.example.com'],
    addresses: ['10.20.0.0/16'],
    mirrors: ['mirror.example.com:5000'],
  };
  const SETTINGS = {
    wait: '250ms',
    timeout: '10s',
    cache: { positive: '5m', negative: '15s', error: '15s', entries: 10_000 },
    concurrency: 8,
    dockerHubPerHour: 20,
  };
  const registryProbe = (probe: object) => ({ registries: [{ hosts: ['a.example'], probe }] });

  test.each<[what: string, members: object, valid: boolean]>([
    ['nothing but the head', {}, true],
    ['metadata of any shape, as every Kubernetes object has', { metadata: { name: 'a', labels: { a: 'b' } } }, true],
    ['a registry without a secret', { registries: [{ hosts: ['a.example'] }] }, true],
    ['a registry with a secret', { registries: [{ hosts: ['a.example'], pullSecret: 'a-1.b' }] }, true],
    ['a registry without hosts', { registries: [{ pullSecret: 'a' }] }, false],
    ['a registry with no hosts', { registries: [{ hosts: [] }] }, false],
    ['a secret in capitals', { registries: [{ hosts: ['a.example'], pullSecret: 'Regcred' }] }, false],
    ['a secret with an underscore', { registries: [{ hosts: ['a.example'], pullSecret: 'reg_cred' }] }, false],
    ['a secret with its namespace', { registries: [{ hosts: ['a.example'], pullSecret: 'ns/regcred' }] }, false],
    ['a secret that ends with a dot', { registries: [{ hosts: ['a.example'], pullSecret: 'regcred.' }] }, false],
    ['an empty secret', { registries: [{ hosts: ['a.example'], pullSecret: '' }] }, false],
    ['a secret of 253 characters', { registries: [{ hosts: ['a.example'], pullSecret: 'a'.repeat(253) }] }, true],
    ['a secret of 254 characters', { registries: [{ hosts: ['a.example'], pullSecret: 'a'.repeat(254) }] }, false],
    ['a mirror', { mirrors: [{ from: 'docker.io', to: 'm.example' }] }, true],
    ['half a mirror', { mirrors: [{ from: 'docker.io' }] }, false],
    ['exemptions', { exempt: { namespaces: ['a-*'], images: ['a.example/b'] } }, true],
    ['an empty namespace', { exempt: { namespaces: [''] } }, false],
    ['a registry that is asked', { registries: [{ hosts: ['a.example'], probe: true }] }, true],
    ['a registry that is not asked', { registries: [{ hosts: ['a.example'], probe: false }] }, true],
    ['a registry that is asked as it says', registryProbe(PROBE), true],
    ['a registry of which nothing is said', registryProbe({}), true],
    ['asking by a word', { registries: [{ hosts: ['a.example'], probe: 'yes' }] }, false],
    ['asking in a way that is unknown', registryProbe({ insecure: true }), false],
    ['a CA in a list', registryProbe({ ca: ['a'] }), false],
    ['an empty CA', registryProbe({ ca: '' }), false],
    ['plain HTTP by a word', registryProbe({ plainHttp: 'yes' }), false],
    ['one host where a list belongs', registryProbe({ tokenHosts: 'a.example' }), false],
    ['an empty address', registryProbe({ addresses: [''] }), false],
    ['how much asking may take', { probe: SETTINGS }, true],
    ['nothing of how much', { probe: {} }, true],
    ['a time without a unit', { probe: { wait: 250 } }, false],
    ['a time without a unit, in quotes', { probe: { wait: '250' } }, false],
    ['a time in another unit', { probe: { cache: { positive: '1w' } } }, false],
    ['a setting that is unknown', { probe: { retries: 3 } }, false],
    ['no answer kept', { probe: { cache: { entries: 0 } } }, false],
    ['too many answers kept', { probe: { cache: { entries: 1_000_001 } } }, false],
    ['nobody at a time', { probe: { concurrency: 0 } }, false],
    ['a crowd at a time', { probe: { concurrency: 101 } }, false],
    ['half a probe at a time', { probe: { concurrency: 1.5 } }, false],
    ['nothing from Docker Hub', { probe: { dockerHubPerHour: 0 } }, true],
    ['less than nothing from Docker Hub', { probe: { dockerHubPerHour: -1 } }, false],
    ['more from Docker Hub than it gives', { probe: { dockerHubPerHour: 1001 } }, false],
    ['a kind of the core group', workload({ group: '' }), true],
    ['a group with its version', workload({ group: 'argoproj.io/v1alpha1' }), false],
    ['every element of a list', workload({ podTemplates: ['/spec/*/template'] }), true],
    ['a key with a slash', workload({ podTemplates: ['/spec/a~1b/template'] }), true],
    ['a path with dots', workload({ podTemplates: ['spec.template'] }), false],
    ['a path with a slash too many, which leads nowhere', workload({ podTemplates: ['/spec/template/'] }), false],
    ['an empty path', workload({ podTemplates: [''] }), false],
    ['no path', workload({ podTemplates: [] }), false],
    ['a wrong escape', workload({ podTemplates: ['/a~2'] }), false],
  ])('%s', (_what, members, valid) => {
    expect(accepts(members)).toBe(valid);
  });

  test('a long name is refused in no time', () => {
    const started = performance.now();
    expect(accepts({ registries: [{ hosts: ['a.example'], pullSecret: `${'a-'.repeat(50_000)}!` }] })).toBe(false);
    expect(accepts(workload({ podTemplates: [`${'/a'.repeat(50_000)}~`] }))).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
