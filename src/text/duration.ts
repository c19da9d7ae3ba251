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
