import { expect, test } from 'vitest';
import { PolicyError } from '../../src/policy/policy-error.ts';

const problem = (line: number) => ({ line, column: 3, message: `wrong ${line}` });

test('each problem is a line that editors and CI logs link', () => {
  const error = new PolicyError('dir/policy.yaml', [problem(7), problem(9)]);
  expect(error.message).toBe('dir/policy.yaml:7:3: wrong 7\ndir/policy.yaml:9:3: wrong 9');
  expect(error.problems).toEqual([problem(7), problem(9)]);
  expect(error).toMatchObject({ name: 'PolicyError', source: 'dir/policy.yaml' });
});

test('a file with a thousand mistakes fits on a screen, and the program still gets them all', () => {
  const error = new PolicyError(
    'p',
    Array.from({ length: 1000 }, (_, at) => problem(at + 1)),
  );
  expect(error.message.split('\n')).toHaveLength(21);
  expect(error.message).toMatch(/\np:20:3: wrong 20\np: and 980 more$/);
  expect(error.problems).toHaveLength(1000);
});

test('the last problem is not replaced by a line that counts it', () => {
  const error = new PolicyError(
    'p',
    Array.from({ length: 20 }, (_, at) => problem(at + 1)),
  );
  expect(error.message).toMatch(/\np:20:3: wrong 20$/);
});
