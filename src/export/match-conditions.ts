import type { Policy } from '../engine/rule.ts';
import { MOST_LOOKED_UP } from '../text/bounds.ts';
import { RESOLVE_NAMES, TRIGGERS } from '../workload/stand-in.ts';
import { SKIP_ANNOTATION } from '../workload/workload.ts';
import { WORKLOAD_KINDS, type WorkloadKind } from '../workload/kinds.ts';
import { allOf, anyOf, bind, isOfHosts, literal, type Cel } from './cel.ts';
import { isSurelyFine } from './clean-reference.ts';
import { isNameValid, needsSecrets } from './checks-cel.ts';
import { findRule, IS_POD, isOfKind, listConditions, listPods } from './images-cel.ts';
import { fullAddress, hasDigest, hasRegistry, hasTag } from './reference-cel.ts';
import { checkSize } from './size.ts';
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
 * Kubernetes alone, whose objects have the shape that they should, and leave large ones to the webhook.
 */
export function buildMatchConditions(policy: Policy, gathered: Gathered): MatchConditions {
  checkSize(policy);
  const needs = listNeeds(policy, gathered);
  return {
    mutate: buildMutateConditions(policy),
    validate: [
      ...listConditions(policy, WORKLOAD_KINDS)
        .filter(({ name }) => name !== 'not-filled-in-by-openshift')
        .map(({ name, expression }) => ({ name, expression })),
      { name: 'changes-what-is-pulled', expression: anyOf(isOther(WORKLOAD_KINDS), CHANGES) },
      ...writeNeeds('may-be-found', needs, WORKLOAD_KINDS),
    ],
    always: needs.flatMap(({ rule, why }) => (why === undefined ? [] : [{ what: rule, why }])),
  };
}

/** Of the webhook that fixes Pods, and of the policy that does the same: which Pods may have something to fix. */
export function buildMutateConditions(policy: Policy): readonly MatchCondition[] {
  return [...listConditions(policy, PODS), ...writeNeeds('may-be-fixed', listFixes(policy), PODS)];
}

const PODS = WORKLOAD_KINDS.filter(({ kind }) => kind === 'Pod');

/** Of other kinds it is not known which shape their objects have. */
function isOther(kinds: readonly WorkloadKind[]): Cel {
  return `!(${isOfKind(kinds)})`;
}

/** An update that leaves Pods as they were is none: but for images that stood in for others before. */
const CHANGES: Cel = anyOf(
  'oldObject == null',
  `${IS_POD} ? object.spec != oldObject.spec || object.spec.containers.exists(c, c.?image.orValue('') == 'auto') : ${listPods('object', WORKLOAD_KINDS)} != ${listPods('oldObject', WORKLOAD_KINDS)}`,
  ...[TRIGGERS, RESOLVE_NAMES].map((name) => `oldObject.metadata.?annotations[?${literal(name)}].hasValue()`),
);

/** When a rule may find something: because of one image, as CEL with its text as `i`, its full address as `f`, its pull policy, or of a pod `p`. */
type Need = Readonly<{ rule: string; image?: Cel; pod?: Cel; why?: string }>;

const IS_PULLED = `n != 'Never'`;

function listFixes(policy: Policy): readonly Need[] {
  const mirror = findRule(policy, 'mirror-used');
  const secret = findRule(policy, 'pull-secret-present');
  return [...(mirror?.fix === true ? [needMirror(policy)] : []), ...(secret?.fix === true ? needSecrets(policy) : [])];
}

function needMirror({ mirrors }: Policy): Need {
  const starts = mirrors.map(
    ({ from: { registry, path } }) => `f.startsWith(${literal(`${registry}/${path === '' ? '' : `${path}/`}`)})`,
  );
  return { rule: 'mirror-used', image: allOf(IS_PULLED, anyOf(...starts)) };
}

function needSecrets(policy: Policy): readonly Need[] {
  if (!needsSecrets(policy)) return [];
  const secrets = new Map<string, Policy['registries'][number]['hosts'][number][]>();
  for (const { hosts, pullSecret } of policy.registries) {
    if (pullSecret !== undefined) secrets.set(pullSecret, [...(secrets.get(pullSecret) ?? []), ...hosts]);
  }
  const missing = [...secrets].map(([name, hosts]) => allOf(`!(${literal(name)} in g)`, isOfHosts(hosts, 'f')));
  return [{ rule: 'pull-secret-present', image: allOf(IS_PULLED, anyOf(...missing)) }];
}

