import { HIDDEN, redact } from '../text/redact.ts';

/** What a command may touch of the process, so that a test can run it as a function. */
export type Io = Readonly<{
  stdout: Sink;
  stderr: Sink;
  /** All of standard input as text. Rejects when it cannot be read, or is no text. */
  readStdin: () => Promise<string>;
}>;

type Sink = Readonly<{ write: (text: string) => unknown; isTTY?: boolean }>;

/** 0: fine; 1: findings that deny; 2: misuse, or input that cannot be read. */
export type ExitCode = 0 | 1 | 2;

/** A mistake of the caller's: the message goes to standard error as it is, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Hides what may be a secret in a message that repeats what was typed: `image` was meant, `check` was called. */
export function hideCredentials(text: string): string {
  return text
    .replace(/'(.*)'/s, (_, typed: string) => `'${redact(typed)}'`)
    .replaceAll(/[^\s'"]+:[^\s'"]*@/g, `${HIDDEN}@`);
}
