import { nameArtifact } from '../image/not-an-image.ts';
import { splitDomain, type ImageReference } from '../image/reference.ts';
import { isLabel } from '../text/kubernetes-name.ts';
import { shorten } from '../text/quote.ts';
import { redactMessage } from '../text/redact.ts';
import { causeOf, type CauseCode, type CauseContext, type FaqItem } from './causes.ts';
import { readFailure, type Failure } from './read-failure.ts';
import { hostOf, nameImage, NODES_MAY_DIFFER } from './remedies.ts';

/** Why a pull failed and what to do, ready to be shown: text from elsewhere is redacted. */
export type Diagnosis = Readonly<{
  cause: CauseCode | 'unknown';
  faqItem: FaqItem | null;
  /** A short name of the cause. */
  name: string;
  /** The decisive part of the message. */
  says: string;
  image?: string;
  /** The server that failed: the registry, a mirror, a proxy; with its port if the message has one. */
  host?: string;
  /** The registry of the image; Docker Hub is `docker.io`. */
  registry?: string;
  remedy: string;
  alternatives: readonly Alternative[];
}>;

/** Another possible cause of the same message, and how to check for it. */
export type Alternative = Readonly<{ cause: CauseCode; faqItem: FaqItem | null; name: string; check: string }>;

/** Facts about the Pod, in addition to the message. */
export type OfPod = Readonly<{
  namespace?: string | undefined;
  pod?: string | undefined;
  image?: string | undefined;
  /** The pull secrets that it pulls with. */
  secrets?: readonly string[] | undefined;
  /** The pull secret that the policy has for such images. */
  usualSecret?: string | undefined;
}>;

/** The diagnosis of a message about a failed pull; undefined for other messages. */
export function diagnose(message: string, ofPod: OfPod = {}, isOfPull = true): Diagnosis | undefined {
  const reading = readFailure(message, isOfPull);
  return reading.kind === 'failed' ? explainFailure(reading.failure, ofPod) : undefined;
}

/** The diagnosis of a message without any known words about pulls. */
export function explainUnknown(text: string): Diagnosis {
  const end = text.slice(-MOST_SAID).trim();
  const says = shorten(redactMessage(end.slice(end.lastIndexOf(': ') + 1).trim()), MOST_SAID);
  return { ...UNKNOWN, says, remedy: adviseUnknown(says) };
}

export function explainFailure(failure: Failure, ofPod: OfPod = {}): Diagnosis {
  const image = failure.image ?? ofPod.image;
  const says = shorten(redactMessage(failure.says).replaceAll(/\s+/g, ' '), MOST_SAID);
  const shared: Pick<Diagnosis, 'says' | 'image' | 'registry'> = {
    says,
    ...(image !== undefined && { image: redactMessage(image) }),
    ...(failure.reference !== undefined && { registry: failure.reference.registry }),
  };
  if (failure.cause === 'unknown') return { ...UNKNOWN, ...shared, ...nameHost(failure), remedy: adviseUnknown(says) };
  const cause = causeOf(failure.cause);
  const context = contextOf(failure, failure.cause, ofPod);
  const known = { ...ofPod, image: shared.image };
  return {
    cause: failure.cause,
    faqItem: cause.faqItem,
    name: cause.name,
    ...shared,
    ...nameHost(failure),
    remedy: fillIn(adviseFor(failure, cause.remedy(context)), known),
    alternatives: failure.alternatives.map((code) => explainAlternative(code, context, known)),
  };
}

const MOST_SAID = 200;

const UNKNOWN = { cause: 'unknown', faqItem: null, name: 'unknown cause', alternatives: [] } as const;

function adviseUnknown(says: string): string {
  return `No known cause has these words: "${says}". Pull the image on the node with crictl pull, and read the log there: journalctl -u kubelet -u containerd`;
}

function explainAlternative(code: CauseCode, context: CauseContext, ofPod: OfPod): Alternative {
  const { faqItem, name } = causeOf(code);
  return { cause: code, faqItem, name, check: fillIn(tellApart(code, context), ofPod) };
}

/** Without the hint that nodes may reach the registry, as the failure is from a node. */
function adviseFor({ ofSandbox, cause }: Failure, advice: string): string {
  const ofNodes = advice.split(` ${NODES_MAY_DIFFER}`).join('');
  return ofSandbox && cause !== 'disk-full' && cause !== 'runtime-down' ? `${OF_SANDBOX} ${ofNodes}` : ofNodes;
}

