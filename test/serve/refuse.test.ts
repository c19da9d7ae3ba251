import { expect, test, vi } from 'vitest';
import { createRefusalLog } from '../../src/serve/refuse.ts';
import { collectLog } from './helpers.ts';

test('thousands of refused calls are a few lines, and the next one says how many were not logged', () => {
  const { logger, lines } = collectLog();
  const now = vi.spyOn(performance, 'now').mockReturnValue(1000);
  const log = createRefusalLog(logger);
  for (let i = 0; i < 5000; i++) log({ code: 415 });
  now.mockReturnValue(2000);
  log({ code: 415 });
  log({ code: 415 });
  now.mockRestore();
  expect(lines.map(({ unlogged }) => unlogged)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    4995,
    undefined,
  ]);
});
