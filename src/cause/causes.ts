import type { Artifact } from '../image/not-an-image.ts';
import { CCE_SECRET, looksLikeSwr } from '../image/known-registries.ts';
import type { ImageReference } from '../image/reference.ts';
import { quoteFirst } from '../text/list.ts';
import { quote, shortenMiddle } from '../text/quote.ts';
import { formatNear } from '../text/time.ts';
import {
  adviseAccess,
  adviseConvert,
  adviseCredentials,
  adviseNotFound,
  adviseRefused,
  adviseUnknownCa,
  hostOf,
  LEAVE_OR_EXPAND,
  nameImage,
  NODES_MAY_DIFFER,
  OPEN_A_WAY,
  pullByHand,
} from './remedies.ts';

/**
 * Why a pull fails: Table 1 of the FAQ as code, with the causes that it lacks. It also decides how long an answer is cached,
 * whether a registry is skipped, and what is reported. To add a cause, add an entry here and a section in docs/causes.md.
 */
export type Cause = Readonly<{
  /** The outcome for JSON and metrics, which several causes share. */
  outcome: Outcome;
  /** The check item of the FAQ whose remedy helps; null if none does. */
  faqItem: FaqItem | null;
  /** What has to change: the image, the credentials, the way to the registry, the registry itself, or the node. */
  about: 'image' | 'credentials' | 'way' | 'registry' | 'node';
  /**
   * Whether other credentials may change the result. `decide`: the image may be pullable with others, so the result is unknown
   * while some credentials are. `may-help`: the result may be different with others. `no`: it is the same for all users.
   */
  credentials: 'decide' | 'may-help' | 'no';
  /** How long such an answer is cached: as the policy says for denials or for errors, or until the rate limit ends. */
  believed: 'negative' | 'error' | 'until-reset';
  /** Whether it is temporary, so that an earlier successful answer stays valid. */
  isTransient?: true;
  /** Whether the whole registry fails, so that it is skipped after several of these. */
  blamesRegistry?: true;
  /** A short name, in kubelet's words if it has some: `connection refused`. */
  name: string;
  /** What kubelet, containerd, CRI-O and Docker write for it: the decisive part of their event. */
  says: readonly string[];
  /**
   * What is wrong (the runtime's own words): what to do. One line without a full stop; at most 170 characters with names of usual
   * length, and always at most 256.
   */
  message: (context: CauseContext) => string;
  /**
   * All steps of the FAQ: sentences in one line. Commands follow a colon and contain the real host and port. After a command
   * there is no full stop, as it would be copied with it, and no other sentence.
   */
  remedy: (context: CauseContext) => string;
}>;

export type Outcome =
  'denied' | 'not-found' | 'unsupported' | 'certificate' | 'unreachable' | 'rate-limited' | 'broken' | 'node';

/** The eight check items of the FAQ. */
export type FaqItem = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** The context of a cause. */
export type CauseContext = Readonly<{
  /** Host and port that were asked, `registry.example.com:443`. */
  endpoint: string;
  reference: ImageReference;
  /** Names of the pull secrets that were used; empty if unknown. */
  secrets: readonly string[];
  /** The pull secret that the policy has for such images, for use if their own are unknown. */
  usualSecret?: string | undefined;
  /** Milliseconds since 1970; undefined if no time is known. */
  now: number | undefined;
  /** When a rate limit ends. Milliseconds since 1970. */
  endsAt?: number | undefined;
  fault?: Fault;
  /** The kind of artifact that is there instead of an image. */
  artifact?: Artifact;
  /** The platform of the nodes that the image is not for: `linux/arm64`. */
  platform?: string;
}>;

export type CauseCode = keyof typeof CAUSES;

// Most characters shown; a longer name is shortened in the middle, as its port and the last part of its path identify it.
const MAX_ENDPOINT = 50;
const MAX_NAME = 40;
const MAX_PLATFORMS = 50;
const MAX_IMAGE = 120;
/** `sha256:` and the digits by which people compare digests. */
const DIGEST_SHOWN = 19;

const DENIED = {
  outcome: 'denied',
  about: 'credentials',
  credentials: 'decide',
  believed: 'negative',
} as const;

const NOT_FOUND = {
  outcome: 'not-found',
  faqItem: 2,
  about: 'image',
  believed: 'negative',
  name: 'not found',
} as const;

/** The registry has it, but current container engines cannot start it; older ones may, or a volume may use it. */
const UNSUPPORTED = {
  outcome: 'unsupported',
  faqItem: null,
  about: 'image',
  credentials: 'no',
  believed: 'negative',
} as const;

