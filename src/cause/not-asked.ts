import { quote } from '../text/quote.ts';

/** Why a registry was not asked, or not to the end. Hosts and addresses are what somebody wrote: they go through `quote`. */
export type NotAsked =
  | Readonly<{ why: 'address-not-allowed' | 'redirect-to-private-network'; host: string; address: string }>
  | Readonly<{ why: 'token-host-not-named' | 'token-over-plain-http' | 'impossible-host' | 'dns-failed'; host: string }>
  | Plain
  /** A mirror that is asked first may have the image all the same. */
  | Readonly<{ why: 'mirror-not-asked'; host: string; because: NotAsked }>
  | Readonly<{ why: 'mirror-wants-login'; host: string }>
  /** In words of ours. */
  | Readonly<{ why: 'secrets-unreadable'; problem: string }>
  /** A mistake of ours; only the name of the error is kept, as its message may hold anything that was sent. */
  | Readonly<{ why: 'bug'; error: string }>;

type Plain = Readonly<{ why: keyof typeof PLAIN }>;

const PLAIN = {
  'redirect-to-plain-http': 'it redirects to plain HTTP, which registries[].probe.plainHttp does not allow',
  'redirect-with-user': 'it redirects to an address with a user name or password in it, which is not asked',
  'redirect-wants-login': 'it redirects to another host, which wants a login; nobody logs in there',
  'token-from-no-address': 'its tokens come from something that is no address of HTTPS',
  'token-with-user': 'its tokens come from an address with a user name or password in it, which is not asked',
  'token-redirects': 'its token service redirects to another host, where nobody logs in',
  'token-for-other-repository':
    'it wants a token for another repository than that of the image, which is not asked for',
  'long-credentials': 'the user and password in a pull secret are longer than any registry takes',
} as const;

/** What stands in the way, for operators, without a full stop. */
export function describeNotAsked(notAsked: NotAsked): string {
  if (isPlain(notAsked)) return PLAIN[notAsked.why];
  switch (notAsked.why) {
    case 'address-not-allowed':
      return `${notAsked.host} has the address ${notAsked.address}, which registries[].probe.addresses does not allow`;
    case 'redirect-to-private-network':
      return `it redirects to ${nameHost(notAsked)}, which has the address ${notAsked.address}; no redirect is followed into a private network`;
    case 'token-host-not-named':
      return `its tokens come from ${nameHost(notAsked)}, which registries[].probe.tokenHosts does not name`;
    case 'token-over-plain-http':
      return `its tokens come from ${nameHost(notAsked)} over plain HTTP, which registries[].probe.plainHttp does not allow`;
    case 'impossible-host':
      return `there can be no host of the name ${nameHost(notAsked)}`;
    case 'dns-failed':
      return `DNS failed or did not answer for ${nameHost(notAsked)}`;
    case 'mirror-not-asked':
      return `its mirror ${nameHost(notAsked)} may have it, but ${describeNotAsked(notAsked.because)}`;
    case 'mirror-wants-login':
      return `its mirror ${nameHost(notAsked)} wants a login, and mirrors are never given one`;
    case 'secrets-unreadable':
      return notAsked.problem;
    case 'bug':
      return `pullguard failed while it asked (${notAsked.error})`;
  }
}

/** Whether a setting of the policy would let it be asked. */
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

/** @param error what was thrown where nothing should be */
export function notAskedByBug(error: unknown): NotAsked {
  return { why: 'bug', error: error instanceof Error ? error.name : 'unknown error' };
}

function nameHost({ host }: Readonly<{ host: string }>): string {
  return quote(host, MAX_HOST);
}

/** Hosts that registries name are shown at most so long, in characters. */
const MAX_HOST = 80;
