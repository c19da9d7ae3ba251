import type { Artifact } from '../image/artifact.ts';
import type { ImageReference } from '../image/reference.ts';
import { CCE_SECRET } from '../image/swr.ts';
import { quoteFirst } from '../text/list.ts';
import { quote } from '../text/quote.ts';
import { shortenMiddle } from '../text/quote.ts';
import { formatMinute } from '../text/time.ts';
import { describeFault, type Fault } from './fault.ts';
import {
  adviseConvert,
  adviseCredentials,
  adviseNotFound,
  adviseRefused,
  adviseRight,
  adviseUnknownCa,
  hostOf,
  LEAVE_OR_EXPAND,
  NODES_MAY_DIFFER,
  OPEN_A_WAY,
  pullByHand,
} from './remedies.ts';

/**
 * Why a pull fails: Table 1 of the FAQ as code, and what it lacks. Everything that tells causes apart reads it from here: how
 * long an answer is believed, whether a registry is left alone, what people are told. To add one is to add an entry; the
 * compiler refuses a half of it.
 */
export type Cause = Readonly<{
  /** The word for it in JSON and metrics, which several causes share. */
  outcome: Outcome;
  /** The check item of the FAQ whose remedy helps; null where none does. */
  faqItem: FaqItem | null;
  /** What has to change: the image, the credentials, the way to the registry, the registry itself, or the node. */
  about: 'image' | 'credentials' | 'way' | 'registry' | 'node';
  /**
   * What other credentials would change. `decide`: with others it may be pulled, so that it says nothing while some are
   * unknown. `may-help`: it may be something else with others. `no`: it is the same for everybody.
   */
  credentials: 'decide' | 'may-help' | 'no';
  /** How long an answer that says so is believed: as long as the policy keeps a no, or an error, or until the registry says. */
  believed: 'negative' | 'error' | 'until-reset';
  /** Whether it passes by itself, so that an earlier yes stays true. */
  isTransient: boolean;
  /** Whether nothing can be had of the registry, so that it is left alone after some of these. */
  blamesRegistry: boolean;
  /** In a few words, as kubelet has it where it has one: `connection refused`. */
  name: string;
  /** What kubelet, containerd, CRI-O and Docker write when they meet it: the decisive part of their event. */
  says: readonly string[];
  /**
   * The cause, then in short what to do: one line without a full stop, within 170 characters for names of an ordinary length,
   * within 256 for any.
   */
  message: (context: CauseContext) => string;
  /**
   * All that there is to do, as the FAQ has it: sentences in one line, and commands with the real host and port in them, behind
   * a colon. No full stop follows a command, as it would be copied with it, and no sentence either.
   */
  remedy: (context: CauseContext) => string;
}>;

export type Outcome =
  'denied' | 'not-found' | 'unsupported' | 'certificate' | 'unreachable' | 'rate-limited' | 'broken' | 'node';

/** The eight check items of the FAQ. */
export type FaqItem = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** What is known where a cause is met. */
export type CauseContext = Readonly<{
  /** Host and port that were asked, `registry.example.com:443`. */
  endpoint: string;
  reference: ImageReference;
  /** Names of the pull secrets it was asked with; empty when that is not known. */
  secrets: readonly string[];
  /** The pull secret that the policy gives to such images, for where their own are not known. */
  usualSecret?: string | undefined;
  /** Milliseconds since 1970; undefined where no time is known. */
  now: number | undefined;
  /** When a rate limit ends. Milliseconds since 1970. */
  endsAt?: number | undefined;
  fault?: Fault;
  /** What is there instead of an image. */
  artifact?: Artifact;
  /** What nodes are and the image is not for: `linux/arm64`. */
  platform?: string;
}>;

export type CauseCode = keyof typeof CAUSES;

// What is shown of a name: of a long one both ends, a port and the last part of a path.
const MAX_ENDPOINT = 50;
const MAX_NAME = 40;
const MAX_PLATFORMS = 80;
/** `sha256:` and what people compare digests by. */
const DIGEST_SHOWN = 19;

const DENIED = {
  outcome: 'denied',
  about: 'credentials',
  credentials: 'decide',
  believed: 'negative',
  isTransient: false,
  blamesRegistry: false,
} as const;

const NOT_FOUND = {
  outcome: 'not-found',
  faqItem: 2,
  about: 'image',
  believed: 'negative',
  isTransient: false,
  blamesRegistry: false,
  name: 'not found',
} as const;

