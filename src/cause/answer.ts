import type { Artifact } from '../image/not-an-image.ts';
import type { ImageReference } from '../image/reference.ts';
import { quote } from '../text/quote.ts';
import {
  causeOf,
  CAUSES,
  describeFault,
  type CauseCode,
  type CauseContext,
  type Fault,
  type Outcome,
} from './causes.ts';

/** The answer of a registry about an image. Only `says` contains text from the registry. */
export type ImageAnswer = Readonly<{
  /** Host and port of the server that answered, or should have: `registry.example.com:443`. */
  endpoint: string;
}> &
  (PullableImage | FailedPull);

/** The answer for an image that cannot be pulled. */
export type FailedAnswer = ImageAnswer & FailedPull;

export type PullableImage = Readonly<{
  outcome: 'ok';
  /** The digest of the manifest or index of the reference. */
  digest: string;
  /** For each requested platform that the image has; empty if no manifests were fetched. */
  sizes: readonly PlatformSize[];
  /** Platforms of the image; undefined if unknown, as for an image for one platform that does not state it. */
  platforms: readonly string[] | undefined;
  /** Platforms in its index whose manifests the registry does not have, such as a mirror that keeps one of several platforms. */
  missing?: readonly string[];
}>;

/** Compressed bytes of all layers and the configuration, as the registry sends them; on a node they take more. */
export type PlatformSize = Readonly<{ platform: string; bytes: number }>;

/** Why the image cannot be pulled: a cause of the table, and details of this answer. */
export type FailedPull = Readonly<{
  outcome: 'failed';
  /** The message of the registry's error, redacted, escaped and shortened: to be shown in quotes, never to decide by. */
  says?: string;
}> &
  (
    | Readonly<{ cause: PlainCause }>
    /** `mayBeHidden`: the Pod may have other credentials, and some registries return this to users without access. */
    | Readonly<{ cause: AbsentCause; mayBeHidden?: true }>
    /** Milliseconds since 1970; undefined if the registry does not say. */
    | Readonly<{ cause: 'rate-limited'; endsAt: number | undefined }>
    | Readonly<{ cause: FaultyCause; fault: Fault }>
    | Readonly<{ cause: 'not-an-image'; artifact: Artifact }>
    /** Some of the platforms in its index; the registry has the manifest of none. */
    | Readonly<{ cause: 'platform-missing'; platform: string }>
  );

/** Causes with a fault of the registry. */
type FaultyCause = 'no-tls' | 'server-error' | 'broken-registry' | 'web-page';

/** Causes for an image that does not exist. */
type AbsentCause = 'image-not-found' | 'repository-not-found' | 'web-page-not-found';

type PlainCause = Exclude<CauseCode, FaultyCause | AbsentCause | 'rate-limited' | 'platform-missing' | 'not-an-image'>;

/** A failure without details beyond its cause. */
export function failWith(cause: PlainCause): FailedPull {
  return { outcome: 'failed', cause };
}

/**
 * A failure of a server that does not behave like a registry. The number is a status, bytes or a count, depending on the fault.
 */
export function failBy(what: Fault['what'], number?: number): FailedPull & Readonly<{ fault: Fault }> {
  const isServerError = what.endsWith('status') && number !== undefined && number >= 500 && number <= 599;
  const cause = what === 'no-tls' || what === 'web-page' ? what : isServerError ? 'server-error' : 'broken-registry';
  return { outcome: 'failed', cause, fault: number === undefined ? { what } : { what, number } };
}

/** The outcome of an answer for JSON and metrics. */
export function outcomeOf(answer: PullableImage | FailedPull): 'ok' | Outcome {
  return answer.outcome === 'ok' ? 'ok' : CAUSES[answer.cause].outcome;
}

/** The circumstances of a request to a registry. */
export type Asking = Pick<CauseContext, 'secrets' | 'usualSecret' | 'now'>;

/** The texts for a failed answer; see `message` and `remedy` in `Cause`. */
export function describeFailure(
  answer: FailedAnswer,
  reference: ImageReference,
  asking: Asking,
): Readonly<{ message: string; remedy: string }> {
  const cause = causeOf(answer.cause);
  const context: CauseContext = { ...asking, ...answer, reference };
  return { message: cause.message(context), remedy: cause.remedy(context) };
}

/** The cause in a few words: `connection refused`, `HTTP 503`. */
export function nameCause(answer: FailedPull): string {
  return 'fault' in answer ? describeFault(answer.fault) : causeOf(answer.cause).name;
}

