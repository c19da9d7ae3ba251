import { quote } from '../text/quote.ts';

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
