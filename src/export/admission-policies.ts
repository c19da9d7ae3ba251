import { FIX_LABEL, MODE_LABEL } from '../engine/namespace-mode.ts';
import type { Policy } from '../engine/rule.ts';
import { ACTIONS, type Action } from '../policy/policy.ts';
import { LONGEST_EXPORTED } from '../text/bounds.ts';
import { isBuiltIn, isPod, type WorkloadKind, WORKLOAD_KINDS } from '../workload/kinds.ts';
import { bind, checkSize, ExportError, type Cel } from './cel.ts';
import {
  dropWaived,
  listChecks,
  listMembers,
  mayMove,
  nameMembers,
  needsSecrets,
  secretOfFinal,
  type Check,
  type Situation,
} from './checks-cel.ts';
import {
  addressOnMirror,
  ALLOWS_FIXES,
  describeAccess,
  extend,
  findRule,
  isPulled,
  isReadable,
  isWaived,
  keepParsed,
  listConditions,
  listImages,
  listMirrors,
  listPods,
} from './images-cel.ts';
import { buildMutateConditions } from './match-conditions.ts';
import { listUnsaid, type Unsaid } from './unsaid.ts';

/** An object of Kubernetes. */
export type ApiObject = Readonly<{
  apiVersion: string;
  kind: string;
  metadata: Readonly<{ name: string; labels: Readonly<Record<string, string>> }>;
  spec: Readonly<Record<string, unknown>>;
}>;

/** Minor versions of Kubernetes 1 that policies are written for, and the version of MutatingAdmissionPolicy that each serves. */
export const KUBERNETES_MINORS = [30, 31, 32, 33, 34, 35, 36] as const;
export type KubernetesMinor = (typeof KUBERNETES_MINORS)[number];

/** 1.32 serves v1alpha1 as well, but has no index of a list in CEL yet, which a JSON Patch needs. */
export function mutatingVersion(minor: KubernetesMinor): string | undefined {
  if (minor >= 36) return 'v1';
  if (minor >= 34) return 'v1beta1';
  return minor === 33 ? 'v1alpha1' : undefined;
}

export type Exported = Readonly<{ objects: readonly ApiObject[]; unsaid: readonly Unsaid[] }>;

/**
 * What the API server can do of a policy by itself, as ValidatingAdmissionPolicies, MutatingAdmissionPolicies and their bindings; and
 * what it cannot. The result depends on nothing but the arguments.
 *
 * @throws ExportError for a policy that is too large
 */
export function exportAdmissionPolicies(policy: Policy, minor: KubernetesMinor): Exported {
  checkSize(policy);
  const version = mutatingVersion(minor);
  const objects = [...writeValidating(policy, version !== undefined), ...writeMutating(policy, version)];
  for (const { metadata, spec } of objects) {
    const { length } = JSON.stringify(spec);
    if (length > LONGEST_EXPORTED) {
      throw new ExportError(
        `${metadata.name} would have ${length} characters, above the limit of ${LONGEST_EXPORTED}: shorten exempt, mirrors or registries in the policy`,
      );
    }
  }
  return { objects, unsaid: listUnsaid(policy, version) };
}

const NAME_PREFIX = 'pullguard-';
const LABELS = { 'app.kubernetes.io/name': 'pullguard' };

/** Checks of which the same comes everywhere are one policy: an API server converts the object anew for each. */
function groupChecks(
  all: readonly Check[],
): readonly Readonly<{ name: string; checks: readonly [Check, ...Check[]] }>[] {
  const groups = new Map<string, [Check, ...Check[]]>();
  for (const check of all) {
    const table = JSON.stringify(SITUATIONS.map((situation) => check.act(situation)));
    const group = groups.get(table);
    if (group === undefined) groups.set(table, [check]);
    else group.push(check);
  }
  return [...groups.values()].map((checks) => {
    const actions = new Set(SITUATIONS.filter(({ mode }) => mode === 'deny').map((each) => checks[0].act(each)));
    const [action] = actions;
    return { name: `${NAME_PREFIX}${actions.size === 1 ? action : checks[0].rule}`, checks };
  });
}

