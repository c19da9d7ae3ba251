import { DOCKER_HUB, type ImageReference } from '../image/reference.ts';
import { parseGlob } from '../text/glob.ts';
import { matchHostPattern, type HostPattern, type HostTarget } from '../image/host-pattern.ts';
import { parseUrl, splitHostPort } from './parse-url.ts';
import { memoize, memoizeByObject } from '../text/memoize.ts';

/** A key under `auths` in a pull secret, as kubelet reads it. */
export type CredentialKey = Readonly<{
  /** As it is written; what kubelet keeps of it where a user name, query or fragment is in it. */
  text: string;
  /** Where images are that it serves; undefined when that is nowhere. */
  pattern: Pick<HostPattern, 'labels' | 'port' | 'path'> | undefined;
  /** As kubelet has it in its index: without the scheme, and without the version that docker writes. */
  indexed: string;
  /** Whether it serves the default registry, Docker Hub. */
  isDefaultRegistry: boolean;
}>;

/**
 * Reads a key as kubelet does (`pkg/credentialprovider/keyring.go`, `Add`); undefined when it is one that kubelet drops, as
 * it is no URL. The same key gives the same object again: a cluster has thousands of secrets, for few registries.
 */
export function parseCredentialKey(text: string): CredentialKey | undefined {
  // What may hold a credential is not remembered.
  return MAY_HOLD_MORE.test(text) ? readKey(text) : readKeyOnce(text);
}

/**
 * Whether kubelet takes a key's credentials for an image (`Lookup`): as many host labels, each matching its glob and compared
 * letter by letter; the same port or none on both sides; the path is a prefix of the repository. The key of the default
 * registry serves Docker Hub as well; kubelet then turns to it only if no other key of the pod's secrets matches.
 */
export function matchCredentialKey({ pattern, isDefaultRegistry }: CredentialKey, reference: ImageReference): boolean {
  if (isDefaultRegistry && isInDefaultRegistry(reference)) return true;
  const target = pattern === undefined ? undefined : toKeyTarget(reference);
  return pattern !== undefined && target !== undefined && matchHostPattern(pattern, target);
}

/** What follows these is not where images are, or stands before it and is a user name. */
const MAY_HOLD_MORE = /[@?#]/;

const readKeyOnce = memoize((text) => readKey(text));

function readKey(text: string): CredentialKey | undefined {
  const url = parseUrl(/^https?:\/\//.test(text) ? text : `https://${text}`);
  if (url === undefined) return undefined;
  // `https://index.docker.io/v1/` and `/v2/`, as docker writes them; without the slash at the end it is a path like any other.
  const path = url.path.replace(/^\/v[12]\//, '/');
  const key = path === '/' ? url.host : url.host + path;
  return {
    text: MAY_HOLD_MORE.test(text) ? key : text,
    pattern: readPattern(key),
    indexed: key,
    isDefaultRegistry: key === 'index.docker.io',
  };
}

/** Kubelet parses what it kept once more for each image: what was escaped is decoded twice, and may now fail. */
function readPattern(key: string): CredentialKey['pattern'] {
  const url = parseUrl(`https://${key}`);
  if (url === undefined) return undefined;
  const { name, port } = splitHostPort(url.host);
  const labels = name.split('.').map((label) => parseGlob(label));
  if (!labels.every((label) => label !== undefined)) return undefined;
  return { labels, port: port === '' ? undefined : port, path: url.path.slice(1) };
}

/** An image as kubelet compares keys with it, which is with a malformed IPv6 address not at all. */
export const toKeyTarget = memoizeByObject(({ registry, repository }: ImageReference): HostTarget | undefined => {
  const url = parseUrl(`https://${registry}`);
  if (url === undefined) return undefined;
  const { name, port } = splitHostPort(url.host);
  return { labels: name.split('.'), port: port === '' ? undefined : port, repository };
});

/** `isDefaultRegistryMatch`: Docker Hub, and also a host of one word such as `localhost`. */
export function isInDefaultRegistry({ registry }: ImageReference): boolean {
  return registry === DOCKER_HUB || !/[.:]/.test(registry);
}
