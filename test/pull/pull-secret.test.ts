import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubernetesObject } from '../../src/cluster/connection/api-server.ts';
import { readPullSecret } from '../../src/pull/pull-secret.ts';
import { matchCredentialKey } from '../../src/pull/credential-key.ts';

const CONFIG_JSON = 'kubernetes.io/dockerconfigjson';
const DOCKERCFG = 'kubernetes.io/dockercfg';

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** A Secret as an API server sends it. */
function secret(auths: unknown, metadata: Readonly<Record<string, unknown>> = {}): KubernetesObject {
  return {
    metadata: { name: 'default-secret', namespace: 'web', ...metadata },
    data: { '.dockerconfigjson': base64(JSON.stringify({ auths })) },
    type: CONFIG_JSON,
  };
}

test("CCE's own secret: whom it is for, who made it and until when it is good", () => {
  const auth = base64('eu-de@ABCDEFGHIJ:0123456789abcdef');
  const found = readPullSecret(
    secret(
      { 'swr.eu-de.otc.t-systems.com': { auth }, '100.125.7.25:20202': { auth } },
      {
        labels: { 'secret-generated-by': 'cce' },
        annotations: { 'swr-auth-may-expires-at': '2021-11-26 20:55:31.380909 +0000 UTC' },
      },
    ),
  );
  expect(found).toMatchObject({
    type: CONFIG_JSON,
    entries: [
      { key: { text: 'swr.eu-de.otc.t-systems.com' }, hasCredentials: true },
      { key: { text: '100.125.7.25:20202' }, hasCredentials: true },
    ],
    generatedBy: 'cce',
    expiresAt: Date.UTC(2021, 10, 26, 20, 55, 31, 380),
  });
  expect(found).not.toHaveProperty('malformed');
  const image = { registry: 'swr.eu-de.otc.t-systems.com', repository: 'team/app' };
  expect(found.entries.map(({ key }) => matchCredentialKey(key, image))).toEqual([true, false]);
});

describe('the content that its type says is read, and nothing else', () => {
  const config = base64('{"auths":{"new.example.com":{"username":"user"}}}');
  const cfg = base64('{"old.example.com":{"username":"user"}}');
  const both = { '.dockerconfigjson': config, '.dockercfg': cfg };

  test.each<[type: unknown, data: unknown, keys: readonly string[]]>([
    [CONFIG_JSON, both, ['new.example.com']],
    [DOCKERCFG, both, ['old.example.com']],
    ['Opaque', both, []],
    ['kubernetes.io/DockerConfigJson', both, []],
    [undefined, both, []],
    [CONFIG_JSON, { '.dockercfg': cfg }, []],
    [CONFIG_JSON, { '.dockerconfigjson': '' }, []],
    [CONFIG_JSON, {}, []],
    [CONFIG_JSON, null, []],
    [CONFIG_JSON, undefined, []],
  ])('%s with %j', (type, data, keys) => {
    const found = readPullSecret({ type, data });
    expect(found.entries.map(({ key }) => key.text)).toEqual(keys);
    expect(found).not.toHaveProperty('malformed');
    expect(found.type).toBe(type ?? '');
  });
});

test('a key that is no URL costs that entry alone, as kubelet ignores it', () => {
  const found = readPullSecret(secret({ 'registry.example.com:port': {}, 'registry.example.com': {} }));
  expect(found.entries.map(({ key }) => key.text)).toEqual(['registry.example.com']);
  expect(found).not.toHaveProperty('malformed');
});

test('one entry that kubelet cannot read costs all of them, and is told with its registry', () => {
  expect(
    readPullSecret(secret({ 'a.example.com': { username: 'user' }, 'harbor.example.com': { auth: 'user' } })),
  ).toEqual({
    type: CONFIG_JSON,
    entries: [],
    malformed: 'auths["harbor.example.com"].auth is not base64 of "user:password"',
  });
});

