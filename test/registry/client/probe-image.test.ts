import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type PullableImage, describeNotAsked, type NotAsked } from '../../../src/cause/answer.ts';
import type { RegistryProbe } from '../../../src/policy/policy.ts';
import { readReference } from '../../../src/image/reference.ts';
import { ExchangeError } from '../../../src/registry/exchange/exchange.ts';
import type { Exchange, ExchangeResponse } from '../../../src/registry/exchange/exchange.ts';
import { createProbeImage, type ProbeRequest, type ProbeResult } from '../../../src/registry/client/probe-image.ts';
import { makeImage, makeIndex, type TestImage } from '../../support/registry-images.ts';
import { fakeExchange, MANIFESTS, NO_POLICY, type FakeAnswer, type FakeAnswers } from './fake-exchange.ts';

const AMD64 = makeImage([100]);
const ARM64 = makeImage([200]);
const INDEX = makeIndex({ 'linux/amd64': AMD64, 'linux/arm64': ARM64 });
const NOW = Date.UTC(2026, 5, 1, 12);

const found = (digest = INDEX.digest, more = {}): FakeAnswer => ({
  headers: { 'docker-content-digest': digest, ...more },
});

type Options = Readonly<Omit<Partial<ProbeRequest>, 'registry'> & { registry?: Partial<RegistryProbe> }>;

function requestFor(image: string, { registry, ...request }: Options = {}): ProbeRequest {
  return {
    reference: readReference(image)!,
    credentials: undefined,
    platforms: [],
    timeoutMs: 10_000,
    ...request,
    registry: { ...NO_POLICY, ...registry },
  };
}

async function probe(image: string, answers: FakeAnswers, options: Options = {}) {
  const fake = fakeExchange(answers);
  const result = await createProbeImage(fake.exchange, () => NOW)(requestFor(image, options));
  return { result, ...fake };
}

const APP = 'registry.example.com/team/app:v1';
const V1 = `${MANIFESTS}/v1`;
const ok = { outcome: 'ok', digest: INDEX.digest, sizes: [], platforms: undefined };

describe('an image is asked for where it is', () => {
  test.each<[image: string, registry: Partial<RegistryProbe>, url: string, endpoint: string]>([
    [APP, {}, V1, 'registry.example.com:443'],
    [APP, { plainHttp: true }, V1.replace('https', 'http'), 'registry.example.com:80'],
    ['nginx', {}, 'https://registry-1.docker.io/v2/library/nginx/manifests/latest', 'registry-1.docker.io:443'],
    ['100.125.7.25:20202/a/b:c', {}, 'https://100.125.7.25:20202/v2/a/b/manifests/c', '100.125.7.25:20202'],
    ['[2001:db8::1]:5000/a:b', {}, 'https://[2001:db8::1]:5000/v2/a/manifests/b', '[2001:db8::1]:5000'],
  ])('%s (%j)', async (image, registry, url, endpoint) => {
    const { result, asked } = await probe(image, { [`HEAD ${url}`]: found() }, { registry });
    expect(result).toEqual({ answer: { endpoint, ...ok } });
    expect(asked()).toEqual([`HEAD ${url}`]);
  });

  test('and nowhere if there can be no such host', async () => {
    const { result, requests } = await probe('0x7f.1/team/app:v1', {});
    expect(result).toEqual({ notAsked: { why: 'impossible-host', host: '0x7f.1' } });
    expect(requests).toEqual([]);
  });
});

describe('an answer', () => {
  test('comes with the limit of the registry, if it has one', async () => {
    const limit = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' };
    const url = 'HEAD https://registry-1.docker.io/v2/library/nginx/manifests/latest';
    const { result } = await probe('nginx', { [url]: found(INDEX.digest, limit) });
    expect(result).toMatchObject({ rateLimit: { limit: 100, remaining: 76, windowSeconds: 21600 } });
  });
});

