import { DOCKER_HUB, splitDomain } from '../../image/reference.ts';

/** Where a registry is asked. */
export type RegistryAddress = Readonly<{
  /** `https://registry.example.com`, as `URL` writes it. */
  origin: string;
  /** `registry.example.com:443`. */
  endpoint: string;
}>;

/** Docker Hub's registry is not at the host that its images are named by. */
const DOCKER_HUB_HOST = 'registry-1.docker.io';

/** Where the registry of a reference is asked; undefined when its name can be no host's. */
export function registryAddressOf(registry: string, plainHttp: boolean): RegistryAddress | undefined {
  return addressOf(registry === DOCKER_HUB ? DOCKER_HUB_HOST : registry, plainHttp);
}

/**
 * Where a host is asked, with a port or without; undefined when there can be no such host. `URL` makes an address of names such
 * as `0x7f.1`, which would then be another host than the one that the policy was asked about.
 */
export function addressOf(host: string, plainHttp: boolean): RegistryAddress | undefined {
  const written = `${plainHttp ? 'http' : 'https'}://${host}`;
  if (!URL.canParse(written)) return undefined;
  const url = new URL(written);
  const { host: name, port } = splitDomain(host.toLowerCase());
  const isMeant = url.hostname === name || (name.startsWith('[') && url.hostname.startsWith('['));
  if (!isMeant || url.href !== `${url.origin}/` || (port !== undefined && Number(port) === 0)) return undefined;
  return { origin: url.origin, endpoint: endpointOf(url) };
}

/** `registry.example.com:443`: with the port, whether it is the usual one or not. */
export function endpointOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === '' ? USUAL_PORTS[protocol] : port}`;
}

const USUAL_PORTS: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80 };

/**
 * The URL of something in a registry.
 *
 * @param path of the grammar of references, so that it is a path and nothing else
 * @param namespace the registry that a mirror is asked on behalf of
 * @throws Error when it is not, as then the mistake is ours
 */
export function toRegistryUrl({ origin }: RegistryAddress, path: string, namespace?: string): URL {
  const url = new URL(origin + path);
  if (url.origin !== origin || url.pathname !== path) {
    throw new Error('the path of a request to a registry is not what it was meant to be');
  }
  if (namespace !== undefined) url.searchParams.set('ns', namespace);
  return url;
}
