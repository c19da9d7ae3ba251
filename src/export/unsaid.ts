import type { Policy } from '../engine/rule.ts';
import { SKIP_ANNOTATION } from '../workload/workload.ts';
import { isBuiltIn } from '../workload/kinds.ts';
import { isSayable, needsSecrets } from './checks-cel.ts';
import { isReadable } from './images-cel.ts';

/** Something of a policy that an API server cannot do by itself: a rule, or the part of one. */
export type Unsaid = Readonly<{ what: string; why: string }>;

/** What rules look at that CEL does not have. */
const FACTS: Readonly<Record<string, string>> = {
  'service-account-secrets-kept': 'needs ServiceAccounts, which CEL cannot read',
  'pull-secret-usable': 'needs Secrets, which CEL cannot read',
  'image-on-node': 'needs nodes, which CEL cannot read',
  'nodes-can-pull': 'needs Events of nodes, which CEL cannot read',
  'image-pullable': 'asks registries, which CEL cannot',
  'image-fits': 'asks registries, which CEL cannot',
};

/** What is left out of the exported policies, in the order of the rules. `mutating`: the version of MutatingAdmissionPolicy, if there is one. */
export function listUnsaid(policy: Policy, mutating: string | undefined): readonly Unsaid[] {
  return [
    ...policy.rules.flatMap(({ rule: { id }, options }) => [
      ...(isSayable(id) ? [] : [{ what: id, why: FACTS[id] ?? 'has no form in CEL' }]),
      ...(id === 'mirror-used' && options['verify'] === true
        ? [{ what: `${id} with verify`, why: 'asks the mirror, which CEL cannot: set verify to false to export it' }]
        : []),
      ...(PARTS[id] ?? []).filter(({ when }) => when(policy)),
    ]),
    ...(mutating === undefined
      ? [{ what: 'fixes', why: 'need MutatingAdmissionPolicy, which is usable from Kubernetes 1.33 on' }]
      : []),
    ...GENERAL.filter(({ when }) => when(policy)),
    ...[...policy.kinds.values()]
      .filter((kind) => !isReadable(kind))
      .map(({ group, kind }) => ({
        what: `${kind} of ${group}`,
        why: 'a path in it has more than one *, and CEL has no lists of lists',
      })),
  ].map(({ what, why }) => ({ what, why }));
}

type Part = Unsaid & Readonly<{ when: (policy: Policy) => boolean }>;

const always = (): boolean => true;

/** What of a rule that is exported is not. */
const PARTS: Readonly<Record<string, readonly Part[]>> = {
  'reference-valid': [
    {
      what: 'reference-valid: the image and what was meant',
      why: 'CEL cannot hide credentials in an image, nor look for a similar one',
      when: always,
    },
    {
      what: 'reference-valid: warnings of suspicious images',
      why: 'they need lists and comparisons that CEL does not have',
      when: always,
    },
  ],
  'mirror-used': [
    {
      what: 'mirror-used: stopLoops',
      why: 'CEL cannot count how often an operator recreates a Pod, so its image is always replaced',
      when: ({ rules }) =>
        rules.some(({ rule: { id }, fix, options }) => id === 'mirror-used' && fix && options['stopLoops'] === true),
    },
  ],
  'pull-secret-present': [
    {
      what: 'pull-secret-present: what other pull secrets hold',
      why: 'CEL cannot read Secrets, so a Pod that has credentials under another name gets the pull secret as well, and is warned of at most',
      when: needsSecrets,
    },
    {
      what: 'pull-secret-present: pull secrets of ServiceAccounts',
      why: 'CEL cannot read ServiceAccounts, so a template is warned of at most; one that enforces mountable secrets rejects Pods that are given another: label its namespace pullguard.dev/fix=false',
      when: needsSecrets,
    },
  ],
};

const GENERAL: readonly Part[] = [
  {
    what: 'namespace-labels: warnings of mistyped labels',
    why: 'they need a comparison with the labels that exist',
    when: always,
  },
  {
    what: `skip-allowed: warnings of ${SKIP_ANNOTATION}`,
    why: 'they need a list of all rules',
    when: ({ skip }) => skip.rules.size > 0,
  },
  {
    what: 'templates with triggers of OpenShift',
    why: 'CEL cannot parse the annotation, so they are not checked, only their Pods',
    when: ({ rules }) => rules.length > 0,
  },
  {
    what: 'custom resources of another shape than their kind has',
    why: 'CEL cannot go past a field of another type, so they are not checked, only their Pods',
    when: ({ kinds }) => [...kinds.values()].some((kind) => !isBuiltIn(kind) && kind.group !== 'extensions'),
  },
];
