import { describeCause, readText } from '../manifest/files.ts';
import { matchCredentialKey, parseCredentialKey, indexKeys } from '../pull/credential-key.ts';
import { chooseCredentials, type KeyringEntry, mayDifferForOthers, tryInTurn, type Attempt } from '../pull/keyring.ts';
import { readDockerLogins, type DockerLogins } from '../pull/pull-secret.ts';
import { isRecord } from '../text/json.ts';
import { FLAW_WORDS } from '../pull/credential-flaws.ts';
import type { CredentialEntry } from '../pull/facts.ts';
import type { Policy } from '../engine/rule.ts';
import { findRegistry, type RegistryProbe } from '../policy/policy.ts';
import { quoteFirst } from '../text/list.ts';
import { quote } from '../text/quote.ts';
import { formatMinute } from '../text/time.ts';
import type { ImageReference } from '../image/reference.ts';
import { createProbeImage, type ProbeImage, type ProbeResult } from '../registry/client/probe-image.ts';
import { registryAddressOf } from '../registry/client/address.ts';
import { createExchange } from '../registry/exchange/create-exchange.ts';
import { readProxies } from '../registry/exchange/proxies.ts';
import type { ProbeReport } from './format-probe.ts';
import { toUsageError, UsageError } from './io.ts';

/** Asks registries, through the proxy of the environment. @throws UsageError if that cannot be used */
export function openRegistries(): ProbeImage {
  try {
    return createProbeImage(createExchange({ proxyFor: readProxies(process.env) }));
  } catch (error) {
    throw toUsageError(error);
  }
}

/** Asks the registry of an image as kubelet would. Never rejects. */
export type AskRegistry = (reference: ImageReference) => Promise<ProbeReport>;

/**
 * Asks each registry as the policy says.
 *
 * @param dockerConfig a docker `config.json` with credentials; undefined to ask anonymously
 * @throws UsageError if the docker config cannot be read
 */
export function openImageProbe(
  { policy, dockerConfig }: Readonly<{ policy: Policy; dockerConfig: string | undefined }>,
  probeImage: ProbeImage = openRegistries(),
): AskRegistry {
  const logins = dockerConfig === undefined ? undefined : loadLogins(dockerConfig);
  const { timeoutMs } = policy.probe;
  return async (reference) => {
    const { probe: registry = UNNAMED, pullSecret } = findRegistry(policy, reference) ?? {};
    // Safe, as no credentials are sent, and the image reference was typed by a person.
    const anyTokenHost = registry === UNNAMED ? 'as-registry' : 'public';
    const ask = async (login: Login): Promise<ProbeResult> =>
      probeImage({
        reference,
        registry,
        credentials: login?.credentials,
        platforms: 'all',
        timeoutMs,
        ...(login === undefined && { anyTokenHost }),
      });
    const { entries } = chooseCredentials({ entries: logins?.entries ?? [], isComplete: true }, reference);
    const attempt = (await tryInTurn(entries, ask)) ?? { identity: undefined, told: await ask(undefined) };
    return {
      reference,
      result: attempt.told,
      login: hasLoggedIn(attempt, reference, registry) ? attempt.identity?.key.text : undefined,
      pullSecret,
      note: adviseOnLogin(attempt, logins, { reference, pullSecret }),
      answeredAt: Date.now(),
    };
  };
}

/**
 * A registry that the policy does not allow to ask. On the command line it is asked anyway, at any address, as the user typed its
 * name. The webhook never asks such a registry: its name may come from any user with the right to create Pods.
 */
export const UNNAMED: RegistryProbe = {
  plainHttp: false,
  tokenHosts: [],
  addresses: ['0.0.0.0/0', '::/0'],
  mirrors: [],
};

/** The credentials to use; undefined to ask anonymously. */
type Login = KeyringEntry | undefined;

type Asked = Attempt<Login, ProbeResult>;

/** Mirrors of nodes are asked anonymously, and credentials without a password are not sent. */
function hasLoggedIn(
  { identity: login, told: result }: Asked,
  { registry: host }: ImageReference,
  { plainHttp }: RegistryProbe,
): boolean {
  if (login === undefined || login.credentials.password === '' || 'notAsked' in result) return false;
  const { outcome, endpoint } = result.answer;
  return outcome !== 'ok' || endpoint === registryAddressOf(host, plainHttp)?.endpoint;
}

