import { expect, onTestFinished, test, vi } from 'vitest';
import { findWidth, useColor } from '../../src/cli/terminal.ts';
import { capturedIo } from '../support/captured-io.ts';

const withColumns = (columns: unknown) => {
  const io = capturedIo({ isTTY: true });
  return { ...io.stdout, columns };
};

test('a file or a pipe gets whole lines, for those who look for words in them', () => {
  expect(findWidth(capturedIo().stdout)).toBeUndefined();
});

test.each<[columns: unknown, width: number]>([
  [80, 80],
  [0, 120],
  [undefined, 120],
])('a terminal of %j columns is taken to have %i', (columns, width) => {
  expect(findWidth(withColumns(columns))).toBe(width);
});

test.each<[isTTY: boolean, noColor: string, colored: boolean]>([
  [true, '', true],
  [false, '', false],
  [true, '1', false],
])('terminal %j, NO_COLOR %j: colour %j', (isTTY, noColor, colored) => {
  vi.stubEnv('NO_COLOR', noColor);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  expect(useColor(capturedIo({ isTTY }))).toBe(colored);
});