/** It is there, and nothing that new container engines start; older ones may, or a volume may be made of it. */
const UNSUPPORTED = {
  outcome: 'unsupported',
  faqItem: null,
  about: 'image',
  credentials: 'no',
  believed: 'negative',
  isTransient: false,
  blamesRegistry: false,
} as const;

/** Nodes refuse a certificate for as long as nobody does anything. */
const CERTIFICATE = {
  outcome: 'certificate',
  faqItem: 5,
  about: 'way',
  credentials: 'no',
  believed: 'error',
  isTransient: false,
  blamesRegistry: false,
} as const;

const UNREACHABLE = {
  outcome: 'unreachable',
  faqItem: 7,
  about: 'way',
  credentials: 'no',
  believed: 'error',
  isTransient: true,
  blamesRegistry: true,
} as const;

const BROKEN = {
  outcome: 'broken',
  faqItem: null,
  about: 'registry',
  credentials: 'no',
  believed: 'error',
  isTransient: true,
  blamesRegistry: false,
  name: 'not a working registry',
  message: (context: CauseContext) => `${tellBroken(context)}: ask who runs it`,
  remedy: ({ endpoint }: CauseContext) =>
    `Tell those who run it. A registry in working order answers 200 or 401 here: curl -v https://${endpoint}/v2/`,
} as const;

/** Met on a node; no registry answers so. */
const NO_ANSWER = {
  outcome: 'node',
  credentials: 'no',
  believed: 'error',
  isTransient: true,
  blamesRegistry: false,
} as const;

