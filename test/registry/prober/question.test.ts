import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ANONYMOUS, createFingerprints, readQuestion } from '../../../src/registry/prober/question.ts';
import { imageOf, probingPolicy, question, REGISTRY } from './probing.ts';

const APP = 'registry.example.com/team/app:1';
const policy = probingPolicy();

test('a registry is asked as the policy says', () => {
  expect(readQuestion(question(APP, ['one', 'two']), policy)).toMatchObject({
    reference: imageOf(APP),
    image: APP,
    registry: REGISTRY,
    namespace: 'web',
    secrets: ['one', 'two'],
    isWhole: true,
  });
});

const unprobed = { ...policy, registries: [{ hosts: policy.registries[0]!.hosts }] };

test.each([
  ['one that the policy does not name', 'quay.io/team/app:1', policy],
  ['one that it names and does not let be asked', APP, unprobed],
  ['one whose name no host can have', `${'a'.repeat(1100)}.example.com/app`, policy],
])('not %s', (_name, image, known) => {
  expect(readQuestion(question(image), known)).toBeUndefined();
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
    expect(readQuestion(question(APP, named), policy)).toMatchObject({ secrets, isWhole });
  });
});

describe('fingerprints', () => {
  const { ofCredentials, ofSecrets } = createFingerprints();

  test('are the same for the same credentials, so that namespaces share answers, and others for others', () => {
    const anyCredentials = fc.record({ username: fc.string(), password: fc.string() });
    fc.assert(
      fc.property(anyCredentials, anyCredentials, (one, other) => {
        const isSame = one.username === other.username && one.password === other.password;
        expect(ofCredentials(one) === ofCredentials(other)).toBe(isSame);
        expect(ofCredentials({ ...one })).toBe(ofCredentials(one));
        expect(ofCredentials(one)).not.toBe(ANONYMOUS);
      }),
    );
    expect(ofCredentials(undefined)).toBe(ANONYMOUS);
  });

  test.each([
    ['ab', 'c', 'a', 'bc'],
    ['a:b', 'c', 'a', 'b:c'],
    ['a","b', 'c', 'a', 'b","c'],
  ])('do not lose where the user name %j ends', (username, password, otherName, otherPassword) => {
    const one = ofCredentials({ username, password });
    expect(one).not.toBe(ofCredentials({ username: otherName, password: otherPassword }));
  });

  test('are others in another process, so that nobody can look a password up, and short', () => {
    const long = { username: 'dev', password: 'x'.repeat(1e6) };
    expect(createFingerprints().ofCredentials(long)).not.toBe(ofCredentials(long));
    expect(ofCredentials(long)).toHaveLength(43);
  });

  test('of secrets tell apart what those of one namespace and of another hold for a repository', () => {
    const questions = [
      question(APP, ['one']),
      question(APP, ['one'], 'other'),
      question(APP, ['two']),
      question(APP, ['one', 'two']),
      question(APP, ['one,two']),
      question(APP, Array(21).fill('one')),
      question(APP, Array(20).fill('one')),
      question('registry.example.com/other/app:1', ['one']),
      question('other.example.com/team/app:1', ['one']),
    ].map((one) => readQuestion(one, policy)!);
    expect(new Set(questions.map(ofSecrets)).size).toBe(questions.length);
    expect(new Set(questions.map(({ key }) => key)).size).toBe(questions.length);
  });
});
