import type { ImageReference } from '../image/reference.ts';
import type { ImageUse, Workload } from '../workload/workload.ts';
import type { Facts, RegistryFacts } from './facts.ts';
import type { ImageAnswer } from '../cause/answer.ts';
import { listSecretNames } from './used-secrets.ts';

/** An image in one of the places that name it, and what its registry says of it. */
export type AskedImage = Readonly<{ use: ImageUse; reference: ImageReference; answer: ImageAnswer }>;

export type Answers = Readonly<{
  /** Those that are pulled at all, in each place that names them; only those that there is an answer for. */
  images: readonly AskedImage[];
  /** The pull secrets that were asked with; empty when nobody knows which the workload has. */
  secrets: readonly string[];
}>;

/** Asks registries about the images of a workload; of those whose registry has not answered yet, nothing is known. */
export function askAboutImages(workload: Workload, facts: Facts & Readonly<{ registries: RegistryFacts }>): Answers {
  const { images, namespace } = workload;
  const pullSecrets = listSecretNames(workload, facts);
  const answers = new Map<string, ImageAnswer | undefined>();
  const asked = images.flatMap((use): readonly AskedImage[] => {
    const { parsed, written, pullPolicy } = use;
    if (!parsed.ok || pullPolicy === 'Never') return [];
    const { reference } = parsed;
    if (!answers.has(written)) answers.set(written, facts.registries.find({ reference, namespace, pullSecrets }));
    const answer = answers.get(written);
    return answer === undefined ? [] : [{ use, reference, answer }];
  });
  return { images: asked, secrets: pullSecrets ?? [] };
}