/** Nodes refuse a certificate until it is replaced or trusted. */
const CERTIFICATE = {
  outcome: 'certificate',
  faqItem: 5,
  about: 'way',
  credentials: 'no',
  believed: 'error',
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
  name: 'invalid response',
  message: (context: CauseContext) => `${sayBroken(context)}: try again, or contact the registry's admin`,
  remedy: ({ endpoint }: CauseContext) =>
    `Try again, or contact the admin of the registry. A working registry returns 200 or 401 here: curl -v https://${endpoint}/v2/`,
} as const;

/** Failures on nodes. No registry returns them, so they are never cached. */
const ON_NODE = {
  outcome: 'node',
  faqItem: null,
  about: 'node',
  credentials: 'no',
  believed: 'error',
} as const;

export const CAUSES = {
  'credentials-missing': {
    ...DENIED,
    faqItem: 1,
    name: 'requires authentication',
    says: ['You may not login yet', 'no basic auth credentials', 'Auth is empty, only accept X-Auth-Token'],
    message: (context) =>
      `${endpointOf(context)} requires authentication for ${repositoryOf(context)}, or it does not exist (unauthorized): ${addSecret(context)}, or fix the image`,
    remedy: adviseCredentials,
  },
  'anonymous-denied': {
    ...DENIED,
    faqItem: 3,
    name: 'denied',
    says: ['pull access denied'],
    message: (context) =>
      `${endpointOf(context)} denies anonymous pulls of ${repositoryOf(context)}, or it does not exist (pull access denied): ${addSecret(context)}, or fix the image`,
    remedy: ({ reference }) => `Add a pull secret of a user with pull access. ${adviseAccess('that user', reference)}`,
  },
  'credentials-refused': {
    ...DENIED,
    faqItem: 3,
    name: 'unauthorized',
    says: ['unauthorized', 'incorrect username or password'],
    message: (context) =>
      `${endpointOf(context)} refused the credentials${ofSecrets(context)} (unauthorized): ${fixSecret(context)}`,
    remedy: adviseRefused,
  },
  'access-denied': {
    ...DENIED,
    faqItem: 3,
    name: 'denied',
    says: ['requested access to the resource is denied', '403 Forbidden'],
    message: (context) =>
      `${endpointOf(context)} denies ${repositoryOf(context)} to the user${ofSecrets(context)}, or it does not exist (denied): grant the user pull access, or fix the image`,
    remedy: ({ reference }) => adviseAccess('the user of the pull secret', reference),
  },
  'token-denied': {
    ...DENIED,
    faqItem: 3,
    name: 'token denied',
    says: ['failed to fetch oauth token'],
    message: (context) =>
      `token service of ${endpointOf(context)} denied the user${ofSecrets(context)} (failed to fetch oauth token): grant the user access to ${repositoryOf(context)}`,
    remedy: ({ reference }) =>
      `The token service of the registry denied the request, not the registry itself. ${adviseAccess('the user of the pull secret', reference)}`,
  },
  'token-denied-anonymous': {
    ...DENIED,
    faqItem: 1,
    name: 'token denied',
    says: ['failed to fetch anonymous token'],
    message: (context) =>
      `token service of ${endpointOf(context)} requires authentication (failed to fetch anonymous token: 403 Forbidden): ${addSecret(context)}, or fix the image`,
    remedy: adviseCredentials,
  },
  'access-blocked': {
    ...DENIED,
    faqItem: null,
    about: 'registry',
    credentials: 'may-help',
    name: 'blocked by a policy of the registry',
    says: [
      'is not allowed access',
      'due to configured policy',
      'download blocking policy',
      'quota exceeded',
      '412 Precondition Failed',
    ],
    message: (context) =>
      `${endpointOf(context)} blocks this image by its own policy, such as a quota, a scan or a firewall (denied): contact the registry's admin`,
    remedy: ({ endpoint }) =>
      `Read the error of the registry, and ask the admin of ${endpoint} to change the policy: the image and the user are right, but the registry blocks the pull. If the policy depends on IP addresses, nodes may still be allowed.`,
  },
  'repository-not-found': {
    ...NOT_FOUND,
    // Some registries return this for a repository that the user may not see.
    credentials: 'decide',
    says: ['repository does not exist', 'NAME_UNKNOWN'],
    message: (context) =>
      `${endpointOf(context)} has no repository ${repositoryOf(context)} (NAME_UNKNOWN): fix the image, or push it`,
    remedy: () => adviseNotFound(undefined),
  },
  'image-not-found': {
    ...NOT_FOUND,
    credentials: 'may-help',
    says: ['manifest unknown', 'not found'],
    message: (context) =>
      `${endpointOf(context)} has no ${nameMissing(context)} (manifest unknown): ${fixMissing(context)}, or push the image`,
    remedy: ({ reference }) => adviseNotFound(reference),
  },
  'web-page-not-found': {
    ...NOT_FOUND,
    credentials: 'may-help',
    name: 'not found (web page)',
    says: ['404 page not found'],
    message: (context) =>
      `${endpointOf(context)} returned a web page (404 page not found), so it may not be a registry, or has no ${nameMissing(context)}: fix the image, or push it`,
    remedy: ({ endpoint, reference }) =>
      `Fix the registry in the image, or route all of /v2/ to the registry: an ingress or a proxy may route only part of it. If the registry does not have the image, push it. To see the response: curl -v https://${endpoint}/v2/${reference.repository}/manifests/${reference.digest ?? reference.tag ?? 'latest'}`,
  },
  'schema-1': {
    ...UNSUPPORTED,
    name: 'schema 1 manifest',
    says: ['docker.distribution.manifest.v1', 'Schema 1 images have been deprecated'],
    message: (context) =>
      `${endpointOf(context)} has ${nameMissing(context)} as a schema 1 manifest, which containerd 2 cannot pull: rebuild the image and push it`,
    remedy: ({ reference }) => adviseConvert(reference),
  },
  'not-an-image': {
    ...UNSUPPORTED,
    name: 'not a container image',
    says: ['mismatched image rootfs and manifest layers', 'unsupported image-specific operation on artifact'],
    message: ({ artifact = 'an artifact', ...context }) =>
      `${nameMissing(context)} on ${endpointOf(context)} is ${artifact}, not a container image: fix the image`,
    remedy: ({ artifact = 'an artifact' }) =>
      `Use the reference of a container image; no container can be started from ${artifact}. A Helm chart is installed with helm, and lists its images in its values.`,
  },
  'unknown-ca': {
    ...CERTIFICATE,
    name: 'unknown CA',
    says: ['x509: certificate signed by unknown authority'],
    message: (context) =>
      `certificate of ${endpointOf(context)} has an unknown CA (x509: certificate signed by unknown authority): add the CA on each node`,
    remedy: ({ endpoint }) => adviseUnknownCa(endpoint),
  },
  'certificate-expired': {
    ...CERTIFICATE,
    name: 'certificate has expired or is not yet valid',
    says: ['x509: certificate has expired or is not yet valid'],
    message: (context) =>
      `certificate of ${endpointOf(context)} cannot be used (x509: certificate has expired or is not yet valid): renew it, or fix the clock`,
    remedy: ({ endpoint }) =>
      `Ask the admin of ${endpoint} to renew its certificate, or fix the clock if it is wrong. To see the dates of the certificate: openssl s_client -connect ${endpoint} < /dev/null | openssl x509 -noout -dates`,
  },
  'certificate-wrong-host': {
    ...CERTIFICATE,
    name: 'certificate is for another host',
    says: ['x509: certificate is valid for', 'x509: cannot validate certificate for'],
    message: (context) =>
      `certificate of ${endpointOf(context)} is for another host (x509: certificate is valid for other names): use a host in the certificate, or reissue it`,
    remedy: ({ endpoint }) =>
      `Use a host that the certificate is valid for, or ask the admin of the registry to add ${hostOf(endpoint)} to it. To see the hosts of the certificate: openssl s_client -connect ${endpoint} < /dev/null | openssl x509 -noout -ext subjectAltName`,
  },
  'no-such-host': {
    ...UNREACHABLE,
    // As in Table 1 of the FAQ: if DNS does not know the registry, the image is probably wrong.
    faqItem: 2,
    name: 'no such host',
    says: ['no such host'],
    message: (context) =>
      `${endpointOf(context)} does not resolve (no such host): fix the registry name, or add it to DNS`,
    remedy: ({ endpoint }) =>
      `Fix the registry name in the image, or add it to DNS. ${NODES_MAY_DIFFER} To resolve it: nslookup ${hostOf(endpoint)}`,
  },
  'no-route': {
    ...UNREACHABLE,
    name: 'no route to host',
    says: ['no route to host', 'network is unreachable'],
    message: (context) => `${unreachable(context, 'no route to host')}: ${OPEN_A_ROUTE}`,
    remedy: ({ endpoint }) => `There is no route to ${endpoint}. ${OPEN_A_WAY} ${NODES_MAY_DIFFER}`,
  },
  'connection-refused': {
    ...UNREACHABLE,
    name: 'connection refused',
    says: ['connection refused'],
    message: (context) =>
      `${unreachable(context, 'connection refused')}: check the port, and that the registry is running`,
    remedy: ({ endpoint }) =>
      `Fix the port in the image, or start the registry: no server listens at ${endpoint}, or a firewall rejects the connection. ${NODES_MAY_DIFFER}`,
  },
  'connection-reset': {
    ...UNREACHABLE,
    name: 'connection reset',
    says: ['connection reset by peer', 'EOF'],
    message: (context) => `${unreachable(context, 'connection reset by peer')}: ${OPEN_A_ROUTE}`,
    remedy: ({ endpoint }) =>
      `The connection to ${endpoint} was closed by the registry, or by a firewall in between. ${OPEN_A_WAY} ${NODES_MAY_DIFFER}`,
  },
  timeout: {
    ...UNREACHABLE,
    name: 'timeout',
    says: ['i/o timeout', 'context deadline exceeded', 'Client.Timeout exceeded', 'TLS handshake timeout'],
    message: (context) => `${unreachable(context, 'i/o timeout')}: ${OPEN_A_ROUTE}`,
    remedy: ({ endpoint }) =>
      `No response came from ${endpoint} in time; a firewall may drop the packets. ${OPEN_A_WAY} ${NODES_MAY_DIFFER}`,
  },
  'rate-limited': {
    outcome: 'rate-limited',
    faqItem: 8,
    about: 'registry',
    credentials: 'may-help',
    believed: 'until-reset',
    isTransient: true,
    name: 'rate-limited',
    says: ['toomanyrequests', '429 Too Many Requests', 'reached your pull rate limit'],
    message: (context) =>
      `${endpointOf(context)} is rate-limiting pulls${sayEnd(context)} (toomanyrequests): pull from a mirror, or push the image to SWR`,
    remedy: ({ endpoint }) =>
      `Pull from a mirror, which the policy of pullguard can set for all Pods, or push the image to SWR and pull it from there. Or use a pull secret of an account with a higher limit for ${endpoint}. Anonymous pulls are counted per IP address, so nodes may reach the limit earlier or later than pullguard.`,
  },
  'no-tls': {
    ...BROKEN,
    name: 'no TLS',
    says: ['http: server gave HTTP response to HTTPS client'],
    message: (context) =>
      `${endpointOf(context)} does not speak TLS (http: server gave HTTP response to HTTPS client): fix the port, or allow plain HTTP`,
    remedy: ({ endpoint }) =>
      `Fix the port in the image, or configure HTTPS on the registry. To use plain HTTP, allow it on each node in the configuration of the container engine, and in the policy (probe.plainHttp). To see whether the registry uses it: curl -v http://${endpoint}/v2/`,
  },
  'server-error': {
    ...BROKEN,
    // Only this one: a few artifacts that are not images must not make the registry count as broken for all others.
    blamesRegistry: true,
    says: ['500 Internal Server Error', '502 Bad Gateway', '503 Service Unavailable'],
  },
  'web-page': {
    ...BROKEN,
    credentials: 'may-help',
    name: 'a web page',
    says: ["invalid character '<' looking for beginning of value", 'text/html'],
    message: (context) =>
      `${endpointOf(context)} returned a web page, not a registry response (${sayFault(context)}): check the registry name, and any proxy, firewall or login page`,
    remedy: ({ endpoint }) =>
      `Another server answers instead of the registry: a proxy, a firewall (WAF), a login page or a web server. Fix the registry name in the image, or route requests to /v2/ to the registry, from the nodes as well. To see the response: curl -v https://${endpoint}/v2/`,
  },
  'broken-registry': { ...BROKEN, says: ['unexpected status', 'unexpected media type'] },
  'image-too-large': {
    ...ON_NODE,
    faqItem: 6,
    about: 'image',
    name: 'image too large',
    says: ['context canceled'],
    message: (context) =>
      `${repositoryOf(context)} is too large to pull in time (context canceled): make the image smaller`,
    remedy: ({ reference }) =>
      `Make the image smaller. Or pull it on each node in advance, with ${pullByHand(reference)}, and set imagePullPolicy: IfNotPresent, so that the Pod starts with the image on the node. Or allow pulls more time: image-pull-progress-timeout in the configuration of the node pool.`,
  },
  'disk-full': {
    ...ON_NODE,
    faqItem: 4,
    name: 'no space left on device',
    says: ['no space left on device'],
    message: () =>
      'node has no space for the image (no space left on device): remove unused images (crictl rmi), or expand the disk',
    remedy: () => LEAVE_OR_EXPAND,
  },
  'platform-missing': {
    ...NOT_FOUND,
    faqItem: null,
    credentials: 'no',
    name: 'no image for this platform',
    says: ['no match for platform in manifest', 'exec format error'],
    message: ({ platform = NODES_PLATFORM, ...context }) =>
      `${endpointOf(context)} has no image for ${shortenMiddle(platform, MAX_PLATFORMS)} in ${repositoryOf(context)} (no match for platform in manifest): push it for that platform too`,
    remedy: ({ platform = NODES_PLATFORM }) =>
      `Push the image for ${platform} too (docker buildx build --platform), or run the Pod on nodes of a platform that the image has, with nodeSelector kubernetes.io/arch.`,
  },
  // The following causes only occur on nodes, which report them in events.
  'reference-invalid': {
    ...ON_NODE,
    faqItem: 2,
    about: 'image',
    name: 'invalid image reference',
    says: ['InvalidImageName', 'invalid reference format', "couldn't parse image name"],
    message: () => 'the image reference is invalid (InvalidImageName): fix the image',
    remedy: () =>
      'Fix the image of the container: no container engine can parse it. What is wrong with it, and what was probably meant: pullguard image IMAGE',
  },
  'short-name': {
    ...ON_NODE,
    faqItem: 2,
    about: 'image',
    name: 'image without a registry',
    says: ['did not resolve to an alias', 'short name mode is enforcing'],
    message: (context) =>
      `CRI-O cannot resolve the short name ${repositoryOf(context)} (did not resolve to an alias): add the registry to the image`,
    remedy: ({ reference }) =>
      `Add the registry to the image, such as ${shortenMiddle(`docker.io/${reference.repository}`, MAX_IMAGE)}. Or list the registries to search on each node, as unqualified-search-registries in /etc/containers/registries.conf.`,
  },
  'pull-secret-missing': {
    ...ON_NODE,
    faqItem: 3,
    about: 'credentials',
    name: 'pull secret not found',
    says: ['Unable to retrieve some image pull secrets', 'FailedToRetrieveImagePullSecret'],
    message: (context) =>
      `a pull secret of the Pod is not in its namespace (FailedToRetrieveImagePullSecret), so ${repositoryOf(context)} may be pulled anonymously: create it, or fix its name`,
    remedy: (context) =>
      `Create the Secret in the namespace of the Pod, or fix its name in imagePullSecrets. Secrets of other namespaces are not used. ${adviseCredentials(context)}`,
  },
  'pull-secret-malformed': {
    ...ON_NODE,
    faqItem: 3,
    about: 'credentials',
    name: 'malformed credentials',
    says: ['illegal base64 data', 'invalid decoded auth'],
    message: () =>
      'the credentials in the pull secret cannot be decoded (illegal base64 data): recreate the pull secret',
    remedy: adviseRefused,
  },
  'never-pull': {
    ...ON_NODE,
    about: 'image',
    name: 'not on the node, and never pulled',
    says: ['is not present with pull policy of Never', 'ErrImageNeverPull'],
    message: (context) =>
      `${repositoryOf(context)} is not on the node and imagePullPolicy is Never (ErrImageNeverPull): set IfNotPresent`,
    remedy: ({ reference }) =>
      `Set imagePullPolicy: IfNotPresent, so that the node pulls the image. Or load it onto each node first, with ${pullByHand(reference)}. Recent versions of kubelet report the same if the image is on the node, but the Pod has no credentials for it.`,
  },
  'pull-qps': {
    ...ON_NODE,
    name: "kubelet's own pull limit",
    says: ['pull QPS exceeded'],
    message: () => 'kubelet has reached its own limit of pulls per second (pull QPS exceeded): wait, it retries',
    remedy: () =>
      'Wait: kubelet retries within minutes, and no registry was asked. If it happens often, raise registryPullQPS and registryBurst in the configuration of kubelet.',
  },
  'image-gone': {
    ...ON_NODE,
    name: 'image is no longer on the node',
    says: ['No such image', 'image not known', 'failed to get image from containerd'],
    message: (context) =>
      `${repositoryOf(context)} was pulled, but is no longer on the node or cannot be read (No such image): pull it again on the node`,
    remedy: ({ reference }) =>
      `Delete the Pod, so that its image is pulled again. If it fails again, remove the image on the node with crictl rmi, and pull it with ${pullByHand(reference)}. Cleanup jobs that remove images without kubelet cause this.`,
  },
  'layer-missing': {
    ...ON_NODE,
    about: 'registry',
    name: 'part of the image is missing',
    says: ['could not fetch content descriptor', 'blob unknown'],
    message: (context) =>
      `the registry has the manifest of ${repositoryOf(context)}, but not all of its layers (not found): push the image again`,
    remedy: ({ reference }) =>
      `Push the image again with all of its layers: the registry has its manifest, but a layer or the manifest of a platform is missing, as after a garbage collection or an incomplete copy. To copy all of it: skopeo copy --all docker://SOURCE docker://${nameImage(reference)}`,
  },
  'layer-corrupt': {
    ...ON_NODE,
    about: 'registry',
    name: 'corrupt layer',
    says: [
      'failed size validation',
      'unexpected commit digest',
      'filesystem layer verification failed',
      'invalid tar header',
    ],
    message: (context) =>
      `a layer of ${repositoryOf(context)} is corrupt when it arrives (other size or digest): pull it again, and push it again if that fails too`,
    remedy: ({ reference }) =>
      `Pull the image on another node, with ${pullByHand(reference)}. If that works, a proxy, a mirror or the disk of the first node damages the download. If it fails as well, build the image and push it again.`,
  },
  'layer-unsupported': {
    ...ON_NODE,
    about: 'image',
    name: 'unsupported layer',
    says: ['no processor for media-type', 'missing private key needed for decryption', 'unsupported compression'],
    message: (context) =>
      `the node cannot read a layer of ${repositoryOf(context)} (unsupported compression, media type or encryption): push it with gzip layers`,
    remedy: ({ reference }) =>
      `Push the image with layers that the container engine of the node can read: zstd needs containerd 1.5 or CRI-O 1.20, and an encrypted layer needs its key on the node. To convert it: skopeo copy --dest-compress-format gzip --dest-force-compress-format docker://${nameImage(reference)} docker://${nameImage(reference)}`,
  },
  'unpack-failed': {
    ...ON_NODE,
    name: 'node cannot unpack the image',
    says: ['failed to extract layer', 'failed to register layer', 'failed to unpack image on snapshotter'],
    message: (context) =>
      `the node pulled ${repositoryOf(context)}, but cannot unpack it (failed to extract layer): check the log of the container engine`,
    remedy: ({ reference }) =>
      `Pull the image on another node, with ${pullByHand(reference)}. If that works, look at the file system and the container engine of this node: journalctl -u containerd`,
  },
  'disk-unwritable': {
    ...ON_NODE,
    name: 'disk of the node cannot be written',
    says: ['read-only file system', 'input/output error'],
    message: () => 'the node cannot write to its disk (read-only file system, input/output error): drain and repair it',
    remedy: () =>
      'Drain the node, and repair or replace its disk: Linux makes a file system read-only when it is damaged. To see the errors: dmesg --level=err,warn',
  },
  'signature-refused': {
    ...ON_NODE,
    about: 'image',
    name: 'signature refused',
    says: ['SignatureValidationFailed', 'Source image rejected', 'A signature was required, but no signature exists'],
    message: (context) =>
      `the node rejects ${repositoryOf(context)}, as its signature is missing or not accepted (SignatureValidationFailed): sign the image`,
    remedy: () =>
      'Sign the image with a key that the nodes accept, or ask the admin of the nodes to change their policy: /etc/containers/policy.json for CRI-O, the image verifiers in the configuration of containerd.',
  },
  'registry-blocked': {
    ...ON_NODE,
    name: 'registry blocked on the node',
    says: ['is blocked in', 'rejected by policy'],
    message: (context) =>
      `the node is configured not to pull ${repositoryOf(context)} from its registry (is blocked in registries.conf): use an allowed registry`,
    remedy: () =>
      'Use an image from a registry that the nodes allow, or ask their admin to allow this one: blocked in /etc/containers/registries.conf, /etc/containers/policy.json, or allowedRegistries of OpenShift.',
  },
  'registry-unavailable': {
    ...ON_NODE,
    faqItem: 7,
    about: 'registry',
    name: 'registry unavailable',
    says: ['RegistryUnavailable', 'because the registry is unavailable'],
    message: (context) =>
      `${endpointOf(context)} cannot be reached or fails (RegistryUnavailable): check the registry, and the route of the nodes to it`,
    remedy: ({ endpoint }) => `Check on the node whether the registry answers: curl -v https://${endpoint}/v2/`,
  },
  'certificate-unusable': {
    ...ON_NODE,
    faqItem: 5,
    about: 'way',
    name: 'certificate rejected',
    says: ['x509: cannot verify signature: insecure algorithm', 'x509: unhandled critical extension'],
    message: (context) =>
      `the node rejects the certificate of ${endpointOf(context)} (x509): ask the registry's admin to replace it`,
    remedy: ({ endpoint }) =>
      `Ask the registry's admin to replace the certificate: it is outdated or malformed, such as signed with SHA-1, and trusting its CA does not help. To see it: openssl s_client -showcerts -connect ${endpoint} < /dev/null`,
  },
  'tls-failed': {
    ...ON_NODE,
    about: 'way',
    name: 'TLS handshake failed',
    says: ['remote error: tls: handshake failure', 'tls: protocol version not supported'],
    message: (context) =>
      `TLS handshake of the node with ${endpointOf(context)} failed (tls: handshake failure): check its TLS versions, and whether it requires a client certificate`,
    remedy: ({ endpoint }) =>
      `Ask the registry's admin to enable TLS 1.2 or later with current ciphers. If it requires a client certificate, add one on each node, under /etc/containerd/certs.d or /etc/docker/certs.d. To see what the registry offers: openssl s_client -connect ${endpoint} < /dev/null`,
  },
  'tls-required': {
    ...ON_NODE,
    about: 'way',
    name: 'plain HTTP to an HTTPS port',
    says: ['Client sent an HTTP request to an HTTPS server', 'malformed HTTP response'],
    message: (context) =>
      `the node uses plain HTTP for ${endpointOf(context)}, which accepts only HTTPS (HTTP request to an HTTPS server): remove the plain HTTP setting`,
    remedy: () =>
      'Remove the registry from the insecure registries of the container engine, or write https:// for it: hosts.toml or config.toml of containerd, insecure in /etc/containers/registries.conf, insecure-registries in daemon.json of Docker.',
  },
  'proxy-failed': {
    ...ON_NODE,
    faqItem: 7,
    about: 'way',
    name: 'HTTP proxy of the node fails',
    says: ['proxyconnect tcp', 'Proxy Authentication Required'],
    message: (context) =>
      `the HTTP proxy of the container engine fails (proxyconnect), so ${repositoryOf(context)} is not pulled: fix HTTPS_PROXY on the node`,
    remedy: () =>
      'Fix HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the container engine on the node, written as http://HOST:PORT, and restart it. Add registries of your own network to NO_PROXY. To see the settings: systemctl show --property=Environment containerd docker crio',
  },
  'dns-failed': {
    ...ON_NODE,
    faqItem: 7,
    about: 'way',
    name: 'DNS does not answer',
    says: ['server misbehaving', 'Temporary failure in name resolution'],
    message: (context) =>
      `DNS of the node does not answer for ${endpointOf(context)} (server misbehaving): fix the DNS of the node, or the route to it`,
    remedy: ({ endpoint }) =>
      `Fix the DNS servers of the node (/etc/resolv.conf), or the route to them: nodes do not use CoreDNS. To try it on the node: nslookup ${hostOf(endpoint)}`,
  },
  'runtime-down': {
    ...ON_NODE,
    name: 'container engine does not answer',
    says: ['Cannot connect to the Docker daemon', 'transport: Error while dialing', 'transport is closing'],
    message: () => 'the container engine of the node does not answer: restart it on the node',
    remedy: () =>
      'Look at the container engine on the node, and restart it: systemctl status containerd docker crio; systemctl restart containerd # or docker, or crio.',
  },
  'sandbox-failed': {
    ...ON_NODE,
    name: 'sandbox of the Pod not created',
    says: ['Failed to create pod sandbox', 'failed to setup network for sandbox'],
    message: () =>
      'the node cannot create the sandbox of the Pod (Failed to create pod sandbox), which comes before its images: see the end of the event',
    remedy: () =>
      'No image has been pulled yet: the sandbox of the Pod comes first. Read the end of the event; often the network plugin is not ready, or the container engine is overloaded.',
  },
  'back-off': {
    ...ON_NODE,
    about: 'image',
    name: 'waiting after a failed pull',
    says: ['Back-off pulling image', 'ErrImagePull', 'ImagePullBackOff'],
    message: (context) =>
      `${repositoryOf(context)} failed to pull, and kubelet waits to retry (ImagePullBackOff): see the earlier event "Failed to pull image"`,
    remedy: () =>
      'The reason is in an event before this one, which Kubernetes keeps for an hour. If it is gone, delete the Pod, and read the events of the new one: kubectl -n NAMESPACE describe pod POD',
  },
} as const satisfies Record<string, Cause>;

