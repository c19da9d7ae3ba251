import { describe, expect, test } from 'vitest';
import { checkName, isLoopback, readTarget } from '../../src/cli/install-target.ts';
import { UsageError } from '../../src/cli/io.ts';
import { makeCertificates } from '../../src/tls/self-signed.ts';
import { tempFolder } from '../support/temp-folder.ts';

const CERTIFICATES = makeCertificates({ names: ['127.0.0.1'] });

describe('--url', () => {
  test.each([
    ['https://10.0.0.7:8443', 'https://10.0.0.7:8443'],
    ['https://10.0.0.7:8443/', 'https://10.0.0.7:8443'],
    ['https://[fd00::7]:8443', 'https://[fd00::7]:8443'],
    ['HTTPS://Webhooks.Example.COM/pullguard//', 'https://webhooks.example.com/pullguard'],
    ['https://webhooks.example.com:443/a/b', 'https://webhooks.example.com/a/b'],
  ])('%s is taken for %s', async (url, expected) => {
    expect((await read({ url })).url).toBe(expected);
  });

  test.each<[url: string, problem: RegExp]>([
    ['http://10.0.0.7:8443', /is not https.*; write it as in https:\/\//],
    ['10.0.0.7:8443', /is no URL; write it as in https:\/\//],
    ['localhost:8443', /is no URL; write it as in/],
    ['https:10.0.0.7', /is no URL/],
    ['', /is no URL/],
    ['https://', /is no URL/],
    ['https://h/?', /holds a "\?" or "#".*leave it out/],
    ['https://h/a?b=c', /holds a "\?"/],
    ['https://h/#top', /"#"/],
    ['https://h:8443/mutate', /leave out \/mutate and \/validate/],
    ['https://h/prefix/validate/', /leave out \/mutate/],
  ])('%s is refused as an API server would, before it is asked', async (url, problem) => {
    await expect(read({ url })).rejects.toThrow(UsageError);
    await expect(read({ url })).rejects.toThrow(problem);
  });

  test('with a user is refused, and its password is not repeated', async () => {
    const refused = read({ url: 'https://me:hunter2@h:8443' });
    await expect(refused).rejects.toThrow(/holds a user.*leave out/);
    await expect(refused).rejects.not.toThrow(/hunter2/);
  });

  test.each([
    ['https://localhost:1', true],
    ['https://pullguard.localhost', true],
    ['https://127.1.2.3', true],
    ['https://[::1]:1', true],
    ['https://10.0.0.7', false],
    ['https://localhost.example.com', false],
  ])('%s leads to the machine that calls it: %s', (url, loopback) => {
    expect(isLoopback(url)).toBe(loopback);
  });
});

describe('--ca', () => {
  test('gives its certificates, and never the key that stands beside them', async () => {
    const { ca, key, cert } = await CERTIFICATES;
    const { ca: taken } = await read({ content: `# ours\n${key}${ca}\n${cert}` });
    expect(taken).toBe(ca + cert);
  });

  test.each<[why: string, content: string | Buffer, problem: RegExp]>([
    ['empty', '', /holds no whole certificate/],
    ['a key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', /holds no whole certificate/],
    ['cut off', '-----BEGIN CERTIFICATE-----\nAAAA', /holds no whole certificate/],
    ['damaged', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', /cannot be parsed/],
    ['in DER form', Buffer.from([0x30, 0x82, 0xff]), /not UTF-8 text/],
  ])('that is %s is refused with the next step', async (_why, content, problem) => {
    await expect(read({ content })).rejects.toThrow(problem);
    await expect(read({ content })).rejects.toThrow(/; give the CA of the webhook's certificate/);
  });

  test('that is not there is named', () => {
    expect(() => readTarget({ url: 'https://h', ca: '/no/such/file', name: 'dev' })).toThrow(
      /^--ca \/no\/such\/file cannot be used: ENOENT: no such file or directory;/,
    );
  });
});

test.each(['', 'Dev', 'a/b', '../pods', 'a..b', '-a', 'x'.repeat(254)])(
  '--name %j, which would lead elsewhere in the API or be refused there, is refused',
  (name) => {
    expect(() => checkName(name)).toThrow(/is no name of an object: lower-case letters/);
  },
);

test.each(['pullguard-dev', 'a', 'jane.pullguard-2'])('--name %j is taken', (name) => {
  expect(checkName(name)).toBe(name);
});

async function read({ url = 'https://h', content }: { url?: string; content?: string | Buffer }) {
  const file = tempFolder().write('ca.crt', content ?? (await CERTIFICATES).ca);
  return readTarget({ url, ca: file, name: 'dev' });
}
