import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLateProgress, createProgress, useColor, type Progress } from '../../src/cli/terminal.ts';
import { capturedIo } from '../support/captured-io.ts';

beforeEach(() => {
  vi.stubEnv('TERM', 'xterm');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

test.each<[isTTY: boolean, env: Readonly<Record<string, string>>, colored: boolean]>([
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: '' }, true],
  [true, { NO_COLOR: '1' }, false],
  [true, { TERM: 'dumb' }, false],
  [true, { TERM: 'xterm-256color' }, true],
  [false, { FORCE_COLOR: '1' }, true],
  [false, { FORCE_COLOR: 'true', TERM: 'dumb' }, true],
  [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
  [true, { FORCE_COLOR: '0' }, false],
  [true, { FORCE_COLOR: 'false' }, false],
  [true, { FORCE_COLOR: '', NO_COLOR: '1' }, false],
])('on a terminal %j with %j: color %j', (isTTY, env, colored) => {
  expect(useColor(capturedIo({ isTTY }).stdout, env)).toBe(colored);
});

describe('the progress of a command', () => {
  /** What is written to standard error by what a command shows. */
  function run(isTTY: boolean, use: (progress: Progress) => void, columns?: number): string {
    const io = capturedIo({ isTTY });
    use(createProgress({ ...io.stderr, columns } as typeof io.stderr));
    return io.printed.stderr;
  }

  test.each<[line: string, args: Parameters<Progress['show']>]>([
    ['reading pods', ['pods']],
    ['500 pods', ['pods', 500]],
    ['[########----------------] 500 of 1500 pods', ['pods', 500, 1000]],
    ['[########################] 1500 of 1500 pods', ['pods', 1500, 0]],
    // A line longer than the terminal could not be taken away again.
    [`[########----------------] 500 of 1500 ${'n'.repeat(80)}`, ['n'.repeat(100), 500, 1000]],
  ])('is one line: %s', (line, args) => {
    const written = run(true, ({ show }) => {
      show(...args);
    });
    expect(stripVTControlCharacters(written).replaceAll('\r', '')).toBe(line);
  });

  test.each([
    [80, 79],
    [0, 119],
    [undefined, 119],
  ])('on a terminal of %j columns has at most %i characters', (columns, length) => {
    const written = run(
      true,
      ({ show }) => {
        show('n'.repeat(300));
      },
      columns,
    );
    expect(stripVTControlCharacters(written).replaceAll('\r', '')).toHaveLength(length);
  });

  const showAll = ({ show, clear }: Progress): void => {
    show('pods', 500, 1000);
    show('pods', 1500, 0);
    clear();
    clear();
  };

  test('takes the place of the line before, and at the end none is left', () => {
    expect(run(true, showAll).split('\r\u001b[K')).toEqual([
      '',
      expect.stringContaining('500 of 1500') as string,
      expect.stringContaining('1500 of 1500') as string,
      '',
    ]);
  });

  test.each([
    [{}, 1900, ''],
    [{}, 2100, '[########################] 1500 of 1500 pods'],
    [{ CI: 'true' }, 2100, ''],
    [{ NO_COLOR: '1' }, 2100, ''],
  ])('of what usually takes no time is shown late, and to people alone: %j after %i ms', (env, ms, line) => {
    vi.useFakeTimers();
    const io = capturedIo({ isTTY: true });
    const { show } = createLateProgress(io.stderr, env);
    vi.advanceTimersByTime(ms);
    show('pods', 1500, 0);
    show('pods', 1501, 0);
    vi.useRealTimers();
    expect(stripVTControlCharacters(io.printed.stderr).replaceAll('\r', '')).toBe(line);
  });

  test.each([
    [false, 'xterm'],
    [true, 'dumb'],
  ])('does not fill a log: terminal %j, TERM=%s', (isTTY, term) => {
    vi.stubEnv('TERM', term);
    expect(run(isTTY, showAll)).toBe('');
  });

  test('goes to a stream that has to be called as a method, as those of Node', () => {
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
});
