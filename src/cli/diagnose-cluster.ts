import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';
import type { Policy } from '../engine/rule.ts';
import { readFailure } from '../cause/read-failure.ts';
import { readReference } from '../image/reference.ts';
import type { ImageQuestion } from '../pull/facts.ts';
import { createProbeImage, type ProbeImage } from '../registry/client/probe-image.ts';
import { explainRefused, explainWaiting, type Explained } from '../scan/explain-waiting.ts';
import { keepRefused, readEvents, readPods } from '../scan/find-waiting.ts';
import { checkNamespaces } from '../scan/resources.ts';
import { exists, isOfTarget, parseTarget, type Target } from '../scan/targets.ts';
import { readWaitingFacts, secretsOf } from '../scan/waiting-facts.ts';
import { createWaitingBook, type WaitingPod } from '../scan/waiting-pods.ts';
import { isLabel } from '../text/kubernetes-name.ts';
import { UsageError, type Io } from './io.ts';
import { openExchange } from './open-exchange.ts';
import { probeWaiting } from './probe-waiting.ts';
import { createProgress, type Progress } from './progress.ts';
import { describeRefusal } from './reach-cluster.ts';

export type DiagnoseClusterInput = Readonly<{
  api: ApiServer;
  policy: Policy;
  targets: readonly string[];
  /** Undefined for the namespace of the kubeconfig, `all` for all namespaces. */
  namespace: string | undefined;
  /** Whether registries are asked. */
  probe: boolean;
  probeImage?: ProbeImage;
}>;

/** What waits, explained. `notes` say what could not be read, without a full stop. */
export type DiagnosedCluster = Readonly<{ explained: readonly Explained[]; notes: readonly string[] }>;

/** Finds what waits for images in a cluster, and why. Changes nothing. @throws UsageError if Pods cannot be read */
export async function diagnoseCluster(input: DiagnoseClusterInput, io: Io): Promise<DiagnosedCluster> {
  const progress = createProgress(io.stderr);
  try {
    return await diagnoseAll(input, progress);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    progress.clear();
    throw new UsageError(describeRefusal(error, 'list of pods'), { cause: error });
  } finally {
    progress.clear();
  }
}

async function diagnoseAll(input: DiagnoseClusterInput, progress: Progress): Promise<DiagnosedCluster> {
  const { api, policy, probe } = input;
  const targets = input.targets.map((text) => readTarget(text));
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
    ? await probeWaiting(listQuestions(pods), {
        api,
        policy,
        probeImage: input.probeImage ?? createProbeImage(openExchange()),
        progress,
      })
    : { answerTo: () => undefined, problems: [] };
  const explain = { policy, known, answerTo: asked.answerTo, now: api.now().getTime() };
  const dropped = book.dropped();
  return {
    explained: [
      ...keepOfPods(pods.flatMap((pod) => explainWaiting(pod, explain))),
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

/** Leaves out a container that only waits, if another one of the same Pod has a reason. */
function keepOfPods(explained: readonly Explained[]): readonly Explained[] {
  const keyOf = ({ report }: Explained): string => `${report.namespace ?? ''}/${report.pod ?? ''}`;
  const told = new Set(explained.filter(({ diagnosis }) => diagnosis.cause !== 'back-off').map((each) => keyOf(each)));
  return explained.filter((each) => each.diagnosis.cause !== 'back-off' || !told.has(keyOf(each)));
}

function readTarget(text: string): Target {
  const target = parseTarget(text);
  if (target !== undefined) return target;
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
  if (!isLabel(namespace)) {
    throw new UsageError(
      `--namespace ${JSON.stringify(namespace)} is not a valid namespace name: use at most 63 lowercase letters, digits and "-"`,
    );
  }
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
