import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The text of a file with its byte order mark, if it has one. */
export function readWhole(file: string): string {
  return readFileSync(file).toString('utf8');
}

/**
 * Writes a file anew, all of it or nothing: a temporary file beside it takes its place, with its mode and owner. A link stays one, and
 * what it leads to is written.
 *
 * @param before what the file has to hold still
 * @throws Error of the system, or one that says that the file has changed
 */
export function replaceFile(file: string, before: string, after: string): void {
  const path = realpathSync(file);
  if (readWhole(path) !== before) throw new Error('it was changed meanwhile');
  writeInPlace(path, [after]);
}

/**
 * Writes a file, all of it or nothing, whether it is there or not. What is no file, such as `/dev/stdout` or a pipe, is written to.
 *
 * @throws Error of the system
 */
export function writeWhole(file: string, text: Iterable<string>): void {
  const there = statSync(file, { throwIfNoEntry: false });
  if (there === undefined) {
    writeBeside(file, text);
  } else if (there.isFile()) writeInPlace(realpathSync(file), text);
  else {
    const descriptor = openSync(file, 'w');
    try {
      for (const piece of text) writeFileSync(descriptor, piece);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** With the mode and the owner of what was there. */
function writeInPlace(path: string, text: Iterable<string>): void {
  // A rename does not check whether the file itself may be written.
  accessSync(path, constants.W_OK);
  const { mode, uid, gid } = statSync(path);
  writeBeside(path, text, (temporary) => {
    keepOwner(temporary, uid, gid);
    chmodSync(temporary, mode & 0o7777);
  });
}

/** The temporary file has the mode of any new one, which the system makes of the umask, unless it is prepared. */
function writeBeside(path: string, text: Iterable<string>, prepare?: (temporary: string) => void): void {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const descriptor = openSync(temporary, 'wx', prepare === undefined ? 0o666 : 0o600);
    try {
      for (const piece of text) writeFileSync(descriptor, piece);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    prepare?.(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Only root may give a file away; of a file in a group of one's own that is no reason not to write it. */
function keepOwner(file: string, uid: number, gid: number): void {
  try {
    const now = statSync(file);
    if (now.uid !== uid || now.gid !== gid) chownSync(file, uid, gid);
  } catch {
    // It belongs to who wrote it.
  }
}
