import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { failBy, failWith, type FailedPull } from '../../../src/cause/answer.ts';
import type { RegistryProbe } from '../../../src/policy/policy.ts';
import { createProbeImage, type ProbeRequest, type ProbeResult } from '../../../src/registry/client/probe-image.ts';
import { createExchange } from '../../../src/registry/exchange/create-exchange.ts';
import { hasDockerRegistry, startDockerRegistry, USER, type DockerRegistry } from '../../support/docker-registry.ts';
import { startFaultRegistry, type Answer, type FaultRegistry } from '../../support/fault-registry.ts';
import {
  answerAlways,
  answerEndlessly,
  guardByToken,
  serveByPath,
  serveImages,
  serveTokens,
} from '../../support/registry-answers.ts';
import { registryCertificates } from '../../support/certificates.ts';
import { makeImage, makeIndex } from '../../support/registry-images.ts';

// Probes as they are made, of registries that listen on the loopback.

const AMD64 = makeImage([4000, 250, 1]);
const ARM64 = makeImage([3000]);
const ARM = makeImage([2000, 2000]);
const INDEX = makeIndex({ 'linux/amd64': AMD64, 'linux/arm64/v8': ARM64, 'linux/arm/v7': ARM });
const DOCKER_AMD64 = makeImage([777], 'docker');
const DOCKER_LIST = makeIndex({ 'linux/amd64': DOCKER_AMD64 }, 'docker');
const PLATFORMS = ['linux/amd64', 'linux/arm64'];

type Options = Omit<Partial<ProbeRequest>, 'registry'> & Readonly<{ registry?: Partial<RegistryProbe> }>;

/** Asks about `team/app` there, `:v1` unless told otherwise; over plain HTTP where there is no CA. */
async function probe(
  { host, ca }: Readonly<{ host: string; ca?: string | undefined }>,
  { registry, ...request }: Options = {},
  name: { repository?: string; tag?: string; digest?: string } = { tag: 'v1' },
): Promise<ProbeResult> {
  const policy = { plainHttp: ca === undefined, tokenHosts: [], addresses: ['127.0.0.0/8'], mirrors: [] };
  return createProbeImage(createExchange())({
    reference: { registry: host, repository: 'team/app', ...name },
    credentials: undefined,
    platforms: [],
    timeoutMs: 10_000,
    ...request,
    registry: { ...policy, ...(ca !== undefined && { ca }), ...registry },
  });
}

const isMissing = !hasDockerRegistry();
if (isMissing) console.warn('docker-registry is not installed: the tests against a real registry are left out');

