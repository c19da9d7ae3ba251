/** To the minute, in UTC: `2026-08-01T10:00Z`. */
export function formatMinute(time: Date | number): string {
  return `${new Date(time).toISOString().slice(0, 16)}Z`;
}

const MS_PER_DAY = 86_400_000;

/** The same without the date where that is less than a day away: `14:05Z`, `2026-06-02T14:05Z`. */
export function formatNear(time: number, now: number): string {
  const text = formatMinute(time);
  return Math.abs(time - now) < MS_PER_DAY ? text.slice(text.indexOf('T') + 1) : text;
}

/** To the second, in UTC, as Kubernetes writes times: `2026-08-01T10:00:07Z`. */
export function formatSecond(time: Date | number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/** A whole number with its unit. */
export const DURATION_PATTERN = '^([0-9]{1,9})(ms|s|m|h|d)$';

const DURATION = new RegExp(DURATION_PATTERN);

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds in `250ms`, `10s`, `5m`, `1h` or `90d`; undefined when it is none of these. */
export function parseDuration(text: string): number | undefined {
  const [, count = '', unit = ''] = DURATION.exec(text) ?? [];
  const milliseconds = UNITS[unit];
  return milliseconds === undefined ? undefined : Number(count) * milliseconds;
}

/** `1.5 s`, from milliseconds. */
export function formatSeconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 100) / 10} s`;
}
