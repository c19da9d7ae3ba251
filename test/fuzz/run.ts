// npm run fuzz: the tests of this folder over and over, each time with a seed of its own, for FUZZ_MINUTES (10). Ends at the first
// failure, and prints how to repeat it.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';

const minutes = Number(process.env['FUZZ_MINUTES'] ?? 10);
const times = process.env['FUZZ_TIMES'] ?? '20';
const [chosen] = process.argv.slice(2);
const end = performance.now() + minutes * 60_000;
let rounds = 0;

do {
  const seed = chosen ?? String(randomInt(2 ** 31));
  console.log(`seed ${seed}`);
  const { status } = spawnSync('npx', ['vitest', 'run', 'test/fuzz', '--reporter=dot'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, FUZZ_SEED: seed, FUZZ_TIMES: times },
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error(`failed; repeat it with: FUZZ_TIMES=${times} npm run fuzz ${seed}`);
    process.exit(1);
  }
  rounds++;
} while (chosen === undefined && performance.now() < end);
console.log(`${rounds} rounds, nothing found`);
