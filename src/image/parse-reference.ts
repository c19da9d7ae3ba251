import { diagnoseReference, type ReferenceProblem } from './diagnose-reference.ts';
import { readReference, type ImageReference } from './reference.ts';

export type ParsedReference =
  Readonly<{ ok: true; reference: ImageReference }> | Readonly<{ ok: false; problem: ReferenceProblem }>;

/**
 * Reads an image address, or says why no container runtime can and what was probably meant. Never throws, takes time
 * linear in the length of the address. Refuses exactly what kubelet reports as InvalidImageName.
 */
export function parseReference(written: string): ParsedReference {
  const reference = readReference(written);
  return reference === undefined ? { ok: false, problem: diagnoseReference(written) } : { ok: true, reference };
}
