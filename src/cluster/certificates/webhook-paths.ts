import { randomBytes } from 'node:crypto';
import { ENDPOINTS, type Endpoint } from '../../admission/admit.ts';

/** A path at which a webhook configuration has API servers call. */
export type NamedPath = Readonly<{ endpoint: Endpoint; path: string }>;

/** 256 random bits in hex: the API server takes lower-case letters, digits, dots and dashes in a webhook's path, and no more. */
export function makeToken(): string {
  return randomBytes(32).toString('hex');
}

export function isToken(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** `/<token>/mutate` */
export function toPath(token: string, endpoint: Endpoint): string {
  return `/${token}/${endpoint}`;
}

/** Whether it cannot be guessed. */
export function hasToken(path: string): boolean {
  const [, token = '', ...rest] = path.split('/');
  return isToken(token) && rest.length === 1;
}

export type WebhookPaths = Readonly<{
  /** What is served at a path; undefined where nothing is. */
  find: (path: string) => Endpoint | undefined;
  /** Whether nothing is served at a path that can be guessed. */
  areSecret: () => boolean;
  /** `token`: of the Secret, if it has one. `named`: what the configurations name now. */
  update: (now: Readonly<{ token: string | undefined; named: readonly NamedPath[] }>) => void;
}>;

/**
 * The paths at which reviews are answered: those of the Secret's token, before any configuration names them; and whatever the
 * configurations name, whatever wrote it, for `graceMs` longer than they do. So API servers find an answer wherever they are
 * told to call, and who is not told finds none.
 *
 * Looked up by the hash of the whole path, which has a random seed: the time that takes reveals nothing about a valid path.
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

/** One that says which endpoint is meant; without any path both configurations would name the same, `/`. */
function isServable({ endpoint, path }: NamedPath): boolean {
  return path.endsWith(`/${endpoint}`);
}
