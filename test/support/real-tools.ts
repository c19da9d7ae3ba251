import { execFileSync } from 'node:child_process';
import { delimiter } from 'node:path';

/** Where tests look for tools of the machine, such as helm: also where setup-envtest and `go install` put them. */
export const REAL_PATH = [
  process.env['PATH'],
  process.env['KUBEBUILDER_ASSETS'],
  `${process.env['HOME'] ?? ''}/go/bin`,
].join(delimiter);

export function canRun(tool: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(tool, args, { env: { ...process.env, PATH: REAL_PATH }, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
