import { expect, test } from 'vitest';
import { judge } from '../support/judge.ts';
import { pod } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const POLICY = policyOf('rules: { registry-explicit: warn }');

test.each([
  ['longhornio/longhorn-manager:v1.10.0', 'docker.io/longhornio/longhorn-manager:v1.10.0'],
  ['nginx', 'docker.io/library/nginx'],
  ['library/nginx:1.25', 'docker.io/library/nginx:1.25'],
  [`nginx@${DIGEST}`, `docker.io/library/nginx@${DIGEST}`],
  // One word with a dot or a port-like tag has no registry either.
  ['registry.example.com:5000', 'docker.io/library/registry.example.com:5000'],
])('%s may come from another registry than its author thinks', (image, suggestion) => {
  const found = judge(pod(image), POLICY).findings.filter(({ rule }) => rule === 'registry-explicit');
  expect(found).toMatchObject([{ action: 'warn', suggestion }]);
});

test.each([
  ...['docker.io/longhornio/longhorn-manager:v1.10.0', 'docker.io/nginx', 'index.docker.io/library/nginx'],
  ...['registry.example.com/app', 'localhost/app:1', 'localhost:5000/app', '[::1]:5000/app', 'NGINX'],
])('%s names its registry, or is no address', (image) => {
  expect(judge(pod(image), POLICY).findings.filter(({ rule }) => rule === 'registry-explicit')).toEqual([]);
});

test('nobody hears of it who has not asked', () => {
  expect(judge(pod('longhornio/longhorn-manager:v1.10.0'), policyOf()).findings).toEqual([]);
});
