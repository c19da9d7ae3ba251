import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isForeign, readManifest, type Manifest, type ManifestProblem } from '../../../src/registry/client/manifest.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;

const imageOf = (...sizes: unknown[]) => ({
  schemaVersion: 2,
  config: { size: sizes[0] },
  layers: sizes.slice(1).map((size) => ({ size })),
});

const entryOf = (platform: unknown, more: object = {}) => ({
  mediaType: OCI_IMAGE,
  digest: DIGEST,
  size: 1,
  platform,
  ...more,
});
const indexOf = (...manifests: unknown[]) => ({ schemaVersion: 2, manifests });
const AMD64 = { os: 'linux', architecture: 'amd64' };

function read(content: unknown, contentType: string | undefined = OCI_IMAGE): Manifest | ManifestProblem {
  return readManifest(Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)), contentType);
}

describe('the manifest of an image', () => {
  test.each<[content: unknown, contentType: string | undefined, bytes: number]>([
    [imageOf(1470, 1000, 2000), OCI_IMAGE, 4470],
    [imageOf(1470, 1000), DOCKER_IMAGE, 2470],
    [imageOf(0), OCI_IMAGE, 0],
    // Programs in Go write an empty list so, or not at all.
    [{ ...imageOf(7), layers: null }, OCI_IMAGE, 7],
    [{ schemaVersion: 2, config: { size: 7 } }, OCI_IMAGE, 7],
    [{ ...imageOf(1, 2), mediaType: DOCKER_IMAGE }, DOCKER_IMAGE, 3],
    [imageOf(1, 2), `${OCI_IMAGE}; charset=utf-8`, 3],
    [imageOf(1, 2), OCI_IMAGE.toUpperCase(), 3],
    // Without a header it is what it says it is, or what it looks like.
    [{ ...imageOf(1, 2), mediaType: OCI_IMAGE }, undefined, 3],
    [imageOf(1, 2), undefined, 3],
    [imageOf(1, Number.MAX_SAFE_INTEGER - 1), OCI_IMAGE, Number.MAX_SAFE_INTEGER],
  ])('%j as %s', (content, contentType, bytes) => {
    expect(readManifest(Buffer.from(JSON.stringify(content)), contentType)).toEqual({ kind: 'image', bytes });
  });

  test.each<[content: unknown]>([
    [imageOf(1, -1)],
    [imageOf(1, 1.5)],
    [imageOf(1, '1')],
    [imageOf(1, null)],
    [imageOf(undefined, 1)],
    [imageOf(1, Number.MAX_SAFE_INTEGER)],
    ['{"schemaVersion":2,"config":{"size":1},"layers":[{"size":1e400}]}'],
    ['{"schemaVersion":2,"config":{"size":1},"layers":[{"size":9007199254740993}]}'],
    [{ ...imageOf(1), layers: [null] }],
    [{ ...imageOf(1), layers: [[]] }],
    [{ ...imageOf(1), layers: { length: 1 } }],
    [{ ...imageOf(1), config: [] }],
    [{ layers: [] }],
    [{ ...imageOf(1), mediaType: OCI_INDEX }],
    [{ ...imageOf(1), mediaType: 5 }],
    // What is both is read in two ways by two programs.
    [{ ...imageOf(1), ...indexOf() }],
    [{ ...imageOf(1), manifests: null }],
    [indexOf()],
    [{}],
    ['[]'],
    ['null'],
    ['5'],
    ['<html></html>'],
    [''],
    ['['.repeat(100_000)],
  ])('%.100j is malformed', (content) => {
    expect(read(content)).toBe('malformed');
  });

  test.each<[content: unknown, contentType: string | undefined]>([
    [{ schemaVersion: 1, fsLayers: [] }, SCHEMA_1],
    [{ schemaVersion: 1, fsLayers: [] }, OCI_IMAGE],
    [{ schemaVersion: 1, fsLayers: [] }, undefined],
    [imageOf(1), 'application/json'],
    [imageOf(1), 'text/plain'],
    [imageOf(1), ''],
    ['<html></html>', 'text/html; charset=utf-8'],
    [{ ...imageOf(1), mediaType: 'application/vnd.cncf.helm.chart' }, undefined],
  ])('%.100j as %s is of another kind', (content, contentType) => {
    expect(
      readManifest(Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)), contentType),
    ).toBe('foreign');
  });
});

