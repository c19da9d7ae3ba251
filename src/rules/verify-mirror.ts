import { quote } from '../text/quote.ts';
import { formatReference, type ImageReference } from '../image/reference.ts';
import type { Workload } from '../workload/workload.ts';
import { formatCopyCommand } from './copy-command.ts';
import type { FailedAnswer } from '../cause/answer.ts';
import { causeOf } from '../cause/causes.ts';
import { describeFailure, nameCause } from '../cause/describe.ts';
import type { Facts } from '../pull/facts.ts';
import { findPullSecret, findRegistry } from '../policy/policy.ts';
import type { Policy, Problem } from '../engine/rule.ts';
import { listSecretNames } from '../pull/used-secrets.ts';

type Context = Readonly<{ workload: Workload; policy: Policy; facts: Facts }>;

/** Why an image is not to be taken from its mirror: a problem without its place. */
export type MirrorTrouble = Pick<Problem, 'message' | 'remedy'>;

/**
 * Asks the mirror whether it has an image, in the name of the pod as it will be there. Undefined when it has; whatever else
 * comes of it, nobody has said that it can be pulled from there.
 */
export function findMirrorTrouble(
  original: ImageReference,
  mirrored: ImageReference,
  context: Context,
): MirrorTrouble | undefined {
  const { facts, workload } = context;
  const pullSecrets = listSecretsThere(mirrored, context);
  const answer = facts.registries?.find({ reference: mirrored, namespace: workload.namespace, pullSecrets });
  if (answer?.outcome === 'ok') return undefined;
  if (answer !== undefined) {
    const { remedy } = describeFailure(answer, mirrored, { secrets: pullSecrets ?? [], now: undefined });
    return describeAnswer(answer, { original, mirrored, remedy });
  }
  return describeSilence(original, mirrored, context);
}

/** Why there is no answer: nobody asks outside of a cluster, the policy has nobody ask, or it has yet to come. */
function describeSilence(
  original: ImageReference,
  mirrored: ImageReference,
  { policy, facts }: Context,
): MirrorTrouble {
  const from = `comes from ${original.registry}`;
  const address = formatReference(mirrored);
  if (facts.registries === undefined) {
    return {
      message: `${from}; taken from ${quote(address, address.length)} if it is there, which is not asked here`,
      remedy: `In a cluster the mirror is asked. To ask it from here: pullguard image --probe --config FILE ${formatReference(original)}`,
    };
  }
  // A registry that the policy does not have asked will never say.
  if (findRegistry(policy, mirrored)?.probe === undefined) {
    return { message: `${from}; whether its mirror has it is not known, as nobody asks it`, remedy: HAVE_IT_ASKED };
  }
  return { message: `${from}; its mirror has not said yet whether it has it` };
}

const HAVE_IT_ASKED = 'Have the registry of the mirror asked: name it in the policy under registries, with probe.';

/** What the pod has by the time it pulls from there, as far as anybody knows. */
function listSecretsThere(
  mirrored: ImageReference,
  { workload, policy, facts }: Context,
): readonly string[] | undefined {
  const names = listSecretNames(workload, facts);
  const added = givesSecrets(policy) ? findPullSecret(policy, mirrored) : undefined;
  if (added === undefined || names?.includes(added) === true) return names;
  return [...(names ?? []), added];
}

function givesSecrets({ rules }: Policy): boolean {
  return rules.some(({ rule, fix }) => rule.id === 'pull-secret-present' && fix);
}

type Pair = Readonly<{ original: ImageReference; mirrored: ImageReference; remedy: string }>;

function describeAnswer(answer: FailedAnswer, { original, mirrored, remedy }: Pair): MirrorTrouble {
  const command = formatCopyCommand(original, mirrored);
  // A command that is cut is worse than none.
  const push =
    command.length <= MAX_COMMAND ? `push it: ${command}` : `push it there as ${quote(formatReference(mirrored))}`;
  const copy = `${command} (log in first: skopeo login ${mirrored.registry})`;
  switch (causeOf(answer.cause).about) {
    case 'image':
      return { message: `is not on its mirror; ${push}`, remedy: `Copy it there: ${copy}` };
    case 'credentials':
      return {
        message: `cannot be pulled from its mirror, or is not there; ${push}`,
        remedy: `If the mirror does not have it yet: ${copy}. If it has: ${remedy}`,
      };
    case 'way':
    case 'registry':
    case 'node':
      return {
        message: `comes from ${original.registry}; its mirror does not work now (${nameCause(answer)}), so it is not taken from there`,
        remedy,
      };
  }
}

/** With a container of a usual name, in a workload of one, it is within the 256 characters of a warning. */
const MAX_COMMAND = 170;
