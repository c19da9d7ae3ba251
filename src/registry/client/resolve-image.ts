import type { ImageReference } from '../../image/reference.ts';
import { fetchManifest, readDigest, refuseKind, type Manifest } from './manifest.ts';
import { broken, isFailure, isOtherThanJson, MAX_ERROR_BYTES, type ProbeFailure, type Reply } from './outcome.ts';
import type { RegistryClient } from './registry-client.ts';

/** The digest of a reference; `manifest` if it had to be fetched to get the digest. */
export type ResolvedImage = Readonly<{ digest: string; manifest?: Manifest }>;

/**
 * Asks for a manifest as containerd does: by HEAD, and by GET if HEAD is not supported or returns no digest. At Docker Hub only
 * by HEAD, as each fetched manifest counts as a pull there.
 */
export async function resolveImage(
  client: RegistryClient,
  reference: ImageReference,
): Promise<ResolvedImage | ProbeFailure> {
  const name = reference.digest ?? reference.tag ?? 'latest';
  const head = await askByHead(client, name);
  if (isFailure(head)) return head;
  const { status } = head.response;
  const found = status === 200 ? readHead(client, head, reference) : await classifyHead(client, head, name);
  if (found !== undefined) return found;
  if (!client.isDockerHub) return fetchManifest(client, name, reference.digest);
  return status === 200 ? broken('no-digest') : client.classify(head);
}

/** Retries a temporary error once, as containerd does. */
async function askByHead(client: RegistryClient, name: string): Promise<Reply | ProbeFailure> {
  const head = await client.askForManifest(name, { method: 'HEAD' });
  const isInTrouble = !isFailure(head) && head.response.status >= 500;
  return isInTrouble ? client.askForManifest(name, { method: 'HEAD' }) : head;
}

/** Undefined when the response has no digest. */
function readHead(
  client: RegistryClient,
  { response }: Reply,
  reference: ImageReference,
): ResolvedImage | ProbeFailure | undefined {
  // The pull itself would be refused.
  if (client.isDockerHub && client.rateLimit()?.remaining === 0) {
    return { failure: { outcome: 'failed', cause: 'rate-limited', endsAt: undefined } };
  }
  const refused = refuseKind(response);
  if (refused !== undefined) return refused;
  // containerd takes such a manifest for empty.
  if (response.headers['content-length'] === '0') return broken('empty-manifest');
  const given = readDigest(response);
  // If the reference has a digest, it counts: containerd checks the text against it and ignores the header.
  if (given !== undefined && reference.digest !== undefined) return { digest: reference.digest };
  return typeof given === 'string' ? { digest: given } : given;
}

/** Undefined when the registry does not support HEAD; for containerd, only status 405 means that. */
async function classifyHead(client: RegistryClient, head: Reply, name: string): Promise<ProbeFailure | undefined> {
  const { status } = head.response;
  if (status === 405) return undefined;
  const needsWords = status === 400 || status === 403 || status === 404 || status >= 500;
  return needsWords && !client.isDockerHub ? explain(client, head, name) : client.classify(head);
}

/** Gets the error message by GET, as HEAD has no body. The result of HEAD stands; GET only makes it more exact. */
async function explain(client: RegistryClient, head: Reply, name: string): Promise<ProbeFailure> {
  const reply = await client.askForManifest(name, { maxBytes: MAX_ERROR_BYTES });
  if (isFailure(reply)) return client.classify(head);
  const { status } = reply.response;
  const isTrouble = status >= 500 && head.response.status < 500;
  if (status < 400 || isTrouble) return client.classify(head);
  const isNoRegistry = status === 404 && isWebServer(head, reply) && !(await isRegistry(client));
  return isNoRegistry ? broken('no-registry') : client.classify(reply);
}

/** Whether nothing in the responses shows that this is a registry. */
function isWebServer(head: Reply, { response }: Reply): boolean {
  const saysItself = [head.response, response].some(({ headers }) => 'docker-distribution-api-version' in headers);
  return !saysItself && isOtherThanJson(response.body);
}

/** A registry answers at `/v2/` with 200, or requires authentication. Without an answer the earlier result stands. */
async function isRegistry(client: RegistryClient): Promise<boolean> {
  const status = await client.askForRegistry();
  return typeof status !== 'number' || status === 200 || status === 401;
}
