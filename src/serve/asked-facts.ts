import { formatReference, type ImageReference } from '../image/reference.ts';
import {
  keyOfQuestion,
  type Facts,
  type FailedPulls,
  type ImageQuestion,
  type KnownAnswer,
  type PullSecret,
  type ServiceAccount,
} from '../pull/facts.ts';

/**
 * One look-up of a fact. Another thread cannot read the known state of the cluster, and copying all of it for one review would
 * take longer than the review, so it requests the facts that it needs.
 */
export type LookUp =
  | readonly ['labels', namespace: string]
  | readonly ['secret', namespace: string, name: string]
  | readonly ['account', namespace: string, name: string]
  | readonly ['image', question: ImageQuestion]
  | readonly ['failed', reference: ImageReference, namespace: string]
  | readonly ['pulled', registry: string];

/** Facts, by `keyOf` of their look-ups. */
export type Told = Map<string, unknown>;

/** The facts that can be requested. Nodes cannot: there may be thousands, and a large review is checked without them. */
export type Askable = Readonly<{
  namespaces: boolean;
  serviceAccounts: boolean;
  registries: boolean;
  pulls: boolean;
  /** For pull secrets, also whether those of every type are known. */
  pullSecrets: Readonly<{ seesEveryType: boolean }> | undefined;
}>;

/** Most look-ups of one round, as an object may name a hundred thousand secrets. Facts beyond that stay unknown. */
const MOST_LOOK_UPS = 2000;

export function listAskable({ namespaces, serviceAccounts, registries, pulls, pullSecrets }: Facts): Askable {
  return {
    namespaces: namespaces !== undefined,
    serviceAccounts: serviceAccounts !== undefined,
    registries: registries !== undefined,
    pulls: pulls !== undefined,
    pullSecrets: pullSecrets && { seesEveryType: pullSecrets.seesEveryType },
  };
}

/** The facts received so far. Missing ones are unknown, and are recorded to be requested. */
export function createAskedFacts(askable: Askable, told: Told, open: Map<string, LookUp>): Facts {
  const get = (lookUp: LookUp): unknown => {
    const key = keyOf(lookUp);
    if (told.has(key)) return told.get(key);
    if (open.size < MOST_LOOK_UPS) open.set(key, lookUp);
    return undefined;
  };
  const { namespaces, serviceAccounts, pullSecrets, registries, pulls } = askable;
  return {
    ...(namespaces && {
      namespaces: { findLabels: (namespace) => get(['labels', namespace]) as Labels },
    }),
    ...(serviceAccounts && {
      serviceAccounts: { find: (namespace, name) => get(['account', namespace, name]) as ServiceAccount | undefined },
    }),
    ...(pullSecrets !== undefined && {
      pullSecrets: {
        find: (namespace, name) => get(['secret', namespace, name]) as PullSecret | 'absent' | undefined,
        seesEveryType: pullSecrets.seesEveryType,
      },
    }),
    ...(registries && {
      registries: { get: (question) => (get(['image', question]) as KnownAnswer | undefined) ?? 'no-answer' },
    }),
    ...(pulls && {
      pulls: {
        find: (reference, namespace) =>
          (get(['failed', reference, namespace]) as readonly FailedPulls[] | undefined) ?? [],
        hasPulled: (registry) => get(['pulled', registry]) === true,
      },
    }),
  };
}

type Labels = ReturnType<NonNullable<Facts['namespaces']>['findLabels']>;

/** The facts for these look-ups, by the same keys. */
export function lookUpAll(open: ReadonlyMap<string, LookUp>, facts: Facts): Told {
  return new Map([...open].map(([key, lookUp]) => [key, lookUpOne(lookUp, facts)]));
}

function lookUpOne(lookUp: LookUp, facts: Facts): unknown {
  const { namespaces, pullSecrets, serviceAccounts, registries } = facts;
  switch (lookUp[0]) {
    case 'labels':
      return namespaces?.findLabels(lookUp[1]);
    case 'secret':
      return pullSecrets?.find(lookUp[1], lookUp[2]);
    case 'account':
      return serviceAccounts?.find(lookUp[1], lookUp[2]);
    case 'image':
      return registries?.get(lookUp[1]) ?? 'not-allowed';
    case 'failed':
    case 'pulled':
      return lookUpPulls(lookUp, facts);
  }
}

function lookUpPulls(lookUp: Extract<LookUp, readonly ['failed' | 'pulled', ...unknown[]]>, { pulls }: Facts): unknown {
  return lookUp[0] === 'failed' ? pulls?.find(lookUp[1], lookUp[2]) : pulls?.hasPulled(lookUp[1]);
}

function keyOf(lookUp: LookUp): string {
  if (lookUp[0] === 'image') return `image ${keyOfQuestion(lookUp[1])}`;
  return lookUp[0] === 'failed' ? `failed ${formatReference(lookUp[1])} ${lookUp[2]}` : lookUp.join(' ');
}
