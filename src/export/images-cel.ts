import { FIX_LABEL, MODE_LABEL } from '../engine/namespace-mode.ts';
import type { ConfiguredRule, Policy } from '../engine/rule.ts';
import type { Mirror, Registry } from '../policy/policy.ts';
import { LONGEST_SKIP } from '../text/bounds.ts';
import { splitPointer, type Pointer } from '../text/json.ts';
import { RESOLVE_NAMES, TRIGGERS, variableOf } from '../workload/stand-in.ts';
import { isBuiltIn, isPod, type WorkloadKind } from '../workload/kinds.ts';
import { SKIP_ANNOTATION } from '../workload/workload.ts';
import { allOf, anyOf, bind, escapeRegExp, firstOr, isNamespaceIn, isOfHosts, list, literal, type Cel } from './cel.ts';
import { fitsLength, fullAddress, isReference, matches } from './reference-cel.ts';

/**
 * How CEL reads what `workload/workload.ts` reads: the objects that hold a pod spec, and of each the images in it. An image is a map of
 * texts, so that expressions can go on from it: `label`, `image` as it is written, `pull` policy, and what else is asked for.
 */

/** A pod spec with its metadata, as a variable of CEL. */
const POD = 'p';

/** The objects in one that hold pod specs. A pattern with two `*` would be a list of lists, which CEL cannot make one. */
export function isReadable({ podSpecs }: WorkloadKind): boolean {
  return podSpecs.every((pointer) => splitPointer(pointer).filter((segment) => segment === '*').length <= 1);
}

/** The pods and templates of an object that is of one of the kinds. */
export function listPods(object: Cel, kinds: readonly WorkloadKind[]): Cel {
  const places = new Map<string, WorkloadKind[]>();
  for (const kind of kinds) {
    const at = kind.podSpecs.join(' ');
    places.set(at, [...(places.get(at) ?? []), kind]);
  }
  const [last = '[]', ...rest] = [...places.values()]
    // What most kinds have stands last, where no kind is asked for.
    .toSorted((left, right) => right.length - left.length)
    .map((group) => ({ group, pods: (group[0]?.podSpecs ?? []).map((at) => listAt(object, holderOf(at))).join(' + ') }))
    .map(({ group, pods }, at) => (at === 0 ? pods : `${isOfKind(group)} ? ${pods} : `));
  // OpenShift takes images of one word for tags of an image stream where an annotation says so.
  const isResolved = `!(${IS_POD}) && ${POD}.?metadata.?annotations[?'${RESOLVE_NAMES}'].orValue('') == '*'`;
  return `(${rest.join('')}${last}).filter(${POD}, has(${POD}.spec) && !(${isResolved}))`;
}

/** Whether a request is about a Pod itself. */
export const IS_POD: Cel = `request.kind.kind == 'Pod' && request.kind.group == ''`;

/** Whether a request is about one of some kinds. */
export function isOfKind(kinds: readonly WorkloadKind[]): Cel {
  const [first, ...more] = kinds.map(({ group, kind }) => `${group}/${kind}`);
  const isOne =
    first !== undefined && more.length === 0 ? `== ${literal(first)}` : `in ${list([first ?? '', ...more])}`;
  return `request.kind.group + '/' + request.kind.kind ${isOne}`;
}

function holderOf(podSpec: Pointer): Pointer {
  return podSpec.slice(0, podSpec.lastIndexOf('/'));
}

function listAt(object: Cel, pointer: Pointer): Cel {
  const segments = splitPointer(pointer);
  const star = segments.indexOf('*');
  if (segments.length === 0) return `[${object}]`;
  if (star < 0) return `[?${follow(object, segments)}]`;
  const children = `type(m) == map ? m.map(k, m[k]) : m.map(e, e)`;
  const all = bind('m', `${follow(object, segments.slice(0, star))}.orValue([])`, children);
  const rest = segments.slice(star + 1);
  if (rest.length === 0) return all;
  return `${all}.map(e, ${follow('e', rest)}).filter(o, o.hasValue()).map(o, o.value())`;
}

/** A path in which each part may be missing. */
function follow(value: Cel, segments: readonly string[]): Cel {
  return segments.reduce((path, segment) => `${path}${step(segment)}`, value);
}

const RESERVED =
  /^(?:true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while)$/;

function step(segment: string): Cel {
  if (/^\d+$/.test(segment)) return `[?${segment}]`;
  return /^[A-Za-z_]\w*$/.test(segment) && !RESERVED.test(segment) ? `.?${segment}` : `[?${literal(segment)}]`;
}

/** `withPaths`: with the place of each image for a JSON Patch, which takes the index of a list, as CEL has it from Kubernetes 1.33 on. */
export type Reading = Readonly<{ withPaths: boolean; kinds: readonly WorkloadKind[] }>;

