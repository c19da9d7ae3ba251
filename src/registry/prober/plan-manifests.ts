import { outcomeOf, type PullableImage } from '../../cause/answer.ts';
import { isMeasured } from '../client/measure-image.ts';
import type { ProbeRequest, ProbeResult } from '../client/probe-image.ts';

/** What to fetch besides asking whether an image is there; `giveBack` returns what was taken of a budget for it. */
export type ManifestPlan = Pick<ProbeRequest, 'known'> &
  Readonly<{ platforms: readonly string[]; giveBack: () => void }>;

/**
 * Plans to fetch the manifests for these platforms, unless a budget is used up.
 *
 * @param image what it was when it was last there
 * @param take gives the way to return what it took, or undefined when there is not that much
 */
export function planManifests(
  image: PullableImage | undefined,
  platforms: readonly string[],
  take: (manifests: number) => (() => void) | undefined,
): ManifestPlan {
  const known = image === undefined ? {} : { known: image };
  // An index, and a manifest for each platform in it.
  const giveBack = take(1 + platforms.length);
  return giveBack === undefined
    ? { platforms: [], ...known, giveBack: () => undefined }
    : { platforms, ...known, giveBack };
}

/** Whether manifests may have been fetched: not those of an image that is as it was, nor of one that was refused. */
export function hasFetched(result: ProbeResult, { platforms, known }: Omit<ManifestPlan, 'giveBack'>): boolean {
  if (!('answer' in result)) return false;
  const { answer } = result;
  if (answer.outcome !== 'ok') return outcomeOf(answer) === 'broken';
  return answer.digest !== known?.digest || !isMeasured(known, platforms);
}
