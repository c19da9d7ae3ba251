import type { Policy } from '../engine/rule.ts';
import { findMirror, findPullSecret, isExemptImage } from '../policy/policy.ts';
import { DOCKER_HUB, fitsLength, formatReference, type ImageReference } from '../image/reference.ts';
import type { ReferenceProblemCode } from '../image/diagnose.ts';
import { findSuspicion, parseReference } from '../image/parse-reference.ts';
import { redact } from '../text/redact.ts';

/** What an address means, and what a policy makes of it; null is "none". Parts are those of the normalised reference. */
export type ImageExplanation = Readonly<{
  /** As written, but for credentials. */
  image: string;
  valid: boolean;
  problem?: Readonly<{ code: ReferenceProblemCode; message: string; suggestion?: string }>;
  registry: string | null;
  repository: string | null;
  tag: string | null;
  digest: string | null;
  dockerHub: boolean;
  /** What pods need to pull it: from the mirror if it has one, as that is where it is pulled from. */
  pullSecret: string | null;
  /** The address it is pulled from instead. */
  mirror: string | null;
  /** What is odd about an address that is valid all the same. */
  suspicion?: string;
}>;

/** Explains an image address under a policy. Never throws. */
export function explainImage(written: string, policy: Policy): ImageExplanation {
  const image = redact(written);
  const parsed = parseReference(written);
  if (!parsed.ok) return { image, valid: false, problem: parsed.problem, ...NOTHING };
  const { reference } = parsed;
  const exempt = isExemptImage(policy, reference);
  const mirror = exempt ? undefined : findPullableMirror(policy, reference);
  const suspicion = findSuspicion(written, () => mirror !== undefined);
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

/** A rule that is off gives nothing to anybody. */
function runs({ rules }: Policy, id: string): boolean {
  return rules.some(({ rule }) => rule.id === id);
}

/** No pod is given an address on a mirror that is too long to be one. */
function findPullableMirror(policy: Policy, reference: ImageReference): ImageReference | undefined {
  const mirror = runs(policy, 'mirror-used') ? findMirror(policy, reference) : undefined;
  return mirror !== undefined && fitsLength(mirror) ? mirror : undefined;
}
