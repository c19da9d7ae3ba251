import { describe, expect, test } from 'vitest';
import type { RegistryProbe } from '../../../src/policy/policy.ts';
import { buildRegistryProbe, type RegistryProbeFile } from '../../../src/policy/sections/probe.ts';
import { defaultPolicy } from '../../../src/rules/policy.ts';
import { CA, policyWith, problemsOf } from '../reading.ts';

const ofRegistry = (probe: unknown) => ({ registries: [{ hosts: ['a.example'], probe }] });

describe('a registry is asked where the policy says so, and with nothing allowed that it does not say', () => {
  const PLAIN: RegistryProbe = { plainHttp: false, tokenHosts: [], addresses: [], mirrors: [] };
  test.each<[what: string, given: RegistryProbeFile | undefined, probe: RegistryProbe | undefined]>([
    ['nothing said', undefined, undefined],
    ['false', false, undefined],
    ['true', true, PLAIN],
    ['an object without a word', {}, PLAIN],
    ['a CA', { ca: `our CA\n${CA}` }, { ...PLAIN, ca: CA }],
    ['plain HTTP', { plainHttp: true }, { ...PLAIN, plainHttp: true }],
    [
      'hosts',
      { tokenHosts: ['auth.example.com', '[fd00::1]:8443'], mirrors: ['mirror:5000', '10.0.0.1:65535'] },
      { ...PLAIN, tokenHosts: ['auth.example.com', '[fd00::1]:8443'], mirrors: ['mirror:5000', '10.0.0.1:65535'] },
    ],
    [
      'addresses, of which a single one is a range of its own',
      { addresses: ['100.125.0.0/16', '10.20.0.5', 'fd00::1', '::ffff:10.0.0.1'] },
      { ...PLAIN, addresses: ['100.125.0.0/16', '10.20.0.5/32', 'fd00::1/128', '::ffff:10.0.0.1/128'] },
    ],
    [
      'ranges at their ends',
      { addresses: ['10.20.0.1/0', '255.255.255.255/32', 'FD00::1/8', '::/0', '::1/128'] },
      { ...PLAIN, addresses: ['10.20.0.1/0', '255.255.255.255/32', 'FD00::1/8', '::/0', '::1/128'] },
    ],
  ])('%s', (_what, given, probe) => {
    expect(policyWith(ofRegistry(given)).registries[0]?.probe).toEqual(probe);
  });
});

describe('what makes no sense is told where it stands', () => {
  const noHost = (text: string) => `"${text}" is not a host: write host or host:port, without scheme, path or glob`;
  const noAddress = (text: string) => `"${text}" is not an IP address or range: write 10.20.0.5 or 10.20.0.0/16`;
  const check = (probe: unknown, ...problems: readonly string[]): void => {
    expect(problemsOf(ofRegistry(probe))).toEqual(problems.map((problem) => `/registries/0/probe${problem}`));
  };

  test.each(['auth.example.com/token', '*.example.com', 'a.example:', 'a.example:0', 'a.example:65536', 'a:http'])(
    '%s is no host',
    (text) => {
      check({ tokenHosts: ['a.example', text] }, `/tokenHosts/1: ${noHost(text)}`);
      check({ mirrors: [text] }, `/mirrors/0: ${noHost(text)}`);
    },
  );

  test.each([
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8 ',
    '10.0.0.0/8/8',
    '10.0.0.0/255.0.0.0',
    '10.0.0',
    '010.0.0.0/8',
    'registry.internal',
    '10.0.0.1-10.0.0.9',
    '10.0.0.1:5000',
    '[fd00::1]',
    'fe80::%eth0/64',
    'fe80::1%eth0',
  ])('%s is no address, and no range', (text) => {
    check({ addresses: ['10.0.0.1', text] }, `/addresses/1: ${noAddress(text)}`);
  });

  test('nor is what belongs together in no way', () => {
    check({ plainHttp: true, ca: CA }, '/ca: not used, as plainHttp does not use TLS: remove one of the two');
    check('yes', ': must be true or false or an object, is "yes"');
    check(
      { insecure: true },
      '/insecure: unknown key "insecure": use one of ca, plainHttp, tokenHosts, addresses, mirrors',
    );
    check(
      { plainHttp: 'yes', tokenHosts: 'a', ca: '', addresses: [''] },
      ...[
        '/plainHttp: must be true or false, is "yes"',
        '/tokenHosts: must be a list, is "a"',
        '/ca: must not be empty',
        '/addresses/0: must not be empty',
      ],
    );
  });
});

