import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { RegistryProbe } from '../../../src/policy/policy.ts';
import { createExchange } from '../../../src/registry/exchange/create-exchange.ts';
import { createProbeImage, type ProbeRequest, type ProbeResult } from '../../../src/registry/client/probe-image.ts';
import { startFaultRegistry, type Answer, type FaultRegistry } from '../../support/fault-registry.ts';
import {
  answerAlways,
  answerEndlessly,
  guardByToken,
  neverAnswer,
  serveByPath,
  serveImages,
  serveTokens,
} from '../../support/registry-answers.ts';
import { makeRegistryCertificates, type RegistryCertificates } from '../../support/registry-certificates.ts';
import { makeImage, makeIndex } from '../../support/registry-images.ts';

const AMD64 = makeImage([1000]);
const INDEX = makeIndex({ 'linux/amd64': AMD64, 'linux/arm64': makeImage([2000]) });
const IMAGES = serveImages({ 'team/app:v1': INDEX });
const MANIFEST = '/v2/team/app/manifests/v1';

const USER = { username: 'me', password: 'c2VjcmV0-password' };

const probeImage = createProbeImage(createExchange());

async function start(answer: Answer, options?: Parameters<typeof startFaultRegistry>[1]): Promise<FaultRegistry> {
  const registry = await startFaultRegistry(answer, options);
  onTestFinished(() => registry.close());
  return registry;
}

/** A registry whose answers need to know where it is. */
async function startAt(answer: (host: string) => Answer): Promise<FaultRegistry> {
  let answers: Answer = neverAnswer;
  const registry = await start((request, response) => {
    answers(request, response);
  });
  answers = answer(registry.host);
  return registry;
}

async function probe(
  host: string,
  { registry, ...request }: Omit<Partial<ProbeRequest>, 'registry'> & { registry?: Partial<RegistryProbe> } = {},
): Promise<ProbeResult> {
  return probeImage({
    reference: { registry: host, repository: 'team/app', tag: 'v1' },
    credentials: undefined,
    platforms: [],
    timeoutMs: 10_000,
    ...request,
    registry: { plainHttp: true, tokenHosts: [], addresses: ['127.0.0.0/8'], mirrors: [], ...registry },
  });
}

/** What was asked, and whether with a login. */
function listAsked({ requests }: FaultRegistry): string[] {
  return requests.map(({ method, url, headers: { authorization } }) =>
    [method, url.replace(/\?.*$/, ''), ...(authorization === undefined ? [] : [authorization.split(' ')[0]])].join(' '),
  );
}

