import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PlatformSize } from '../../../src/cause/answer.ts';
import {
  fetchManifest,
  measureImage,
  readManifest,
  type Manifest,
  type ManifestProblem,
  type WantedPlatforms,
} from '../../../src/registry/client/manifest.ts';
import { broken, type ProbeFailure } from '../../../src/registry/client/outcome.ts';
import { makeImage, makeIndex, type TestImage } from '../../support/registry-images.ts';
import { clientOf, MANIFESTS, type FakeAnswer, type FakeAnswers } from './fake-exchange.ts';

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
    [imageOf(undefined, 1)],
    [imageOf(1, Number.MAX_SAFE_INTEGER)],
    ['{"schemaVersion":2,"config":{"size":1},"layers":[{"size":1e400}]}'],
    ['{"schemaVersion":2,"config":{"size":1},"layers":[{"size":9007199254740993}]}'],
    [{ ...imageOf(1), layers: [null] }],
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
    [''],
    ['['.repeat(100_000)],
  ])('%.100j is malformed', (content) => {
    expect(read(content)).toBe('malformed');
  });

  test.each<[content: unknown, contentType: string | undefined]>([
    [imageOf(1), 'application/json'],
    [imageOf(1), ''],
    ['<html></html>', 'text/html; charset=utf-8'],
    [{ ...imageOf(1), mediaType: 'application/vnd.cncf.helm.chart' }, undefined],
  ])('%.100j as %s is of another kind', (content, contentType) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    expect(readManifest(Buffer.from(text), contentType)).toBe('foreign');
  });

  test.each([SCHEMA_1, SCHEMA_1.replace('prettyjws', 'json'), OCI_IMAGE, undefined])('as %s is of schema 1', (type) => {
    const text = JSON.stringify({ schemaVersion: 1, fsLayers: [] });
    expect(readManifest(Buffer.from(text), type)).toBe('schema-1');
  });

  // Whoever writes the address of a chart as an image was told that all is well.
  test.each<[configType: unknown, artifactType: unknown, artifact: string | undefined]>([
    ['application/vnd.cncf.helm.config.v1+json', undefined, 'a Helm chart'],
    ['application/vnd.docker.plugin.v1+json', undefined, 'a Docker plugin'],
    ['application/vnd.cncf.flux.config.v1+json', undefined, 'a Flux artifact'],
    ['application/vnd.oci.empty.v1+json', 'application/vnd.dev.cosign.artifact.sig.v1+json', 'a signature'],
    ['application/vnd.oci.empty.v1+json', 'application/spdx+json', 'an SBOM or attestation'],
    ['application/vnd.oci.empty.v1+json', '<b>', 'an OCI artifact'],
    ['application/vnd.buildkit.cacheconfig.v0', undefined, 'an OCI artifact'],
    // What may start stays an image.
    ['application/vnd.oci.image.config.v1+json', 'application/vnd.cncf.helm.config.v1+json', undefined],
    ['application/vnd.docker.container.image.v1+json', undefined, undefined],
    ['application/vnd.wasm.config.v0+json', undefined, undefined],
    ['application/octet-stream', undefined, undefined],
    [undefined, undefined, undefined],
    [5, 7, undefined],
  ])('with a configuration of type %s, artifact type %s: %s', async (configType, artifactType, artifact) => {
    const content = { schemaVersion: 2, config: { size: 1, mediaType: configType }, layers: [], artifactType };
    const expected = { kind: 'image', bytes: 1, ...(artifact !== undefined && { artifact }) };
    expect(read(content)).toEqual(expected);
    const client = clientOf({});
    const manifest = read(content) as Manifest;
    expect(await measureImage(client, { digest: DIGEST, manifest }, 'all')).toEqual(
      artifact === undefined
        ? { sizes: [{ platform: '', bytes: 1 }], platforms: undefined }
        : { failure: { outcome: 'failed', cause: 'not-an-image', artifact } },
    );
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

describe('a manifest that is fetched', () => {
  const IMAGE = makeImage([100, 200]);
  const SHA512 = `sha512:${createHash('sha512').update(IMAGE.bytes).digest('hex')}`;
  const WRONG = `sha256:${'0'.repeat(64)}`;
  const MANIFEST = { kind: 'image', bytes: IMAGE.pulledBytes };

  const fetchAs = async (expected: string | undefined, answer: FakeAnswer) =>
    fetchManifest(clientOf({ [`GET ${MANIFESTS}/v1`]: answer }), 'v1', expected);

  const answer = (digest?: string, more: object = {}): FakeAnswer => ({
    body: IMAGE.bytes,
    headers: { 'content-type': IMAGE.mediaType, ...(digest !== undefined && { 'docker-content-digest': digest }) },
    ...more,
  });

  test.each<[expected: string | undefined, given: string | undefined, digest: string]>([
    [undefined, undefined, IMAGE.digest],
    [undefined, IMAGE.digest, IMAGE.digest],
    [undefined, SHA512, SHA512],
    [IMAGE.digest, undefined, IMAGE.digest],
    [SHA512, undefined, SHA512],
    // Its text is what was asked for, whatever the header says.
    [SHA512, IMAGE.digest, SHA512],
    [IMAGE.digest, WRONG, IMAGE.digest],
    [IMAGE.digest, 'latest', IMAGE.digest],
  ])('as %.12s and is given as %.12s has the digest of its text', async (expected, given, digest) => {
    expect(await fetchAs(expected, answer(given))).toEqual({ digest, manifest: MANIFEST });
  });

  const cut = answer(undefined, { body: IMAGE.bytes.subarray(1) });
  const page = { body: '<html>', headers: { 'content-type': 'text/html' } };
  // Some registries send all that is asked for by digest as bytes of no kind, and nodes pull it; but only that.
  const bytes = answer(undefined, { headers: { 'content-type': 'application/octet-stream' } });

  test('by its digest may be sent as anything', async () => {
    expect(await fetchAs(IMAGE.digest, bytes)).toEqual({ digest: IMAGE.digest, manifest: MANIFEST });
  });

  test.each<[why: string, expected: string | undefined, answer: FakeAnswer, failure: ProbeFailure]>([
    ['its text is another', WRONG, answer(), broken('other-digest')],
    ['its text is not what the header says', undefined, answer(WRONG), broken('other-digest')],
    ['one byte is missing', IMAGE.digest, cut, broken('other-digest')],
    ['its digest is none', undefined, answer('sha256:abc'), broken('malformed-digest')],
    ['its digest is two', undefined, answer(`${WRONG}, ${WRONG}`), broken('malformed-digest')],
    ['its digest is of no algorithm', undefined, answer(`md5:${'a'.repeat(32)}`), broken('malformed-digest')],
    ['it is none', undefined, { body: '{}' }, broken('malformed-manifest')],
    ['it is a web page', undefined, page, broken('web-page', 200)],
    ['it is of no kind', undefined, bytes, broken('foreign-manifest')],
    ['it is not there any more', undefined, { status: 410 }, broken('status', 410)],
  ])('is refused when %s', async (_why, expected, given, failure) => {
    expect(await fetchAs(expected, given)).toEqual(failure);
  });

  test('may not be longer than 4 MiB', async () => {
    const client = clientOf({});
    await fetchManifest(client, 'v1', undefined);
    expect(client.requests[0]?.maxBytes).toBe(4_194_304);
  });
});

const AMD64_IMAGE = makeImage([100]);
const AMD64_V3 = makeImage([200]);
const I386 = makeImage([300]);
const ARM64 = makeImage([400]);
const ARM_V6 = makeImage([500]);

function serve(...images: readonly TestImage[]): FakeAnswers {
  const all = images.flatMap((image) => [image, ...image.images]);
  return Object.fromEntries(
    all.map(({ digest, bytes, mediaType }) => [
      `GET ${MANIFESTS}/${digest}`,
      { body: bytes, headers: { 'content-type': mediaType } },
    ]),
  );
}

async function measure(image: TestImage, wanted: WantedPlatforms, answers: FakeAnswers = {}) {
  const client = clientOf({ ...serve(image), ...answers });
  const measures = await measureImage(client, { digest: image.digest }, wanted);
  return { measures, asked: client.asked() };
}

const sizesOf = (sizes: Readonly<Record<string, number>>): PlatformSize[] =>
  Object.entries(sizes).map(([platform, bytes]) => ({ platform, bytes }));

describe('an image without an index', () => {
  test.each<[wanted: WantedPlatforms, platforms: string[]]>([
    [
      ['linux/amd64', 'linux/arm64', 'linux/amd64'],
      ['linux/amd64', 'linux/arm64'],
    ],
    ['all', ['']],
  ])('has one size for %s', async (wanted, platforms) => {
    const { measures, asked } = await measure(AMD64_IMAGE, wanted);
    const sizes = platforms.map((platform) => ({ platform, bytes: AMD64_IMAGE.pulledBytes }));
    expect(measures).toEqual({ sizes, platforms: undefined });
    expect(asked).toEqual([`GET ${MANIFESTS}/${AMD64_IMAGE.digest}`]);
  });

  test('that was fetched already is not fetched again', async () => {
    const client = clientOf({});
    const resolved = { digest: AMD64_IMAGE.digest, manifest: { kind: 'image', bytes: 5 } } as const;
    expect(await measureImage(client, resolved, ['linux/amd64'])).toMatchObject({
      sizes: sizesOf({ 'linux/amd64': 5 }),
    });
    expect(client.requests).toEqual([]);
  });
});

describe('of an index, a machine gets the image that containerd would choose', () => {
  test.each<[has: Record<string, TestImage>, wanted: string, chosen: TestImage | undefined]>([
    [{ 'linux/amd64': AMD64_IMAGE, 'linux/arm64': ARM64 }, 'linux/arm64', ARM64],
    [{ 'linux/arm64/v8': ARM64 }, 'linux/arm64', ARM64],
    [{ 'linux/arm64': ARM64 }, 'linux/arm64/v8', ARM64],
    [{ 'linux/amd64/v3': AMD64_V3, 'linux/amd64': AMD64_IMAGE }, 'linux/amd64', AMD64_IMAGE],
    [{ 'linux/amd64': AMD64_IMAGE, 'linux/amd64/v3': AMD64_V3 }, 'linux/amd64/v3', AMD64_V3],
    [{ 'linux/386': I386, 'linux/amd64': AMD64_IMAGE }, 'linux/amd64', AMD64_IMAGE],
    [{ 'linux/386': I386 }, 'linux/amd64', I386],
    [{ 'linux/arm/v6': ARM_V6 }, 'linux/arm/v7', ARM_V6],
    [{ 'linux/amd64/v3': AMD64_V3 }, 'linux/amd64', undefined],
    [{ 'linux/amd64': AMD64_IMAGE }, 'linux/arm64', undefined],
    [{ 'windows/amd64': AMD64_IMAGE }, 'linux/amd64', undefined],
    [{ 'linux/amd64': AMD64_IMAGE }, 'nonsense', undefined],
    [{}, 'linux/amd64', undefined],
  ])('case %#: for %s', async (has, wanted, chosen) => {
    const { measures, asked } = await measure(makeIndex(has), [wanted]);
    expect(measures).toMatchObject({
      sizes: chosen === undefined ? [] : sizesOf({ [wanted]: chosen.pulledBytes }),
    });
    // No more is fetched than is wanted.
    expect(asked).toHaveLength(chosen === undefined ? 1 : 2);
  });
});

describe('an index', () => {
  test('names its platforms, each once', async () => {
    const index = makeIndex({ 'linux/amd64': AMD64_IMAGE, 'linux/amd64/v1': AMD64_IMAGE, 'linux/arm/v7': ARM_V6 });
    const { measures } = await measure(index, ['linux/amd64']);
    expect(measures).toMatchObject({ platforms: ['linux/amd64', 'linux/arm/v7'] });
  });

  test('with an index in it does not say which platforms it has, and that one is not looked into', async () => {
    const inner = makeIndex({ 'linux/s390x': I386 });
    const { measures, asked } = await measure(makeIndex({ 'linux/amd64': AMD64_IMAGE, 'linux/arm64': inner }), 'all');
    expect(measures).toEqual({ sizes: sizesOf({ 'linux/amd64': AMD64_IMAGE.pulledBytes }), platforms: undefined });
    expect(asked).toHaveLength(2);
  });

  test('where an index calls itself an image is not looked into either', async () => {
    const inner = makeIndex({ 'linux/s390x': I386 });
    const outer = makeIndex({
      'linux/arm64': { ...inner, mediaType: AMD64_IMAGE.mediaType },
      'linux/amd64': AMD64_IMAGE,
    });
    const client = clientOf({ ...serve(outer), ...serve(inner) });
    expect(await measureImage(client, { digest: outer.digest }, 'all')).toEqual({
      sizes: sizesOf({ 'linux/amd64': AMD64_IMAGE.pulledBytes }),
      platforms: ['linux/arm64', 'linux/amd64'],
    });
  });

  test('with the same image for all platforms is fetched once', async () => {
    const index = makeIndex({ 'linux/amd64': AMD64_IMAGE, 'linux/arm64': AMD64_IMAGE, 'linux/s390x': AMD64_IMAGE });
    const { measures, asked } = await measure(index, 'all');
    expect(measures).toMatchObject({ sizes: expect.objectContaining({ length: 3 }) as unknown });
    expect(asked).toHaveLength(2);
  });

  test('of endless platforms makes no endless requests, and no endless answer', async () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`linux/cpu${at}`, makeImage([at])]));
    for (const wanted of ['all', Object.keys(many)] as const) {
      const { measures, asked } = await measure(makeIndex(many), wanted);
      expect(asked).toHaveLength(17);
      expect(measures).toMatchObject({
        sizes: expect.objectContaining({ length: 16 }) as unknown,
        platforms: expect.objectContaining({ length: 32 }) as unknown,
      });
    }
  });

  test.each<[what: string, answer: FakeAnswers[string], failure: unknown]>([
    [
      'is missing',
      { status: 404 },
      { failure: { outcome: 'failed', cause: 'platform-missing', platform: 'linux/amd64' } },
    ],
    ['is another', { body: ARM64.bytes }, broken('other-digest')],
    [
      'may not be fetched',
      { status: 429 },
      { failure: { outcome: 'failed', cause: 'rate-limited', endsAt: undefined } },
    ],
  ])('whose image %s cannot be pulled', async (_what, answer, failure) => {
    const answers = { [`GET ${MANIFESTS}/${AMD64_IMAGE.digest}`]: answer };
    const { measures } = await measure(makeIndex({ 'linux/amd64': AMD64_IMAGE }), ['linux/amd64'], answers);
    expect(measures).toEqual(failure);
  });
});

