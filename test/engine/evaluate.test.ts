import { describe, expect, test } from 'vitest';
import { evaluate, type Decision, type EvaluateInput, type FixMode } from '../../src/engine/evaluate.ts';
import type { Facts } from '../../src/pull/facts.ts';
import type { NamespaceLimits } from '../../src/engine/namespace-mode.ts';
import {
  type Policy,
  type ConfiguredRule,
  defineRule,
  type Problem,
  type Rule,
  type RuleContext,
} from '../../src/engine/rule.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import type { ImageUse } from '../../src/workload/workload.ts';
import { judge } from '../support/judge.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

const NO_ACCOUNTS = { find: () => undefined };

type Check = (context: RuleContext<Json>) => readonly Problem[];

function rule(id: string, check: Check, rest: Partial<Rule> = {}): ConfiguredRule {
  const defined = defineRule({
    id,
    description: 'Finds what a test wants found.',
    remedy: 'Do as the test says.',
    faqItems: [1],
    defaultAction: 'warn',
    judges: 'images',
    fixable: true,
    options: {},
    needs: [],
    check,
    ...rest,
  });
  return { rule: defined, action: 'deny', fix: true, options: {} };
}

function run(
  rules: readonly ConfiguredRule[],
  input: {
    object?: Json;
    fixMode?: FixMode;
    facts?: Facts;
    limits?: NamespaceLimits;
    policy?: Partial<Policy>;
    judges?: NonNullable<EvaluateInput['judges']>;
  } = {},
): Decision {
  const { object = pod('nginx'), fixMode = 'apply', policy = {}, ...rest } = input;
  const kind = WORKLOAD_KINDS.find(({ kind: name }) => name === object['kind'])!;
  return evaluate({ object, kind, namespace: 'default', fixMode, policy: { ...MIRRORED, ...policy, rules }, ...rest });
}

/** Finds each image, and appends a mark to it. */
function marker(id: string, mark: string): ConfiguredRule {
  return rule(id, ({ workload }) =>
    workload.images.map(({ pointer, written }) => {
      const value = written + mark;
      return {
        message: `lacks ${mark}`,
        at: pointer,
        value: written,
        fix: { gives: value, edits: [{ op: 'replace', path: pointer, value }] },
      };
    }),
  );
}

/** Finds each image and can do nothing about it. */
function finder(id: string, rest: Partial<Problem> = {}): ConfiguredRule {
  return rule(id, ({ workload }) =>
    workload.images.map(({ pointer, written }) => ({ message: 'is bad', at: pointer, value: written, ...rest })),
  );
}

function summary({ findings }: Decision): readonly string[] {
  return findings.map(({ rule: id, value = '', action, fixed }) => `${id} ${value} ${action} ${fixed}`);
}

describe('rules are folded', () => {
  test('in the order of the policy, each seeing what those before it fixed', () => {
    const decision = run([finder('first'), marker('a', '-a'), marker('b', '-b'), finder('last')]);
    expect(summary(decision)).toEqual([
      'first nginx deny no',
      'a nginx warn now',
      'b nginx-a warn now',
      'last nginx-a-b deny no',
    ]);
    expect(decision.edits.map(({ value }) => value)).toEqual(['nginx-a', 'nginx-a-b']);
    expect(summary(run([marker('b', '-b'), marker('a', '-a')]))).toEqual(['b nginx warn now', 'a nginx-b warn now']);
  });

  test('the real ones too: what moves to a mirror needs the secret of the mirror', () => {
    expect(summary(judge(pod('nginx'), MIRRORED, 'apply'))).toEqual([
      'mirror-used nginx warn now',
      'pull-secret-present  warn now',
    ]);
  });

  test('and leave the object that was sent as it was', () => {
    const object = pod('nginx');
    const before = structuredClone(object);
    run([marker('a', '-a')], { object });
    expect(object).toEqual(before);
  });

  test('a rule that is configured not to fix changes nothing for those after it', () => {
    const decision = run([{ ...marker('a', '-a'), fix: false }, finder('last')]);
    expect(summary(decision)).toEqual(['a nginx deny no', 'last nginx deny no']);
    expect(decision.edits).toEqual([]);
  });

  test('options, policy and facts reach the rule', () => {
    const seen: unknown[] = [];
    const looker = rule('looker', ({ options, facts, policy, workload }) => {
      seen.push(options, facts, policy.mirrors, workload.namespace);
      return [];
    });
    run([{ ...looker, options: { limit: 3 } }], { facts: { serviceAccounts: NO_ACCOUNTS } });
    expect(seen).toEqual([{ limit: 3 }, { serviceAccounts: NO_ACCOUNTS }, MIRRORED.mirrors, 'default']);
  });
});

