import type { Option } from 'commander';
import request from 'supertest';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { createAdminApp } from '../../src/serve/admin.ts';
import { createMetrics } from '../../src/serve/metrics.ts';
import { capturedIo } from '../support/captured-io.ts';
import { find, mountPathOf, objects, policyGenerator, podOf, readFlags, volumeOf, webhooksOf } from './manifests.ts';

const namespace = find(objects, 'Namespace');
const serviceAccount = find(objects, 'ServiceAccount');
const deployment = find(objects, 'Deployment');
const service = find(objects, 'Service');
const budget = find(objects, 'PodDisruptionBudget');
const template = deployment.spec.template;
const pod = podOf(objects);
const container = pod.containers[0]!;

const serve = buildProgram(capturedIo(), () => undefined).commands.find((command) => command.name() === 'serve')!;
const flags = readFlags(pod);

describe('what they are told', () => {
  test.each([...flags])('--%s is a flag that `pullguard serve` takes, or no pod would start', (name, value) => {
    const option = serve.options.find(({ long }) => long === `--${name}`);
    expect(option, `pullguard serve has no --${name}`).toBeDefined();
    expect(option).toMatchObject({ required: true, variadic: false });
    expect(() => parseValue(option!, value)).not.toThrow();
  });

  test('the arguments are those of `serve` and nothing that it would not understand', () => {
    const [command, ...rest] = container.args;
    expect(command).toBe('serve');
    const read = [...flags].map(([name, value]) => `--${name} ${value}`).join(' ');
    expect(rest.join(' ').replaceAll('=', ' ')).toBe(read);
  });

  test('the names in them are the defaults, so that an installation of before has the same ones', () => {
    const defaults = new Map(serve.options.map(({ long, defaultValue }) => [long, defaultValue as unknown]));
    for (const name of ['webhook-configuration', 'service', 'secrets']) {
      expect(flags.get(name), name).toBe(defaults.get(`--${name}`));
    }
  });

  test('they have a token, and no other pod gets one by naming their account', () => {
    expect(pod.serviceAccountName).toBe(serviceAccount.metadata.name);
    expect([pod.automountServiceAccountToken, serviceAccount.automountServiceAccountToken]).toEqual([true, false]);
  });

  test('the policy is in a volume that is there, mounted as a folder so that changes arrive', () => {
    expect(flags.get('config')).toBe(`${mountPathOf(pod, 'policy') ?? ''}/${policyGenerator.files[0]!}`);
    expect(volumeOf(pod, 'policy')?.configMap?.name).toBe(policyGenerator.name);
    const { volumeMounts } = container;
    expect(volumeMounts.filter((mount) => mount.subPath !== undefined || mount.readOnly !== true)).toEqual([]);
  });

  test('they wait for nothing that only somebody else can make: they would hang in ContainerCreating', () => {
    expect(pod.volumes.map(({ name }) => name)).toEqual(['policy']);
    expect(deployment.metadata.namespace).toBe(namespace.metadata.name);
  });
});

describe('how they are reached', () => {
  test('calls to the Service arrive at the port that serves them', () => {
    const { port, targetPort } = service.spec.ports[0]!;
    expect({ port, targetPort }).toEqual({ port: 443, targetPort: 'webhook' });
    const ports = new Map(container.ports.map(({ name, containerPort }) => [name, String(containerPort)]));
    expect(ports).toEqual(
      new Map([
        ['webhook', flags.get('port')],
        ['admin', flags.get('admin-port')],
      ]),
    );
  });

  test('Service, Deployment, PodDisruptionBudget and spread all mean these pods', () => {
    const selectors = [
      service.spec.selector,
      deployment.spec.selector.matchLabels,
      budget.spec.selector.matchLabels,
      ...pod.topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels),
    ];
    for (const selector of selectors) expect(template.metadata.labels).toMatchObject(selector);
    expect(selectors.filter((selector) => Object.keys(selector).length === 0)).toEqual([]);
  });

  test.each(['startupProbe', 'livenessProbe', 'readinessProbe'] as const)(
    'the %s asks a path that the admin port answers: a pod would never be ready, or be restarted for ever',
    async (probe) => {
      const { path, port } = container[probe].httpGet;
      expect(port).toBe('admin');
      const app = createAdminApp(createMetrics(), () => undefined);
      expect((await request(app).get(path)).status).toBe(200);
    },
  );

  test('a certificate that nobody trusts takes a pod out of the Service and does not restart it', async () => {
    const app = createAdminApp(createMetrics(), () => 'the certificate expired');
    const { startupProbe, readinessProbe, livenessProbe } = container;
    expect((await request(app).get(readinessProbe.httpGet.path)).status).toBe(503);
    for (const { httpGet } of [startupProbe, livenessProbe]) {
      expect((await request(app).get(httpGet.path)).status).toBe(200);
    }
  });

  test('Prometheus finds the metrics where the annotations say', async () => {
    const annotations = template.metadata.annotations;
    expect(annotations['prometheus.io/port']).toBe(flags.get('admin-port'));
    const app = createAdminApp(createMetrics(), () => undefined);
    expect((await request(app).get(annotations['prometheus.io/path'] ?? '')).text).toContain('pullguard_');
  });
});

describe('what they may do to their node', () => {
  test('they pass the restricted Pod Security Standard that their namespace enforces', () => {
    expect(namespace.metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe('restricted');
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  test('a leak costs a restart of pullguard and not the node, and no throttling makes requests late', () => {
    expect(Object.keys(container.resources.requests)).toEqual(['cpu', 'memory']);
    expect(Object.keys(container.resources.limits)).toEqual(['memory']);
    const limit = Number(/^(\d+)Mi$/.exec(container.resources.limits['memory'] ?? '')?.[1]);
    expect(container.env.map(({ name }) => name)).toEqual(['NODE_OPTIONS']);
    expect(container.env[0]!.value).toContain(`--max-old-space-size=${limit / 2} `);
  });
});

describe('always one to answer', () => {
  test('a pod that is told to stop has the time to: shorter, and calls in flight are cut off at every roll-out', () => {
    const timeouts = Object.values(webhooksOf(objects)).map(({ timeoutSeconds }) => timeoutSeconds);
    const needed = Number(flags.get('drain-seconds')) + Math.max(...timeouts);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(needed);
  });

  test('a roll-out never has fewer ready pods than before', () => {
    expect(deployment.spec.replicas).toBeGreaterThanOrEqual(2);
    expect(deployment.spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
  });

  test('drained nodes take one pod at a time, and a single or broken replica never blocks a drain', () => {
    expect(budget.spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    expect(budget.spec.minAvailable).toBeUndefined();
  });

  test('the pods are on different nodes and zones where there are any, and run where there are none', () => {
    expect(pod.topologySpreadConstraints.map(({ topologyKey }) => topologyKey)).toEqual([
      'kubernetes.io/hostname',
      'topology.kubernetes.io/zone',
    ]);
    for (const { whenUnsatisfiable } of pod.topologySpreadConstraints) expect(whenUnsatisfiable).toBe('ScheduleAnyway');
  });
});

function parseValue({ parseArg, defaultValue }: Option, value: string): unknown {
  return parseArg?.(value, defaultValue);
}
