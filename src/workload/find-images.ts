import { MOST_VALUES_SEARCHED } from '../text/bounds.ts';
import { expandPointer, isRecord, joinPointer, readPointer, type Pointer } from '../text/json.ts';
import { isBuiltIn, type WorkloadKind } from './kinds.ts';

/**
 * The first image of a container that is not checked, because its kind is unknown, or because it is at a place where the kind has
 * no pod spec; undefined if there is none.
 */
export function findUnreadImage(object: unknown, kind: WorkloadKind | undefined): Pointer | undefined {
  const expand = (patterns: readonly Pointer[] = []): readonly Pointer[] =>
    patterns.flatMap((pattern) => expandPointer(object, pattern));
  const podSpecs = expand(kind?.podSpecs);
  const alone = new Set(expand(kind?.containers));
  const waiting: (readonly [value: unknown, at: Pointer])[] = [[object, '']];
  // The list grows while it is iterated: outer images come first, and deep nesting needs no stack.
  for (const [value, at] of waiting) {
    if (waiting.length > MOST_VALUES_SEARCHED) return undefined;
    const isRead = podSpecs.includes(at) && isReadable(value);
    const image = isRecord(value) && !isRead ? findImage(value, at) : undefined;
    if (image !== undefined && !alone.has(image.slice(0, image.lastIndexOf('/')))) return image;
    for (const [key, child] of listUnread(value, isRead)) waiting.push([child, joinPointer(at, key)]);
  }
  return undefined;
}

/** The children of a value, without the containers of a pod spec that is checked. */
function listUnread(value: unknown, isRead: boolean): ReturnType<typeof listChildren> {
  return listChildren(value).filter(([key]) => !isRead || !key.endsWith('ontainers'));
}

/** The most patterns of pod specs to report: more than any known kind has. */
const MOST_PATTERNS = 8;

/** Where an object of an unknown kind seems to have pod specs: patterns in which `*` stands for every element of a list. */
export function findPodSpecs(object: unknown): readonly Pointer[] {
  const found = new Set<Pointer>();
  const waiting: (readonly [value: unknown, pattern: Pointer])[] = [[object, '']];
  for (const [value, pattern] of waiting) {
    if (waiting.length > MOST_VALUES_SEARCHED || found.size === MOST_PATTERNS) break;
    if (isRecord(value) && findImage(value, '') !== undefined) {
      found.add(pattern);
      continue;
    }
    for (const [key, child] of listChildren(value)) {
      waiting.push([child, joinPointer(pattern, Array.isArray(value) ? '*' : key)]);
    }
  }
  return [...found];
}

/** The first field `image` whose text looks like an image; operators' kinds have it in various places. */
export function findImageField(object: unknown): Pointer | undefined {
  const waiting: (readonly [value: unknown, at: Pointer])[] = [[object, '']];
  for (const [value, at] of waiting) {
    if (waiting.length > MOST_VALUES_SEARCHED) return undefined;
    const image = isRecord(value) ? value['image'] : undefined;
    if (typeof image === 'string' && /^[^\s/:]+(?:[/:][^\s/:]+)+$/.test(image)) return joinPointer(at, 'image');
    for (const [key, child] of listChildren(value)) waiting.push([child, joinPointer(at, key)]);
  }
  return undefined;
}

/** Where a workload of a built-in kind has no image but needs one: a container, or a pod spec without containers. */
export function findMissingImages(object: unknown, kind: WorkloadKind): readonly Pointer[] {
  if (!isBuiltIn(kind)) return [];
  return kind.podSpecs.flatMap((podSpec) => {
    const containers = readPointer(object, joinPointer(podSpec, 'containers')) ?? [];
    // A value that is not a list is reported as misplaced.
    if (!Array.isArray(containers)) return [];
    if (containers.length === 0) return [podSpec];
    return LISTS.flatMap((list) =>
      listChildren(readPointer(object, joinPointer(podSpec, list))).flatMap(([key, container]) =>
        isRecord(container) && (container['image'] ?? '') !== '' ? [] : [joinPointer(podSpec, list, key)],
      ),
    );
  });
}

const LISTS = ['containers', 'initContainers'] as const;

/** Whether the container lists of a pod spec are lists. */
function isReadable(spec: unknown): boolean {
  return isRecord(spec) && LISTS.every((list) => Array.isArray(spec[list] ?? []));
}

/** `containers: [{ image: … }]`, or a common mistake: a map by name, or one container without its list. */
function findImage(value: Readonly<Record<string, unknown>>, at: Pointer): Pointer | undefined {
  for (const list of LISTS) {
    const containers = value[list];
    const own = isRecord(containers) && typeof containers['image'] === 'string' ? [''] : [];
    const [key] = [...own, ...listChildren(containers).flatMap(([each, child]) => (hasImage(child) ? [each] : []))];
    if (key !== undefined) return joinPointer(at, list, ...(key === '' ? [] : [key]), 'image');
  }
  return undefined;
}

function hasImage(container: unknown): boolean {
  return isRecord(container) && typeof container['image'] === 'string' && container['image'] !== '';
}

function listChildren(value: unknown): readonly (readonly [key: string, child: unknown])[] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

/** Images of a built-in kind that are not strings, and what they are instead. The API server cannot decode such an object. */
export function findNoText(object: unknown, kind: WorkloadKind): readonly Readonly<{ at: Pointer; what: string }>[] {
  if (kind.resource === undefined) return [];
  return kind.podSpecs.flatMap((podSpec) =>
    LISTS.flatMap((list) =>
      listChildren(readPointer(object, joinPointer(podSpec, list))).flatMap(([key, container]) => {
        const image = isRecord(container) ? (container['image'] ?? '') : '';
        const what = Array.isArray(image) ? 'a list' : isRecord(image) ? 'an object' : `a ${typeof image}`;
        return typeof image === 'string' ? [] : [{ at: joinPointer(podSpec, list, key, 'image'), what }];
      }),
    ),
  );
}
