import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readServiceAccount } from '../../../src/cluster/facts/read-service-account.ts';

describe('pull secrets are those that its pods will get, in order', () => {
  test.each<[list: unknown, names: readonly string[]]>([
    [
      [{ name: 'b' }, { name: 'a' }, { name: 'b' }],
      ['b', 'a', 'b'],
    ],
    [[], []],
    [null, []],
    [undefined, []],
    ['default-secret', []],
    [{ name: 'default-secret' }, []],
    [[{}, null, 'x', 1, { name: 1 }, { name: 'a' }], ['a']],
    // As in a pod's own list, with which this one is compared.
    [
      [{ name: '' }, { name: 'a' }],
      ['', 'a'],
    ],
  ])('%j', (imagePullSecrets, names) => {
    expect(readServiceAccount({ imagePullSecrets, secrets: [{ name: 'other' }] }).pullSecrets).toEqual(names);
  });
});

describe('mountable secrets are enforced where the API server takes the annotation for true', () => {
  test.each<[value: unknown, enforces: boolean]>([
    ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((value): [string, boolean] => [value, true]),
    ...['0', 'f', 'false', 'tRUE', 'yes', 'on', '', ' true', 'true\n'].map((value): [string, boolean] => [
      value,
      false,
    ]),
    [true, false],
    [undefined, false],
  ])('%j: %s', (value, enforces) => {
    const annotations = { 'kubernetes.io/enforce-mountable-secrets': value };
    expect(readServiceAccount({ metadata: { annotations } }).enforcesMountableSecrets).toBe(enforces);
  });
});

test('ten thousand service accounts that say the same are one object', () => {
  const account = { metadata: { name: 'default' }, imagePullSecrets: [{ name: 'a' }] };
  expect(readServiceAccount(account)).toBe(readServiceAccount({ ...account, metadata: { name: 'other' } }));
  expect(readServiceAccount(account)).not.toBe(readServiceAccount({}));
});

test('no object takes the watch down', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (metadata, imagePullSecrets) => {
      expect(readServiceAccount({ metadata, imagePullSecrets }).pullSecrets).toBeInstanceOf(Array);
    }),
  );
});