describe('a login', () => {
  test('by token of its own is right or wrong', async () => {
    const registry = await startAt((host) =>
      serveByPath({
        '/token': serveTokens(USER),
        '/v2/': serveImages({ 'team/app:v1': INDEX }, guardByToken(`http://${host}/token`)),
      }),
    );
    const found = await probe(registry.host, { credentials: USER, platforms: ['linux/amd64'] });
    expect(found).toMatchObject({ answer: { sizes: [{ platform: 'linux/amd64', bytes: AMD64.pulledBytes }] } });
    const v2 = '/v2/team/app/manifests';
    expect(listAsked(registry)).toEqual([
      `HEAD ${v2}/v1`,
      'GET /token Basic',
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
      expect(await probe(registry.host, { credentials })).toEqual({
        notAsked: { why: 'token-host-not-named', host: tokens.host },
      });
    }
    expect(tokens.connections()).toBe(0);
    expect(listAsked(registry)).toEqual([`HEAD ${MANIFEST}`, `HEAD ${MANIFEST}`]);
  });

  test('is asked for in two headers, of which the second is the one for a token', async () => {
    const registry = await startAt((host) => (request, response) => {
      response.setHeader('WWW-Authenticate', ['Basic realm="a, b"', `Bearer realm="http://${host}/token"`]);
      const answer = serveByPath({ '/token': serveTokens(USER), '/v2/': answerAlways(401) });
      answer(request, response);
    });
    expect(await probe(registry.host, { credentials: USER })).toMatchObject({ answer: { cause: 'access-denied' } });
    expect(listAsked(registry)).toEqual([`HEAD ${MANIFEST}`, 'GET /token Basic', `HEAD ${MANIFEST} Bearer`]);
  });

  test('is shown to one that it names, and goes no further', async () => {
    const trap = await start(serveTokens(undefined));
    const tokens = await start(answerAlways(307, '', { Location: `http://${trap.host}/token` }));
    const registry = await start(serveImages({}, guardByToken(`http://${tokens.host}/token`)));
    const options = { credentials: USER, registry: { tokenHosts: [tokens.host] } };
    expect(await probe(registry.host, options)).toEqual({
      notAsked: { why: 'token-redirects' },
    });
    expect(listAsked(tokens)).toEqual(['GET /token Basic']);
    expect(trap.connections()).toBe(0);
  });
});

// The registry could have it ask whatever is near, such as the metadata service.
test('a redirect into the network that only the registry itself may be in is not followed', async () => {
  const near = await start(IMAGES);
  const registry = await start(answerAlways(307, '', { Location: `http://${near.host}${MANIFEST}` }));
  expect(await probe(registry.host, { credentials: USER })).toEqual({
    notAsked: { why: 'redirect-to-private-network', host: near.host, address: '127.0.0.1' },
  });
  expect(near.connections()).toBe(0);
});

describe('what goes wrong at a registry is told for what it is', () => {
  const digest = { 'Docker-Content-Digest': INDEX.digest };
  const half =
    (length: number): Answer =>
    (_request, response) => {
      response.writeHead(200, { 'Content-Length': length }).flushHeaders();
      response.write(INDEX.bytes.subarray(0, 10), () => response.destroy());
    };

  test.each<[what: string, answer: Answer, told: object]>([
    ['no login, in SWR’s words', answerAlways(500, 'You may not login yet'), { cause: 'credentials-missing' }],
    ['a web server', answerAlways(404, '<html>'), { fault: { what: 'no-registry' } }],
    ['a web site', answerAlways(200, '', { 'Content-Type': 'text/html' }), { fault: { what: 'foreign-manifest' } }],
    ['a circle', answerAlways(302, '', { Location: MANIFEST }), { fault: { what: 'redirects-on', number: 9 } }],
    ['an error without end', answerEndlessly(404), { cause: 'image-not-found' }],
    ['a manifest without end', answerEndlessly(200), { fault: { what: 'too-long', number: 4 * 1024 * 1024 } }],
    ['half a manifest', half(INDEX.bytes.length), { fault: { what: 'ended-early' } }],
    ['another manifest', answerAlways(200, AMD64.bytes.toString(), digest), { fault: { what: 'other-digest' } }],
  ])('%s', async (_what, answer, told) => {
    const { host } = await start(answer);
    const { answer: found } = (await probe(host, { platforms: ['linux/amd64'] })) as { answer: object };
    expect(found).toMatchObject({ endpoint: host, ...told });
  });

  test('tokens without end', async () => {
    const registry = await startAt((host) =>
      serveByPath({ '/token': answerEndlessly(), '/v2/': serveImages({}, guardByToken(`http://${host}/token`)) }),
    );
    expect(await probe(registry.host)).toMatchObject({ answer: { fault: { what: 'too-long', number: 64 * 1024 } } });
  });

  test('a token that would be two headers', async () => {
    const registry = await startAt((host) =>
      serveByPath({
        '/token': answerAlways(200, { token: 'abc\r\nX-Other: yes' }),
        '/v2/': serveImages({}, guardByToken(`http://${host}/token`)),
      }),
    );
    expect(await probe(registry.host)).toMatchObject({ answer: { fault: { what: 'no-token' } } });
    expect(registry.requests).toHaveLength(2);
  });
});

test('a mirror that hangs does not keep the registry from being asked', async () => {
  const mirror = await start(neverAnswer);
  const registry = await start(IMAGES);
  const options = { registry: { mirrors: [mirror.host] }, timeoutMs: 2000 };
  expect(await probe(registry.host, options)).toMatchObject({ answer: { endpoint: registry.host, outcome: 'ok' } });
  expect(mirror.requests).toMatchObject([{ url: `${MANIFEST}?ns=${encodeURIComponent(registry.host)}` }]);
});

describe('over TLS', () => {
  let certificates: RegistryCertificates;

  beforeAll(async () => {
    certificates = await makeRegistryCertificates();
  });

  test('it is the token service that users hear of, if it is its certificate that is not known', async () => {
    const { ca, valid, unknown } = certificates;
    const tokens = await start(serveTokens(USER), { tls: unknown });
    const guard = guardByToken(`https://${tokens.host}/token`);
    const registry = await start(serveImages({ 'team/app:v1': INDEX }, guard), { tls: valid });
    const policy = { plainHttp: false, ca, tokenHosts: [tokens.host] };
    expect(await probe(registry.host, { credentials: USER, registry: policy })).toEqual({
      answer: {
        endpoint: tokens.host,
        outcome: 'failed',
        cause: 'unknown-ca',
      },
    });
    expect(tokens.requests).toEqual([]);
  });

  test('nothing is sent without TLS, wherever a registry sends it', async () => {
    const { ca, valid } = certificates;
    const plain = await start(serveTokens(undefined));
    const location = `http://${plain.host}${MANIFEST}`;
    const registry = await start(answerAlways(307, '', { Location: location }), { tls: valid });
    const guarded = await start(serveImages({}, guardByToken(`http://${plain.host}/token`)), { tls: valid });
    const policy = { plainHttp: false, ca, tokenHosts: [plain.host] };
    const options = { credentials: USER, registry: policy };
    expect(await probe(registry.host, options)).toEqual({
      notAsked: { why: 'redirect-to-plain-http' },
    });
    expect(await probe(guarded.host, options)).toEqual({
      notAsked: { why: 'token-over-plain-http', host: plain.host },
    });
    expect(plain.connections()).toBe(0);
  });
});
