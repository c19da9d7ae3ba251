import { describe, expect, test } from 'vitest';
import type { WorkloadKind } from '../../src/workload/kinds.ts';
import { readWorkloads } from '../../src/workload/workload.ts';

const DEPLOYMENT: WorkloadKind = { group: 'apps', kind: 'Deployment', podSpecs: ['/spec/template/spec'] };
const POD: WorkloadKind = { group: '', kind: 'Pod', podSpecs: ['/spec'] };
const CRON_JOB: WorkloadKind = { group: 'batch', kind: 'CronJob', podSpecs: ['/spec/jobTemplate/spec/template/spec'] };

type Metadata = Readonly<Partial<Record<'labels' | 'annotations', Readonly<Record<string, string>>>>>;
type Setup = Readonly<{ image: string; name?: string; metadata?: Metadata; pod?: Metadata; spec?: object }>;

/** Whether the image of the one container is taken for an address. */
function isRead(kind: WorkloadKind, { image, name = 'web', metadata = {}, pod = {}, spec = {} }: Setup): boolean {
  const template = { metadata: pod, spec: { containers: [{ name, image }] } };
  const specs: Readonly<Record<string, object>> = {
    CronJob: { jobTemplate: { spec: { template } } },
    Pod: template.spec,
  };
  const object = {
    metadata: kind.kind === 'Pod' ? pod : metadata,
    spec: { ...spec, ...(specs[kind.kind] ?? { template }) },
  };
  return readWorkloads(object, kind, '').flatMap(({ images }) => images).length > 0;
}

const TRIGGERS = 'image.openshift.io/triggers';
const trigger = (fieldPath: string, more: object = {}): Metadata => ({
  annotations: {
    [TRIGGERS]: JSON.stringify([{ from: { kind: 'ImageStreamTag', name: 'app:latest' }, fieldPath, ...more }]),
  },
});
const BY_NAME = 'spec.template.spec.containers[?(@.name=="web")].image';
const BY_INDEX = 'spec.template.spec.containers[0].image';
const DIGEST = `@sha256:${'a'.repeat(64)}`;

describe('what OpenShift fills in is no address, and nothing is denied for it', () => {
  test.each<[what: string, isAddress: boolean, kind: WorkloadKind, setup: Setup]>([
    ['a blank, by the name of the container', false, DEPLOYMENT, { image: ' ', metadata: trigger(BY_NAME) }],
    ['a blank, by its place', false, DEPLOYMENT, { image: ' ', metadata: trigger(BY_INDEX) }],
    [
      'in a job template',
      false,
      CRON_JOB,
      { image: ' ', metadata: trigger('spec.jobTemplate.spec.template.spec.containers[0].image') },
    ],
    ['the name of the image stream', false, DEPLOYMENT, { image: 'App:latest', metadata: trigger(BY_NAME) }],
    ['a blank while it is paused', false, DEPLOYMENT, { image: ' ', metadata: trigger(BY_NAME, { paused: true }) }],
    ['an address while it is paused', true, DEPLOYMENT, { image: 'a', metadata: trigger(BY_NAME, { paused: 'true' }) }],
    ['what it has filled in', true, DEPLOYMENT, { image: `a.b/app${DIGEST}`, metadata: trigger(BY_NAME) }],
    ['no text at all, which the API server refuses', true, DEPLOYMENT, { image: '', metadata: trigger(BY_NAME) }],
    ['a trigger for another container', true, DEPLOYMENT, { image: ' ', name: 'log', metadata: trigger(BY_NAME) }],
    ['a trigger for another list', true, DEPLOYMENT, { image: ' ', metadata: trigger(BY_INDEX.replace('c', 'initC')) }],
    ['an annotation that is no JSON', true, DEPLOYMENT, { image: ' ', metadata: { annotations: { [TRIGGERS]: '[' } } }],
    ['no trigger', true, DEPLOYMENT, { image: ' ' }],
    ['a pod, which triggers do not change', true, POD, { image: ' ', pod: trigger('spec.containers[0].image') }],
    [
      'a DeploymentConfig',
      false,
      { group: 'apps.openshift.io', kind: 'DeploymentConfig', podSpecs: ['/spec/template/spec'] },
      {
        image: ' ',
        spec: { triggers: [{ type: 'ImageChange', imageChangeParams: { automatic: true, containerNames: ['web'] } }] },
      },
    ],
    [
      'a name that is resolved to an image stream',
      false,
      DEPLOYMENT,
      { image: 'app:1', pod: { annotations: { 'alpha.image.policy.openshift.io/resolve-names': '*' } } },
    ],
  ])('%s: is it an address? %s', (_what, isAddress, kind, setup) => {
    expect(isRead(kind, setup)).toBe(isAddress);
  });
});

describe('"auto", where Istio replaces it', () => {
  test.each<[isAddress: boolean, setup: Omit<Setup, 'image'>]>([
    [false, { pod: { labels: { 'sidecar.istio.io/inject': 'true' } } }],
    [false, { pod: { annotations: { 'sidecar.istio.io/inject': 'true' } } }],
    [false, { pod: { annotations: { 'inject.istio.io/templates': 'gateway' } } }],
    [false, { pod: { labels: { 'istio.io/rev': 'canary' } } }],
    [false, { name: 'istio-proxy' }],
    [true, { name: 'istio-proxy', pod: { labels: { 'sidecar.istio.io/inject': 'false' } } }],
    [true, {}],
  ])('is it an address? %s, with %j', (isAddress, setup) => {
    expect(isRead(DEPLOYMENT, { image: 'auto', ...setup })).toBe(isAddress);
    expect(isRead(POD, { image: 'auto', ...setup })).toBe(isAddress);
    expect(isRead(DEPLOYMENT, { image: 'registry.example.com/auto', ...setup })).toBe(true);
  });
});

test.each<[isAddress: boolean, group: string, kind: string, image: string]>([
  [false, 'tekton.dev', 'Task', '$(params.image)'],
  [false, 'triggers.tekton.dev', 'TriggerTemplate', 'registry.example.com/app:$(tt.params.tag)'],
  [false, 'argoproj.io', 'Workflow', '{{inputs.parameters.image}}'],
  [false, 'template.openshift.io', 'Template', '${IMAGE}'],
  // A Rollout is a Deployment of another kind, and nobody fills anything in.
  [true, 'argoproj.io', 'Rollout', '{{inputs.parameters.image}}'],
  [true, 'apps', 'Deployment', '$(params.image)'],
  [true, 'tekton.dev', 'Task', '${IMAGE}'],
])('is it an address? %s, in %s %s: %s', (isAddress, group, kind, image) => {
  expect(isRead({ group, kind, podSpecs: ['/spec/template/spec'] }, { image })).toBe(isAddress);
});
