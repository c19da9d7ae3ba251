import type { Policy } from '../engine/policy.ts';
import { loadPolicy } from './load-policy.ts';
import { describeCause, readText } from './read-text.ts';
import { watchFiles } from './watch-files.ts';

/** The policy to judge by now: the last good one, whatever has become of its file since. */
export type PolicySource = Readonly<{ current: () => Policy; close: () => void }>;

export type PolicySourceOptions = Readonly<{
  /** Makes of each good policy the one to judge by. */
  adapt?: (policy: Policy) => Policy;
  /** Told after a changed file became the policy. */
  onReload: () => void;
  /** Told of a changed file that cannot be used, with file, line and column where there are any. */
  onError: (message: string) => void;
  /** How often to look, in milliseconds; 1000 unless told otherwise. */
  intervalMs?: number;
}>;

/**
 * A policy kept in a file, taken over when the file changes.
 *
 * @throws PolicyError or Error naming the file when there is no good policy to start with.
 */
export function filePolicySource(
  file: string,
  { adapt = (policy) => policy, onReload, onError, intervalMs }: PolicySourceOptions,
): PolicySource {
  let text = readPolicyFile(file);
  let policy = adapt(loadPolicy(text, file));
  let lastProblem: string | undefined;

  const close = watchFiles([file], reload, intervalMs);
  // What changed between the first look at the file and the start of the watch.
  reload();
  return { current: () => policy, close };

  function reload(): void {
    try {
      const changed = readPolicyFile(file);
      if (changed === text) {
        lastProblem = undefined;
        return;
      }
      policy = adapt(loadPolicy(changed, file));
      text = changed;
      lastProblem = undefined;
      onReload();
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== lastProblem) onError(problem);
      lastProblem = problem;
    }
  }
}

/** @throws Error naming the file and the cause. */
export function readPolicyFile(file: string): string {
  try {
    return readText(file);
  } catch (error) {
    throw new Error(`cannot read policy ${file}: ${describeCause(error)}`, { cause: error });
  }
}
