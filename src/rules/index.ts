import type { Rule } from '../engine/rule.ts';
import { imageFits } from './image-fits.ts';
import { imageOnNode } from './image-on-node.ts';
import { imagePullable } from './image-pullable.ts';
import { mirrorUsed } from './mirror-used.ts';
import { nodesCanPull } from './nodes-can-pull.ts';
import { pullSecretPresent } from './pull-secret-present.ts';
import { pullSecretUsable } from './pull-secret-usable.ts';
import { pullSecretsValid } from './pull-secrets-valid.ts';
import { referenceValid } from './reference-valid.ts';
import { registryExplicit } from './registry-explicit.ts';
import { serviceAccountSecretsKept } from './service-account-secrets-kept.ts';
import { tagExplicit } from './tag-explicit.ts';

/**
 * Every rule, in the order in which they run. `mirror-used` stands before `pull-secret-present`, because an image that
 * moves to another registry needs that registry's pull secret; `service-account-secrets-kept` too, as it checks the list
 * that its author wrote, before anything is added; and `pull-secret-usable` behind, as what is added must be usable. The
 * rules that ask registries come last: they ask about the images that are pulled in the end, with what the pods then have.
 */
export const RULES: readonly Rule[] = [
  referenceValid,
  tagExplicit,
  registryExplicit,
  mirrorUsed,
  pullSecretsValid,
  serviceAccountSecretsKept,
  pullSecretPresent,
  pullSecretUsable,
  imageOnNode,
  nodesCanPull,
  imagePullable,
  imageFits,
];
