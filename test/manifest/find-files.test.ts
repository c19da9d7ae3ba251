import { chmodSync, mkdirSync } from 'node:fs';
import { relative } from 'node:path';
import { expect, test } from 'vitest';
import { findFiles } from '../../src/manifest/find-files.ts';
import { tempFolder, type TempFolder } from '../support/temp-folder.ts';

/** What is found at paths in a folder, named from there; a problem stands behind its file. */
function find(folder: TempFolder, ...names: readonly string[]): readonly string[] {
  return findFiles(names.map((name) => folder.at(name))).map(({ file, problem }) => {
    const name = relative(folder.path, file);
    return problem === undefined ? name : `${name}: ${problem}`;
  });
}

test('a folder is searched for manifests by their ending, all the way down, in the order of names', () => {
  const folder = tempFolder();
  const manifests = ['a.yaml', 'b/c.yml', 'b/d/e.json', 'f.YAML', 'g.tpl.yaml'];
  for (const name of [...manifests, 'README.md', 'yaml', 'b/Dockerfile', 'values.yaml.bak']) folder.write(name, '');
  expect(find(folder, '.')).toEqual(['a.yaml', 'b/c.yml', 'b/d/e.json', 'f.YAML', 'g.tpl.yaml']);
});

test("other people's manifests, which come with packages and with git, are left out", () => {
  const folder = tempFolder();
  for (const name of ['node_modules/a/b.yaml', '.git/c.yaml', '.github/d.yaml']) folder.write(name, '');
  expect(find(folder, '.')).toEqual(['.github/d.yaml']);
  expect(find(folder, 'node_modules')).toEqual(['node_modules/a/b.yaml']);
});

test('a file that is named is read whatever it is called', () => {
  const folder = tempFolder();
  folder.write('deployment.txt', '');
  expect(find(folder, 'deployment.txt')).toEqual(['deployment.txt']);
});

test('a file is judged once, however often and by whatever name it is given', () => {
  const folder = tempFolder();
  folder.write('a/b.yaml', '');
  folder.link('c.yaml', 'a/b.yaml');
  expect(find(folder, 'a/b.yaml', 'a', 'a/../a/b.yaml', '.')).toEqual(['a/b.yaml']);
  expect(find(folder, 'c.yaml', '.')).toEqual(['c.yaml']);
});

test('a link to a manifest is followed as kubectl does, one to a folder not, as it may lead round in a circle', () => {
  const folder = tempFolder();
  folder.write('base/web.txt', '');
  mkdirSync(folder.at('overlay'));
  folder.link('overlay/web.yaml', '../base/web.txt');
  folder.link('overlay/up', '..');
  folder.link('overlay/folder.yaml', '../base');
  expect(find(folder, 'overlay')).toEqual(['overlay/web.yaml']);
  expect(find(folder, 'overlay/up')).toContain('overlay/up/overlay/web.yaml');
});

test('a mounted ConfigMap is read once, not once a link', () => {
  const folder = tempFolder();
  folder.publish('v1', 'web.yaml', '');
  expect(find(folder, '.')).toEqual(['..v1/web.yaml']);
});

test('what cannot be looked at is reported, and hides nothing else', () => {
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

test.skipIf(process.getuid?.() === 0)('a folder that may not be opened is reported, and hides nothing else', () => {
  const folder = tempFolder();
  folder.write('good.yaml', '');
  folder.write('secret/a.yaml', '');
  chmodSync(folder.at('secret'), 0);
  const found = find(folder, '.');
  chmodSync(folder.at('secret'), 0o700);
  expect(found).toEqual(['good.yaml', 'secret: EACCES: permission denied']);
});