/** Where nothing is fixed nothing is said of it; a webhook may do it all the same, so that no template is denied for it. */
function withoutFixes(policy: Policy): Readonly<{ policy: Policy; checks: readonly Check[] }> {
  const acts = new Map(listChecks(policy).map(({ name, act }) => [name, act]));
  const unfixed = { ...policy, rules: policy.rules.map((configured) => ({ ...configured, fix: false })) };
  const checks = listChecks(unfixed).map((check) => ({ ...check, act: acts.get(check.name) ?? check.act }));
  return { policy: unfixed, checks };
}

function writeValidating(given: Policy, isFixing: boolean): readonly ApiObject[] {
  const { policy, checks: all } = isFixing ? { policy: given, checks: listChecks(given) } : withoutFixes(given);
  const kinds = listKinds(policy);
  const apiVersion = 'admissionregistration.k8s.io/v1';
  return groupChecks(all).flatMap(({ name, checks }): readonly ApiObject[] => [
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name, labels: LABELS },
      spec: {
        failurePolicy: 'Ignore',
        matchConstraints: {
          matchPolicy: 'Equivalent',
          resourceRules: [...POD_RESOURCES, ...listTemplates(kinds, '*')],
        },
        matchConditions: listConditions(policy, kinds),
        variables: keepUsed(
          listVariables(checks, policy, kinds),
          checks.map((check) => writeMessage(check)),
        ),
        validations: checks.map((check) => ({
          expression: `variables.${check.name} == []`,
          reason: 'Forbidden',
          messageExpression: writeMessage(check),
        })),
      },
    },
    ...listBindings(checks[0].act, kinds).map(({ suffix, action, matchResources }) => ({
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: suffix === action && name.endsWith(action) ? name : `${name}-${suffix}`, labels: LABELS },
      spec: { policyName: name, validationActions: [VALIDATION_ACTIONS[action]], matchResources },
    })),
  ]);
}

const VALIDATION_ACTIONS: Readonly<Record<Action, string>> = { deny: 'Deny', warn: 'Warn', audit: 'Audit' };

/** The first image that is wrong, and how many there are besides: an API server takes no message above 5 KiB. */
function writeMessage({ name, rule, message }: Check): Cel {
  const found = `variables.${name}[0]`;
  const more = `(size(${found}) == 1 ? '' : ', and ' + string(size(${found}) - 1) + ' more')`;
  return `${found}.map(u, u.label + ': ' + (${message}))[0] + ' (${rule}' + ${more} + ')'`;
}

type Variable = Readonly<{ name: string; expression: Cel }>;

/** Each in the order in which they go on from each other. */
function listVariables(checks: readonly Check[], policy: Policy, kinds: readonly WorkloadKind[]): readonly Variable[] {
  const images = listImages({ withPaths: false, kinds });
  const access = (pods: Cel): Cel => `${pods}.map(p, ${describeAccess()})`;
  const members = listMembers(policy);
  const { written } = nameMembers(policy);
  const parse = keepParsed(policy, written);
  const extended = Object.keys(members).length === 0 ? images : `${images}.map(u, ${extend(BASIC, toNames(members))})`;
  const isSame = 'oldObject == null || variables.access == variables.oldAccess';
  const all: Readonly<Record<string, Cel>> = {
    pods: listPods('object', kinds),
    oldPods: `oldObject == null ? [] : ${listPods('oldObject', kinds)}`,
    fixes: ALLOWS_FIXES,
    mirrors: listMirrors(policy.mirrors),
    access: access('variables.pods'),
    oldAccess: access('variables.oldPods'),
    images: `variables.pods.map(p, ${bindAll(members, extended)})`,
    oldImages: `variables.oldPods.map(p, ${images})`,
    fresh: `variables.images.map(l, l.filter(u, !(${IS_OLD})))`,
    parsed: `variables.fresh.map(l, l${parse})`,
    reachable: `${isSame} ? variables.fresh : variables.images`,
    // Of an update only the images that it brings are moved to a mirror, as only those are looked at.
    pulled: `${isSame} ? variables.parsed : variables.images.map(l, l${members['moves'] === undefined ? '' : keepMoves(written)}${parse})`,
    ...Object.fromEntries(checks.map((check) => [check.name, writeFound(check, policy)])),
  };
  return Object.entries(all).map(([name, expression]) => ({ name, expression }));
}