/** Why no credentials were used where they may have helped, and how to; or what is wrong with credentials that were refused. */
function adviseOnLogin(
  { identity: login, told }: Asked,
  logins: Logins | undefined,
  { reference, pullSecret = 'NAME' }: Pick<ProbeReport, 'reference' | 'pullSecret'>,
): string | undefined {
  const problem = mayDifferForOthers(told) ? describeProblem(login, logins, reference) : undefined;
  if (login !== undefined) return problem;
  const take = `pass the content of a pull secret with --docker-config: kubectl -n NAMESPACE get secret ${pullSecret} -o jsonpath='{.data.\\.dockerconfigjson}' | base64 -d > config.json`;
  if (logins?.hasHelper(reference) === true) {
    return `the docker config uses a credential helper for this registry, which neither pullguard nor kubelet runs; ${take}`;
  }
  if (!mayDifferForOthers(told)) return undefined;
  if (logins === undefined) return `asked without credentials; ${take}`;
  if (problem !== undefined) return `asked without credentials: ${problem}; ${take}`;
  const keys = logins.entries.map(({ key }) => key.text);
  const image = quote(`${reference.registry}/${reference.repository}`);
  return keys.length === 0
    ? `asked without credentials, as the docker config has none; ${take}`
    : `asked without credentials, as the docker config has none for ${image}, only for ${quoteFirst(keys, MOST_KEYS)}`;
}

/** Why credentials in the docker config cannot work, without showing any of them. */
function describeProblem(login: Login, logins: Logins | undefined, reference: ImageReference): string | undefined {
  if (logins === undefined) return undefined;
  const { entries, unused = [] } = logins.judged;
  const matching = indexKeys(entries)(reference);
  const entry = login === undefined ? matching[0] : matching.find(({ key }) => key.text === login.key.text);
  const what = entry === undefined ? undefined : describeFlaw(entry);
  if (entry !== undefined && what !== undefined) {
    return `the credentials for ${quote(entry.key.text)} in the docker config cannot work: ${what}`;
  }
  const dropped = unused.find(({ what: kind }) => kind === 'invalid-key');
  if (entry === undefined && dropped !== undefined) {
    return `kubelet ignores the entry ${quote(dropped.name)} of the docker config, as it is not a registry`;
  }
  return entry === undefined && unused.some(({ what: kind }) => kind === 'older-form')
    ? 'the docker config has the format of a .dockercfg, and kubelet only reads entries under "auths"'
    : undefined;
}

function describeFlaw({ flaw, tokenEndsAt = Infinity }: CredentialEntry): string | undefined {
  if (flaw !== undefined) return FLAW_WORDS[flaw];
  return tokenEndsAt <= Date.now() ? `its token expired at ${formatMinute(tokenEndsAt)}` : undefined;
}

/** Enough to notice a wrong port or path. */
const MOST_KEYS = 5;

/** The credentials in a docker `config.json`. */
type Logins = DockerLogins &
  Readonly<{
    /** Whether docker would ask a credential helper for the registry of an image. */
    hasHelper: (reference: ImageReference) => boolean;
  }>;

/** Reads a docker `config.json` as kubelet does. @throws UsageError that shows nothing of its content. */
function loadLogins(file: string): Logins {
  try {
    const json = readText(file);
    const logins = readDockerLogins(json);
    if (typeof logins === 'string') throw new Error(logins);
    return { ...logins, hasHelper: findHelpers(json) };
  } catch (error) {
    const problem = `--docker-config ${file} cannot be used: ${describeCause(error)}`;
    throw new UsageError(`${problem}; give a config.json as written by docker login`, { cause: error });
  }
}

/** `credsStore` is for every registry, each entry of `credHelpers` for one registry. */
function findHelpers(json: string): Logins['hasHelper'] {
  const config: unknown = JSON.parse(json);
  const { credsStore, credHelpers } = isRecord(config) ? config : {};
  if (typeof credsStore === 'string' && credsStore !== '') return () => true;
  const keys = Object.keys(isRecord(credHelpers) ? credHelpers : {}).flatMap((key) => parseCredentialKey(key) ?? []);
  return (reference) => keys.some((key) => matchCredentialKey(key, reference));
}
