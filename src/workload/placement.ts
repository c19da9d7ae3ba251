import { isRecord, readPath } from '../text/json.ts';

/** The fields of a pod spec that say where its pods may run, as they stand there. */
export type PlacementFields = Readonly<
  Record<'nodeName' | 'nodeSelector' | 'affinity' | 'tolerations' | 'schedulerName', unknown>
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

export type Requirement = Readonly<{ key: string; operator: (typeof OPERATORS)[number]; values: readonly string[] }>;

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'] as const;

/** Nothing is read yet: most rules do not ask, and most pods do not say. */
export function keepPlacement(spec: Readonly<Record<string, unknown>>): PlacementFields {
  return {
    nodeName: spec['nodeName'],
    nodeSelector: spec['nodeSelector'],
    affinity: spec['affinity'],
    tolerations: spec['tolerations'],
    schedulerName: spec['schedulerName'],
  };
}

/**
 * Reads where pods may run. Never throws: what has not the shape it should have, and what is longer than anybody would write
 * it, keeps them from no node, and is not complete.
 */
export function readPlacement(fields: PlacementFields): Placement {
  const nodeName = typeof fields.nodeName === 'string' ? fields.nodeName : '';
  const isUsual = isUsualScheduler(fields.schedulerName);
  const nodeSelector = readSelector(fields.nodeSelector);
  const terms = readTerms(fields.affinity);
  return {
    nodeName,
    nodeSelector: nodeSelector ?? {},
    terms: terms === 'malformed' ? undefined : terms,
    // Only the usual scheduler is known to keep to it.
    entersClosed: nodeName !== '' || !isUsual || toleratesClosed(fields.tolerations),
    isComplete:
      nodeSelector !== undefined &&
      terms !== 'malformed' &&
      (nodeName !== '' || (isUsual && !followsPods(fields.affinity))),
  };
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';

/** More is not written by hand, and each costs a look at every node. */
const MOST_REQUIREMENTS = 50;
const MOST_VALUES = 500;

function isUsualScheduler(name: unknown): boolean {
  return isAbsent(name) || name === '' || name === 'default-scheduler';
}

/** Whether it has to run where certain other pods do. */
function followsPods(affinity: unknown): boolean {
  const required = readPath(affinity, 'podAffinity', REQUIRED);
  return !isAbsent(required) && !(Array.isArray(required) && required.length === 0);
}

function readSelector(value: unknown): Placement['nodeSelector'] | undefined {
  if (isAbsent(value)) return {};
  if (!isRecord(value)) return undefined;
  const values = Object.values(value);
  const isSelector = values.length <= MOST_REQUIREMENTS && values.every((each) => typeof each === 'string');
  return isSelector ? (value as Placement['nodeSelector']) : undefined;
}

function readTerms(affinity: unknown): readonly NodeTerm[] | undefined | 'malformed' {
  const required = readPath(affinity, 'nodeAffinity', REQUIRED);
  const way = [affinity, readPath(affinity, 'nodeAffinity'), required];
  if (!way.every((each) => isAbsent(each) || isRecord(each))) return 'malformed';
  if (isAbsent(required)) return undefined;
  const terms = readAll(readPath(required, 'nodeSelectorTerms'), readTerm);
  if (terms === undefined) return 'malformed';
  const requirements = terms.flatMap(({ labels, names }) => [...labels, ...names]);
  const values = requirements.reduce((sum, { values: { length } }) => sum + length, 0);
  return requirements.length > MOST_REQUIREMENTS || values > MOST_VALUES ? 'malformed' : terms;
}

function readTerm(term: unknown): NodeTerm | undefined {
  if (!isRecord(term)) return undefined;
  const labels = readAll(term['matchExpressions'], readLabelRequirement);
  const names = readAll(term['matchFields'], readNameRequirement);
  return labels === undefined || names === undefined ? undefined : { labels, names };
}

function readLabelRequirement(value: unknown): Requirement | undefined {
  const requirement = readRequirement(value);
  if (requirement === undefined) return undefined;
  const { key, operator, values } = requirement;
  const isValid = LABEL_KEY.test(key) && ALLOWS[operator](values) && values.every((each) => LABEL_VALUE.test(each));
  return isValid ? requirement : undefined;
}

/** The name of a node is the only field there is. */
function readNameRequirement(value: unknown): Requirement | undefined {
  const requirement = readRequirement(value);
  if (requirement === undefined) return undefined;
  const { key, operator, values } = requirement;
  const isValid = key === 'metadata.name' && (operator === 'In' || operator === 'NotIn') && values.length === 1;
  return isValid ? requirement : undefined;
}

function readRequirement(value: unknown): Requirement | undefined {
  const key = readPath(value, 'key');
  const named = readPath(value, 'operator');
  const operator = OPERATORS.find((each) => each === named);
  const values = readAll(readPath(value, 'values'), (each) => (typeof each === 'string' ? each : undefined));
  if (typeof key !== 'string' || operator === undefined || values === undefined) return undefined;
  return { key, operator, values };
}

const LABEL_KEY = /^(?:[a-z0-9][-a-z0-9.]{0,252}\/)?[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?)?$/;

/** The values that the API server takes with each operator. */
const ALLOWS: Readonly<Record<Requirement['operator'], (values: readonly string[]) => boolean>> = {
  In: ({ length }) => length > 0,
  NotIn: ({ length }) => length > 0,
  Exists: ({ length }) => length === 0,
  DoesNotExist: ({ length }) => length === 0,
  Gt: isOneInteger,
  Lt: isOneInteger,
};

function isOneInteger([value = '', ...more]: readonly string[]): boolean {
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
  return list.some((toleration) => {
    if (!isRecord(toleration)) return false;
    const { key, operator, value, effect } = toleration;
    const isFor = isEmpty(key) || key === 'node.kubernetes.io/unschedulable';
    const isMet = operator === 'Exists' || ((isEmpty(operator) || operator === 'Equal') && isEmpty(value));
    return isFor && isMet && (isEmpty(effect) || effect === 'NoSchedule');
  });
}

/** Each element as it is read; undefined when one cannot be read, or when there is no list. */
function readAll<Read>(list: unknown, read: (element: unknown) => Read | undefined): readonly Read[] | undefined {
  if (isAbsent(list)) return [];
  if (!Array.isArray(list)) return undefined;
  const all = list.map((element: unknown) => read(element)).filter((element) => element !== undefined);
  return all.length === list.length ? all : undefined;
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function isEmpty(value: unknown): boolean {
  return isAbsent(value) || value === '';
}