describe('an index', () => {
  test.each([OCI_INDEX, DOCKER_LIST, undefined])('as %s names the image of each platform', (contentType) => {
    const content = indexOf(
      entryOf(AMD64),
      entryOf({ os: 'linux', architecture: 'arm64', variant: 'v8' }, { digest: OTHER, mediaType: DOCKER_IMAGE }),
      entryOf({ os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.1' }),
    );
    expect(readManifest(Buffer.from(JSON.stringify(content)), contentType)).toEqual({
      kind: 'index',
      entries: [
        { platform: 'linux/amd64', digest: DIGEST },
        { platform: 'linux/arm64', digest: OTHER },
        { platform: 'windows/amd64', digest: DIGEST },
      ],
      isWhole: true,
    });
  });

  // docker buildx puts one beside each image; it is for no machine.
  test.each([
    entryOf({ os: 'unknown', architecture: 'unknown' }),
    entryOf(AMD64, { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }),
  ])('has no image in %j', (attestation) => {
    expect(read(indexOf(attestation), OCI_INDEX)).toEqual({ kind: 'index', entries: [], isWhole: true });
  });

  // What it has besides is not known, so nobody may say that it has no image for a machine.
  test.each([
    entryOf(AMD64, { mediaType: OCI_INDEX }),
    entryOf(AMD64, { mediaType: 'application/vnd.example' }),
    entryOf(AMD64, { mediaType: undefined }),
    entryOf(AMD64, { digest: 'sha256:../../admin' }),
    entryOf(undefined),
    entryOf({ os: 'linux' }),
    entryOf({ os: '<b>', architecture: 'amd64' }),
    entryOf({ os: 'linux', architecture: 'a'.repeat(5000) }),
    entryOf('linux/amd64'),
  ])('is not known as a whole with %.120j', (entry) => {
    expect(read(indexOf(entry, entryOf(AMD64)), OCI_INDEX)).toEqual({
      kind: 'index',
      entries: [{ platform: 'linux/amd64', digest: DIGEST }],
      isWhole: false,
    });
  });

  test.each<[content: unknown]>([
    [indexOf(null)],
    [indexOf('a')],
    [indexOf([])],
    [indexOf(entryOf(AMD64, { digest: 5 }))],
    [{ manifests: {} }],
    [{ manifests: [], layers: [] }],
    [imageOf(1)],
  ])('%.120j is malformed', (content) => {
    expect(read(content, OCI_INDEX)).toBe('malformed');
  });
});

test('whatever a registry sends, something comes of it, and no text of its own', () => {
  const value = fc.anything({ maxDepth: 3 });
  const platform = fc.oneof(value, fc.record({ os: value, architecture: value, variant: value }));
  const entry = fc.oneof(
    value,
    fc.record({ mediaType: fc.constant(OCI_IMAGE), digest: fc.constant(DIGEST), platform }),
  );
  const content = fc.oneof(
    fc.json(),
    fc.record({ manifests: fc.oneof(value, fc.array(entry)) }).map(toJson),
    fc.record({ config: value, layers: fc.oneof(value, fc.array(value)) }).map(toJson),
    fc.array(fc.double()).map((sizes) => toJson(imageOf(1, ...sizes))),
  );
  const contentType = fc.constantFrom(OCI_IMAGE, OCI_INDEX, SCHEMA_1, undefined);
  fc.assert(
    fc.property(content, contentType, (text, type) => {
      const manifest = readManifest(Buffer.from(text), type);
      if (typeof manifest === 'string') return;
      if (manifest.kind === 'image') expect(manifest.bytes).toSatisfy((bytes) => Number.isSafeInteger(bytes));
      else for (const each of manifest.entries) expect(each.platform).toMatch(/^[\w./-]{3,100}$/);
    }),
  );
});

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // A bigint, or a circle.
    return '{}';
  }
}

test.each<[contentType: string | undefined, foreign: boolean]>([
  [OCI_IMAGE, false],
  [`${DOCKER_LIST};charset=utf-8`, false],
  [undefined, false],
  [SCHEMA_1, true],
  ['text/html', true],
])('a Content-Type of %s is foreign: %s', (contentType, foreign) => {
  expect(isForeign(contentType)).toBe(foreign);
});

describe('a manifest that is made to take long to read', () => {
  const layers = Array.from({ length: 100_000 }, () => 1);
  test.each([
    ['is refused', imageOf(0, ...layers), 'malformed'],
    ['is not one that only has long texts', { ...imageOf(7), annotations: { text: 'x'.repeat(2 ** 21) } }, 7],
  ])('%s', (_what, content, expected) => {
    const found = read(content);
    expect(typeof found === 'object' && found.kind === 'image' ? found.bytes : found).toBe(expected);
  });
});
