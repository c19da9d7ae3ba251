import { MOST_REQUIREMENTS, MOST_VALUES } from '../text/bounds.ts';
import { isRecord, readPath } from '../text/json.ts';

/** The fields of a pod spec that decide where its Pods may run, not yet read. Most rules never need them. */
export type PlacementFields = Readonly<
  Partial<Record<'nodeName' | 'nodeSelector' | 'affinity' | 'tolerations' | 'schedulerName', unknown>>
>;

/** The nodes on which Pods may run, by node names, labels and cordoned nodes. A node must meet all of it. */
export type Placement = Readonly<{
  /** The Pod runs on this node without a scheduler; empty if a scheduler chooses. */
  nodeName: string;
  /** Labels with values that a node must have. */
  nodeSelector: Readonly<Record<string, string>>;
  /** Required node affinity: at least one term must match; undefined if there is none. */
  terms: readonly NodeTerm[] | undefined;
  /** Whether the Pod may run on cordoned nodes (unschedulable). */
  entersClosed: boolean;
  /** False if something that is not read here may also exclude nodes. */
  isComplete: boolean;
}>;

/** All requirements must be met. A term without requirements matches no node. */
export type NodeTerm = Readonly<{ labels: readonly Requirement[]; names: readonly Requirement[] }>;

export type Requirement = Readonly<{ key: string; operator: keyof typeof OPERATORS; values: readonly string[] }>;

type Values = readonly string[];

/** Each operator, and whether the API server accepts these values for it. */
const OPERATORS = {
  In: ({ length }: Values) => length > 0,
  NotIn: ({ length }: Values) => length > 0,
  Exists: ({ length }: Values) => length === 0,
  DoesNotExist: ({ length }: Values) => length === 0,
  Gt: isOneInteger,
  Lt: isOneInteger,
} as const;

/** Reads where Pods may run. Never throws: malformed or very long fields exclude no node, and the result is then not complete. */
export function readPlacement(fields: PlacementFields): Placement {
  const nodeName = typeof fields.nodeName === 'string' ? fields.nodeName : '';
  const isUsual = isEmpty(fields.schedulerName) || fields.schedulerName === 'default-scheduler';
  const nodeSelector = readSelector(fields.nodeSelector);
  const terms = readTerms(fields.affinity);
  const isRead = nodeSelector !== undefined && terms !== 'malformed';
  return {
    nodeName,
    nodeSelector: nodeSelector ?? {},
    terms: terms === 'malformed' ? undefined : terms,
    // Only the default scheduler is known to respect cordoned nodes.
    entersClosed: nodeName !== '' || !isUsual || toleratesClosed(fields.tolerations),
    isComplete: isRead && (nodeName !== '' || (isUsual && !followsPods(fields.affinity))),
  };
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';

/** Whether the Pod must run next to certain other Pods. */
function followsPods(affinity: unknown): boolean {
  const required = readPath(affinity, 'podAffinity', REQUIRED) ?? [];
  return !Array.isArray(required) || required.length > 0;
}

function readSelector(value: unknown): Placement['nodeSelector'] | undefined {
  const selector = value ?? {};
  if (!isRecord(selector)) return undefined;
  const values = Object.values(selector);
  const isSelector = values.length <= MOST_REQUIREMENTS && values.every((each) => typeof each === 'string');
  return isSelector ? (selector as Placement['nodeSelector']) : undefined;
}

function readTerms(affinity: unknown): readonly NodeTerm[] | undefined | 'malformed' {
  const required = readPath(affinity, 'nodeAffinity', REQUIRED);
  const way = [affinity, readPath(affinity, 'nodeAffinity'), required];
  if (!way.every((each) => isRecord(each ?? {}))) return 'malformed';
  if (isEmpty(required)) return undefined;
  const terms = readAll(readPath(required, 'nodeSelectorTerms'), readTerm) ?? 'malformed';
  return terms === 'malformed' || isEndless(terms) ? 'malformed' : terms;
}

function isEndless(terms: readonly NodeTerm[]): boolean {
  const requirements = terms.flatMap(({ labels, names }) => [...labels, ...names]);
  return requirements.length > MOST_REQUIREMENTS || requirements.flatMap(({ values }) => values).length > MOST_VALUES;
}

function readTerm(term: unknown): NodeTerm | undefined {
  if (!isRecord(term)) return undefined;
  const labels = readAll(term['matchExpressions'], (each) => readRequirement(each, isOfLabel));
  const names = readAll(term['matchFields'], (each) => readRequirement(each, isOfName));
  return labels === undefined || names === undefined ? undefined : { labels, names };
}

function readRequirement(value: unknown, isValid: (requirement: Requirement) => boolean): Requirement | undefined {
  const [key, operator] = [readPath(value, 'key'), readPath(value, 'operator')];
  const values = readAll(readPath(value, 'values'), (each) => (typeof each === 'string' ? each : undefined));
  if (typeof key !== 'string' || !isOperator(operator) || values === undefined) return undefined;
  const requirement = { key, operator, values };
  return isValid(requirement) ? requirement : undefined;
}

function isOperator(value: unknown): value is Requirement['operator'] {
  return typeof value === 'string' && Object.hasOwn(OPERATORS, value);
}

const LABEL_KEY = /^(?:[a-z0-9][-a-z0-9.]{0,252}\/)?[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?)?$/;

function isOfLabel({ key, operator, values }: Requirement): boolean {
  return LABEL_KEY.test(key) && OPERATORS[operator](values) && values.every((each) => LABEL_VALUE.test(each));
}

/** The only supported field is the name of the node. */
function isOfName({ key, operator, values }: Requirement): boolean {
  return key === 'metadata.name' && (operator === 'In' || operator === 'NotIn') && values.length === 1;
}

function isOneInteger([value = '', ...more]: Values): boolean {
  return more.length === 0 && parseInteger(value) !== undefined;
}

const MAX_INTEGER = 2n ** 63n - 1n;

/** A label's value as a 64-bit integer, as `Gt` and `Lt` compare it; label values have no sign. */
export function parseInteger(text: string): bigint | undefined {
  const value = /^[0-9]{1,63}$/.test(text) ? BigInt(text) : undefined;
  return value !== undefined && value <= MAX_INTEGER ? value : undefined;
}

/** Whether the taint of cordoned nodes is tolerated, by its key or by a toleration of everything. */
function toleratesClosed(tolerations: unknown): boolean {
  const list: readonly unknown[] = Array.isArray(tolerations) ? tolerations : [];
  // The list is too long to be read, and one of them may tolerate it.
  if (list.length > MOST_REQUIREMENTS) return true;
  return list.some((toleration) => {
    if (!isRecord(toleration)) return false;
    const { key, operator, value, effect } = toleration;
    const isFor = isEmpty(key) || key === 'node.kubernetes.io/unschedulable';
    const isMet = operator === 'Exists' || ((isEmpty(operator) || operator === 'Equal') && isEmpty(value));
    return isFor && isMet && (isEmpty(effect) || effect === 'NoSchedule');
  });
}

/**
 * Reads each element; empty without a list. Undefined if an element cannot be read, or if the value is not a list or a long one.
 */
function readAll<Read>(list: unknown, read: (element: unknown) => Read | undefined): readonly Read[] | undefined {
  if (!Array.isArray(list ?? []) || (Array.isArray(list) && list.length > MOST_VALUES)) return undefined;
  const all = ((list ?? []) as readonly unknown[]).map((element) => read(element));
  return all.every((element) => element !== undefined) ? all : undefined;
}

function isEmpty(value: unknown): boolean {
  return (value ?? '') === '';
}
