import { describe, expect, test } from 'vitest';
import type { Facts, PullSecret, ServiceAccount } from '../../src/pull/facts.ts';
import {
  findEntry,
  isReadable,
  listSecretNames,
  listUsedSecrets,
  servesForGood,
  servesUntil,
  type UsedSecret,
} from '../../src/pull/used-secrets.ts';
import { readReference } from '../../src/image/reference.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { readWorkloads, type Workload } from '../../src/workload/workload.ts';
import { factsOf, holding, HOUR, NOW, withoutCredentials } from '../support/facts.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const [POD, DEPLOYMENT] = [WORKLOAD_KINDS[0]!, WORKLOAD_KINDS.find(({ kind }) => kind === 'Deployment')!];

function list(spec: Json, facts: Facts, isPod = false): readonly UsedSecret[] | undefined {
  const workload = read(spec, isPod);
  return listUsedSecrets(workload, accountOf(workload, facts), facts.pullSecrets, NOW);
}

function accountOf({ namespace, serviceAccount }: Workload, { serviceAccounts }: Facts): ServiceAccount | undefined {
  return serviceAccounts?.find(namespace, serviceAccount);
}

function read(spec: Json, isPod: boolean): Workload {
  const object = isPod ? pod('nginx', spec) : deployment('nginx', spec);
  return readWorkloads(object, isPod ? POD : DEPLOYMENT, 'default')[0]!;
}

function named(...names: readonly string[]): Json {
  return { imagePullSecrets: names.map((name) => ({ name })) };
}

describe('the secrets that are judged are those that kubelet will use', () => {
  const facts = factsOf({}, { 'default/default': ['a', 'b'], 'default/bare': [], 'other/far': ['c'] });
  const show = (secrets: readonly UsedSecret[] | undefined): readonly string[] | undefined =>
    secrets?.map(({ name, index }) => (index === undefined ? `account ${name}` : `${index} ${name}`));

  test.each<[what: string, spec: Json, expected: readonly string[] | undefined]>([
    ['its own, and not the account’s', named('x'), ['0 x']],
    ['each once, and none without a name', named('x', '', 'y', 'x'), ['0 x', '2 y']],
    ['none, when its list holds nothing of use', named(''), []],
    ['the account’s, when it has no list', {}, ['account a', 'account b']],
    ['the account’s, when its list is empty', { imagePullSecrets: [] }, ['account a', 'account b']],
    ['none, when the account has none', { serviceAccountName: 'bare' }, []],
    ['nobody knows which, of an account that is not known', { serviceAccountName: 'new' }, undefined],
    ['nobody knows which, of an account of another namespace', { serviceAccountName: 'far' }, undefined],
    ['its own, whatever its account', { ...named('x'), serviceAccountName: 'new' }, ['0 x']],
  ])('%s', (_, spec, expected) => {
    expect(show(list(spec, facts))).toEqual(expected);
    expect(show(list(spec, facts, true))).toEqual(expected);
    // Who asks a registry needs no more than their names.
    const workload = read(spec, true);
    expect(listSecretNames(workload, accountOf(workload, facts))).toEqual(
      list(spec, facts, true)?.map(({ name }) => name),
    );
  });

  test('without facts only its own list is known', () => {
    expect(list({}, {})).toBeUndefined();
    expect(list(named('x'), {})).toEqual([{ name: 'x', index: 0, found: undefined, endsAt: Infinity }]);
  });

  test.each<[what: string, names: readonly string[], ofPod: readonly string[], ofTemplate: readonly string[]]>([
    ['all', ['a', 'b'], ['account a', 'account b'], ['0 a', '1 b']],
    ['all, before others', ['a', 'b', 'x'], ['account a', 'account b', '2 x'], ['account a', 'account b', '2 x']],
    ['some', ['a', 'x'], ['0 a', '1 x'], ['0 a', '1 x']],
    ['all in another order', ['b', 'a'], ['0 b', '1 a'], ['0 b', '1 a']],
  ])('a list that starts with %s of the account’s has them from there', (_, names, ofPod, ofTemplate) => {
    expect(show(list(named(...names), facts, true))).toEqual(ofPod);
    expect(show(list(named(...names), facts))).toEqual(ofTemplate);
  });
});

const HARBOR = readReference('harbor.example.com/team/app')!;
const SWR = readReference('swr.eu-de.otc.t-systems.com/team/app')!;
const KEYS = ['harbor.example.com', 'swr.eu-de.otc.t-systems.com'];

function use(secret: PullSecret | 'unknown' | undefined, name = 'regcred'): UsedSecret {
  const secrets = secret === undefined ? {} : { [`default/${name}`]: secret };
  return list(named(name), factsOf(secrets))![0]!;
}

describe('a secret serves an image', () => {
  const policy = policyOf();
  const later = NOW + 1000 * HOUR;

  test.each<[what: string, secret: UsedSecret, until: number, forGood: boolean]>([
    ['with credentials for its registry', use(holding(KEYS)), Infinity, true],
    ['of the old type', use(holding(KEYS, { type: 'kubernetes.io/dockercfg' })), Infinity, true],
    ['until they end', use(holding(KEYS, { expiresAt: later })), later, false],
    ['no more after that', use(holding(KEYS, { expiresAt: NOW - 1 })), NOW - 1, false],
    ['without credentials', use(withoutCredentials(holding(KEYS))), -Infinity, false],
    ['for another registry', use(holding(['quay.io'])), -Infinity, false],
    ['of another type', use(holding(KEYS, { type: 'Opaque' })), -Infinity, false],
    ['that kubelet cannot read', use(holding(KEYS, { malformed: 'it is no JSON' })), -Infinity, false],
    ['that is missing', use(undefined), -Infinity, false],
    ['that is not known', use('unknown'), -Infinity, false],
  ])('%s', (_, secret, until, forGood) => {
    expect(servesUntil(secret, HARBOR)).toBe(until);
    expect(servesForGood(secret, HARBOR, policy)).toBe(forGood);
  });

  test.each([
    ['default-secret', 'cce', later, true],
    ['default-secret', 'cce', NOW, false],
    ['default-secret', undefined, later, false],
    ['copied', 'cce', later, false],
    ['copied', undefined, undefined, false],
  ])(
    'of SWR for good only where CCE renews it: %s, made by %s, until %s: %s',
    (name, generatedBy, expiresAt, expected) => {
      const special = {
        ...(generatedBy !== undefined && { generatedBy }),
        ...(expiresAt !== undefined && { expiresAt }),
      };
      expect(servesForGood(use(holding(KEYS, special), name), SWR, policy)).toBe(expected);
    },
  );
});

test.each<[what: string, secret: UsedSecret, found: ReturnType<typeof findEntry>, isReadable: boolean]>([
  ['with credentials', use(holding(KEYS)), 'with-credentials', true],
  ['without', use(withoutCredentials(holding(KEYS))), 'without', true],
  [
    'with both',
    use({ ...holding(KEYS), entries: [...withoutCredentials(holding(KEYS)).entries, ...holding(KEYS).entries] }),
    'with-credentials',
    true,
  ],
  ['for another registry', use(holding(['quay.io'])), 'none', true],
  ['that kubelet does not get to', use(holding(KEYS, { malformed: 'it is no JSON' })), 'none', false],
  ['of a secret of another type', use(holding(KEYS, { type: 'Opaque' })), 'none', false],
  ['of one that is missing', use(undefined), 'none', false],
  ['of one that is not known', use('unknown'), 'none', false],
])('an entry %s', (_, secret, found, readable) => {
  expect([findEntry(secret, HARBOR), isReadable(secret)]).toEqual([found, readable]);
});
