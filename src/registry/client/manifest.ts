import { createHash } from 'node:crypto';
import { failWith, outcomeOf, type PlatformSize, type PullableImage } from '../../cause/answer.ts';
import { nameArtifact, nameArtifactManifest, type Artifact } from '../../image/not-an-image.ts';
import { listRunnable, readPlatform } from '../../image/platform.ts';
import { isDigest } from '../../image/reference.ts';
import { isRecord, parseJson } from '../../text/json.ts';
import { listSome } from '../../text/list.ts';
import type { ExchangeResponse } from '../exchange/exchange.ts';
import { broken, isFailure, isWebPage, type ProbeFailure } from './outcome.ts';
import type { RegistryClient } from './registry-client.ts';

/** The parts of a manifest that matter for sizes and platforms. */
export type Manifest =
  /** One image: compressed bytes of all layers and the configuration. */
  | Readonly<{ kind: 'image'; bytes: number; artifact?: Artifact }>
  /** Images for several platforms. `isWhole`: `entries` has all of them. */
  | Readonly<{ kind: 'index'; entries: readonly IndexEntry[]; isWhole: boolean }>;

/** `platform` as returned by `readPlatform`. */
export type IndexEntry = Readonly<{ platform: string; digest: string }>;

/** `malformed`: the content does not match the media type; `foreign`: a media type that containerd does not support. */
export type ManifestProblem = 'malformed' | 'foreign' | 'schema-1';

type Kind = Manifest['kind'];

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['application/vnd.oci.image.index.v1+json', 'index'],
  ['application/vnd.docker.distribution.manifest.list.v2+json', 'index'],
  ['application/vnd.oci.image.manifest.v1+json', 'image'],
  ['application/vnd.docker.distribution.manifest.v2+json', 'image'],
]);

/** Refuses a `Content-Type` that containerd does not accept. A missing one is not refused. */
export function refuseKind({ headers, body, status }: ExchangeResponse): ProbeFailure | undefined {
  const contentType = headers['content-type'];
  if (contentType === undefined || readKind(contentType) !== undefined) return undefined;
  if (SCHEMA_1.test(contentType)) return { failure: failWith('schema-1') };
  if (isWebPage({ headers, body })) return broken('web-page', status);
  const artifact = nameArtifactManifest(contentType);
  return artifact === undefined ? broken('foreign-manifest') : refuseArtifact(artifact);
}

const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/i;

function refuseArtifact(artifact: Artifact): ProbeFailure {
  return { failure: { outcome: 'failed', cause: 'not-an-image', artifact } };
}

/** Reads a manifest or an index. Returns a problem as a value for every malformed text; never throws. */
export function readManifest(body: Buffer, contentType: string | undefined): Manifest | ManifestProblem {
  const parsed = hasTooMany(body) ? undefined : parseJson(body.toString());
  const json = isRecord(parsed) ? parsed : undefined;
  const mediaType = contentType ?? json?.['mediaType'];
  const written = readKind(mediaType);
  if (isSchema1(mediaType, json)) return 'schema-1';
  if (mediaType !== undefined && written === undefined) return 'foreign';
  return json === undefined ? 'malformed' : readParts(json, written);
}

function isSchema1(mediaType: unknown, json: Members | undefined): boolean {
  return json?.['schemaVersion'] === 1 || (typeof mediaType === 'string' && SCHEMA_1.test(mediaType));
}

type Members = Readonly<Record<string, unknown>>;

function readKind(mediaType: unknown): Kind | undefined {
  if (typeof mediaType !== 'string') return undefined;
  return KINDS.get(mediaType.replace(/;.*$/s, '').trim().toLowerCase());
}

function readParts(json: Members, written: Kind | undefined): Manifest | ManifestProblem {
  const kind = kindOf(json);
  if (kind === undefined || kind !== (written ?? kind)) return 'malformed';
  return kind === 'index' ? readIndex(json['manifests']) : readImage(json);
}

/**
 * The kind by the content, and by `mediaType` if present. Content that could be both is refused, as containerd does: two programs
 * could read it in two ways.
 */
function kindOf(json: Members): Kind | undefined {
  const isIndex = Array.isArray(json['manifests']);
  const isImage = Array.isArray(listLayers(json)) && isRecord(json['config']);
  if (isIndex === isImage || (isIndex ? 'layers' in json || 'config' in json : 'manifests' in json)) return undefined;
  const kind = isIndex ? 'index' : 'image';
  return json['mediaType'] === undefined || readKind(json['mediaType']) === kind ? kind : undefined;
}

/** Go writes null for an empty list, and reads a missing list as empty. */
function listLayers({ layers }: Members): unknown {
  return layers ?? [];
}

