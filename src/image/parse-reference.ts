import { memoize } from '../text/memoize.ts';
import { diagnoseReference, type ReferenceProblem } from './diagnose.ts';
import { readReference, type ImageReference } from './reference.ts';
import { describeMove, suspectReference } from './suspect.ts';

export type ParsedReference =
  Readonly<{ ok: true; reference: ImageReference }> | Readonly<{ ok: false; problem: ReferenceProblem }>;

/**
 * Parses an image reference, or says why container runtimes refuse it and what was probably meant. Never throws; takes linear
 * time. Refuses exactly what kubelet reports as InvalidImageName.
 */
export const parseReference: (written: string) => ParsedReference = memoize((written) => {
  const reference = readReference(written);
  return reference === undefined ? refuse(written) : { ok: true, reference };
});

/** The problem is diagnosed only when it is needed, as that takes ten times as long as parsing. */
function refuse(written: string): ParsedReference {
  let problem: ReferenceProblem | undefined;
  return {
    ok: false,
    get problem() {
      return (problem ??= diagnoseReference(written));
    },
  };
}

/** `move`: its registry no longer provides the image, which does not matter if a mirror has it. */
type Suspicions = Readonly<Record<'suspicion' | 'move', string | undefined>>;

/** What is suspicious about a valid reference; nothing about an invalid one. */
export const findSuspicions: (written: string) => Suspicions = memoize((written) => {
  const parsed = parseReference(written);
  if (!parsed.ok) return { suspicion: undefined, move: undefined };
  const { reference } = parsed;
  return { suspicion: suspectReference(written, reference), move: describeMove(reference) };
});
