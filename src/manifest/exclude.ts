import { relative, resolve, sep } from 'node:path';
import { matchGlob, parseGlob, type Glob } from '../text/glob.ts';

/** A pattern of `--exclude`, part by part; `**` stands for any number of folders. */
type Pattern = readonly Glob[];

/**
 * Whether a file is left out. A pattern without a slash is the name of a file or folder wherever it is; one with a slash is a path from the
 * working directory, or from a folder that is checked. What is below a folder that is left out is left out too.
 *
 * @param folders the paths that are checked
 * @returns undefined when a pattern is malformed
 */
export function createExclude(
  patterns: readonly string[],
  folders: readonly string[],
): ((file: string) => boolean) | undefined {
  const read = patterns.map((pattern) => readPattern(pattern));
  if (!read.every((pattern) => pattern !== undefined)) return undefined;
  const roots = [...new Set(['.', ...folders].map((folder) => resolve(folder)))];
  return (file) => {
    const paths = roots
      .map((root) => relative(root, resolve(file)).split(sep))
      .filter((path) => path[0] !== '..' && path.join() !== '');
    // Outside the working directory a name still is one.
    const all = paths.length > 0 ? paths : [resolve(file).split(sep).slice(1)];
    return read.some((pattern) => all.some((path) => path.some((_, at) => matchPath(pattern, path.slice(0, at + 1)))));
  };
}

function readPattern(pattern: string): Pattern | undefined {
  const parts = pattern.replace(/^\.\//, '').replace(/\/+$/, '').split('/');
  const anchored = parts[0] === '' ? parts.slice(1) : parts.length === 1 ? ['**', ...parts] : parts;
  const globs = anchored.map((part) => (part === '**' ? part : parseGlob(part)));
  return globs.every((glob) => glob !== undefined) ? globs : undefined;
}

function matchPath(pattern: Pattern, path: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return path.length === 0;
  if (first === '**') return path.some((_, at) => matchPath(rest, path.slice(at))) || rest.length === 0;
  const [name, ...below] = path;
  return name !== undefined && matchGlob(first, name) && matchPath(rest, below);
}