/** The images of a pod `p`, in the order of the engine. */
export function listImages({ withPaths, kinds }: Reading): Cel {
  const lists = [
    {
      name: 'volumes',
      variable: 'v',
      image: 'v.image.reference',
      isImage: 'v.?image.?reference.hasValue()',
      label: `'volume'`,
    },
    ...[
      { name: 'initContainers', label: `(c.?restartPolicy.orValue('') == 'Always' ? 'sidecar' : 'init container')` },
      { name: 'containers', label: `'container'` },
      { name: 'ephemeralContainers', label: `'ephemeral container'` },
    ].map((each) => ({ ...each, variable: 'c', image: 'c.image', isImage: 'has(c.image)' })),
  ];
  const all = lists
    .map(({ name, variable, image, isImage, label }) => {
      const pull = variable === 'v' ? 'v.image.?pullPolicy' : 'c.?imagePullPolicy';
      const at = `'/spec/${name}/' + string(i) + '/${variable === 'v' ? 'image/reference' : 'image'}'`;
      const members = [
        `'label': string(${label} + ' "' + ${variable}.?name.orValue('') + '"')`,
        `'image': string(${image})`,
        `'pull': string(${pull}.orValue(''))`,
        ...(withPaths ? [`'path': ${at}`] : []),
      ];
      const entries = `${POD}.spec.?${name}.orValue([])`;
      return withPaths
        ? `${entries}.transformList(i, ${variable}, ${isImage}, {${members.join(', ')}})`
        : `${entries}.filter(${variable}, ${isImage}).map(${variable}, {${members.join(', ')}})`;
    })
    .join('\n + ');
  return `(${all}).filter(u, u.label.startsWith('volume ') || ${isNoStandIn(kinds)})`;
}

/** Istio puts an image in the place of `auto`, and the controllers of some kinds fill in what a template leaves open. */
function isNoStandIn(kinds: readonly WorkloadKind[]): Cel {
  const templates = kinds.flatMap((kind) => {
    const variable = variableOf(kind);
    return variable === undefined ? [] : [`${isOfKind([kind])} && u.image.contains(${literal(variable)})`];
  });
  const labels = `${POD}.?metadata.?labels`;
  const annotations = `${POD}.?metadata.?annotations`;
  const asked = (from: Cel): Cel => `${from}[?'sidecar.istio.io/inject'].orValue('')`;
  const isInjected = `${asked(labels)} != '' ? ${asked(labels)} != 'false' : ${asked(annotations)} != '' ? ${asked(annotations)} != 'false' : ${anyOf(
    `${labels}[?'istio.io/rev'].hasValue()`,
    `${annotations}[?'inject.istio.io/templates'].hasValue()`,
    `u.label.endsWith(' "istio-proxy"')`,
  )}`;
  return `!(${anyOf(`u.image == 'auto' && (${isInjected})`, ...templates)})`;
}

/** The same map with more in it. */
export function extend(members: readonly string[], more: Readonly<Record<string, Cel>>): Cel {
  const kept = members.map((name) => `'${name}': u.${name}`);
  return `{${[...kept, ...Object.entries(more).map(([name, value]) => `'${name}': ${value}`)].join(', ')}}`;
}

/** Keeps those that runtimes can parse and the policy does not exempt, with their full address. */
export function keepParsed({ exempt }: Policy, members: readonly string[]): Cel {
  const parsed = `.filter(u, ${isReference('u.image')}).map(u, ${extend(members, { full: fullAddress('u.image') })})`;
  return exempt.images.length === 0 ? parsed : `${parsed}.filter(u, !(${isOfHosts(exempt.images, 'u.full')}))`;
}

export function isPulled(): Cel {
  return `u.pull != 'Never'`;
}

/** The mirrors, each as what an address on it starts with and what that is replaced by. */
export function listMirrors(mirrors: readonly Mirror[]): Cel {
  const rows = mirrors.map(({ from, to }) => `{'from': ${literal(startOf(from))}, 'to': ${literal(startOf(to))}}`);
  return `[\n  ${rows.join(',\n  ')}\n]`;
}

function startOf({ registry, path }: Mirror['from']): string {
  return path === '' ? `${registry}/` : `${registry}/${path}/`;
}

/** The mirror of an address: a list of one, or of none. */
export function mirrorOf(address: Cel): Cel {
  return `variables.mirrors.filter(m, ${address}.startsWith(m.from))`;
}

/** The address on a mirror; empty where there is none, or where no runtime would take it. */
export function addressOnMirror(address: Cel): Cel {
  const moved = firstOr(`${mirrorOf(address)}.map(m, m.to + ${address}.substring(size(m.from)))`);
  return bind('a', moved, `${fitsLength('a')} ? a : ''`);
}

