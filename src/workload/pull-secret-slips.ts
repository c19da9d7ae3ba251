import { MOST_PULL_SECRETS } from '../text/bounds.ts';
import { isRecord, joinPointer, readPointer, type Pointer } from '../text/json.ts';
import { isSubdomain } from '../text/kubernetes-name.ts';
import { CONTAINER_LISTS, labelOf, nameContainer } from './containers.ts';
import { isBuiltIn, type WorkloadKind } from './kinds.ts';

/**
 * A mistake around `imagePullSecrets`, so that no Secret is named: its place, the field's value if it is a scalar, its container.
 */
export type PullSecretSlip = Readonly<{ at: Pointer; value?: string; label?: string }> &
  (
    | Readonly<{
        /**
         * `no-list`, `no-object` and `no-text` have a type that the API server cannot decode. `no-name`: an entry without a name.
         * `bad-name`: not a valid name of a Secret.
         */
        slip: 'no-list' | 'no-object' | 'no-text' | 'no-name' | 'bad-name';
      }>
    /** A field that Kubernetes ignores; `readAt` is the field that was meant. */
    | Readonly<{ slip: 'misplaced' | 'misspelled'; field: string; readAt: Pointer }>
  );

/** Whether the API server refuses the object; for a custom kind it may accept it. */
export function isSecretSlipRefused({ slip }: PullSecretSlip): boolean {
  return slip === 'no-list' || slip === 'no-object' || slip === 'no-text';
}

/** Finds these mistakes in one pod spec and around it. */
export function listPullSecretSlips(
  object: unknown,
  kind: WorkloadKind,
  podSpec: Pointer,
  spec: Readonly<Record<string, unknown>>,
): readonly PullSecretSlip[] {
  const inList = listInList(spec[FIELD], joinPointer(podSpec, FIELD));
  // The other fields of custom kinds, and their types, are unknown.
  if (!isBuiltIn(kind)) return inList.filter(({ slip }) => slip === 'bad-name');
  return [...inList, ...listMisspelled(spec, podSpec), ...listMisplaced(object, podSpec, spec)];
}

const FIELD = 'imagePullSecrets';

function listInList(value: unknown, list: Pointer): readonly PullSecretSlip[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return [{ slip: 'no-list', at: list, ...textOf(value) }];
  return value.slice(0, MOST_PULL_SECRETS).flatMap((entry: unknown, at) => readEntry(entry, joinPointer(list, at)));
}

function readEntry(entry: unknown, at: Pointer): readonly PullSecretSlip[] {
  if (entry === null) return [{ slip: 'no-name', at }];
  if (!isRecord(entry)) return [{ slip: 'no-object', at, ...textOf(entry) }];
  const { name } = entry;
  // kubelet ignores an empty name, as the API server does; charts write it if no Secret is wanted.
  if (name === undefined || name === null)
    return Object.keys(entry).some((key) => key !== 'name') ? [{ slip: 'no-name', at }] : [];
  if (typeof name !== 'string') return [{ slip: 'no-text', at: joinPointer(at, 'name'), ...textOf(name) }];
  return name === '' || isSubdomain(name) ? [] : [{ slip: 'bad-name', at: joinPointer(at, 'name'), value: name }];
}

function textOf(value: unknown): Readonly<{ value?: string }> {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? { value: String(value) }
    : {};
}

/** `imagePullSecret`, `imagepullsecrets`, `pullSecrets`: the API server only knows the exact names of fields. */
const LIKE_FIELD = /^(?:image)?[-_]?pull[-_]?secrets?(?:names?)?$/i;

function listMisspelled(holder: Readonly<Record<string, unknown>>, at: Pointer): readonly PullSecretSlip[] {
  return Object.keys(holder)
    .filter((name) => name !== FIELD && LIKE_FIELD.test(name) && holdsAnything(holder[name]))
    .map((field) => ({ slip: 'misspelled', at: joinPointer(at, field), field, readAt: joinPointer(at, FIELD) }));
}

/** Names of the field in wrong places. They are looked up by name, as there may be thousands of containers. */
const FIELDS_ELSEWHERE = [FIELD, 'imagePullSecret', 'pullSecrets', 'pullSecret'] as const;

/** In a container, in the objects around the pod spec, and in their metadata. */
function listMisplaced(
  object: unknown,
  podSpec: Pointer,
  spec: Readonly<Record<string, unknown>>,
): readonly PullSecretSlip[] {
  const slips: PullSecretSlip[] = [];
  const look = (holder: unknown, at: () => Pointer, label?: () => string): void => {
    if (!isRecord(holder)) return;
    for (const field of FIELDS_ELSEWHERE) {
      if (!Object.hasOwn(holder, field) || !holdsAnything(holder[field])) continue;
      const place = { at: joinPointer(at(), field), readAt: joinPointer(podSpec, FIELD) };
      slips.push({ slip: 'misplaced', field, ...place, ...(label !== undefined && { label: label() }) });
    }
  };
  look(spec['securityContext'], () => joinPointer(podSpec, 'securityContext'));
  for (const list of CONTAINER_LISTS) {
    const containers = spec[list];
    if (!Array.isArray(containers)) continue;
    for (const [at, container] of containers.entries()) {
      if (!isRecord(container)) continue;
      look(
        container,
        () => joinPointer(podSpec, list, at),
        () => labelOf(nameContainer(list, container), container['name']),
      );
    }
  }
  for (let end = podSpec.lastIndexOf('/'); end >= 0; end = podSpec.lastIndexOf('/', end - 1)) {
    const above = podSpec.slice(0, end);
    const holder = readPointer(object, above);
    look(holder, () => above);
    if (isRecord(holder)) look(holder['metadata'], () => joinPointer(above, 'metadata'));
    if (end === 0) break;
  }
  return slips;
}

function holdsAnything(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0);
}
