import { MOST_REQUIREMENTS, MOST_VALUES } from '../text/bounds.ts';
import { isRecord, readPath } from '../text/json.ts';

/** The fields of a pod spec that say where its pods may run, as they stand there. Most rules never read them. */
export type PlacementFields = Readonly<
  Partial<Record<'nodeName' | 'nodeSelector' | 'affinity' | 'tolerations' | 'schedulerName', unknown>>
>;

/** On which nodes pods may run, as far as their names, their labels and being closed go. All of it has to be met. */
export type Placement = Readonly<{
  /** It runs on this node, and no scheduler is asked; empty when a scheduler chooses. */
  nodeName: string;
  /** Labels that a node must have, with these values. */
  nodeSelector: Readonly<Record<string, string>>;
  /** Required node affinity: one of these has to match; undefined when it requires nothing. */
  terms: readonly NodeTerm[] | undefined;
  /** Whether it may come to nodes that are closed to new pods. */
  entersClosed: boolean;
  /** False when something that is not read here may keep it from nodes as well. */
  isComplete: boolean;
}>;

/** All of its requirements have to be met. A term without any matches no node. */
export type NodeTerm = Readonly<{ labels: readonly Requirement[]; names: readonly Requirement[] }>;

export type Requirement = Readonly<{ key: string; operator: keyof typeof OPERATORS; values: readonly string[] }>;

type Values = readonly string[];

/** Each operator, and whether the API server takes these values with it. */
const OPERATORS = {
  In: ({ length }: Values) => length > 0,
  NotIn: ({ length }: Values) => length > 0,
  Exists: ({ length }: Values) => length === 0,
  DoesNotExist: ({ length }: Values) => length === 0,
  Gt: isOneInteger,
  Lt: isOneInteger,
} as const;

/**
 * Reads where pods may run. Never throws: what has not the shape it should have, and what is longer than people write
 * it, keeps them from no node, and is not complete.
 */
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
    // Only the usual scheduler is known to keep to it.
    entersClosed: nodeName !== '' || !isUsual || toleratesClosed(fields.tolerations),
    isComplete: isRead && (nodeName !== '' || (isUsual && !followsPods(fields.affinity))),
  };
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';

/** Whether it has to run where certain other pods do. */
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

/** The name of a node is the only field there is. */
function isOfName({ key, operator, values }: Requirement): boolean {
  return key === 'metadata.name' && (operator === 'In' || operator === 'NotIn') && values.length === 1;
}

function isOneInteger([value = '', ...more]: Values): boolean {
  return more.length === 0 && parseInteger(value) !== undefined;
}

const MAX_INTEGER = 2n ** 63n - 1n;

/** A label's value as an integer of 64 bits, as `Gt` and `Lt` compare them; no label starts with a sign. */
export function parseInteger(text: string): bigint | undefined {
  const value = /^[0-9]{1,63}$/.test(text) ? BigInt(text) : undefined;
  return value !== undefined && value <= MAX_INTEGER ? value : undefined;
}

/** As the taint that closes a node is tolerated: by its key or by everything. */
function toleratesClosed(tolerations: unknown): boolean {
  const list: readonly unknown[] = Array.isArray(tolerations) ? tolerations : [];
  // Of more than are looked at, one may tolerate it.
  if (list.length > MOST_REQUIREMENTS) return true;
  return list.some((toleration) => {
    if (!isRecord(toleration)) return false;
    const { key, operator, value, effect } = toleration;
    const isFor = isEmpty(key) || key === 'node.kubernetes.io/unschedulable';
    const isMet = operator === 'Exists' || ((isEmpty(operator) || operator === 'Equal') && isEmpty(value));
    return isFor && isMet && (isEmpty(effect) || effect === 'NoSchedule');
  });
}

/** Each element as it is read, none where there is no list; undefined when one cannot be read, or when it is no list or a long one. */
function readAll<Read>(list: unknown, read: (element: unknown) => Read | undefined): readonly Read[] | undefined {
  if (!Array.isArray(list ?? []) || (Array.isArray(list) && list.length > MOST_VALUES)) return undefined;
  const all = ((list ?? []) as readonly unknown[]).map((element) => read(element));
  return all.every((element) => element !== undefined) ? all : undefined;
}

function isEmpty(value: unknown): boolean {
  return (value ?? '') === '';
}
