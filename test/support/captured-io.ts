import type { Io } from '../../src/cli/io.ts';

export type CapturedIo = Io & { printed: { stdout: string; stderr: string } };

/** Input and output of a command that a test reads; `stdin` is what stands in standard input. */
export function capturedIo({ stdin = '', isTTY = false }: { stdin?: string; isTTY?: boolean } = {}): CapturedIo {
  const printed = { stdout: '', stderr: '' };
  return {
    printed,
    stdout: { isTTY, write: (text: string) => (printed.stdout += text) },
    stderr: { isTTY, write: (text: string) => (printed.stderr += text) },
    readStdin: () => Promise.resolve(stdin),
  };
}
