import { defineRule, type Report } from '../engine/rule.ts';
import { isSurelyServed } from '../pull/pod-pull.ts';
import { MOST_PULL_SECRETS } from '../text/bounds.ts';
import { formatFieldPath, isRecord, joinPointer, readPointer, type Pointer } from '../text/json.ts';
import { isSubdomain, MAX_SUBDOMAIN } from '../text/kubernetes-name.ts';
import { quote, shortenMiddle } from '../text/quote.ts';
import { isBuiltIn } from '../workload/kinds.ts';
import { CONTAINER_LISTS, labelOf, nameContainer, type Workload } from '../workload/workload.ts';

type Meant = Readonly<{ meant: string | undefined }>;

const MESSAGES = {
  // The API server cannot decode these three.
  'no-list': () => 'imagePullSecrets is not a list (cannot unmarshal): write imagePullSecrets: [{ name: NAME }]',
  'no-object': ({ meant = 'NAME' }: Meant) =>
    `entry of imagePullSecrets is not an object (cannot unmarshal): write { name: ${meant} }`,
  'no-text': ({ meant = 'NAME' }: Meant) =>
    `name of a pull secret is not a string (cannot unmarshal): write ${quote(meant)}, in quotes`,
  'no-name': ({ meant = 'NAME' }: Meant) =>
    `entry of imagePullSecrets has no name, so kubelet ignores it: write { name: ${shortenMiddle(meant, MAX_MEANT)} }`,
  'bad-name': ({ meant, isTooLong }: Meant & Readonly<{ isTooLong: boolean }>) => {
    const allowed = isTooLong ? `at most ${MAX_SUBDOMAIN} characters` : 'lowercase letters, digits, "-" and "."';
    const advice = meant === undefined ? `: use ${allowed}` : `; did you mean ${quote(meant)}?`;
    return `not a valid Secret name (lowercase RFC 1123 subdomain), so images are pulled without it${advice}`;
  },
  misplaced: ({ field, readAt }: Readonly<{ field: string; readAt: string }>) =>
    `unknown field ${quote(field)} here, so images are pulled without it: move it to ${readAt}`,
  misspelled: ({ field }: Readonly<{ field: string }>) =>
    `unknown field ${quote(field)}, so images are pulled without it: rename it to imagePullSecrets`,
};

export const pullSecretsValid = defineRule({
  id: 'pull-secrets-valid',
  description:
    'Finds imagePullSecrets that cannot work: in the wrong place, of the wrong type, or with an invalid name.',
  remedy: 'Write imagePullSecrets: [{ name: NAME }] in the Pod spec, next to containers.',
  faqItems: [1, 3],
  defaultAction: 'deny',
  scope: 'pull-secrets',
  fixable: false,
  options: {},
  needs: [],
  messages: MESSAGES,
  check: ({ workload, pull, policy, now, flatMap }) => {
    const mistakes = workload.images.length === 0 ? [] : findMistakes(workload);
    if (mistakes.length === 0) return [];
    const isServed = isSurelyServed(pull, policy, now);
    return flatMap(mistakes, (mistake): readonly Mistake[] => {
      // A refused object is refused no matter what else the Pod has.
      if (REFUSED.includes(mistake.messageId)) return [mistake];
      // Although the field is ignored, the images may be public, or on the node.
      return [{ ...mistake, atMost: 'warn', ...(isServed && { harmless: true }) }];
    });
  },
});

const REFUSED: readonly string[] = ['no-list', 'no-object', 'no-text'];

type Mistake = Report<typeof MESSAGES>;

const FIELD = 'imagePullSecrets';

/** The mistakes in one pod spec and around it. */
function findMistakes({ source: { object, kind }, podSpec }: Workload): readonly Mistake[] {
  const spec = readPointer(object, podSpec);
  if (!isRecord(spec)) return [];
  const inList = checkList(spec[FIELD], joinPointer(podSpec, FIELD));
  // The other fields of custom kinds, and their types, are unknown.
  if (!isBuiltIn(kind)) return inList.filter(({ messageId }) => messageId === 'bad-name');
  return [...inList, ...findMisspelled(spec, podSpec), ...findMisplaced(object, podSpec, spec)];
}

function checkList(value: unknown, list: Pointer): readonly Mistake[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return [{ messageId: 'no-list', at: list, ...valueOf(value) }];
  return value.slice(0, MOST_PULL_SECRETS).flatMap((entry: unknown, at) => checkEntry(entry, joinPointer(list, at)));
}

