import { describe, expect, test } from 'vitest';
import { evaluate, type Decision, type EvaluateInput } from '../../src/engine/evaluate.ts';
import type { Policy, ConfiguredRule, Found } from '../../src/engine/rule.ts';
import type { ImageQuestion, KnownAnswer } from '../../src/pull/facts.ts';
import { findKind, groupOf, WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { pullable } from '../support/answers.ts';
import { factsOf, judgeIn } from '../support/facts.ts';
import { judge } from '../support/judge.ts';
import { madeUpRule } from '../support/made-up-rule.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

type Input = Omit<Partial<EvaluateInput>, 'object' | 'policy'> & Readonly<{ object?: Json; policy?: Partial<Policy> }>;

function run(rules: readonly ConfiguredRule[], { object = pod('nginx'), policy, ...input }: Input = {}): Decision {
  const kind = findKind(MIRRORED.kinds, groupOf(String(object['apiVersion'])), String(object['kind']))!;
  const full = { ...MIRRORED, ...policy, rules };
  return evaluate({ object, kind, namespace: 'default', fixMode: 'apply', policy: full, ...input });
}

/** Finds each image, and appends a mark to it. */
function marker(id: string, mark: string): ConfiguredRule {
  return madeUpRule(id, ({ workload }) =>
    workload.images.map(({ pointer, written }) => {
      const value = written + mark;
      const fix = {
        gives: value,
        done: `appended ${mark}`,
        coming: mark,
        edits: [{ op: 'replace', path: pointer, value } as const],
      };
      return { says: `lacks ${mark}`, at: pointer, value: written, fix };
    }),
  );
}

/** Finds each image and can do nothing about it. */
function finder(id: string, special: Partial<Found> = {}, scope: 'images' | 'pull-secrets' = 'images'): ConfiguredRule {
  return madeUpRule(
    id,
    ({ workload }) =>
      workload.images.map(({ pointer, written }) => ({ says: 'is bad', at: pointer, value: written, ...special })),
    { scope },
  );
}

const SECRETS: Json = { imagePullSecrets: [{ name: 's' }] };

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

  test('options, policy, facts and the time reach the rule', () => {
    const seen: unknown[] = [];
    const looker = madeUpRule('looker', ({ options, facts, policy, workload, now }) => {
      seen.push(options, facts, policy.mirrors, workload.namespace, now);
      return [];
    });
    const facts = factsOf({});
    run([{ ...looker, options: { limit: 3 } }], { facts, now: 7 });
    expect(seen).toEqual([{ limit: 3 }, facts, MIRRORED.mirrors, 'default', 7]);
  });
});

