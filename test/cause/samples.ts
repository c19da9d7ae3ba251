import type { CauseCode, FaqItem } from '../../src/cause/causes.ts';

/** A message, its cause, and the check item of the FAQ that helps. */
export type Sample = readonly [message: string, cause: CauseCode | 'unknown', faqItem: FaqItem | null];
