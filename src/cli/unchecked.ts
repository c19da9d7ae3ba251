import type { Position } from '../manifest/document.ts';
import type { ManifestObject, OtherValue } from '../manifest/read-manifests.ts';
import { suggest } from '../policy/errors.ts';
import type { Policy } from '../engine/rule.ts';
import { isExemptNamespace } from '../policy/policy.ts';
import { formatFieldPath, isRecord, readPath, readPointer, readString, type Pointer } from '../text/json.ts';
import { quote } from '../text/quote.ts';
import { redact } from '../text/redact.ts';
import { findImageField, findMissingImages, findPodSpecs, findUnreadImage } from '../workload/find-images.ts';
import { findKind, groupOf, isBuiltIn, WORKLOAD_KINDS, type KindTable, type WorkloadKind } from '../workload/kinds.ts';
import { readName, readWorkloads } from '../workload/workload.ts';

/**
 * Why something was not checked. `kind`: the kind is unknown. `apiVersion`: the kind is known in another group. `misplaced`: the
 * kind is known, but has no containers at this place. `no-image`: a required image is missing. `placeholder`: the image is filled
 * in later. `no-object`: there is no apiVersion or kind. `kustomization`, `chart`: it was not rendered. `empty`: nothing in it.
 */
type UncheckedCause =
  'kind' | 'apiVersion' | 'misplaced' | 'no-image' | 'placeholder' | 'no-object' | 'kustomization' | 'chart' | 'empty';

/** Something that was not checked, and why. */
export type Unchecked = Partial<Position> &
  Readonly<{
    file: string;
    apiVersion?: string;
    kind?: string;
    name?: string;
    field?: string;
    cause: UncheckedCause;
    message: string;
  }>;

/** The kind of an object, if it is known; in an OpenShift Template, with the form of its variables. */
export function kindOf(
  { apiVersion, kind, isTemplated }: Pick<ManifestObject, 'apiVersion' | 'kind' | 'isTemplated'>,
  kinds: KindTable,
): WorkloadKind | undefined {
  const known = findKind(kinds, groupOf(apiVersion), kind);
  return known === undefined || isTemplated === undefined ? known : { ...known, variable: '${' };
}

/** Whether an object is a workload with images that are checked, and which parts of it are not checked. */
export function accountFor(
  manifest: ManifestObject,
  file: string,
  policy: Policy,
): Readonly<{ isWorkload: boolean; unchecked: readonly Unchecked[] }> {
  const { object } = manifest;
  const known = kindOf(manifest, policy.kinds);
  if (isExemptNamespace(policy, readString(object, 'metadata', 'namespace')))
    return { isWorkload: known !== undefined, unchecked: [] };
  const say: Say = (cause, field, why) => {
    const { apiVersion, kind } = manifest;
    const name = redact(readName(object));
    return {
      file,
      ...manifest.locate(field),
      apiVersion: redact(apiVersion),
      kind: redact(kind),
      name,
      field: redact(formatFieldPath(field)),
      cause,
      message: `${redact(kind)}/${name} (${redact(apiVersion)})${why}`,
    };
  };
  if (known === undefined) return { isWorkload: false, unchecked: listUnknown(manifest, policy, say) };
  const workloads = readWorkloads(object, known, '');
  const misplaced = findUnreadImage(object, known);
  const standIns = workloads.flatMap((workload) => workload.standIns);
  const unchecked = [
    ...(misplaced === undefined
      ? findMissingImages(object, known)
          .filter((at) => !standIns.includes(`${at}/image`))
          .map((at) => say('no-image', at, describeMissing(object, at)))
      : [say('misplaced', misplaced, describeMisplaced(object, misplaced, known))]),
    ...standIns.map((at) =>
      say('placeholder', at, ` ${formatFieldPath(at)} is a placeholder: check what is made of it when it is filled in`),
    ),
  ];
  return { isWorkload: standIns.length > 0 || workloads.some(({ images }) => images.length > 0), unchecked };
}

type Say = (cause: UncheckedCause, field: Pointer, why: string) => Unchecked;

function describeMissing(object: unknown, at: Pointer): string {
  const field = formatFieldPath(at);
  if (!/\/\d+$/.test(at))
    return ` has no containers at ${field}: add them; if this is a patch, check what it is rendered to`;
  const container = readPath(object, ...at.split('/').slice(1));
  const name = readString(container, 'name');
  const who = name === '' ? field : `container "${redact(name)}"`;
  const misspelt = isRecord(container)
    ? Object.keys(container).find((key) => key !== 'image' && suggest(key, ['image']) !== '')
    : undefined;
  if (misspelt !== undefined) return ` ${who} has no image: rename ${quote(misspelt)} to "image"`;
  return ` ${who} has no image: add one; if this is a patch, check what it is rendered to`;
}

function describeMisplaced(object: unknown, at: Pointer, kind: WorkloadKind): string {
  const [, list] = /^(.*ontainers)\/(?:[^/]+\/)?image$/.exec(at) ?? [];
  if (list !== undefined && isRecord(readPointer(object, list)))
    return ` ${redact(formatFieldPath(list))} is no list: write each container as "- name: …"`;
  if (isBuiltIn(kind))
    return ` has images at ${redact(formatFieldPath(at))}, where a ${kind.kind} has no containers: fix the indentation`;
  return ` has images at ${redact(formatFieldPath(at))}, where its kind has no containers: fix the indentation, or the entry under workloads in the policy`;
}

/** The groups of the kinds that Kubernetes itself has. */
const BUILT_IN = new Map(WORKLOAD_KINDS.map(({ kind, group }) => [kind, group]));

