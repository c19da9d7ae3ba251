import { write, writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { MOST_LOG_BYTES } from '../text/bounds.ts';

/** Where log lines go; a destination of pino's. */
export type LogOutput = Readonly<{
  write: (line: string) => void;
  /** Writes what is left, for a second at most, and then takes no more. False when something is left. */
  end: () => Promise<boolean>;
}>;

export type LogOutputOptions = Readonly<{
  fd: number;
  /** Told of each line that found no room. */
  onDropped: () => void;
}>;

/** A page of memory, or a tenth of a second, whichever comes first, is written at a time. */
const FLUSH_BYTES = 4096;
const FLUSH_MS = 100;
/** The most in one write: what a pipe holds. */
const LARGEST_WRITE = 64 * 1024;
/** When a pipe that was full is tried again, and an output that failed, as a disk has room again or a pipe a reader. */
const FULL_RETRY_MS = 10;
const FAILED_RETRY_MS = 1000;
const END_MS = 1000;

/**
 * Writes log lines in the background and several at a time, and never waits for them: neither a slow disk nor a pipe that nobody
 * reads delays an admission or a stop. What finds no room meanwhile is dropped and counted.
 *
 * In the place of pino's own destination, which flushes at the end with writes that it repeats until they succeed: on a full disk,
 * and on a pipe that nobody reads, never.
 */
export function createLogOutput({ fd, onDropped }: LogOutputOptions): LogOutput {
  let lines: string[] = [];
  /** Of lines and of `rest`. */
  let bytes = 0;
  /** What of the last write has not been written. */
  let rest: Buffer = EMPTY;
  let isWriting = false;
  /** Set while an output that failed is given time. */
  let retry: NodeJS.Timeout | undefined;
  let hasEnded = false;
  let timer: NodeJS.Timeout | undefined;
  let onIdle: (() => void) | undefined;

  // After a bug, for which there is no `end`: only what finds room at once.
  const flushAtExit = (): void => {
    if (isWriting || hasEnded) return;
    try {
      writeSync(fd, Buffer.concat([rest, Buffer.from(lines.join(''))]));
    } catch {
      // It cannot be told anywhere.
    }
  };
  process.once('exit', flushAtExit);

  return {
    write: (line) => {
      const size = Buffer.byteLength(line);
      if (hasEnded || bytes + size > MOST_LOG_BYTES) {
        onDropped();
        return;
      }
      lines.push(line);
      bytes += size;
      if (isWriting || retry !== undefined) return;
      if (bytes >= FLUSH_BYTES) flush();
      else timer ??= setTimeout(flush, FLUSH_MS).unref();
    },
    end: async () => {
      const written = new Promise<void>((resolve) => (onIdle = resolve));
      flush();
      await Promise.race([written, wait(END_MS)]);
      hasEnded = true;
      process.off('exit', flushAtExit);
      clearTimeout(timer);
      clearTimeout(retry);
      return bytes === 0;
    },
  };

  function flush(): void {
    clearTimeout(timer);
    clearTimeout(retry);
    timer = retry = undefined;
    if (isWriting || hasEnded) return;
    if (rest.length === 0) rest = takeLines();
    if (rest.length === 0) {
      onIdle?.();
      return;
    }
    isWriting = true;
    write(fd, rest, (error, written) => {
      isWriting = false;
      if (error === null) {
        bytes -= written;
        rest = rest.subarray(written);
        if (bytes >= FLUSH_BYTES || onIdle !== undefined) flush();
        else if (bytes > 0) timer = setTimeout(flush, FLUSH_MS).unref();
        return;
      }
      retry = setTimeout(flush, error.code === 'EAGAIN' ? FULL_RETRY_MS : FAILED_RETRY_MS).unref();
    });
  }

  function takeLines(): Buffer {
    let size = 0;
    let count = 0;
    while (count < lines.length && size < LARGEST_WRITE) size += lines[count++]?.length ?? 0;
    const taken = count === lines.length ? lines : lines.slice(0, count);
    lines = lines.slice(count);
    return Buffer.from(taken.join(''));
  }
}

const EMPTY = Buffer.alloc(0);
