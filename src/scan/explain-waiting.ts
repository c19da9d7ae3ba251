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

/** A report of a failed pull, its explanation, and what else is known about it. */
export type Explained = Readonly<{
  report: Report;
  diagnosis: Diagnosis;
  /** What pullguard finds in the Pod, its pull secrets, its node and at the registry. */
  found: readonly string[];
  /** Causes that are ruled out, and why. */
  ruledOut: readonly string[];
  /** The node and its details: `node-1 (linux/amd64, containerd://1.7.20)`. */
  node?: string;
}>;

export type ExplainInput = Readonly<{
  policy: Policy;
  known: WaitingFacts;
  /** The answer of a registry with the Pod's own pull secrets; undefined if it was not asked. */
  answerTo: (question: ImageQuestion) => ImageAnswer | undefined;
  /** Milliseconds since 1970. */
  now: number;
}>;

/** Explains why a Pod waits, from the messages about it and all that is known besides. */
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

/** The answer of a registry about the image, if it was asked. */
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

/** Rules about style, which do not explain a failed pull. */
const OF_STYLE: ReadonlySet<string> = new Set(['tag-explicit', 'registry-explicit']);

type FoundInPod = Readonly<{ text: string; images: readonly string[] | undefined }>;

/** What rules find in a Pod. `images` are those that a finding is about; undefined if it is about the whole Pod. */
function findInPod(pod: unknown, workload: Workload, { policy, known, now }: ExplainInput): readonly FoundInPod[] {
  // Without annotations, as a rule that the user skipped may find the reason.
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
  // A Pod gets the pull secrets of its ServiceAccount when it is created; the current list only applies to new Pods.
  const own = workload.hasPullSecretList ? account : { pullSecrets: [], enforcesMountableSecrets: false };
  return listUsedSecrets(workload, own, facts.pullSecrets, now);
}

/** The names of the secrets with an entry for the image; undefined if none has one. */
function namesFor(
  secrets: readonly UsedSecret[] | undefined,
  reference: ImageReference,
): readonly string[] | undefined {
  const matching = (secrets ?? []).filter((secret) => findEntry(secret, reference) !== 'none');
  return matching.length === 0 ? undefined : matching.map(({ name }) => name);
}

/** Evidence that rules out some causes. */
type Judgement = Readonly<{ against: (cause: CauseCode) => boolean; reason: string }>;

const WITHOUT: ReadonlySet<string> = new Set(['credentials-missing', 'token-denied-anonymous', 'anonymous-denied']);
const WITH: ReadonlySet<string> = new Set(['credentials-refused', 'token-denied', 'access-denied']);

/** Registries use the same words for some causes; whether the Pod has credentials for the image decides between them. */
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
  // A secret that could not be read may have credentials.
  if (secrets.some(({ found }) => found === undefined)) return [];
  const what =
    secrets.length === 0
      ? 'the Pod has no pull secret'
      : `no pull secret of the Pod has credentials for ${reference.registry}`;
  return [{ against: (cause) => WITH.has(cause), reason: what }];
}

/** Evidence from the registry's answer to pullguard, which used the Pod's own pull secrets. */
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

/** Chooses the first cause that is not ruled out. If all are ruled out, the cause in the message stays. */
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

/** Rules out a full disk, which a node reports in its conditions; only for failures that a full disk could cause. */
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

/** Explains why the Pods of a workload are refused. */
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
