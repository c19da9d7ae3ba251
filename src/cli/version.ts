import packageJson from '../../package.json' with { type: 'json' };
import type { ExitCode, Io } from './io.ts';

export const { version: VERSION } = packageJson;

/** The commit of this build, inserted by `scripts/build.ts`; null if it is unknown, or if the sources run without a build. */
export const COMMIT = (globalThis as { PULLGUARD_COMMIT?: string }).PULLGUARD_COMMIT ?? null;

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