function listUnknown(manifest: ManifestObject, { kinds }: Policy, say: Say): readonly Unchecked[] {
  const { apiVersion, kind, object } = manifest;
  const group = groupOf(apiVersion);
  if (isKustomization(manifest)) {
    return [say('kustomization', '', `: ${KUSTOMIZATION}`)];
  }
  const image = findUnreadImage(object, undefined);
  if (image === undefined) return listImageField(manifest, kinds, say);
  if (group === 'helm.toolkit.fluxcd.io') return [say('chart', image, `: ${RELEASE}`)];
  // The group of a custom kind has a dot, and the kind may have the name of a Kubernetes kind.
  const right = group.includes('.') ? undefined : BUILT_IN.get(kind);
  if (right !== undefined) {
    const groupName = right === '' ? 'v1' : `the group ${right}`;
    const why = ` has images, but ${redact(kind)} belongs to ${groupName}: fix the apiVersion, or add this kind under workloads in the policy`;
    return [say('apiVersion', image, why)];
  }
  const meant = suggestKind(group, kind, kinds);
  const podSpecs = findPodSpecs(object);
  const seen = podSpecs.map((at) => formatPattern(at)).join(', ');
  // A group without a dot belongs to Kubernetes itself, and has no custom kinds.
  if (meant !== '' && !group.includes('.')) return [say('kind', image, `: its kind is unknown${redact(meant)}`)];
  const entry = suggestEntry(group, kind, podSpecs);
  return [
    say('kind', image, `: its kind is unknown${redact(meant)}; it seems to hold a pod spec at ${seen}: ${entry}`),
  ];
}

/** Finds images in custom fields of the kinds of operators. Kinds of Kubernetes that are not workloads have no images. */
function listImageField(
  { apiVersion, kind, object }: ManifestObject,
  kinds: KindTable,
  say: Say,
): readonly Unchecked[] {
  const group = groupOf(apiVersion);
  const isCustom = group.includes('.') && !/(?:^|\.)(?:k8s\.io|gatekeeper\.sh|kyverno\.io)$/.test(group);
  const image = isCustom ? findImageField(object) : undefined;
  if (image === undefined) return [];
  const meant = redact(suggestKind(group, kind, kinds));
  const field = redact(formatFieldPath(image));
  return [say('kind', image, `: its kind is unknown${meant}; ${field} looks like an image: check it by hand`)];
}

/** `; did you mean "Rollout"?`: another kind of the same group, or another group that has this kind. */
function suggestKind(group: string, kind: string, kinds: KindTable): string {
  const known = [...kinds.values()];
  const inGroup = known.filter((each) => each.group === group).map((each) => each.kind);
  if (inGroup.length > 0) return suggest(kind, inGroup);
  const groups = known.filter((each) => each.kind === kind && each.group !== '').map((each) => each.group);
  return suggest(group, groups);
}

/** `spec.workers[*].template.spec` */
function formatPattern(pattern: Pointer): string {
  const path = redact(formatFieldPath(pattern.replaceAll('/*', '/0'))).replaceAll('[0]', '[*]');
  return path === '' ? 'its root' : path;
}

/** An entry for the policy, on one line, with which the kind is checked. It names the parents of each `spec`. */
function suggestEntry(group: string, kind: string, podSpecs: readonly Pointer[]): string {
  const holders = podSpecs.filter((at) => at.endsWith('/spec')).map((at) => at.slice(0, -'/spec'.length));
  if (holders.length === 0) return 'check it by hand';
  const pointers = holders.map((at) => toYamlText(at)).join(', ');
  return `add to the policy "workloads: [{ group: ${toYamlText(group)}, kind: ${toYamlText(kind)}, podTemplates: [${pointers}] }]"`;
}

function toYamlText(text: string): string {
  const shown = redact(text);
  return /^[a-zA-Z/][\w./-]*$/.test(shown) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(shown)
    ? shown
    : `'${shown.replaceAll("'", "''")}'`;
}

const KUSTOMIZE = 'kustomize.config.k8s.io';

function isKustomization({ apiVersion, kind }: ManifestObject): boolean {
  return groupOf(apiVersion) === KUSTOMIZE && (kind === 'Kustomization' || kind === 'Component');
}

/** Recognizes a kustomization or a chart by its file name alone; undefined for all other files. */
export function describeByName(file: string): Unchecked | undefined {
  const [, name = ''] = /(?:^|[/\\])([^/\\]+)$/.exec(file) ?? [];
  if (/^(?:kustomization\.ya?ml|Kustomization)$/.test(name))
    return { file, cause: 'kustomization', message: KUSTOMIZATION };
  return name === 'Chart.yaml' ? { file, cause: 'chart', message: CHART } : undefined;
}

const KUSTOMIZATION =
  'a kustomization is checked as what it renders to: give its folder, or run "kustomize build FOLDER | pullguard check -"';
const CHART =
  'a Helm chart is checked as what it renders to: give its folder, or run "helm template FOLDER | pullguard check -"';

const RELEASE = 'Flux renders a chart with these values: run "helm template CHART --values FILE | pullguard check -"';

/** A value with images that lacks an `apiVersion` or a `kind`, or has them misspelt. */
export function describeOther({ value, locate }: OtherValue, file: string): Unchecked | undefined {
  const image = findUnreadImage(value, undefined);
  if (image === undefined) return undefined;
  const missing = typeof readPath(value, 'apiVersion') === 'string' ? 'kind' : 'apiVersion';
  return {
    file,
    ...locate(image),
    field: redact(formatFieldPath(image)),
    cause: 'no-object',
    message: `it has images, but no ${missing}: add it, such as "apiVersion: apps/v1" and "kind: Deployment"`,
  };
}
