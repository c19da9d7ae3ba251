/** CHANGELOG.md, in the form of Keep a Changelog: `## [Unreleased]`, then a section `## [VERSION] - DAY` for each release. */

/** The lines under the heading of a released version; undefined unless it has a date and lines. */
export function readSection(changelog: string, version: string): string | undefined {
  const lines = sectionsOf(changelog).find(([heading]) => DATED.exec(heading)?.[1] === version)?.[1];
  return lines === '' ? undefined : lines;
}

export function findUnreleased(changelog: string): string {
  return sectionsOf(changelog).find(([heading]) => heading === UNRELEASED)?.[1] ?? '';
}

/** @throws Error if there is nothing to release. */
export function headUnreleased(changelog: string, version: string, day: string): string {
  if (findUnreleased(changelog) === '') throw new Error('CHANGELOG.md: nothing under [Unreleased] to release');
  return changelog.replace(`## ${UNRELEASED}\n`, `## ${UNRELEASED}\n\n## [${version}] - ${day}\n`);
}

/**
 * A section as release notes. GitHub keeps the line breaks of release notes, so each paragraph becomes one line. Links lead to
 * the files at the tag.
 */
export function toNotes(section: string, files: string): string {
  return section
    .replaceAll(/(?<=\S)\n *(?=[^\s*#-])/g, ' ')
    .replaceAll(/\]\((?!https?:|#)([^)]+)\)/g, (_, path: string) => `](${files}/${path})`);
}

const UNRELEASED = '[Unreleased]';
const DATED = /^\[(.+)\] - \d{4}-\d\d-\d\d$/;

function sectionsOf(changelog: string): readonly (readonly [heading: string, lines: string])[] {
  // The link definitions at the end do not belong to a section.
  const text = changelog.replaceAll('\r\n', '\n').replaceAll(/^\[[^\]]+\]: \S+$/gm, '');
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [heading = '', ...lines] = section.split('\n');
      return [heading.trim(), lines.join('\n').trim()];
    });
}
