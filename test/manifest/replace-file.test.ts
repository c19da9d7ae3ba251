import { linkSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { replaceFile } from '../../src/manifest/replace-file.ts';
import { tempFolder } from '../support/temp-folder.ts';

test('a file that was changed meanwhile is not overwritten', () => {
  const { path, at, write } = tempFolder();
  write('a.yaml', 'of an editor');
  expect(() => {
    replaceFile(at('a.yaml'), 'as it was read', 'fixed');
  }).toThrow('it was changed meanwhile');
  expect(readFileSync(at('a.yaml'), 'utf8')).toBe('of an editor');
  expect(readdirSync(path)).toEqual(['a.yaml']);
});

test('a reader that has the file open still reads the old text, whole', () => {
  const { at, write } = tempFolder();
  write('a.yaml', 'old');
  linkSync(at('a.yaml'), at('kept'));
  replaceFile(at('a.yaml'), 'old', 'new');
  expect([readFileSync(at('a.yaml'), 'utf8'), readFileSync(at('kept'), 'utf8')]).toEqual(['new', 'old']);
});
