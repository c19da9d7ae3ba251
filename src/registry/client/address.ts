import { DOCKER_HUB, splitDomain } from '../../image/reference.ts';

/** Where to connect to a registry. */
export type RegistryAddress = Readonly<{
  /** `https://registry.example.com`, as `URL` writes it. */
  origin: string;
  /** `registry.example.com:443`. */
  endpoint: string;
}>;

/** Images of Docker Hub are named `docker.io/…`, but its registry API is at another host. */
const DOCKER_HUB_HOST = 'registry-1.docker.io';

/** The address of the registry of a reference; undefined when the name cannot be a host name. */
export function registryAddressOf(registry: string, plainHttp: boolean): RegistryAddress | undefined {
  return addressOf(registry === DOCKER_HUB ? DOCKER_HUB_HOST : registry, plainHttp);
}

/**
 * The address of a host, with or without a port; undefined when it cannot be a host name. `URL` turns names such as `0x7f.1` into
 * IP addresses. These are refused, as the result would be another host than the one that the policy allows.
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

/** `registry.example.com:443`: always with the port, also when it is the default one. */
export function endpointOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === '' ? USUAL_PORTS[protocol] : port}`;
}

const USUAL_PORTS: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80 };

/**
 * The URL of a path at a registry.
 *
 * @param path built from parts that match the grammar of references, so that it is a path and nothing else
 * @param namespace the registry that a mirror is asked on behalf of
 * @throws Error when `URL` reads the path differently; that would be a bug of pullguard
 */
export function toRegistryUrl({ origin }: RegistryAddress, path: string, namespace?: string): URL {
  const url = new URL(origin + path);
  if (url.origin !== origin || url.pathname !== path) {
    throw new Error('the path of a request to a registry is not what it was meant to be');
  }
  if (namespace !== undefined) url.searchParams.set('ns', namespace);
  return url;
}
