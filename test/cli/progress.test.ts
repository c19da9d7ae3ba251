import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createProgress, type Progress } from '../../src/cli/progress.ts';
import { capturedIo } from '../support/captured-io.ts';

beforeEach(() => {
  vi.stubEnv('TERM', 'xterm');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What is written to standard error by what a command shows. */
function run(isTTY: boolean, use: (progress: Progress) => void): string {
  const io = capturedIo({ isTTY });
  use(createProgress(io.stderr));
  expect(io.printed.stdout).toBe('');
  return io.printed.stderr;
}

const shown = (text: string): string => stripVTControlCharacters(text).replaceAll('\r', '');

describe('the line says how far it is', () => {
  test.each<[what: string, line: string, args: Parameters<Progress['show']>]>([
    ['nothing read yet', 'reading pods', ['pods']],
    ['of an unknown number', '500 pods', ['pods', 500]],
    ['a third', '[########----------------] 500 of 1500 pods', ['pods', 500, 1000]],
    ['all', '[########################] 1500 of 1500 pods', ['pods', 1500, 0]],
  ])('%s: %s', (_what, line, args) => {
    expect(
      shown(
        run(true, ({ show }) => {
          show(...args);
        }),
      ),
    ).toBe(line);
  });
});

test('each line takes the place of the one before, and at the end none is left', () => {
  const written = run(true, ({ show, clear }) => {
    show('pods', 500, 1000);
    show('pods', 1500, 0);
    clear();
    clear();
  });
  expect(written.split('\r\u001b[K')).toEqual([
    '',
    expect.stringContaining('500 of 1500') as string,
    expect.stringContaining('1500 of 1500') as string,
    '',
  ]);
});

test('a line is never longer than the terminal, where it could not be taken away again', () => {
  const io = capturedIo({ isTTY: true });
  createProgress({ ...io.stderr, columns: 40 } as typeof io.stderr).show('n'.repeat(100), 500, 1000);
  expect(shown(io.printed.stderr)).toHaveLength(39);
});

describe('a log is not filled with it', () => {
  const show = ({ show, clear }: Progress): void => {
    show('pods', 500, 1000);
    clear();
  };

  test('where standard error is no terminal', () => {
    expect(run(false, show)).toBe('');
  });

  test('on a terminal that knows no control sequences', () => {
    vi.stubEnv('TERM', 'dumb');
    expect(run(true, show)).toBe('');
  });
});

test('a stream may be one that has to be called as a method, as those of Node', () => {
  class Stream {
    readonly isTTY = true;
    text = '';
    write(text: string): void {
      this.text += text;
    }
  }
  const stream = new Stream();
  createProgress(stream).show('pods');
  expect(stream.text).toContain('reading pods');
});
