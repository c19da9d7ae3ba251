import { memoize } from '../text/memoize.ts';
import { diagnoseReference, type ReferenceProblem } from './diagnose.ts';
import { readReference, type ImageReference } from './reference.ts';
import { describeMove, suspectReference } from './suspect.ts';

export type ParsedReference =
  Readonly<{ ok: true; reference: ImageReference }> | Readonly<{ ok: false; problem: ReferenceProblem }>;

/**
 * Reads an image reference, or says why no container runtime can and what was probably meant. Never throws, takes time
 * linear in the length of the reference. Refuses exactly what kubelet reports as InvalidImageName.
 */
export const parseReference: (written: string) => ParsedReference = memoize((written) => {
  const reference = readReference(written);
  return reference === undefined ? refuse(written) : { ok: true, reference };
});

/** What is wrong is worked out only when it is asked for: it takes ten times as long as to see that something is. */
function refuse(written: string): ParsedReference {
  let problem: ReferenceProblem | undefined;
  return {
    ok: false,
    get problem() {
      return (problem ??= diagnoseReference(written));
    },
  };
}

/**
 * What is suspicious about a reference that parses; undefined when nothing is, or when it does not parse.
 *
 * @param isMirrored asked for an image that its registry no longer provides: a mirror may still have it
 */
export function findSuspicion(written: string, isMirrored: () => boolean): string | undefined {
  const { suspicion, move } = suspect(written);
  return suspicion ?? (move === undefined || isMirrored() ? undefined : move);
}

type Suspicions = Readonly<Record<'suspicion' | 'move', string | undefined>>;

const suspect = memoize((written: string): Suspicions => {
  const parsed = parseReference(written);
  if (!parsed.ok) return { suspicion: undefined, move: undefined };
  const { reference } = parsed;
  return { suspicion: suspectReference(written, reference), move: describeMove(reference) };
});