export const CAUSES = {
  'credentials-missing': {
    ...DENIED,
    faqItem: 1,
    name: 'requires authentication',
    says: ['You may not login yet', 'no basic auth credentials', 'Auth is empty, only accept X-Auth-Token'],
    message: (context) =>
      `${endpointOf(context)} gives it to nobody without a user and password, ${orAbsent(context)}: name a pull secret that has them, or correct the address`,
    remedy: adviseCredentials,
  },
  'anonymous-denied': {
    ...DENIED,
    faqItem: 3,
    name: 'denied',
    says: ['pull access denied'],
    message: (context) =>
      `${endpointOf(context)} does not let just anybody pull it, ${orAbsent(context)}: name a pull secret of a user who may, or correct the address`,
    remedy: ({ reference }) => adviseRight('a user, whose pull secret the pod then names,', reference),
  },
  'credentials-refused': {
    ...DENIED,
    faqItem: 3,
    name: 'unauthorized',
    says: ['unauthorized', 'incorrect username or password'],
    message: (context) =>
      `${endpointOf(context)} refuses the user and password ${nameSecrets(context)}: ${mendSecret(context)}`,
    remedy: adviseRefused,
  },
  'access-denied': {
    ...DENIED,
    faqItem: 3,
    name: 'denied',
    says: ['requested access to the resource is denied', '403 Forbidden'],
    message: (context) =>
      `${endpointOf(context)} does not let the user ${nameSecrets(context)} pull it, ${orAbsent(context)}: give the user that right, or correct the address`,
    remedy: ({ reference }) => adviseRight('the user of the pull secret', reference),
  },
  'token-denied': {
    ...DENIED,
    faqItem: null,
    name: 'token denied',
    says: ['failed to fetch oauth token'],
    message: (context) =>
      `${endpointOf(context)}'s token service refuses the user ${nameSecrets(context)} (HTTP 403), ${orAbsent(context)}: give the user that right`,
    remedy: ({ reference }) =>
      `It is the service that gives tokens for the registry which refuses, and not the registry. ${adviseRight('the user of the pull secret', reference)}`,
  },
  'token-denied-anonymous': {
    ...DENIED,
    faqItem: null,
    name: 'token denied',
    says: ['failed to fetch anonymous token'],
    message: (context) =>
      `${endpointOf(context)}'s token service gives no token without a user and password (HTTP 403), ${orAbsent(context)}: name a pull secret, or correct the address`,
    remedy: adviseCredentials,
  },
  'access-blocked': {
    ...DENIED,
    faqItem: null,
    about: 'registry',
    credentials: 'may-help',
    name: 'refused by a rule of the registry',
    says: ['is not allowed access', 'due to configured policy', 'download blocking policy', 'quota exceeded'],
    message: (context) =>
      `${endpointOf(context)} refuses it by a rule of its own, such as a quota, a scan, a firewall or billing: ask the registry's admin`,
    remedy: ({ endpoint }) =>
      `Read what the registry says of it, and ask those who run ${endpoint} to lift the rule: it refuses although it knows the image and who asks. Rules that go by address may let nodes through.`,
  },
  'repository-not-found': {
    ...NOT_FOUND,
    // Some registries say so of a repository that the user may not see.
    credentials: 'decide',
    says: ['repository does not exist', 'NAME_UNKNOWN'],
    message: (context) =>
      `${endpointOf(context)} has no repository ${repositoryOf(context)}: correct the address, or push the image`,
    remedy: () => adviseNotFound(undefined),
  },
  'image-not-found': {
    ...NOT_FOUND,
    credentials: 'may-help',
    says: ['manifest unknown', 'not found'],
    message: (context) => `${endpointOf(context)} has no ${tellMissing(context)}, or push the image`,
    remedy: ({ reference }) => adviseNotFound(reference),
  },
  'web-page-not-found': {
    ...NOT_FOUND,
    credentials: 'may-help',
    name: 'not found, says a web page',
    says: ['404 page not found'],
    message: (context) =>
      `${endpointOf(context)} returned a web page, not a registry's error (HTTP 404): the address may not lead to the registry, or there is no ${nameMissing(context)}`,
    remedy: ({ endpoint, reference }) =>
      `Correct the address, or have all of /v2/ led to the registry: an ingress or a proxy before it may lead only a part there. Or push the image, if it is not there. What comes back: curl -v https://${endpoint}/v2/${reference.repository}/manifests/${reference.digest ?? reference.tag ?? 'latest'}`,
  },
  'schema-1': {
    ...UNSUPPORTED,
    name: 'manifest of schema 1',
    says: ['docker.distribution.manifest.v1', 'Schema 1 images have been deprecated'],
    message: (context) =>
      `${endpointOf(context)} has ${nameMissing(context)} in an old format (schema 1) that containerd 2 no longer takes: build it again, or push it again`,
    remedy: ({ reference }) => adviseConvert(reference),
  },
  'not-an-image': {
    ...UNSUPPORTED,
    name: 'not a container image',
    says: ['mismatched image rootfs and manifest layers', 'unsupported image-specific operation on artifact'],
    message: ({ artifact = 'an artifact', ...context }) =>
      `${endpointOf(context)} has ${artifact} as ${nameMissing(context)}, and not a container image: correct the address`,
    remedy: ({ artifact = 'an artifact' }) =>
      `What is there is ${artifact}, which no container can be started from. Write the address of the image instead; a Helm chart is installed with helm, and names its images in its values.`,
  },
  'unknown-ca': {
    ...CERTIFICATE,
    name: 'certificate signed by an unknown CA',
    says: ['x509: certificate signed by unknown authority'],
    message: (context) => `${certificateOf(context)} is signed by a CA that is unknown here: ${showCa(context)}`,
    remedy: ({ endpoint }) => adviseUnknownCa(endpoint),
  },
  'certificate-expired': {
    ...CERTIFICATE,
    name: 'certificate has expired or is not yet valid',
    says: ['x509: certificate has expired or is not yet valid'],
    message: (context) =>
      `${certificateOf(context)} has expired or is not yet valid: have it renewed, or put the clock right`,
    remedy: ({ endpoint }) =>
      `Have those who run ${endpoint} renew its certificate, or put the clock right where it is wrong. The dates of the certificate: openssl s_client -connect ${endpoint} < /dev/null | openssl x509 -noout -dates`,
  },
  'certificate-wrong-host': {
    ...CERTIFICATE,
    name: 'certificate is for another host',
    says: ['x509: certificate is valid for', 'x509: cannot validate certificate for'],
    message: (context) =>
      `${certificateOf(context)} is for another host: write the host that it is for, or have it name this one`,
    remedy: ({ endpoint }) =>
      `Write the address with a host that the certificate is for, or have those who run the registry put ${hostOf(endpoint)} into it. These are the hosts that it is for: openssl s_client -connect ${endpoint} < /dev/null | openssl x509 -noout -ext subjectAltName`,
  },
  'no-such-host': {
    ...UNREACHABLE,
    name: 'no such host',
    says: ['no such host', 'server misbehaving', 'Temporary failure in name resolution'],
    message: (context) => `${cannotReach(context, 'no such host')}: correct the address, or have DNS know the host`,
    remedy: ({ endpoint }) =>
      `Correct the host in the address, or have DNS know it. ${NODES_MAY_DIFFER} What DNS says of it: nslookup ${hostOf(endpoint)}`,
  },
  'no-route': {
    ...UNREACHABLE,
    name: 'no route to host',
    says: ['no route to host', 'network is unreachable'],
    message: (context) => `${cannotReach(context, 'no route to host')}: ${GIVE_A_WAY}`,
    remedy: ({ endpoint }) => `No network leads to ${endpoint}. ${OPEN_A_WAY} ${NODES_MAY_DIFFER}`,
  },
  'connection-refused': {
    ...UNREACHABLE,
    name: 'connection refused',
    says: ['connection refused'],
    message: (context) => `${cannotReach(context, 'connection refused')}: check the port, and that the registry runs`,
    remedy: ({ endpoint }) =>
      `Correct the port in the address, or have the registry started: nobody listens at ${endpoint}, or a firewall refuses. ${NODES_MAY_DIFFER}`,
  },
  'connection-reset': {
    ...UNREACHABLE,
    name: 'connection reset',
    says: ['connection reset by peer', 'EOF'],
    message: (context) => `${cannotReach(context, 'connection reset')}: ${GIVE_A_WAY}`,
    remedy: ({ endpoint }) =>
      `The connection to ${endpoint} was closed, by the registry or by a firewall on the way. ${OPEN_A_WAY} ${NODES_MAY_DIFFER}`,
  },
  timeout: {
    ...UNREACHABLE,
    name: 'timeout',
    says: ['i/o timeout', 'context deadline exceeded', 'Client.Timeout exceeded', 'TLS handshake timeout'],
    message: (context) => `${cannotReach(context, 'timeout')}: ${GIVE_A_WAY}`,
    remedy: ({ endpoint }) =>
      `Nothing came from ${endpoint} in time; a firewall on the way may let nothing through. ${OPEN_A_WAY} ${NODES_MAY_DIFFER}`,
  },
  'rate-limited': {
    outcome: 'rate-limited',
    faqItem: 8,
    about: 'registry',
    credentials: 'may-help',
    believed: 'until-reset',
    isTransient: true,
    blamesRegistry: false,
    name: 'too many requests',
    says: ['toomanyrequests', '429 Too Many Requests', 'reached your pull rate limit'],
    message: (context) =>
      `${endpointOf(context)} limits pulls ${tellEnd(context)}: push the image to SWR and pull it from there`,
    remedy: ({ endpoint }) =>
      `Push the image to SWR and pull it from there; a mirror in the policy has every pod do so. Or name a pull secret of an account with a higher limit for ${endpoint}. Requests are counted by address, so the nodes may have some left where pullguard has none, or the other way round.`,
  },
  'no-tls': {
    ...BROKEN,
    name: 'no TLS',
    says: ['http: server gave HTTP response to HTTPS client'],
    message: (context) => `${tellBroken(context)}: check the port, or have plain HTTP allowed`,
    remedy: ({ endpoint }) =>
      `Correct the port in the address, or have the registry speak HTTPS. One that is to speak plain HTTP has to be allowed on each node, in the settings of its container engine, and in the policy (probe.plainHttp). Whether it does: curl -v http://${endpoint}/v2/`,
  },
  'server-error': {
    ...BROKEN,
    // Who has made some images that are no images must not have all others be told that the registry does not work.
    blamesRegistry: true,
    says: ['500 Internal Server Error', '502 Bad Gateway', '503 Service Unavailable'],
  },
  'web-page': {
    ...BROKEN,
    credentials: 'may-help',
    name: 'a web page',
    says: ["invalid character '<' looking for beginning of value", 'text/html'],
    message: (context) =>
      `${endpointOf(context)} does not answer as a registry (${tellFault(context)}): check the address, and what is before it (proxy, firewall, login page)`,
    remedy: ({ endpoint }) =>
      `Something else answers in place of the registry: a proxy, a firewall (WAF), the page of a login, or a web server. Correct the address, or have requests to /v2/ let through to the registry, from the nodes as well. What comes back: curl -v https://${endpoint}/v2/`,
  },
  'broken-registry': { ...BROKEN, says: ['unexpected status', 'unexpected media type'] },
  'image-too-large': {
    ...NO_ANSWER,
    faqItem: 6,
    about: 'image',
    name: 'image too large',
    says: ['context canceled'],
    message: ({ reference }) => `${repositoryOf({ reference })} is too large to be pulled in time: make it smaller`,
    remedy: ({ reference }) =>
      `Make the image smaller. Or pull it on each node before it is needed, with ${pullByHand(reference)}, and set imagePullPolicy: IfNotPresent, so that the pod starts with what is there. Or give pulls more time: image-pull-progress-timeout in the configuration of the node pool.`,
  },
  'disk-full': {
    ...NO_ANSWER,
    faqItem: 4,
    about: 'node',
    name: 'no space left on device',
    says: ['no space left on device'],
    message: () => 'the node has no space for it: clear images (crictl rmi) or expand the disk',
    remedy: () => LEAVE_OR_EXPAND,
  },
  'platform-missing': {
    ...NOT_FOUND,
    faqItem: null,
    credentials: 'no',
    name: 'no image for this platform',
    says: ['no match for platform in manifest', 'exec format error'],
    message: ({ platform = NODES_PLATFORM, ...context }) =>
      `${endpointOf(context)} has no image for ${shortenMiddle(platform, MAX_PLATFORMS)} in ${repositoryOf(context)}: push it for that as well`,
    remedy: ({ platform = NODES_PLATFORM }) =>
      `Push the image for ${platform} as well (docker buildx build --platform), or select nodes of a platform that it has, with nodeSelector kubernetes.io/arch.`,
  },
} as const satisfies Record<string, Cause>;

