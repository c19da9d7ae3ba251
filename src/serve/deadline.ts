import type { IncomingMessage } from 'node:http';

/** How long an API server waits when its webhook configuration says nothing, and the longest it can be told to. */
const DEFAULT_TIMEOUT_MS = 10_000;
const MAX_TIMEOUT_MS = 30_000;

const UNITS_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000_001,
};

/** What a request says in `?timeout=`, in whole milliseconds. */
export function readTimeoutOf({ url = '' }: IncomingMessage): number {
  const query = url.indexOf('?');
  if (query < 0) return DEFAULT_TIMEOUT_MS;
  // An API server always says the same, so that the answer to the last query is the answer to this one.
  const text = url.slice(query);
  if (text !== last.query) last = { query: text, timeout: readQuery(text) };
  return last.timeout;
}

let last = { query: '', timeout: DEFAULT_TIMEOUT_MS };

function readQuery(query: string): number {
  const [only, ...others] = new URLSearchParams(query).getAll('timeout');
  return others.length > 0 ? DEFAULT_TIMEOUT_MS : readTimeout(only);
}

/**
 * How long a caller waits, in whole milliseconds: the API server says it in `?timeout=`, as a Go duration, `3s` or `1m30s`.
 * The default for what is none, such as a parameter that is given twice.
 */
export function readTimeout(text: unknown): number {
  if (typeof text !== 'string' || !/^(?:\d{1,9}(?:\.\d{1,9})?(?:h|ms|m|s|us|µs|ns)){1,6}$/.test(text))
    return DEFAULT_TIMEOUT_MS;
  const parts = [...text.matchAll(/([\d.]+)([a-zµ]+)/g)];
  const total = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS_MS[unit ?? ''] ?? 0), 0);
  return total > 0 ? Math.min(Math.ceil(total), MAX_TIMEOUT_MS) : DEFAULT_TIMEOUT_MS;
}
