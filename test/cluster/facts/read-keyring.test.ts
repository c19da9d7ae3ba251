import fc from 'fast-check';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ApiError, type ApiServer, type CallOptions } from '../../../src/cluster/connection/api-server.ts';
import type { SecretsMode } from '../../../src/cluster/facts/fact-collections.ts';
import { createKeyringReader } from '../../../src/cluster/facts/read-keyring.ts';
import { readDockerLogins } from '../../../src/pull/pull-secret.ts';
import type { Keyring, ReadKeyring } from '../../../src/pull/keyring.ts';
import { accessOf } from '../../support/access.ts';
import type { Json } from '../../support/objects.ts';
import { startStandIn, type StandInApiServer } from '../../support/stand-in-api-server.ts';
import { connectTo } from '../../support/stand-in-connection.ts';
import { opaqueSecret, pullSecret, seedCluster } from './fact-objects.ts';

const SECRETS = '/api/v1/secrets';
const IN_WEB = '/api/v1/namespaces/web/secrets';

let server: StandInApiServer;

beforeEach(async () => {
  server = await startStandIn();
  onTestFinished(() => server.stop());
  seedCluster(server);
});

function reader(secrets: SecretsMode = 'all', names: readonly string[] = []): ReadKeyring {
  return createKeyringReader({ api: connectTo(server), secrets, pullSecretNames: () => names });
}

/** An API server that answers as it is told, and what it was asked. */
function readerOf(answer: (options: CallOptions) => Promise<unknown>): ReadKeyring {
  const api: ApiServer = {
    url: 'https://api.example',
    namespace: 'pullguard',
    call: async (_method, _path, options = {}) => answer(options),
    watch: () => {
      throw new Error('nothing is watched');
    },
    now: () => new Date(0),
  };
  return createKeyringReader({ api, secrets: 'all', pullSecretNames: () => [] });
}