/** The entry of a cause, typed as `Cause`. */
export function causeOf(code: CauseCode): Cause {
  return CAUSES[code];
}

const NODES_PLATFORM = 'the platform of the nodes';

const OPEN_A_ROUTE = 'give the nodes a route there (EIP or NAT gateway), or push the image to SWR';

/** As in images: without the default port. */
function endpointOf({ endpoint }: CauseContext): string {
  return shortenMiddle(endpoint.replace(/:443$/, ''), MAX_ENDPOINT);
}

function repositoryOf({ reference }: CauseContext): string {
  return shortenMiddle(reference.repository, MAX_NAME);
}

/** Advice to add the pull secret for the registry, if it is known and was not used. */
function addSecret({ reference, secrets, usualSecret }: CauseContext): string {
  const known = usualSecret ?? (looksLikeSwr(reference.registry) ? CCE_SECRET : undefined);
  return known === undefined || secrets.includes(known)
    ? 'add a pull secret for this registry'
    : `add pull secret ${quote(known, MAX_NAME)}`;
}

function ofSecrets({ secrets }: CauseContext): string {
  return secrets.length === 0
    ? ''
    : ` of pull secret${secrets.length === 1 ? '' : 's'} ${quoteFirst(secrets, 1, MAX_NAME)}`;
}

