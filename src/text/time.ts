/** To the minute, in UTC: `2026-08-01T10:00Z`. */
export function formatMinute(time: Date | number): string {
  return `${new Date(time).toISOString().slice(0, 16)}Z`;
}

/** To the second, in UTC, as Kubernetes writes times: `2026-08-01T10:00:07Z`. */
export function formatSecond(time: Date | number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
