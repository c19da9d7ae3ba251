import { expect, test } from 'vitest';
import { buildProbeSettings, type ProbeSettingsFile } from '../../src/policy/build-probe-settings.ts';

function build(file: ProbeSettingsFile) {
  const problems: string[] = [];
  const settings = buildProbeSettings(file, (pointer, message) => problems.push(`${pointer}: ${message}`));
  return { settings, problems };
}

const DEFAULTS = {
  waitMs: 250,
  timeoutMs: 10_000,
  positiveMs: 300_000,
  negativeMs: 15_000,
  errorMs: 15_000,
  entries: 10_000,
  concurrency: 8,
  dockerHubPerHour: 20,
};

test('asking takes little unless told otherwise', () => {
  expect(build({})).toEqual({ settings: DEFAULTS, problems: [] });
  expect(build({ cache: {} }).settings).toEqual(DEFAULTS);
});

test('each setting is the one that it is called', () => {
  const cache = { positive: '1h', negative: '2s', error: '3s', entries: 5 };
  const file = { wait: '0ms', timeout: '1m', cache, concurrency: 6, dockerHubPerHour: 0 };
  expect(build(file)).toEqual({
    settings: {
      waitMs: 0,
      timeoutMs: 60_000,
      positiveMs: 3_600_000,
      negativeMs: 2000,
      errorMs: 3000,
      entries: 5,
      concurrency: 6,
      dockerHubPerHour: 0,
    },
    problems: [],
  });
});

test.each<[what: string, file: ProbeSettingsFile, problems: readonly string[]]>([
  ['the longest wait', { wait: '30s' }, []],
  ['a wait that outlasts every webhook', { wait: '31s' }, ['/probe/wait: must be 30s or less, is "31s"']],
  ['the shortest timeout', { timeout: '100ms' }, []],
  ['a timeout in which no registry answers', { timeout: '99ms' }, ['/probe/timeout: must be 100ms or more, is "99ms"']],
  ['a timeout without end', { timeout: '61s' }, ['/probe/timeout: must be 60s or less, is "61s"']],
  ['a day', { cache: { positive: '24h', negative: '24h', error: '24h' } }, []],
  [
    'answers that are gone before they are of use',
    { cache: { positive: '999ms', negative: '0s', error: '0h' } },
    [
      '/probe/cache/positive: must be 1s or more, is "999ms"',
      '/probe/cache/negative: must be 1s or more, is "0s"',
      '/probe/cache/error: must be 1s or more, is "0h"',
    ],
  ],
  [
    'answers that are never asked for again',
    { cache: { positive: '25h', negative: '999999999h', error: '1441m' } },
    [
      '/probe/cache/positive: must be 24h or less, is "25h"',
      '/probe/cache/negative: must be 24h or less, is "999999999h"',
      '/probe/cache/error: must be 24h or less, is "1441m"',
    ],
  ],
])('%s', (_what, file, problems) => {
  expect(build(file).problems).toEqual(problems);
});
