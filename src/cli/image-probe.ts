import { chooseCredentials, type KeyringEntry } from '../pull/keyring.ts';
import { FLAW_WORDS } from '../pull/credential-flaws.ts';
import type { CredentialEntry } from '../pull/facts.ts';
import { indexKeys } from '../pull/key-index.ts';
import type { Policy } from '../engine/rule.ts';
import { findRegistry, type RegistryProbe } from '../policy/policy.ts';
import { quoteFirst } from '../text/list.ts';
import { quote } from '../text/quote.ts';
import { formatMinute } from '../text/time.ts';
import type { ImageReference } from '../image/reference.ts';
import { createExchange } from '../registry/exchange/create-exchange.ts';
import { createProbeImage, type ProbeImage, type ProbeResult } from '../registry/client/probe-image.ts';
import { registryAddressOf } from '../registry/client/address.ts';
import { mayDifferForOthers, tryInTurn, type Attempt } from '../registry/prober/attempts.ts';
import type { ProbeReport } from './format-probe.ts';
import { loadLogins, type Logins } from './load-logins.ts';

export type ImageProbeOptions = Readonly<{
  policy: Policy;
  /** A docker `config.json` with logins; undefined to log in nowhere. */
  dockerConfig: string | undefined;
}>;

/** Asks the registry of an image as kubelet would. Never rejects. */
export type AskRegistry = (reference: ImageReference) => Promise<ProbeReport>;

/** Asks each registry by what the policy says of it. @throws UsageError for logins that cannot be read */
export function openImageProbe(
  { policy, dockerConfig }: ImageProbeOptions,
  probeImage: ProbeImage = createProbeImage(createExchange()),
): AskRegistry {
  const logins = dockerConfig === undefined ? undefined : loadLogins(dockerConfig);
  const { timeoutMs } = policy.probe;
  return async (reference) => {
    const { probe: registry = UNNAMED, pullSecret } = findRegistry(policy, reference) ?? {};
    // Without a login there is nothing to lose, and it is a person who typed the address.
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
 * A registry that the policy does not have asked. Whoever types its name wants to know, wherever it is. The webhook asks no
 * such registry: there the name comes from whoever may create a pod.
 */
const UNNAMED: RegistryProbe = { plainHttp: false, tokenHosts: [], addresses: ['0.0.0.0/0', '::/0'], mirrors: [] };

/** What to ask with; undefined to ask anonymously. */
type Login = KeyringEntry | undefined;

type Asked = Attempt<Login, ProbeResult>;

/** Mirrors of nodes are asked anonymously, and nobody logs in without a password. */
function hasLoggedIn(
  { identity: login, told: result }: Asked,
  { registry: host }: ImageReference,
  { plainHttp }: RegistryProbe,
): boolean {
  if (login === undefined || login.credentials.password === '' || 'notAsked' in result) return false;
  const { outcome, endpoint } = result.answer;
  return outcome !== 'ok' || endpoint === registryAddressOf(host, plainHttp)?.endpoint;
}

/** Why nobody logged in where that may have helped, and how to; or what is wrong with the login that was refused. */
function adviseOnLogin(
  { identity: login, told }: Asked,
  logins: Logins | undefined,
  { reference, pullSecret = 'NAME' }: Pick<ProbeReport, 'reference' | 'pullSecret'>,
): string | undefined {
  const trouble = mayDifferForOthers(told) ? describeTrouble(login, logins, reference) : undefined;
  if (login !== undefined) return trouble;
  const take = `--docker-config takes what is in a pull secret: kubectl -n NAMESPACE get secret ${pullSecret} -o jsonpath='{.data.\\.dockerconfigjson}' | base64 -d > config.json`;
  if (logins?.hasHelper(reference) === true) {
    return `the docker config leaves this login to a credential helper, which is not run here, nor by kubelet; ${take}`;
  }
  if (!mayDifferForOthers(told)) return undefined;
  if (logins === undefined) return `nobody logged in; ${take}`;
  if (trouble !== undefined) return `nobody logged in: ${trouble}; ${take}`;
  const keys = logins.entries.map(({ key }) => key.text);
  const image = quote(`${reference.registry}/${reference.repository}`);
  return keys.length === 0
    ? `nobody logged in, as the docker config has no login at all; ${take}`
    : `nobody logged in, as the docker config has no login for ${image}; it has one for ${quoteFirst(keys, MOST_KEYS)}`;
}

/** What the docker config itself shows to keep a login from working; nothing of what stands in it. */
function describeTrouble(login: Login, logins: Logins | undefined, reference: ImageReference): string | undefined {
  if (logins === undefined) return undefined;
  const { entries, unused = [] } = logins.judged;
  const matching = indexKeys(entries)(reference);
  const entry = login === undefined ? matching[0] : matching.find(({ key }) => key.text === login.key.text);
  const what = entry === undefined ? undefined : describeDoubt(entry);
  if (entry !== undefined && what !== undefined) {
    return `the login for ${quote(entry.key.text)} in the docker config cannot work: ${what}`;
  }
  const dropped = unused.find(({ what: kind }) => kind === 'invalid-key');
  if (entry === undefined && dropped !== undefined) {
    return `kubelet drops the entry ${quote(dropped.name)} of the docker config, as that is no address`;
  }
  return entry === undefined && unused.some(({ what: kind }) => kind === 'older-form')
    ? 'the docker config is in the form of a .dockercfg, and kubelet reads what is under "auths"'
    : undefined;
}

function describeDoubt({ flaw, tokenEndsAt = Infinity }: CredentialEntry): string | undefined {
  if (flaw !== undefined) return FLAW_WORDS[flaw];
  return tokenEndsAt <= Date.now() ? `its token expired at ${formatMinute(tokenEndsAt)}` : undefined;
}

/** Enough to see that a port or a path is not as it should be. */
const MOST_KEYS = 5;
