import { notAskedByBug, outcomeOf, type ImageAnswer, type NotAsked, type PullableImage } from '../../cause/answer.ts';
import { DOCKER_HUB, type ImageReference } from '../../image/reference.ts';
import type { RegistryProbe } from '../../policy/policy.ts';
import type { Credentials } from '../../pull/keyring.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { addressOf, registryAddressOf } from './address.ts';
import type { LoginOptions } from './authenticate.ts';
import { fetchManifest, measureImage, readDigest, refuseKind, type Manifest } from './manifest.ts';
import { broken, isFailure, isOtherThanJson, MAX_ERROR_BYTES, type ProbeFailure, type Reply } from './outcome.ts';
import { createRegistryClient, type ClientOptions, type RateLimit, type RegistryClient } from './registry-client.ts';

export type ProbeRequest = Readonly<{
  reference: ImageReference;
  registry: RegistryProbe;
  /** Undefined to ask anonymously. */
  credentials: Credentials | undefined;
  /**
   * Platforms to measure, such as `linux/amd64`; `all` for every platform. If empty, no manifest is fetched. For Docker Hub the
   * list is ignored: each fetched manifest counts as a pull there, and nodes need those pulls.
   */
  platforms: readonly string[] | 'all';
  /** For all requests together, in milliseconds. */
  timeoutMs: number;
  /** Only if a person typed the image and no credentials are used; see `LoginOptions`. */
  anyTokenHost?: LoginOptions['anyTokenHost'];
}>;

/** The result of asking. `notAsked`: the policy does not allow the request; the reason is for operators. */
export type ProbeResult = Readonly<{ answer: ImageAnswer; rateLimit?: RateLimit } | { notAsked: NotAsked }>;

/** Asks the registry of an image whether it can be pulled, as containerd would. Never rejects. */
export type ProbeImage = (request: ProbeRequest) => Promise<ProbeResult>;

/**
 * Asks with this exchange.
 *
 * @param now milliseconds since 1970, for the end of a rate limit
 */
export function createProbeImage(exchange: Exchange, now: () => number = Date.now): ProbeImage {
  return async (request) => {
    try {
      return await askAll(exchange, request, now);
    } catch (error) {
      return { notAsked: notAskedByBug(error) };
    }
  };
}

/** Asks the mirrors in order, then the registry. The registry decides, unless it fails and a mirror was not asked as nodes do. */
async function askAll(exchange: Exchange, request: ProbeRequest, now: () => number): Promise<ProbeResult> {
  const { reference, registry, credentials, timeoutMs, anyTokenHost } = request;
  const { plainHttp, mirrors } = registry;
  const { repository } = reference;
  const address = registryAddressOf(reference.registry, plainHttp);
  if (address === undefined) {
    return { notAsked: { why: 'impossible-host', host: reference.registry } };
  }
  const common = { exchange, repository, registry, now, ...(anyTokenHost !== undefined && { anyTokenHost }) };
  const deadline = performance.now() + timeoutMs;
  let open: Open | undefined;
  let incomplete: FoundImage | undefined;
  for (const [index, host] of mirrors.entries()) {
    const mirror = addressOf(host, plainHttp);
    if (mirror === undefined) continue;
    const result = await ask(
      {
        ...common,
        address: mirror,
        isDockerHub: false,
        namespace: reference.registry,
        credentials: undefined,
        deadline: shareTime(deadline, mirrors.length - index),
      },
      request,
    );
    // The rate limit of a mirror is ignored.
    if ('answer' in result && result.answer.outcome === 'ok') {
      if (result.answer.missing === undefined) return { answer: result.answer };
      incomplete ??= result.answer;
      continue;
    }
    open ??= findOpen(result, host, toUsable(credentials));
  }
  const isDockerHub = reference.registry === DOCKER_HUB;
  const last = await ask({ ...common, address, isDockerHub, credentials: toUsable(credentials), deadline }, request);
  return conclude(last, open, incomplete);
}

/** @param incomplete the image of a mirror that lacks a platform */
function conclude(last: ProbeResult, open: Open | undefined, incomplete: FoundImage | undefined): ProbeResult {
  if ('answer' in last && last.answer.outcome === 'ok') return last;
  if (incomplete !== undefined) return { answer: openUp(incomplete, open ?? last) };
  return open !== undefined && 'answer' in last ? open : last;
}

type FoundImage = Readonly<{ endpoint: string }> & PullableImage;

/** containerd fetches what a mirror lacks from the next host, so it is only missing if that host returns not found or denied. */
function openUp(image: FoundImage, after: ProbeResult): FoundImage {
  const outcome = 'answer' in after ? outcomeOf(after.answer) : undefined;
  const isSure = outcome === 'not-found' || outcome === 'denied';
  return isSure ? image : { ...image, platforms: undefined, missing: [] };
}

type Open = Readonly<{ notAsked: NotAsked }>;

/** Whether a node may still get the image from a mirror: containerd also sends the credentials to mirrors. */
function findOpen(result: ProbeResult, host: string, credentials: Credentials | undefined): Open | undefined {
  if ('notAsked' in result) return { notAsked: { why: 'mirror-not-asked', host, because: result.notAsked } };
  const wantsLogin = credentials !== undefined && outcomeOf(result.answer) === 'denied';
  return wantsLogin ? { notAsked: { why: 'mirror-wants-login', host } } : undefined;
}

/**
 * Divides the time between the remaining hosts. Otherwise, after a mirror that hangs, the registry would count as unreachable.
 */
function shareTime(deadline: number, hostsAfter: number): number {
  const now = performance.now();
  return now + (deadline - now) / (hostsAfter + 1);
}

/** containerd does not authenticate if the user name or the password is empty. */
function toUsable(credentials: Credentials | undefined): Credentials | undefined {
  return credentials === undefined || credentials.username === '' || credentials.password === ''
    ? undefined
    : credentials;
}

async function ask(options: ClientOptions, request: ProbeRequest): Promise<ProbeResult> {
  const client = createRegistryClient(options);
  const found = await findImage(client, request);
  if ('notAsked' in found) return found;
  const rateLimit = client.rateLimit();
  const { endpoint } = options.address;
  const answer =
    'failure' in found ? { endpoint: found.endpoint ?? endpoint, ...found.failure } : { endpoint, ...found };
  return { answer, ...(rateLimit !== undefined && { rateLimit }) };
}

async function findImage(
  client: RegistryClient,
  { reference, platforms }: ProbeRequest,
): Promise<PullableImage | ProbeFailure> {
  const resolved = await resolveImage(client, reference);
  if (isFailure(resolved)) return resolved;
  const { digest } = resolved;
  // A mirror of Docker Hub may have to fetch the image from Docker Hub.
  if (platforms.length === 0 || reference.registry === DOCKER_HUB) {
    return { outcome: 'ok', digest, sizes: [], platforms: undefined };
  }
  const measures = await measureImage(client, resolved, platforms);
  return isFailure(measures) ? measures : { outcome: 'ok', digest, ...measures };
}

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
