import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PullSecret } from '../../src/pull/facts.ts';
import { readPullSecret } from '../../src/pull/pull-secret.ts';
import { describeFinding } from '../../src/report/finding.ts';
import { factsOf, judgeIn, NOW } from '../support/facts.ts';
import { pod, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

// What people put into pull secrets, and what they are told of it: without it they see a 401 on a node, later.

const HOST = 'registry.example.com';
const IMAGE = `${HOST}/team/web:1`;
const CONFIG_JSON = 'kubernetes.io/dockerconfigjson';
const DOCKERCFG = 'kubernetes.io/dockercfg';
/** Denies whatever it may, so that what is a warning here is one everywhere. */
const POLICY = policyOf(
  'rules: { pull-secret-usable: deny, pull-secret-present: off }',
  `registries: [{ hosts: [${HOST}, harbor.example.com], pullSecret: own }]`,
);

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const encode = (value: unknown): string => base64(JSON.stringify(value));

const secretOf = (type: string, data: Readonly<Record<string, string>>): PullSecret =>
  readPullSecret({
    type,
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, base64(text)])),
  });
const newer = (config: unknown): PullSecret => secretOf(CONFIG_JSON, { '.dockerconfigjson': JSON.stringify(config) });
const older = (config: unknown): PullSecret => secretOf(DOCKERCFG, { '.dockercfg': JSON.stringify(config) });
const login = (username: string, password: string): PullSecret =>
  newer({ auths: { [HOST]: { auth: base64(`${username}:${password}`) } } });

function find(secrets: Readonly<Record<string, PullSecret>>, images: readonly string[] = [IMAGE]): readonly string[] {
  const placed = Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [`default/${name}`, secret]));
  const object: Json = pod('', {
    imagePullSecrets: Object.keys(secrets).map((name) => ({ name })),
    containers: images.map((image, at) => ({ name: `c${at}`, image })),
  });
  return judgeIn(factsOf(placed), object, { policy: POLICY, now: NOW })
    .findings.filter(({ rule }) => rule === 'pull-secret-usable')
    .map((finding) => `${finding.action} ${describeFinding(finding)}`);
}

const jwt = (claims: object): string =>
  `${base64('{"alg":"RS256"}')}.${base64(JSON.stringify(claims))}.c2ln`.replaceAll('=', '');
const ecr = (expiration: number): string =>
  encode({ payload: 'cGF5bG9hZA==', datakey: 'a2V5', version: '2', type: 'DATA_KEY', expiration });
const SECOND = NOW / 1000;

