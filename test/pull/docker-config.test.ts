import { describe, expect, test } from 'vitest';
import type { Credentials } from '../../src/pull/keyring.ts';
import { readDockerConfig, readDockercfg } from '../../src/pull/docker-config.ts';

function hasUsername({ username }: Credentials): boolean {
  return username !== '';
}

/** What kubelet finds, as an object; or why it finds nothing. */
function read(json: string): Readonly<Record<string, boolean>> | string {
  const found = readDockerConfig(json, hasUsername);
  return typeof found === 'string' ? found : Object.fromEntries(found);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Answers of kubelet's own code, linked into a program and asked for these and for 37,000 generated texts. */
describe('an entry has credentials as kubelet and container runtimes see it', () => {
  test.each<[entry: string, hasCredentials: boolean]>([
    // Without padding, over several lines, with bits to spare.
    ['{"auth":"dTpw"}', true],
    ['{"auth":"dTpwdw"}', true],
    ['{"auth":"dTpwdw=="}', true],
    ['{"auth":"dTp\\nwdw=\\r\\n=\\n"}', true],
    ['{"auth":"dTpwdx=="}', true],
    // Nobody.
    [`{"auth":"${base64(':')}"}`, false],
    ['null', false],
    ['{"identitytoken":"token","registrytoken":"token"}', false],
    // The fields apart, which count where there is no auth.
    ['{"username":"user","password":"password"}', true],
    ['{"username":"user","password":"password","auth":""}', true],
    ['{"username":"user"}', true],
    [`{"username":"user","password":"password","auth":"${base64(':')}"}`, false],
    // Upper and lower case are the same, and so is the long s.
    ['{"UserName":"user"}', true],
    ['{"uſername":"user"}', true],
    [`{"AUTH":"${base64('user:password')}"}`, true],
    ['{"user name":"user"}', false],
    // The last counts, but for null, which is as if it were not there.
    [`{"auth":"${base64('user:password')}","Auth":"${base64(':')}"}`, false],
    [`{"auth":"${base64('user:password')}","Auth":null}`, true],
    ['{"username":"user","username":""}', false],
    ['{"x":1,"username":"user"}', true],
  ])('%s: %s', (entry, hasCredentials) => {
    expect(read(`{"auths":{"registry.example.com":${entry}}}`)).toEqual({ 'registry.example.com': hasCredentials });
  });
});

describe('members whose names differ in case alone count as they do to Go', () => {
  const user = '{"username":"user"}';

  test.each<[json: string, found: Readonly<Record<string, boolean>>]>([
    [`{"auths":{"a":${user},"a":{}}}`, { a: false }],
    [`{"auths":{"a":${user}},"Auths":{"b":{}},"AUTHS":{"a":{}}}`, { a: false, b: false }],
    [`{"auths":{"a":${user}},"Auths":null}`, {}],
    [`{"auths":{"a":${user}},"Auths":null,"AUTHS":{"b":${user}}}`, { b: true }],
    ['{"auths":{}}', {}],
    ['{"auths":null,"credsStore":"desktop","HttpHeaders":{"User-Agent":"Docker","X":null}}', {}],
    [`{"a":${user},"credHelpers":{"b":"c"}}`, {}],
    ['null', {}],
    [' {\n}\t', {}],
  ])('%s', (json, found) => {
    expect(read(json)).toEqual(found);
  });
});

describe('what kubelet cannot read is said in words, without what it holds', () => {
  test.each<[json: string, problem: string]>([
    ['secret', '.dockerconfigjson is not JSON'],
    ['{"auths":{"secret":', '.dockerconfigjson is not JSON'],
    ["{'auths':{}}", '.dockerconfigjson is not JSON'],
    ['\uFEFF{"auths":{}}', '.dockerconfigjson is not JSON'],
    ['["secret"]', '.dockerconfigjson is not an object'],
    ['"secret"', '.dockerconfigjson is not an object'],
    ['{"auths":"secret"}', 'auths is not an object'],
    ['{"auths":[{"secret":1}]}', 'auths is not an object'],
    ['{"AUTHS":1,"auths":{}}', 'auths is not an object'],
    ['{"auths":{"r.example.com":"secret"}}', 'auths["r.example.com"] is not an object'],
    ['{"auths":{"r.example.com":{"auth":1}}}', 'auths["r.example.com"].auth is not a string'],
    ['{"auths":{"r.example.com":{"Password":1234}}}', 'auths["r.example.com"].password is not a string'],
    ['{"auths":{"r.example.com":{"username":["secret"]}}}', 'auths["r.example.com"].username is not a string'],
    ['{"auths":{"r.example.com":{"email":true}}}', 'auths["r.example.com"].email is not a string'],
    ['{"auths":{"a":{}},"Auths":{"b":{"auth":1}}}', 'auths["b"].auth is not a string'],
    ['{"httpheaders":{"X-Secret":1}}', 'HttpHeaders is not an object of strings'],
    ['{"HttpHeaders":"secret"}', 'HttpHeaders is not an object of strings'],
    // A key as messages show any address: credentials in it hidden, never endless.
    ['{"auths":{"https://user:secret@r.example.com/v1/":1}}', 'auths["r.example.com"] is not an object'],
    ['{"auths":{"r.example.com?token=secret":1}}', 'auths["r.example.com"] is not an object'],
    ['{"auths":{"user:secr et@r.example.com?secret":1}}', 'auths["***@r.example.com"] is not an object'],
    [`{"auths":{"${'a'.repeat(200)}":1}}`, `auths["${'a'.repeat(99)}…${'a'.repeat(20)}"] is not an object`],
  ])('%s', (json, problem) => {
    expect(read(json)).toBe(problem);
  });

  test.each([
    base64('userpassword'),
    'user:password',
    `${base64('user:passwor')}=`,
    'dTpwd',
    'dTpwdw=',
    'dTpwdw===',
    '=dTpw',
    'dTpw dw==',
    ' dTpw',
    'dTpw\\u00a0',
    'dTp_',
    '====',
    '\\n',
  ])('auth %j', (auth) => {
    const problem = 'auths["r.example.com"].auth is not base64 of "user:password"';
    expect(read(`{"auths":{"r.example.com":{"auth":"${auth}"}}}`)).toBe(problem);
  });
});

describe('user and password are those that kubelet would hand on', () => {
  test.each<[entry: string, username: string, password: string]>([
    [`{"auth":"${base64('user:password')}"}`, 'user', 'password'],
    [`{"auth":"${base64('user:pass:word')}"}`, 'user', 'pass:word'],
    [`{"auth":"${base64('é:ü')}"}`, 'é', 'ü'],
    [`{"auth":"${base64('user:')}"}`, 'user', ''],
    [`{"auth":"${base64(':password')}"}`, '', 'password'],
    [`{"username":"other","password":"other","auth":"${base64('user:password')}"}`, 'user', 'password'],
    ['{"username":"user","password":"p\\u00e4ss\\"word"}', 'user', 'päss"word'],
    ['{"password":"password"}', '', 'password'],
    ['{}', '', ''],
  ])('%s: %s, %s', (entry, username, password) => {
    expect(readDockerConfig(`{"auths":{"a.example":${entry}}}`, (credentials) => credentials)).toEqual(
      new Map([['a.example', { username, password }]]),
    );
  });
});

test('the older form holds the entries at the top, whatever they are called', () => {
  const json = '{"auths":{"username":"user"},"r.example.com":{"auth":"dTpw"},"HttpHeaders":{}}';
  const found = readDockercfg(json, hasUsername);
  expect(typeof found === 'string' ? found : [...found]).toEqual([
    ['auths', true],
    ['r.example.com', true],
    ['HttpHeaders', false],
  ]);
  expect(readDockercfg('null', hasUsername)).toEqual(new Map());
});

test.each([
  ['secret', '.dockercfg is not JSON'],
  ['["secret"]', '.dockercfg is not an object'],
  ['{"r.example.com":{"auth":"secret"}}', '.dockercfg["r.example.com"].auth is not base64 of "user:password"'],
])('the older form: %s', (json, problem) => {
  expect(readDockercfg(json, hasUsername)).toBe(problem);
});

test('a secret as large as is read takes nothing down', () => {
  const large = 'dTpw'.repeat(60_000);
  expect(read(`{"auths":{"a":{"auth":"${large}"}}}`)).toEqual({ a: true });
  expect(read(`{"auths":{"a":{"auth":"${large}."}}}`)).toContain('is not base64');
  expect(read(`{"x":${'['.repeat(9000)}${']'.repeat(9000)},"auths":{}}`)).toEqual({});
});

function authsOf(count: number, length: number, more = ''): string {
  const keys = Array.from({ length: count }, (_, at) => `${String(at).padStart(4, '0')}.${'x'.repeat(length - 5)}`);
  return `{"auths":{${keys.map((key) => `"${key}":{}`).join()}}${more}}`;
}

// A megabyte of keys took the event loop half a second to read, and tens of megabytes to keep.
test.each<[what: string, json: string, says: string]>([
  ['bytes', `{"auths":{},"x":"${'x'.repeat(256 * 1024)}"}`, 'is larger than 256 KiB'],
  ['bytes that are no JSON', 'x'.repeat(256 * 1024 + 1), 'is larger than 256 KiB'],
  ['keys', authsOf(301, 10), 'has credentials for more than 300 registries'],
  ['keys in two parts', authsOf(200, 10, ',"Auths":{"a":{},' + authsOf(200, 11).slice(10, -1)), 'more than 300'],
  ['long keys', authsOf(299, 120), 'are longer than 32 KiB'],
])('of one with more %s than are read, nothing is known', (_what, json, says) => {
  expect(() => read(json)).toThrow(says);
});

test('as many keys as are read are all known', () => {
  expect(Object.keys(read(authsOf(300, 100)))).toHaveLength(300);
});
