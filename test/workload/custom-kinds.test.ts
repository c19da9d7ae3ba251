import { describe, expect, test } from 'vitest';
import { buildDefaultPolicy } from '../../src/policy/load.ts';
import { RULES } from '../../src/rules/index.ts';
import { splitPointer, type Pointer } from '../../src/text/json.ts';
import { addCustomKinds, CUSTOM_KINDS } from '../../src/workload/custom-kinds.ts';
import { findUnreadImage } from '../../src/workload/find-images.ts';
import { findKind, isBuiltIn, tabulateKinds, WORKLOAD_KINDS, type WorkloadKind } from '../../src/workload/kinds.ts';
import { readWorkloads } from '../../src/workload/workload.ts';

const KINDS = addCustomKinds(tabulateKinds([]));

/** What stands at a pattern, in objects and, for a `*`, in a list of one. */
function nest(pattern: Pointer, value: unknown): unknown {
  return splitPointer(pattern).reduceRight<unknown>(
    (inner, segment) => (segment === '*' ? [inner] : { [segment]: inner }),
    value,
  );
}

function readImages(object: unknown, kind: WorkloadKind): readonly string[] {
  return readWorkloads(object, kind, 'default').flatMap(({ images }) => images.map(({ written }) => written));
}

describe('each custom kind', () => {
  test.each(CUSTOM_KINDS.map((kind) => [`${kind.kind}.${kind.group}`, kind] as const))(
    '%s has its images read where it has them',
    (_name, kind) => {
      const { podSpecs, containers = [] } = kind;
      for (const podSpec of podSpecs) {
        const object = nest(podSpec, { initContainers: [{ image: 'a' }], containers: [{ image: 'b' }] });
        expect(readImages(object, kind), podSpec).toEqual(['a', 'b']);
        expect(findUnreadImage(object, kind)).toBeUndefined();
      }
      for (const container of containers) {
        const object = nest(container, { name: 'c', image: 'c' });
        expect(readImages(object, kind), container).toEqual(['c']);
        expect(findUnreadImage(object, kind)).toBeUndefined();
      }
      expect([...podSpecs, ...containers]).not.toEqual([]);
    },
  );

  test('is none of Kubernetes itself, of which more is known', () => {
    expect(CUSTOM_KINDS.filter((kind) => isBuiltIn(kind))).toEqual([]);
    const own = new Set(WORKLOAD_KINDS.map(({ group, kind }) => `${group}/${kind}`));
    expect(CUSTOM_KINDS.filter(({ group, kind }) => own.has(`${group}/${kind}`))).toEqual([]);
  });

  test('is read otherwise where a policy says so', () => {
    const added = { group: 'argoproj.io', kind: 'Rollout', podSpecs: ['/spec'] };
    expect(findKind(addCustomKinds(tabulateKinds([added])), 'argoproj.io', 'Rollout')).toBe(added);
  });

  test('is no matter of the webhook and of scan, unless the policy names it', () => {
    expect(findKind(buildDefaultPolicy(RULES).kinds, 'argoproj.io', 'Rollout')).toBeUndefined();
  });
});

/** As the documentation of the projects has them, shortened. */
const SAMPLES: readonly (readonly [kind: string, group: string, spec: object, images: readonly string[]])[] = [
  [
    'Workflow',
    'argoproj.io',
    {
      templates: [
        { name: 'a', container: { image: 'docker/whalesay' }, sidecars: [{ name: 's', image: 'nginx:1' }] },
        {
          name: 'b',
          script: { image: 'python:3', source: 'print()' },
          initContainers: [{ name: 'i', image: 'alpine' }],
        },
        { name: 'c', containerSet: { containers: [{ name: 'x', image: 'argoproj/argosay:v2' }] } },
        { name: 'd', dag: { tasks: [{ name: 'A', template: 'a' }] } },
      ],
    },
    ['docker/whalesay', 'python:3', 'alpine', 'nginx:1', 'argoproj/argosay:v2'],
  ],
  [
    'Pipeline',
    'tekton.dev',
    {
      tasks: [
        { name: 'a', taskRef: { name: 't' } },
        { name: 'b', taskSpec: { steps: [{ name: 's', image: 'bash' }] } },
      ],
      finally: [
        { name: 'f', taskSpec: { steps: [{ image: 'alpine' }], sidecars: [{ name: 'd', image: 'docker:dind' }] } },
      ],
    },
    ['bash', 'alpine', 'docker:dind'],
  ],
  [
    'RayService',
    'ray.io',
    {
      rayClusterConfig: {
        headGroupSpec: { template: { spec: { containers: [{ name: 'head', image: 'rayproject/ray:2' }] } } },
        workerGroupSpecs: [{ template: { spec: { containers: [{ name: 'w', image: 'rayproject/ray:2-gpu' }] } } }],
      },
    },
    ['rayproject/ray:2', 'rayproject/ray:2-gpu'],
  ],
  [
    'InferenceService',
    'serving.kserve.io',
    {
      predictor: { containers: [{ name: 'kserve-container', image: 'a/b:1' }], model: { image: 'c/d:1' } },
      transformer: { containers: [{ image: 'e/f:1' }] },
    },
    ['a/b:1', 'e/f:1', 'c/d:1'],
  ],
  [
    'Prometheus',
    'monitoring.coreos.com',
    {
      image: 'quay.io/prometheus/prometheus:v3',
      containers: [{ name: 'proxy', image: 'p:1' }],
      thanos: { image: 't:1' },
    },
    ['p:1', 'quay.io/prometheus/prometheus:v3', 't:1'],
  ],
  [
    'Kafka',
    'kafka.strimzi.io',
    { kafka: { replicas: 3, image: 'k:1' }, entityOperator: { topicOperator: {}, userOperator: { image: 'u:1' } } },
    ['k:1', 'u:1'],
  ],
  [
    'PyTorchJob',
    'kubeflow.org',
    {
      pytorchReplicaSpecs: {
        Master: { template: { spec: { containers: [{ name: 'pytorch', image: 'm:1' }] } } },
        Worker: { template: { spec: { containers: [{ name: 'pytorch', image: 'w:1' }] } } },
      },
    },
    ['m:1', 'w:1'],
  ],
];

test.each(SAMPLES)('%s.%s', (kind, group, spec, images) => {
  const known = findKind(KINDS, group, kind)!;
  expect(readImages({ spec }, known)).toEqual(images);
  expect(findUnreadImage({ spec }, known)).toBeUndefined();
});

test('a container outside of a pod spec is called by its name, or by its field', () => {
  const spec = { templates: [{ container: { image: 'a' }, sidecars: [{ name: 's', image: 'b' }] }] };
  const [workload] = readWorkloads({ spec }, findKind(KINDS, 'argoproj.io', 'Workflow')!, '');
  expect(workload).toMatchObject({ isPartial: true, podSpec: '' });
  expect(workload!.images.map(({ label, pointer }) => [label, pointer])).toEqual([
    ['spec.templates[0].container', '/spec/templates/0/container/image'],
    ['container "s"', '/spec/templates/0/sidecars/0/image'],
  ]);
});
