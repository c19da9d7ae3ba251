import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCertificates } from '../../src/policy/read-certificates.ts';
import { CA } from './ca-certificate.ts';

const KEY = `-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n`;

describe('certificates are taken, and nothing else', () => {
  test.each<[what: string, text: string, count: number]>([
    ['one', CA, 1],
    ['two', CA + CA, 2],
    ['with Windows line ends', CA.replaceAll('\n', '\r\n'), 1],
    ['with words around it', `the CA of the office\n${CA}\nuntil 2030`, 1],
    ['without a line end', CA.trim(), 1],
    ['beside a key that is public', `-----BEGIN PUBLIC KEY-----\nYQ==\n-----END PUBLIC KEY-----\n${CA}`, 1],
  ])('%s', (_what, text, count) => {
    expect(readCertificates(text)).toEqual({ ok: true, pem: CA.repeat(count) });
  });
});

describe('what is none is told', () => {
  const UNREADABLE = 'that cannot be read: paste it whole';
  test.each<[what: string, text: string, says: string]>([
    ['an empty text', '', 'holds no certificate in PEM'],
    ['the name of a file', '/etc/ssl/ca.crt', 'holds no certificate in PEM'],
    ['base64 alone', CA.replaceAll(/-----.*-----\n/g, ''), 'holds no certificate in PEM'],
    ['a request for one', CA.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'), 'holds no certificate in PEM'],
    ['half a certificate', CA.slice(0, 200), `holds a certificate ${UNREADABLE}`],
    ['one without a line', CA.split('\n').toSpliced(3, 1).join('\n'), `holds a certificate ${UNREADABLE}`],
    ['a broken one behind a good one', CA + CA.slice(0, 200), `holds a certificate, number 2 of 2, ${UNREADABLE}`],
    ['a private key', KEY, 'holds a private key, which does not belong here'],
    ['a private key beside the certificate', CA + KEY, 'holds a private key'],
    ['a key of another kind', KEY.replaceAll('PRIVATE', 'EC PRIVATE'), 'holds a private key'],
    ['a key that is encrypted', KEY.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE'), 'holds a private key'],
  ])('%s', (_what, text, says) => {
    const read = readCertificates(text);
    expect(read.ok ? '' : read.problem).toContain(says);
    expect(read.ok ? '' : read.problem).not.toMatch(/c2VjcmV0|MII|\.$/);
  });
});

test('no text of a policy takes pullguard down', () => {
  const piece = fc.constantFrom('-----BEGIN CERTIFICATE-----\n', '-----END CERTIFICATE-----\n', CA, 'MIIB\n', '\0');
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string())), (pieces) => {
      expect(typeof readCertificates(pieces.join('')).ok).toBe('boolean');
    }),
  );
  expect(readCertificates('-----BEGIN '.repeat(100_000)).ok).toBe(false);
});
