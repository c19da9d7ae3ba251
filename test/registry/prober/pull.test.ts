import { describe, expect, test } from 'vitest';
import { readPull } from '../../../src/registry/prober/pull.ts';
import { imageOf, probingPolicy, question, REGISTRY } from './probing.ts';

const APP = 'registry.example.com/team/app:1';
const policy = probingPolicy();

test('a registry is asked as the policy says', () => {
  expect(readPull(question(APP, ['one', 'two']), policy)).toMatchObject({
    reference: imageOf(APP),
    image: APP,
    registry: REGISTRY,
    namespace: 'web',
    secrets: ['one', 'two'],
    isWhole: true,
  });
});

test.each([
  ['one that the policy does not name', 'quay.io/team/app:1', policy],
  [
    'one that it names and does not let be asked',
    APP,
    { ...policy, registries: [{ hosts: policy.registries[0]!.hosts }] },
  ],
  ['one whose name no host can have', `${'a'.repeat(1100)}.example.com/app`, policy],
])('not %s', (_name, image, known) => {
  expect(readPull(question(image), known)).toBeUndefined();
});

describe('of the pull secrets that a pod names', () => {
  const many = Array.from({ length: 100_000 }, (_, at) => `secret-${at}`);
  test.each<[what: string, named: readonly string[] | 'unknown', secrets: readonly string[], isWhole: boolean]>([
    ['those that nobody knows may be any', 'unknown', [], false],
    ['none are all', [], [], true],
    ['those that cannot exist are passed over, as kubelet does', ['', 'one', 'x'.repeat(254)], ['one'], true],
    ['twenty are looked at', many.slice(0, 20), many.slice(0, 20), true],
    ['of more the rest may hold anything', many, many.slice(0, 20), false],
  ])('%s', (_what, named, secrets, isWhole) => {
    expect(readPull(question(APP, named), policy)).toMatchObject({ secrets, isWhole });
  });
});

test('different questions have different keys, the same ones the same', () => {
  const questions = [
    question(APP),
    question(APP, 'unknown'),
    question(APP, ['one']),
    question(APP, ['one', 'two']),
    question(APP, ['two', 'one']),
    question(APP, ['one,two']),
    question(APP, ['one'], 'other'),
    question('registry.example.com/team/app:2', ['one']),
    question('other.example.com/team/app:1', ['one']),
  ];
  const keysOf = () => questions.map((one) => readPull(one, policy)?.key);
  expect(new Set(keysOf()).size).toBe(questions.length);
  expect(keysOf()).toEqual(keysOf());
});
