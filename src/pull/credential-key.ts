import { DOCKER_HUB, type ImageReference } from '../image/reference.ts';
import { parseGlob } from '../text/glob.ts';
import { matchHostPattern, type HostPattern, type HostTarget } from '../image/host-pattern.ts';
import { parseUrl, splitHostPort } from './parse-url.ts';
import { memoize, memoizeByObject } from '../text/memoize.ts';

/** A key under `auths` in a pull secret, as kubelet parses it. */
export type CredentialKey = Readonly<{
  /** As written, but without user name, query and fragment, as kubelet stores it. */
  text: string;
  /** The images that it matches; undefined if it matches none. */
  pattern: Pick<HostPattern, 'labels' | 'port' | 'path'> | undefined;
  /** The key in kubelet's index: without the scheme, and without the API version that docker writes. */
  indexed: string;
  /** Whether it is a key for the default registry, Docker Hub. */
  isDefaultRegistry: boolean;
}>;

/**
 * Parses a key as kubelet does (`pkg/credentialprovider/keyring.go`, `Add`); undefined for an invalid URL, whose entry kubelet
 * ignores. Equal keys share one object, as a cluster has thousands of Secrets for few registries.
 */
export function parseCredentialKey(text: string): CredentialKey | undefined {
  // A key that may contain credentials is not cached.
  return MAY_HOLD_MORE.test(text) ? readKey(text) : readKeyOnce(text);
}

/**
 * Whether kubelet uses a key's credentials for an image (`Lookup`): the same number of host labels, each matching its glob,
 * case-sensitive; the same port or none on both sides; the path is a prefix of the repository. The key of the default registry
 * also matches images on Docker Hub, but kubelet uses it only if no other key of the Pod's Secrets matches.
 */
export function matchCredentialKey({ pattern, isDefaultRegistry }: CredentialKey, reference: ImageReference): boolean {
  if (isDefaultRegistry && isInDefaultRegistry(reference)) return true;
  const target = pattern === undefined ? undefined : toKeyTarget(reference);
  return pattern !== undefined && target !== undefined && matchHostPattern(pattern, target);
}

/** The text before "@" is a user name; the text after "?" or "#" is not part of host or path. */
const MAY_HOLD_MORE = /[@?#]/;

const readKeyOnce = memoize((text) => readKey(text));

function readKey(text: string): CredentialKey | undefined {
  const url = parseUrl(/^https?:\/\//.test(text) ? text : `https://${text}`);
  if (url === undefined) return undefined;
  // `https://index.docker.io/v1/` and `/v2/`, as docker writes them. Without the slash at the end, they are ordinary paths.
  const path = url.path.replace(/^\/v[12]\//, '/');
  const key = path === '/' ? url.host : url.host + path;
  return {
    text: MAY_HOLD_MORE.test(text) ? key : text,
    pattern: readPattern(key),
    indexed: key,
    isDefaultRegistry: key === 'index.docker.io',
  };
}

/** kubelet parses its stored key again for each image, so escapes are decoded twice, which may now fail. */
function readPattern(key: string): CredentialKey['pattern'] {
  const url = parseUrl(`https://${key}`);
  if (url === undefined) return undefined;
  const { name, port } = splitHostPort(url.host);
  const labels = name.split('.').map((label) => parseGlob(label));
  if (!labels.every((label) => label !== undefined)) return undefined;
  return { labels, port: port === '' ? undefined : port, path: url.path.slice(1) };
}

/** An image as kubelet compares it with keys; undefined for a malformed IPv6 address, which kubelet matches with no key. */
export const toKeyTarget = memoizeByObject(({ registry, repository }: ImageReference): HostTarget | undefined => {
  const url = parseUrl(`https://${registry}`);
  if (url === undefined) return undefined;
  const { name, port } = splitHostPort(url.host);
  return { labels: name.split('.'), port: port === '' ? undefined : port, repository };
});

/** `isDefaultRegistryMatch`: true for Docker Hub, and also for a host of one word such as `localhost`. */
export function isInDefaultRegistry({ registry }: ImageReference): boolean {
  return registry === DOCKER_HUB || !/[.:]/.test(registry);
}
