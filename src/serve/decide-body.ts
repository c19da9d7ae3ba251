import { type Endpoint } from '../admission/admit.ts';
import { readReview, type AdmissionRequest } from '../admission/review.ts';
import type { Policy } from '../engine/rule.ts';
import { LARGE_TIME_BUDGET_MS } from '../text/bounds.ts';
import { describeError } from '../text/error.ts';
import { isRecord, readPath } from '../text/json.ts';
import { createAskedFacts, type Askable, type LookUp, type Told } from './asked-facts.ts';
import { decide, startBudget, type Decided } from './decide.ts';
import { parseBody } from './read-body.ts';

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
  | Readonly<{ problem: Readonly<{ code: number; message: string }> }>
  | Readonly<{ request: AdmissionRequest; decided: Decided }>;

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
  if ('problem' in parsed) return { problem: { code: parsed.problem.code, message: parsed.problem.message } };
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
