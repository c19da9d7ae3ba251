import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeText, describeCause, readText } from '../../src/manifest/read-text.ts';
import { tempFolder } from '../support/temp-folder.ts';

const MANIFEST = 'kind: Pod\n';
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');

describe('a file that is no UTF-8 text is refused, and not read as an empty or foreign one', () => {
  test.each<[what: string, bytes: Buffer, problem: string]>([
    ['UTF-16 with its mark', utf16(`\ufeff${MANIFEST}`), 'it is UTF-16 text, as Windows tools write; save it as UTF-8'],
    [
      'big-endian UTF-16 with its mark',
      utf16(`\ufeff${MANIFEST}`).swap16(),
      'it is UTF-16 text, as Windows tools write; save it as UTF-8',
    ],
    ['UTF-16 without a mark', utf16(MANIFEST), 'it is UTF-16 text, as Windows tools write; save it as UTF-8'],
    [
      'big-endian UTF-16 without a mark',
      utf16(MANIFEST).swap16(),
      'it is UTF-16 text, as Windows tools write; save it as UTF-8',
    ],
    ['Latin-1', Buffer.from('name: café\n', 'latin1'), 'it is not UTF-8 text; save it as UTF-8'],
    ['a picture', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'it is not UTF-8 text; save it as UTF-8'],
    ['a NUL byte', Buffer.from('a: b\0c\n'), 'it is not text but holds binary data (a NUL byte)'],
  ])('%s', (_what, bytes, problem) => {
    expect(() => decodeText(bytes)).toThrow(new Error(problem));
  });
});

test('what an editor saves as UTF-8 is read as it is, less a byte order mark that would hide the first key', () => {
  expect(decodeText(Buffer.from(`\ufeff${MANIFEST}`))).toBe(MANIFEST);
  const text = fc
    .string({ unit: 'grapheme' })
    .filter((sample) => !sample.includes('\0') && !sample.startsWith('\ufeff'));
  fc.assert(
    fc.property(text, (sample) => {
      expect(decodeText(Buffer.from(sample))).toBe(sample);
    }),
  );
});

test('why a file cannot be read is told without its path, which the caller puts first', () => {
  const { at, link, path } = tempFolder();
  expect(() => readText(at('missing'))).toThrow(new Error('ENOENT: no such file or directory'));
  expect(() => readText(path)).toThrow(new Error('EISDIR: illegal operation on a directory'));
  link('loop', 'loop');
  expect(() => readText(at('loop'))).toThrow(/^ELOOP: [^,']+$/);
});

test('a cause that is not from the system, or no error at all, is told whole', () => {
  expect(describeCause(new Error('it is small, red, and late'))).toBe('it is small, red, and late');
  expect(describeCause('text')).toBe('text');
});
