import { readdirSync, realpathSync, statSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { describeCause } from './read-text.ts';

/** A file to read, or a path of which it is known already that it cannot be. */
export type FoundFile = Readonly<{ file: string; problem?: string }>;

/** What a manifest's name ends with; a file that is named on the command line is read whatever it is called. */
const MANIFEST = /\.(?:ya?ml|json)$/i;

/** Folders that hold other people's files. */
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['.git', 'node_modules']);

/**
 * The files that paths mean: themselves, or all manifests in a folder and below, in the order of their names; each once,
 * by whatever names it is reached. What cannot be looked at is among them, and hides nothing else.
 */
export function findFiles(paths: readonly string[]): readonly FoundFile[] {
  const seen = new Set<string>();
  return paths
    .flatMap((path) => findAt(path))
    .filter(({ file }) => {
      const known = seen.size;
      return seen.add(identify(file)).size > known;
    });
}

function findAt(path: string): readonly FoundFile[] {
  try {
    return statSync(path).isDirectory() ? findInFolder(path) : [{ file: path }];
  } catch (error) {
    return [{ file: path, problem: describeCause(error) }];
  }
}

function findInFolder(folder: string): readonly FoundFile[] {
  let entries: readonly Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    return [{ file: folder, problem: describeCause(error) }];
  }
  return entries
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((entry) => findEntry(join(folder, entry.name), entry));
}

/** Links to files are followed, as kubectl does; those to folders could lead round in circles, or out of the tree. */
function findEntry(path: string, entry: Dirent): readonly FoundFile[] {
  if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : findInFolder(path);
  if (!MANIFEST.test(entry.name)) return [];
  if (entry.isFile()) return [{ file: path }];
  return entry.isSymbolicLink() ? findLinked(path) : [];
}

function findLinked(path: string): readonly FoundFile[] {
  try {
    return statSync(path).isFile() ? [{ file: path }] : [];
  } catch (error) {
    return [{ file: path, problem: describeCause(error) }];
  }
}

/** The same for all names of a file. */
function identify(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
