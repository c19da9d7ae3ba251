import { describe, expect, test } from 'vitest';
import { findInputs } from '../../src/manifest/find-inputs.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** What paths in a folder mean, by names in it. */
function find(files: Readonly<Record<string, string>>, paths: readonly string[] = ['.'], renders = true) {
  const folder = tempFolder();
  for (const [name, text] of Object.entries(files)) folder.write(name, text);
  const shown = (path: string): string => path.replace(`${folder.path}/`, '');
  const inputs = findInputs(
    paths.map((path) => folder.at(path)),
    renders,
  );
  return {
    files: inputs.files.map(({ file }) => shown(file)),
    units: inputs.units.map(({ tool, folder: at }) => `${tool} ${shown(at)}`),
    sources: inputs.units.map(({ sources }) => sources.map(shown)),
  };
}

const DEPLOYMENT = 'kind: Deployment\n';

describe('a kustomization', () => {
  const BASE = { 'base/kustomization.yaml': 'resources: [app.yaml]\n', 'base/app.yaml': DEPLOYMENT };
  const OVERLAYS = {
    ...BASE,
    'prod/kustomization.yml': 'resources: [../base, more]\npatches: [{ path: patch.yaml }]\n',
    'prod/patch.yaml': DEPLOYMENT,
    'prod/more/Kustomization': 'configMapGenerator: [{ name: c, files: [conf=conf.yaml] }]\n',
    'prod/more/conf.yaml': 'a: 1\n',
    'test/kustomization.yaml': 'bases: [../base]\npatchesStrategicMerge: [patch.yaml, "inline: {}"]\n',
    'test/patch.yaml': DEPLOYMENT,
  };

  test('is rendered once, where no other one includes it, and its files are not checked beside', () => {
    expect(find(OVERLAYS)).toMatchObject({ files: [], units: ['kustomize prod', 'kustomize test'] });
  });

  test('has its own file before those of its bases as the sources of what it renders to', () => {
    const { sources } = find(OVERLAYS);
    expect(sources[1]).toEqual([
      'test/kustomization.yaml',
      'base/kustomization.yaml',
      'test/patch.yaml',
      'base/app.yaml',
    ]);
  });

  test('is rendered itself where its path is given', () => {
    expect(find(OVERLAYS, ['base'])).toMatchObject({ files: [], units: ['kustomize base'] });
  });

  test('does not hide files that it does not include, which another tool may apply', () => {
    expect(find({ ...BASE, 'base/other.yaml': DEPLOYMENT })).toMatchObject({
      files: ['base/other.yaml'],
      units: ['kustomize base'],
    });
  });

  test('does not hide a file that is named', () => {
    expect(find(BASE, ['base', 'base/app.yaml']).files).toEqual(['base/app.yaml']);
    expect(find(BASE, ['base/kustomization.yaml'])).toMatchObject({ files: ['base/kustomization.yaml'], units: [] });
  });

  test('of two that include each other is rendered, for the tool to say so', () => {
    const files = { 'a/kustomization.yaml': 'resources: [../b]\n', 'b/kustomization.yaml': 'resources: [../a]\n' };
    expect(find(files).units).toEqual(['kustomize a']);
  });

  test('is none where Flux has an object in a file of that name', () => {
    const file = 'apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n';
    expect(find({ 'kustomization.yaml': file })).toMatchObject({ files: ['kustomization.yaml'], units: [] });
  });

  test('that is broken is rendered, for the tool to say so', () => {
    expect(find({ 'a/kustomization.yaml': 'resources: [\n' }).units).toEqual(['kustomize a']);
  });
});

describe('a chart', () => {
  const CHART = {
    'c/Chart.yaml': 'name: c\n',
    'c/values.yaml': 'a: 1\n',
    'c/templates/a.yaml': '{{ .Values.a }}\n',
    'c/charts/sub/Chart.yaml': 'name: sub\n',
    'c/charts/sub/values.yaml': 'a: 1\n',
  };

  test('is rendered with all that is below it', () => {
    expect(find({ ...CHART, 'app.yaml': DEPLOYMENT })).toEqual({
      files: ['app.yaml'],
      units: ['helm c'],
      sources: [
        ['c/charts/sub/values.yaml', 'c/values.yaml', 'c/Chart.yaml', 'c/charts/sub/Chart.yaml', 'c/templates/a.yaml'],
      ],
    });
  });

  test('that is a library is checked with those that use it', () => {
    expect(find({ 'l/Chart.yaml': 'type: library\n', 'l/templates/_a.yaml': '{{ a }}' })).toMatchObject({
      files: [],
      units: [],
    });
  });
});

test('with --no-render all files are read as they are', () => {
  const files = {
    'a/kustomization.yaml': 'resources: [b.yaml]\n',
    'a/b.yaml': DEPLOYMENT,
    'c/Chart.yaml': 'name: c\n',
  };
  expect(find(files, ['.'], false)).toMatchObject({
    files: ['a/b.yaml', 'a/kustomization.yaml', 'c/Chart.yaml'],
    units: [],
  });
});

describe('patterns that no shell has expanded', () => {
  const FILES = { 'a.yaml': '', 'b.yml': '', 'x/a.yaml': '', 'x/y/a.yaml': '', 'x/.z/a.yaml': '', 'x/[1].yaml': '' };

  test.each<[pattern: string, found: readonly string[]]>([
    ['*.yaml', ['a.yaml']],
    ['**/a.yaml', ['a.yaml', 'x/a.yaml', 'x/y/a.yaml']],
    ['x/*/a.yaml', ['x/y/a.yaml']],
    ['[ab].y*ml', ['a.yaml', 'b.yml']],
    // A folder is searched as ever.
    ['?', ['x/.z/a.yaml', 'x/[1].yaml', 'x/a.yaml', 'x/y/a.yaml']],
    // A file that is called so is no pattern.
    ['x/[1].yaml', ['x/[1].yaml']],
    // Said to be missing under this name.
    ['none/*.yaml', ['none/*.yaml']],
  ])('%s', (pattern, found) => {
    expect(find(FILES, [pattern]).files).toEqual(found);
  });
});
