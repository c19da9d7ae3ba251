import type { ProbeSettings } from './policy.ts';
import { quote } from '../text/quote.ts';
import type { Report } from './describe-schema-error.ts';
import { parseDuration } from '../text/duration.ts';

/** What a policy file says of how much asking may take, as its schema lets it be. */
export type ProbeSettingsFile = Readonly<{
  wait?: string;
  timeout?: string;
  cache?: Readonly<{ positive?: string; negative?: string; error?: string; entries?: number }>;
  concurrency?: number;
  dockerHubPerHour?: number;
}>;

type Limits = Readonly<{ usual: string; least: string; most: string }>;

/** Answers are kept for a second at least: those of a review have to be there when it is judged again. */
const TIMES = {
  '/probe/wait': { usual: '250ms', least: '0ms', most: '30s' },
  '/probe/timeout': { usual: '10s', least: '100ms', most: '60s' },
  '/probe/cache/positive': { usual: '5m', least: '1s', most: '24h' },
  '/probe/cache/negative': { usual: '15s', least: '1s', most: '24h' },
  '/probe/cache/error': { usual: '15s', least: '1s', most: '24h' },
} as const satisfies Readonly<Record<string, Limits>>;

/** How much asking registries may take. */
export function buildProbeSettings(file: ProbeSettingsFile, report: Report): ProbeSettings {
  const { cache = {} } = file;
  return {
    waitMs: readTime(file.wait, '/probe/wait', report),
    timeoutMs: readTime(file.timeout, '/probe/timeout', report),
    positiveMs: readTime(cache.positive, '/probe/cache/positive', report),
    negativeMs: readTime(cache.negative, '/probe/cache/negative', report),
    errorMs: readTime(cache.error, '/probe/cache/error', report),
    entries: cache.entries ?? 10_000,
    concurrency: file.concurrency ?? 8,
    dockerHubPerHour: file.dockerHubPerHour ?? 20,
  };
}

/** Milliseconds. */
function readTime(given: string | undefined, pointer: keyof typeof TIMES, report: Report): number {
  const { usual, least, most } = TIMES[pointer];
  const written = given ?? usual;
  const time = parse(written);
  if (time < parse(least)) report(pointer, `must be ${least} or more, is ${quote(written)}`);
  if (time > parse(most)) report(pointer, `must be ${most} or less, is ${quote(written)}`);
  return time;
}

/** The schema lets no text pass that is no duration. */
function parse(text: string): number {
  return parseDuration(text) ?? 0;
}
