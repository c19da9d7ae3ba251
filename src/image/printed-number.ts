/**
 * Numbers that a template printed with an exponent. YAML and JSON read `tag: 45980468` as a number, and Go prints a large number
 * as `4.5980468e+07`. No valid image contains that "+".
 */
export const PRINTED_NUMBER = /(?<![\d.])\d(?:\.\d+)?e\+\d{2,3}(?!\d)/gi;

/** A float has no more exact digits. */
const MOST_DIGITS = 15;

/** With more zeros it may as well be a commit such as `12e10`, which YAML also reads as a number. */
const MOST_ZEROS = 6;

/** The original digits of a printed number; undefined if they are not certain. */
export function writeNumberOut(number: string): string | undefined {
  const [, first = '', rest = '', exponent = ''] = /^(\d)(?:\.(\d+))?e\+(\d+)$/i.exec(number) ?? [];
  const zeros = Number(exponent) - rest.length;
  if (first === '0' || first === '' || zeros < 0 || zeros > MOST_ZEROS) return undefined;
  return rest.length + zeros < MOST_DIGITS ? first + rest + '0'.repeat(zeros) : undefined;
}

/** The same in a tag, where the "+" was replaced or lost: `4.5980468e-07`, `4.5980468e_07`. */
export function looksPrinted(tag: string): boolean {
  return /^\d(?:\.\d+e[-_]?|e[-_])\d{2}$/i.test(tag);
}
