import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RegistryProbe } from '../../../src/policy/policy.ts';
import { readReference } from '../../../src/image/reference.ts';
import { createExchange } from '../../../src/registry/exchange/create-exchange.ts';
import { createProbeImage, type ProbeRequest, type ProbeResult } from '../../../src/registry/client/probe-image.ts';
import { hasDockerRegistry, startDockerRegistry, USER, type DockerRegistry } from '../../support/docker-registry.ts';
import { makeImage, makeIndex } from '../../support/registry-images.ts';

const isMissing = !hasDockerRegistry();
const NAME = isMissing ? 'a real registry (left out: docker-registry is not installed)' : 'a real registry';
if (isMissing) console.warn('docker-registry is not installed: the tests against a real registry are left out');

const AMD64 = makeImage([4000, 250, 1]);
const ARM64 = makeImage([3000]);
const ARM = makeImage([2000, 2000]);
const INDEX = makeIndex({ 'linux/amd64': AMD64, 'linux/arm64/v8': ARM64, 'linux/arm/v7': ARM });
const DOCKER_AMD64 = makeImage([777], 'docker');
const DOCKER_LIST = makeIndex({ 'linux/amd64': DOCKER_AMD64 }, 'docker');

describe.skipIf(isMissing)(NAME, () => {
  let open: DockerRegistry;
  let locked: DockerRegistry;
  let plain: DockerRegistry;

  beforeAll(async () => {
    [open, locked, plain] = await Promise.all([
      startDockerRegistry(),
      startDockerRegistry({ login: true }),
      startDockerRegistry({ plainHttp: true }),
    ]);
    await open.push('team/app', 'v1', AMD64);
    await open.push('team/app', 'latest', ARM64);
    await open.push('team/app', 'multi', INDEX);
    await open.push('team/app', 'docker', DOCKER_AMD64);
    await open.push('team/app', 'docker-list', DOCKER_LIST);
    await locked.push('team/app', 'v1', AMD64);
    await plain.push('team/app', 'v1', AMD64);
  });

  afterAll(async () => {
    await Promise.all([open, locked, plain].map((registry) => registry.stop()));
  });

  test.each<[image: string, digest: string, sizes: Record<string, number>, platforms: string[] | undefined]>([
    [':v1', AMD64.digest, { 'linux/amd64': AMD64.pulledBytes, 'linux/arm64': AMD64.pulledBytes }, undefined],
    ['', ARM64.digest, { 'linux/amd64': ARM64.pulledBytes, 'linux/arm64': ARM64.pulledBytes }, undefined],
    [
      ':multi',
      INDEX.digest,
      { 'linux/amd64': AMD64.pulledBytes, 'linux/arm64': ARM64.pulledBytes },
      ['linux/amd64', 'linux/arm64', 'linux/arm/v7'],
    ],
    [
      ':docker',
      DOCKER_AMD64.digest,
      { 'linux/amd64': DOCKER_AMD64.pulledBytes, 'linux/arm64': DOCKER_AMD64.pulledBytes },
      undefined,
    ],
    [':docker-list', DOCKER_LIST.digest, { 'linux/amd64': DOCKER_AMD64.pulledBytes }, ['linux/amd64']],
    [
      `:gone@${AMD64.digest}`,
      AMD64.digest,
      { 'linux/amd64': AMD64.pulledBytes, 'linux/arm64': AMD64.pulledBytes },
      undefined,
    ],
  ])('tells the digest and sizes of team/app%s that were pushed', async (image, digest, sizes, platforms) => {
    const result = await probe(open, `team/app${image}`, { platforms: ['linux/amd64', 'linux/arm64'] });
    expect(answerOf(result)).toEqual({
      endpoint: open.host,
      outcome: 'ok',
      digest,
      sizes: Object.entries(sizes).map(([platform, bytes]) => ({ platform, bytes })),
      platforms,
    });
  });

  test('tells the sizes of all platforms to who wants them all', async () => {
    expect(answerOf(await probe(open, 'team/app:multi', { platforms: 'all' }))).toMatchObject({
      sizes: [
        { platform: 'linux/amd64', bytes: AMD64.pulledBytes },
        { platform: 'linux/arm64', bytes: ARM64.pulledBytes },
        { platform: 'linux/arm/v7', bytes: ARM.pulledBytes },
      ],
    });
  });

  // Of a manifest in a repository that is not there, this one too says only that there is no manifest.
  test.each(['team/app:v2', `team/app@sha256:${'5'.repeat(64)}`, 'team/other:v1'])('has no %s', async (image) => {
    const expected = { endpoint: open.host, outcome: 'failed', cause: 'image-not-found' };
    expect(answerOf(await probe(open, image))).toEqual(expected);
  });

  test('lets those pull who log in with the right password, and nobody else', async () => {
    const denied = { endpoint: locked.host, outcome: 'failed' };
    const wrong = { ...USER, password: 'wrong-password' };
    expect(answerOf(await probe(locked, 'team/app:v1', { credentials: USER }))).toMatchObject({ outcome: 'ok' });
    expect(answerOf(await probe(locked, 'team/app:v1', { credentials: wrong }))).toEqual({
      ...denied,
      cause: 'credentials-refused',
    });
    expect(answerOf(await probe(locked, 'team/app:v1'))).toEqual({ ...denied, cause: 'credentials-missing' });
    const missing = { endpoint: locked.host, outcome: 'failed', cause: 'image-not-found' };
    expect(answerOf(await probe(locked, 'team/app:v2', { credentials: USER }))).toEqual(missing);
  });

  test('is trusted only with its CA', async () => {
    expect(answerOf(await probe({ ...open, ca: undefined }, 'team/app:v1', {}, { plainHttp: false }))).toEqual({
      endpoint: open.host,
      outcome: 'failed',
      cause: 'unknown-ca',
    });
    expect(answerOf(await probe({ ...open, ca: locked.ca }, 'team/app:v1'))).toMatchObject({ cause: 'unknown-ca' });
  });

  test('is asked without TLS only where the policy says so', async () => {
    expect(answerOf(await probe(plain, 'team/app:v1'))).toMatchObject({ endpoint: plain.host, outcome: 'ok' });
    const overTls = await probe(plain, 'team/app:v1', {}, { plainHttp: false });
    expect(answerOf(overTls)).toMatchObject({ cause: 'no-tls' });
  });

  test('is not asked at an address that the policy does not allow', async () => {
    expect(await probe(open, 'team/app:v1', {}, { addresses: [] })).toEqual({
      notAsked: { why: 'address-not-allowed', host: '127.0.0.1', address: '127.0.0.1' },
    });
  });
});

async function probe(
  { host, ca }: Pick<DockerRegistry, 'host' | 'ca'>,
  image: string,
  request: Partial<ProbeRequest> = {},
  registry: Partial<RegistryProbe> = {},
): Promise<ProbeResult> {
  return createProbeImage(createExchange())({
    reference: readReference(`${host}/${image}`)!,
    registry: {
      ...(ca !== undefined && { ca }),
      plainHttp: ca === undefined,
      tokenHosts: [],
      addresses: ['127.0.0.0/8'],
      mirrors: [],
      ...registry,
    },
    credentials: undefined,
    platforms: [],
    timeoutMs: 10_000,
    ...request,
  });
}

function answerOf(result: ProbeResult): unknown {
  return 'answer' in result ? result.answer : result;
}