/** An update has nothing new in an image that was pulled in the same place before. */
const IS_OLD: Cel =
  "variables.oldImages.exists(k, k.exists(o, o.label == u.label && o.image == u.image && (u.pull == 'Never' || o.pull != 'Never')))";

function keepMoves(members: readonly string[]): Cel {
  const others = members.filter((name) => name !== 'moves');
  return `.map(u, ${extend(others, { moves: `${IS_OLD} ? 'false' : u.moves` })})`;
}

const BASIC = ['label', 'image', 'pull'];

/** The members of a pod are computed once for all of its images, under their own names. */
function bindAll(members: Readonly<Record<string, Cel>>, body: Cel): Cel {
  return Object.entries(members).reduce((inner, [name, value]) => bind(`of_${name}`, value, inner), body);
}

function toNames(members: Readonly<Record<string, Cel>>): Readonly<Record<string, Cel>> {
  return Object.fromEntries(Object.keys(members).map((name) => [name, `of_${name}`]));
}

/** The wrong images of each pod; pods without any are left out. */
function writeFound({ from, wrong, rule }: Check, policy: Policy): Cel {
  return `variables.${from}.map(l, l${dropWaived(policy, rule)}${wrong}).filter(l, l != [])`;
}

/** Without the variables that nothing refers to: each would be compiled. */
function keepUsed(variables: readonly Variable[], expressions: readonly Cel[]): readonly Variable[] {
  const used = new Set<string>();
  const visit = (expression: Cel): void => {
    for (const [, name = ''] of expression.matchAll(/\bvariables\.(\w+)/g)) {
      if (used.has(name)) continue;
      used.add(name);
      visit(variables.find((each) => each.name === name)?.expression ?? '');
    }
  };
  for (const expression of expressions) visit(expression);
  return variables.filter(({ name }) => used.has(name));
}

/** Those that CEL can read; the others are told of. */
function listKinds({ kinds }: Policy): readonly WorkloadKind[] {
  return [
    ...WORKLOAD_KINDS,
    ...[...kinds.values()].filter((kind) => !isBuiltIn(kind) && kind.group !== 'extensions'),
  ].filter((kind) => isReadable(kind));
}

type ResourceRule = Readonly<{
  apiGroups: readonly string[];
  apiVersions: readonly string[];
  resources: readonly string[];
  operations: readonly string[];
  scope: string;
}>;

const NEW = ['CREATE', 'UPDATE'];
const POD_RESOURCES: readonly ResourceRule[] = [
  { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: NEW, scope: 'Namespaced' },
  // What kubectl debug adds.
  {
    apiGroups: [''],
    apiVersions: ['v1'],
    resources: ['pods/ephemeralcontainers'],
    operations: ['UPDATE'],
    scope: 'Namespaced',
  },
];

/** The resources of kinds of the policy are not known: a condition chooses their kinds. */
function listTemplates(kinds: readonly WorkloadKind[], scope: string): readonly ResourceRule[] {
  const templates = kinds.filter((kind) => !isPod(kind));
  const builtIn = groupsOf(templates.filter((kind) => isBuiltIn(kind))).map((group) => ({
    apiGroups: [group],
    apiVersions: ['v1'],
    resources: templates.flatMap(({ group: own, resource }) => (own === group ? (resource ?? []) : [])),
    operations: NEW,
    scope: 'Namespaced',
  }));
  const groups = groupsOf(templates.filter((kind) => !isBuiltIn(kind)));
  const custom = { apiGroups: groups, apiVersions: ['*'], resources: ['*'], operations: NEW, scope };
  return groups.length === 0 ? builtIn : [...builtIn, custom];
}

