import { listMissing, runInSandbox } from './sandbox.ts';
import { join } from 'node:path';

const missing = listMissing(process.env['KUBEBUILDER_ASSETS'] ?? '');
if (missing.length > 0) {
  console.log(`test:node skipped: it needs ${missing.join(', ')}`);
} else {
  process.exitCode = await runInSandbox(join(import.meta.dirname, 'in-sandbox.ts'), process.argv.slice(2));
}
