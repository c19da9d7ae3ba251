import { describe, expect, test } from 'vitest';
import type { Rule } from '../../../src/engine/rule.ts';
import { readPolicy } from '../../../src/policy/load.ts';
import { ACTIONS, isExemptNamespace } from '../../../src/policy/policy.ts';
import { RULES } from '../../../src/rules/index.ts';
import { HEAD, policyWith, problemsOf } from '../reading.ts';

const IDS = RULES.map(({ id }) => id);
const asked = [{ hosts: ['a.example'] }, { hosts: ['b.example'], probe: true }];

test.each(RULES)('$id can be set in every way its page names', ({ id, fixable, options }) => {
  const isFine = (setting: unknown): boolean =>
    problemsOf({ registries: asked, rules: { [id]: setting } }).length === 0;
  for (const action of ['off', ...ACTIONS]) expect([isFine(action), isFine({ action })], action).toEqual([true, true]);
  expect(isFine({ action: 'warn', fix: false }), 'fix, of a rule that fixes').toBe(fixable);
  for (const [name, { default: value }] of Object.entries(options)) {
    expect(isFine({ action: 'warn', [name]: value }), name).toBe(true);
    expect(isFine({ action: 'warn', [name]: { not: 'a value' } }), name).toBe(false);
  }
});

test('a new rule is configurable without a change to the schema', () => {
  const rule: Rule = {
    ...RULES[0]!,
    id: 'new-rule',
    options: { limitMiB: { type: 'integer', minimum: 1, default: 2048 } },
  };
  const load = (setting: string) => readPolicy(`${HEAD}rules: ${setting}\n`, 'p', [rule]).rules[0]?.options;
  expect(load('{ new-rule: { limitMiB: 512 } }')).toEqual({ limitMiB: 512 });
  expect(() => load('{ new-rule: { limitMiB: 0 } }')).toThrow('must be 1 or more, is 0');
  expect(() => load('{ tag-explicit: warn }')).toThrow('p:3:10: unknown key "tag-explicit": use new-rule');
});

describe('rules', () => {
  test('run in the order that their fixes need, whatever the order in the file', () => {
    const rules = Object.fromEntries(IDS.toReversed().map((id) => [id, 'warn']));
    expect(policyWith({ rules, registries: asked }).rules.map(({ rule }) => rule.id)).toEqual(IDS);
  });

  test('that are off are not there, so that they cost nothing', () => {
    expect(policyWith({ rules: Object.fromEntries(IDS.map((id) => [id, 'off'])) }).rules).toEqual([]);
  });

  test('that ask registries are there once one may be asked, and tell nobody that they were skipped before', () => {
    const askingRules = (registries: readonly object[]): readonly string[] =>
      policyWith({ registries })
        .rules.filter(({ rule }) => rule.needs.includes('registries'))
        .map(({ rule }) => rule.id);
    expect(askingRules(asked)).toEqual(['image-pullable', 'image-fits']);
    expect(askingRules(asked.slice(0, 1))).toEqual([]);
  });

  test('have options, which a rule that stays off by default would silently ignore', () => {
    const problem = '/rules/tag-explicit: "tag-explicit" is off by default and has no action: add "action: warn"';
    expect(problemsOf({ rules: { 'tag-explicit': { forbidLatest: true } } })).toEqual([problem]);
    expect(problemsOf({ rules: { 'tag-explicit': { action: 'off', forbidLatest: true } } })).toEqual([]);
  });
});

describe('a rule that asks registries finds nothing where nobody may be asked', () => {
  const NOBODY =
    'has no registry to ask, as no entry of registries has probe: add "probe: true" to those that it may ask';
  test.each<[what: string, members: object, problems: readonly string[]]>([
    ['and says nothing of it unless it is set', {}, []],
    [
      'which is told of what is set',
      { rules: { 'image-pullable': 'deny', 'image-fits': { limitMiB: 100 } } },
      [`/rules/image-pullable: ${NOBODY}`, `/rules/image-fits: ${NOBODY}`],
    ],
    [
      'also where somebody is not to be asked',
      { rules: { 'image-pullable': 'audit' }, registries: [{ hosts: ['a.example'], probe: false }] },
      [`/rules/image-pullable: ${NOBODY}`],
    ],
    ['but not of what is off', { rules: { 'image-pullable': 'off', 'image-fits': { action: 'off' } } }, []],
    ['nor where one is asked', { rules: { 'image-pullable': 'deny', 'image-fits': 'warn' }, registries: asked }, []],
    ['nor of how much asking may take, which does no harm', { probe: { wait: '1s' } }, []],
  ])('%s', (_what, members, problems) => {
    expect(problemsOf(members)).toEqual(problems);
  });
});

