import { CAUSES, type CauseCode } from '../../src/cause/causes.ts';

/** A message about a failed pull, and its cause. */
export type Sample = readonly [message: string, cause: CauseCode | 'unknown'];

/** Reads samples, one a line: `cause: message`. `wrap` adds what stands around each of these messages. */
export function samples(wrap = (message: string): string => message): (text: string) => readonly Sample[] {
  return (text) =>
    text
      .trim()
      .split('\n')
      .map((line) => {
        const [, cause = '', message = ''] = /^ *([\w-]+): (.*)$/.exec(line) ?? [];
        if (!isCause(cause)) throw new Error(`no cause is called "${cause}": ${line}`);
        return [wrap(message), cause];
      });
}

function isCause(text: string): text is CauseCode | 'unknown' {
  return text === 'unknown' || text in CAUSES;
}
