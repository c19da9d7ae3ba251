import type { ImageQuestion } from '../../../src/pull/facts.ts';
import type { FailedAnswer, ImageAnswer, PullableImage } from '../../../src/cause/answer.ts';
import type { PolicySections, ProbeSettings, RegistryProbe } from '../../../src/policy/policy.ts';
import { parseCredentialKey } from '../../../src/pull/credential-key.ts';
import { parseHostPattern } from '../../../src/image/host-pattern.ts';
import { readReference, type ImageReference } from '../../../src/image/reference.ts';
import type { Credentials, Keyring } from '../../../src/pull/keyring.ts';
import type { ProbeImage, ProbeRequest, ProbeResult } from '../../../src/registry/client/probe-image.ts';
import { policyOf } from '../../support/policies.ts';

export const REGISTRY: RegistryProbe = { plainHttp: false, tokenHosts: [], addresses: [], mirrors: [] };

/** Different times for different things, so that none is taken for another. */
export const SETTINGS: ProbeSettings = {
  ...policyOf().probe,
  waitMs: 250,
  timeoutMs: 10_000,
  positiveMs: 300_000,
  negativeMs: 15_000,
  errorMs: 20_000,
  entries: 1000,
  concurrency: 8,
};

/** Asks the registries of example.com and Docker Hub, and no others. */
export function probingPolicy(settings: Partial<ProbeSettings> = {}): PolicySections {
  const hosts = ['*.example.com', 'docker.io'].map((text) => parseHostPattern(text)!);
  return { ...policyOf(), registries: [{ hosts, probe: REGISTRY }], probe: { ...SETTINGS, ...settings } };
}

const endpoint = 'registry.example.com:443';

export const OK: ImageAnswer & PullableImage = {
  endpoint,
  outcome: 'ok',
  digest: 'sha256:one',
  sizes: [{ platform: 'linux/amd64', bytes: 7 }],
  platforms: ['linux/amd64'],
};
export const DENIED: FailedAnswer = { endpoint, outcome: 'failed', cause: 'access-denied' };
export const NO_REPOSITORY: FailedAnswer = { endpoint, outcome: 'failed', cause: 'repository-not-found' };
export const NO_IMAGE: FailedAnswer = { endpoint, outcome: 'failed', cause: 'image-not-found' };
export const CERTIFICATE: FailedAnswer = { endpoint, outcome: 'failed', cause: 'unknown-ca' };
export const UNREACHABLE: FailedAnswer = { endpoint, outcome: 'failed', cause: 'timeout' };
export const RATE_LIMITED: FailedAnswer = { endpoint, outcome: 'failed', cause: 'rate-limited', endsAt: undefined };
export const BROKEN: FailedAnswer = {
  endpoint,
  outcome: 'failed',
  cause: 'server-error',
  fault: { what: 'status', number: 503 },
};

export function imageOf(text: string): ImageReference {
  const reference = readReference(text);
  if (reference === undefined) throw new Error(`${text} does not parse`);
  return reference;
}

/** What a rule asks about a pod with these pull secrets; `unknown` when nobody knows which it has. */
export function question(
  image: string,
  pullSecrets: readonly string[] | 'unknown' = [],
  namespace = 'web',
): ImageQuestion {
  return { reference: imageOf(image), namespace, pullSecrets: pullSecrets === 'unknown' ? undefined : pullSecrets };
}

export function credentials(username: string, password = `password of ${username}`): Credentials {
  return { username, password };
}

/** Keys and who they are for, in the order of the secrets. */
export function keyringOf(
  entries: readonly (readonly [key: string, credentials: Credentials])[],
  isComplete = true,
): Keyring {
  return { entries: entries.map(([key, one]) => ({ key: parseCredentialKey(key)!, credentials: one })), isComplete };
}

export type StandInRegistry = Readonly<{
  probeImage: ProbeImage;
  /** All that was asked, oldest first. */
  requests: readonly ProbeRequest[];
  /** From now on nothing is answered until `release`. */
  hold: () => void;
  release: () => void;
}>;

/** Registries that say this of each image. */
export function standInRegistry(say: (request: ProbeRequest) => ImageAnswer | ProbeResult = () => OK): StandInRegistry {
  const requests: ProbeRequest[] = [];
  const held: (() => void)[] = [];
  let isHolding = false;
  return {
    probeImage: async (request) => {
      requests.push(request);
      if (isHolding) await new Promise<void>((resolve) => held.push(resolve));
      const said = say(request);
      return 'outcome' in said ? { answer: said } : said;
    },
    requests,
    hold: () => {
      isHolding = true;
    },
    release: () => {
      isHolding = false;
      for (const go of held.splice(0)) go();
    },
  };
}

/** Two clocks that stand still until they are told to go on; only the one on the wall can be set. */
export type Clock = Readonly<{
  now: () => number;
  wallNow: () => number;
  pass: (milliseconds: number) => void;
  /** Sets the one on the wall so much later. */
  set: (milliseconds: number) => void;
}>;

export function stoppedClock(): Clock {
  let time = 60_000;
  let wall = Date.UTC(2026, 5, 1, 12);
  return {
    now: () => time,
    wallNow: () => wall,
    pass: (milliseconds) => {
      time += milliseconds;
      wall += milliseconds;
    },
    set: (milliseconds) => {
      wall += milliseconds;
    },
  };
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
