import { expect, test } from 'vitest';
import { findPullPolicy } from '../../src/pull/pull-policy.ts';
import { parseReference } from '../../src/image/parse-reference.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test.each([
  ['nginx', undefined, 'Always'],
  ['nginx:latest', undefined, 'Always'],
  [`nginx:latest@${DIGEST}`, undefined, 'Always'],
  ['nginx:1.25', undefined, 'IfNotPresent'],
  [`nginx@${DIGEST}`, undefined, 'IfNotPresent'],
  ['NGINX', undefined, 'IfNotPresent'],
  ['nginx', '', 'Always'],
  ['nginx', 'IfNotPresent', 'IfNotPresent'],
  ['nginx:1.25', 'Always', 'Always'],
])('%s with policy %s is pulled as the API server has it: %s', (image, pullPolicy, expected) => {
  const written = pullPolicy === undefined ? {} : { pullPolicy };
  expect(findPullPolicy({ parsed: parseReference(image), ...written })).toBe(expected);
});
