import packageJson from '../../package.json' with { type: 'json' };

export const { version: VERSION } = packageJson;

/** The commit of this build, inserted by `scripts/build.ts`; null if it is unknown, or if the sources run without a build. */
export const COMMIT = (globalThis as { PULLGUARD_COMMIT?: string }).PULLGUARD_COMMIT ?? null;