/** Why a registry was not asked, or not completely. Hosts are text from users or registries: they go through `quote`. */
export type NotAsked =
  | Readonly<{ why: 'address-not-allowed' | 'redirect-to-private-network'; host: string; address: string }>
  | OfHost
  /** `says`: `HTTP 407`, or why the proxy cannot be reached. */
  | Readonly<{ why: 'proxy-failed'; host: string; proxy: string; says: string }>
  | Plain
  /** A mirror that is asked first may have the image anyway. */
  | Readonly<{ why: 'mirror-not-asked'; host: string; because: NotAsked }>
  | Readonly<{ why: 'mirror-wants-login'; host: string }>
  /** In our own words. */
  | Readonly<{ why: 'secrets-unreadable'; problem: string }>
  /** A bug of pullguard; only the name of the error is kept, as its message might contain anything that was sent. */
  | Readonly<{ why: 'bug'; error: string }>;

type Plain = Readonly<{ why: keyof typeof PLAIN }>;
type OfHost = Readonly<{ why: keyof typeof OF_HOST; host: string }>;

const PLAIN = {
  'redirect-to-plain-http': 'redirect to plain HTTP, which registries[].probe.plainHttp does not allow',
  'redirect-with-user': 'redirect to a URL with credentials, which is not followed',
  'redirect-wants-login': 'redirect to another host, which requires authentication and is not sent credentials',
  'token-from-no-address': 'its token service has no HTTPS URL',
  'token-with-user': 'its token service has a URL with credentials, which is not used',
  'token-redirects': 'its token service redirects to another host, which is not sent credentials',
  'token-for-other-repository':
    'it requires a token for a repository other than that of the image, which is not requested',
  'long-credentials': 'the credentials in a pull secret are too long for any registry',
} as const;

const OF_HOST = {
  'token-host-not-named': (host: string) =>
    `its token service is ${host}, which is not in registries[].probe.tokenHosts`,
  'token-over-plain-http': (host: string) =>
    `its token service is ${host} over plain HTTP, which registries[].probe.plainHttp does not allow`,
  'impossible-host': (host: string) => `${host} is not a valid host name`,
  'dns-failed': (host: string) => `DNS failed or did not answer for ${host}`,
} as const;

/** The reason for cluster admins, without a full stop. */
export function describeNotAsked(notAsked: NotAsked): string {
  if (isPlain(notAsked)) return PLAIN[notAsked.why];
  if (isOfHost(notAsked)) return OF_HOST[notAsked.why](nameHost(notAsked));
  switch (notAsked.why) {
    case 'address-not-allowed':
      return `${notAsked.host} resolves to ${notAsked.address}, which registries[].probe.addresses does not allow`;
    case 'redirect-to-private-network':
      return `redirect to ${nameHost(notAsked)}, which resolves to ${notAsked.address} in a private network and is not followed`;
    case 'proxy-failed':
      return `the proxy ${notAsked.proxy} did not connect to ${nameHost(notAsked)} (${notAsked.says}): fix HTTPS_PROXY or NO_PROXY of pullguard`;
    case 'mirror-not-asked':
      return `its mirror ${nameHost(notAsked)} may have the image, but ${describeNotAsked(notAsked.because)}`;
    case 'mirror-wants-login':
      return `its mirror ${nameHost(notAsked)} requires authentication, and mirrors are not sent credentials`;
    case 'secrets-unreadable':
      return notAsked.problem;
    case 'bug':
      return `pullguard internal error (${notAsked.error})`;
  }
}

/** Whether a setting of the policy would allow the request. */
export function isForPolicy(notAsked: NotAsked): boolean {
  return notAsked.why === 'mirror-not-asked' ? isForPolicy(notAsked.because) : ALLOWED_BY_POLICY.has(notAsked.why);
}

const ALLOWED_BY_POLICY: ReadonlySet<NotAsked['why']> = new Set([
  'address-not-allowed',
  'token-host-not-named',
  'token-over-plain-http',
  'redirect-to-plain-http',
]);

function isPlain(notAsked: NotAsked): notAsked is Plain {
  return notAsked.why in PLAIN;
}

function isOfHost(notAsked: NotAsked): notAsked is OfHost {
  return notAsked.why in OF_HOST;
}

/** @param error an unexpected error */
export function notAskedByBug(error: unknown): NotAsked {
  return { why: 'bug', error: error instanceof Error ? error.name : 'unknown error' };
}

function nameHost({ host }: Readonly<{ host: string }>): string {
  return quote(host, MAX_HOST);
}

/** The most characters that are shown of a host that a registry named. */
const MAX_HOST = 80;