describe.skipIf(isMissing)(
  isMissing ? 'a real registry (left out: docker-registry is not installed)' : 'a real registry',
  () => {
    let open: DockerRegistry;
    let locked: DockerRegistry;
    let plain: DockerRegistry;

    beforeAll(async () => {
      [open, locked, plain] = await Promise.all([
        startDockerRegistry(),
        startDockerRegistry({ login: true }),
        startDockerRegistry({ plainHttp: true }),
      ]);
      const images = { v1: AMD64, latest: ARM64, multi: INDEX, docker: DOCKER_AMD64, 'docker-list': DOCKER_LIST };
      for (const [tag, image] of Object.entries(images)) await open.push('team/app', tag, image);
      await locked.push('team/app', 'v1', AMD64);
      await plain.push('team/app', 'v1', AMD64);
    });

    afterAll(async () => {
      await Promise.all([open, locked, plain].map((registry) => registry.stop()));
    });

    const no = (registry: DockerRegistry, failure: FailedPull) => ({ answer: { endpoint: registry.host, ...failure } });

    test.each<[name: { tag?: string; digest?: string }, digest: string, sizes: number[], platforms?: string[]]>([
      [{ tag: 'v1' }, AMD64.digest, [AMD64.pulledBytes, AMD64.pulledBytes]],
      [{}, ARM64.digest, [ARM64.pulledBytes, ARM64.pulledBytes]],
      [{ tag: 'multi' }, INDEX.digest, [AMD64.pulledBytes, ARM64.pulledBytes], [...PLATFORMS, 'linux/arm/v7']],
      [{ tag: 'docker' }, DOCKER_AMD64.digest, [DOCKER_AMD64.pulledBytes, DOCKER_AMD64.pulledBytes]],
      [{ tag: 'docker-list' }, DOCKER_LIST.digest, [DOCKER_AMD64.pulledBytes], ['linux/amd64']],
      [{ tag: 'gone', digest: AMD64.digest }, AMD64.digest, [AMD64.pulledBytes, AMD64.pulledBytes]],
    ])('tells the digest and sizes of %j that were pushed', async (name, digest, bytes, platforms) => {
      const sizes = bytes.map((each, at) => ({ platform: PLATFORMS[at], bytes: each }));
      expect(await probe(open, { platforms: PLATFORMS }, name)).toEqual({
        answer: { endpoint: open.host, outcome: 'ok', digest, sizes, platforms },
      });
    });

    test('tells the sizes of all platforms to who wants them all', async () => {
      const sizes = [AMD64, ARM64, ARM].map(({ pulledBytes: bytes }, at) => ({
        platform: [...PLATFORMS, 'linux/arm/v7'][at],
        bytes,
      }));
      expect(await probe(open, { platforms: 'all' }, { tag: 'multi' })).toMatchObject({ answer: { sizes } });
    });

    // Of a manifest in a repository that is not there, this one too says only that there is no manifest.
    test.each([{ tag: 'v2' }, { digest: `sha256:${'5'.repeat(64)}` }, { repository: 'team/other' }])(
      'has no %j',
      async (name) => {
        expect(await probe(open, {}, name)).toEqual(
          no(open, { outcome: 'failed', cause: 'image-not-found', says: expect.stringContaining('unknown') as string }),
        );
      },
    );

    test('lets those pull who log in with the right password, and nobody else', async () => {
      const wrong = { ...USER, password: 'wrong-password' };
      expect(await probe(locked, { credentials: USER })).toMatchObject({ answer: { outcome: 'ok' } });
      expect(await probe(locked, { credentials: wrong })).toEqual(no(locked, failWith('credentials-refused')));
      expect(await probe(locked)).toEqual(no(locked, failWith('credentials-missing')));
    });

    test('is trusted only with its CA, asked without TLS only where the policy says so, and at no other address', async () => {
      expect(await probe({ host: open.host }, { registry: { plainHttp: false } })).toEqual(
        no(open, failWith('unknown-ca')),
      );
      expect(await probe({ ...open, ca: locked.ca })).toEqual(no(open, failWith('unknown-ca')));
      expect(await probe(plain)).toMatchObject({ answer: { endpoint: plain.host, outcome: 'ok' } });
      expect(await probe(plain, { registry: { plainHttp: false } })).toEqual(no(plain, failBy('no-tls')));
      expect(await probe(open, { registry: { addresses: [] } })).toEqual({
        notAsked: { why: 'address-not-allowed', host: '127.0.0.1', address: '127.0.0.1' },
      });
    });
  },
);

const MANIFEST = '/v2/team/app/manifests/v1';
const IMAGES = serveImages({ 'team/app:v1': INDEX });

async function start(answer: Answer, options?: Parameters<typeof startFaultRegistry>[1]): Promise<FaultRegistry> {
  const registry = await startFaultRegistry(answer, options);
  onTestFinished(() => registry.close());
  return registry;
}

/** What was asked, and whether with a login. */
function listAsked({ requests }: FaultRegistry): string[] {
  return requests.map(({ method, url, headers: { authorization = '' } }) =>
    [method, url.replace(/\?.*$/, ''), authorization.split(' ')[0]].join(' ').trimEnd(),
  );
}