/** A cause as an entry of the table, whichever it is. */
export function causeOf(code: CauseCode): Cause {
  return CAUSES[code];
}

const NODES_PLATFORM = 'the platform of the nodes';

const GIVE_A_WAY = 'give the nodes a way there, such as a public IP (EIP), or push the image to SWR';

function endpointOf({ endpoint }: CauseContext): string {
  return shortenMiddle(endpoint, MAX_ENDPOINT);
}

function repositoryOf({ reference }: Pick<CauseContext, 'reference'>): string {
  return shortenMiddle(reference.repository, MAX_NAME);
}

/** Registries do not let on that a repository exists to those who may not see it, so to be denied may mean either. */
function orAbsent(context: CauseContext): string {
  return `or there is no ${repositoryOf(context)}`;
}

function nameSecrets({ secrets }: CauseContext): string {
  if (secrets.length === 0) return 'it was given';
  return `of pull secret${secrets.length === 1 ? '' : 's'} ${quoteFirst(secrets, 1, MAX_NAME)}`;
}

function mendSecret({ secrets }: CauseContext): string {
  if (secrets.length !== 1) return 'give it the right ones';
  return secrets[0] === CCE_SECRET
    ? 'wait until CCE has renewed it, or name one of your own'
    : 'make it again with the right ones';
}

