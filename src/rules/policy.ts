import type { Policy } from '../engine/rule.ts';
import { buildDefaultPolicy, readPolicy } from '../policy/load.ts';
import { RULES } from './index.ts';

/**
 * Reads the text of a policy file, which configures our rules. What it leaves out keeps its default.
 *
 * @param source how to call the file in messages.
 * @throws PolicyError with the line and column of every problem.
 */
export function loadPolicy(text: string, source = 'policy'): Policy {
  return readPolicy(text, source, RULES);
}

/** The policy of a pullguard that was given no file. */
export function defaultPolicy(): Policy {
  return buildDefaultPolicy(RULES);
}
