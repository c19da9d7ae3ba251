import type { Logger } from 'pino';

/** Lines about refused calls in a second: enough to see what is wrong, while whoever sends thousands cannot fill a disk. */
const MOST_LINES = 5;

/** Logs that a call was refused. Beyond some lines in a second they are counted, as `unlogged` of the next line. */
export function createRefusalLog(logger: Logger): (fields: object) => void {
  let secondEnds = 0;
  let left = 0;
  let unlogged = 0;
  return (fields) => {
    const now = performance.now();
    if (now >= secondEnds) {
      secondEnds = now + 1000;
      left = MOST_LINES;
    }
    if (left === 0) {
      unlogged++;
      return;
    }
    left--;
    logger.warn(unlogged > 0 ? { ...fields, unlogged } : fields, 'refused');
    unlogged = 0;
  };
}
