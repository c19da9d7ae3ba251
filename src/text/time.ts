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
