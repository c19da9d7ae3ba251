import type { Endpoint } from '../admission/admit.ts';
import { readReview, type AdmissionRequest } from '../admission/review.ts';
import type { Policy } from '../engine/rule.ts';
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
import { LARGE_TIME_BUDGET_MS } from '../text/bounds.ts';
import { describeError } from '../text/error.ts';
import { isRecord, readPath } from '../text/json.ts';
import { decide, startBudget, type Decided } from './decide.ts';
import { parseBody, type HttpProblem } from './http.ts';

/** The body of a webhook call, to be decided in another thread. */
export type Job = Readonly<{
  endpoint: Endpoint;
  /** Its parts. */
  body: readonly Uint8Array[];
  askable: Askable;
  /** Milliseconds since 1970. */
  now: number;
}>;

/** The result for a body: why it is not a review, or the decision and the request, without its object. */
export type BodyDecision =
  Readonly<{ problem: HttpProblem }> | Readonly<{ request: AdmissionRequest; decided: Decided }>;

/** Each round requests what the one before found to be missing: labels, a ServiceAccount, the pull secrets that it names. */
const MOST_ROUNDS = 5;

/**
 * Decides the review in a body. Missing facts about the cluster are requested, and the review is decided again with them. The
 * result can be sent to another thread.
 */
export async function decideBody(
  { endpoint, body, askable, now }: Job,
  policy: Policy,
  ask: (open: ReadonlyMap<string, LookUp>) => Promise<Told>,
): Promise<BodyDecision> {
  const parsed = parseBody(Buffer.concat(body));
  if ('problem' in parsed) return { problem: parsed.problem };
  const read = readReview(parsed.body);
  if (!read.ok) return { problem: { code: 400, message: read.problem } };
  const { review } = read;
  const told: Told = new Map();
  for (let round = 1; ; round++) {
    const open = new Map<string, LookUp>();
    const facts = createAskedFacts(askable, told, open);
    const timeLeft = startBudget(LARGE_TIME_BUDGET_MS);
    const decided = decide(review, endpoint, () => ({ policy, facts, now, timeLeft }));
    if (open.size === 0 || round === MOST_ROUNDS)
      return { request: withoutObject(review.request), decided: pack(decided) };
    for (const [key, value] of await ask(open)) told.set(key, value);
  }
}

/** After the decision, only the user, the operation, and the name and owner of the object are needed. */
function withoutObject(request: AdmissionRequest): AdmissionRequest {
  return { ...request, object: keepNames(request.object), oldObject: undefined };
}

function keepNames(object: unknown): unknown {
  if (!isRecord(object)) return undefined;
  const { apiVersion, metadata } = object;
  const { name, generateName, namespace, uid } = isRecord(metadata) ? metadata : {};
  const owners = readPath(metadata, 'ownerReferences');
  const controller = Array.isArray(owners) ? owners.filter((owner) => readPath(owner, 'controller') === true) : [];
  return { apiVersion, metadata: { name, generateName, namespace, uid, ownerReferences: controller.slice(0, 1) } };
}

/** Removes the parameters of the findings' messages, which are no longer needed and may hold the whole object. */
function pack({ admission, error, ...decided }: Decided): Decided {
  const findings = admission?.findings.map((finding) => ({ ...finding, params: undefined })) ?? [];
  return {
    ...decided,
    ...(admission !== undefined && { admission: { ...admission, findings } }),
    ...(error !== undefined && { error: new Error(describeError(error)) }),
  };
}

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
type Askable = Readonly<{
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
function createAskedFacts(askable: Askable, told: Told, open: Map<string, LookUp>): Facts {
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