describe('mirror-used verifies only mirrors that may be asked', () => {
  const mirrors = [{ from: 'docker.io', to: 'm.example:5000/hub' }];
  const rules = { 'mirror-used': { verify: true } };
  const unasked = (at: number, advice: string): string =>
    `/rules/mirror-used/verify: mirrors[${at}] cannot be asked, as no entry of registries for "m.example:5000/hub" has probe: ${advice}`;
  const ADD = `add to registries "- { hosts: ['m.example:5000'], probe: true }"`;
  const of = (hosts: readonly string[], probe?: boolean) => ({ hosts, probe });

  test.each<[what: string, members: object, problems: readonly string[]]>([
    ['there is none', { mirrors: [] }, []],
    ['nothing is verified', { rules: { 'mirror-used': { verify: false } } }, []],
    ['the rule is off', { rules: { 'mirror-used': { action: 'off', verify: true } } }, []],
    ['nobody is asked', {}, [unasked(0, ADD)]],
    ['another port is asked', { registries: [of(['m.example', 'm.example:5001'], true)] }, [unasked(0, ADD)]],
    [
      'one mirror of two is asked',
      { mirrors: [{ from: 'quay.io', to: 'n.example' }, ...mirrors], registries: [of(['n.example'], true)] },
      [unasked(1, ADD)],
    ],
    [
      'its entry does not let it be asked',
      { registries: [of(['n.example']), of(['*.example:5000'])] },
      [unasked(0, 'add "probe: true" to registries[1]')],
    ],
    [
      'an entry before the one with probe takes its images',
      { registries: [of(['m.example:5000']), of(['m.example:5000/hub'], true)] },
      [unasked(0, 'add "probe: true" to registries[0]')],
    ],
    ['it is asked', { registries: [of(['*.example:5000/hub/'], true)] }, []],
    ['a part of it is asked', { registries: [of(['m.example:5000/hub/library/'], true)] }, []],
    [
      'a part of it without a path is asked',
      { mirrors: [{ from: 'docker.io', to: 'm.example' }], registries: [of(['m.example/a'], true)] },
      [],
    ],
  ])('%s', (_what, members, problems) => {
    expect(problemsOf({ rules, mirrors, ...members })).toEqual(problems);
  });

  test('an entry of one’s own takes the place of the one that is built in, and must not lose its pull secret', () => {
    const onSwr = [{ from: 'docker.io', to: 'swr.eu-de.otc.t-systems.com/hub' }];
    const entry = { hosts: ['swr.eu-de.otc.t-systems.com'], pullSecret: 'default-secret', probe: true };
    expect(problemsOf({ rules, mirrors: onSwr })).toEqual([
      expect.stringContaining(
        `"- { hosts: ['swr.eu-de.otc.t-systems.com'], pullSecret: default-secret, probe: true }"`,
      ),
    ]);
    expect(problemsOf({ rules, mirrors: onSwr, registries: [entry] })).toEqual([]);
  });
});

describe('namespaces, exempt or where rules may be skipped', () => {
  test('a list takes the place of the default, also an empty one', () => {
    expect(isExemptNamespace(policyWith({}), 'kube-system')).toBe(true);
    expect(isExemptNamespace(policyWith({ exempt: { namespaces: [] } }), 'kube-system')).toBe(false);
    expect(policyWith({ skip: { namespaces: [] } }).skip.namespaces).toEqual([]);
  });

  test.each(['exempt', 'skip'])('not a valid glob in %s is told', (section) => {
    expect(problemsOf({ [section]: { namespaces: ['a', 'b-['] } })).toEqual([
      `/${section}/namespaces/1: "b-[" is not a valid glob`,
    ]);
  });

  test('what may be skipped is a rule', () => {
    expect([...policyWith({ skip: { rules: ['tag-explicit'] } }).skip.rules]).toEqual(['tag-explicit']);
    expect(problemsOf({ skip: { rules: ['tag'] } })).toEqual([
      `/skip/rules/0: must be one of ${IDS.join(', ')}, is "tag"; did you mean "tag-explicit"?`,
    ]);
  });
});
