import { describe, expect, test } from 'vitest';
import type { FailedAnswer } from '../../../src/cause/answer.ts';
import { keepBelievable, mayGoWithOthers, pickFailure } from '../../../src/registry/prober/weigh-answers.ts';
import { BROKEN, CERTIFICATE, DENIED, NO_IMAGE, NO_REPOSITORY, OK, RATE_LIMITED, UNREACHABLE } from './probing.ts';

/** What is true even if there are credentials that nobody could read, and where kubelet tries the next. */
test.each([
  ['that it is there', OK, 'believed', 'ends'],
  ['that it is denied', DENIED, 'doubted', 'goes on'],
  ['that there is no such repository', NO_REPOSITORY, 'doubted', 'goes on'],
  ['that there is no such tag', NO_IMAGE, 'hedged', 'goes on'],
  ['the certificate', CERTIFICATE, 'believed', 'ends'],
  ['that nobody answers', UNREACHABLE, 'believed', 'ends'],
  ['the limit', RATE_LIMITED, 'believed', 'ends'],
  ['that it is broken', BROKEN, 'believed', 'ends'],
] as const)('%s', (_name, answer, doubt, next) => {
  expect(keepBelievable(answer, true)).toEqual(answer);
  const hedged = { ...answer, mayBeHidden: true };
  expect(keepBelievable(answer, false)).toEqual({ believed: answer, hedged, doubted: undefined }[doubt]);
  expect(mayGoWithOthers(answer)).toBe(next === 'goes on');
});

describe('of several failures is told', () => {
  const other = { ...DENIED, endpoint: 'other.example.com:443' };
  test.each([
    ['the first, as its key fits best', [DENIED, other], DENIED],
    ['that the image is missing, by who sees the repository', [DENIED, NO_IMAGE, other], NO_IMAGE],
    ['nothing, when there is none', [], undefined],
  ] satisfies [string, FailedAnswer[], FailedAnswer | undefined][])('%s', (_name, failures, told) => {
    expect(pickFailure(failures)).toEqual(told);
  });
});