const OF_SANDBOX =
  'It is the image of the sandbox, without which no Pod of the node starts, and no Pod names it: sandbox in the configuration of containerd, pause_image of CRI-O, --pod-infra-container-image of cri-dockerd.';

/**
 * Fills in placeholders of commands if the real name is known and valid: text that is copied into a shell must be nothing else.
 */
function fillIn(text: string, { namespace, pod, image }: OfPod): string {
  const ofImage = image !== undefined && /^[\w./:@-]{1,500}$/.test(image) ? text.replaceAll('IMAGE', image) : text;
  const inNamespace =
    namespace !== undefined && isLabel(namespace) ? ofImage.replaceAll('NAMESPACE', namespace) : ofImage;
  return pod !== undefined && /^[a-z0-9][a-z0-9.-]{0,252}$/.test(pod)
    ? inNamespace.replaceAll('POD', pod)
    : inNamespace;
}

const NO_REFERENCE: ImageReference = { registry: 'REGISTRY', repository: 'REPOSITORY', tag: 'TAG' };

/** The host of Docker Hub's registry, which differs from the name in images. */
const HUB = 'registry-1.docker.io';

function contextOf(
  { reference, host, platform, says }: Failure,
  code: CauseCode,
  { secrets = [], usualSecret }: OfPod,
): CauseContext {
  const known = reference ?? { ...NO_REFERENCE, ...(host !== undefined && { registry: host }) };
  const artifact = code === 'not-an-image' ? findArtifact(says) : undefined;
  return {
    endpoint: endpointOf(host ?? (known.registry === 'docker.io' ? HUB : known.registry)),
    reference: known,
    secrets,
    ...(usualSecret !== undefined && { usualSecret }),
    now: undefined,
    ...(platform !== undefined && { platform }),
    ...(artifact !== undefined && { artifact }),
  };
}

function endpointOf(host: string): string {
  return splitDomain(host).port === undefined ? `${host}:443` : host;
}

function findArtifact(says: string): ReturnType<typeof nameArtifact> {
  return nameArtifact(/application\/[\w.+-]{1,200}/.exec(says)?.[0]);
}

/** The host in the message, or else the registry; left out if the cause has nothing to do with a host. */
function nameHost({ cause, host, reference }: Failure): Readonly<{ host?: string }> {
  const asked = host ?? (cause === 'unknown' || !isOfHost(cause) ? undefined : reference?.registry);
  return asked === undefined ? {} : { host: asked };
}

function isOfHost(code: CauseCode): boolean {
  const { outcome, about } = causeOf(code);
  return outcome !== 'node' || about === 'way' || about === 'registry';
}

/** How to check whether it is this cause. */
function tellApart(code: CauseCode, context: CauseContext): string {
  const says = causeOf(code).says[0] ?? causeOf(code).name;
  return CHECKS[code]?.(context) ?? `it is this if the log of the container engine has: ${says}`;
}

type Check = (context: CauseContext) => string;

const withoutSecret: Check = ({ reference }) =>
  `it is this if the Pod names no pull secret for ${reference.registry}: kubectl -n NAMESPACE get pod POD -o jsonpath='{.spec.imagePullSecrets}'`;

const withSecret: Check = ({ reference }) =>
  `it is this if the Pod names a pull secret for ${reference.registry}: try its user with skopeo inspect --creds USER:PASSWORD docker://${nameImage(reference)}`;

const notThere: Check = ({ reference }) =>
  `it is this if a user with all rights does not see it either: skopeo list-tags docker://${reference.registry}/${reference.repository}`;

const noAnswer: Check = ({ endpoint }) =>
  `it is this if the registry does not answer on the node: curl -v https://${endpoint}/v2/`;

const CHECKS: Readonly<Partial<Record<CauseCode, Check>>> = {
  'credentials-missing': withoutSecret,
  'token-denied-anonymous': withoutSecret,
  'credentials-refused': withSecret,
  'token-denied': withSecret,
  'access-denied': withSecret,
  'anonymous-denied': withSecret,
  'repository-not-found': notThere,
  'image-not-found': notThere,
  timeout: noAnswer,
  'no-route': noAnswer,
  'connection-refused': noAnswer,
  'no-such-host': ({ endpoint }) => `it is this if other names resolve on the node: nslookup ${hostOf(endpoint)}`,
  'dns-failed': () => 'it is this if other names do not resolve on the node either: nslookup docker.io',
  'image-too-large': () =>
    'it is this if the registry answers on the node, and crictl pull goes on for many minutes there',
};
