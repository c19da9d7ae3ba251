import type { Policy } from '../engine/rule.ts';
import { matchHostPattern, toHostTarget, type HostPattern } from '../image/host-pattern.ts';
import { DOCKER_HUB } from '../image/reference.ts';
import { RESOLVE_NAMES, TRIGGERS } from '../workload/stand-in.ts';
import { SKIP_ANNOTATION } from '../workload/workload.ts';
import { WORKLOAD_KINDS } from '../workload/kinds.ts';
import { allOf, anyOf, bind, checkSize, isOfHosts, literal, type Cel } from './cel.ts';
import { isSurelyFine } from './clean-reference.ts';
import { isNameValid, needsSecrets } from './checks-cel.ts';
import { findRule, IS_POD, isOfKind, listConditions, listPods } from './images-cel.ts';
import { fullAddress, hasDigest, hasRegistry, hasTag, mayBeOnDockerHub } from './reference-cel.ts';
import type { Unsaid } from './unsaid.ts';

export type MatchCondition = Readonly<{ name: string; expression: Cel }>;

/** What `serve` knows of the cluster besides the labels of namespaces, by its flags. */
export type Gathered = Readonly<{ pullSecrets: boolean; nodes: boolean; pulls: boolean }>;

/** When API servers have to call the webhooks, and the rules for which they have to for every object with images. */
export type MatchConditions = Readonly<{
  mutate: readonly MatchCondition[];
  validate: readonly MatchCondition[];
  always: readonly Unsaid[];
}>;

/**
 * Conditions under which a webhook may have something to do; where they do not hold it would find nothing, whatever is in the cluster.
 * An API server that cannot evaluate one takes that for a failure of the webhook, so that none may fail: they look at kinds of
 * Kubernetes alone, whose objects have the shape that they should, and leave large ones to the webhook. Each is one expression, as API
 * servers evaluate all that there are; what is most often false stands first.
 */
export function buildMatchConditions(policy: Policy, gathered: Gathered): MatchConditions {
  checkSize(policy);
  const needs = listNeeds(policy, gathered);
  const exemptions = listConditions(policy, WORKLOAD_KINDS).filter(({ name }) => name !== 'not-filled-in-by-openshift');
  const isBuiltIn = isOfKind(WORKLOAD_KINDS);
  const found = allOf(CHANGES, `${listPods('object', WORKLOAD_KINDS)}.exists(p, ${writeNeeds(needs, 'p')})`);
  return {
    mutate: buildMutateConditions(policy),
    validate: [
      {
        name: 'may-be-found',
        expression: allOf(anyOf(found, `!(${isBuiltIn})`), ...exemptions.map(({ expression }) => expression)),
      },
    ],
    always: needs.flatMap(({ rule, why }) => (why === undefined ? [] : [{ what: rule, why }])),
  };
}

/** Of the webhook that fixes Pods, and of the policy that does the same: which Pods may have something to fix. */
export function buildMutateConditions(policy: Policy): readonly MatchCondition[] {
  const exemptions = listConditions(policy, PODS).map(({ expression }) => expression);
  return [{ name: 'may-be-fixed', expression: allOf(writeNeeds(listFixes(policy), 'object'), ...exemptions) }];
}

const PODS = WORKLOAD_KINDS.filter(({ kind }) => kind === 'Pod');

/** An update that leaves Pods as they were is none: but for images that stood in for others before. */
const CHANGES: Cel = anyOf(
  'oldObject == null',
  `${IS_POD} ? object.spec != oldObject.spec || object.spec.containers.exists(c, c.?image.orValue('') == 'auto') : ${listPods('object', WORKLOAD_KINDS)} != ${listPods('oldObject', WORKLOAD_KINDS)}`,
  ...[TRIGGERS, RESOLVE_NAMES].map((name) => `oldObject.metadata.?annotations[?${literal(name)}].hasValue()`),
);

/** When a rule may find something: because of one image, as CEL by its text and its pull policy, or of a pod. */
type Need = Readonly<{
  rule: string;
  image?: (text: Cel, pull: Cel) => Cel;
  pod?: (pod: Cel) => Cel;
  why?: string;
}>;

function listFixes(policy: Policy): readonly Need[] {
  const mirror = findRule(policy, 'mirror-used');
  const secret = findRule(policy, 'pull-secret-present');
  return [...(mirror?.fix === true ? needMirror(policy) : []), ...(secret?.fix === true ? needSecrets(policy) : [])];
}

function isPulled(pull: Cel): Cel {
  return `${pull} != 'Never'`;
}

function needMirror({ mirrors }: Policy): readonly Need[] {
  if (mirrors.length === 0) return [];
  const starts = mirrors.map(({ from: { registry, path } }) => ({
    registry,
    start: `${registry}/${path === '' ? '' : `${path}/`}`,
  }));
  const elsewhere = starts.filter(({ registry }) => registry !== DOCKER_HUB);
  const onDockerHub = starts.filter(({ registry }) => registry === DOCKER_HUB);
  const anyStart = (each: typeof starts, text: Cel): Cel =>
    anyOf(...each.map(({ start }) => `${text}.startsWith(${literal(start)})`));
  return [
    {
      rule: 'mirror-used',
      image: (text, pull) =>
        allOf(
          anyOf(
            anyStart(elsewhere, text),
            onDockerHub.length === 0 ? 'false' : onDocker(text, (full) => anyStart(onDockerHub, full)),
          ),
          isPulled(pull),
        ),
    },
  ];
}