describe('credentials that cannot work are told of, and never denied for that', () => {
  test.each<[what: string, secret: PullSecret, told: RegExp]>([
    ['echo | base64', older({ [HOST]: { auth: base64('robot:example\n') } }), /password ends with a line break/],
    ['the same on Windows', login('robot', 'example\r\n'), /password ends with a line break/],
    [
      'a password from a file',
      newer({ auths: { [HOST]: { username: 'robot', password: 'example\n' } } }),
      /line break/,
    ],
    ['a user from a file', login('robot\n', 'example'), /username contains a line break/],
    ['UTF-16', login('r\0o\0', 'e\0x\0'), /control characters/],
    ['a space that was copied along', login('robot', 'example '), /ends with a space/],
    ['echo -n where that is no option', login('-n robot', 'example'), /-n of echo/],
    ['quotes', login('"robot', 'example"'), /quotes/],
    [
      'the token of a login with Azure',
      newer({
        auths: {
          [HOST]: { auth: base64('00000000-0000-0000-0000-000000000000:'), identitytoken: 'eyJhbGciOiJub25lIn0.e30.' },
        },
      }),
      /identitytoken/,
    ],
    ['an identity token alone', newer({ auths: { [HOST]: { IdentityToken: 'token' } } }), /identitytoken/],
    ['a registry token', newer({ auths: { [HOST]: { registrytoken: 'token' } } }), /registrytoken/],
    ['no password', login('robot', ''), /a username, but no password/],
    ['no user', login('', 'example'), /a password, but no username/],
    ['a JWT that is over', login('ci', jwt({ exp: SECOND })), /token in .* expired at 12:00Z/],
    ['a token of ECR that is over', login('AWS', ecr(SECOND - 60)), /token in .* expired at 11:59Z/],
    ['a key file of Google that is none', login('_json_key', 'ya29.token'), /not a JSON key file/],
  ])('%s', (_what, secret, told) => {
    expect(find({ own: secret })).toEqual([expect.stringMatching(new RegExp(`^warn .*${told.source}`))]);
  });

  test.each([
    '<your-name>',
    '<your-pword>',
    'YOUR_PASSWORD',
    'your-docker-hub-token',
    'yourpassword',
    'DOCKER_PASSWORD',
    '${REGISTRY_PASSWORD}',
    '$REGISTRY_PASSWORD',
    '$(cat password)',
    '{{ .Values.password }}',
    '%PASSWORD%',
    '@@TOKEN@@',
    '__TOKEN__',
    '[password]',
    'changeme',
    'CHANGE_ME',
    'change-it',
    'replace-me',
    'replace_with_your_token',
    'insert-token-here',
    'TODO',
    'xxx',
    'XXXXXXXX',
    '********',
    '...',
    '<no value>',
    '%!s(<nil>)',
    'undefined',
    'redacted',
    'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    'changeme\n',
  ])('a placeholder: %j', (text) => {
    for (const secret of [login('robot', text), login(text.replaceAll(':', ''), 'example')]) {
      expect(find({ own: secret })).toEqual([expect.stringMatching(/^warn .*(placeholder|line break)/)]);
    }
  });

  test('and beside others that may work they are no matter, as kubelet tries each', () => {
    expect(find({ own: login('robot', 'changeme'), other: login('robot', 'example') })).toEqual([]);
    expect(
      find({ own: newer({ auths: { [HOST]: { auth: base64('u:xxx') }, [`${HOST}/team`]: { auth: base64('u:p') } } }) }),
    ).toEqual([]);
  });

  test.each([
    ['robot$team+name', 'example'],
    ['$oauthtoken', 'bnZhcGktZXhhbXBsZQ'],
    ['gitlab-ci-token', 'glcbt-64_example'],
    ['gitlab+deploy-token-1', 'gldt-example'],
    ['oauth2accesstoken', 'ya29.example'],
    ['_json_key', '{\n  "type": "service_account"\n}\n'],
    ['_json_key_base64', base64('{"type":"service_account"}')],
    ['AWS', ecr(SECOND + 60)],
    ['00000000-0000-0000-0000-000000000000', jwt({ exp: SECOND + 60 })],
    ['token', jwt({ sub: 'x' })],
    ['admin', 'password'],
    ['user', 'p'],
    ['todor', 'xx'],
    ['yuri', 'a<b>c'],
    ['me@example.com', 'correct horse battery staple'],
    ['eu-de@AKEXAMPLE1', '0123456789abcdef'],
  ])('what may well work is let alone: %s', (username, password) => {
    expect(find({ own: login(username, password) })).toEqual([]);
  });
});

describe('a token that does not say when it ends lasts no longer than its kind does', () => {
  const HOUR = 3_600_000;
  const written = (username: string, hoursAgo: number): PullSecret =>
    readPullSecret({
      type: CONFIG_JSON,
      metadata: {
        managedFields: [{ time: '2020-01-01T00:00:00Z' }, { time: new Date(NOW - hoursAgo * HOUR).toISOString() }],
      },
      data: { '.dockerconfigjson': encode({ auths: { [HOST]: { auth: base64(`${username}:opaque`) } } }) },
    });

  test.each<[username: string, hoursAgo: number, isOver: boolean]>([
    ['AWS', 11, false],
    ['AWS', 12, true],
    ['oauth2accesstoken', 1, false],
    ['oauth2accesstoken', 24, true],
    ['00000000-0000-0000-0000-000000000000', 24, true],
    ['gitlab-ci-token', 12, false],
    ['gitlab-ci-token', 25, true],
    ['robot', 10_000, false],
  ])('%s, written %i hours ago', (username, hoursAgo, isOver) => {
    expect(find({ own: written(username, hoursAgo) })).toEqual(
      isOver ? [expect.stringMatching(/^warn .*token .*expired/)] : [],
    );
  });
});

