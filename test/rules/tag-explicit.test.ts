import { expect, test } from 'vitest';
import { judge } from '../support/judge.ts';
import { pod } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test.each([
  ['nginx', true, true],
  ['registry.example.com:5000/nginx', true, true],
  ['nginx:latest', false, true],
  ['nginx:1.25', false, false],
  [`nginx@${DIGEST}`, false, false],
  [`nginx:latest@${DIGEST}`, false, false],
  ['NGINX', false, false],
])('%s moves under its user: %s, with forbidLatest: %s', (image, plain, strict) => {
  const found = (policy: string): boolean =>
    judge(pod(image), policyOf('rules:', `  tag-explicit: ${policy}`)).findings.some(
      ({ rule }) => rule === 'tag-explicit',
    );
  expect(found('warn')).toBe(plain);
  expect(found('{ action: warn, forbidLatest: true }')).toBe(strict);
});

test('nobody hears of it who has not asked', () => {
  expect(judge(pod('nginx'), policyOf()).findings).toEqual([]);
});
