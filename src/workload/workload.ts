import { parseReference, type ParsedReference } from '../image/parse-reference.ts';
import { LONGEST_SKIP } from '../text/bounds.ts';
import {
  expandPointer,
  formatFieldPath,
  isRecord,
  joinPointer,
  readPath,
  readPointer,
  readString,
  type Pointer,
} from '../text/json.ts';
import { redact } from '../text/redact.ts';
import { isPod, type WorkloadKind } from './kinds.ts';
import type { PlacementFields } from './placement.ts';
import { findStandIns, type ImagePlace } from './stand-in.ts';

/** One place in a pod spec with an image. */
export type ImageUse = Readonly<{
  /** As messages name it: `container "web"`. */
  label: string;
  /** Identifies the place in the old and the new version of an object, regardless of the order of lists: `container/web`. */
  key: string;
  pointer: Pointer;
  /** As in the object, possibly with credentials: show it with `quote` only. */
  written: string;
  parsed: ParsedReference;
  pullPolicy?: string;
}>;

/** One pod spec, and its fields for pulling images. Lists and names may be empty. */
export type Workload = Readonly<{
  kind: string;
  name: string;
  namespace: string;
  /** Whether this is a Pod itself and not a template. */
  isPod: boolean;
  podSpec: Pointer;
  /** Whether these are containers outside of pod specs; their pull secrets are unknown. */
  isPartial: boolean;
  images: readonly ImageUse[];
  /** Placeholders that are replaced by an image later. */
  standIns: readonly Pointer[];
  /** Names in `imagePullSecrets`, in order and at their positions; empty for an entry without one. */
  pullSecrets: readonly string[];
  /** Whether `imagePullSecrets` has entries: absent, null and empty are the same to the API server. */
  hasPullSecretList: boolean;
  /** Never empty: the API server fills in `default`. */
  serviceAccount: string;
  /** Where its Pods may run, for `readPlacement`. */
  placement: PlacementFields;
  /** The annotations that request to skip some rules. */
  skips: readonly SkipAnnotation[];
  /** What it was read from, for fields that a single rule needs. */
  source: Readonly<{ object: unknown; kind: WorkloadKind }>;
}>;

/** The place of an annotation and the rules in it, without duplicates; or that it is too long to be read. */
type SkipAnnotation = Readonly<{ at: Pointer; rules: readonly string[] | 'too-long' }>;

/** The annotation's value lists the rules to skip, separated by commas. */
export const SKIP_ANNOTATION = 'pullguard.dev/skip';

/**
 * The pod specs of an object. Never throws: malformed fields (null lists, numbers for strings, no spec) are skipped, as the API
 * server refuses them with a better message.
 *
 * @param given the namespace of the request; empty if only the object has it
 * @param isTimeUp stops reading when it returns true, as there may be thousands of pod specs and images
 */
export function readWorkloads(
  object: unknown,
  kind: WorkloadKind,
  given: string,
  isTimeUp: () => boolean = () => false,
): readonly Workload[] {
  const workloads: Workload[] = [];
  const skips = readSkip(object, '');
  const name = readName(object);
  const namespace = given || readString(object, 'metadata', 'namespace');
  for (const podSpec of kind.podSpecs.flatMap((pattern) => expandPointer(object, pattern))) {
    const spec = readPointer(object, podSpec);
    if (!isRecord(spec)) continue;
    if (workloads.length > 0 && isTimeUp()) return workloads;
    const holder = podSpec.slice(0, podSpec.lastIndexOf('/'));
    const secrets = readList(spec['imagePullSecrets']);
    workloads.push({
      kind: kind.kind,
      name,
      namespace,
      isPod: isPod(kind),
      podSpec,
      isPartial: false,
      ...readImages(spec, podSpec, findStandIns(object, kind, podSpec), isTimeUp),
      pullSecrets: secrets.map((secret) => readString(secret, 'name')),
      hasPullSecretList: secrets.length > 0,
      serviceAccount: readString(spec, 'serviceAccountName') || 'default',
      placement: spec,
      skips: holder === '' ? skips : [...skips, ...readSkip(object, holder)],
      source: { object, kind },
    });
  }
  const parts = readContainers(object, kind, isTimeUp);
  if (parts.images.length === 0 && parts.standIns.length === 0) return workloads;
  const rest = { kind: kind.kind, name, namespace, skips, source: { object, kind } };
  return [...workloads, { ...rest, ...parts, ...NO_POD_SPEC }];
}

/** Containers outside of pod specs are one workload, of which nothing else is known. */
const NO_POD_SPEC = {
  isPod: false,
  podSpec: '',
  isPartial: true,
  pullSecrets: [],
  hasPullSecretList: false,
  serviceAccount: 'default',
  placement: {},
} as const;

/** The images of containers outside of pod specs. */
function readContainers(object: unknown, kind: WorkloadKind, isTimeUp: () => boolean): ReadImages {
  const images: ImageUse[] = [];
  const standIns: Pointer[] = [];
  const { containers = [] } = kind;
  if (containers.length === 0) return { images, standIns };
  const isStandIn = findStandIns(object, kind, '');
  for (const at of new Set(containers.flatMap((pattern) => expandPointer(object, pattern)))) {
    const container = readPointer(object, at);
    if (!isRecord(container)) continue;
    const { image, imagePullPolicy } = container;
    if (typeof image !== 'string' || image === '') continue;
    if (isTimeUp()) break;
    const name = readString(container, 'name');
    const pointer = joinPointer(at, 'image');
    if (isStandIn({ list: '', index: 0, name, written: image })) {
      standIns.push(pointer);
      continue;
    }
    const label = name === '' ? formatFieldPath(at) : labelOf('container', name);
    images.push({ label, key: at, pointer, ...readImage(image, imagePullPolicy) });
  }
  return { images, standIns };
}