describe('what becomes of a fix, and of what is not fixed', () => {
  const WARNED = ['a nginx warn now', 'last nginx-a warn no'];
  const UNFIXED = ['a nginx deny no', 'last nginx deny no'];

  test.each<[what: string, input: Input, expected: readonly string[], edits: number]>([
    ['apply: it is made', { fixMode: 'apply' }, ['a nginx warn now', 'last nginx-a deny no'], 1],
    [
      'announce: it will be made, so later rules count on it, but not here',
      { fixMode: 'announce', object: deployment('nginx') },
      ['a nginx warn later', 'last nginx-a deny no'],
      0,
    ],
    ['never: it is not made, so the finding stands with its own action', { fixMode: 'never' }, UNFIXED, 0],
    ['in a namespace that enforces without fixes', { limits: { mode: 'deny', fixes: false } }, UNFIXED, 0],
    ['in one that warns', { limits: { mode: 'warn', fixes: true } }, WARNED, 1],
    [
      'in one that is audited',
      { limits: { mode: 'audit', fixes: false } },
      ['a nginx audit no', 'last nginx audit no'],
      0,
    ],
    ['in one that is off', { limits: { mode: 'off', fixes: true } }, [], 0],
  ])('%s', (_, input, expected, edits) => {
    const decision = run([marker('a', '-a'), finder('last')], input);
    expect(summary(decision)).toEqual(expected);
    expect(decision.edits).toHaveLength(edits);
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

  const AUDITED: Input = { limits: { mode: 'audit', fixes: true } };
  test.each<[what: string, found: Partial<Found>, expected: string, input?: Input]>([
    ['denied', {}, 'deny error'],
    ['warned of', { atMost: 'warn' }, 'warn warning'],
    ['audited', {}, 'audit warning', AUDITED],
    ['harmless, which denies nothing whatever the policy says', { harmless: true }, 'warn notice'],
    ['harmless in a namespace that is audited', { harmless: true }, 'audit notice', AUDITED],
  ])('and its severity tells what fails from what does not: %s', (_what, found, expected, input = {}) => {
    const { findings } = run([finder('a', found)], input);
    expect(findings.map(({ action, severity }) => `${action} ${severity}`)).toEqual([expected]);
  });

  test.each(['apply', 'announce'] as const)('what is fixed is a notice: %s', (fixMode) => {
    expect(run([marker('a', '-a')], { fixMode }).findings).toMatchObject([{ action: 'warn', severity: 'notice' }]);
    expect(run([{ ...marker('a', '-a'), fix: false }], { fixMode }).findings).toMatchObject([{ severity: 'error' }]);
  });

  test('what is only audited is not made louder by its fix', () => {
    expect(summary(run([{ ...marker('a', '-a'), action: 'audit' }]))).toEqual(['a nginx audit now']);
  });
});

describe('a rule without the facts it needs', () => {
  const needs = ['pullSecrets', 'serviceAccounts'] as const;
  const needy = madeUpRule('needy', () => [{ says: 'guessed', at: '' }], { needs });
  const { serviceAccounts, pullSecrets } = factsOf({});

  test('is listed with what it lacks, never run, and holds up no other', () => {
    const decision = run([needy, finder('last')], { facts: { serviceAccounts } });
    expect(decision.skipped).toEqual([{ rule: 'needy', missing: ['pullSecrets'] }]);
    expect(summary(decision)).toEqual(['last nginx deny no']);
    expect(run([needy]).skipped).toEqual([{ rule: 'needy', missing: needs }]);
  });

  test('runs when it has them, be they empty', () => {
    const decision = run([needy], { facts: { pullSecrets, serviceAccounts } });
    expect(decision.skipped).toEqual([]);
    expect(decision.findings).toHaveLength(1);
  });
});

test('exempt images are passed over, also those that a fix moves there, and none that cannot be read', () => {
  const exempting = (images: string, rules: readonly ConfiguredRule[], object = pod('nginx')): readonly string[] =>
    summary(run(rules, { object, policy: { exempt: policyOf(`exempt: { images: [${images}] }`).exempt } }));
  const two = pod('nginx', { initContainers: [{ name: 'i', image: 'quay.io/a/b' }] });
  expect(exempting('quay.io', [finder('a')], two)).toEqual(['a nginx deny no']);
  expect(exempting('docker.io/library/nginx-a', [marker('a', '-a'), finder('last')])).toEqual(['a nginx warn now']);
  expect(exempting('"*.example"', [finder('a')], pod('A.example/B'))).toEqual(['a A.example/B deny no']);
});

describe('an update is looked at for what it changes', () => {
  const rules = [finder('images'), finder('secrets', {}, 'pull-secrets')];
  const [a, b] = ['a', 'b'].map((image) => ({ name: image, image }));
  const of = (containers: readonly unknown[], spec: Json = {}): Json => deployment('', { containers, ...spec });
  const labelled = { ...of([a]), metadata: { labels: { x: 'y' } } };
  const [OF_A, OF_B] = [
    ['images a', 'secrets a'],
    ['images b', 'secrets b'],
  ];

  test.each<[what: string, oldObject: unknown, object: Json, expected: readonly string[]]>([
    ['nothing, when it is labelled', of([a]), labelled, []],
    ['an image that is new', of([a]), of([b, a]), OF_B],
    ['an image that another container had', of([a]), of([a, { name: 'other', image: 'a' }]), OF_A],
    ['nothing, when containers change places', of([b, a]), of([a, b]), []],
    ['all, by rules on pull secrets, when those change', of([a]), of([a], SECRETS), ['secrets a']],
    ['or the service account', of([a]), of([a], { serviceAccountName: 'x' }), ['secrets a']],
    ['but not when it is the same by its name', of([a]), of([a], { serviceAccountName: 'default' }), []],
    ['all, when nobody knows what it was', undefined, of([a]), OF_A],
    ['all, when that makes no sense', { spec: 'x' }, of([a]), OF_A],
  ])('%s', (_, oldObject, object, expected) => {
    expect(summary(run(rules, { oldObject, object })).map((text) => text.replace(' deny no', ''))).toEqual(expected);
  });

  test('and rules see the fixes of that, in a template as in its pods', () => {
    const input = { policy: MIRRORED, oldObject: of([a]) };
    const { findings, edits } = judgeIn({}, of([a, b]), input);
    expect(findings.map(({ rule, label, value, fixed }) => [rule, label, value, fixed])).toEqual([
      ['mirror-used', 'container "b"', 'b', 'later'],
      // Of the image on its mirror: the one that it comes from needs no pull secret.
      ['pull-secret-present', 'container "b"', undefined, 'later'],
    ]);
    expect(edits).toEqual([]);
  });
});

describe('a rule that an object asks to be spared', () => {
  const skip = (value: string): Json => ({
    ...pod('nginx'),
    metadata: { name: 'web', namespace: 'shop', annotations: { 'pullguard.dev/skip': value } },
  });
  const rules = [finder('tag-explicit'), finder('mirror-used')];
  const spare = (annotation: string, policy: string, input: Input = {}) => {
    const decision = run(rules, { object: skip(annotation), policy: { skip: policyOf(policy).skip }, ...input });
    const told = decision.findings.filter(({ rule }) => rule === 'skip-allowed');
    return { waived: decision.waived, told: told.map(({ value, message, action }) => `${action} ${value} ${message}`) };
  };

  test.each([
    ['tag-explicit', 'skip: { rules: [tag-explicit] }', ['tag-explicit']],
    [' tag-explicit , mirror-used', 'skip: { rules: [tag-explicit, mirror-used] }', ['tag-explicit', 'mirror-used']],
    ['tag-explicit', 'skip: { rules: [tag-explicit], namespaces: [sh*, def*] }', ['tag-explicit']],
  ])('is left out where the policy lets it, and that is not forgotten: %j, %s', (annotation, policy, waived) => {
    expect(spare(annotation, policy)).toEqual({ waived, told: [] });
  });

  test.each([
    ['tag-explicit', '{}', /^warn tag-explicit rule cannot be skipped, as the policy allows no skipping: /],
    ['mirror-used', '{ rules: [tag-explicit] }', /^warn mirror-used rule cannot be skipped, .* only "tag-explicit": /],
    [
      'tag-explicit',
      '{ rules: [tag-explicit], namespaces: [dev-*] }',
      /^warn tag-explicit rule cannot be skipped in this namespace/,
    ],
    ['tags', '{ rules: [tag-explicit] }', /^warn tags not a rule, /],
  ])('runs where the policy does not, and its author hears of it: %s, %s', (annotation, policy, expected) => {
    expect(spare(annotation, `skip: ${policy}`)).toEqual({ waived: [], told: [expect.stringMatching(expected)] });
    // But not again when an update changes no image.
    expect(spare(annotation, `skip: ${policy}`, { oldObject: skip('') }).told).toEqual([]);
  });
});

describe('what rules would like to know of registries', () => {
  const reference = { registry: 'r.example', repository: 'a' };
  /** Looks up an image, twice, in the name of who has these secrets. */
  const asker = (...askers: readonly ImageQuestion['pullSecrets'][]): ConfiguredRule =>
    madeUpRule('asker', ({ pull }) => {
      for (const pullSecrets of [...askers, ...askers]) pull.getAnswer(reference, pullSecrets);
      return [];
    });
  const BOTH = [
    { reference, namespace: 'default', pullSecrets: ['s'] },
    { reference, namespace: 'default', pullSecrets: undefined },
  ];

  test.each<[known: KnownAnswer, unanswered: readonly ImageQuestion[], outdated: readonly ImageQuestion[]]>([
    ['unasked', BOTH, []],
    ['not-allowed', [], []],
    ['no-answer', [], []],
    [{ answer: pullable(), isDue: false }, [], []],
    [{ answer: pullable(), isDue: true }, [], BOTH],
  ])('comes back with the decision, each question once: %j', (known, unanswered, outdated) => {
    const decision = run([asker(['s'], undefined), asker(['s'])], { facts: { registries: { get: () => known } } });
    expect(decision).toMatchObject({ unanswered, outdated });
  });

  test('is nothing where no registry is ever asked', () => {
    expect(run([asker([])])).toMatchObject({ unanswered: [], outdated: [] });
  });
});

test('findings say whose they are, and what to do', () => {
  const { findings } = run([finder('a'), finder('b', { remedy: 'Do this instead.' })], { object: deployment('nginx') });
  expect(findings).toMatchObject([
    {
      rule: 'a',
      messageId: 'said',
      message: 'is bad',
      remedy: 'Do as the test says.',
      faqItems: [1],
      at: '/spec/template/spec/containers/0/image',
      workload: { kind: 'Deployment', name: 'web', namespace: 'default', podSpec: '/spec/template/spec' },
    },
    { rule: 'b', remedy: 'Do this instead.' },
  ]);
});

test.each([null, 7, 'pod', [], {}, { spec: null }, { spec: { containers: 'none' } }])(
  'an object that is no pod has no findings: %j',
  (object) => {
    const decision = evaluate({ object, kind: WORKLOAD_KINDS[0]!, namespace: '', policy: MIRRORED, fixMode: 'apply' });
    expect(decision).toMatchObject({ findings: [], edits: [], waived: [] });
  },
);

test('a small object is checked in full however busy the machine is, a large one for as long as there is time', () => {
  const late = { timeLeft: () => -1 };
  const images = (count: number) => Array.from({ length: count }, (_, at) => ({ name: `c${at}`, image: 'nginx' }));
  const rules = [finder('first'), finder('last')];
  expect(run(rules, { ...late, object: pod('nginx', { containers: images(50) }) })).toMatchObject({ skipped: [] });
  const { skipped, findings } = run(rules, { ...late, object: pod('nginx', { containers: images(5000) }) });
  expect(skipped.map(({ missing }) => missing)).toEqual([['budget'], ['budget']]);
  // Ahead of all others, of which an API server shows some.
  expect(findings[0]?.rule).toBe('within-bounds');
});

describe('an object as large as an API server takes', () => {
  test('may have more findings than a call has arguments', () => {
    const many = madeUpRule('many', () => Array.from({ length: 200_000 }, () => ({ says: 'is bad', at: '/spec' })));
    const { findings } = run([many]);
    expect(findings).toHaveLength(101);
    expect(findings.at(-1)).toMatchObject({
      rule: 'within-bounds',
      message: expect.stringContaining('199900 more') as string,
    });
  });

  test('is read once, and not once a fix', () => {
    let reads = 0;
    const containers = Array.from({ length: 20_000 }, (_, at) => ({ name: `c${at}`, image: 'nginx' }));
    const object = Object.defineProperty(pod(''), 'spec', { get: () => (reads++, { containers }) });
    const { edits } = judge(object, MIRRORED, 'apply');
    expect(edits).toHaveLength(20_001);
    expect(reads).toBeLessThan(5);
  });
});
