import { defineConfig } from 'vitest/config';

// Not a failure: most who run the tests have no control plane at hand. Said here, before vitest says anything itself.
if ((process.env['KUBEBUILDER_ASSETS'] ?? '') === '') {
  console.log(
    'test:e2e skipped: $KUBEBUILDER_ASSETS is not set; it names a folder with etcd, kube-apiserver and kubectl (`setup-envtest use -p path` prints one)',
  );
  process.exit(0);
}

export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: ['test/e2e/global-setup.ts'],
    // One control plane for all, so one file, with a pullguard and a policy of its own, after the other.
    fileParallelism: false,
    // Names every test, and the reason of every skip.
    reporters: ['verbose'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
