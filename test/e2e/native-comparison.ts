import jsonPatch from 'fast-json-patch';
import { admit, type Endpoint } from '../../src/admission/admit.ts';
import type { AdmissionRequest } from '../../src/admission/review.ts';
import type { Finding } from '../../src/engine/evaluate.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { readString } from '../../src/text/json.ts';
import { groupOf } from '../../src/workload/kinds.ts';
import { requestFor } from '../support/admission-request.ts';
import type { Json } from '../support/objects.ts';
import type { ApiResponse } from './api.ts';

/** What became of a request, by the rules that had a say in it; and of a Pod that was admitted, what it pulls and with what. */
export type Verdict = Readonly<{
  denied: boolean;
  /** Of the engine all rules that deny; an API server says one. */
  deniedBy: readonly string[];
  warnedBy: readonly string[];
  images: readonly string[];
  pullSecrets: readonly string[];
}>;

/** A request as the webhook would get it. */
export type Asked = Pick<AdmissionRequest, 'object' | 'oldObject' | 'namespace'> & Readonly<{ subResource?: string }>;

type Labels = Readonly<Record<string, string>>;

/** What the webhook would do, were it there: with the labels of the namespace, and no other facts. */
export function askEngine(policy: Policy, asked: Asked, labels: Labels): Verdict {
  const request = toRequest(asked);
  const object = request.object as Json;
  const { edits } = admit(request, 'mutate', policy, knowing(labels));
  const isPod = object['kind'] === 'Pod';
  const fixed = structuredClone(dropNulls(object));
  if (edits.length > 0) jsonPatch.applyPatch(fixed, structuredClone(edits) as jsonPatch.Operation[]);
  const { findings } = admit({ ...request, object: fixed }, 'validate', policy, knowing(labels));
  const said = findings.filter((finding) => isSaid(finding));
  const rulesOf = (action: string): readonly string[] =>
    [...new Set(said.filter((finding) => soften(finding, fixed, isPod) === action).map(({ rule }) => rule))].sort();
  const deniedBy = rulesOf('deny');
  return { denied: deniedBy.length > 0, deniedBy, warnedBy: rulesOf('warn'), ...read(isPod ? fixed : {}) };
}

/** Whether each webhook would have anything to do with an object as it is. */
export function hasWork(policy: Policy, asked: Asked, labels: Labels): Readonly<Record<Endpoint, boolean>> {
  const request = toRequest(asked);
  const fixes = admit(request, 'mutate', policy, knowing(labels));
  const { findings } = admit(request, 'validate', policy, knowing(labels));
  return { mutate: fixes.edits.length + fixes.findings.length > 0, validate: findings.length > 0 };
}

function toRequest({ object, oldObject, namespace, subResource = '' }: Asked): AdmissionRequest {
  const given = object as Json;
  return requestFor(given, {
    kind: { group: groupOf(String(given['apiVersion'])), kind: String(given['kind']) },
    operation: oldObject === undefined ? 'CREATE' : 'UPDATE',
    namespace,
    subResource,
    oldObject,
  });
}

function knowing(labels: Labels): Parameters<typeof admit>[3] {
  return { facts: { namespaces: { findLabels: () => labels } }, now: 0 };
}

function dropNulls(object: Json): Json {
  return JSON.parse(JSON.stringify(object, (_, value: unknown) => (value === null ? undefined : value))) as Json;
}

/** Findings that CEL has as well: docs/native.md lists the others. */
function isSaid({ rule, messageId }: Finding): boolean {
  return SAID.has(rule) && messageId !== 'suspicious';
}

const SAID: ReadonlySet<string> = new Set([
  ...[
    'reference-valid',
    'tag-explicit',
    'registry-explicit',
    'mirror-used',
    'pull-secrets-valid',
    'pull-secret-present',
  ],
]);

/** CEL does not know what other pull secrets hold, nor what a ServiceAccount gives, and then denies nothing for a missing one. */
function soften({ rule, action }: Finding, object: Json, isPod: boolean): string {
  const isUnsure = !isPod || read(object).pullSecrets.some((name) => name !== '');
  return rule === 'pull-secret-present' && action === 'deny' && isUnsure ? 'warn' : action;
}

/** What an API server did. Undefined where it refused the object for reasons of its own. */
export function readVerdict({ status, body, warnings }: ApiResponse): Verdict | undefined {
  const message = readString(body, 'message');
  const denial = readRule(message, /ValidatingAdmissionPolicy 'pullguard-/);
  if (status >= 300 && denial === undefined) return undefined;
  const warnedBy = warnings.flatMap(
    (warning) => readRule(warning, /^Validation failed for ValidatingAdmissionPolicy 'pullguard-/) ?? [],
  );
  return {
    denied: denial !== undefined,
    deniedBy: denial === undefined ? [] : [denial],
    warnedBy: [...new Set(warnedBy)].sort(),
    ...read(denial === undefined ? (body as Json) : {}),
  };
}

/** The rule at the end of what a policy of ours says. */
function readRule(message: string, start: RegExp): string | undefined {
  return start.test(message) ? /\(([a-z-]+)(?:, and \d+ more)?\)$/.exec(message)?.[1] : undefined;
}

function read(object: Json): Pick<Verdict, 'images' | 'pullSecrets'> {
  if (object['kind'] !== 'Pod') return { images: [], pullSecrets: [] };
  const spec = object['spec'] as Record<string, readonly Json[] | undefined>;
  const containers = ['initContainers', 'containers', 'ephemeralContainers'].flatMap((list) => spec[list] ?? []);
  const volumes = (spec['volumes'] ?? []).flatMap((volume) => {
    const image = volume['image'] as Json | undefined;
    return image === undefined ? [] : [String(image['reference'])];
  });
  return {
    images: [...volumes, ...containers.map(({ image }) => String(image))],
    pullSecrets: (spec['imagePullSecrets'] ?? []).map((secret) => readString(secret, 'name')),
  };
}

/** How two verdicts differ, in words; undefined where they are the same. */
export function describeDifference(engine: Verdict, native: Verdict): string | undefined {
  if (engine.denied !== native.denied)
    return `engine denies by ${String(engine.deniedBy)}, native by ${String(native.deniedBy)}`;
  const [denial] = native.deniedBy;
  if (denial !== undefined && !engine.deniedBy.includes(denial))
    return `engine denies by ${String(engine.deniedBy)}, native by ${denial}`;
  if (String(engine.warnedBy) !== String(native.warnedBy))
    return `engine warns by ${String(engine.warnedBy)}, native by ${String(native.warnedBy)}`;
  if (native.denied) return undefined;
  if (String(engine.images) !== String(native.images))
    return `engine has ${String(engine.images)}, native ${String(native.images)}`;
  if (String(engine.pullSecrets) !== String(native.pullSecrets)) {
    return `engine names ${String(engine.pullSecrets)}, native ${String(native.pullSecrets)}`;
  }
  return undefined;
}
