import { describe, expect, test } from 'vitest';
import { findUnreleased, headUnreleased, readSection, toNotes } from '../../scripts/changelog.ts';
import { findMistakes, findVersions, readTexts, readVersion, setVersion } from '../../scripts/version.ts';

const now = readTexts();
const version = readVersion(now);
// Right after a release nothing is unreleased.
const changelog = now.get('CHANGELOG.md')!.replace('## [Unreleased]\n', '## [Unreleased]\n\n- A line.\n');
const texts = new Map([...now, ['CHANGELOG.md', changelog]]);

/** The repository as it is on the day of a release. */
const ready = setVersion(texts, '9.8.7', '2030-01-02');

function replace(path: string, from: string, to: string): ReadonlyMap<string, string> {
  expect(ready.get(path)).toContain(from);
  return new Map([...ready, [path, ready.get(path)!.replace(from, to)]]);
}

describe('the version', () => {
  test('is the same everywhere', () => {
    expect(findMistakes(now)).toEqual([]);
    expect([...findVersions(texts).keys()]).toEqual(
      expect.arrayContaining([
        ...['package.json', 'package-lock.json', 'Dockerfile', 'charts/pullguard/Chart.yaml', 'ci/gitlab.yml'],
        ...['manifests/base/deployment.yaml', 'manifests/labels/labels.yaml', 'docs/ci.md'],
      ]),
    );
  });

  test('is written everywhere, and heads what was unreleased, by one command', () => {
    expect(findMistakes(ready, 'v9.8.7')).toEqual([]);
    const left = [...ready].filter(([, text]) => text.includes(`pullguard:${version}`)).map(([path]) => path);
    expect(left).toEqual(['CHANGELOG.md'].filter((path) => texts.get(path)!.includes(`pullguard:${version}`)));
    expect(JSON.parse(ready.get('package-lock.json')!)).toMatchObject({ packages: { '': { version: '9.8.7' } } });
    // No version of another package.
    expect(ready.get('package-lock.json')!.match(/9\.8\.7/g)).toHaveLength(2);
    expect(readSection(ready.get('CHANGELOG.md')!, '9.8.7')).toBe(findUnreleased(texts.get('CHANGELOG.md')!));
  });

  test.each<[what: string, texts: ReadonlyMap<string, string>, tag: string, mistake: string]>([
    ['another tag', ready, 'v9.8.8', 'tag v9.8.8: package.json has 9.8.7'],
    ['a tag without its v', ready, '9.8.7', 'tag 9.8.7: package.json has 9.8.7'],
    [
      'an old chart',
      replace('charts/pullguard/Chart.yaml', 'appVersion: 9.8.7', 'appVersion: 9.8.6'),
      'v9.8.7',
      'charts/pullguard/Chart.yaml: 9.8.6, but package.json has 9.8.7',
    ],
    [
      'a prerelease left in the Dockerfile',
      replace('Dockerfile', 'ARG VERSION=9.8.7', 'ARG VERSION=9.8.7-rc.1'),
      'v9.8.7',
      'Dockerfile: 9.8.7-rc.1, but package.json has 9.8.7',
    ],
    [
      'a heading without a date',
      replace('CHANGELOG.md', '[9.8.7] - 2030-01-02', '[9.8.7]'),
      'v9.8.7',
      'CHANGELOG.md: no section [9.8.7] with a date',
    ],
    [
      'lines that came after the heading was written',
      replace('CHANGELOG.md', '## [Unreleased]\n', '## [Unreleased]\n\n### Fixed\n\n- Something.\n'),
      'v9.8.7',
      'CHANGELOG.md: lines under [Unreleased], which v9.8.7 has too',
    ],
  ])('does not agree with %s', (_what, given, tag, mistake) => {
    expect(findMistakes(given, tag)).toEqual([mistake]);
  });
});

describe('the notes of a release', () => {
  const sample =
    '# Changelog\n\n## [Unreleased]\n\n## [1.1.0-rc.1] - 2030-02-01\n\n### Added\n\n- One line\n  in two, see [a page](docs/a.md#b).\n- Two.\n' +
    '\n### Fixed\n\n- [There](https://example.com) and [here](#x).\n\n## [1.0.0] - 2030-01-01\n\n- First.\n\n[1.0.0]: https://example.com/1.0.0\n';

  test.each<[version: string, section: string | undefined]>([
    ['1.0.0', '- First.'],
    ['1.0', undefined],
    ['1.1.0', undefined],
    ['2.0.0', undefined],
  ])('are the section of %s', (of, section) => {
    expect(readSection(sample, of)).toBe(section);
    expect(readSection(sample.replaceAll('\n', '\r\n'), of)).toBe(section);
  });

  test('have a line for each paragraph, as GitHub breaks lines, and links that lead to the files at the tag', () => {
    expect(toNotes(readSection(sample, '1.1.0-rc.1')!, 'https://github.com/a/b/blob/v1')).toBe(
      '### Added\n\n- One line in two, see [a page](https://github.com/a/b/blob/v1/docs/a.md#b).\n- Two.\n' +
        '\n### Fixed\n\n- [There](https://example.com) and [here](#x).',
    );
  });

  test('are not made of nothing', () => {
    expect(() => headUnreleased(sample, '1.2.0', '2030-03-01')).toThrow('nothing under [Unreleased]');
  });
});
