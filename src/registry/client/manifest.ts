import { readPlatform } from '../../image/platform.ts';
import { isDigest } from '../../image/reference.ts';

/** A manifest, as far as sizes are concerned. */
export type Manifest =
  /** Of one image: bytes of all layers and the configuration, compressed. */
  | Readonly<{ kind: 'image'; bytes: number }>
  /** Of images for several platforms. `isWhole`: all that it has is in `entries`. */
  | Readonly<{ kind: 'index'; entries: readonly IndexEntry[]; isWhole: boolean }>;

/** `platform` as `readPlatform` has it. */
export type IndexEntry = Readonly<{ platform: string; digest: string }>;

/** `malformed`: it is not what it says it is; `foreign`: it says it is something that containerd does not take. */
export type ManifestProblem = 'malformed' | 'foreign';

type Kind = Manifest['kind'];

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['application/vnd.oci.image.index.v1+json', 'index'],
  ['application/vnd.docker.distribution.manifest.list.v2+json', 'index'],
  ['application/vnd.oci.image.manifest.v1+json', 'image'],
  ['application/vnd.docker.distribution.manifest.v2+json', 'image'],
]);

/** Whether a registry's `Content-Type` is of something that containerd does not take; without one nobody knows. */
export function isForeign(contentType: string | undefined): boolean {
  return contentType !== undefined && readKind(contentType) === undefined;
}

/** Reads the text of a manifest or an index. Whatever is in it, it is a value that comes of it and no error. */
export function readManifest(body: Buffer, contentType: string | undefined): Manifest | ManifestProblem {
  const json = hasTooMany(body) ? undefined : parseObject(body.toString('utf8'));
  const mediaType = contentType ?? json?.['mediaType'];
  const written = readKind(mediaType);
  if ((mediaType !== undefined && written === undefined) || json?.['schemaVersion'] === 1) return 'foreign';
  return json === undefined ? 'malformed' : readParts(json, written);
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

/** By what is in it, and by what it calls itself if it does. What is both, two programs read in two ways: containerd refuses it. */
function kindOf(json: Members): Kind | undefined {
  const isIndex = Array.isArray(json['manifests']);
  const isImage = Array.isArray(listLayers(json)) && isObject(json['config']);
  if (isIndex === isImage || (isIndex ? 'layers' in json || 'config' in json : 'manifests' in json)) return undefined;
  const kind = isIndex ? 'index' : 'image';
  return json['mediaType'] === undefined || readKind(json['mediaType']) === kind ? kind : undefined;
}

/** Go writes null for an empty list, and reads nothing as one. */
function listLayers({ layers }: Members): unknown {
  return layers ?? [];
}

function readImage(json: Members): Manifest | ManifestProblem {
  let bytes = 0;
  for (const descriptor of [json['config'], ...(listLayers(json) as readonly unknown[])]) {
    const size = isObject(descriptor) ? descriptor['size'] : undefined;
    if (typeof size !== 'number' || size < 0) return 'malformed';
    bytes += size;
    if (!Number.isSafeInteger(size) || !Number.isSafeInteger(bytes)) return 'malformed';
  }
  return { kind: 'image', bytes };
}

function readIndex(descriptors: unknown): Manifest | ManifestProblem {
  const entries: IndexEntry[] = [];
  let isWhole = true;
  for (const descriptor of descriptors as readonly unknown[]) {
    if (!isObject(descriptor)) return 'malformed';
    if (isAttestation(descriptor)) continue;
    const entry = readEntry(descriptor);
    if (entry === 'malformed') return entry;
    if (entry === undefined) isWhole = false;
    else entries.push(entry);
  }
  return { kind: 'index', entries, isWhole };
}

/** Undefined for an index within the index, and for what does not say which platform it is for, or has no digest to ask for. */
function readEntry({ mediaType, digest, platform }: Members): IndexEntry | undefined | 'malformed' {
  if (typeof digest !== 'string') return 'malformed';
  const read = isObject(platform) && isDigest(digest) ? readPlatform(platform) : undefined;
  return readKind(mediaType) === 'image' && read !== undefined ? { platform: read, digest } : undefined;
}

/** What tells of an image how it was built; no machine runs it. */
function isAttestation({ platform, annotations }: Members): boolean {
  if (isObject(annotations) && 'vnd.docker.reference.type' in annotations) return true;
  return isObject(platform) && platform['os'] === 'unknown' && platform['architecture'] === 'unknown';
}

/**
 * The most values in a manifest: images have some hundreds. What can be read without harm is told by them and not by bytes,
 * as 4 MiB of brackets take the better part of a second, in which nothing else is done, and 150 MB.
 */
const MOST_VALUES = 100_000;

/** Values are counted by what stands before each of them; what is within texts counts as well. */
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

function parseObject(text: string): Members | undefined {
  try {
    const json = JSON.parse(text) as unknown;
    return isObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
