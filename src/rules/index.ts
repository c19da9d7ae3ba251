import type { Rule } from '../engine/rule.ts';
import { mirrorUsed } from './mirror-used.ts';
import { pullSecretPresent } from './pull-secret-present.ts';
import { referenceValid } from './reference-valid.ts';
import { tagExplicit } from './tag-explicit.ts';

/**
 * Every rule, in the order in which they run. `mirror-used` stands before `pull-secret-present`, because an image that
 * moves to another registry needs that registry's pull secret.
 */
export const RULES: readonly Rule[] = [referenceValid, tagExplicit, mirrorUsed, pullSecretPresent];
