import { randomBytes } from 'node:crypto';
import { ENDPOINTS, type Endpoint } from '../../admission/admit.ts';

/** A path that API servers call according to a webhook configuration. */
export type NamedPath = Readonly<{ endpoint: Endpoint; path: string }>;

/** 256 random bits in hex: the path of a webhook may only contain lower-case letters, digits, dots and dashes. */
export function makeToken(): string {
  return randomBytes(32).toString('hex');
}

export function isToken(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** `/<token>/mutate`. */
export function toPath(token: string, endpoint: Endpoint): string {
  return `/${token}/${endpoint}`;
}

/** Whether the path has a token, so that it cannot be guessed. */
export function hasToken(path: string): boolean {
  const [, token = '', ...rest] = path.split('/');
  return isToken(token) && rest.length === 1;
}

export type WebhookPaths = Readonly<{
  /** The endpoint at a path; undefined if there is none. */
  find: (path: string) => Endpoint | undefined;
  /** Whether every served path has a token. */
  areSecret: () => boolean;
  /** `token`: that of the Secret, if it has one. `named`: the current paths in the configurations. */
  update: (now: Readonly<{ token: string | undefined; named: readonly NamedPath[] }>) => void;
}>;

/**
 * The paths at which reviews are answered: those with the Secret's token, even before a configuration has them; and all paths in
 * the configurations, whatever wrote them, until `graceMs` after they were removed. So API servers get a response at every path
 * that they are configured to call, and clients that do not know a path get none.
 *
 * Paths are looked up by the hash of the whole path, which has a random seed: its timing reveals nothing about valid paths.
 */
export function trackPaths(graceMs: number, clock = (): number => performance.now()): WebhookPaths {
  const served = new Map<string, Readonly<{ endpoint: Endpoint; until: number }>>();

  return {
    find,
    areSecret: () => [...served.keys()].every((path) => hasToken(path) || find(path) === undefined),
    update: ({ token, named }) => {
      const own = token === undefined ? [] : ENDPOINTS.map((endpoint) => ({ endpoint, path: toPath(token, endpoint) }));
      const wanted = new Map([...named.filter(isServable), ...own].map(({ path, endpoint }) => [path, endpoint]));
      const now = clock();
      for (const [path, { endpoint, until }] of served) {
        if (now >= until) served.delete(path);
        else if (until === Infinity && !wanted.has(path)) served.set(path, { endpoint, until: now + graceMs });
      }
      for (const [path, endpoint] of wanted) served.set(path, { endpoint, until: Infinity });
    },
  };

  function find(path: string): Endpoint | undefined {
    const found = served.get(path);
    return found !== undefined && clock() < found.until ? found.endpoint : undefined;
  }
}

/** Whether the path ends with the endpoint; without a path, both configurations would have the same, `/`. */
function isServable({ endpoint, path }: NamedPath): boolean {
  return path.endsWith(`/${endpoint}`);
}
