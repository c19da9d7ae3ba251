import { join } from 'node:path';
import { listMissing, runInSandbox } from './sandbox.ts';

const [first, ...rest] = process.argv.slice(2);
const missing = listMissing(process.env['KUBEBUILDER_ASSETS'] ?? '');
if (missing.length > 0) {
  console.log(`test:node skipped: it needs ${missing.join(', ')}`);
} else if (first === 'quick-start') {
  process.exitCode = await runQuickStart();
} else {
  const args = first === undefined ? [] : [first, ...rest];
  process.exitCode = (await runInSandbox(join(import.meta.dirname, 'in-sandbox.ts'), args)) || (await runQuickStart());
}

async function runQuickStart(): Promise<number> {
  const more = listMissing(process.env['KUBEBUILDER_ASSETS'] ?? '', ['skopeo', '/usr/lib/cni/bridge']);
  if (more.length === 0) return runInSandbox(join(import.meta.dirname, 'quick-start.ts'), []);
  console.log(`the quick start of README.md skipped: it needs ${more.join(', ')}`);
  return 0;
}