describe('sizes', () => {
  const answers: FakeAnswers = {
    [`HEAD ${V1}`]: found(),
    ...Object.fromEntries(
      [INDEX, AMD64, ARM64].map(({ digest, bytes, mediaType }): [string, FakeAnswer] => [
        `GET ${MANIFESTS}/${digest}`,
        { body: bytes, headers: { 'content-type': mediaType } },
      ]),
    ),
  };
  const measured = {
    outcome: 'ok',
    digest: INDEX.digest,
    sizes: [{ platform: 'linux/arm64', bytes: ARM64.pulledBytes }],
    platforms: ['linux/amd64', 'linux/arm64'],
  } satisfies PullableImage;

  test('are added up by what the digest leads to, not the tag, which may move meanwhile', async () => {
    const { result, asked } = await probe(APP, answers, { platforms: ['linux/arm64'] });
    expect(result).toEqual({ answer: { endpoint: 'registry.example.com:443', ...measured } });
    expect(asked()).toEqual([`HEAD ${V1}`, `GET ${MANIFESTS}/${INDEX.digest}`, `GET ${MANIFESTS}/${ARM64.digest}`]);
  });

  // Each manifest counts as a pull there, also when a mirror has to fetch it.
  test.each<[registry: Partial<RegistryProbe>, host: string]>([
    [{}, 'registry-1.docker.io'],
    [{ mirrors: ['one.example.com'] }, 'one.example.com'],
  ])('of Docker Hub are not asked for: %j', async (registry, host) => {
    const ns = host === 'one.example.com' ? '?ns=docker.io' : '';
    const url = `HEAD https://${host}/v2/library/nginx/manifests/latest${ns}`;
    const { result, asked } = await probe('nginx', { [url]: found() }, { registry, platforms: ['linux/amd64'] });
    expect(result).toMatchObject({ answer: ok });
    expect(asked()).toEqual([url]);
  });
});

