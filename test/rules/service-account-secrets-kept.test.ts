import { expect, test } from 'vitest';
import { formatWarnings } from '../../src/report/finding.ts';
import { formatFieldPath } from '../../src/text/json.ts';
import { factsOf, holding, judgeIn } from '../support/facts.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const DENY = policyOf('rules: { service-account-secrets-kept: deny, pull-secret-usable: off }');

function find(object: Json, account: readonly string[], oldObject?: Json): readonly string[] {
  const input = { policy: DENY, ...(oldObject !== undefined && { oldObject }) };
  return judgeIn(factsOf({}, { 'default/default': account }), object, input)
    .findings.filter(({ rule }) => rule === 'service-account-secrets-kept')
    .map(({ action, at, message }) => `${action} ${formatFieldPath(at)}: ${message}`);
}

function named(...names: readonly string[]): Json {
  return { imagePullSecrets: names.map((name) => ({ name })) };
}

const isLost = (lost: string): string =>
  `imagePullSecrets replaces the list of ServiceAccount "default", so ${lost} is not used: add it here, or remove the list`;

test.each<[own: readonly string[], account: readonly string[], expected: string]>([
  [['own'], ['team'], isLost('"team"')],
  [['own', 'a'], ['a', 'b'], isLost('"b"')],
  [
    ['own'],
    ['a', 'b', 'c', 'd', 'e', 'a'],
    'imagePullSecrets replaces the list of ServiceAccount "default", so "a", "b" and 3 more are not used: add them here, or remove the list',
  ],
])('who names %j is told what that takes of %j from the pods', (own, account, expected) => {
  expect(find(deployment('nginx', named(...own)), account)).toEqual([
    `warn spec.template.spec.imagePullSecrets: ${expected}`,
  ]);
  expect(find(pod('nginx', named(...own)), account)).toEqual([`warn spec.imagePullSecrets: ${expected}`]);
});

test.each<[what: string, spec: Json, account: readonly string[]]>([
  ['by a pod that names none', {}, ['team']],
  ['by a pod whose list is empty', { imagePullSecrets: [] }, ['team']],
  ['by a pod that names them all', named('team', 'own'), ['team']],
  ['where there is nothing to lose', named('own'), []],
  ['where there is nothing but an entry without a name', named('own'), ['']],
  ['where the service account is not known', { ...named('own'), serviceAccountName: 'new' }, ['team']],
  [
    'of use to a pod that pulls nothing',
    { containers: [{ image: 'a', imagePullPolicy: 'Never' }], ...named('own') },
    ['team'],
  ],
  // Which adds to those of the service account.
  ['by what pullguard adds itself', { containers: [{ image: 'swr.eu-de.otc.t-systems.com/a/b' }] }, ['team']],
])('nothing is lost %s', (_, spec, account) => {
  for (const object of [deployment('nginx', spec), pod('nginx', spec)]) expect(find(object, account)).toEqual([]);
});

test('nor by an update of something else', () => {
  const object = deployment('nginx', named('own'));
  expect(find({ ...object, metadata: { labels: { a: 'b' } } }, ['team'], object)).toEqual([]);
});

test('it is a notice where what the list names will do', () => {
  const severities = (image: string): readonly string[] =>
    judgeIn(
      factsOf({ 'default/own': holding(['quay.io']) }, { 'default/default': ['team'] }),
      deployment(image, named('own')),
      {
        policy: DENY,
      },
    ).findings.map(({ severity }) => severity);
  expect(severities('quay.io/a/b')).toEqual(['notice']);
  expect(severities('nginx')).toEqual(['notice']);
  expect(severities('harbor.example.com/a/b')).toEqual(['warning']);
});

test('the warning arrives whole', () => {
  const facts = factsOf({}, { 'default/continuous-delivery': ['registry-credentials', 'mirror-credentials'] });
  const spec = { ...named('own'), serviceAccountName: 'continuous-delivery' };
  expect(formatWarnings(judgeIn(facts, deployment('quay.io/a/b', spec), { policy: DENY }).findings)).toEqual([
    'Deployment/web: imagePullSecrets replaces the list of ServiceAccount "continuous-delivery", so "registry-credentials", "mirror-credentials" are not used: add them here, or remove the list (service-account-secrets-kept)',
  ]);
});