describe('what becomes of a fix', () => {
  const rules = [marker('a', '-a'), finder('last')];

  test('apply: it is made', () => {
    const decision = run(rules, { fixMode: 'apply' });
    expect(summary(decision)).toEqual(['a nginx warn now', 'last nginx-a deny no']);
    expect(decision.edits).toHaveLength(1);
  });

  test('announce: it will be made, so later rules count on it, but not here', () => {
    const decision = run(rules, { fixMode: 'announce', object: deployment('nginx') });
    expect(summary(decision)).toEqual(['a nginx warn later', 'last nginx-a deny no']);
    expect(decision.edits).toEqual([]);
  });

  test('never: it is not made, so the finding stands with its own action', () => {
    const decision = run(rules, { fixMode: 'never' });
    expect(summary(decision)).toEqual(['a nginx deny no', 'last nginx deny no']);
    expect(decision.edits).toEqual([]);
  });
});

describe('the action of a finding is the lowest of those that have a say', () => {
  test.each([
    ['deny', undefined, 'deny'],
    ['deny', 'warn', 'warn'],
    ['deny', 'audit', 'audit'],
    ['warn', 'audit', 'audit'],
    ['warn', 'deny', 'warn'],
    ['audit', 'warn', 'audit'],
  ] as const)('policy %s, at most %s: %s', (action, atMost, expected) => {
    const configured = { ...finder('a', atMost === undefined ? {} : { atMost }), action };
    expect(run([configured]).findings.map((found) => found.action)).toEqual([expected]);
  });

  test('what is fixed never denies, and what is only audited is not made louder by its fix', () => {
    expect(summary(run([marker('a', '-a')]))).toEqual(['a nginx warn now']);
    expect(summary(run([{ ...marker('a', '-a'), action: 'audit' }]))).toEqual(['a nginx audit now']);
  });
});

describe('a rule without the facts it needs', () => {
  const needy = rule('needy', () => [{ message: 'guessed', at: '' }], { needs: ['pullSecrets', 'serviceAccounts'] });

  test('is listed with what it lacks, never run, and holds up no other', () => {
    const decision = run([needy, finder('last')], { facts: { serviceAccounts: NO_ACCOUNTS } });
    expect(decision.skipped).toEqual([{ rule: 'needy', missing: ['pullSecrets'] }]);
    expect(summary(decision)).toEqual(['last nginx deny no']);
    expect(run([needy]).skipped).toEqual([{ rule: 'needy', missing: ['pullSecrets', 'serviceAccounts'] }]);
  });

  test('runs when it has them, be they empty', () => {
    const pullSecrets = { find: () => 'absent' as const, seesEveryType: true, now: () => 0 };
    const decision = run([needy], { facts: { pullSecrets, serviceAccounts: NO_ACCOUNTS } });
    expect(decision.skipped).toEqual([]);
    expect(decision.findings).toHaveLength(1);
  });
});

describe('images that are not judged', () => {
  const two = pod('', {
    containers: [
      { name: 'a', image: 'nginx' },
      { name: 'b', image: 'quay.io/a/b' },
    ],
  });

  test('are the exempt ones', () => {
    const policy = { exempt: policyOf('exempt: { images: [quay.io] }').exempt };
    expect(summary(run([finder('a')], { object: two, policy }))).toEqual(['a nginx deny no']);
  });

  test('stay so when a fix moves an image where others are exempt', () => {
    const policy = { exempt: policyOf('exempt: { images: [docker.io/library/nginx-a] }').exempt };
    expect(summary(run([marker('a', '-a'), finder('last')], { policy }))).toEqual(['a nginx warn now']);
  });

  test('are those that the caller leaves out', () => {
    const judges = ({ label }: ImageUse): boolean => label === 'container "b"';
    expect(summary(run([finder('a')], { object: two, judges }))).toEqual(['a quay.io/a/b deny no']);
  });

  test('an address that cannot be read is never exempt', () => {
    const policy = { exempt: policyOf('exempt: { images: ["*.example"] }').exempt };
    expect(summary(run([finder('a')], { object: pod('A.example/B'), policy }))).toEqual(['a A.example/B deny no']);
  });
});