function groupsOf(kinds: readonly WorkloadKind[]): readonly string[] {
  return [...new Set(kinds.map(({ group }) => group))];
}

type Binding = Readonly<{ suffix: string; action: Action; matchResources: Readonly<Record<string, unknown>> }>;

const MODE_ORDER = ['deny', 'warn', 'audit'] as const;
const TARGETS = ['pods', 'templates'] as const;
const SITUATIONS: readonly Situation[] = MODE_ORDER.flatMap((mode) =>
  TARGETS.flatMap((target) => [true, false].map((fixes) => ({ mode, target, fixes }))),
);

/** What comes of a check in each situation, in as few bindings as tell these apart by labels of namespaces and by resources. */
function listBindings(act: Check['act'], kinds: readonly WorkloadKind[]): readonly Binding[] {
  const table = (target: Situation['target'], fixes: boolean): string =>
    JSON.stringify(MODE_ORDER.map((mode) => act({ mode, fixes, target })));
  const isOne = (fixes: boolean): boolean => table('pods', fixes) === table('templates', fixes);
  const targets = isOne(true) && isOne(false) ? [undefined] : TARGETS;
  return targets.flatMap((target) => {
    const seen = target ?? 'templates';
    const labels = table(seen, true) === table(seen, false) ? [undefined] : [true, false];
    return labels.flatMap((fixes) => bindingsOf(act, { target, fixes }, kinds));
  });
}

/** Where a binding holds: for one target or both, and where the label for fixes is so or so, or whatever it is. */
type Where = Readonly<{ target: Situation['target'] | undefined; fixes: boolean | undefined }>;

function bindingsOf(act: Check['act'], where: Where, kinds: readonly WorkloadKind[]): readonly Binding[] {
  const { target, fixes } = where;
  const actionIn = (mode: Situation['mode']): Action =>
    act({ mode, fixes: fixes ?? true, target: target ?? 'templates' });
  return ACTIONS.toReversed().flatMap((action) => {
    const modes = MODE_ORDER.filter((mode) => actionIn(mode) === action);
    if (modes.length === 0) return [];
    const label = fixes === undefined ? [] : [fixes ? 'fixed' : 'unfixed'];
    const suffix = [...(target === undefined ? [] : [target]), ...label, action].join('-');
    // What is in no namespace has no labels, and is warned of at most.
    const scope = modes.includes('warn') && fixes !== false ? '*' : 'Namespaced';
    const resourceRules = selectResources(where, kinds, scope);
    const namespaceSelector = { matchExpressions: [selectModes(modes), ...selectFixes(fixes)] };
    return [{ suffix, action, matchResources: { namespaceSelector, ...(resourceRules && { resourceRules }) } }];
  });
}

type Expression = Readonly<{ key: string; operator: string; values: readonly string[] }>;

/** Any value that is no mode is treated as deny, as is none. */
function selectModes(modes: readonly Situation['mode'][]): Expression {
  if (!modes.includes('deny')) return { key: MODE_LABEL, operator: 'In', values: modes };
  const others = MODE_ORDER.filter((mode) => !modes.includes(mode));
  return { key: MODE_LABEL, operator: 'NotIn', values: ['off', ...others] };
}

function selectFixes(fixes: boolean | undefined): readonly Expression[] {
  if (fixes === undefined) return [];
  return [{ key: FIX_LABEL, operator: fixes ? 'NotIn' : 'In', values: ['false'] }];
}

/** Undefined where those of the policy are meant. */
function selectResources(
  { target }: Where,
  kinds: readonly WorkloadKind[],
  scope: string,
): readonly ResourceRule[] | undefined {
  const isNarrow = scope !== '*' && kinds.some((kind) => !isBuiltIn(kind));
  if (target === undefined && !isNarrow) return undefined;
  return [...(target === 'templates' ? [] : POD_RESOURCES), ...(target === 'pods' ? [] : listTemplates(kinds, scope))];
}

