import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { broken, type Ending } from '../../../src/registry/client/ending.ts';
import { fetchManifest } from '../../../src/registry/client/fetch-manifest.ts';
import { makeImage } from '../../support/registry-images.ts';
import { clientOf, MANIFESTS, type FakeAnswer } from './fake-exchange.ts';

const IMAGE = makeImage([100, 200]);
const SHA512 = `sha512:${createHash('sha512').update(IMAGE.bytes).digest('hex')}`;
const WRONG = `sha256:${'0'.repeat(64)}`;
const MANIFEST = { kind: 'image', bytes: IMAGE.pulledBytes };

async function fetchAs(expected: string | undefined, answer: FakeAnswer) {
  return fetchManifest(clientOf({ [`GET ${MANIFESTS}/v1`]: answer }), 'v1', expected);
}

const answer = (digest?: string, more: object = {}): FakeAnswer => ({
  body: IMAGE.bytes,
  headers: { 'content-type': IMAGE.mediaType, ...(digest !== undefined && { 'docker-content-digest': digest }) },
  ...more,
});

describe('a manifest', () => {
  test.each<[expected: string | undefined, given: string | undefined, digest: string]>([
    [undefined, undefined, IMAGE.digest],
    [undefined, IMAGE.digest, IMAGE.digest],
    [undefined, SHA512, SHA512],
    [IMAGE.digest, undefined, IMAGE.digest],
    [IMAGE.digest, IMAGE.digest, IMAGE.digest],
    [SHA512, undefined, SHA512],
    // Its text is what was asked for, whatever the header says.
    [SHA512, IMAGE.digest, SHA512],
    [IMAGE.digest, WRONG, IMAGE.digest],
    [IMAGE.digest, 'latest', IMAGE.digest],
  ])('that is asked for as %.12s and given as %.12s has the digest of its text', async (expected, given, digest) => {
    expect(await fetchAs(expected, answer(given))).toEqual({ digest, manifest: MANIFEST });
  });

  test.each<[why: string, expected: string | undefined, answer: FakeAnswer, ending: Ending]>([
    ['its text is another', WRONG, answer(), broken('other-digest')],
    ['its text is not what the header says', undefined, answer(WRONG), broken('other-digest')],
    ['one byte is missing', IMAGE.digest, answer(undefined, { body: IMAGE.bytes.subarray(1) }), broken('other-digest')],
    ['its digest is none', undefined, answer('sha256:abc'), broken('malformed-digest')],
    ['its digest is two', undefined, answer(`${IMAGE.digest}, ${IMAGE.digest}`), broken('malformed-digest')],
    ['its digest is of no algorithm', undefined, answer(`md5:${'a'.repeat(32)}`), broken('malformed-digest')],
    ['it is none', undefined, { body: '{}' }, broken('malformed-manifest')],
    [
      'it is a web page',
      undefined,
      { body: '<html>', headers: { 'content-type': 'text/html' } },
      broken('foreign-manifest'),
    ],
    ['it is not there any more', undefined, { status: 410 }, broken('status', 410)],
  ])('is refused when %s', async (_why, expected, given, ending) => {
    expect(await fetchAs(expected, given)).toEqual(ending);
  });

  test('may be refused by the registry, and may not be longer than 4 MiB', async () => {
    const client = clientOf({ [`GET ${MANIFESTS}/v1`]: { status: 429 } });
    expect(await fetchManifest(client, 'v1', undefined)).toMatchObject({ failure: { cause: 'rate-limited' } });
    expect(client.requests[0]?.maxBytes).toBe(4_194_304);
  });
});

// Some registries send all that is asked for by digest as bytes of no kind, and nodes pull it.
test('a manifest that is asked for by its digest may be sent as anything', async () => {
  const bytes = { headers: { 'content-type': 'application/octet-stream' } };
  expect(await fetchAs(IMAGE.digest, answer(undefined, bytes))).toEqual({ digest: IMAGE.digest, manifest: MANIFEST });
  expect(await fetchAs(undefined, answer(undefined, bytes))).toEqual(broken('foreign-manifest'));
});
