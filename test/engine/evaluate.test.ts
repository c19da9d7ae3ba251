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
      const fix = { gives: value, edits: [{ op: 'replace', path: pointer, value } as const] };
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
    ['in a namespace that enforces without fixes', { limits: { mode: 'enforce', fixes: false } }, UNFIXED, 0],
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

describe('exempt images', () => {
  test.each<
    [what: string, exempt: string, rules: readonly ConfiguredRule[], object: Json, expected: readonly string[]]
  >([
    [
      'are passed over, and no others',
      'quay.io',
      [finder('a')],
      pod('nginx', { initContainers: [{ name: 'i', image: 'quay.io/a/b' }] }),
      ['a nginx deny no'],
    ],
    [
      'are also those that a fix moves to where images are exempt',
      'docker.io/library/nginx-a',
      [marker('a', '-a'), finder('last')],
      pod('nginx'),
      ['a nginx warn now'],
    ],
    ['are none that cannot be read', '"*.example"', [finder('a')], pod('A.example/B'), ['a A.example/B deny no']],
  ])('%s', (_, images, rules, object, expected) => {
    const { exempt } = policyOf(`exempt: { images: [${images}] }`);
    expect(summary(run(rules, { object, policy: { exempt } }))).toEqual(expected);
  });
});

describe('an update is looked at for what it changes', () => {
  const rules = [finder('images'), finder('secrets', {}, 'pull-secrets')];
  const [nginx, redis] = ['nginx', 'redis'].map((image) => ({ name: image, image }));
  const of = (spec: Json, kept: Json = {}): Json => ({ ...deployment('', spec), ...kept });
  const one = of({ containers: [nginx] });

  test.each<[what: string, oldObject: unknown, object: Json, expected: readonly string[]]>([
    ['nothing, when it is labelled', one, of({ containers: [nginx] }, { metadata: { labels: { a: 'b' } } }), []],
    ['an image that is new', one, of({ containers: [redis, nginx] }), ['images redis', 'secrets redis']],
    [
      'an image that another container had',
      one,
      of({ containers: [nginx, { name: 'other', image: 'nginx' }] }),
      ['images nginx', 'secrets nginx'],
    ],
    [
      'nothing, when containers change places',
      of({ containers: [redis, nginx] }),
      of({ containers: [nginx, redis] }),
      [],
    ],
    [
      'all, for rules on pull secrets, when those change',
      one,
      of({ containers: [nginx], imagePullSecrets: [{ name: 'a' }] }),
      ['secrets nginx'],
    ],
    ['or the service account', one, of({ containers: [nginx], serviceAccountName: 'a' }), ['secrets nginx']],
    ['but not when it is the same by its name', one, of({ containers: [nginx], serviceAccountName: 'default' }), []],
    ['all, when nobody knows what it was', undefined, one, ['images nginx', 'secrets nginx']],
    ['all, when that makes no sense', { spec: 'x' }, one, ['images nginx', 'secrets nginx']],
  ])('%s', (_, oldObject, object, expected) => {
    expect(summary(run(rules, { oldObject, object })).map((text) => text.replace(' deny no', ''))).toEqual(expected);
  });

  test('and rules see the fixes of that, in a template as in its pods', () => {
    const changed = of({ containers: [nginx, redis] });
    const { findings, edits } = judgeIn({}, changed, { policy: MIRRORED, oldObject: one });
    expect(findings.map(({ rule, label, value, fixed }) => [rule, label, value, fixed])).toEqual([
      ['mirror-used', 'container "redis"', 'redis', 'later'],
      // Of the image on its mirror: the one that it comes from needs no pull secret.
      ['pull-secret-present', 'container "redis"', undefined, 'later'],
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
    [
      'by default',
      'tag-explicit',
      'skip: {}',
      /^warn tag-explicit may not be skipped, as the policy allows no skipping$/,
    ],
    [
      'for another rule',
      'mirror-used',
      'skip: { rules: [tag-explicit] }',
      /^warn mirror-used may not be skipped; the policy allows "tag-explicit"$/,
    ],
    [
      'in another namespace',
      'tag-explicit',
      'skip: { rules: [tag-explicit], namespaces: [dev-*] }',
      /^warn tag-explicit may not be skipped in this namespace/,
    ],
    [
      'for what is no rule',
      'tags',
      'skip: { rules: [tag-explicit] }',
      /^warn tags is no rule, .*rules are reference-valid, /,
    ],
  ])('runs where the policy does not, and its author hears of it: %s', (_, annotation, policy, expected) => {
    expect(spare(annotation, policy)).toEqual({ waived: [], told: [expect.stringMatching(expected)] });
    // But not again when an update changes no image.
    expect(spare(annotation, policy, { oldObject: skip('') }).told).toEqual([]);
  });
});

describe('what rules would like to know of registries', () => {
  const QUESTION: ImageQuestion = {
    reference: { registry: 'r.example', repository: 'a' },
    namespace: '',
    pullSecrets: [],
  };
  /** Looks up each of these questions, twice. */
  const asker = (...questions: readonly ImageQuestion[]): ConfiguredRule =>
    madeUpRule('asker', ({ pull }) => {
      for (const { reference, pullSecrets } of [...questions, ...questions]) pull.getAnswer(reference, pullSecrets);
      return [];
    });
  const other = { ...QUESTION, pullSecrets: undefined };

  test.each<[known: KnownAnswer, unanswered: number, outdated: number]>([
    ['unasked', 2, 0],
    ['not-allowed', 0, 0],
    ['no-answer', 0, 0],
    [{ answer: pullable(), isDue: false }, 0, 0],
    [{ answer: pullable(), isDue: true }, 0, 2],
  ])('comes back with the decision, each question once: %j', (known, unanswered, outdated) => {
    const decision = run([asker(QUESTION, other), asker(QUESTION)], { facts: { registries: { get: () => known } } });
    expect([decision.unanswered.length, decision.outdated.length]).toEqual([unanswered, outdated]);
    const [first, second] = [...decision.unanswered, ...decision.outdated];
    if (first !== undefined)
      expect([first, second]).toMatchObject([{ ...QUESTION, namespace: 'default' }, { pullSecrets: undefined }]);
  });

  test('is nothing where no registry is ever asked', () => {
    expect(run([asker(QUESTION)])).toMatchObject({ unanswered: [], outdated: [] });
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

describe('an object as large as an API server takes', () => {
  test('may have more findings than a call has arguments', () => {
    const many = madeUpRule('many', () => Array.from({ length: 200_000 }, () => ({ says: 'is bad', at: '/spec' })));
    expect(run([many]).findings).toHaveLength(200_000);
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
