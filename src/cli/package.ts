import packageJson from '../../package.json' with { type: 'json' };

export const { version: VERSION } = packageJson;

/** The commit that this was built from, which `scripts/build.ts` puts in; null where that is not known, or nothing was built. */
export const COMMIT = (globalThis as { PULLGUARD_COMMIT?: string }).PULLGUARD_COMMIT ?? null;