function readImage(json: Members): Manifest | ManifestProblem {
  let bytes = 0;
  for (const descriptor of [json['config'], ...(listLayers(json) as readonly unknown[])]) {
    const size = isRecord(descriptor) ? descriptor['size'] : undefined;
    if (typeof size !== 'number' || size < 0) return 'malformed';
    bytes += size;
    if (!Number.isSafeInteger(size) || !Number.isSafeInteger(bytes)) return 'malformed';
  }
  const { config, artifactType } = json;
  const artifact = nameArtifact(isRecord(config) ? config['mediaType'] : undefined, artifactType);
  return { kind: 'image', bytes, ...(artifact !== undefined && { artifact }) };
}

function readIndex(descriptors: unknown): Manifest | ManifestProblem {
  const entries: IndexEntry[] = [];
  let isWhole = true;
  for (const descriptor of descriptors as readonly unknown[]) {
    if (!isRecord(descriptor)) return 'malformed';
    if (isAttestation(descriptor)) continue;
    const entry = readEntry(descriptor);
    if (entry === 'malformed') return entry;
    if (entry === undefined) isWhole = false;
    else entries.push(entry);
  }
  return { kind: 'index', entries, isWhole };
}

/** Undefined for a nested index, and for an entry without a readable platform or a valid digest. */
function readEntry({ mediaType, digest, platform }: Members): IndexEntry | undefined | 'malformed' {
  if (typeof digest !== 'string') return 'malformed';
  const read = isRecord(platform) && isDigest(digest) ? readPlatform(platform) : undefined;
  return readKind(mediaType) === 'image' && read !== undefined ? { platform: read, digest } : undefined;
}

/** An attestation about the build of an image; not runnable. */
function isAttestation({ platform, annotations }: Members): boolean {
  if (isRecord(annotations) && 'vnd.docker.reference.type' in annotations) return true;
  return isRecord(platform) && platform['os'] === 'unknown' && platform['architecture'] === 'unknown';
}

/**
 * The most values in a manifest; images have some hundreds. The limit counts values and not bytes, as parsing 4 MiB of brackets
 * takes nearly a second, which blocks everything else, and 150 MB.
 */
const MOST_VALUES = 100_000;

/** Counts the characters that start a value or separate two. Those inside strings count too. */
function hasTooMany(body: Buffer): boolean {
  let values = 0;
  for (const byte of body) {
    if (byte === COMMA || byte === BRACKET || byte === BRACE) values += 1;
    if (values > MOST_VALUES) return true;
  }
  return false;
}

const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/** A fetched manifest, with the digest of its text. */
export type FetchedManifest = Readonly<{ digest: string; manifest: Manifest }>;

/**
 * Fetches a manifest, and checks that it is the requested one.
 *
 * @param name a tag or a digest
 * @param expected its digest, if known
 */
export async function fetchManifest(
  client: RegistryClient,
  name: string,
  expected: string | undefined,
): Promise<FetchedManifest | ProbeFailure> {
  const reply = await client.askForManifest(name);
  if (isFailure(reply)) return reply;
  if (reply.response.status !== 200) return client.classify(reply);
  const digest = verifyDigest(reply.response, expected);
  if (typeof digest !== 'string') return digest;
  const { body, headers } = reply.response;
  const refused = expected === undefined ? refuseKind(reply.response) : undefined;
  if (refused !== undefined) return refused;
  // If a manifest is fetched by digest, containerd takes its media type from where it has the digest, not from the response.
  const manifest = readManifest(body, expected === undefined ? headers['content-type'] : undefined);
  if (manifest === 'schema-1') return { failure: failWith(manifest) };
  return typeof manifest === 'string' ? broken(`${manifest}-manifest`) : { digest, manifest };
}

/** The `Docker-Content-Digest` of a response; undefined without one. */
export function readDigest({ headers }: ExchangeResponse): string | ProbeFailure | undefined {
  const written = headers['docker-content-digest'];
  if (written === undefined) return undefined;
  return typeof written === 'string' && isDigest(written) ? written : broken('malformed-digest');
}

/** Checks the text against the expected digest, otherwise the digest in the header; without either, the digest is computed. */
function verifyDigest(response: ExchangeResponse, expected: string | undefined): string | ProbeFailure {
  const digest = expected ?? readDigest(response) ?? hash('sha256', response.body);
  if (typeof digest !== 'string') return digest;
  const algorithm = digest.slice(0, digest.indexOf(':'));
  return hash(algorithm, response.body) === digest ? digest : broken('other-digest');
}

function hash(algorithm: string, body: Buffer): string {
  return `${algorithm}:${createHash(algorithm).update(body).digest('hex')}`;
}

/** Platforms to measure, such as `linux/amd64`; `all` for every platform of the image. */
export type WantedPlatforms = readonly string[] | 'all';

/** Sizes and platforms of the image with a digest. */
export type Measures = Pick<PullableImage, 'sizes' | 'platforms' | 'missing'>;

/** The most manifests fetched for one image; the longest indexes in use have about ten platforms. */
const MAX_MANIFESTS = 16;

/** The most platforms listed for one image. */
const MAX_PLATFORMS = 32;

/**
 * Adds up the bytes that a pull would download, for each wanted platform that the image has. An image that does not state its
 * platform has the same size for all of them; for `all` the result is then one size without a platform.
 */
