import type { IncomingHttpHeaders } from 'node:http';

/** The rate limit that a registry reports, as Docker Hub does in `ratelimit-limit: 100;w=21600` and `ratelimit-remaining`. */
export type RateLimit = Readonly<{ limit?: number; remaining: number; windowSeconds?: number }>;

/** A later end of a limit is not plausible: Docker Hub's windows are six hours long. */
const MAX_WAIT_SECONDS = 24 * 60 * 60;

/** Undefined when the registry does not state how many pulls remain, or not in a known form. */
export function readRateLimit(headers: IncomingHttpHeaders): RateLimit | undefined {
  const remaining = readQuota(headers['ratelimit-remaining']);
  if (remaining === undefined) return undefined;
  const limit = readQuota(headers['ratelimit-limit']);
  const windowSeconds = remaining.windowSeconds ?? limit?.windowSeconds;
  return {
    remaining: remaining.count,
    ...(limit !== undefined && { limit: limit.count }),
    ...(windowSeconds !== undefined && { windowSeconds }),
  };
}

/**
 * When a registry that refused will answer again, by `Retry-After`: seconds, or a date. Milliseconds since 1970; undefined when
 * the header is missing, or names a time that has passed or is more than a day away.
 *
 * @param now milliseconds since 1970
 */
export function readRetryAfter(headers: IncomingHttpHeaders, now: number): number | undefined {
  const written = headers['retry-after']?.trim() ?? '';
  const endsAt = SECONDS.test(written)
    ? now + Number(written) * 1000
    : HTTP_DATE.test(written)
      ? Date.parse(written)
      : NaN;
  return endsAt > now && endsAt <= now + MAX_WAIT_SECONDS * 1000 ? endsAt : undefined;
}

const SECONDS = /^[0-9]{1,9}$/;

/** `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that servers may still send. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/;

/** `100;w=21600`: a number of pulls in a number of seconds. */
const QUOTA = /^([0-9]{1,9})(?:[ \t]*;[ \t]*w=([0-9]{1,9}))?$/;

function readQuota(
  header: string | readonly string[] | undefined,
): Readonly<{ count: number; windowSeconds: number | undefined }> | undefined {
  const found = typeof header === 'string' ? QUOTA.exec(header.trim()) : null;
  if (found === null) return undefined;
  const [, count, windowSeconds] = found;
  return { count: Number(count), windowSeconds: windowSeconds === undefined ? undefined : Number(windowSeconds) };
}
