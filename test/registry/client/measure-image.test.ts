import { describe, expect, test } from 'vitest';
import type { PlatformSize } from '../../../src/cause/answer.ts';
import { broken } from '../../../src/registry/client/ending.ts';
import { measureImage, type WantedPlatforms } from '../../../src/registry/client/measure-image.ts';
import { digestOf, makeImage, makeIndex, type TestImage } from '../../support/registry-images.ts';
import { clientOf, MANIFESTS, type FakeAnswers } from './fake-exchange.ts';

const AMD64 = makeImage([100]);
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
    const { measures, asked } = await measure(AMD64, wanted);
    const sizes = platforms.map((platform) => ({ platform, bytes: AMD64.pulledBytes }));
    expect(measures).toEqual({ sizes, platforms: undefined });
    expect(asked).toEqual([`GET ${MANIFESTS}/${AMD64.digest}`]);
  });

  test('that was fetched already is not fetched again', async () => {
    const client = clientOf({});
    const resolved = { digest: AMD64.digest, manifest: { kind: 'image', bytes: 5 } } as const;
    expect(await measureImage(client, resolved, ['linux/amd64'])).toMatchObject({
      sizes: sizesOf({ 'linux/amd64': 5 }),
    });
    expect(client.requests).toEqual([]);
  });
});

describe('of an index, a machine gets the image that containerd would choose', () => {
  test.each<[has: Record<string, TestImage>, wanted: string, chosen: TestImage | undefined]>([
    [{ 'linux/amd64': AMD64, 'linux/arm64': ARM64 }, 'linux/arm64', ARM64],
    [{ 'linux/arm64/v8': ARM64 }, 'linux/arm64', ARM64],
    [{ 'linux/arm64': ARM64 }, 'linux/arm64/v8', ARM64],
    [{ 'linux/amd64/v3': AMD64_V3, 'linux/amd64': AMD64 }, 'linux/amd64', AMD64],
    [{ 'linux/amd64': AMD64, 'linux/amd64/v3': AMD64_V3 }, 'linux/amd64/v3', AMD64_V3],
    [{ 'linux/386': I386, 'linux/amd64': AMD64 }, 'linux/amd64', AMD64],
    [{ 'linux/386': I386 }, 'linux/amd64', I386],
    [{ 'linux/arm/v6': ARM_V6 }, 'linux/arm/v7', ARM_V6],
    [{ 'linux/amd64/v3': AMD64_V3 }, 'linux/amd64', undefined],
    [{ 'linux/amd64': AMD64 }, 'linux/arm64', undefined],
    [{ 'windows/amd64': AMD64 }, 'linux/amd64', undefined],
    [{ 'linux/amd64': AMD64 }, 'nonsense', undefined],
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
    const index = makeIndex({ 'linux/amd64': AMD64, 'linux/amd64/v1': AMD64, 'linux/arm/v7': ARM_V6 });
    const { measures } = await measure(index, ['linux/amd64']);
    expect(measures).toMatchObject({ platforms: ['linux/amd64', 'linux/arm/v7'] });
  });

  test('with an index in it does not say which platforms it has, and that one is not looked into', async () => {
    const inner = makeIndex({ 'linux/s390x': I386 });
    const { measures, asked } = await measure(makeIndex({ 'linux/amd64': AMD64, 'linux/arm64': inner }), 'all');
    expect(measures).toEqual({ sizes: sizesOf({ 'linux/amd64': AMD64.pulledBytes }), platforms: undefined });
    expect(asked).toHaveLength(2);
  });

  test('where an index calls itself an image is not looked into either', async () => {
    const inner = makeIndex({ 'linux/s390x': I386 });
    const outer = makeIndex({ 'linux/arm64': { ...inner, mediaType: AMD64.mediaType }, 'linux/amd64': AMD64 });
    const client = clientOf({ ...serve(outer), ...serve(inner) });
    expect(await measureImage(client, { digest: outer.digest }, 'all')).toEqual({
      sizes: sizesOf({ 'linux/amd64': AMD64.pulledBytes }),
      platforms: ['linux/arm64', 'linux/amd64'],
    });
  });

  test('with the same image for all platforms is fetched once', async () => {
    const index = makeIndex({ 'linux/amd64': AMD64, 'linux/arm64': AMD64, 'linux/s390x': AMD64 });
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

  test.each<[what: string, answer: FakeAnswers[string], ending: unknown]>([
    ['is missing', { status: 404 }, { failure: { outcome: 'failed', cause: 'image-not-found' } }],
    ['is another', { body: ARM64.bytes }, broken('other-digest')],
    [
      'may not be fetched',
      { status: 429 },
      { failure: { outcome: 'failed', cause: 'rate-limited', endsAt: undefined } },
    ],
  ])('whose image %s cannot be pulled', async (_what, answer, ending) => {
    const answers = { [`GET ${MANIFESTS}/${AMD64.digest}`]: answer };
    const { measures } = await measure(makeIndex({ 'linux/amd64': AMD64 }), ['linux/amd64'], answers);
    expect(measures).toEqual(ending);
  });

  test('that is not there cannot be pulled', async () => {
    const client = clientOf({});
    const digest = digestOf(Buffer.from('nothing'));
    expect(await measureImage(client, { digest }, 'all')).toEqual({
      failure: { outcome: 'failed', cause: 'image-not-found' },
    });
  });
});
