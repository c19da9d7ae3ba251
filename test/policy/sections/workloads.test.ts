import { expect, test } from 'vitest';
import { policyWith, problemsOf } from '../reading.ts';

const rollout = { group: 'argoproj.io', kind: 'Rollout', podTemplates: ['/spec/template'] };

test('a kind is judged where it holds pod templates, of all versions', () => {
  const two = { ...rollout, podTemplates: ['/spec/template', '/spec/jobs/*/template', '/spec/a~1b/template'] };
  expect(policyWith({ workloads: [two] }).kinds.get('argoproj.io/Rollout')).toEqual({
    group: 'argoproj.io',
    kind: 'Rollout',
    podSpecs: ['/spec/template/spec', '/spec/jobs/*/template/spec', '/spec/a~1b/template/spec'],
  });
  // The root, for a kind whose own spec is the pod's.
  const root = { group: 'apps.kruise.io', kind: 'SidecarSet', podTemplates: [''] };
  expect(policyWith({ workloads: [root] }).kinds.get('apps.kruise.io/SidecarSet')?.podSpecs).toEqual(['/spec']);
  expect(policyWith({ workloads: [{ ...rollout, group: '' }] }).kinds.has('/Rollout')).toBe(true);
});

test.each<[what: string, workloads: readonly object[], problems: readonly string[]]>([
  [
    'a kind that is built in',
    [{ ...rollout, group: 'apps', kind: 'Deployment' }],
    [': "Deployment" is built in: remove it'],
  ],
  [
    'a kind in its old group',
    [{ ...rollout, group: 'extensions', kind: 'Deployment' }],
    [': "Deployment" is built in: remove it'],
  ],
  ['the same name in another group', [{ ...rollout, group: 'apps.example', kind: 'Deployment' }], []],
  [
    'the spec of the pod for its template',
    [{ ...rollout, podTemplates: ['/spec/template/spec'] }],
    [`/podTemplates/0: "/spec/template/spec" is the Pod spec: use the object that holds it, "/spec/template"`],
  ],
  [
    'a group with its version',
    [{ ...rollout, group: 'argoproj.io/v1alpha1' }],
    ['/group: must be an API group without its version, such as argoproj.io, is "argoproj.io/v1alpha1"'],
  ],
  ['no path', [{ ...rollout, podTemplates: [] }], ['/podTemplates: must not be empty']],
])('%s', (_what, workloads, problems) => {
  expect(problemsOf({ workloads })).toEqual(problems.map((problem) => `/workloads/0${problem}`));
});

test('a kind twice, of which one would be forgotten', () => {
  expect(problemsOf({ workloads: [rollout, rollout] })).toEqual([
    '/workloads/1: "Rollout" is already in workloads[0]: put all its podTemplates in one entry',
  ]);
});

test.each(['spec.template', '/spec/template/', '/a~2'])('"%s" leads nowhere from the root', (pointer) => {
  expect(problemsOf({ workloads: [{ ...rollout, podTemplates: [pointer] }] })).toEqual([
    expect.stringMatching(/^\/workloads\/0\/podTemplates\/0: must be a path from the root of the object, such as/),
  ]);
});