function fixSecret({ secrets }: CauseContext): string {
  if (secrets.length !== 1) return 'use the right credentials';
  return secrets[0] === CCE_SECRET
    ? 'wait until CCE renews it, or use another pull secret'
    : 'recreate it with the right credentials';
}

function fixMissing({ reference: { tag, digest } }: CauseContext): string {
  if (digest !== undefined) return 'fix the digest';
  return tag === undefined ? 'add an existing tag' : 'fix the tag';
}

function nameMissing(context: CauseContext): string {
  const { tag, digest } = context.reference;
  const where = repositoryOf(context);
  return digest === undefined
    ? `tag ${quote(tag ?? 'latest', MAX_NAME)} in ${where}`
    : `digest ${digest.slice(0, DIGEST_SHOWN)}… in ${where}`;
}

function unreachable(context: CauseContext, why: string): string {
  return `${endpointOf(context)} is unreachable from pullguard (${why})`;
}

function sayBroken({ fault, ...context }: CauseContext): string {
  const endpoint = endpointOf(context);
  if (fault === undefined) return `${endpoint} returned an invalid response`;
  const is = describeFault(fault);
  return fault.what === 'status' ? `${endpoint} returned ${is}` : `${endpoint} returned an invalid response (${is})`;
}

function sayFault({ fault = { what: 'web-page' } }: CauseContext): string {
  return fault.what === 'web-page' && fault.number !== undefined ? `HTTP ${fault.number}` : describeFault(fault);
}

