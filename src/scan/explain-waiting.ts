import { describeFailure, type ImageAnswer } from '../cause/answer.ts';
import { causeOf, type CauseCode } from '../cause/causes.ts';
import { explainFailure, explainUnknown, type Diagnosis } from '../cause/diagnosis.ts';
import { readFailure, type Failure } from '../cause/read-failure.ts';
import type { Report } from '../cause/reported-failures.ts';
import { evaluate } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import { readReference, type ImageReference } from '../image/reference.ts';
import { findPullSecret } from '../policy/policy.ts';
import type { ImageQuestion } from '../pull/facts.ts';
import { findEntry, listUsedSecrets, type UsedSecret } from '../pull/used-secrets.ts';
import { describeFinding } from '../report/finding.ts';
import { isRecord, readPath, readString } from '../text/json.ts';
import { listSome, quoteFirst } from '../text/list.ts';
import { WORKLOAD_KINDS } from '../workload/kinds.ts';
import { readWorkloads, type Workload } from '../workload/workload.ts';
import type { WaitingFacts } from './waiting-facts.ts';
import type { Refused, WaitingPod } from './waiting-pods.ts';

/** A report, why it is so, and what else is known of it. */
export type Explained = Readonly<{
  report: Report;
  diagnosis: Diagnosis;
  /** What pullguard finds in the Pod, its pull secrets, its node and at the registry. */
  found: readonly string[];
  /** What it is not, and how that is known. */
  ruledOut: readonly string[];
  /** The node with what is known of it: `node-1 (linux/amd64, containerd://1.7.20)`. */
  node?: string;
}>;

export type ExplainInput = Readonly<{
  policy: Policy;
  known: WaitingFacts;
  /** What a registry says to the Pod's own pull secrets, where it was asked. */
  answerTo: (question: ImageQuestion) => ImageAnswer | undefined;
  /** Milliseconds since 1970. */
  now: number;
}>;

/** Says of a Pod that waits why, by the message and by all that is known besides. */
export function explainWaiting({ pod, reports }: WaitingPod, input: ExplainInput): readonly Explained[] {
  const [workload] = readWorkloads(pod, POD, '');
  const findings = workload === undefined ? [] : findInPod(pod, workload, input);
  return reports.map((report) => {
    const reading = readFailure(report.read);
    return reading.kind !== 'failed' || workload === undefined
      ? { report, diagnosis: explainUnknown(report.message), found: [], ruledOut: [] }
      : explainFailed(report, reading.failure, { workload, findings, input });
  });
}

type Pod = Readonly<{ workload: Workload; findings: readonly FoundInPod[]; input: ExplainInput }>;

function explainFailed(report: Report, failure: Failure, { workload, findings, input }: Pod): Explained {
  const { policy, known, now } = input;
  const image = failure.image ?? report.image;
  const reference = failure.reference ?? (image === undefined ? undefined : readReference(image));
  const secrets = secretsOf(workload, known, now);
  const names = secrets?.map(({ name }) => name);
  const asked = reference && askAbout(reference, report, names, input);
  const settled = settle({ ...failure, image, reference }, [
    ...(reference === undefined || secrets === undefined ? [] : judgeSecrets(secrets, reference)),
    ...(asked === undefined ? [] : judgeAnswer(asked.answer)),
  ]);
  const diagnosis = explainFailure(settled.failure, {
    ...report,
    image,
    secrets: reference === undefined ? names : namesFor(secrets, reference),
    ...(reference !== undefined && { usualSecret: findPullSecret(policy, reference) }),
  });
  const ofImage = findings.filter(
    ({ images }) => images === undefined || image === undefined || images.includes(image),
  );
  return {
    report,
    diagnosis,
    found: [...(asked === undefined ? [] : [asked.text]), ...ofImage.map(({ text }) => text)].slice(0, MOST_FOUND),
    ruledOut: [...settled.ruledOut, ...judgeNode(report, diagnosis, known)],
    ...describeNode(report, known),
  };
}

