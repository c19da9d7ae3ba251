import { createHash } from 'node:crypto';
import { describeUnreadable, readText } from '../manifest/files.ts';
import { watchFiles } from '../manifest/watch-files.ts';
import { describeError } from '../text/error.ts';

/** The current policy: the last valid one, no matter what has happened to its file since. */
export type PolicySource<Policy> = Readonly<{
  current: () => Policy;
  /** The text that it was read from; undefined if it is from no file. */
  text: () => string | undefined;
  close: () => void;
}>;

type PolicySourceOptions<Policy> = Readonly<{
  /** Reads a policy from the text of a file. @throws PolicyError */
  load: (text: string, file: string) => Policy;
  /** Called after a changed file became the policy. */
  onReload: () => void;
  /** Called with the problem of a changed file that cannot be used, with file, line and column if known. */
  onError: (message: string) => void;
  /** How often to check the file, in milliseconds; 1000 by default. */
  intervalMs?: number;
}>;

/**
 * A policy in a file, reloaded when the file changes.
 *
 * @throws PolicyError or Error with the file's name if there is no valid policy at the start.
 */
export function filePolicySource<Policy>(
  file: string,
  { load, onReload, onError, intervalMs }: PolicySourceOptions<Policy>,
): PolicySource<Policy> {
  let text = readPolicyFile(file);
  let policy = load(text, file);
  let lastProblem: string | undefined;

  const close = watchFiles([file], reload, intervalMs);
  // For changes between the first read and the start of the watch.
  reload();
  return { current: () => policy, text: () => text, close };

  function reload(): void {
    let problem: string | undefined;
    try {
      const changed = readPolicyFile(file);
      if (changed !== text) {
        policy = load(changed, file);
        text = changed;
        onReload();
      }
    } catch (error) {
      problem = describeError(error);
      if (problem !== lastProblem) onError(problem);
    }
    lastProblem = problem;
  }
}

/** Tells two texts of a policy apart: the start of what `sha256sum policy.yaml` prints. */
export function hashPolicyText(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH);
}

const HASH_LENGTH = 12;

/** @throws Error naming the file and the cause. */
export function readPolicyFile(file: string): string {
  try {
    return readText(file);
  } catch (error) {
    throw new Error(`policy ${file} ${describeUnreadable(error)}`, { cause: error });
  }
}