describe('a login', () => {
  test('is asked for in two headers, and it is the one for a token that is met', async () => {
    const registry = await start((request, response) => {
      const { host = '' } = request.headers;
      const images: Answer = (...exchange) => {
        if (request.headers.authorization?.startsWith('Bearer ') === true) IMAGES(...exchange);
        else
          response
            .writeHead(401, { 'WWW-Authenticate': ['Basic realm="a, b"', `Bearer realm="http://${host}/t"`] })
            .end();
      };
      serveByPath({ '/t': serveTokens(USER), '/v2/': images })(request, response);
    });
    const found = await probe(registry, { credentials: USER, platforms: ['linux/amd64'] });
    expect(found).toMatchObject({ answer: { sizes: [{ platform: 'linux/amd64', bytes: AMD64.pulledBytes }] } });
    const v2 = '/v2/team/app/manifests';
    expect(listAsked(registry)).toEqual([
      `HEAD ${v2}/v1`,
      'GET /t Basic',
      `HEAD ${v2}/v1 Bearer`,
      `GET ${v2}/${INDEX.digest} Bearer`,
      `GET ${v2}/${AMD64.digest} Bearer`,
    ]);
  });

  // Else whoever runs a registry collects the passwords of others.
  test('is never shown to a token service that the policy does not name', async () => {
    const tokens = await start(serveTokens(undefined));
    const registry = await start(serveImages({}, guardByToken(`http://${tokens.host}/token`)));
    for (const credentials of [USER, undefined]) {
      const notAsked = { why: 'token-host-not-named', host: tokens.host };
      expect(await probe(registry, { credentials })).toEqual({ notAsked });
    }
    expect(tokens.connections()).toBe(0);
    expect(listAsked(registry)).toEqual([`HEAD ${MANIFEST}`, `HEAD ${MANIFEST}`]);
  });

  test('is shown to one that it names, and goes no further', async () => {
    const trap = await start(serveTokens(undefined));
    const tokens = await start(answerAlways(307, '', { Location: `http://${trap.host}/token` }));
    const registry = await start(serveImages({}, guardByToken(`http://${tokens.host}/token`)));
    const result = await probe(registry, { credentials: USER, registry: { tokenHosts: [tokens.host] } });
    expect(result).toEqual({ notAsked: { why: 'token-redirects' } });
    expect(listAsked(tokens)).toEqual(['GET /token Basic']);
    expect(trap.connections()).toBe(0);
  });
});

// The registry could have it ask whatever is near, such as the metadata service.
test('a redirect into the network that only the registry itself may be in is not followed', async () => {
  const near = await start(IMAGES);
  const registry = await start(answerAlways(307, '', { Location: `http://${near.host}${MANIFEST}` }));
  const notAsked = { why: 'redirect-to-private-network', host: near.host, address: '127.0.0.1' };
  expect(await probe(registry, { credentials: USER })).toEqual({ notAsked });
  expect(near.connections()).toBe(0);
});

const half: Answer = (_request, response) => {
  response.writeHead(200, { 'Content-Length': INDEX.bytes.length }).flushHeaders();
  response.write(INDEX.bytes.subarray(0, 10), () => response.destroy());
};

test.each<[what: string, answer: Answer, told: object]>([
  ['an error without end', answerEndlessly(404), { cause: 'image-not-found' }],
  ['a manifest without end', answerEndlessly(200), failBy('too-long', 4 * 1024 * 1024)],
  ['half a manifest', half, failBy('ended-early')],
])('%s is told for what it is', async (_what, answer, told) => {
  const { host } = await start(answer);
  expect(await probe({ host }, { platforms: PLATFORMS })).toMatchObject({ answer: { endpoint: host, ...told } });
});

test('over TLS, it is the token service that users hear of, if it is its certificate that is not known', async () => {
  const { ca, valid, unknown } = await registryCertificates();
  const tokens = await start(serveTokens(USER), { tls: unknown });
  const registry = await start(serveImages({}, guardByToken(`https://${tokens.host}/token`)), { tls: valid });
  const result = await probe({ ...registry, ca }, { credentials: USER, registry: { tokenHosts: [tokens.host] } });
  expect(result).toEqual({ answer: { endpoint: tokens.host, ...failWith('unknown-ca') } });
  expect(tokens.requests).toEqual([]);
});

test('over TLS, nothing is sent without it, wherever a registry sends it', async () => {
  const { ca, valid } = await registryCertificates();
  const plain = await start(serveTokens(undefined));
  const moved = await start(answerAlways(307, '', { Location: `http://${plain.host}${MANIFEST}` }), { tls: valid });
  const guarded = await start(serveImages({}, guardByToken(`http://${plain.host}/token`)), { tls: valid });
  const options = { credentials: USER, registry: { tokenHosts: [plain.host] } };
  expect(await probe({ ...moved, ca }, options)).toEqual({ notAsked: { why: 'redirect-to-plain-http' } });
  const notAsked = { why: 'token-over-plain-http', host: plain.host };
  expect(await probe({ ...guarded, ca }, options)).toEqual({ notAsked });
  expect(plain.connections()).toBe(0);
});