/** What a registry said of the image, if it was asked. */
function askAbout(
  reference: ImageReference,
  { namespace = '' }: Report,
  pullSecrets: readonly string[] | undefined,
  { answerTo, now }: ExplainInput,
): Readonly<{ answer: ImageAnswer; text: string }> | undefined {
  const answer = answerTo({ reference, namespace, pullSecrets });
  return answer && { answer, text: describeAnswer(answer, reference, pullSecrets ?? [], now) };
}

const MOST_FOUND = 5;

const POD = WORKLOAD_KINDS.find(({ kind }) => kind === 'Pod') ?? { group: '', kind: 'Pod', podSpecs: ['/spec'] };

/** Rules about style say nothing of a pull that fails. */
const OF_STYLE: ReadonlySet<string> = new Set(['tag-explicit', 'registry-explicit']);

type FoundInPod = Readonly<{ text: string; images: readonly string[] | undefined }>;

/** What rules find in a Pod, the images that it is about, and of what is about the whole Pod none. */
function findInPod(pod: unknown, workload: Workload, { policy, known, now }: ExplainInput): readonly FoundInPod[] {
  // What a user asked to skip may be the reason.
  const object = isRecord(pod)
    ? { ...pod, metadata: { ...asRecord(readPath(pod, 'metadata')), annotations: {} } }
    : pod;
  const namespace = readString(pod, 'metadata', 'namespace');
  const { findings } = evaluate({ object, kind: POD, namespace, policy, facts: known.facts, fixMode: 'never', now });
  const told = findings.filter(({ rule, severity }) => severity !== 'notice' && !OF_STYLE.has(rule));
  const images = (label: string): readonly string[] =>
    workload.images.filter((use) => use.label === label).map(({ written }) => written);
  return told.map((finding) => ({
    text: `${finding.label === undefined ? '' : `${finding.label}: `}${describeFinding(finding)} (${finding.rule})`,
    images: finding.label === undefined ? undefined : images(finding.label),
  }));
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function secretsOf(workload: Workload, { facts }: WaitingFacts, now: number): readonly UsedSecret[] | undefined {
  const account = facts.serviceAccounts?.find(workload.namespace, workload.serviceAccount);
  // A Pod got those of its ServiceAccount when it was created: what that lists now is for Pods to come.
  const own = workload.hasPullSecretList ? account : { pullSecrets: [], enforcesMountableSecrets: false };
  return listUsedSecrets(workload, own, facts.pullSecrets, now);
}

/** Those with an entry for the image, and all where none has one. */
function namesFor(
  secrets: readonly UsedSecret[] | undefined,
  reference: ImageReference,
): readonly string[] | undefined {
  const matching = (secrets ?? []).filter((secret) => findEntry(secret, reference) !== 'none');
  return matching.length === 0 ? undefined : matching.map(({ name }) => name);
}

/** Causes that something speaks against, and what that is. */
type Judgement = Readonly<{ against: (cause: CauseCode) => boolean; reason: string }>;

const WITHOUT: ReadonlySet<string> = new Set(['credentials-missing', 'token-denied-anonymous', 'anonymous-denied']);
const WITH: ReadonlySet<string> = new Set(['credentials-refused', 'token-denied', 'access-denied']);

/** Whether a Pod has credentials for an image decides between causes for which registries have the same words. */
function judgeSecrets(secrets: readonly UsedSecret[], reference: ImageReference): readonly Judgement[] {
  const serving = secrets.filter((secret) => findEntry(secret, reference) === 'with-credentials');
  if (serving.length > 0) {
    const names = quoteFirst(
      serving.map(({ name }) => name),
      2,
    );
    return [
      {
        against: (cause) => WITHOUT.has(cause),
        reason: `pull secret ${names} has credentials for ${reference.registry}`,
      },
    ];
  }
  // Of one that could not be read nothing is known.
  if (secrets.some(({ found }) => found === undefined)) return [];
  const what =
    secrets.length === 0
      ? 'the Pod has no pull secret'
      : `no pull secret of the Pod has credentials for ${reference.registry}`;
  return [{ against: (cause) => WITH.has(cause), reason: what }];
}

/** What the registry says to pullguard with the Pod's own pull secrets. */
function judgeAnswer(answer: ImageAnswer): readonly Judgement[] {
  const reason =
    answer.outcome === 'ok'
      ? `${answer.endpoint} serves the image to pullguard`
      : `${answer.endpoint} tells pullguard: ${causeOf(answer.cause).name}`;
  const isOfRegistry = (cause: CauseCode): boolean => ['image', 'credentials'].includes(causeOf(cause).about);
  return [
    {
      against: (cause) =>
        isOfRegistry(cause) && (answer.outcome === 'ok' || (isOfRegistry(answer.cause) && cause !== answer.cause)),
      reason,
    },
  ];
}

/** The first cause that nothing speaks against; the words of the message stay as they are, so that they decide where all are out. */
function settle(
  failure: Failure,
  judgements: readonly Judgement[],
): Readonly<{ failure: Failure; ruledOut: readonly string[] }> {
  const { cause, alternatives } = failure;
  if (cause === 'unknown') return { failure, ruledOut: [] };
  const candidates = [cause, ...alternatives];
  const outs = candidates.map((each) => judgements.find(({ against }) => against(each)));
  const [first, ...rest] = candidates.filter((_, at) => outs[at] === undefined);
  if (first === undefined) return { failure, ruledOut: [] };
  const ruledOut = candidates.flatMap((each, at) => {
    const reason = outs[at]?.reason;
    return reason === undefined ? [] : [`${causeOf(each).name}: ${reason}`];
  });
  return { failure: { ...failure, cause: first, alternatives: rest }, ruledOut: [...new Set(ruledOut)] };
}

function describeAnswer(
  answer: ImageAnswer,
  reference: ImageReference,
  secrets: readonly string[],
  now: number,
): string {
  if (answer.outcome !== 'ok') return `${describeFailure(answer, reference, { secrets, now }).message} (asked now)`;
  const how = secrets.length === 0 ? 'anonymously' : `with ${listSome(secrets, 'and')}`;
  return `${answer.endpoint} serves the image ${how} (asked now): look for what differs on the node, such as DNS, CAs, proxies and mirrors`;
}

/** A node without room says so in its conditions. Only where a full disk could look like this. */
function judgeNode({ node }: Report, { cause }: Diagnosis, { findNode }: WaitingFacts): readonly string[] {
  const state = node === undefined ? undefined : findNode(node);
  const mayBeFull = cause === 'unknown' || ['unpack-failed', 'timeout', 'image-too-large', 'back-off'].includes(cause);
  if (state === undefined || state.hasDiskPressure || !mayBeFull) return [];
  return [`${causeOf('disk-full').name}: node ${state.name} reports no DiskPressure`];
}

function describeNode({ node }: Report, { findNode }: WaitingFacts): Readonly<{ node?: string }> {
  const state = node === undefined ? undefined : findNode(node);
  if (state === undefined) return {};
  const what = [state.platform, state.runtime, state.hasDiskPressure ? 'DiskPressure' : ''].filter(
    (text) => text !== '',
  );
  return what.length === 0 ? {} : { node: `${state.name} (${what.join(', ')})` };
}

/** Of a workload whose Pods are refused. */
export function explainRefused({ report, involved }: Refused): Explained {
  const reading = readFailure(report.read, false);
  const known = reading.kind === 'failed' ? explainFailure(reading.failure, report) : undefined;
  const { cause, faqItem, says } = known ?? explainUnknown(report.message);
  const { kind, namespace, name } = involved;
  return {
    report,
    diagnosis: {
      cause,
      faqItem,
      name: `Pods are refused${known === undefined || cause === 'unknown' ? '' : `: ${known.name}`}`,
      says,
      ...(known?.image !== undefined && { image: known.image }),
      ...(known?.registry !== undefined && { registry: known.registry }),
      remedy: `Fix what the message says in the template, or ask the admin of the policy that refuses it. The whole message: kubectl -n ${namespace} describe ${kind.toLowerCase()} ${name}`,
      alternatives: [],
    },
    found: [],
    ruledOut: [],
  };
}
