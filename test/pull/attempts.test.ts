import { describe, expect, test } from 'vitest';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import { followAttempts, keepBelievable, mayDifferForOthers, tryInTurn } from '../../src/pull/keyring.ts';
import {
  BROKEN,
  CERTIFICATE,
  DENIED,
  NO_IMAGE,
  NO_REPOSITORY,
  OK,
  RATE_LIMITED,
  UNREACHABLE,
} from '../registry/prober/probing.ts';

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
  expect(mayDifferForOthers({ answer })).toBe(next === 'goes on');
});

describe('kubelet ends', () => {
  type Answers = Readonly<Record<string, ImageAnswer | undefined>>;

  test.each<[what: string, answers: Answers, ends: string, tried: string]>([
    ['where nobody can say', { a: DENIED, b: undefined, c: OK }, 'b', 'ab'],
    ['with the first failure when all fail, as its key fits best', { a: DENIED, b: NO_REPOSITORY }, 'a', 'ab'],
    ['with who sees the repository', { a: DENIED, b: NO_IMAGE, c: DENIED }, 'b', 'abc'],
  ])('%s', async (_what, answers, ends, tried) => {
    let asked = '';
    const attempt = await tryInTurn(Object.keys(answers), async (identity) => {
      asked += identity;
      return Promise.resolve({ answer: answers[identity] });
    });
    expect({ attempt, asked }).toEqual({ attempt: { identity: ends, told: { answer: answers[ends] } }, asked: tried });
  });

  test('with nobody where there is none, and it is open while one has not been tried', () => {
    expect(followAttempts([], () => ({ answer: OK }))).toBeUndefined();
    const tell = (identity: string) => (identity === 'a' ? { answer: DENIED } : undefined);
    expect(followAttempts(['a', 'b', 'c'], tell)).toEqual({ next: 'b' });
  });
});