// A node fetches the manifest of its own platform alone. Otherwise Pods are denied whose nodes pull without any trouble.
describe('an index of which a mirror has kept a part', () => {
  const INDEX = makeIndex({ 'linux/amd64': AMD64_IMAGE, 'linux/arm64': ARM64, 'linux/386': I386 });
  const MISSING: FakeAnswer = {
    status: 404,
    body: { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] },
  };
  const lacking = (answer: FakeAnswer, ...images: readonly TestImage[]): FakeAnswers =>
    Object.fromEntries(images.map(({ digest }) => [`GET ${MANIFESTS}/${digest}`, answer]));
  const amd64 = sizesOf({ 'linux/amd64': AMD64_IMAGE.pulledBytes });
  const i386 = sizesOf({ 'linux/386': I386.pulledBytes });

  test.each<[what: string, wanted: WantedPlatforms, answers: FakeAnswers, measures: unknown]>([
    [
      'another platform is missing',
      'all',
      lacking(MISSING, ARM64),
      { sizes: [...amd64, ...i386], platforms: ['linux/amd64', 'linux/386'], missing: ['linux/arm64'] },
    ],
    [
      'another platform is missing, and is one of the nodes too',
      ['linux/arm64', 'linux/amd64'],
      lacking(MISSING, ARM64),
      { sizes: amd64, platforms: ['linux/amd64', 'linux/386'], missing: ['linux/arm64'] },
    ],
    [
      'the first platform is missing',
      'all',
      lacking(MISSING, AMD64_IMAGE, ARM64),
      { sizes: i386, platforms: ['linux/386'], missing: ['linux/amd64', 'linux/arm64'] },
    ],
    [
      'the platform of the nodes is missing',
      ['linux/amd64'],
      lacking(MISSING, AMD64_IMAGE),
      { sizes: [], platforms: ['linux/arm64', 'linux/386'], missing: ['linux/amd64'] },
    ],
    [
      'another may not be pulled',
      'all',
      lacking({ status: 403 }, ARM64),
      { sizes: [...amd64, ...i386], platforms: ['linux/amd64', 'linux/arm64', 'linux/386'] },
    ],
    [
      'another makes no sense',
      'all',
      lacking({ body: '{}' }, ARM64),
      { sizes: [...amd64, ...i386], platforms: ['linux/amd64', 'linux/arm64', 'linux/386'] },
    ],
    [
      'another cannot be had just now',
      'all',
      lacking({ status: 429 }, ARM64),
      { sizes: amd64, platforms: ['linux/amd64', 'linux/arm64', 'linux/386'] },
    ],
    [
      'nothing is there',
      'all',
      lacking(MISSING, ...INDEX.images),
      {
        failure: { outcome: 'failed', cause: 'platform-missing', platform: 'linux/amd64, linux/arm64 or linux/386' },
      },
    ],
  ])('counts by itself where %s', async (_what, wanted, answers, measures) => {
    expect((await measure(INDEX, wanted, answers)).measures).toEqual(measures);
  });

  // One entry for each version of Windows: the node chooses by that, which is not looked at here.
  test('has a platform if one of several entries for it is there', async () => {
    const windows = makeIndex({ 'windows/amd64': AMD64_IMAGE, 'windows/amd64/v1': ARM64 });
    const { measures } = await measure(windows, 'all', lacking(MISSING, AMD64_IMAGE));
    expect(measures).toEqual({
      sizes: sizesOf({ 'windows/amd64': ARM64.pulledBytes }),
      platforms: ['windows/amd64'],
    });
  });

  test('is asked for no more manifests than another', async () => {
    const many = makeIndex(
      Object.fromEntries(Array.from({ length: 99 }, (_, at) => [`linux/c${at}`, makeImage([at])])),
    );
    const { asked } = await measure(many, 'all', lacking(MISSING, ...many.images));
    expect(asked).toHaveLength(17);
  });
});
