import type { RegistryProbe } from '../../policy/policy.ts';
import type { Ending } from './ending.ts';
import { endpointOf, findAddress } from './registry-address.ts';

/** Docker Hub gives its tokens at a host of its own, which need not be named. */
const DOCKER_HUB_TOKENS = 'auth.docker.io:443';

export type RealmPolicy = Pick<RegistryProbe, 'plainHttp' | 'tokenHosts'> &
  Readonly<{
    /** Of the registry itself, which may give its own tokens. */
    endpoint: string;
    isDockerHub: boolean;
  }>;

/**
 * Where a registry says that its tokens come from, if we may go there. With a user and a password that would be sent along, this
 * is what stands between them and whoever writes the name of a host into a challenge.
 */
export function checkRealm(realm: string, policy: RealmPolicy): URL | Ending {
  const url = /^https?:\/\//i.test(realm) && URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined) return { notAsked: { why: 'token-from-no-address' } };
  if (url.username !== '' || url.password !== '') {
    return { notAsked: { why: 'token-with-user' } };
  }
  const { host } = url;
  if (url.protocol !== 'https:' && !policy.plainHttp) {
    return { notAsked: { why: 'token-over-plain-http', host } };
  }
  if (!isAllowed(url, policy)) {
    return { notAsked: { why: 'token-host-not-named', host } };
  }
  url.hash = '';
  return url;
}

function isAllowed(url: URL, { endpoint, isDockerHub, tokenHosts }: RealmPolicy): boolean {
  const asked = endpointOf(url);
  if (asked === endpoint || (isDockerHub && asked === DOCKER_HUB_TOKENS)) return true;
  return tokenHosts.some((host) => findAddress(host, url.protocol === 'http:')?.endpoint === asked);
}
