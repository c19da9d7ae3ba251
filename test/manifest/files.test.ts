import { chmodSync, mkdirSync } from 'node:fs';
import { relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeText, describeCause, findFiles, readPieces, readText } from '../../src/manifest/files.ts';
import { tempFolder, type TempFolder } from '../support/temp-folder.ts';

/** What is found at paths in a folder, named from there; a problem stands behind its file. */
function find(folder: TempFolder, ...names: readonly string[]): readonly string[] {
  return findFiles(names.map((name) => folder.at(name))).map(({ file, problem }) => {
    const name = relative(folder.path, file);
    return problem === undefined ? name : `${name}: ${problem}`;
  });
}

describe('manifests', () => {
  test('are found in a folder by their ending, all the way down, in the order of names', () => {
    const folder = tempFolder();
    const manifests = ['a.yaml', 'b/c.yml', 'b/d/e.json', 'f.YAML', 'g.tpl.yaml'];
    for (const name of [...manifests, 'README.md', 'yaml', 'b/Dockerfile', 'values.yaml.bak']) folder.write(name, '');
    expect(find(folder, '.')).toEqual(manifests);
    expect(find(folder, 'README.md')).toEqual(['README.md']);
  });

  test('of other people, which come with packages and with git, are left out unless they are named', () => {
    const folder = tempFolder();
    for (const name of ['node_modules/a/b.yaml', '.git/c.yaml', '.github/d.yaml']) folder.write(name, '');
    expect(find(folder, '.')).toEqual(['.github/d.yaml']);
    expect(find(folder, 'node_modules')).toEqual(['node_modules/a/b.yaml']);
  });

  test('are judged once, however often and by whatever name they are given', () => {
    const folder = tempFolder();
    folder.write('a/b.yaml', '');
    folder.link('c.yaml', 'a/b.yaml');
    expect(find(folder, 'a/b.yaml', 'a', 'a/../a/b.yaml', '.')).toEqual(['a/b.yaml']);
    expect(find(folder, 'c.yaml', '.')).toEqual(['c.yaml']);
  });

  test('are found by links as kubectl does, but not in folders that are, which may lead round in a circle', () => {
    const folder = tempFolder();
    folder.write('base/web.txt', '');
    mkdirSync(folder.at('overlay'));
    folder.link('overlay/web.yaml', '../base/web.txt');
    folder.link('overlay/up', '..');
    folder.link('overlay/folder.yaml', '../base');
    expect(find(folder, 'overlay')).toEqual(['overlay/web.yaml']);
    expect(find(folder, 'overlay/up')).toContain('overlay/up/overlay/web.yaml');
  });

  test('in a mounted ConfigMap are read once, not once a link', () => {
    const folder = tempFolder();
    folder.publish('v1', 'web.yaml', '');
    expect(find(folder, '.')).toEqual(['..v1/web.yaml']);
  });

  test('that cannot be looked at are reported, and hide nothing else', () => {
    const folder = tempFolder();
    folder.write('good.yaml', '');
    folder.link('gone.yaml', 'nowhere');
    folder.link('loop.yaml', 'loop.yaml');
    expect(find(folder, 'missing', '.')).toEqual([
      'missing: ENOENT: no such file or directory',
      'gone.yaml: ENOENT: no such file or directory',
      'good.yaml',
      expect.stringMatching(/^loop\.yaml: ELOOP: /),
    ]);
  });

  test.skipIf(process.getuid?.() === 0)('in a folder that may not be opened are reported by it', () => {
    const folder = tempFolder();
    folder.write('good.yaml', '');
    folder.write('secret/a.yaml', '');
    chmodSync(folder.at('secret'), 0);
    const found = find(folder, '.');
    chmodSync(folder.at('secret'), 0o700);
    expect(found).toEqual(['good.yaml', 'secret: EACCES: permission denied']);
  });
});

describe('a text', () => {
  const MANIFEST = 'kind: Pod\n';
  const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');
  const UTF16 = 'file is UTF-16, as some Windows tools write it: save it as UTF-8';

  test.each<[what: string, bytes: Buffer, problem: string]>([
    ['UTF-16 with its mark', utf16(`\ufeff${MANIFEST}`), UTF16],
    ['big-endian UTF-16 with its mark', utf16(`\ufeff${MANIFEST}`).swap16(), UTF16],
    ['UTF-16 without a mark', utf16(MANIFEST), UTF16],
    ['big-endian UTF-16 without a mark', utf16(MANIFEST).swap16(), UTF16],
    ['Latin-1', Buffer.from('name: café\n', 'latin1'), 'file is not UTF-8: save it as UTF-8'],
    ['a picture', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'file is not UTF-8: save it as UTF-8'],
    ['a NUL byte', Buffer.from('a: b\0c\n'), 'file is not text, it contains binary data (a NUL byte)'],
  ])('that is %s is refused, and not read as an empty or foreign one', (_what, bytes, problem) => {
    expect(() => decodeText(bytes)).toThrow(new Error(problem));
  });

  test('in UTF-8 is read as it is, less a byte order mark that would hide the first key', () => {
    expect(decodeText(Buffer.from(`\ufeff${MANIFEST}`))).toBe(MANIFEST);
    expect(decodeText(Buffer.from('a: é \u{1f600}\r\n'))).toBe('a: é \u{1f600}\r\n');
  });

  test('that cannot be read is told without its path, which the caller puts first', () => {
    const { at, link, path } = tempFolder();
    expect(() => readText(at('missing'))).toThrow(new Error('ENOENT: no such file or directory'));
    expect(() => readText(path)).toThrow(new Error('EISDIR: illegal operation on a directory'));
    link('loop', 'loop');
    expect(() => readText(at('loop'))).toThrow(/^ELOOP: [^,']+$/);
    expect(describeCause(new Error('it is small, red, and late'))).toBe('it is small, red, and late');
  });
});

describe('read in pieces', () => {
  const LINE = 'a: "äöü€"\n';

  test.each<[what: string, content: string]>([
    ['nothing', ''],
    ['a line without an end', 'a'],
    ['a byte order mark', '\ufeffa: b\n'],
    ['more than one piece', LINE.repeat(50_000)],
    ['a line that is longer than a piece', `${LINE}b: ${'€'.repeat(200_000)}\n${LINE}`],
    ['line ends of Windows and of old Macs', `${'a\r\n'.repeat(40_000)}${'b\r'.repeat(90_000)}`],
  ])('a file is what it is as a whole: %s', (_, content) => {
    const file = tempFolder().write('a.yaml', content);
    const pieces = [...readPieces(file)];
    expect(pieces.join('') === readText(file)).toBe(true);
    for (const piece of pieces.slice(0, -1)) expect(piece.endsWith('\n')).toBe(true);
  });

  test.each<[what: string, content: Buffer]>([
    ['UTF-16', Buffer.from('\ufeffa: b\n', 'utf16le')],
    ['no UTF-8', Buffer.from([...Buffer.from(LINE.repeat(20_000)), 0xff])],
    ['binary data', Buffer.from(`${LINE.repeat(20_000)}\0`)],
  ])('a file that is no text is refused as a whole is: %s', (_, content) => {
    const file = tempFolder().write('a.yaml', content);
    const refusal = (read: () => unknown): string => {
      try {
        return `read: ${String(read())}`;
      } catch (error) {
        return describeCause(error);
      }
    };
    expect(refusal(() => [...readPieces(file)])).toBe(refusal(() => readText(file)));
  });
});
