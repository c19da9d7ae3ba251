const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** `812 MiB`, `5.2 GiB`. A size rounded up and a limit rounded down are never the same text when one is above the other. */
export function formatBytes(bytes: number, round: 'up' | 'down'): string {
  const whole = round === 'up' ? Math.ceil : Math.floor;
  return bytes < GIB ? `${whole(bytes / MIB)} MiB` : `${whole((bytes / GIB) * 10) / 10} GiB`;
}
