import { describe, expect, test } from 'vitest';
import { buildRegistryProbe, type RegistryProbeFile } from '../../src/policy/build-registry-probe.ts';
import type { RegistryProbe } from '../../src/policy/policy.ts';
import { CA } from './ca-certificate.ts';

function build(given: RegistryProbeFile | undefined): Readonly<{ probe?: RegistryProbe; problems: readonly string[] }> {
  const problems: string[] = [];
  const probe = buildRegistryProbe(given, '/registries/0/probe', (pointer, message) =>
    problems.push(`${pointer}: ${message}`),
  );
  return { ...(probe !== undefined && { probe }), problems };
}

const PLAIN: RegistryProbe = { plainHttp: false, tokenHosts: [], addresses: [], mirrors: [] };

describe('a registry is asked where the policy says so, and with nothing allowed that it does not say', () => {
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
      { addresses: ['100.125.0.0/16', '10.20.0.5', 'fd00::/8', 'fd00::1', '::ffff:10.0.0.1'] },
      { ...PLAIN, addresses: ['100.125.0.0/16', '10.20.0.5/32', 'fd00::/8', 'fd00::1/128', '::ffff:10.0.0.1/128'] },
    ],
  ])('%s', (_what, given, probe) => {
    expect(build(given)).toEqual({ ...(probe !== undefined && { probe }), problems: [] });
  });
});

describe('what makes no sense is told where it stands', () => {
  const noHost = (text: string) => `${text} is not a host: write host or host:port, without scheme, path or glob`;
  const noAddress = (text: string) =>
    `${text} is neither an IP address nor a range of them: write 10.20.0.5 or 10.20.0.0/16`;

  test.each<[given: RegistryProbeFile, problem: string]>([
    [
      { tokenHosts: ['a.example', 'https://auth.example.com'] },
      `tokenHosts/1: ${noHost('"https://auth.example.com"')}`,
    ],
    [{ tokenHosts: ['auth.example.com/token'] }, `tokenHosts/0: ${noHost('"auth.example.com/token"')}`],
    [{ tokenHosts: ['*.example.com'] }, `tokenHosts/0: ${noHost('"*.example.com"')}`],
    [{ tokenHosts: ['me:s3cret@auth.example.com'] }, `tokenHosts/0: ${noHost('"***@auth.example.com"')}`],
    [{ tokenHosts: ['auth.example.com:'] }, `tokenHosts/0: ${noHost('"auth.example.com:"')}`],
    [{ mirrors: ['mirror.example.com:0'] }, `mirrors/0: ${noHost('"mirror.example.com:0"')}`],
    [{ mirrors: ['mirror.example.com:65536'] }, `mirrors/0: ${noHost('"mirror.example.com:65536"')}`],
    [{ mirrors: ['mirror.example.com:http'] }, `mirrors/0: ${noHost('"mirror.example.com:http"')}`],
    [{ addresses: ['10.0.0.0/33'] }, `addresses/0: ${noAddress('"10.0.0.0/33"')}`],
    [{ addresses: ['10.0.0'] }, `addresses/0: ${noAddress('"10.0.0"')}`],
    [{ addresses: ['10.0.0.1', 'registry.internal'] }, `addresses/1: ${noAddress('"registry.internal"')}`],
    [{ addresses: ['10.0.0.1-10.0.0.9'] }, `addresses/0: ${noAddress('"10.0.0.1-10.0.0.9"')}`],
    [{ addresses: ['10.0.0.1:5000'] }, `addresses/0: ${noAddress('"10.0.0.1:5000"')}`],
    [{ addresses: ['[fd00::1]'] }, `addresses/0: ${noAddress('"[fd00::1]"')}`],
    [{ plainHttp: true, ca: CA }, 'ca: is of no use, as plainHttp asks without TLS; leave one of the two out'],
    [
      { ca: '/etc/ca.crt' },
      'ca: holds no certificate in PEM: paste the CA with its lines "-----BEGIN CERTIFICATE-----" and "-----END CERTIFICATE-----"',
    ],
  ])('%j', (given, problem) => {
    expect(build(given).problems).toEqual([`/registries/0/probe/${problem}`]);
  });
});
