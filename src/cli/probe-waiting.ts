import type { ImageAnswer } from '../cause/answer.ts';
import { describeNotAsked } from '../cause/not-asked.ts';
import type { ApiServer } from '../cluster/connection/api-server.ts';
import { createKeyringReader } from '../cluster/facts/read-keyring.ts';
import type { Policy } from '../engine/rule.ts';
import { findRegistry } from '../policy/policy.ts';
import { keyOfQuestion, type ImageQuestion } from '../pull/facts.ts';
import { chooseCredentials } from '../pull/keyring.ts';
import type { ProbeImage, ProbeResult } from '../registry/client/probe-image.ts';
import { keepBelievable, tryInTurn } from '../registry/prober/attempts.ts';
import type { Progress } from '../scan/progress.ts';
import { MOST_PROBED } from '../text/bounds.ts';
import { describeError } from '../text/error.ts';
import { UNNAMED } from './image-probe.ts';

type Surroundings = Readonly<{ api: ApiServer; policy: Policy; probeImage: ProbeImage; progress: Progress }>;

export type WaitingAnswers = Readonly<{
  answerTo: (question: ImageQuestion) => ImageAnswer | undefined;
  /** Why registries could not be asked, without a full stop. */
  problems: readonly string[];
}>;

/** Asks registries about the images that Pods wait for, with the credentials in their own pull secrets, each question once. */
export async function probeWaiting(
  questions: readonly ImageQuestion[],
  { api, policy, probeImage, progress }: Surroundings,
): Promise<WaitingAnswers> {
  const readKeyring = createKeyringReader({ api, secrets: 'all', pullSecretNames: () => [] });
  const answers = new Map<string, ImageAnswer>();
  const problems: string[] = [];
  const distinct = [...new Map(questions.map((question) => [keyOfQuestion(question), question])).entries()];
  for (const [at, [key, question]] of distinct.slice(0, MOST_PROBED).entries()) {
    progress.show('images asked about', at + 1, Math.min(distinct.length, MOST_PROBED) - at - 1);
    const told = await ask(question);
    if (typeof told === 'string') problems.push(`${question.reference.registry} was not asked: ${told}`);
    else if (told !== undefined) answers.set(key, told);
  }
  if (distinct.length > MOST_PROBED)
    problems.push(`${distinct.length - MOST_PROBED} more images were not asked about: name a Pod or a workload`);
  return { answerTo: (question) => answers.get(keyOfQuestion(question)), problems: [...new Set(problems)] };

  async function ask({
    reference,
    namespace,
    pullSecrets = [],
  }: ImageQuestion): Promise<ImageAnswer | string | undefined> {
    try {
      const { entries, isSure } = chooseCredentials(await readKeyring(namespace, pullSecrets), reference);
      const { probe: registry = UNNAMED } = findRegistry(policy, reference) ?? {};
      const attempt = await tryInTurn(entries, async (entry): Promise<ProbeResult> => {
        const { timeoutMs } = policy.probe;
        return probeImage({ reference, registry, credentials: entry?.credentials, platforms: [], timeoutMs });
      });
      if (attempt === undefined) return undefined;
      return 'notAsked' in attempt.told
        ? describeNotAsked(attempt.told.notAsked)
        : keepBelievable(attempt.told.answer, isSure);
    } catch (error) {
      return describeError(error);
    }
  }
}