/** The place of a finding about an image. */
export function placeOf({ label, pointer, written }: ImageUse): { label: string; at: Pointer; value: string } {
  return { label, at: pointer, value: written };
}

/** The object's name, or a pattern for a generated one: `web-*` for `generateName: web-`. */
export function readName(object: unknown): string {
  const name = readString(object, 'metadata', 'name');
  const prefix = readString(object, 'metadata', 'generateName');
  return name !== '' || prefix === '' ? name : `${prefix}*`;
}

/** The annotation of an object, or of a pod template in it, which its Pods will have. */
function readSkip(object: unknown, holder: Pointer): readonly SkipAnnotation[] {
  const value = readPath(
    holder === '' ? object : readPointer(object, holder),
    'metadata',
    'annotations',
    SKIP_ANNOTATION,
  );
  if (typeof value !== 'string' || value === '') return [];
  const at = joinPointer(holder, 'metadata', 'annotations', SKIP_ANNOTATION);
  if (value.length > LONGEST_SKIP) return [{ at, rules: 'too-long' }];
  const rules = new Set(value.split(',').map((rule) => rule.trim()));
  rules.delete('');
  return rules.size === 0 ? [] : [{ at, rules: [...rules] }];
}

/** In the order in which kubelet starts them. */
export const CONTAINER_LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;

/** The kind of a container in one of these lists. */
export function nameContainer(
  list: (typeof CONTAINER_LISTS)[number],
  container: Readonly<Record<string, unknown>>,
): string {
  if (list === 'containers') return 'container';
  if (list === 'ephemeralContainers') return 'ephemeral container';
  return container['restartPolicy'] === 'Always' ? 'sidecar' : 'init container';
}

/** A part of a Pod as messages name it: `container "web"`. */
export function labelOf(word: string, name: unknown): string {
  return `${word} "${redact(typeof name === 'string' ? name : '')}"`;
}

type ReadImages = Pick<Workload, 'images' | 'standIns'>;

/** Reads images and placeholders in the order in which kubelet needs them. Image volumes are first, as Pods wait for volumes. */
function readImages(
  spec: Readonly<Record<string, unknown>>,
  podSpec: Pointer,
  isStandIn: (place: ImagePlace) => boolean,
  isTimeUp: () => boolean,
): ReadImages {
  const images: ImageUse[] = [];
  const standIns: Pointer[] = [];
  for (const [at, volume] of readList(spec['volumes']).entries()) {
    if (!isRecord(volume) || !isRecord(volume['image'])) continue;
    if (isTimeUp()) return { images, standIns };
    const { reference, pullPolicy } = volume['image'];
    if (typeof reference !== 'string') continue;
    const pointer = joinPointer(podSpec, 'volumes', at, 'image', 'reference');
    images.push({ ...nameUse('volume', volume), pointer, ...readImage(reference, pullPolicy) });
  }
  for (const list of CONTAINER_LISTS) {
    for (const [at, container] of readList(spec[list]).entries()) {
      if (!isRecord(container)) continue;
      if (isTimeUp()) return { images, standIns };
      const { image, imagePullPolicy } = container;
      if (typeof image !== 'string') continue;
      const pointer = joinPointer(podSpec, list, at, 'image');
      if (isStandIn({ list, index: at, name: readString(container, 'name'), written: image })) {
        standIns.push(pointer);
        continue;
      }
      const word = nameContainer(list, container);
      images.push({ pointer, ...nameUse(word, container), ...readImage(image, imagePullPolicy) });
    }
  }
  return { images, standIns };
}

function nameUse(word: string, { name }: Readonly<Record<string, unknown>>): Pick<ImageUse, 'label' | 'key'> {
  return { label: labelOf(word, name), key: `${word}/${typeof name === 'string' ? name : ''}` };
}

function readImage(written: string, pullPolicy: unknown): Pick<ImageUse, 'written' | 'parsed' | 'pullPolicy'> {
  const image = { written, parsed: parseReference(written) };
  return typeof pullPolicy === 'string' ? { pullPolicy, ...image } : image;
}

function readList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/**
 * One operation of a JSON Patch (RFC 6902), as the API server applies it. `add` sets a member, existing or not, or appends to a
 * list if the last segment is `-`; `replace` sets an existing one.
 */
export type Edit = Readonly<{ op: 'add' | 'replace'; path: Pointer; value: unknown }>;

/**
 * A workload after the fixes of rules: replaced images, and pull secrets appended to its list. Edits of other fields, or of
 * another pod spec, change nothing.
 */
export function editWorkload(workload: Workload, edits: readonly Edit[]): Workload {
  const list = joinPointer(workload.podSpec, 'imagePullSecrets');
  const addresses = new Map<string, string>();
  const added: string[] = [];
  for (const { path, value } of edits) {
    if (path === list && Array.isArray(value)) added.push(...value.map((each) => readString(each, 'name')));
    else if (path === `${list}/-` && isRecord(value)) added.push(readString(value, 'name'));
    else if (typeof value === 'string') addresses.set(path, value);
  }
  return {
    ...workload,
    images:
      addresses.size === 0
        ? workload.images
        : workload.images.map((image) => {
            const written = addresses.get(image.pointer);
            return written === undefined ? image : { ...image, written, parsed: parseReference(written) };
          }),
    pullSecrets: added.length === 0 ? workload.pullSecrets : [...workload.pullSecrets, ...added],
    hasPullSecretList: workload.hasPullSecretList || added.length > 0,
  };
}