/** What rules may find. Those that need more than the object may find something wherever that bears on it. */
function listNeeds(policy: Policy, { pullSecrets, nodes, pulls }: Gathered): readonly Need[] {
  const probed = policy.registries.filter(({ probe }) => probe !== undefined).flatMap(({ hosts }) => hosts);
  const needs: Readonly<Record<string, readonly Need[]>> = {
    'reference-valid': [{ rule: 'reference-valid', image: `!(${isSurelyFine('i')})` }],
    'tag-explicit': [
      { rule: 'tag-explicit', image: allOf(`!${hasDigest('i')}`, anyOf(`!${hasTag('i')}`, `i.endsWith(':latest')`)) },
    ],
    'registry-explicit': [{ rule: 'registry-explicit', image: `!${hasRegistry('i')}` }],
    'mirror-used': policy.mirrors.length === 0 ? [] : [needMirror(policy)],
    'pull-secrets-valid': [{ rule: 'pull-secrets-valid', pod: `!g.all(s, ${isNameValid('s')})` }],
    'service-account-secrets-kept': [{ rule: 'service-account-secrets-kept', pod: 'g != []' }],
    'pull-secret-present': needSecrets(policy),
    'pull-secret-usable': pullSecrets
      ? [
          {
            rule: 'pull-secret-usable',
            pod: anyOf('g != []', `!(${IS_POD})`, 'oldObject != null'),
            why: 'a template, and a Pod with pull secrets, may name one that cannot be used',
          },
        ]
      : [],
    'image-on-node': nodes ? [{ rule: 'image-on-node', image: `!(${IS_PULLED})` }] : [],
    'nodes-can-pull': pulls ? [{ rule: 'nodes-can-pull', pod: 'true', why: 'nodes may fail to pull any image' }] : [],
    'image-pullable': [{ rule: 'image-pullable', image: isOfHosts(probed, 'f') }],
    'image-fits': [{ rule: 'image-fits', image: isOfHosts(probed, 'f') }],
  };
  return [
    ...policy.rules.flatMap(
      ({ rule: { id } }) => needs[id] ?? [{ rule: id, pod: 'true', why: 'may find something in any object' }],
    ),
    ...(policy.skip.known.length > 0 ? [{ rule: 'skip-allowed', pod: hasSkip() }] : []),
  ];
}

function hasSkip(): Cel {
  const annotations = ['object', 'p'].map(
    (holder) => `${holder}.?metadata.?annotations[?${literal(SKIP_ANNOTATION)}].hasValue()`,
  );
  return anyOf(...annotations);
}

/** A condition that one of the needs is there; none where one of them always is. */
function writeNeeds(name: string, needs: readonly Need[], kinds: readonly WorkloadKind[]): readonly MatchCondition[] {
  const images = needs.flatMap(({ image }) => image ?? []);
  const pods = needs.flatMap(({ pod }) => pod ?? []);
  if (pods.includes('true')) return [];
  if (images.length + pods.length === 0) return [{ name, expression: isOther(kinds) }];
  const ofImage = bind('f', fullAddress('i'), anyOf(...images));
  const of = (image: Cel, pull: Cel): Cel => bind('i', image, bind('n', pull, ofImage));
  const containers = ['initContainers', 'containers', 'ephemeralContainers']
    .map((each) => `p.spec.?${each}.orValue([])`)
    .join(' + ');
  const found = bind(
    'g',
    `p.spec.?imagePullSecrets.orValue([]).map(s, string(s.?name.orValue('')))`,
    anyOf(
      ...pods,
      `size(g) > ${MOST_LOOKED_UP}`,
      ...(images.length === 0
        ? []
        : [
            bind(
              'l',
              listTexts(containers),
              anyOf(
                `size(l) > ${MOST_LOOKED_UP}`,
                `l.exists(x, size(x.i) > ${LONGEST_COMPARED} || ${of('x.i', 'x.n')})`,
              ),
            ),
          ]),
    ),
  );
  return [{ name, expression: anyOf(isOther(kinds), `${listPods('object', kinds)}.exists(p, ${found})`) }];
}

/** Of longer ones a hundred would cost more than an API server spends. */
const LONGEST_COMPARED = 300;

/** The images of a pod and their pull policies. */
function listTexts(containers: Cel): Cel {
  const volumes = `p.spec.?volumes.orValue([]).filter(v, v.?image.?reference.hasValue()).map(v, {'i': string(v.image.reference), 'n': string(v.image.?pullPolicy.orValue(''))})`;
  return `${volumes} + (${containers}).filter(c, has(c.image)).map(c, {'i': string(c.image), 'n': string(c.?imagePullPolicy.orValue(''))})`;
}
