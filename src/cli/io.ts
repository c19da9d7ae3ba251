import { describeCause } from '../manifest/files.ts';
import { PolicyError } from '../policy/errors.ts';
import { describeError } from '../text/error.ts';
import { HIDDEN, redact } from '../text/redact.ts';

/** What a command uses of the process, so that a test can run it as a function. */
export type Io = Readonly<{
  stdout: Sink;
  stderr: Sink;
  /** All of standard input as text. Rejects if it cannot be read or is not text. */
  readStdin: () => Promise<string>;
}>;

type Sink = Readonly<{ write: (text: string) => unknown; isTTY?: boolean }>;

/** 0: nothing would be denied; 1: something would be denied; 2: wrong usage, or input that cannot be read. */
export type ExitCode = 0 | 1 | 2;

/** A mistake by the user: the message is printed to standard error as it is, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Converts an error in an argument or in the policy to the message that a person at a terminal reads. */
export function toUsageError(error: unknown): UsageError {
  const message = error instanceof PolicyError ? `the policy cannot be used:\n${error.message}` : describeError(error);
  return new UsageError(message, { cause: error });
}

/** @throws UsageError if standard input cannot be read or is not text */
export async function readStdin(io: Io): Promise<string> {
  try {
    return await io.readStdin();
  } catch (error) {
    throw new UsageError(`standard input cannot be read: ${describeCause(error)}`, { cause: error });
  }
}

/** Hides possible credentials in a message that repeats an argument, such as an image given to `check` instead of `image`. */
export function hideCredentials(text: string): string {
  return text
    .replace(/'(.*)'/s, (_, typed: string) => `'${redact(typed)}'`)
    .replaceAll(/[^\s'"]+:[^\s'"]*@/g, `${HIDDEN}@`);
}
