import { describe, expect, test } from 'vitest';
import type { Rule } from '../../src/engine/rule.ts';
import { buildPolicy, type BuiltPolicy, type PolicyFile } from '../../src/policy/build-policy.ts';
import { findPullSecret } from '../../src/policy/policy.ts';
import { parseReference } from '../../src/image/parse-reference.ts';
import { RULES } from '../../src/rules/index.ts';

const HEAD = { apiVersion: 'pullguard.dev/v1alpha1', kind: 'Policy' };

function build(members: Partial<PolicyFile>): BuiltPolicy<Rule> {
  return buildPolicy({ ...HEAD, ...members }, RULES);
}

/** `pointer: message` of everything that fits the schema and still makes no sense. */
function problemsOf(members: Partial<PolicyFile>): readonly string[] {
  return build(members).problems.map(({ pointer, message }) => `${pointer}: ${message}`);
}

describe('registries', () => {
  const secretOf = (members: Partial<PolicyFile>, image: string): string | undefined => {
    const parsed = parseReference(image);
    return parsed.ok ? findPullSecret(build(members).policy, parsed.reference) : undefined;
  };

  test.each([
    ['swr.eu-de.otc.t-systems.com/a/b', 'default-secret'],
    ['swr.eu-ch2.sc.otc.t-systems.com/a/b', 'default-secret'],
    ['swr.cn-north-4.myhuaweicloud.com/a/b', 'default-secret'],
    ['swr.eu-west-101.myhuaweicloud.eu/a/b', 'default-secret'],
    ['swr-api.cn-north-4.myhuaweicloud.com/a/b', undefined],
    ['me.swr-pro.myhuaweicloud.com/a/b', undefined],
    ['swr.eu-de.otc.t-systems.com.evil.example/a/b', undefined],
    ['swr.eu-de.otc.t-systemsxcom/a/b', undefined],
    ['evil.example/swr.eu-de.otc.t-systems.com/a', undefined],
    ['swr.eu-de.otc.t-systems.com:443/a/b', undefined],
  ])('without a word about it, %s needs %s', (image, secret) => {
    expect(secretOf({}, image)).toBe(secret);
  });

  test("the operator's own entry goes before what is built in", () => {
    const own = { registries: [{ hosts: ['swr.*.otc.t-systems.com/mine'], pullSecret: 'mine' }] };
    expect(secretOf(own, 'swr.eu-de.otc.t-systems.com/mine/b')).toBe('mine');
    expect(secretOf(own, 'swr.eu-de.otc.t-systems.com/theirs/b')).toBe('default-secret');
    const none = { registries: [{ hosts: ['swr.*.otc.t-systems.com'] }] };
    expect(secretOf(none, 'swr.eu-de.otc.t-systems.com/a')).toBeUndefined();
  });

  test('a pattern that can do nothing is told where it stands', () => {
    const registries = [
      { hosts: ['a.example', 'https://b.example'] },
      { hosts: ['[a', 'a.example'], pullSecret: 'never-used' },
    ];
    expect(problemsOf({ registries, exempt: { images: ['nginx'] } })).toEqual([
      '/registries/0/hosts/1: "https://b.example" starts with a scheme; begin with the host',
      '/registries/1/hosts/1: "a.example" is in registries[0] already, which goes first',
      '/registries/1/hosts/0: "[a" is a malformed glob',
      expect.stringMatching(/^\/exempt\/images\/0: "nginx" has a host of one word/),
    ]);
  });
});

describe('rules', () => {
  test('run in the order that their fixes need, whatever the order in the file', () => {
    const ids = RULES.map(({ id }) => id);
    const rules = Object.fromEntries(ids.toReversed().map((id) => [id, 'warn' as const]));
    const registries = [{ hosts: ['harbor.example.com'], probe: true }];
    expect(build({ rules, registries }).policy.rules.map(({ rule }) => rule.id)).toEqual(ids);
  });

  test('that ask registries are there once one may be asked, and tell nobody that they were skipped before', () => {
    const askingRules = (probe: boolean): readonly string[] =>
      build({ registries: [{ hosts: ['harbor.example.com'], probe }] })
        .policy.rules.filter(({ rule }) => rule.needs.includes('registries'))
        .map(({ rule }) => rule.id);
    expect(askingRules(true)).toEqual(['image-pullable', 'image-fits']);
    expect(askingRules(false)).toEqual([]);
  });

  test('that are off are not there, so that they cost nothing', () => {
    const rules = Object.fromEntries(RULES.map(({ id }) => [id, 'off' as const]));
    expect(build({ rules }).policy.rules).toEqual([]);
  });

  test('an option is read by a rule that is on, and its absence by its default', () => {
    const options = (setting: Record<string, unknown>) =>
      build({ rules: { 'tag-explicit': setting } }).policy.rules[1]?.options;
    expect(options({ action: 'warn' })).toEqual({ forbidLatest: false });
    expect(options({ action: 'warn', forbidLatest: true })).toEqual({ forbidLatest: true });
  });

  test('options for a rule that stays off by default are no silent wish', () => {
    expect(problemsOf({ rules: { 'tag-explicit': { forbidLatest: true } } })).toEqual([
      '/rules/tag-explicit: "tag-explicit" is off unless it has an action; add "action: warn"',
    ]);
    expect(problemsOf({ rules: { 'tag-explicit': { action: 'off', forbidLatest: true } } })).toEqual([]);
  });
});

describe('exempt namespaces', () => {
  test('a list replaces the default, also an empty one', () => {
    expect(build({}).policy.exempt.namespaces).toHaveLength(1);
    expect(build({ exempt: { namespaces: [] } }).policy.exempt.namespaces).toEqual([]);
  });

  test('a malformed glob is told', () => {
    expect(problemsOf({ exempt: { namespaces: ['a', 'b-['] } })).toEqual([
      '/exempt/namespaces/1: "b-[" is a malformed glob',
    ]);
  });
});

describe('workloads', () => {
  const rollout = { group: 'argoproj.io', kind: 'Rollout', podTemplates: ['/spec/template'] };

  test('a kind is judged where it holds pod templates, of all versions', () => {
    const two = { ...rollout, podTemplates: ['/spec/template', '/spec/jobs/*/template'] };
    expect(build({ workloads: [two] }).policy.kinds.get('argoproj.io/Rollout')).toEqual({
      group: 'argoproj.io',
      kind: 'Rollout',
      podSpecs: ['/spec/template/spec', '/spec/jobs/*/template/spec'],
    });
  });

  test.each<[what: string, workloads: PolicyFile['workloads'] & object, problems: readonly string[]]>([
    [
      'a kind that is built in',
      [{ ...rollout, group: 'apps', kind: 'Deployment' }],
      ['/workloads/0: "Deployment" is built in; leave it out'],
    ],
    [
      'a kind in its old group',
      [{ ...rollout, group: 'extensions', kind: 'Deployment' }],
      ['/workloads/0: "Deployment" is built in; leave it out'],
    ],
    ['the same name in another group', [{ ...rollout, group: 'apps.example', kind: 'Deployment' }], []],
    [
      'a kind twice, of which one would be forgotten',
      [rollout, rollout],
      ['/workloads/1: "Rollout" is in workloads[0] already; one entry takes all its podTemplates'],
    ],
    [
      'the spec of the pod for its template',
      [{ ...rollout, podTemplates: ['/spec/template/spec'] }],
      [`/workloads/0/podTemplates/0: "/spec/template/spec" is the pod's spec; name what holds it, "/spec/template"`],
    ],
  ])('%s', (_what, workloads, problems) => {
    expect(problemsOf({ workloads })).toEqual(problems);
  });
});
