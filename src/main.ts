#!/usr/bin/env node
import { buffer } from 'node:stream/consumers';
import { CommanderError } from 'commander';
import { hideCredentials, UsageError, type ExitCode } from './cli/io.ts';
import { buildProgram } from './cli/program.ts';
import { decodeText } from './manifest/files.ts';

/** A reader that has seen enough, such as `head`, closes the pipe. That is no failure, and no reason to forget what was found. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exit(2);
  });
}

process.exitCode = await run(process.argv);

async function run(argv: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const io = {
    stdout: process.stdout,
    stderr: process.stderr,
    readStdin: async () => decodeText(await buffer(process.stdin)),
  };
  const program = buildProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    // Commander has said what is wrong; help and version end here too, with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(
      `error: ${error instanceof UsageError ? hideCredentials(error.message) : describeBug(error)}\n`,
    );
    return 2;
  }
}

/** Not 1, which says that something would be denied. */
function describeBug(error: unknown): string {
  return `this is a bug in pullguard, please report it:\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