export async function measureImage(
  client: RegistryClient,
  { digest, manifest }: Readonly<{ digest: string; manifest?: Manifest }>,
  wanted: WantedPlatforms,
): Promise<Measures | ProbeFailure> {
  const top = manifest === undefined ? await fetchManifest(client, digest, digest) : { manifest };
  if (isFailure(top)) return top;
  if (top.manifest.kind === 'index') return measureIndex(client, top.manifest, wanted);
  const { bytes, artifact } = top.manifest;
  return artifact === undefined ? { sizes: repeat(bytes, wanted), platforms: undefined } : refuseArtifact(artifact);
}

type Index = Extract<Manifest, Readonly<{ kind: 'index' }>>;

/** A node fetches only the manifest of its own platform, so a missing one does not affect the other platforms. */
async function measureIndex(
  client: RegistryClient,
  index: Index,
  wanted: WantedPlatforms,
): Promise<Measures | ProbeFailure> {
  const fetched = new Map<string, FetchedManifest | ProbeFailure>();
  const sizes: PlatformSize[] = [];
  const absent = new Set<string>();
  let isOneThere = false;
  let failure: ProbeFailure | undefined;
  for (const { platform, chosen, digests } of choose(index.entries, wanted)) {
    const found = await fetchFirst(client, digests, fetched);
    if (found === undefined) continue;
    if (!isFailure(found)) {
      isOneThere = true;
      // A nested index is not followed.
      if (found.manifest.kind === 'image') sizes.push({ platform, bytes: found.manifest.bytes });
    } else if (isNotThere(found)) absent.add(chosen);
    else {
      failure ??= found;
      // If the registry limits the rate or cannot be reached, it is not asked for the remaining manifests.
      if (!isOfManifest(found)) break;
    }
  }
  return !isOneThere && failure !== undefined ? failure : toMeasures(index, sizes, [...absent]);
}

function toMeasures(
  { entries, isWhole }: Index,
  sizes: readonly PlatformSize[],
  missing: readonly string[],
): Measures | ProbeFailure {
  const there = listPlatforms(entries).filter((platform) => !missing.includes(platform));
  if (isWhole && there.length === 0 && missing.length > 0) {
    return { failure: { outcome: 'failed', cause: 'platform-missing', platform: listSome(missing, 'or') } };
  }
  const platforms = isWhole ? there.slice(0, MAX_PLATFORMS) : undefined;
  return { sizes, platforms, ...(missing.length > 0 && { missing }) };
}

/** `chosen`: the platform of the index that a machine uses. Several entries may have it, such as one for each Windows version. */
type Choice = Readonly<{ platform: string; chosen: string; digests: readonly string[] }>;

/** The entries that containerd would choose for each platform, without duplicates. */
function choose(entries: readonly IndexEntry[], wanted: WantedPlatforms): readonly Choice[] {
  const chosen = (wanted === 'all' ? listPlatforms(entries) : [...new Set(wanted)]).flatMap(
    (platform): readonly Choice[] => {
      const runnable = wanted === 'all' ? [platform] : listRunnable(platform);
      const chosen = runnable.find((each) => entries.some((entry) => entry.platform === each));
      if (chosen === undefined) return [];
      const same = entries.filter((entry) => entry.platform === chosen).map(({ digest }) => digest);
      return [{ platform, chosen, digests: [...new Set(same)].slice(0, MAX_MANIFESTS) }];
    },
  );
  return chosen.slice(0, MAX_MANIFESTS);
}

/** The first manifest that exists, or the last result. Undefined when the limit of fetched manifests is reached. */
async function fetchFirst(
  client: RegistryClient,
  digests: readonly string[],
  fetched: Map<string, FetchedManifest | ProbeFailure>,
): Promise<FetchedManifest | ProbeFailure | undefined> {
  let last: FetchedManifest | ProbeFailure | undefined;
  for (const digest of digests) {
    const known = fetched.get(digest);
    if (known === undefined && fetched.size >= MAX_MANIFESTS) return undefined;
    last = known ?? (await fetchManifest(client, digest, digest));
    fetched.set(digest, last);
    if (!isFailure(last) || !isNotThere(last)) return last;
  }
  return last;
}

function isNotThere(found: ProbeFailure): boolean {
  return 'failure' in found && outcomeOf(found.failure) === 'not-found';
}

/** Whether the failure concerns this manifest only, so that others of the same registry may exist. */
function isOfManifest(found: ProbeFailure): boolean {
  if ('notAsked' in found) return true;
  const outcome = outcomeOf(found.failure);
  return outcome === 'denied' || outcome === 'broken';
}

function repeat(bytes: number, wanted: WantedPlatforms): readonly PlatformSize[] {
  return (wanted === 'all' ? [''] : [...new Set(wanted)]).map((platform) => ({ platform, bytes }));
}

function listPlatforms(entries: readonly IndexEntry[]): readonly string[] {
  return [...new Set(entries.map(({ platform }) => platform))];
}
