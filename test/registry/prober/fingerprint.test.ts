import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ANONYMOUS, createFingerprint, fingerprintOf } from '../../../src/registry/prober/fingerprint.ts';

const fingerprint = createFingerprint();

test('the same credentials give the same fingerprint, so that namespaces share answers', () => {
  const credentials = { username: 'dev', password: 's3cr3t' };
  expect(fingerprintOf({ ...credentials }, fingerprint)).toBe(fingerprintOf(credentials, fingerprint));
});

test('different credentials give different ones, or a namespace would see what another may', () => {
  const anyCredentials = fc.record({ username: fc.string(), password: fc.string() });
  fc.assert(
    fc.property(anyCredentials, anyCredentials, (one, other) => {
      const isSame = one.username === other.username && one.password === other.password;
      expect(fingerprintOf(one, fingerprint) === fingerprintOf(other, fingerprint)).toBe(isSame);
      expect(fingerprintOf(one, fingerprint)).not.toBe(ANONYMOUS);
    }),
  );
});

test.each([
  ['ab', 'c', 'a', 'bc'],
  ['a\0b', 'c', 'a', 'b\0c'],
  ['a:b', 'c', 'a', 'b:c'],
  ['a","b', 'c', 'a', 'b","c'],
])('where the user name %j ends is not lost', (username, password, otherName, otherPassword) => {
  const [one, other] = [
    { username, password },
    { username: otherName, password: otherPassword },
  ];
  expect(fingerprintOf(one, fingerprint)).not.toBe(fingerprintOf(other, fingerprint));
});

test('in another process they are others, so that nobody can look a password up', () => {
  expect(createFingerprint()('s3cr3t')).not.toBe(fingerprint('s3cr3t'));
});

test('a fingerprint is short, however long the text', () => {
  expect(fingerprint('x'.repeat(1e6))).toHaveLength(43);
});

test('nobody is told from somebody', () => {
  expect(fingerprintOf(undefined, fingerprint)).toBe(ANONYMOUS);
});
