import type { Policy } from '../engine/rule.ts';
import { findMirror, findPullSecret, isExemptImage } from '../policy/policy.ts';
import { DOCKER_HUB, fitsLength, formatReference, type ImageReference } from '../image/reference.ts';
import type { ReferenceProblemCode } from '../image/diagnose.ts';
import { findSuspicions, parseReference } from '../image/parse-reference.ts';
import { redact } from '../text/redact.ts';

/** The parts and meaning of an image reference, also under a policy; null means none. The parts are normalized. */
export type ImageExplanation = Readonly<{
  /** As written, without credentials. */
  image: string;
  valid: boolean;
  problem?: Readonly<{ code: ReferenceProblemCode; message: string; suggestion?: string }>;
  registry: string | null;
  repository: string | null;
  tag: string | null;
  digest: string | null;
  dockerHub: boolean;
  /** The pull secret that Pods need for it: for the mirror if it has one, as it is pulled from there. */
  pullSecret: string | null;
  /** The image that is pulled instead. */
  mirror: string | null;
  /** What is suspicious about a valid image. */
  suspicion?: string;
}>;

/** Explains an image reference under a policy. Never throws. */
export function explainImage(written: string, policy: Policy): ImageExplanation {
  const image = redact(written);
  const parsed = parseReference(written);
  if (!parsed.ok) return { image, valid: false, problem: parsed.problem, ...NOTHING };
  const { reference } = parsed;
  const exempt = isExemptImage(policy, reference);
  const mirror = exempt ? undefined : findPullableMirror(policy, reference);
  const { suspicion: other, move } = findSuspicions(written);
  const suspicion = other ?? (mirror === undefined ? move : undefined);
  return {
    image,
    valid: true,
    registry: reference.registry,
    repository: redact(reference.repository),
    tag: reference.tag === undefined ? null : redact(reference.tag),
    digest: reference.digest ?? null,
    dockerHub: reference.registry === DOCKER_HUB,
    pullSecret: exempt ? null : (findSecret(policy, mirror ?? reference) ?? null),
    mirror: mirror === undefined ? null : formatReference(mirror),
    ...(suspicion !== undefined && { suspicion }),
  };
}

const NOTHING = {
  registry: null,
  repository: null,
  tag: null,
  digest: null,
  dockerHub: false,
  pullSecret: null,
  mirror: null,
} as const;

function findSecret(policy: Policy, reference: ImageReference): string | undefined {
  return runs(policy, 'pull-secret-present') ? findPullSecret(policy, reference) : undefined;
}

/** A rule that is off fixes nothing. */
function runs({ rules }: Policy, id: string): boolean {
  return rules.some(({ rule }) => rule.id === id);
}

/** A mirror is not used if the image on it would have too long a name. */
function findPullableMirror(policy: Policy, reference: ImageReference): ImageReference | undefined {
  const mirror = runs(policy, 'mirror-used') ? findMirror(policy, reference) : undefined;
  return mirror !== undefined && fitsLength(mirror) ? mirror : undefined;
}
