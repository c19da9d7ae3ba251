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
 * All rules, in the order in which they run. `mirror-used` is before `pull-secret-present`, because an image that moves to
 * another registry needs that registry's pull secret. `service-account-secrets-kept` is before it too, as it checks the list that
 * the user wrote, before anything is added. `pull-secret-usable` is after it, as added pull secrets must be usable. The rules
 * that ask registries are last: they ask about the images that are finally pulled, with the Pod's final pull secrets.
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
