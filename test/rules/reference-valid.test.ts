import { expect, test } from 'vitest';
import { quote } from '../../src/text/quote.ts';
import { judge } from '../support/judge.ts';
import { pod } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const POLICY = policyOf();

function find(image: string, policy = POLICY): readonly string[] {
  return judge(pod(image), policy)
    .findings.filter(({ rule }) => rule === 'reference-valid')
    .map(({ action, message }) => `${action}: ${message}`);
}

test.each([
  ['NGINX:1.25', 'deny: InvalidImageName: repository name must be lowercase; did you mean "nginx:1.25"?'],
  [
    'nginx:1.25:latest',
    'deny: InvalidImageName: image has two tags ("1.25", "latest"), only one is allowed; did you mean "nginx:1.25"?',
  ],
])('what kubelet calls InvalidImageName is refused with what was meant: %s', (image, expected) => {
  expect(find(image)).toEqual([expected]);
});

test.each([
  'nginx',
  'a.b/b__c/d.e--f:Tag_1.2-x',
  `nginx@sha512:${'a'.repeat(128)}`,
  '[::1]:5000/x',
  'foo_bar.com/x',
  'localhost/x',
  `x:tag@sha256:${'0'.repeat(64)}`,
])('what kubelet takes, however odd, runs: %s', (image) => {
  expect(find(image)).toEqual([]);
});

test('a suspicion never refuses, whatever the policy says', () => {
  expect(find('registry.example.com:5000')).toEqual([expect.stringMatching(/^warn: /)]);
});

test('an image that its registry no longer provides is a warning, unless a mirror has it', () => {
  const mirrored = policyOf('mirrors: [{ from: docker.io/bitnami, to: harbor.example.com/bitnami }]');
  expect(find('bitnami/redis:7.2')).toEqual([expect.stringMatching(/^warn: Bitnami moved/)]);
  expect(find('bitnami/redis:7.2', mirrored)).toEqual([]);
});

test('a very long address does not make a very long message', () => {
  const image = 'A'.repeat(100_000);
  const [finding] = judge(pod(image), POLICY).findings;
  expect(finding!.message.length).toBeLessThan(300);
  expect(quote(image).length).toBeLessThan(130);
});
