import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { failWith } from '../../../src/cause/answer.ts';
import { broken, type ProbeFailure } from '../../../src/registry/client/outcome.ts';
import { resolveImage } from '../../../src/registry/client/probe-image.ts';
import { makeImage } from '../../support/registry-images.ts';
import { clientOf, MANIFESTS, type FakeAnswer, type FakeAnswers } from './fake-exchange.ts';

const IMAGE = makeImage([100]);
const SHA512 = `sha512:${createHash('sha512').update(IMAGE.bytes).digest('hex')}`;
const WRONG = `sha256:${'0'.repeat(64)}`;
const TYPE = { 'content-type': IMAGE.mediaType };
const FOUND: FakeAnswer = { headers: { ...TYPE, 'docker-content-digest': IMAGE.digest } };
const FETCHED: FakeAnswer = { headers: TYPE, body: IMAGE.bytes };

const V1 = `${MANIFESTS}/v1`;
const NAME = { registry: 'registry.example.com', repository: 'team/app' };

type Options = Readonly<{ digest?: string; isDockerHub?: boolean }>;

/** What comes of asking for `v1`, and by which requests. */
async function resolve(answers: FakeAnswers, { digest, isDockerHub = false }: Options = {}) {
  const client = clientOf(answers, { isDockerHub });
  const reference = { ...NAME, tag: 'v1', ...(digest !== undefined && { digest }) };
  const resolved = await resolveImage(client, reference);
  return { resolved, asked: client.asked().map((line) => line.replace('https://registry.example.com', '')) };
}

const HEAD = 'HEAD /v2/team/app/manifests/v1';
const GET = 'GET /v2/team/app/manifests/v1';

const NO_IMAGE: ProbeFailure = { failure: { outcome: 'failed', cause: 'image-not-found' } };
const NO_REPOSITORY: ProbeFailure = { failure: { outcome: 'failed', cause: 'repository-not-found' } };
const NO_LOGIN: ProbeFailure = { failure: failWith('credentials-missing') };
const NO_ACCESS: ProbeFailure = { failure: failWith('anonymous-denied') };
const LIMITED: ProbeFailure = { failure: { outcome: 'failed', cause: 'rate-limited', endsAt: undefined } };
const errors = (code: string): string => JSON.stringify({ errors: [{ code }] });