/** The pull secret that the policy has for an address; empty where it has none. */
export function pullSecretOf(address: Cel, registries: readonly Registry[]): Cel {
  const rows = mergeAlike(registries).map(
    ({ hosts, pullSecret = '' }) => `${isOfHosts(hosts, address)} ? ${literal(pullSecret)} : `,
  );
  return `${rows.join('')}''`;
}

/** Neighbours with the same secret, as one: each is one more condition in another. */
function mergeAlike(registries: readonly Registry[]): readonly Pick<Registry, 'hosts' | 'pullSecret'>[] {
  const merged: Pick<Registry, 'hosts' | 'pullSecret'>[] = [];
  for (const { hosts, pullSecret } of registries) {
    const before = merged.at(-1);
    if (before !== undefined && before.pullSecret === pullSecret) {
      merged[merged.length - 1] = { ...before, hosts: [...before.hosts, ...hosts] };
    } else merged.push({ hosts, ...(pullSecret !== undefined && { pullSecret }) });
  }
  return merged;
}

/** The names in `imagePullSecrets`, each in lines of its own, so that one can be looked for. */
export function listSecretNames(): Cel {
  return `'\\n' + ${POD}.spec.?imagePullSecrets.orValue([]).map(s, string(s.?name.orValue(''))).join('\\n') + '\\n'`;
}

export function namesSecret(names: Cel, secret: Cel): Cel {
  return `${names}.contains('\\n' + ${secret} + '\\n')`;
}

/** The ServiceAccount and the pull secrets of a pod, as one text. */
export function describeAccess(): Cel {
  return `(${POD}.spec.?serviceAccountName.orValue('') == '' ? 'default' : ${POD}.spec.serviceAccountName) + ${listSecretNames()}`;
}

/** Whether the annotation of a pod, or of the object that it is in, switches a rule off and the policy lets it; undefined if it never does. */
export function isWaived({ skip }: Policy, rule: string): Cel | undefined {
  if (!skip.rules.has(rule) || skip.namespaces.length === 0) return undefined;
  const names = String.raw`(?:^|,)\s*${escapeRegExp(rule)}\s*(?:,|$)`;
  const holders = ['object', POD].map((holder) => {
    const annotation = `${holder}.?metadata.?annotations[?${literal(SKIP_ANNOTATION)}].orValue('')`;
    return bind('s', annotation, allOf(`size(s) <= ${LONGEST_SKIP}`, matches('s', names)));
  });
  return allOf(isNamespaceIn(skip.namespaces, 'request.namespace'), anyOf(...holders));
}

/** Whether the labels of the namespace let Pods be fixed. */
export const ALLOWS_FIXES: Cel = `namespaceObject == null || ${bind(
  'l',
  `namespaceObject.?metadata.?labels.orValue({})`,
  allOf(`!(l[?'${MODE_LABEL}'].orValue('') in ['off', 'audit'])`, `l[?'${FIX_LABEL}'].orValue('') != 'false'`),
)}`;

/** Objects that are left alone whatever is in them: conditions that each has to hold. */
export function listConditions(
  { exempt }: Policy,
  kinds: readonly WorkloadKind[],
): readonly Readonly<{ name: string; expression: Cel }>[] {
  const annotations = 'object.metadata.?annotations';
  const isMadeBy = (group: string, kind: string, maker: string): Cel =>
    allOf(
      `request.kind.kind == '${kind}'`,
      `request.kind.group == '${group}'`,
      `object.metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false) && o.kind == '${maker}' && o.apiVersion.startsWith('${group}/'))`,
    );
  const conditions = {
    ...(kinds.every((kind) => isBuiltIn(kind)) ? {} : { 'a-kind-of-the-policy': isOfKind(kinds) }),
    ...(exempt.namespaces.length === 0
      ? {}
      : { 'not-in-an-exempt-namespace': `!(${isNamespaceIn(exempt.namespaces, 'request.namespace')})` }),
    'not-being-deleted': '!has(object.metadata.deletionTimestamp)',
    'not-a-static-pod': `!(${IS_POD} && ${annotations}[?'kubernetes.io/config.mirror'].hasValue())`,
    ...(kinds.every((kind) => isPod(kind))
      ? {}
      : {
          'not-made-from-a-checked-template': `!(${anyOf(isMadeBy('apps', 'ReplicaSet', 'Deployment'), isMadeBy('batch', 'Job', 'CronJob'))})`,
          'not-filled-in-by-openshift': `(${IS_POD}) || !(${anyOf(
            `${annotations}[?'${TRIGGERS}'].orValue('') != ''`,
            `${annotations}[?'${RESOLVE_NAMES}'].orValue('') == '*'`,
            `object.?spec.?triggers.hasValue()`,
          )})`,
        }),
  };
  return Object.entries(conditions).map(([name, expression]) => ({ name, expression }));
}

/** A rule that a policy has on, with what is asked of it. */
export function findRule({ rules }: Policy, id: string): ConfiguredRule | undefined {
  return rules.find(({ rule }) => rule.id === id);
}