describe('mirrors', () => {
  const registry = { mirrors: ['one.example.com', 'two.example.com:5000'] };
  const ONE = 'HEAD https://one.example.com/v2/library/nginx/manifests/latest?ns=docker.io';
  const TWO = 'HEAD https://two.example.com:5000/v2/library/nginx/manifests/latest?ns=docker.io';
  const HUB = 'HEAD https://registry-1.docker.io/v2/library/nginx/manifests/latest';
  const credentials = { username: 'me', password: 'secret' };

  test('are asked first, and what they have is there', async () => {
    const limit = { 'ratelimit-remaining': '1' };
    const { result, asked } = await probe('nginx', { [ONE]: found(INDEX.digest, limit) }, { registry });
    expect(result).toEqual({ answer: { endpoint: 'one.example.com:443', ...ok } });
    expect(asked()).toEqual([ONE]);
  });

  const GUARDED: FakeAnswer = { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } };

  test.each<[what: string, answer: FakeAnswer]>([
    ['do not have', { status: 418 }],
    ['cannot be asked for', { outcome: 'failed', cause: 'timeout' }],
  ])('that %s an image leave it to the next, and to the registry in the end', async (_what, answer) => {
    const options = { registry, credentials };
    const { result, asked } = await probe('nginx', { [ONE]: answer, [TWO]: found() }, options);
    expect(result).toMatchObject({ answer: { endpoint: 'two.example.com:5000', outcome: 'ok' } });
    expect(asked()).toEqual([ONE, TWO]);
    const last = await probe('nginx', { [ONE]: answer, [TWO]: answer, [HUB]: { status: 403 } }, options);
    expect(last.result).toEqual({
      answer: { endpoint: 'registry-1.docker.io:443', outcome: 'failed', cause: 'access-denied' },
    });
    expect(last.asked()).toEqual([ONE, TWO, HUB]);
  });

  const host = 'one.example.com';
  const mirrorNotAsked = (because: NotAsked): NotAsked => ({ why: 'mirror-not-asked', host, because });

  // Nodes show mirrors the user and password too, and reach what the policy has not allowed: they may pull it from there.
  test.each<[what: string, answer: FakeAnswer, why: NotAsked]>([
    ['want a login', GUARDED, { why: 'mirror-wants-login', host: 'one.example.com' }],
    [
      'may not be asked',
      { outcome: 'forbidden-address', address: '10.0.0.1' },
      mirrorNotAsked({ why: 'address-not-allowed', host: 'one.example.com', address: '10.0.0.1' }),
    ],
    [
      'want a token of somebody else',
      { status: 401, headers: { 'www-authenticate': 'Bearer realm="https://auth.docker.io/t"' } },
      mirrorNotAsked({ why: 'token-host-not-named', host: 'auth.docker.io' }),
    ],
  ])('that %s keep a no of the registry from being told, and no yes', async (_what, answer, notAsked) => {
    const options = { registry, credentials };
    for (const refusal of [{ status: 404 }, { status: 403 }, { outcome: 'failed', cause: 'no-such-host' } as const]) {
      const { result, asked } = await probe('nginx', { [ONE]: answer, [TWO]: answer, [HUB]: refusal }, options);
      expect(result).toEqual({ notAsked });
      expect(asked()).toEqual([ONE, TWO, HUB]);
    }
    const last = await probe('nginx', { [ONE]: answer, [TWO]: answer, [HUB]: found() }, options);
    expect(last.result).toMatchObject({ answer: { endpoint: 'registry-1.docker.io:443', outcome: 'ok' } });
  });

  test('that want a login let the registry say no to whoever has none', async () => {
    const { result } = await probe('nginx', { [ONE]: GUARDED, [HUB]: { status: 404 } }, { registry });
    expect(result).toMatchObject({ answer: { cause: 'image-not-found' } });
  });

  // Credentials are for the registry, and nobody said that the mirror is the registry's.
  test('never see a login', async () => {
    const challenge = { status: 401, headers: { 'www-authenticate': 'Bearer realm="https://one.example.com/t"' } };
    const tokens = 'GET https://one.example.com/t?scope=repository%3Alibrary%2Fnginx%3Apull';
    const answers = { [ONE]: [challenge, found()], [tokens]: { body: { token: 'abc' } } };
    const { asked, requests } = await probe('nginx', answers, { registry, credentials });
    expect(asked()).toEqual([ONE, tokens, `${ONE} as Bearer abc`]);
    expect(JSON.stringify(requests)).not.toContain(btoa('me:secret'));
  });

  test('that hang leave the others their part of the time, all of which the registry has', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const { requests } = await probe('nginx', {}, { registry, timeoutMs: 9000 });
    const times = new Map(requests.map(({ url, deadline }) => [url.hostname, deadline - performance.now()]));
    expect([...times.values()]).toEqual([3000, 4500, 9000]);
  });

  // containerd fetches from the next host what one lacks, also the manifest of a platform.
  describe('that lack a platform', () => {
    const image = (host: string, { digest, bytes, mediaType }: TestImage): FakeAnswers => ({
      [`GET https://${host}/v2/team/app/manifests/${digest}${host === 'one.example.com' ? NS : ''}`]: {
        body: bytes,
        headers: { 'content-type': mediaType },
      },
    });
    const NS = '?ns=registry.example.com';
    const onMirror = {
      [`HEAD https://one.example.com/v2/team/app/manifests/v1${NS}`]: found(),
      ...image('one.example.com', INDEX),
      ...image('one.example.com', AMD64),
    };
    const complete = {
      [`HEAD ${V1}`]: found(),
      ...image('registry.example.com', INDEX),
      ...image('registry.example.com', AMD64),
      ...image('registry.example.com', ARM64),
    };
    const options = { registry: { mirrors: ['one.example.com'] }, platforms: ['linux/amd64', 'linux/arm64'] };

    test.each<[what: string, answers: FakeAnswers, endpoint: string, measures: Partial<PullableImage>]>([
      ['that has it', complete, 'registry.example.com:443', { platforms: ['linux/amd64', 'linux/arm64'] }],
      ['that has nothing', {}, 'one.example.com:443', { platforms: ['linux/amd64'], missing: ['linux/arm64'] }],
      [
        'that cannot be asked',
        { [`HEAD ${V1}`]: { outcome: 'failed', cause: 'timeout' } },
        'one.example.com:443',
        { platforms: undefined, missing: [] },
      ],
    ])('leave it to the registry %s', async (_what, answers, endpoint, measures) => {
      const { result } = await probe(APP, { ...onMirror, ...answers }, options);
      expect(result).toMatchObject({ answer: { endpoint, outcome: 'ok', ...measures } });
    });
  });

  test('that can be no hosts are passed over', async () => {
    const { result, asked } = await probe('nginx', { [HUB]: found() }, { registry: { mirrors: ['0x7f.1', 'a b'] } });
    expect(result).toMatchObject({ answer: { outcome: 'ok' } });
    expect(asked()).toEqual([HUB]);
  });
});

describe('credentials', () => {
  const USER_ALONE = { username: 'me', password: '' };
  const PASSWORD_ALONE = { username: '', password: 'secret' };
  const challenge: FakeAnswer = { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } };

  // containerd takes half a login for none.
  test.each([USER_ALONE, PASSWORD_ALONE])('%j are none', async (credentials) => {
    const { result, requests } = await probe(APP, { [`HEAD ${V1}`]: challenge }, { credentials });
    expect(result).toMatchObject({ answer: { outcome: 'failed', cause: 'credentials-missing' } });
    expect(requests).toHaveLength(1);
  });

  test('of any characters arrive as they are', async () => {
    const credentials = { username: 'dépôt', password: 'p:ä\u{1F511}' };
    const { requests } = await probe(APP, { [`HEAD ${V1}`]: [challenge, found()] }, { credentials });
    const [, sent = ''] = requests[1]!.headers['Authorization']!.split(' ');
    expect(Buffer.from(sent, 'base64').toString()).toBe('dépôt:p:ä\u{1F511}');
  });
});

