/**
 * Numbers that a template printed with an exponent. YAML and JSON take `tag: 45980468` for a number, and Go prints a large one as
 * `4.5980468e+07`; no image that works has that "+" in it.
 */
export const PRINTED_NUMBER = /(?<![\d.])\d(?:\.\d+)?e\+\d{2,3}(?!\d)/gi;

/** Of more digits a float keeps only the first. */
const MOST_DIGITS = 15;

/** More zeros than that at the end: as likely a commit such as `12e10`, which YAML takes for a number as well. */
const MOST_ZEROS = 6;

/** The digits that a printed number had; undefined where that is not certain. */
export function writeNumberOut(number: string): string | undefined {
  const [, first = '', rest = '', exponent = ''] = /^(\d)(?:\.(\d+))?e\+(\d+)$/i.exec(number) ?? [];
  const zeros = Number(exponent) - rest.length;
  if (first === '0' || first === '' || zeros < 0 || zeros > MOST_ZEROS) return undefined;
  return rest.length + zeros < MOST_DIGITS ? first + rest + '0'.repeat(zeros) : undefined;
}

/** The same in a tag, where the "+" was made a sign that tags may have, or was lost: `4.5980468e-07`, `4.5980468e_07`. */
export function looksPrinted(tag: string): boolean {
  return /^\d(?:\.\d+e[-_]?|e[-_])\d{2}$/i.test(tag);
}
