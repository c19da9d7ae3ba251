import { describe, expect, test, vi } from 'vitest';
import { hasFetched, planManifests } from '../../../src/registry/prober/plan-manifests.ts';
import { BROKEN, DENIED, OK, RATE_LIMITED, UNREACHABLE } from './probing.ts';

const AMD = ['linux/amd64'];
const BOTH = ['linux/amd64', 'linux/arm64'];

describe('the plan', () => {
  test('takes one manifest for the index and one for each platform', () => {
    const giveBack = vi.fn();
    const take = vi.fn(() => giveBack);
    expect(planManifests(undefined, BOTH, take)).toEqual({ platforms: BOTH, giveBack });
    expect(take).toHaveBeenCalledWith(3);
  });

  test('is to fetch none when there is no budget, and to say what was known', () => {
    const plan = planManifests(OK, AMD, () => undefined);
    expect(plan).toMatchObject({ platforms: [], known: OK });
    plan.giveBack();
  });
});

describe('of a budget it counts', () => {
  const other = { ...OK, digest: 'sha256:other' };
  const unmeasured = { ...OK, sizes: [], platforms: undefined };
  test.each([
    ['an image that is new', { answer: OK }, { platforms: AMD }, true],
    ['an image that has changed', { answer: OK }, { platforms: AMD, known: other }, true],
    ['an image that was not measured before', { answer: OK }, { platforms: AMD, known: unmeasured }, true],
    ['an image that broke off', { answer: BROKEN }, { platforms: AMD }, true],
    ['not an image that is as it was', { answer: OK }, { platforms: AMD, known: OK }, false],
    ['not an image that is denied', { answer: DENIED }, { platforms: AMD }, false],
    ['not where nobody answers', { answer: UNREACHABLE }, { platforms: AMD }, false],
    ['not where it limits us', { answer: RATE_LIMITED }, { platforms: AMD }, false],
    ['not where nobody was asked', { notAsked: { why: 'token-redirects' } } as const, { platforms: AMD }, false],
  ])('%s', (_name, result, plan, isCounted) => {
    expect(hasFetched(result, plan)).toBe(isCounted);
  });
});