describe('when credentials end', () => {
  test.each<[text: unknown, iso: string | undefined]>([
    ['2021-11-26 20:55:31.380909 +0000 UTC', '2021-11-26T20:55:31.380Z'],
    ['2021-11-26 20:55:31 +0000 UTC', '2021-11-26T20:55:31.000Z'],
    ['2021-11-26 20:55:31.3 +0800 CST', '2021-11-26T12:55:31.300Z'],
    ['2021-11-26 20:55:31.380909123 -0330 NST m=+0.012', '2021-11-27T00:25:31.380Z'],
    ['2021-11-26T20:55:31Z', '2021-11-26T20:55:31.000Z'],
    ['2021-11-26T20:55:31.123456789+08:00', '2021-11-26T12:55:31.123Z'],
    ['2021-11-26 20:55:31', undefined],
    ['2021-13-26T20:55:31Z', undefined],
    ['2021-11-26T25:55:31Z', undefined],
    ['2021-11-26', undefined],
    ['1637960131', undefined],
    ['tomorrow', undefined],
    ['', undefined],
    [1_637_960_131, undefined],
    [null, undefined],
  ])('%j is %s', (text, iso) => {
    const { expiresAt } = readPullSecret(secret({}, { annotations: { 'swr-auth-may-expires-at': text } }));
    expect(expiresAt).toBe(iso === undefined ? undefined : Date.parse(iso));
  });

  test.each<[annotations: Readonly<Record<string, string>>, iso: string]>([
    [{ 'temporary-ak-sk-expires-at': '2021-11-26T20:55:31Z' }, '2021-11-26T20:55:31Z'],
    [
      { 'temporary-ak-sk-expires-at': '2020-01-01T00:00:00Z', 'swr-auth-may-expires-at': '2021-11-26T20:55:31Z' },
      '2021-11-26T20:55:31Z',
    ],
    [
      { 'temporary-ak-sk-expires-at': '2021-11-26T20:55:31Z', 'swr-auth-may-expires-at': 'soon' },
      '2021-11-26T20:55:31Z',
    ],
  ])('older versions of CCE say it elsewhere: %j', (annotations, iso) => {
    expect(readPullSecret(secret({}, { annotations })).expiresAt).toBe(Date.parse(iso));
  });
});

describe('nothing that is known of a secret holds a credential', () => {
  // Long enough that none is there by accident.
  const credential = fc.stringMatching(/^[A-Za-z0-9]{12,24}$/);
  const registry = fc.constantFrom('registry.example.com', 'https://index.docker.io/v1/', '*.example.com:5000/team');
  const broken = fc.constantFrom(
    (auth: string) => auth,
    (auth: string) => auth.slice(1),
    (auth: string) => `${auth}.`,
  );

  test('be it readable or not', () => {
    fc.assert(
      fc.property(
        fc.record({ user: credential, password: credential, email: credential, registry, breakIt: broken }),
        fc.boolean(),
        ({ user, password, email, registry: host, breakIt }, isOld) => {
          const auth = breakIt(base64(`${user}:${password}`));
          const entries = {
            [host]: { username: user, password, email, auth },
            [`https://${user}:${password}@${host.replace(/^https:\/\//, '')}`]: { auth },
            [`${host}?token=${password}`]: { username: user },
          };
          const text = base64(JSON.stringify(isOld ? entries : { auths: entries, HttpHeaders: { a: password } }));
          const [type, key] = isOld ? [DOCKERCFG, '.dockercfg'] : [CONFIG_JSON, '.dockerconfigjson'];
          const found = JSON.stringify(readPullSecret({ type, data: { [key]: text } }));
          for (const hidden of [user, password, email, auth, text]) expect(found).not.toContain(hidden);
        },
      ),
    );
  });

  test('be it JSON or not, or not of the shape it should have', () => {
    const shape = fc.constantFrom(
      (text: string) => text,
      (text: string) => `{"auths":${text}`,
      (text: string) => `{"auths":"${text}"}`,
      (text: string) => `{"auths":["${text}"]}`,
      (text: string) => `["${text}"]`,
      (text: string) => `{"auths":{"a":"${text}"}}`,
      (text: string) => `{"auths":{"a":{"password":["${text}"]}}}`,
      (text: string) => `{"auths":{"a":{"auth":"${text}."}}}`,
      (text: string) => `{"auths":{"https://user:${text}@a?${text}":1}}`,
      (text: string) => `{"auths":{"a":{"username":"${text}","auth":1}}}`,
      (text: string) => `{"HttpHeaders":{"Authorization":["${text}"]}}`,
    );
    fc.assert(
      fc.property(credential, shape, (hidden, toText) => {
        const found = readPullSecret({ type: CONFIG_JSON, data: { '.dockerconfigjson': base64(toText(hidden)) } });
        expect(found.malformed).toBeDefined();
        expect(JSON.stringify(found)).not.toContain(hidden);
      }),
    );
  });
});

test('ten thousand copies of a secret hold one list of entries', () => {
  const one = readPullSecret(secret({ 'a.example.com': { username: 'user', password: 'one' } }));
  const other = readPullSecret(secret({ 'a.example.com': { username: 'user', password: 'other' } }));
  const different = readPullSecret(secret({ 'a.example.com': { password: 'one' } }));
  expect(one.entries).toBe(other.entries);
  expect(one.entries).not.toBe(different.entries);
});
