import { defineConfig } from 'vitest/config';

// Where nobody watches, .ci/run counts the tests from a report.
const isCi = (process.env['CI'] ?? '') !== '';

/** Files that replace a module, or the environment of the process, for themselves: no other may share their modules. */
const ISOLATED = [
  'test/cluster/certificates/**/*.test.ts',
  'test/cluster/connection/connect.test.ts',
  'test/registry/exchange/connections.test.ts',
  'test/tls/**/*.test.ts',
];

export default defineConfig({
  test: {
    testTimeout: 20_000,
    // Most of the time is waiting; Vitest would leave one core of two to others.
    maxWorkers: '100%',
    hookTimeout: 20_000,
    // What a shell or a CI asks for is not what the expected output was printed with.
    env: { FORCE_COLOR: '', NO_COLOR: '' },
    // A condition is waited for as long as a test may take: a busy machine is no failure.
    expect: { poll: { timeout: 20_000 } },
    ...(isCi && { reporters: ['default', 'json'], outputFile: { json: 'coverage/tests.json' } }),
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', ...ISOLATED],
          // To load every module anew for every file took longer than the tests.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'isolated', include: ISOLATED } },
    ],
  },
});
