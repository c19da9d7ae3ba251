import { existsSync } from 'node:fs';
import { type ImageAnswer, describeNotAsked } from '../cause/answer.ts';
import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';
import { createKeyringReader } from '../cluster/facts/read-keyring.ts';
import type { Policy } from '../engine/rule.ts';
import { readFailure } from '../cause/read-failure.ts';
import { readReference } from '../image/reference.ts';
import { findRegistry } from '../policy/policy.ts';
import { keyOfQuestion, type ImageQuestion } from '../pull/facts.ts';
import { chooseCredentials, keepBelievable, tryInTurn } from '../pull/keyring.ts';
import type { ProbeImage, ProbeResult } from '../registry/client/probe-image.ts';
import { explainRefused, explainWaiting, type Explained } from '../scan/explain-waiting.ts';
import { keepRefused, readEvents, readPods } from '../scan/find-waiting.ts';
import { checkNamespaces } from '../scan/resources.ts';
import { exists, isOfTarget, parseTarget, type Target } from '../scan/targets.ts';
import { readWaitingFacts, secretsOf } from '../scan/waiting-facts.ts';
import { createWaitingBook, type WaitingPod } from '../scan/waiting-pods.ts';
import { MOST_PROBED } from '../text/bounds.ts';
import { describeError } from '../text/error.ts';
import { keepReasons } from './format-diagnosis.ts';
import { UsageError, type Io } from './io.ts';
import { openRegistries, UNNAMED } from './image-probe.ts';
import { createProgress, type Progress } from './terminal.ts';
import { checkNamespaceName, describeRefusal } from './reach-cluster.ts';

type DiagnoseClusterInput = Readonly<{
  api: ApiServer;
  policy: Policy;
  targets: readonly Target[];
  /** Undefined for the namespace of the kubeconfig, `all` for all namespaces. */
  namespace: string | undefined;
  /** Whether registries are asked. */
  probe: boolean;
  probeImage?: ProbeImage;
}>;

/** What waits, explained. `notes` say what could not be read, without a full stop. */
type DiagnosedCluster = Readonly<{ explained: readonly Explained[]; notes: readonly string[] }>;

/** Finds what waits for images in a cluster, and why. Changes nothing. @throws UsageError if Pods cannot be read */
export async function diagnoseCluster(input: DiagnoseClusterInput, io: Io): Promise<DiagnosedCluster> {
  const progress = createProgress(io.stderr);
  try {
    return await diagnoseAll(input, progress);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new UsageError(describeRefusal(error, 'list of pods'), { cause: error });
  } finally {
    progress.clear();
  }
}

async function diagnoseAll(input: DiagnoseClusterInput, progress: Progress): Promise<DiagnosedCluster> {
  const { api, policy, targets, probe } = input;
  const namespace = await chooseNamespace(input, targets);
  const book = createWaitingBook();
  const place = { api, namespace, progress };
  await readPods(book, place, (pod) => targets.length === 0 || targets.some((target) => isOfTarget(target, pod)));
  const missing = await readEvents(book, place);
  const pods = book.listPods();
  const refused = await keepRefused(api, book.listRefused());
  const wanted = refused.filter(
    ({ report, involved }) =>
      targets.length === 0 ||
      targets.some(({ kind, name }) => [report.owner, `${involved.kind}/${involved.name}`].includes(`${kind}/${name}`)),
  );
  const known = await readWaitingFacts(
    api,
    pods.map(({ pod }) => pod),
    progress,
  );
  const asked = probe
    ? await probeWaiting(listQuestions(pods), input, progress)
    : { answerTo: () => undefined, problems: [] };
  const explain = { policy, known, answerTo: asked.answerTo, now: api.now().getTime() };
  const dropped = book.dropped();
  return {
    explained: [
      ...keepReasons(pods.flatMap((pod) => explainWaiting(pod, explain))),
      ...wanted.map((each) => explainRefused(each)),
    ],
    notes: [
      ...(missing === undefined ? [] : [missing]),
      ...known.problems,
      ...asked.problems,
      ...(dropped > 0 ? [`${dropped} more Pods wait, which are not shown: name a namespace or a workload`] : []),
    ],
  };
}

export function readTarget(text: string): Target {
  // A Pod may have such a name as well.
  if (/\.(?:txt|log|json|ya?ml)$/.test(text) && existsSync(text))
    throw new UsageError(`${JSON.stringify(text)} is a file: pullguard diagnose - < FILE, or pod/NAME for a Pod`);
  const target = parseTarget(text);
  if (target !== undefined) return target;
  if (/\s/.test(text)) throw new UsageError('messages are read from standard input: pullguard diagnose - < FILE');
  throw new UsageError(
    `${JSON.stringify(text)} is neither a Pod nor TYPE/NAME: use web-1, deployment/web, statefulset/db, daemonset/agent, job/report or cronjob/report`,
  );
}

/** Undefined for all. Checks that namespace and targets exist, as a missing one would look healthy. */
async function chooseNamespace(
  { api, namespace: given }: DiagnoseClusterInput,
  targets: readonly Target[],
): Promise<string | undefined> {
  if (given === 'all') {
    if (targets.length > 0) throw new UsageError('a name is of one namespace: use -n instead of -A');
    return undefined;
  }
  const namespace = given ?? api.namespace;
  checkNamespaceName(namespace);
  const { problems } = given === undefined ? { problems: [] } : await checkNamespaces(api, [namespace]);
  if (problems[0] !== undefined) throw new UsageError(problems[0]);
  for (const target of targets) {
    if (await exists(api, target, namespace)) continue;
    throw new UsageError(
      `${target.kind}/${target.name} does not exist in namespace "${namespace}": check its name, or use -n`,
    );
  }
  return namespace;
}

function listQuestions(pods: readonly WaitingPod[]): readonly ImageQuestion[] {
  return pods.flatMap(({ pod, reports }) =>
    reports.flatMap((report) => {
      const reading = readFailure(report.read);
      const image = (reading.kind === 'failed' ? reading.failure.image : undefined) ?? report.image;
      const reference = image === undefined ? undefined : readReference(image);
      if (reference === undefined) return [];
      return [{ reference, namespace: report.namespace ?? '', pullSecrets: [...new Set(secretsOf(pod))] }];
    }),
  );
}

type WaitingAnswers = Readonly<{
  answerTo: (question: ImageQuestion) => ImageAnswer | undefined;
  /** Why registries could not be asked, without a full stop. */
  problems: readonly string[];
}>;

/** Asks registries about the images that Pods wait for, with the credentials in their own pull secrets, each question once. */
async function probeWaiting(
  questions: readonly ImageQuestion[],
  { api, policy, probeImage = openRegistries() }: DiagnoseClusterInput,
  progress: Progress,
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