function checkEntry(entry: unknown, at: Pointer): readonly Mistake[] {
  if (entry === null) return [{ messageId: 'no-name', at, params: { meant: undefined } }];
  if (!isRecord(entry)) return [{ messageId: 'no-object', at, ...valueOf(entry), params: { meant: nameIn(entry) } }];
  const { name } = entry;
  // kubelet ignores an empty name, as the API server does; charts write it if no Secret is wanted.
  if (name === undefined || name === null)
    return Object.keys(entry).some((key) => key !== 'name')
      ? [{ messageId: 'no-name', at, params: { meant: nameUnder(entry) } }]
      : [];
  const place = { at: joinPointer(at, 'name'), ...valueOf(name) };
  if (typeof name !== 'string') return [{ messageId: 'no-text', ...place, params: { meant: nameIn(name) } }];
  if (name === '' || isSubdomain(name)) return [];
  const meant = findMeant(name);
  const isTooLong = name.length > MAX_SUBDOMAIN;
  return [{ messageId: 'bad-name', ...place, params: { meant, isTooLong }, suggestion: meant }];
}

/** The name under a key of another list, as volumes have `secretName`. */
function nameUnder(entry: Readonly<Record<string, unknown>>): string | undefined {
  const [[key, value] = [], ...others] = Object.entries(entry).filter(([key]) => key !== 'name');
  return others.length === 0 && key !== undefined && /^secret(?:name)?$/i.test(key) ? nameIn(value) : undefined;
}

/** The value of the field, if it is a scalar. */
function valueOf(value: unknown): Readonly<{ value?: string }> {
  const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return isScalar ? { value: String(value) } : {};
}

/** A longer name is not repeated. */
const MAX_MEANT = 63;

function nameIn(scalar: unknown): string | undefined {
  const { value = '' } = valueOf(scalar);
  return isSubdomain(value) && value.length <= MAX_MEANT ? value : undefined;
}

/**
 * The name in the output of a template, or the text without spaces, quotes and capitals; undefined if that is not a valid name.
 */
function findMeant(written: string): string | undefined {
  if (written.length > MAX_SUBDOMAIN * 2) return undefined;
  const [, printed] = PRINTED.exec(written) ?? [];
  const name = (printed ?? written).replaceAll(/^[\s"'`]+|[\s"'`]+$/g, '').toLowerCase();
  return isSubdomain(name) ? name : undefined;
}

/** `map[name:regcred]`, `[map[name:regcred]]`, `{name: regcred}`, `{"name":"regcred"}`, `- name: regcred`, `{regcred}`. */
const PRINTED = /^[\s[{-]*(?:map\[)?["']?name["']?\s*[:=]\s*(["']?[a-zA-Z\d.-]+["']?)\s*[\]}]*\s*$/;

/** `imagePullSecret`, `imagepullsecrets`, `pullSecrets`: the API server only knows the exact names of fields. */
const LIKE_FIELD = /^(?:image)?[-_]?pull[-_]?secrets?(?:names?)?$/i;

function findMisspelled(spec: Readonly<Record<string, unknown>>, podSpec: Pointer): readonly Mistake[] {
  return Object.keys(spec)
    .filter((name) => name !== FIELD && LIKE_FIELD.test(name) && holdsAnything(spec[name]))
    .map((field) => ({ messageId: 'misspelled', at: joinPointer(podSpec, field), params: { field } }));
}

/** Names of the field in wrong places. They are looked up by name, as there may be thousands of containers. */
const FIELDS_ELSEWHERE = [FIELD, 'imagePullSecret', 'pullSecrets', 'pullSecret'] as const;

/** In a container, in the objects around the pod spec, and in their metadata. */
function findMisplaced(object: unknown, podSpec: Pointer, spec: Readonly<Record<string, unknown>>): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  const look = (holder: unknown, at: () => Pointer, label?: () => string): void => {
    if (!isRecord(holder)) return;
    for (const field of FIELDS_ELSEWHERE) {
      if (!Object.hasOwn(holder, field) || !holdsAnything(holder[field])) continue;
      const params = { field, readAt: formatFieldPath(joinPointer(podSpec, FIELD)) };
      const place = { at: joinPointer(at(), field), ...(label !== undefined && { label: label() }) };
      mistakes.push({ messageId: 'misplaced', params, ...place });
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
  return mistakes;
}

function holdsAnything(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0);
}