describe('an image is asked for', () => {
  test.each<[tag: string | undefined, digest: string | undefined, name: string]>([
    ['v1', undefined, 'v1'],
    [undefined, undefined, 'latest'],
    ['v1', IMAGE.digest, IMAGE.digest],
    [undefined, SHA512, SHA512],
  ])('of tag %s and digest %.10s', async (tag, digest, name) => {
    const client = clientOf({ [`HEAD ${MANIFESTS}/${name}`]: FOUND });
    const reference = { ...NAME, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
    const resolved = { digest: digest ?? IMAGE.digest };
    expect(await resolveImage(client, reference)).toEqual(resolved);
    expect(client.asked()).toEqual([`HEAD ${MANIFESTS}/${name}`]);
  });
});

describe('what HEAD finds', () => {
  test.each<[why: string, answer: FakeAnswer, failure: ProbeFailure]>([
    ['is empty', { headers: { ...TYPE, 'content-length': '0' } }, broken('empty-manifest')],
    ['has no digest', { headers: { 'docker-content-digest': 'latest' } }, broken('malformed-digest')],
    [
      'is of the old kind',
      { headers: { 'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws' } },
      { failure: failWith('schema-1') },
    ],
    [
      'is of an artifact',
      { headers: { 'content-type': 'application/vnd.oci.artifact.manifest.v1+json' } },
      { failure: { outcome: 'failed', cause: 'not-an-image', artifact: 'an OCI artifact' } },
    ],
    [
      'is a web page',
      { headers: { 'content-type': 'text/html', 'docker-content-digest': IMAGE.digest } },
      broken('web-page', 200),
    ],
    ['is nothing', { status: 204 }, broken('status', 204)],
    ['is a teapot', { status: 418 }, broken('status', 418)],
  ])('%s', async (_why, answer, failure) => {
    const { resolved, asked } = await resolve({ [`HEAD ${V1}`]: answer });
    expect(resolved).toEqual(failure);
    expect(asked).toHaveLength(1);
  });

  // containerd compares the text with the digest that it was given, and nothing else.
  test.each([WRONG, 'latest', IMAGE.digest])(
    'is what was asked for by digest, though it is called %s',
    async (given) => {
      const url = `HEAD ${MANIFESTS}/${IMAGE.digest}`;
      const answers = { [url]: { headers: { ...TYPE, 'docker-content-digest': given } } };
      const { resolved, asked } = await resolve(answers, { digest: IMAGE.digest });
      expect(resolved).toEqual({ digest: IMAGE.digest });
      expect(asked).toHaveLength(1);
    },
  );

  test('has its digest only in its text', async () => {
    const { resolved, asked } = await resolve({ [`HEAD ${V1}`]: { headers: TYPE }, [`GET ${V1}`]: FETCHED });
    expect(resolved).toEqual({ digest: IMAGE.digest, manifest: { kind: 'image', bytes: IMAGE.pulledBytes } });
    expect(asked).toEqual([HEAD, GET]);
  });
});

/** The same with what the registry says of it. */
function saying(failure: ProbeFailure, says: string): ProbeFailure {
  return 'failure' in failure ? { failure: { ...failure.failure, says } } : failure;
}

describe('HEAD cannot say', () => {
  test('with HTTP 405, and GET finds the image', async () => {
    const { resolved, asked } = await resolve({ [`HEAD ${V1}`]: { status: 405 }, [`GET ${V1}`]: FETCHED });
    expect(resolved).toMatchObject({ digest: IMAGE.digest });
    expect(asked).toEqual([HEAD, GET]);
  });

  // containerd does not try GET then, and so cannot pull it.
  test('with HTTP 400, and that GET could means nothing', async () => {
    const { resolved, asked } = await resolve({ [`HEAD ${V1}`]: { status: 400 }, [`GET ${V1}`]: FETCHED });
    expect(resolved).toEqual(broken('status', 400));
    expect(asked).toEqual([HEAD, GET]);
  });

  test.each([500, 501, 502, 503, 504])('with HTTP %i, and can a moment later', async (status) => {
    const { resolved, asked } = await resolve({ [`HEAD ${V1}`]: [{ status }, FOUND], [`GET ${V1}`]: FETCHED });
    expect(resolved).toEqual({ digest: IMAGE.digest });
    expect(asked).toEqual([HEAD, HEAD]);
  });

  test.each([500, 501, 502, 503, 504])('with HTTP %i, not even the second time, as only GET can', async (status) => {
    const { resolved, asked } = await resolve({ [`HEAD ${V1}`]: { status }, [`GET ${V1}`]: FETCHED });
    expect(resolved).toEqual(broken('status', status));
    expect(asked).toEqual([HEAD, HEAD, GET]);
  });

  test.each<[head: number, get: FakeAnswer, failure: ProbeFailure]>([
    [
      400,
      {
        status: 400,
        body: '{"errors":[{"code":400,"message":"Auth is empty, only accept X-Auth-Token or Authorization."}]}',
      },
      saying(NO_LOGIN, 'Auth is empty, only accept X-Auth-Token or Authorization.'),
    ],
    [405, { status: 404, body: errors('NAME_UNKNOWN') }, NO_REPOSITORY],
    [
      500,
      { status: 500, body: '{"errors":[{"code":"DENIED","message":"You may not login yet"}]}' },
      saying(NO_LOGIN, 'You may not login yet'),
    ],
    [503, { status: 503, body: errors('TOOMANYREQUESTS') }, LIMITED],
    [503, { status: 503 }, broken('status', 503)],
    [405, { status: 405 }, broken('status', 405)],
  ])('with HTTP %i, and GET says what it is: %j', async (status, get, failure) => {
    expect((await resolve({ [`HEAD ${V1}`]: { status }, [`GET ${V1}`]: get })).resolved).toEqual(failure);
  });

  // 401 has been dealt with, and 429 is plain.
  test.each([401, 402, 410, 429])('more than HTTP %i, which is enough', async (status) => {
    expect((await resolve({ [`HEAD ${V1}`]: { status } })).asked).toEqual([HEAD]);
  });
});

describe('what HEAD refuses is explained by GET', () => {
  test.each<[head: number, get: FakeAnswer, failure: ProbeFailure]>([
    [404, { status: 404, body: errors('NAME_UNKNOWN') }, NO_REPOSITORY],
    [404, { status: 404, body: errors('MANIFEST_UNKNOWN') }, NO_IMAGE],
    [404, { status: 404 }, NO_IMAGE],
    [404, { status: 403, body: errors('DENIED') }, NO_ACCESS],
    [403, { status: 403, body: errors('TOOMANYREQUESTS') }, LIMITED],
    [403, { status: 403 }, NO_ACCESS],
    // Where GET tells nothing, what HEAD said stands: containerd pulls by what HEAD says.
    [404, FETCHED, NO_IMAGE],
    [403, FETCHED, NO_ACCESS],
    [404, { status: 500 }, NO_IMAGE],
    [403, { outcome: 'failed', cause: 'timeout' }, NO_ACCESS],
    [404, { outcome: 'failed', cause: 'broken-registry', fault: { what: 'too-long', number: 65536 } }, NO_IMAGE],
  ])('HTTP %i: %j', async (status, get, failure) => {
    const { resolved, asked } = await resolve({ [`HEAD ${V1}`]: { status }, [`GET ${V1}`]: get });
    expect(resolved).toEqual(failure);
    expect(asked).toEqual([HEAD, GET]);
  });
});

describe('a web page where a manifest should be', () => {
  const PAGE: FakeAnswer = { status: 404, body: '<html>Not Found</html>' };
  const PAGE_ONLY: ProbeFailure = { failure: { outcome: 'failed', cause: 'web-page-not-found' } };
  const BASE = 'GET https://registry.example.com/v2/';
  const VERSION = { 'docker-distribution-api-version': 'registry/2.0' };

  test.each<[why: string, answers: FakeAnswers, failure: ProbeFailure]>([
    ['is of no registry', { [BASE]: { status: 404 } }, broken('no-registry')],
    ['is of no registry, but of a login page', { [BASE]: { status: 302 } }, broken('no-registry')],
    ['is of a registry that answers', { [BASE]: { status: 200 } }, PAGE_ONLY],
    ['is of a registry that wants a login', { [BASE]: { status: 401 } }, PAGE_ONLY],
    ['may be of anybody', { [BASE]: { outcome: 'failed', cause: 'connection-reset' } }, PAGE_ONLY],
    ['is of a registry by its header', { [`GET ${V1}`]: { ...PAGE, headers: VERSION } }, PAGE_ONLY],
    ['is of a registry by its header at first', { [`HEAD ${V1}`]: { status: 404, headers: VERSION } }, PAGE_ONLY],
  ])('%s', async (_why, answers, failure) => {
    const { resolved, asked } = await resolve({ [`GET ${V1}`]: PAGE, ...answers });
    expect(resolved).toEqual(failure);
    // A login page is not gone to.
    expect(asked.length).toBeLessThanOrEqual(3);
  });

  // A firewall or the page of a login was told as a user without rights.
  test.each<[what: string, answer: FakeAnswer, failure: ProbeFailure]>([
    ['a firewall', { status: 403, headers: { 'content-type': 'text/html' } }, broken('web-page', 403)],
    ['a firewall', { status: 403, body: '<!DOCTYPE html><title>Blocked</title>' }, broken('web-page', 403)],
    ['a proxy', { status: 400, body: '<html>Bad Request</html>' }, broken('web-page', 400)],
    ['an ingress', { status: 404, body: '404 page not found\n' }, PAGE_ONLY],
    ['an ingress', { status: 404, body: 'default backend - 404' }, PAGE_ONLY],
    // Whoever stands before it says so as well when the registry is out of order.
    ['a proxy', { status: 502, body: '<html>Bad Gateway</html>' }, broken('status', 502)],
    // A registry may say what it likes.
    ['a registry', { status: 404, body: 'no such manifest' }, NO_IMAGE],
  ])('is of %s: %j', async (_what, answer, failure) => {
    const status = 'status' in answer ? answer.status : undefined;
    const answers = { [`HEAD ${V1}`]: { status: status! }, [`GET ${V1}`]: answer, [BASE]: { status: 200 } };
    expect((await resolve(answers)).resolved).toEqual(failure);
  });
});

describe('at Docker Hub', () => {
  const limit = (remaining: number): FakeAnswer => ({
    headers: { 'docker-content-digest': IMAGE.digest, 'ratelimit-remaining': `${remaining};w=21600` },
  });

  test.each([400, 403, 404, 405, 503])('no GET follows HTTP %i, as it would be a pull', async (status) => {
    const { asked } = await resolve({ [`HEAD ${V1}`]: { status } }, { isDockerHub: true });
    expect(new Set(asked)).toEqual(new Set([HEAD]));
  });

  test('nor does one look for a digest that is missing', async () => {
    const answers = { [`HEAD ${V1}`]: {}, [`GET ${V1}`]: FETCHED };
    const { resolved, asked } = await resolve(answers, { isDockerHub: true });
    expect({ resolved, asked }).toEqual({ resolved: broken('no-digest'), asked: [HEAD] });
  });

  test('what is not there is not there, and that is all it says', async () => {
    const { resolved, asked } = await resolve({}, { isDockerHub: true });
    expect(resolved).toEqual(NO_IMAGE);
    expect(asked).toEqual([HEAD]);
  });

  test('an image with no pull left is as good as none', async () => {
    const { resolved } = await resolve({ [`HEAD ${V1}`]: limit(0) }, { isDockerHub: true });
    expect(resolved).toEqual(LIMITED);
    expect((await resolve({ [`HEAD ${V1}`]: limit(1) }, { isDockerHub: true })).resolved).toEqual({
      digest: IMAGE.digest,
    });
    // Elsewhere nobody promised that it means the same.
    expect((await resolve({ [`HEAD ${V1}`]: limit(0) })).resolved).toEqual({ digest: IMAGE.digest });
  });
});

test('a registry that cannot be reached is not asked again', async () => {
  const failure = { outcome: 'failed', cause: 'connection-refused' } as const;
  const { resolved, asked } = await resolve({ [`HEAD ${V1}`]: failure });
  expect(resolved).toEqual({ failure, endpoint: 'registry.example.com:443' });
  expect(asked).toEqual([HEAD]);
});
