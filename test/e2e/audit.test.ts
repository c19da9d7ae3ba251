import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { POLICY, useCluster, usePullguard } from './fixture.ts';
import { warningsIn } from './kubectl.ts';
import { make, makeRolloutDefinition } from './objects.ts';
import { waitFor } from './processes.ts';

const cluster = useCluster('audit');
const { controlPlane, namespace, kubectl, call, apply } = cluster;

usePullguard(cluster, {
  policy: {
    ...POLICY,
    rules: { 'mirror-used': { action: 'audit', fix: true } },
    workloads: [
      { group: 'example.com', kind: 'Rollout', podTemplates: ['/spec/template', '/spec/canaries/*/template'] },
    ],
  },
  validatingRules: [
    {
      apiGroups: ['example.com'],
      apiVersions: ['*'],
      resources: ['rollouts'],
      operations: ['CREATE', 'UPDATE'],
      scope: 'Namespaced',
    },
  ],
  prepare: async () => {
    await apply(makeRolloutDefinition('example.com', 'v1'));
    await kubectl('wait --for=condition=Established crd/rollouts.example.com --timeout=20s');
    const served = async (): Promise<boolean> => (await kubectl('get rollouts.example.com')).code === 0;
    expect(await waitFor(served)).toBe(true);
    await apply(makeRollout('old', 'NGINX'));
  },
});

describe('a workload of a custom resource, named in the policy', () => {
  test('is refused for a bad address, wherever the policy points', async () => {
    const { code, stderr } = await kubectl('apply -f -', { stdin: makeRollout('web', 'NGINX', 'https://nginx') });
    expect(code).toBe(1);
    expect(stderr).toContain('spec.template.spec.containers[0].image: Invalid value: "NGINX"');
    expect(stderr).toContain('spec.canaries[0].template.spec.containers[0].image: Invalid value: "https://nginx"');
  });

  test('is warned about and stored as it is written', async () => {
    const image = 'swr.eu-de.otc.t-systems.com/team/app:1';
    const applied = await apply(makeRollout('web', image));
    expect(warningsIn(applied)).toEqual([
      expect.stringMatching(/^notice: Rollout\/web .*Pods get imagePullSecret "default-secret"/),
    ]);
    expect(await cluster.get('rollouts.example.com/web')).toMatchObject(makeRollout('web', image));
  });

  test('from before can be labelled and deleted though it is bad', async () => {
    expect(await kubectl('label rollouts.example.com/old team=web')).toMatchObject({ code: 0, stderr: '' });
    expect((await kubectl('delete rollouts.example.com/old')).code).toBe(0);
  });
});

describe('the audit log', () => {
  beforeAll(async () => {
    await apply(make('Deployment', 'audited', 'nginx'));
    await apply(make('Pod', 'audited', 'nginx'));
    await kubectl('apply -f -', { stdin: make('Deployment', 'refused', 'NGINX') });
  });

  test('keeps what was found in an object that was allowed', async () => {
    expect(await findAnnotations('deployments', 'audited')).toMatchObject({
      'validate.pullguard.dev/findings':
        'mirror-used:audit:spec.template.spec.containers[0].image, pull-secret-present:warn:spec.template.spec.imagePullSecrets',
    });
  });

  test('keeps what was found in an object that was refused', async () => {
    expect(await findAnnotations('deployments', 'refused')).toMatchObject({
      'validate.pullguard.dev/findings': 'reference-valid:deny:spec.template.spec.containers[0].image',
    });
  });

  test('keeps what was fixed in a pod', async () => {
    expect(await findAnnotations('pods', 'audited')).toMatchObject({
      'mutate.pullguard.dev/findings':
        'mirror-used:audit:spec.containers[0].image, pull-secret-present:warn:spec.imagePullSecrets',
      'mutate.pullguard.dev/fixed': 'mirror-used, pull-secret-present',
    });
  });

  test('gets no word about an object in order', async () => {
    const response = await call('POST', 'pods', make('Pod', 'in-order', 'registry.example.com/app:1'));
    expect(response.status).toBe(201);
    const annotations = Object.keys(await findAnnotations('pods', 'in-order'));
    expect(annotations.filter((key) => key.includes('pullguard.dev/'))).toEqual([]);
  });

  test('is all that an audited rule writes to: its author sees nothing', async () => {
    const applied = await apply(make('Deployment', 'silent', 'nginx'));
    expect(warningsIn(applied).filter((warning) => warning.includes('mirror-used'))).toEqual([]);
  });
});

type AuditEvent = Readonly<{
  verb: string;
  objectRef?: Readonly<{ resource: string; namespace?: string; name?: string; subresource?: string }>;
  annotations?: Readonly<Record<string, string>>;
}>;

/** The annotations of the event of an object's creation, or of the attempt. */
async function findAnnotations(resource: string, name: string): Promise<Readonly<Record<string, string>>> {
  let found: AuditEvent | undefined;
  await waitFor(async () => {
    found = readEvents().find(
      ({ verb, objectRef }) =>
        verb === 'create' &&
        objectRef?.resource === resource &&
        objectRef.namespace === namespace &&
        objectRef.name === name &&
        objectRef.subresource === undefined,
    );
    return Promise.resolve(found !== undefined);
  }, 5);
  expect(found, `an audit event for ${resource} ${name}`).toBeDefined();
  return found?.annotations ?? {};
}

function readEvents(): readonly AuditEvent[] {
  const lines = readFileSync(controlPlane.auditLog, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as AuditEvent);
}

function makeRollout(name: string, image: string, ...canaries: string[]): object {
  const template = (image: string): object => ({ template: { spec: { containers: [{ name: 'app', image }] } } });
  return {
    apiVersion: 'example.com/v1',
    kind: 'Rollout',
    metadata: { name },
    spec: { ...template(image), ...(canaries.length > 0 && { canaries: canaries.map(template) }) },
  };
}
