import type { ExitCode, Io } from './io.ts';
import { COMMIT, VERSION } from './package.ts';

export type VersionOptions = Readonly<{ output: 'text' | 'json' }>;

/** `pullguard version`: prints the version, and the Node.js and platform that it runs on. */
export function version({ output }: VersionOptions, io: Io): ExitCode {
  const [node, platform] = [process.version, `${process.platform}/${process.arch}`];
  io.stdout.write(
    output === 'json'
      ? `${JSON.stringify({ version: VERSION, commit: COMMIT, node, platform })}\n`
      : `pullguard ${VERSION}${COMMIT === null ? '' : ` (${COMMIT})`}, Node.js ${node}, ${platform}\n`,
  );
  return 0;
}
