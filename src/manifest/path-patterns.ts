import { existsSync, readdirSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { matchGlob, parseGlob, type Glob } from '../text/glob.ts';

/** Paths with patterns that no shell has expanded, as those in quotes, replaced by what they match; `**` is any number of folders. */
export function expandGlobs(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    if (!/[*?[]/.test(path) || existsSync(path)) return [path];
    const found = expand(
      path.startsWith('/') ? '/' : '.',
      path.split('/').filter((part) => part !== '' && part !== '.'),
    );
    // What matches nothing is said to be missing by the name that it was given.
    return found.length === 0 ? [path] : found.map((each) => each.replace(/^\.\//, '')).toSorted();
  });
}

function expand(folder: string, parts: readonly string[]): readonly string[] {
  const [part, ...rest] = parts;
  if (part === undefined) return [folder];
  if (part === '**')
    return [...new Set([...expand(folder, rest), ...listFolders(folder).flatMap((each) => expand(each, parts))])];
  const glob = parseGlob(part);
  if (glob === undefined) return [];
  if (typeof glob === 'string') return existsSync(join(folder, part)) ? expand(join(folder, part), rest) : [];
  return list(folder)
    .filter(({ name }) => (!name.startsWith('.') || part.startsWith('.')) && matchGlob(glob, name))
    .flatMap((entry) => (rest.length === 0 || !entry.isFile() ? expand(join(folder, entry.name), rest) : []));
}

function listFolders(folder: string): readonly string[] {
  return list(folder)
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
    .map(({ name }) => join(folder, name));
}

function list(folder: string): ReturnType<typeof readFolder> {
  try {
    return readFolder(folder);
  } catch {
    return [];
  }
}

function readFolder(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}

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