function tellMissing(context: CauseContext): string {
  const { tag, digest } = context.reference;
  const advice = tag === undefined ? 'name one that is there' : 'correct the tag';
  return `${nameMissing(context)}: ${digest === undefined ? advice : 'correct the digest'}`;
}

function nameMissing(context: CauseContext): string {
  const { tag, digest } = context.reference;
  const where = repositoryOf(context);
  return digest === undefined
    ? `tag ${quote(tag ?? 'latest', MAX_NAME)} in ${where}`
    : `image ${digest.slice(0, DIGEST_SHOWN)}… in ${where}`;
}

function certificateOf(context: CauseContext): string {
  return `the certificate of ${endpointOf(context)}`;
}

/** A command that is cut is worse than none. */
function showCa(context: CauseContext): string {
  const endpoint = endpointOf(context);
  const command = endpoint === context.endpoint ? ` (openssl s_client -showcerts -connect ${endpoint})` : '';
  return `add the CA on each node${command}`;
}

function cannotReach(context: CauseContext, why: string): string {
  return `pullguard cannot reach ${endpointOf(context)} (${why})`;
}

function tellBroken({ fault, ...context }: CauseContext): string {
  const what = fault === undefined ? '' : ` (${describeFault(fault)})`;
  return `${endpointOf(context)} does not work as a registry should${what}`;
}

function tellFault({ fault = { what: 'web-page' } }: CauseContext): string {
  return describeFault(fault);
}

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 24 * 60 * MS_PER_MINUTE;

/** `until 14:05Z` within a day, `until 2026-06-02T14:05Z` later, and just `now` when it says nothing that makes sense. */
function tellEnd({ endsAt = NaN, now = -Infinity }: CauseContext): string {
  const end = new Date(Math.ceil(endsAt / MS_PER_MINUTE) * MS_PER_MINUTE);
  if (Number.isNaN(end.getTime()) || endsAt <= now || end.getUTCFullYear() > 9999) return 'now';
  const text = formatMinute(end);
  return `until ${endsAt - now < MS_PER_DAY ? text.slice(text.indexOf('T') + 1) : text}`;
}
