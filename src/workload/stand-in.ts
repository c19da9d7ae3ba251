import { LONGEST_TRIGGERS } from '../text/bounds.ts';
import { formatFieldPath, isRecord, readPath, readPointer, readString, type Pointer } from '../text/json.ts';
import { isPod, type WorkloadKind } from './kinds.ts';

/** A place for an image in a pod spec: `containers`, 0, `web`, and the text there. */
export type ImagePlace = Readonly<{ list: string; index: number; name: string; written: string }>;

/**
 * Finds placeholders that something else replaces by the real image later, if the object itself shows that. They are not checked,
 * mirrored or looked up. The Pods are checked themselves, once they have their images.
 */
export function findStandIns(object: unknown, kind: WorkloadKind, podSpec: Pointer): (place: ImagePlace) => boolean {
  const pod = readPointer(object, podSpec.slice(0, podSpec.lastIndexOf('/')));
  // In a Pod only an injection can still follow; other signs may be written to avoid the check.
  const isTriggered = isPod(kind) ? undefined : readTriggers(object, pod, podSpec);
  const variable = variableOf(kind);
  return (place) =>
    (place.written === 'auto' && isInjected(pod, place)) ||
    (variable !== undefined && place.written.includes(variable)) ||
    isTriggered?.(place) === true;
}

/** Istio's webhook replaces `auto` by its proxy's image (istio/istio, manifests/charts/gateway). */
function isInjected(pod: unknown, { name }: ImagePlace): boolean {
  const labels = readPath(pod, 'metadata', 'labels');
  const annotations = readPath(pod, 'metadata', 'annotations');
  const asked = readString(labels, 'sidecar.istio.io/inject') || readString(annotations, 'sidecar.istio.io/inject');
  if (asked !== '') return asked !== 'false';
  const signs = [readPath(labels, 'istio.io/rev'), readPath(annotations, 'inject.istio.io/templates')];
  // A namespace may request the injection as well; only then a container has this name.
  return signs.some((sign) => sign !== undefined) || name === 'istio-proxy';
}

/** Kinds whose controller fills in variables in the objects that it creates, and how these variables start. */
const TEMPLATES: readonly Readonly<{ group: string; but?: string; variable: string }>[] = [
  { group: 'argoproj.io', but: 'Rollout', variable: '{{' },
  { group: 'kro.run', variable: '${' },
  { group: 'kyverno.io', variable: '{{' },
  { group: 'serving.kserve.io', variable: '{{' },
  { group: 'tekton.dev', variable: '$(' },
  { group: 'template.openshift.io', variable: '${' },
  { group: 'triggers.tekton.dev', variable: '$(' },
];

/** The start of a variable in objects of this kind, such as `$(`; undefined if the kind has no variables. */
export function variableOf({ variable, group, kind }: WorkloadKind): string | undefined {
  return variable ?? TEMPLATES.find((each) => each.group === group && each.but !== kind)?.variable;
}

/** OpenShift sets the image of an image stream where a trigger says, at once and on every change. */
export const TRIGGERS = 'image.openshift.io/triggers';

/** Makes OpenShift read an image of one word as a tag of an image stream in the namespace. */
export const RESOLVE_NAMES = 'alpha.image.policy.openshift.io/resolve-names';

function readTriggers(object: unknown, pod: unknown, podSpec: Pointer): ((place: ImagePlace) => boolean) | undefined {
  const text = readString(object, 'metadata', 'annotations', TRIGGERS);
  const configured = readPath(object, 'spec', 'triggers');
  const resolves = [object, pod].some((each) => readString(each, 'metadata', 'annotations', RESOLVE_NAMES) === '*');
  if (text === '' && !Array.isArray(configured) && !resolves) return undefined;
  const triggers = [
    ...parseTriggers(text).map((trigger) => readAnnotated(trigger, formatFieldPath(podSpec))),
    ...(Array.isArray(configured) ? configured : []).map((trigger: unknown) => readConfigured(trigger)),
  ].filter((trigger) => trigger !== undefined);
  return (place) =>
    (resolves && /^[a-z\d][\w.-]*(?::[\w.-]+)?$/.test(place.written)) ||
    triggers.some(({ isPaused, isFor }) => isFor(place) && isStandIn(place.written, isPaused));
}

/** An image that a trigger has set has a digest, and is checked like any other. A paused trigger sets none until it continues. */
function isStandIn(written: string, isPaused: boolean): boolean {
  return isPaused ? written.trim() === '' && written !== '' : written !== '' && !written.includes('@sha256:');
}

type Trigger = Readonly<{ isPaused: boolean; isFor: (place: ImagePlace) => boolean }>;

function parseTriggers(text: string): readonly unknown[] {
  if (text === '' || text.length > LONGEST_TRIGGERS) return [];
  try {
    const triggers: unknown = JSON.parse(text);
    return Array.isArray(triggers) ? triggers : [];
  } catch {
    return [];
  }
}

/** `containers[0].image` or `containers[?(@.name=="web")].image`. */
const FIELD = /^\.(initContainers|containers)\[(?:(\d+|\*)|\?\(\s*@\.name\s*==\s*["']([^"']*)["']\s*\))\]\.image$/;

function readAnnotated(trigger: unknown, podSpec: string): Trigger | undefined {
  const field = readString(trigger, 'fieldPath');
  if (!field.startsWith(podSpec)) return undefined;
  const [, list, index, name] = FIELD.exec(field.slice(podSpec.length)) ?? [];
  if (list === undefined) return undefined;
  return {
    isPaused: ['true', true].includes(readPath(trigger, 'paused') as string | boolean),
    isFor: (place) =>
      place.list === list &&
      (name === undefined ? index === '*' || index === String(place.index) : name === place.name),
  };
}

/** In a DeploymentConfig: `imageChangeParams: { automatic: true, containerNames: [web] }`. */
function readConfigured(trigger: unknown): Trigger | undefined {
  const params = readPath(trigger, 'imageChangeParams');
  const names = readPath(params, 'containerNames');
  if (!isRecord(params) || !Array.isArray(names)) return undefined;
  return { isPaused: params['automatic'] !== true, isFor: ({ name }) => names.includes(name) };
}
