import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readdirSync, readFileSync, readSync, realpathSync, statSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '../text/error.ts';

/** A file to read, or a path of which it is known already that it cannot be. */
export type FoundFile = Readonly<{ file: string; problem?: string }>;

/** What a manifest's name ends with; a file that is named on the command line is read whatever it is called. */
const MANIFEST = /\.(?:ya?ml|json)$|^Kustomization$/i;

/** Folders that hold other people's files. */
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['.git', 'node_modules']);

/**
 * The files that paths mean: themselves, or all manifests in a folder and below, in the order of their names; each once,
 * by whatever names it is reached. What cannot be looked at is among them, and hides nothing else.
 */
export function findFiles(paths: readonly string[]): readonly FoundFile[] {
  const found = paths.flatMap((path) =>
    look(path, () => (statSync(path).isDirectory() ? findInFolder(path) : [{ file: path }])),
  );
  const seen = new Set<string>();
  return found.filter(({ file }) => {
    const known = seen.size;
    return seen.add(identify(file)).size > known;
  });
}

function findInFolder(folder: string): readonly FoundFile[] {
  return look(folder, () =>
    readdirSync(folder, { withFileTypes: true })
      .toSorted((left, right) => (left.name < right.name ? -1 : 1))
      .flatMap((entry) => findEntry(join(folder, entry.name), entry)),
  );
}

/** Links to files are followed, as kubectl does; those to folders could lead round in circles, or out of the tree. */
function findEntry(path: string, entry: Dirent): readonly FoundFile[] {
  if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : findInFolder(path);
  if (!MANIFEST.test(entry.name)) return [];
  if (entry.isFile()) return [{ file: path }];
  return entry.isSymbolicLink() ? look(path, () => (statSync(path).isFile() ? [{ file: path }] : [])) : [];
}

function look(file: string, find: () => readonly FoundFile[]): readonly FoundFile[] {
  try {
    return find();
  } catch (error) {
    return [{ file, problem: describeCause(error) }];
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

/**
 * The text of a file.
 *
 * @throws Error with the cause and not the file, which the caller names: `ENOENT: no such file or directory`, `file is not UTF-8…`.
 */
export function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new Error(describeCause(error), { cause: error });
  }
  return decodeText(bytes);
}

/** Bytes that are read at once. */
const PIECE = 64 * 1024;

/**
 * The same in pieces that end where a line ends, so that no more than one is held.
 *
 * @throws Error as `readText` does, also after some of the pieces
 */
export function* readPieces(file: string): Generator<string> {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    yield* decodePieces(descriptor);
  } catch (error) {
    throw new Error(describeCause(error), { cause: error });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** All in one buffer, as those that are not used any more stay in memory for long. It grows only for a line that is longer. */
function* decodePieces(descriptor: number): Generator<string> {
  let buffer = Buffer.allocUnsafeSlow(PIECE);
  let held = 0;
  let decode = decodeText;
  for (;;) {
    if (held === buffer.length) buffer = Buffer.concat([buffer], 2 * held);
    const count = readSync(descriptor, buffer, held, buffer.length - held, null);
    const length = held + count;
    const end = count === 0 ? length : buffer.subarray(0, length).lastIndexOf(LINE_BREAK) + 1;
    if (end > 0) {
      yield decode(buffer.subarray(0, end));
      decode = decodeMore;
      buffer.copy(buffer, 0, end, length);
    }
    held = length - end;
    if (count === 0) return;
  }
}

const LINE_BREAK = 0x0a;

/** @throws Error saying what to do when the bytes are no UTF-8 text: read as if they were, they would pass for nothing at all. */
export function decodeText(bytes: Buffer): string {
  if (isUtf16(bytes)) throw new Error('file is UTF-16, as some Windows tools write it: save it as UTF-8');
  return decodeMore(bytes).replace(/^\ufeff/, '');
}

/** What does not begin the text. */
function decodeMore(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Error('file is not UTF-8: save it as UTF-8');
  if (bytes.includes(0)) throw new Error('file is not text, it contains binary data (a NUL byte)');
  return bytes.toString('utf8');
}

/** By its mark, in either byte order. Without one it is told by the NUL in every other byte of ASCII. */
function isUtf16(bytes: Buffer): boolean {
  return (
    ['fffe', 'feff'].includes(bytes.toString('hex', 0, 2)) ||
    /^(?:[\x01-\x7f]\0){4}|^(?:\0[\x01-\x7f]){4}/.test(bytes.toString('latin1', 0, 8))
  );
}

/** The system's words without what follows them: `ENOENT: no such file or directory, open '…'`. */
export function describeCause(error: unknown): string {
  return describeError(error).replace(/^([A-Z]+: [^,]+), .*$/s, '$1');
}

/** `cannot be read (ENOENT: no such file or directory): fix the path`. What `decodeText` says of a file has its own advice. */
export function describeUnreadable(error: unknown): string {
  const cause = describeCause(error);
  const [code] = /^E[A-Z]+(?=: )/.exec(cause) ?? [];
  return code === undefined
    ? `cannot be read: ${cause}`
    : `cannot be read (${cause}): ${REMEDIES[code] ?? 'check the file'}`;
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'fix the path',
  ENOTDIR: 'fix the path',
  EISDIR: 'name a file in this folder',
  EACCES: 'allow your user to read it',
};
