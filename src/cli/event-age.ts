import { formatSecond } from '../text/time.ts';

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  y: 365 * 86_400_000,
};

/** When an Event was first seen, from the age that kubectl prints: `5m`, `3h20m`, or `2m (x4 over 5m)`. */
export function readSince(age: string, now: number | undefined): Readonly<{ since?: string }> {
  const first = / over ([^)]{1,20})\)/.exec(age)?.[1] ?? age;
  if (now === undefined || !/^(?:\d{1,5}[smhdy]){1,3}$/.test(first)) return {};
  const parts = [...first.matchAll(/(\d+)([smhdy])/g)];
  const ago = parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNITS[unit] ?? 0), 0);
  // No cluster is older than Kubernetes.
  return ago > MOST_YEARS * (UNITS['y'] ?? 0) ? {} : { since: formatSecond(now - ago) };
}

const MOST_YEARS = 50;
