import { describeCause, readText } from '../manifest/files.ts';
import { watchFiles } from '../manifest/watch-files.ts';
import { describeError } from '../text/error.ts';

/** The policy in use: the last good one, whatever has become of its file since. */
export type PolicySource<Policy> = Readonly<{
  current: () => Policy;
  /** The text that it was made of; undefined for one that is in no file. */
  text: () => string | undefined;
  close: () => void;
}>;

type PolicySourceOptions<Policy> = Readonly<{
  /** Reads a policy from the text of a file. @throws PolicyError */
  load: (text: string, file: string) => Policy;
  /** Told after a changed file became the policy. */
  onReload: () => void;
  /** Told of a changed file that cannot be used, with file, line and column where there are any. */
  onError: (message: string) => void;
  /** How often to look, in milliseconds; 1000 unless told otherwise. */
  intervalMs?: number;
}>;

/**
 * A policy kept in a file, reloaded when the file changes.
 *
 * @throws PolicyError or Error naming the file when there is no good policy to start with.
 */
export function filePolicySource<Policy>(
  file: string,
  { load, onReload, onError, intervalMs }: PolicySourceOptions<Policy>,
): PolicySource<Policy> {
  let text = readPolicyFile(file);
  let policy = load(text, file);
  let lastProblem: string | undefined;

  const close = watchFiles([file], reload, intervalMs);
  // What changed between the first look at the file and the start of the watch.
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

/** @throws Error naming the file and the cause. */
export function readPolicyFile(file: string): string {
  try {
    return readText(file);
  } catch (error) {
    throw new Error(`cannot read policy ${file}: ${describeCause(error)}`, { cause: error });
  }
}
