import { write, writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { MOST_LOG_BYTES } from '../text/bounds.ts';
import { isRecord } from '../text/json.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { paint } from './terminal.ts';

/** Where log lines go, as a destination for pino. */
type LogOutput = Readonly<{
  write: (line: string) => void;
  /** Writes the remaining lines for at most a second, and then accepts no more. */
  end: () => Promise<void>;
}>;

/** Lines are written when there are enough to be worth a write, or after a tenth of a second. */
const FLUSH_BYTES = 32 * 1024;
const FLUSH_MS = 100;
/** The most in one write: the size of a pipe's buffer. */
const LARGEST_WRITE = 64 * 1024;
/** When to try again after a full pipe, and after an error such as a full disk or a pipe without a reader. */
const FULL_RETRY_MS = 10;
const FAILED_RETRY_MS = 1000;
const END_MS = 1000;

/**
 * Writes log lines in the background, several at a time, and never waits for them: neither a slow disk nor a pipe without a
 * reader delays an admission or the shutdown. `onDropped` is called for each line that does not fit into the buffer.
 *
 * Replaces pino's own destination, which at exit repeats its last write until it succeeds: never, on a full disk or a pipe
 * without a reader.
 */
export function createLogOutput({ fd, onDropped }: Readonly<{ fd: number; onDropped: () => void }>): LogOutput {
  let lines: string[] = [];
  /** The size of `lines` and `rest` together. */
  let bytes = 0;
  /** The part of the last write that has not been written. */
  let rest: Buffer = EMPTY;
  let isWriting = false;
  /** Set while waiting to try again. */
  let retry: NodeJS.Timeout | undefined;
  let hasEnded = false;
  let timer: NodeJS.Timeout | undefined;
  let onIdle: (() => void) | undefined;

  // After a crash, which does not call `end`: one attempt.
  const flushAtExit = (): void => {
    if (isWriting || hasEnded) return;
    try {
      writeSync(fd, Buffer.concat([rest, Buffer.from(lines.join(''))]));
    } catch {
      // There is nowhere left to report it.
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

const STYLES: Readonly<Record<string, Parameters<typeof paint>[0]>> = { debug: 'dim', warn: 'yellow', error: 'red' };

/**
 * A log line for a person: `12:00:01 info  listening  port=8443 rules=["reference-valid"]`, and the stack of an error below it.
 * A few lines instead of pino-pretty, which brings a dozen packages.
 */
export function formatLogLine(line: string, color: boolean): string {
  const entry: unknown = JSON.parse(line);
  if (!isRecord(entry)) return line;
  const { level, time, msg, err, ...fields } = entry;
  const name = String(level);
  const clock = String(time).slice('2026-01-01T'.length, '2026-01-01T12:00:00'.length);
  const values = Object.entries(fields).map(
    ([key, value]) => ` ${paint('dim', `${key}=`, color)}${formatValue(value)}`,
  );
  const head = `${clock} ${paint(STYLES[name] ?? 'green', name.padEnd(5), color)} ${escapeUnprintable(String(msg))} `;
  return `${head}${values.join('')}`.trimEnd() + `${formatError(err)}\n`;
}

/** A text without spaces as it is, and everything else as JSON. */
function formatValue(value: unknown): string {
  return escapeUnprintable(typeof value === 'string' && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value));
}

function formatError(err: unknown): string {
  if (!isRecord(err)) return '';
  const stack = String(err['stack'] ?? err['message']).split('\n');
  return stack.map((each) => `\n    ${escapeUnprintable(each.trim())}`).join('');
}