describe('a namespace that limits what comes of a finding', () => {
  const rules = [marker('a', '-a'), finder('last')];

  test.each<[string, NamespaceLimits, readonly string[]]>([
    ['enforce', { mode: 'enforce', fixes: true }, ['a nginx warn now', 'last nginx-a deny no']],
    ['enforce, without fixes', { mode: 'enforce', fixes: false }, ['a nginx deny no', 'last nginx deny no']],
    ['warn', { mode: 'warn', fixes: true }, ['a nginx warn now', 'last nginx-a warn no']],
    ['audit', { mode: 'audit', fixes: false }, ['a nginx audit no', 'last nginx audit no']],
    ['off', { mode: 'off', fixes: true }, []],
  ])('%s', (_, limits, expected) => {
    const decision = run(rules, { limits });
    expect(summary(decision)).toEqual(expected);
    expect(decision.edits).toHaveLength(limits.fixes && limits.mode !== 'off' ? 1 : 0);
  });

  test('makes nothing louder', () => {
    const quiet = { ...finder('quiet'), action: 'audit' } as const;
    expect(summary(run([quiet], { limits: { mode: 'enforce', fixes: true } }))).toEqual(['quiet nginx audit no']);
  });
});

describe('a rule that an object asks to be spared', () => {
  const skip = (value: string): Json => ({
    ...pod('nginx'),
    metadata: { name: 'web', namespace: 'shop', annotations: { 'pullguard.dev/skip': value } },
  });
  const known = ['first', 'last'];
  const allowing = (...rules: readonly string[]): Partial<Policy> => ({
    skip: { known, rules: new Set(rules), namespaces: policyOf().skip.namespaces },
  });
  const rules = [finder('first'), finder('last')];

  test('is left out where the policy lets it, and that is not forgotten', () => {
    const decision = run(rules, { object: skip(' first ,'), policy: allowing('first') });
    expect(summary(decision)).toEqual(['last nginx deny no']);
    expect(decision.waived).toEqual(['first']);
  });

  test('runs where the policy does not, and its author hears of it', () => {
    const decision = run(rules, { object: skip('first,last'), policy: allowing('last') });
    expect(summary(decision)).toEqual(['skip-allowed first warn no', 'first nginx deny no']);
    expect(decision.findings[0]?.message).toBe('may not be skipped; the policy allows "last"');
    expect(decision.waived).toEqual(['last']);
  });

  test('is not asked for again by an update that changes no image', () => {
    const judges = (): boolean => false;
    expect(summary(run(rules, { object: skip('first'), policy: allowing(), judges }))).toEqual([]);
  });
});

test('an update of the pull secrets alone is judged by the rules on pull secrets alone', () => {
  const onSecrets = rule(
    'secrets',
    ({ workload }) => [{ message: 'seen', at: workload.podSpec, value: String(workload.images.length) }],
    { judges: 'pull-secrets' },
  );
  const decision = run([finder('images'), onSecrets], { judges: (_image, subject) => subject === 'pull-secrets' });
  expect(summary(decision)).toEqual(['secrets 1 deny no']);
});

test('findings say whose they are', () => {
  const { findings } = run([finder('a')], { object: deployment('nginx') });
  expect(findings).toMatchObject([
    {
      rule: 'a',
      remedy: 'Do as the test says.',
      faqItems: [1],
      at: '/spec/template/spec/containers/0/image',
      workload: { kind: 'Deployment', name: 'web', namespace: 'default', podSpec: '/spec/template/spec' },
    },
  ]);
});

test('a problem that has a remedy of its own keeps it', () => {
  const { findings } = run([finder('a', { remedy: 'Do this instead.' })]);
  expect(findings.map(({ remedy }) => remedy)).toEqual(['Do this instead.']);
});

test.each([null, 7, 'pod', [], {}, { spec: null }, { spec: { containers: 'none' } }])(
  'an object that is no pod has no findings: %j',
  (object) => {
    const decision = evaluate({ object, kind: WORKLOAD_KINDS[0]!, namespace: '', policy: MIRRORED, fixMode: 'apply' });
    expect(decision).toMatchObject({ findings: [], edits: [], waived: [] });
  },
);

describe('an object as large as an API server takes', () => {
  test('may have more findings than a call has arguments', () => {
    const problem = { message: 'is bad', at: '/spec' };
    const many = rule('many', () => Array.from({ length: 200_000 }, () => problem));
    expect(run([many]).findings).toHaveLength(200_000);
  });

  test('is copied once, not once an edit', () => {
    const containers = Array.from({ length: 20_000 }, (_, at) => ({ name: `c${at}`, image: 'nginx' }));
    const object = pod('', { containers });
    const started = performance.now();
    const { edits } = judge(object, MIRRORED, 'apply');
    expect(edits).toHaveLength(20_001);
    // 20,000 copies of 20,000 containers take longer than this on any machine; one takes 0.1 s.
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
