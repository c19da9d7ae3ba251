import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';

/**
 * The text of a file.
 *
 * @throws Error with the cause and not the file, which whoever asks names in their own way: `ENOENT: no such file or
 * directory`, `it is not UTF-8 text…`.
 */
export function readText(file: string): string {
  return decodeText(readBytes(file));
}

/** @throws Error saying what to do when the bytes are no UTF-8 text: read as if they were, they would pass for nothing at all. */
export function decodeText(bytes: Buffer): string {
  if (isUtf16(bytes)) throw new Error('it is UTF-16 text, as Windows tools write; save it as UTF-8');
  if (!isUtf8(bytes)) throw new Error('it is not UTF-8 text; save it as UTF-8');
  if (bytes.includes(0)) throw new Error('it is not text but holds binary data (a NUL byte)');
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}

/** The system's words without what follows them: `ENOENT: no such file or directory, open '…'`. */
export function describeCause(error: unknown): string {
  return error instanceof Error ? error.message.replace(/^([A-Z]+: [^,]+), .*$/s, '$1') : String(error);
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(describeCause(error), { cause: error });
  }
}

/** By its mark, in either byte order. Without one it is told by the NUL in every other byte of ASCII. */
function isUtf16(bytes: Buffer): boolean {
  return (
    ['fffe', 'feff'].includes(bytes.toString('hex', 0, 2)) ||
    /^(?:[\x01-\x7f]\0){4}|^(?:\0[\x01-\x7f]){4}/.test(bytes.toString('latin1', 0, 8))
  );
}
