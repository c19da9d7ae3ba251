import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { matchGlob, parseGlob } from '../text/glob.ts';

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
