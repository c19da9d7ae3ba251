import type { PlatformSize, PullableImage } from '../../cause/answer.ts';
import { listRunnable } from '../../image/platform.ts';
import { isEnding, type Ending } from './ending.ts';
import { fetchManifest } from './fetch-manifest.ts';
import type { IndexEntry, Manifest } from './manifest.ts';
import type { RegistryClient } from './registry-client.ts';
import type { ResolvedImage } from './resolve-image.ts';

/** Platforms to measure, `linux/amd64`, or `all` that there are. */
export type WantedPlatforms = readonly string[] | 'all';

/** What is known of the images of a digest. */
export type Measures = Pick<PullableImage, 'sizes' | 'platforms'>;

/** Manifests fetched for one image, at most: the longest lists in use have about ten platforms. */
const MAX_MANIFESTS = 16;

/** Platforms named of an image, at most. */
const MAX_PLATFORMS = 32;

/**
 * Adds up what a pull of the image would bring, for each platform that is wanted and that it has. For an image that does not say
 * what platform it is for, each gets its size; `all` are then one, of no name.
 */
export async function measureImage(
  client: RegistryClient,
  { digest, manifest }: ResolvedImage,
  wanted: WantedPlatforms,
): Promise<Measures | Ending> {
  const top = manifest === undefined ? await fetchManifest(client, digest, digest) : { manifest };
  if (isEnding(top)) return top;
  if (top.manifest.kind === 'image') return { sizes: repeat(top.manifest.bytes, wanted), platforms: undefined };
  const { entries, isWhole } = top.manifest;
  const sizes = await addUp(client, choose(entries, wanted));
  if (isEnding(sizes)) return sizes;
  return { sizes, platforms: isWhole ? listPlatforms(entries).slice(0, MAX_PLATFORMS) : undefined };
}

type Choice = Readonly<{ platform: string; digest: string }>;

/** For each platform what containerd would choose, each at most once. */
function choose(entries: readonly IndexEntry[], wanted: WantedPlatforms): readonly Choice[] {
  const chosen = (wanted === 'all' ? listPlatforms(entries) : [...new Set(wanted)]).flatMap(
    (platform): readonly Choice[] => {
      const runnable = wanted === 'all' ? [platform] : listRunnable(platform);
      const found = runnable.flatMap((each) => entries.find((entry) => entry.platform === each) ?? [])[0];
      return found === undefined ? [] : [{ platform, digest: found.digest }];
    },
  );
  return chosen.slice(0, MAX_MANIFESTS);
}

async function addUp(client: RegistryClient, choices: readonly Choice[]): Promise<readonly PlatformSize[] | Ending> {
  const fetched = new Map<string, Manifest>();
  const sizes: PlatformSize[] = [];
  for (const { platform, digest } of choices) {
    const found = fetched.get(digest) ?? (await fetchPart(client, digest));
    if (isEnding(found)) return found;
    fetched.set(digest, found);
    // An index within an index is not looked into.
    if (found.kind === 'image') sizes.push({ platform, bytes: found.bytes });
  }
  return sizes;
}

async function fetchPart(client: RegistryClient, digest: string): Promise<Manifest | Ending> {
  const fetched = await fetchManifest(client, digest, digest);
  return isEnding(fetched) ? fetched : fetched.manifest;
}

function repeat(bytes: number, wanted: WantedPlatforms): readonly PlatformSize[] {
  return (wanted === 'all' ? [''] : [...new Set(wanted)]).map((platform) => ({ platform, bytes }));
}

function listPlatforms(entries: readonly IndexEntry[]): readonly string[] {
  return [...new Set(entries.map(({ platform }) => platform))];
}
