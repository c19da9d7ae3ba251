import { createHash } from 'node:crypto';
import { isDigest } from '../../image/reference.ts';
import { broken, isEnding, type Ending } from './ending.ts';
import type { ExchangeResponse } from '../exchange/exchange.ts';
import { readManifest, type Manifest } from './manifest.ts';
import type { RegistryClient } from './registry-client.ts';

/** A manifest that was fetched; its text has this digest. */
export type FetchedManifest = Readonly<{ digest: string; manifest: Manifest }>;

/**
 * Fetches a manifest, and checks that it is what was asked for.
 *
 * @param name a tag or a digest
 * @param expected its digest, where that is known
 */
export async function fetchManifest(
  client: RegistryClient,
  name: string,
  expected: string | undefined,
): Promise<FetchedManifest | Ending> {
  const reply = await client.askForManifest(name);
  if (isEnding(reply)) return reply;
  if (reply.response.status !== 200) return client.judge(reply);
  const digest = verifyDigest(reply.response, expected);
  if (typeof digest !== 'string') return digest;
  const { body, headers } = reply.response;
  // Of what is asked for by its digest containerd knows the kind from where it has the digest.
  const manifest = readManifest(body, expected === undefined ? headers['content-type'] : undefined);
  return typeof manifest === 'string' ? broken(`${manifest}-manifest`) : { digest, manifest };
}

/** The digest that a registry gives a manifest; undefined when it gives none. */
export function readDigest({ headers }: ExchangeResponse): string | Ending | undefined {
  const written = headers['docker-content-digest'];
  if (written === undefined) return undefined;
  return typeof written === 'string' && isDigest(written) ? written : broken('malformed-digest');
}

const OTHER_DIGEST = broken('other-digest');

/** The digest that was expected, whatever the registry gives, or else what it gives, or the text has; the text must have it. */
function verifyDigest(response: ExchangeResponse, expected: string | undefined): string | Ending {
  const digest = expected ?? readDigest(response) ?? hash('sha256', response.body);
  if (typeof digest !== 'string') return digest;
  return hash(algorithmOf(digest), response.body) === digest ? digest : OTHER_DIGEST;
}

function hash(algorithm: string, body: Buffer): string {
  return `${algorithm}:${createHash(algorithm).update(body).digest('hex')}`;
}

function algorithmOf(digest: string): string {
  return digest.slice(0, digest.indexOf(':'));
}