function writeMutating(policy: Policy, version: string | undefined): readonly ApiObject[] {
  const mutations = listMutations(policy);
  if (version === undefined || mutations === undefined) return [];
  const apiVersion = `admissionregistration.k8s.io/${version}`;
  const name = `${NAME_PREFIX}fixes`;
  return [
    {
      apiVersion,
      kind: 'MutatingAdmissionPolicy',
      metadata: { name, labels: LABELS },
      spec: {
        failurePolicy: 'Ignore',
        reinvocationPolicy: 'IfNeeded',
        matchConstraints: {
          matchPolicy: 'Equivalent',
          resourceRules: [{ ...POD_RESOURCES[0], operations: ['CREATE'] }],
        },
        matchConditions: buildMutateConditions(policy),
        ...mutations,
      },
    },
    {
      apiVersion,
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name, labels: LABELS },
      spec: {
        policyName: name,
        matchResources: {
          namespaceSelector: {
            matchExpressions: [
              { key: MODE_LABEL, operator: 'NotIn', values: ['off', 'audit'] },
              { key: FIX_LABEL, operator: 'NotIn', values: ['false'] },
            ],
          },
        },
      },
    },
  ];
}

/** What is changed in a Pod: the images that have a mirror, and the pull secrets that those need which it has then. */
function listMutations(
  policy: Policy,
): Readonly<{ variables: readonly Variable[]; mutations: readonly object[] }> | undefined {
  const isMoved = mayMove(policy);
  const isGiven = findRule(policy, 'pull-secret-present')?.fix === true && needsSecrets(policy);
  if (!isMoved && !isGiven) return undefined;
  const isOff = (rule: string): Cel => isWaived(policy, rule) ?? 'false';
  const moved = isMoved ? `${isOff('mirror-used')} ? '' : ${addressOnMirror('u.full')}` : `''`;
  const members = [...BASIC, 'path'];
  const images = `${listImages({ withPaths: true, kinds: PODS })}${keepParsed(policy, members)}.filter(u, ${isPulled()})`;
  const missing = `variables.needed.transformList(i, s, variables.needed.indexOf(s) == i && !(s in variables.given), s)`;
  const variables = {
    mirrors: listMirrors(policy.mirrors),
    images: bind('p', 'object', `${images}.map(u, ${extend(['path', 'full'], { moved })})`),
    final: `variables.images.map(u, {'final': u.moved == '' ? u.full : u.moved})`,
    needed: `variables.final.map(u, ${secretOfFinal(policy, 'u.final')}).filter(s, s != '')`,
    given: `object.spec.?imagePullSecrets.orValue([]).map(s, string(s.?name.orValue('')))`,
    missing: bind('p', 'object', `(${isOff('pull-secret-present')}) ? [] : ${missing}`),
  };
  // A list of objects as the value of a patch makes API servers panic (cel-go converts only the list), so that each has its patch.
  const patches = [
    ...(isMoved
      ? [`variables.images.filter(u, u.moved != '').map(u, JSONPatch{op: 'replace', path: u.path, value: u.moved})`]
      : []),
    ...(isGiven
      ? [
          `(variables.missing == [] || variables.given != [] ? [] : [JSONPatch{op: 'add', path: '/spec/imagePullSecrets', value: []}])`,
          `variables.missing.map(s, JSONPatch{op: 'add', path: '/spec/imagePullSecrets/-', value: Object.spec.imagePullSecrets{name: s}})`,
        ]
      : []),
  ];
  const expression = patches.join('\n + ');
  return {
    variables: keepUsed(
      Object.entries(variables).map(([name, each]) => ({ name, expression: each })),
      [expression],
    ),
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }],
  };
}

const PODS = WORKLOAD_KINDS.filter((kind) => isPod(kind));