describe('what a secret holds that kubelet does not use is told, and not that the secret is empty', () => {
  const auth = { auth: base64('robot:example') };
  test.each<[what: string, secret: PullSecret, told: RegExp]>([
    ['credHelpers', newer({ credHelpers: { [HOST]: 'ecr-login' } }), /kubelet ignores "credHelpers"/],
    ['credsStore', newer({ auths: {}, credsStore: 'desktop' }), /kubelet ignores "credsStore"/],
    ['an empty entry and credsStore', newer({ auths: { [HOST]: {} }, credsStore: 'desktop' }), /credential helper/],
    ['a blank before a key', newer({ auths: { [` ${HOST}`]: auth } }), /ignores invalid key " registry.example.com"/],
    [
      'a line break behind a key',
      newer({ auths: { [`${HOST}\n`]: auth } }),
      /ignores invalid key "registry.example.com\\n"/,
    ],
    ['a blank in a key', newer({ auths: { [`https://${HOST} /v1/`]: auth } }), /ignores invalid key/],
    ['no port', newer({ auths: { [`${HOST}:port`]: auth } }), /ignores invalid key "registry.example.com:…"/],
    ['such a key in the older form', older({ [`${HOST}\t`]: auth }), /ignores invalid key/],
    ['the newer form in the older type', older({ auths: { [HOST]: auth } }), /a config\.json in type dockercfg/],
    [
      'the same with more',
      older({ auths: { [HOST]: auth }, credsStore: 'desktop' }),
      /it is a config\.json, but its type is/,
    ],
    ['the older form in the newer type', newer({ [HOST]: auth }), /a \.dockercfg in type dockerconfigjson/],
    [
      'data under the older key',
      secretOf(CONFIG_JSON, { '.dockercfg': JSON.stringify({ [HOST]: auth }) }),
      /under "\.dockercfg"/,
    ],
    ['data under a file name', secretOf(CONFIG_JSON, { 'config.json': '{}' }), /data is under "config\.json"/],
    ['nothing', newer({ auths: {} }), /it is empty/],
    ['entries for others', newer({ auths: { 'a.example.com': auth } }), /only for "a\.example\.com"/],
  ])('%s', (_what, secret, told) => {
    expect(find({ own: secret })).toEqual([expect.stringMatching(told)]);
    expect(find({ own: secret })[0]?.includes('it is empty')).toBe(told.source === 'it is empty');
  });

  test('beside an entry that serves the image it is no matter', () => {
    const config = { auths: { [HOST]: auth, [` ${HOST}`]: auth }, credHelpers: { 'a.example.com': 'x' } };
    expect(find({ own: newer(config) })).toEqual([]);
  });
});

describe('each image is compared with the keys by itself', () => {
  const team = newer({ auths: { 'harbor.example.com/team': { auth: base64('robot:example') } } });
  const SIDE = 'harbor.example.com/team/side:1';
  const DENIED = /^deny pull secret "own" has no credentials for/;

  test.each<[images: readonly string[], told: readonly RegExp[]]>([
    [['harbor.example.com/other/app:1'], [DENIED]],
    [['harbor.example.com/other/app:1', SIDE], [DENIED]],
    [[SIDE, 'harbor.example.com/other/app:1'], [DENIED]],
    [[`${HOST}/private/app:1`, SIDE], [DENIED]],
    [[SIDE, `${HOST}/a:1`, 'harbor.example.com/other/app:1'], [/"registry\.example\.com\/a:1" and 1 more/]],
    // The policy has no pull secret for it: it may be public after all.
    [['unknown.example.com/app:1', SIDE], [/^warn .*"unknown\.example\.com\/app:1"/]],
    // As far as is known these are public.
    [[SIDE, 'nginx:1.25', 'registry.k8s.io/pause:3.9', 'quay.io/prometheus/prometheus:v3.0.0', 'busybox'], []],
    [[SIDE], []],
  ])('%j', (images, told) => {
    expect(find({ own: team }, images)).toEqual(told.map((each) => expect.stringMatching(each) as string));
  });

  test('and an image is told once, of the secret that is most likely meant for it', () => {
    const other = newer({ auths: { 'other.example.com': { auth: base64('robot:example') } } });
    const images = [SIDE, 'other.example.com/app:1'];
    expect(find({ other, own: team }, [...images, 'harbor.example.com/other/app:1'])).toEqual([
      expect.stringMatching(DENIED),
    ]);
    expect(find({ other, own: team }, images)).toEqual([]);
  });
});

test('nothing of a user name, a password, a token or of what stands in a key is kept or printed', () => {
  const hidden = fc.stringMatching(/^[A-Za-z0-9]{16,24}$/);
  const shape = fc.constantFrom(
    (text: string) => newer({ auths: { [HOST]: { auth: base64(`${text}:${text}\n`), identitytoken: text } } }),
    (text: string) => newer({ auths: { [HOST]: { username: `<${text}>`, identitytoken: text } } }),
    (text: string) => newer({ auths: { [HOST]: { auth: base64(`AWS:${jwt({ exp: 1, sub: text })}`) } } }),
    (text: string) => newer({ auths: { [HOST]: { auth: base64(`AWS:${ecr(1)}${text}`) } } }),
    (text: string) => newer({ auths: { [` ${text}:${text}@${HOST}?token=${text}#${text}`]: { auth: text } } }),
    (text: string) => newer({ auths: { [`user:${text}`]: {} } }),
    (text: string) => newer({ [HOST]: { password: text }, credsStore: text, credHelpers: { [HOST]: text } }),
    (text: string) => older({ auths: { [HOST]: { password: text } } }),
    (text: string) => secretOf(CONFIG_JSON, { 'config.json': `{"auths":{"a":{"password":"${text}"}}}` }),
  );
  fc.assert(
    fc.property(hidden, shape, (text, toSecret) => {
      const secret = toSecret(text);
      expect(JSON.stringify(secret)).not.toContain(text);
      expect(find({ own: secret }).join('\n')).not.toContain(text);
    }),
  );
});
