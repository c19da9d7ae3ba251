import { evaluate, type Decision, type EvaluateInput } from '../../src/engine/evaluate.ts';
import type { Facts, PullSecret, ServiceAccount } from '../../src/pull/facts.ts';
import { parseCredentialKey } from '../../src/pull/credential-key.ts';
import { findKind, groupOf } from '../../src/workload/kinds.ts';
import type { Json } from './objects.ts';

/** The time in the cluster that `factsOf` makes up. */
export const NOW = Date.UTC(2026, 5, 1, 12);

export const HOUR = 3_600_000;

type Options = Readonly<{ seesEveryType?: boolean }>;

/**
 * What a cluster told us that has these pull secrets and service accounts, by `namespace/name`, and no others; of those that
 * are `unknown` it told nothing. Every namespace has a service account `default`, without secrets unless it is given some.
 */
export function factsOf(
  secrets: Readonly<Record<string, PullSecret | 'unknown'>>,
  accounts: Readonly<Record<string, readonly string[] | ServiceAccount | 'unknown'>> = {},
  { seesEveryType = true }: Options = {},
): Required<Pick<Facts, 'pullSecrets' | 'serviceAccounts'>> {
  return {
    pullSecrets: {
      find: (namespace, name) => {
        const found = secrets[`${namespace}/${name}`] ?? 'absent';
        return found === 'unknown' ? undefined : found;
      },
      seesEveryType,
    },
    serviceAccounts: {
      find: (namespace, name) => {
        const found = accounts[`${namespace}/${name}`] ?? (name === 'default' ? [] : 'unknown');
        if (found === 'unknown') return undefined;
        return 'pullSecrets' in found ? found : { pullSecrets: found, enforcesMountableSecrets: false };
      },
    },
  };
}

/** A pull secret with a user and password for each of these keys, and what else is special about it. */
export function holding(keys: readonly string[], special: Partial<PullSecret> = {}): PullSecret {
  return {
    type: 'kubernetes.io/dockerconfigjson',
    entries: keys.map((key) => ({ key: parseCredentialKey(key)!, hasCredentials: true })),
    ...special,
  };
}

/** The same without a user and password in any of its entries. */
export function withoutCredentials({ entries, ...secret }: PullSecret): PullSecret {
  return { ...secret, entries: entries.map(({ key }) => ({ key, hasCredentials: false })) };
}

/** Judges one object of namespace `default` as a cluster does that has told these facts; templates are announced their fixes. */
export function judgeIn(
  facts: Facts,
  object: Json,
  input: Pick<EvaluateInput, 'policy'> & Partial<EvaluateInput>,
): Decision {
  const kind = findKind(input.policy.kinds, groupOf(String(object['apiVersion'])), String(object['kind']));
  if (kind === undefined) throw new Error(`${String(object['kind'])} is no workload`);
  return evaluate({ object, kind, namespace: 'default', facts, now: NOW, fixMode: 'announce', ...input });
}
