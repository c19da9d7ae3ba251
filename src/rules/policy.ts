import type { Policy } from '../engine/rule.ts';
import { buildDefaultPolicy, readPolicy } from '../policy/load.ts';
import { RULES } from './index.ts';

/**
 * Reads the text of a policy file with the built-in rules. Missing members have their defaults.
 *
 * @param source how messages name the file.
 * @throws PolicyError with the line and column of every problem.
 */
export function loadPolicy(text: string, source = 'policy'): Policy {
  return readPolicy(text, source, RULES);
}

/** The default policy, used without a policy file. */
export function defaultPolicy(): Policy {
  return buildDefaultPolicy(RULES);
}
