import { describe, expect, test } from 'vitest';
import { formatWarnings } from '../../src/report/finding.ts';
import { formatFieldPath } from '../../src/text/json.ts';
import { factsOf, holding, judgeIn } from '../support/facts.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const DENY = policyOf('rules: { service-account-secrets-kept: deny }');

function find(spec: Json, account: readonly string[], object: typeof pod = deployment): readonly string[] {
  return judgeIn(factsOf({}, { 'default/default': account }), object('nginx', spec), { policy: DENY })
    .findings.filter(({ rule }) => rule === 'service-account-secrets-kept')
    .map(({ action, at, message }) => `${action} ${formatFieldPath(at)}: ${message}`);
}

function named(...names: readonly string[]): Json {
  return { imagePullSecrets: names.map((name) => ({ name })) };
}

const ADVICE = 'or leave the list out and let pullguard add what is missing';

describe('who names a pull secret is told which others that takes from the pods', () => {
  test.each<[own: readonly string[], account: readonly string[], expected: string]>([
    [
      ['own'],
      ['team'],
      `"team" of service account "default" is lost, as this list names others: name it too, ${ADVICE}`,
    ],
    [
      ['own', 'a'],
      ['a', 'b'],
      `"b" of service account "default" is lost, as this list names others: name it too, ${ADVICE}`,
    ],
    [
      ['own'],
      ['a', 'b', 'c', 'd', 'e', 'a'],
      `"a", "b", "c" and 2 more of service account "default" are lost, as this list names others: name them too, ${ADVICE}`,
    ],
  ])('%j instead of %j', (own, account, expected) => {
    expect(find(named(...own), account)).toEqual([`warn spec.template.spec.imagePullSecrets: ${expected}`]);
    expect(find(named(...own), account, pod)).toEqual([`warn spec.imagePullSecrets: ${expected}`]);
  });
});

describe('nothing is lost', () => {
  test.each<[what: string, spec: Json, account: readonly string[]]>([
    ['by a pod that names none', {}, ['team']],
    ['by a pod whose list is empty', { imagePullSecrets: [] }, ['team']],
    ['by a pod that names them all', named('team', 'own'), ['team']],
    ['where there is nothing to lose', named('own'), []],
    ['where there is nothing but an entry without a name', named('own'), ['']],
    ['where the service account is not known', { ...named('own'), serviceAccountName: 'new' }, ['team']],
    [
      'of use to a pod that pulls nothing',
      { ...named('own'), containers: [{ name: 'a', image: 'loaded', imagePullPolicy: 'Never' }] },
      ['team'],
    ],
  ])('%s', (_, spec, account) => {
    expect(find(spec, account)).toEqual([]);
    expect(find(spec, account, pod)).toEqual([]);
  });

  test('by an update of something else', () => {
    const facts = factsOf({}, { 'default/default': ['team'] });
    const oldObject = deployment('nginx', named('own'));
    const labelled = { ...oldObject, metadata: { name: 'web', labels: { a: 'b' } } };
    expect(judgeIn(facts, labelled, { policy: DENY, oldObject }).findings).toEqual([]);
  });

  test('by what pullguard adds itself, which it adds to those of the service account', () => {
    const facts = factsOf({ 'default/team': holding([]) }, { 'default/default': ['team'] });
    const { findings } = judgeIn(facts, deployment('swr.eu-de.otc.t-systems.com/a/b'), { policy: DENY });
    expect(findings.map(({ rule }) => rule)).toContain('pull-secret-present');
    expect(findings.map(({ rule }) => rule)).not.toContain('service-account-secrets-kept');
  });
});

test('the warning arrives whole', () => {
  const facts = factsOf({}, { 'default/continuous-delivery': ['registry-credentials', 'mirror-credentials'] });
  const spec = { ...named('own'), serviceAccountName: 'continuous-delivery' };
  const { findings } = judgeIn(facts, deployment('nginx', spec), {
    policy: policyOf('rules: { pull-secret-usable: off }'),
  });
  expect(formatWarnings(findings)).toEqual([
    `Deployment/web: "registry-credentials", "mirror-credentials" of service account "continuous-delivery" are lost, as this list names others: name them too, ${ADVICE} (service-account-secrets-kept)`,
  ]);
});
