import type { IncomingMessage } from 'node:http';

/** How long an API server waits when its webhook configuration says nothing. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** How long a caller waits, in milliseconds. An API server says `?timeout=10s`, in whole seconds from 1 to 30. */
export function readTimeoutOf({ url = '' }: Pick<IncomingMessage, 'url'>): number {
  const [, seconds] = /[?&]timeout=([1-9]|[12]\d|30)s(?:&|$)/.exec(url) ?? [];
  return seconds === undefined ? DEFAULT_TIMEOUT_MS : Number(seconds) * 1000;
}
