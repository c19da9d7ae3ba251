import { readServiceAccount } from '../cluster/facts/read-objects.ts';
import type { ManifestObject } from '../manifest/read-manifests.ts';
import type { Facts, PullSecret, ServiceAccount } from '../pull/facts.ts';
import { isEncodedConfig } from '../pull/docker-config.ts';
import { readPullSecret } from '../pull/pull-secret.ts';
import { isRecord, readPath, readString } from '../text/json.ts';

/** The parts of an object from which facts are read. */
export type Told = Pick<ManifestObject, 'apiVersion' | 'kind' | 'object'>;

export function tellsOfCluster({ apiVersion, kind }: Told): boolean {
  return apiVersion === 'v1' && (kind === 'Secret' || kind === 'ServiceAccount');
}

/**
 * What manifests show about their cluster: the Secrets and ServiceAccounts in them are known. All others are unknown, as they may
 * exist in the cluster. A fact is absent if nothing is known about it.
 */
export function readFacts(objects: Iterable<Told>): Facts {
  const secrets = new Map<string, PullSecret | undefined>();
  const accounts = new Map<string, ServiceAccount | undefined>();
  for (const told of objects) {
    const { kind, object } = told;
    if (!tellsOfCluster(told) || !isRecord(object)) continue;
    const key = toKey(readString(object, 'metadata', 'namespace'), readString(object, 'metadata', 'name'));
    if (kind === 'Secret') add(secrets, key, readSecret(object));
    if (kind === 'ServiceAccount')
      add(
        accounts,
        key,
        orUnknown(() => readServiceAccount(object)),
      );
  }
  if (secrets.size === 0 && accounts.size === 0) return {};
  return {
    ...(secrets.size > 0 && {
      pullSecrets: { find: (namespace, name) => secrets.get(toKey(namespace, name)), seesEveryType: true },
    }),
    serviceAccounts: { find: (namespace, name) => accounts.get(toKey(namespace, name)) },
  };
}

function toKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** If two have the same name, as in overlays for two clusters, it is unknown which one applies. */
function add<Value>(found: Map<string, Value | undefined>, key: string, value: Value): void {
  found.set(key, found.has(key) ? undefined : value);
}

/** An object that exceeds a limit is unknown. */
function orUnknown<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const DATA_KEYS = ['.dockerconfigjson', '.dockercfg'] as const;

/** A pull secret as the API server will store it; undefined if another tool fills it in first, as with encrypted files. */
function readSecret(object: Readonly<Record<string, unknown>>): PullSecret | undefined {
  if (Object.hasOwn(object, 'sops')) return undefined;
  const { data, stringData } = object;
  const encoded = Object.entries(isRecord(stringData) ? stringData : {}).map(
    ([key, text]) => [key, typeof text === 'string' ? Buffer.from(text).toString('base64') : text] as const,
  );
  // The API server's default.
  const type = readString(object, 'type') || 'Opaque';
  const secret = { ...object, type, data: { ...(isRecord(data) ? data : {}), ...Object.fromEntries(encoded) } };
  const isFilled = DATA_KEYS.every((key) => isFilledIn(readPath(secret, 'data', key)));
  return isFilled ? orUnknown(() => readPullSecret(secret)) : undefined;
}

/** Variables of envsubst, Flux or Helm, and placeholders of SOPS and the vault plugin of Argo CD. */
const TO_BE_FILLED_IN = /\$\{|\$\(|\{\{|ENC\[|<path:/;

function isFilledIn(encoded: unknown): boolean {
  if (encoded === undefined) return true;
  if (typeof encoded !== 'string' || TO_BE_FILLED_IN.test(encoded)) return false;
  if (encoded.trimStart().startsWith('{')) return true;
  const text = Buffer.from(encoded, 'base64').toString();
  const isConfig = /^\s*(?:\{|auths:)/.test(text) || isEncodedConfig(text);
  return isConfig && !TO_BE_FILLED_IN.test(text);
}