/** Only of images on Docker Hub the full address differs from what is written. */
function onDocker(text: Cel, ofFull: (full: Cel) => Cel): Cel {
  return allOf(mayBeOnDockerHub(text), bind('f', fullAddress(text), ofFull('f')));
}

function needSecrets(policy: Policy): readonly Need[] {
  if (!needsSecrets(policy)) return [];
  const secrets = new Map<string, HostPattern[]>();
  for (const { hosts, pullSecret } of policy.registries) {
    if (pullSecret !== undefined) secrets.set(pullSecret, [...(secrets.get(pullSecret) ?? []), ...hosts]);
  }
  return [
    {
      rule: 'pull-secret-present',
      image: (text, pull) =>
        allOf(
          anyOf(...[...secrets].map(([name, hosts]) => allOf(isOfAny(hosts, text), `!(${literal(name)} in g)`))),
          isPulled(pull),
        ),
    },
  ];
}

function isOfAny(hosts: readonly HostPattern[], text: Cel): Cel {
  const onDockerHub = hosts.filter((host) => matchHostPattern({ ...host, path: '' }, DOCKER_HUB_HOST));
  return anyOf(
    isOfHosts(hosts, text),
    onDockerHub.length === 0 ? 'false' : onDocker(text, (full) => isOfHosts(onDockerHub, full)),
  );
}

const DOCKER_HUB_HOST = toHostTarget({ registry: DOCKER_HUB, repository: '' });

/** What rules may find. Those that need more than the object may find something wherever that bears on it. */
function listNeeds(policy: Policy, { pullSecrets, nodes, pulls }: Gathered): readonly Need[] {
  const probed = policy.registries.filter(({ probe }) => probe !== undefined).flatMap(({ hosts }) => hosts);
  const asks = (rule: string): readonly Need[] => [{ rule, image: (text) => isOfAny(probed, text) }];
  const needs: Readonly<Record<string, readonly Need[]>> = {
    'reference-valid': [{ rule: 'reference-valid', image: (text) => `!(${isSurelyFine(text)})` }],
    'tag-explicit': [
      {
        rule: 'tag-explicit',
        image: (text) => allOf(`!${hasDigest(text)}`, anyOf(`!${hasTag(text)}`, `${text}.endsWith(':latest')`)),
      },
    ],
    'registry-explicit': [{ rule: 'registry-explicit', image: (text) => `!${hasRegistry(text)}` }],
    'mirror-used': needMirror(policy),
    'pull-secrets-valid': [{ rule: 'pull-secrets-valid', pod: () => `!g.all(s, ${isNameValid('s')})` }],
    'service-account-secrets-kept': [{ rule: 'service-account-secrets-kept', pod: () => 'g != []' }],
    'pull-secret-present': needSecrets(policy),
    'pull-secret-usable': pullSecrets
      ? [
          {
            rule: 'pull-secret-usable',
            pod: () => anyOf('g != []', `!(${IS_POD})`, 'oldObject != null'),
            why: 'a template, and a Pod with pull secrets, may name one that cannot be used',
          },
        ]
      : [],
    'image-on-node': nodes ? [{ rule: 'image-on-node', image: (_, pull) => `!(${isPulled(pull)})` }] : [],
    'nodes-can-pull': pulls
      ? [{ rule: 'nodes-can-pull', pod: () => 'true', why: 'nodes may fail to pull any image' }]
      : [],
    'image-pullable': asks('image-pullable'),
    'image-fits': asks('image-fits'),
  };
  const always = (rule: string): Need => ({ rule, pod: () => 'true', why: 'may find something in any object' });
  return [
    ...policy.rules.flatMap(({ rule: { id } }) => needs[id] ?? [always(id)]),
    { rule: 'skip-allowed', pod: (pod) => anyOf(hasSkip('object'), ...(pod === 'object' ? [] : [hasSkip(pod)])) },
  ];
}

function hasSkip(holder: Cel): Cel {
  return `${holder}.?metadata.?annotations[?${literal(SKIP_ANNOTATION)}].hasValue()`;
}

/** Whether one of the needs is there in a pod. */
function writeNeeds(needs: readonly Need[], pod: Cel): Cel {
  const pods = needs.flatMap(({ pod: need }) => need?.(pod) ?? []);
  if (pods.includes('true')) return 'true';
  const images = needs.flatMap(({ image }) => image ?? []);
  const of = (text: Cel, pull: Cel): Cel =>
    anyOf(`size(${text}) > ${LONGEST_COMPARED}`, ...images.map((image) => image(text, pull)));
  const containers = ['initContainers', 'containers', 'ephemeralContainers']
    .map((each) => `${pod}.spec.?${each}.orValue([])`)
    .join(' + ');
  const found = bind(
    'l',
    containers,
    anyOf(
      `size(l) > ${MOST_COMPARED_AT_ONCE}`,
      `l.exists(c, has(c.image) && ${of('c.image', "c.?imagePullPolicy.orValue('')")})`,
      `${pod}.spec.?volumes.orValue([]).exists(v, v.?image.?reference.hasValue() && ${of('v.image.reference', "v.image.?pullPolicy.orValue('')")})`,
    ),
  );
  const names = `${pod}.spec.?imagePullSecrets.orValue([]).map(s, s.?name.orValue(''))`;
  return bind(
    'g',
    names,
    anyOf(...pods, `size(g) > ${MOST_COMPARED_AT_ONCE}`, ...(images.length === 0 ? [] : [found])),
  );
}

/** Of longer ones, and of more containers and pull secrets, the comparison could cost more than an API server spends. */
const LONGEST_COMPARED = 300;
const MOST_COMPARED_AT_ONCE = 20;