function secretOf(place: string, config: unknown): Json {
  const json = typeof config === 'string' ? config : JSON.stringify(config);
  return { ...pullSecret(place, []), data: { '.dockerconfigjson': base64(json) } };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** `registry.example.com user:password` of each entry. */
function entriesOf({ entries }: Pick<Keyring, 'entries'>): readonly string[] {
  return entries.map(({ key, credentials: { username, password } }) => `${key.text} ${username}:${password}`);
}

describe('a pod pulls with what is in its secrets', () => {
  test('in their order, each once, of both forms, and of its own namespace', async () => {
    server.seed(SECRETS, [
      secretOf('web/both', { auths: { 'b.example': { auth: base64('b:two:three') }, 'a.example': { username: 'a' } } }),
      pullSecret('shop/both', ['other.example']),
    ]);
    const keyring = await reader()('web', ['third', 'both', 'default-secret', 'both']);
    expect(entriesOf(keyring)).toEqual([
      'third.example.com user:',
      'b.example b:two:three',
      'a.example a:',
      'swr.eu-de.otc.t-systems.com user:hidden',
    ]);
    expect(keyring.isComplete).toBe(true);
  });

  test('as they are now: nothing is known from before', async () => {
    const read = reader();
    expect(entriesOf(await read('web', ['default-secret']))).toHaveLength(1);
    server.seed(SECRETS, [pullSecret('web/default-secret', ['new.example'])]);
    expect(entriesOf(await read('web', ['default-secret']))).toEqual(['new.example user:hidden']);
    server.remove(`${IN_WEB}/default-secret`);
    expect(await read('web', ['default-secret'])).toEqual({ entries: [], isComplete: true });
  });

  test('and a pod without any asks nobody', async () => {
    expect(await reader()('web', [])).toEqual({ entries: [], isComplete: true });
    expect(server.requests).toEqual([]);
  });

  test('entries without a user name give nothing, as container runtimes then ask anonymously', async () => {
    const auths = { 'a.example': {}, 'b.example': { auth: base64(':p') }, 'c.example': { password: 'p' } };
    server.seed(SECRETS, [secretOf('web/anybody', { auths })]);
    expect(await reader()('web', ['anybody'])).toEqual({ entries: [], isComplete: true });
  });
});

describe('a secret that is not there, or is none, holds nothing', () => {
  test.each<[what: string, namespace: string, name: string]>([
    ['missing', 'web', 'nowhere'],
    ['in a namespace that is missing', 'nowhere', 'default-secret'],
    ['of another type', 'web', 'opaque'],
    ['empty', 'web', 'empty'],
  ])('%s', async (_what, namespace, name) => {
    server.seed(SECRETS, [opaqueSecret('web/opaque'), secretOf('web/empty', '')]);
    expect(await reader()(namespace, [name])).toEqual({ entries: [], isComplete: true });
    expect(server.requests).toHaveLength(1);
  });

  // These are in users' objects, and go into a path and a selector.
  test.each<[namespace: string, name: string]>([
    ['web', ''],
    ['web', 'Default-Secret'],
    ['web', 'a,metadata.namespace=kube-system'],
    ['web', 'a=b'],
    ['web', '../secrets'],
    ['web', 'a b'],
    ['web', 'a\n'],
    ['web', '-a'],
    ['web', 'a..b'],
    ['web', 'a'.repeat(254)],
    ['', 'a'],
    ['web/../kube-system', 'a'],
    ['..', 'a'],
    ['we.b', 'a'],
    ['web?x=y', 'a'],
    ['a'.repeat(64), 'a'],
  ])('one that no object can be called: %j in %j', async (namespace, name) => {
    for (const mode of ['all', 'none'] as const) {
      expect(await reader(mode)(namespace, [name])).toEqual({ entries: [], isComplete: true });
    }
    expect(server.requests).toEqual([]);
  });

  test.each([['a'.repeat(253)], ['a-1.b']])('but is asked for where it can: %s', async (name) => {
    await reader()('a'.repeat(63), [name]);
    expect(server.requests.map(({ query }) => query['fieldSelector'])).toEqual([`metadata.name=${name}`]);
  });
});

describe('what nobody may look into may hold the key that is missing', () => {
  test.each<[mode: SecretsMode, names: readonly string[], isComplete: boolean, read: readonly string[]]>([
    ['all', [], true, ['default-secret', 'third']],
    ['default-secret-only', ['default-secret', 'third'], true, ['default-secret', 'third']],
    ['default-secret-only', ['third'], false, ['third']],
    ['none', ['default-secret', 'third'], false, []],
  ])('with secrets %s of %j', async (mode, names, isComplete, read) => {
    const keyring = await reader(mode, names)('web', ['default-secret', 'third']);
    expect([keyring.isComplete, keyring.entries.length]).toEqual([isComplete, read.length]);
    expect(server.requests.map(({ query }) => query['fieldSelector'])).toEqual(
      read.map((name) => `metadata.name=${name}`),
    );
  });

  test('a new policy is heeded at once', async () => {
    let names: readonly string[] = [];
    const read = createKeyringReader({
      api: connectTo(server),
      secrets: 'default-secret-only',
      pullSecretNames: () => names,
    });
    expect((await read('web', ['third'])).isComplete).toBe(false);
    names = ['third'];
    expect((await read('web', ['third'])).isComplete).toBe(true);
  });

  test('so is one that kubelet cannot read: it then pulls nothing', async () => {
    server.seed(SECRETS, [secretOf('web/malformed', '{"auths":{"a.example":{"auth":"hidden"}}}')]);
    const keyring = await reader()('web', ['malformed', 'default-secret']);
    expect([entriesOf(keyring), keyring.isComplete]).toEqual([['swr.eu-de.otc.t-systems.com user:hidden'], false]);
  });
});

test('the rights of the watch are enough: a list by name, in one namespace', async () => {
  await reader('default-secret-only', ['default-secret'])('web', ['default-secret']);
  const [rule] = accessOf({ secrets: 'default-secret-only', pullSecretNames: ['default-secret'], nodes: false }).filter(
    ({ resource }) => resource === 'secrets',
  );
  expect(rule?.verbs).toContain('list');
  expect(rule?.resourceNames).toContain('default-secret');
  expect(server.requests.map(({ method, path, query }) => [method, path, query['fieldSelector']])).toEqual([
    ['GET', IN_WEB, 'metadata.name=default-secret'],
  ]);
});

describe('when nobody can say what is in it', () => {
  test.each<[status: number, says: readonly string[]]>([
    [
      403,
      [
        '"web/third"',
        'GET /api/v1/namespaces/web/secrets',
        'grant the verb "list" on secrets',
        'resourceNames ["third"]',
      ],
    ],
    [503, ['"web/third"', '503']],
  ])('the API server answers %i: it rejects, and says so', async (status, says) => {
    server.failNext({ path: IN_WEB, status });
    const error: unknown = await reader()('web', ['third']).catch((thrown: unknown) => thrown);
    for (const words of says) expect(String(error)).toContain(words);
    expect(String(error)).not.toMatch(/\.$/);
  });

  test('it does not wait for long', async () => {
    const timeouts: unknown[] = [];
    const read = readerOf(async ({ timeoutMs }) => {
      timeouts.push(timeoutMs);
      return Promise.reject(new ApiError('no answer'));
    });
    await expect(read('web', ['third'])).rejects.toThrow('cannot read pull secret "web/third": no answer');
    expect(timeouts).toEqual([2000]);
  });

  test.each<[what: string, answer: () => Promise<unknown>]>([
    ['an answer that is not a list', async () => Promise.resolve({ kind: 'Secret', data: { password: 'hidden' } })],
    [
      'an error of a parser, which shows what it was given',
      async () => Promise.reject(new SyntaxError('"hidden" is not JSON')),
    ],
    ['an error with a cause', async () => Promise.reject(new ApiError('broken', { cause: new Error('hidden') }))],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- whatever is thrown
    ['something that is no error', async () => Promise.reject('hidden')],
  ])('%s does not show what it held', async (_what, answer) => {
    const error = await readerOf(answer)('web', ['third']).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    const { message, stack, cause } = error as Error;
    expect(`${message} ${stack ?? ''} ${String(cause)}`).not.toContain('hidden');
    expect(cause).toBeUndefined();
  });

  test('objects that were not asked for are not taken for it', async () => {
    const items = [null, { metadata: {} }, { ...pullSecret('web/other', ['a.example']) }];
    const read = readerOf(async () => Promise.resolve({ metadata: {}, items }));
    expect(await read('web', ['third'])).toEqual({ entries: [], isComplete: true });
  });
});

describe("docker's own file", () => {
  test('gives who is logged in, and no entry that is in a store elsewhere', () => {
    const logins = readDockerLogins(
      JSON.stringify({
        auths: { 'https://index.docker.io/v1/': { auth: base64('me:secret') }, 'ghcr.io': {} },
        credsStore: 'desktop',
      }),
    );
    expect(logins).toMatchObject({
      entries: [{ key: { isDefaultRegistry: true }, credentials: { username: 'me', password: 'secret' } }],
    });
  });

  test.each<[json: string, problem: string]>([
    ['secret', 'it is not JSON'],
    ['["secret"]', 'it is not an object'],
    ['{"auths":{"a.example":{"auth":"secret"}}}', 'auths["a.example"].auth is not base64 of "user:password"'],
  ])('that cannot be read says why, and nothing that it holds: %s', (json, problem) => {
    expect(readDockerLogins(json)).toBe(problem);
  });

  test('any user and password come out as they were written', () => {
    // A colon ends the user name.
    const text = fc.string({ unit: 'grapheme' });
    const user = text.filter((each) => each !== '' && !each.includes(':'));
    fc.assert(
      fc.property(user, text, fc.boolean(), (username, password, isApart) => {
        const entry = isApart ? { username, password } : { auth: base64(`${username}:${password}`) };
        const logins = readDockerLogins(JSON.stringify({ auths: { 'a.example': entry } }));
        expect(typeof logins === 'string' ? logins : logins.entries.map(({ credentials }) => credentials)).toEqual([
          { username, password },
        ]);
      }),
    );
  });
});
