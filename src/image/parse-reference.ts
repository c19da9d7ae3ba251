import { memoize } from '../text/memoize.ts';
import { diagnoseReference, type ReferenceProblem } from './diagnose.ts';
import { readReference, type ImageReference } from './reference.ts';
import { suspectReference } from './suspect.ts';

export type ParsedReference =
  Readonly<{ ok: true; reference: ImageReference }> | Readonly<{ ok: false; problem: ReferenceProblem }>;

/**
 * Reads an image address, or says why no container runtime can and what was probably meant. Never throws, takes time
 * linear in the length of the address. Refuses exactly what kubelet reports as InvalidImageName.
 */
export function parseReference(written: string): ParsedReference {
  return judge(written).parsed;
}

/** What is odd about an address that parses; undefined when nothing is, or when it does not parse. */
export function findSuspicion(written: string): string | undefined {
  return judge(written).suspicion;
}

type Judgement = Readonly<{ parsed: ParsedReference; suspicion: string | undefined }>;

const judge = memoize((written: string): Judgement => {
  const reference = readReference(written);
  return reference === undefined
    ? { parsed: { ok: false, problem: diagnoseReference(written) }, suspicion: undefined }
    : { parsed: { ok: true, reference }, suspicion: suspectReference(written, reference) };
});