describe('of a CA its certificates are taken, and nothing else', () => {
  const KEY = `-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n`;
  const UNREADABLE = 'cannot be parsed: paste it complete';

  /** The certificates, or why there are none. */
  function read(ca: string): string {
    const problems: string[] = [];
    const probe = buildRegistryProbe({ ca }, '', (_pointer, message) => problems.push(message));
    return probe?.ca ?? problems.join('\n');
  }

  test.each<[what: string, text: string, count: number]>([
    ['two', CA + CA, 2],
    ['with Windows line ends', CA.replaceAll('\n', '\r\n'), 1],
    ['with words around it', `the CA of the office\n${CA}\nuntil 2030`, 1],
    ['without a line end', CA.trim(), 1],
    ['beside a key that is public', `-----BEGIN PUBLIC KEY-----\nYQ==\n-----END PUBLIC KEY-----\n${CA}`, 1],
  ])('%s', (_what, text, count) => {
    expect(read(text)).toBe(CA.repeat(count));
  });

  test.each<[what: string, text: string, says: string]>([
    [
      'the name of a file',
      '/etc/ssl/ca.crt',
      'has no PEM certificate: paste the CA with its lines "-----BEGIN CERTIFICATE-----" and "-----END CERTIFICATE-----"',
    ],
    [
      'base64 alone',
      CA.replaceAll(/-----.*-----\n/g, ''),
      'has no PEM certificate: paste the CA with its lines "-----BEGIN CERTIFICATE-----" and "-----END CERTIFICATE-----"',
    ],
    [
      'a request for one',
      CA.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'),
      'has no PEM certificate: paste the CA with its lines "-----BEGIN CERTIFICATE-----" and "-----END CERTIFICATE-----"',
    ],
    ['half a certificate', CA.slice(0, 200), `certificate ${UNREADABLE}`],
    ['one without a line', CA.split('\n').toSpliced(3, 1).join('\n'), `certificate ${UNREADABLE}`],
    ['a broken one behind a good one', CA + CA.slice(0, 200), `certificate 2 of 2 ${UNREADABLE}`],
    [
      'a private key',
      KEY,
      'has a private key, which does not belong here: keep only the certificate, and replace the key, as it is no longer secret',
    ],
    [
      'a private key beside the certificate',
      CA + KEY,
      'has a private key, which does not belong here: keep only the certificate, and replace the key, as it is no longer secret',
    ],
    [
      'a key that is encrypted',
      KEY.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE'),
      'has a private key, which does not belong here: keep only the certificate, and replace the key, as it is no longer secret',
    ],
  ])('and %s is told', (_what, text, says) => {
    expect(read(text)).toContain(says);
    expect(read(text)).not.toMatch(/c2VjcmV0|MII|\.$/);
  });

  test('a text of many beginnings takes no longer', () => {
    expect(read('-----BEGIN '.repeat(100_000))).toContain(
      'has no PEM certificate: paste the CA with its lines "-----BEGIN CERTIFICATE-----" and "-----END CERTIFICATE-----"',
    );
  });
});

describe('how much asking may take', () => {
  test('is little unless told otherwise', () => {
    const defaults = {
      waitMs: 1500,
      controllerWaitMs: 250,
      timeoutMs: 10_000,
      positiveMs: 300_000,
      negativeMs: 15_000,
      errorMs: 15_000,
    };
    expect(defaultPolicy().probe).toEqual({ ...defaults, entries: 10_000, concurrency: 8 });
  });

  test('is each setting by its name', () => {
    const cache = { positive: '1h', negative: '2s', error: '3s', entries: 5 };
    const { probe } = policyWith({
      probe: { wait: '0ms', waitForControllers: '1s', timeout: '1m', cache, concurrency: 6 },
    });
    const times = {
      waitMs: 0,
      controllerWaitMs: 1000,
      timeoutMs: 60_000,
      positiveMs: 3_600_000,
      negativeMs: 2000,
      errorMs: 3000,
    };
    expect(probe).toEqual({ ...times, entries: 5, concurrency: 6 });
  });

  test.each<[path: string, least: string | number, most: string | number, beyond: readonly (string | number)[]]>([
    ['wait', '0ms', '30s', ['31s']],
    ['timeout', '100ms', '60s', ['99ms', '61s']],
    ['cache/positive', '1s', '24h', ['999ms', '25h']],
    ['cache/negative', '1s', '24h', ['0s', '999999999h']],
    ['cache/error', '1s', '24h', ['0h', '1441m']],
    ['cache/entries', 1, 1_000_000, [0, 1_000_001]],
    ['concurrency', 1, 100, [0, 101]],
  ])('is at least and at most for %s: %s, %s', (path, least, most, beyond) => {
    const check = (value: string | number): readonly string[] => {
      const [first = '', second] = path.split('/');
      return problemsOf({ probe: { [first]: second === undefined ? value : { [second]: value } } });
    };
    expect([...check(least), ...check(most)]).toEqual([]);
    const shown = (value: string | number): string => (typeof value === 'number' ? String(value) : `"${value}"`);
    expect(beyond.flatMap(check).toSorted()).toEqual(
      [`${least} or more, is ${shown(beyond[0]!)}`, `${most} or less, is ${shown(beyond.at(-1)!)}`]
        .slice(-beyond.length)
        .map((limit) => `/probe/${path}: must be ${limit}`)
        .toSorted(),
    );
  });

  test.each<[what: string, probe: object, problem: string]>([
    [
      'a time without a unit',
      { wait: 250 },
      '/wait: must be an integer with a unit, such as 250ms, 10s, 5m or 1h, is 250',
    ],
    [
      'a time in another unit',
      { wait: '1w' },
      '/wait: must be an integer with a unit, such as 250ms, 10s, 5m or 1h, is "1w"',
    ],
    ['a long time in another unit', { cache: { error: '1441m' } }, '/cache/error: must be 24h or less, is "1441m"'],
    ['half a probe', { concurrency: 1.5 }, '/concurrency: must be an integer, is 1.5'],
    [
      'what is unknown',
      { retries: 3 },
      '/retries: unknown key "retries": use one of wait, waitForControllers, timeout, cache, concurrency',
    ],
    [
      'what there was once',
      { dockerHubPerHour: 20 },
      '/dockerHubPerHour: unknown key "dockerHubPerHour", which was removed as Docker Hub is asked by HEAD only, which does not count as a pull: remove it',
    ],
  ])('is not %s', (_what, probe, problem) => {
    expect(problemsOf({ probe })).toEqual([`/probe${problem}`]);
  });
});
