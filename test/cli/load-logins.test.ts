import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/cli/io.ts';
import { loadLogins } from '../../src/cli/load-logins.ts';
import { readReference } from '../../src/image/reference.ts';
import { tempFolder } from '../support/temp-folder.ts';

const auth = (login: string): string => Buffer.from(login).toString('base64');

function load(content: string | Buffer | object) {
  const { write } = tempFolder();
  const text = typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content);
  return loadLogins(write('config.json', text));
}

test('logins are read as kubelet reads them, in their order; entries without any are none', () => {
  const { entries } = load({
    auths: {
      'harbor.example.com': { auth: auth('first:right:password') },
      'https://index.docker.io/v1/': { username: 'second', password: 'p' },
      'ghcr.io': {},
    },
  });
  expect(entries.map(({ key, credentials }) => [key.text, credentials])).toEqual([
    ['harbor.example.com', { username: 'first', password: 'right:password' }],
    ['https://index.docker.io/v1/', { username: 'second', password: 'p' }],
  ]);
});

test('a file as Windows tools write it, with a mark at its start, is read', () => {
  expect(load('\ufeff{"auths":{}}').entries).toEqual([]);
});

describe('what docker would ask a credential helper for', () => {
  const hub = 'https://index.docker.io/v1/';
  test.each<[config: object, address: string, expected: boolean]>([
    [{ credHelpers: { 'harbor.example.com': 'pass' } }, 'harbor.example.com/app', true],
    [{ credHelpers: { 'harbor.example.com': 'pass' } }, 'ghcr.io/app/app', false],
    [{ credHelpers: { [hub]: 'pass' } }, 'nginx', true],
    [{ credsStore: 'desktop' }, 'harbor.example.com/app', true],
    [{ credsStore: '' }, 'harbor.example.com/app', false],
    [{ credsStore: 7, credHelpers: ['harbor.example.com'] }, 'harbor.example.com/app', false],
    [{ auths: {} }, 'harbor.example.com/app', false],
  ])('%j, %s: %s', (config, address, expected) => {
    expect(load(config).hasHelper(readReference(address)!)).toBe(expected);
  });

  test('null is a config with nothing in it, as to kubelet', () => {
    expect(load('null').hasHelper(readReference('nginx')!)).toBe(false);
  });
});

describe('a file that cannot be used is misuse, which names it and the cause, and shows nothing of it', () => {
  test.each<[what: string, content: string | Buffer, cause: string]>([
    ['no JSON', '{"auths": s3cret', 'it is not JSON'],
    ['a list', '["s3cret"]', 'it is not an object'],
    ['a key that is not base64', '{"auths":{"harbor.example.com":{"auth":"s3cret!"}}}', 'not base64'],
    ['a password that is a number', '{"auths":{"harbor.example.com":{"password":53173117}}}', 'is not text'],
    ['UTF-16', Buffer.from('{"auths":{}}', 'utf16le'), 'it is UTF-16 text'],
  ])('%s', (_what, content, cause) => {
    const error = catchError(() => load(content));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(/^--docker-config \S+\/config\.json cannot be used: /);
    expect(error.message).toContain(cause);
    expect(error.message).toMatch(/; give a config\.json as docker login writes it$/);
    expect(error.message).not.toMatch(/s3cret|53173117/);
  });

  test('one that is not there', () => {
    const { at } = tempFolder();
    expect(() => loadLogins(at('none.json'))).toThrow(
      new UsageError(
        `--docker-config ${at('none.json')} cannot be used: ENOENT: no such file or directory; give a config.json as docker login writes it`,
      ),
    );
  });
});

function catchError(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}