test('a mistake of ours is told to operators, without a word of what was sent', async () => {
  const exchange = (): Promise<never> => Promise.reject(new TypeError('invalid header "Basic c2VjcmV0"'));
  const result = await createProbeImage(exchange)(requestFor(APP));
  expect(result).toEqual({ notAsked: { why: 'bug', error: 'TypeError' } });
  const odd = vi.fn<Exchange>().mockRejectedValue('Basic c2VjcmV0');
  expect(await createProbeImage(odd)(requestFor(APP))).toEqual({
    notAsked: { why: 'bug', error: 'unknown error' },
  });
});

describe('a registry that answers anything at all', () => {
  const MARK = 'evil-words';
  const text = fc.oneof(
    fc.constantFrom(
      MARK,
      `Basic realm="${MARK}"`,
      `Bearer realm="https://${MARK}.example.com/"`,
      'Bearer realm="https://registry.example.com/token"',
      `https://${MARK}.example.com/`,
      '/v2/team/app/manifests/other',
      INDEX.digest,
      `${MARK}; charset=utf-8`,
      INDEX.mediaType,
      AMD64.mediaType,
    ),
    fc.string(),
  );
  const names = [
    'www-authenticate',
    'location',
    'docker-content-digest',
    'content-type',
    'retry-after',
    'ratelimit-remaining',
  ];
  const response: fc.Arbitrary<ExchangeResponse | ExchangeError> = fc.oneof(
    { weight: 1, arbitrary: fc.constant(new ExchangeError({ outcome: 'failed', cause: 'connection-reset' })) },
    {
      weight: 20,
      arbitrary: fc.record({
        status: fc.constantFrom(200, 200, 200, 204, 301, 307, 400, 401, 401, 403, 404, 405, 429, 500, 503),
        headers: fc.dictionary(fc.constantFrom(...names), text, { noNullPrototype: true }),
        body: fc.oneof(
          fc.constantFrom(INDEX.bytes, AMD64.bytes, Buffer.from('{"token":"abc"}'), Buffer.from(MARK)),
          fc.json().map((json) => Buffer.from(json)),
          fc.json().map((json) => Buffer.from(`{"errors":[{"code":"DENIED","message":"${MARK}","detail":${json}}]}`)),
        ),
      }),
    },
  );

  test('gets an answer of ours in the end, no login at other hosts, and no word of its own in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(response, { minLength: 1, maxLength: 8 }), fc.boolean(), async (responses, isAll) => {
        let at = 0;
        let leaked = '';
        const exchange: Exchange = ({ url, headers }) => {
          if (headers['Authorization'] !== undefined && url.origin !== 'https://registry.example.com')
            leaked = url.href;
          const next = responses[at++ % responses.length]!;
          return next instanceof ExchangeError ? Promise.reject(next) : Promise.resolve(next);
        };
        const credentials = { username: 'me', password: 'secret' };
        const request = requestFor(APP, { credentials, platforms: isAll ? 'all' : ['linux/amd64'] });
        const result = await createProbeImage(exchange, () => NOW)(request);
        expect(leaked).toBe('');
        expect(at).toBeLessThan(200);
        expectOurs(result);
      }),
      { numRuns: 1000 },
    );
  });

  function expectOurs(result: ProbeResult): void {
    const told = JSON.stringify(result);
    expect(told).not.toMatch(/secret|bWU6c2VjcmV0/);
    if ('notAsked' in result) {
      // Operators are told which host it was; in quotes.
      const why = describeNotAsked(result.notAsked);
      expect(why).toMatch(/^(?:it|its|redirect|registry\.example\.com) [ -~]{10,250}$/);
      expect(why.replaceAll(/"[^"]*"/g, '')).not.toContain(MARK);
      return;
    }
    // What it says of an error is kept apart, without a credential, and decides nothing.
    const { says, ...answer } = { says: undefined, ...result.answer };
    expect(JSON.stringify({ ...result, answer })).not.toContain(MARK);
    expect(says ?? '').toMatch(/^[^\p{Cc}]{0,120}$/u);
    expect(result.answer.endpoint).toBe('registry.example.com:443');
  }
});