const MS_PER_MINUTE = 60_000;

/** ` until 14:05Z` within a day, ` until 2026-06-02T14:05Z` later; empty for an invalid time. */
function sayEnd({ endsAt = NaN, now = -Infinity }: CauseContext): string {
  const end = Math.ceil(endsAt / MS_PER_MINUTE) * MS_PER_MINUTE;
  const year = new Date(end).getUTCFullYear();
  return Number.isNaN(year) || endsAt <= now || year > 9999 ? '' : ` until ${formatNear(end, now)}`;
}

/** A response of a registry, or of another server in its place, that no working registry returns. */
export type Fault = Readonly<{ what: keyof typeof FAULTS; number?: number }>;

/** A short description in our own words, without a full stop and without text from the registry. */
export function describeFault({ what, number = 0 }: Fault): string {
  return FAULTS[what](number);
}

const FAULTS = {
  status: (status) => `HTTP ${status}`,
  'token-status': (status) => `its token service returned HTTP ${status}`,
  'elsewhere-status': (status) => `redirect to another host, which returned HTTP ${status}`,
  'elsewhere-certificate': () => 'redirect to another host with an untrusted certificate',
  'elsewhere-unreachable': () => 'redirect to another host, which is unreachable',
  'elsewhere-nonsense': () => 'redirect to another host, which returned an invalid response',
  'redirects-nowhere': () => 'redirect without a location',
  'redirects-on': (redirects) => `more than ${redirects} redirects`,
  'web-page': (status) => `web page, HTTP ${status}`,
  'token-web-page': (status) => `its token service returned a web page, HTTP ${status}`,
  'no-token': () => 'its token service returned no token',
  'no-registry': () => 'not found, not a registry',
  'no-tls': () => 'no TLS',
  'other-tls': () => 'TLS handshake failure',
  'not-http': () => 'malformed HTTP response',
  'other-protocol': () => 'protocol switch',
  'connection-failed': () => 'connection failed',
  compressed: () => 'unrequested compression',
  'too-long': (bytes) => `response longer than ${describeSize(bytes)}`,
  'ended-early': () => 'unexpected EOF',
  'odd-address': () => 'URL that is not HTTP',
  'odd-header': () => 'invalid characters for a header',
  'no-digest': () => 'no digest',
  'malformed-digest': () => 'malformed digest',
  'other-digest': () => 'different digest',
  'empty-manifest': () => 'empty manifest',
  'malformed-manifest': () => 'malformed manifest',
  'foreign-manifest': () => 'unexpected media type',
} satisfies Record<string, (number: number) => string>;

function describeSize(bytes: number): string {
  if (bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20} MiB`;
  return bytes % 2 ** 10 === 0 ? `${bytes / 2 ** 10} KiB` : `${bytes} bytes`;
}
