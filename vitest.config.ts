import { defineConfig } from 'vitest/config';

// Where nobody watches, .ci/run counts the tests from a report.
const isCi = (process.env['CI'] ?? '') !== '';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    ...(isCi && { reporters: ['default', 'json'], outputFile: { json: 'coverage/tests.json' } }),
  },
});
