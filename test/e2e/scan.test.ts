import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { scan, type ScanOptions } from '../../src/cli/scan.ts';
import { capturedIo } from '../support/captured-io.ts';
import { writeKubeconfig } from './control-plane.ts';
import { POLICY, useCluster } from './fixture.ts';
import { make, makeRolloutDefinition } from './objects.ts';
import { waitFor } from './processes.ts';

// No pullguard runs here: everything is let in as it is, as before it was installed.
const cluster = useCluster('scan');
const { controlPlane, kubectl, apply } = cluster;

const GROUP = 'scan.example.com';

const POLICY_WITH_ROLLOUTS = {
  ...POLICY,
  workloads: [
    { group: GROUP, kind: 'Rollout', podTemplates: ['/spec/template'] },
    { group: 'nowhere.example.com', kind: 'Thing', podTemplates: ['/spec/template'] },
  ],
};

const MANY = 600;

beforeAll(async () => {
  await apply(make('Deployment', 'web', 'nginx:1.25'));
  await apply(make('CronJob', 'dump', 'NGINX:1.25'));
  await apply(make('Pod', 'bare', 'registry.example.com/app:1'));
  const templates = Array.from({ length: MANY }, (_, at) => make('PodTemplate', `many-${at}`, 'NGINX:1.25'));
  await apply({ apiVersion: 'v1', kind: 'List', items: templates }, '--server-side');
  await apply(makeRolloutDefinition(GROUP, 'v1', 'v1alpha1'));
  await kubectl(`wait --for=condition=Established crd/rollouts.${GROUP}`);
  const rollout = { ...make('Deployment', 'canary', 'NGINX:1.25'), apiVersion: `${GROUP}/v1`, kind: 'Rollout' };
  expect(await waitFor(async () => (await kubectl('apply -f -', { stdin: rollout })).code === 0)).toBe(true);
  if (controlPlane.hasControllers) await cluster.getPodOf('web');
});

type Row = Readonly<{ owner: Readonly<{ kind: string; name: string }>; rule: string; pods?: number }>;
type Document = Readonly<{
  findings: readonly Row[];
  unfixed: readonly Row[];
  errors: readonly string[];
  notServed: readonly string[];
  summary: Readonly<Record<string, number>>;
}>;

/** What `pullguard scan -o json` prints for this namespace. */
async function scanJson(options: Partial<ScanOptions> = {}): Promise<{ code: number; document: Document }> {
  const config = join(controlPlane.folder, 'scan-policy.yaml');
  writeFileSync(config, stringify(POLICY_WITH_ROLLOUTS));
  const io = capturedIo();
  const common = { config, kubeconfig: controlPlane.kubeconfig, namespace: ['scan'] } as const;
  const code = await scan({ ...common, secrets: 'default-secret-only', output: 'json', ...options }, io);
  return { code, document: JSON.parse(io.printed.stdout) as Document };
}

const tell = (rows: readonly Row[], rule: string): readonly string[] =>
  rows.filter((row) => row.rule === rule).map(({ owner }) => `${owner.kind}/${owner.name}`);

test('what is wrong is found, in kinds of Kubernetes and of the policy', async () => {
  const { code, document } = await scanJson();
  expect(code).toBe(1);
  const denied = tell(document.findings, 'reference-valid');
  expect(denied.filter((each) => !each.startsWith('PodTemplate/'))).toEqual(['CronJob/dump', 'Rollout/canary']);
  expect(document.errors).toEqual([]);
  expect(document.notServed).toEqual(['Thing.nowhere.example.com']);
});

test('a collection of more than a page is read whole, each object once', async () => {
  const { document } = await scanJson();
  const templates = tell(document.findings, 'reference-valid').filter((each) => each.startsWith('PodTemplate/'));
  expect(new Set(templates).size).toBe(MANY);
  expect(templates).toHaveLength(MANY);
});

test('a pod of a Deployment from before is unfixed, and shown under the Deployment', async ({ skip }) => {
  skip(!controlPlane.hasControllers, 'needs kube-controller-manager');
  const { document } = await scanJson();
  expect(document.unfixed).toEqual([
    expect.objectContaining({
      owner: { group: 'apps', kind: 'Deployment', name: 'web' },
      rule: 'mirror-used',
      pods: 1,
    }),
    expect.objectContaining({ rule: 'pull-secret-present', pods: 1 }),
  ]);
});

test('without -n other namespaces are read too', async () => {
  const { document } = await scanJson({ namespace: [] });
  expect(document.summary['workloads']).toBeGreaterThanOrEqual(MANY + 3);
});

test('a namespace that is not there is no clean result', async () => {
  const { code, document } = await scanJson({ namespace: ['scam'] });
  expect(code).toBe(2);
  expect(document.errors).toEqual([expect.stringContaining('namespace "scam" does not exist')]);
});

describe('an account with few permissions', () => {
  test('sees what it may, and is told what it lacks', async () => {
    await kubectl('create serviceaccount reader');
    await kubectl('create role reader --verb=list --resource=pods,cronjobs.batch');
    await kubectl('create rolebinding reader --role=reader --serviceaccount=scan:reader');
    const { stdout } = await kubectl('create token reader');
    const token = { token: stdout.trim() };
    const kubeconfig = writeKubeconfig(join(controlPlane.folder, 'scan-reader'), controlPlane, token);
    const { code, document } = await scanJson({ kubeconfig });
    expect(code).toBe(2);
    expect(tell(document.findings, 'reference-valid')).toEqual(['CronJob/dump']);
    expect(document.errors).toContainEqual(
      expect.stringMatching(
        /^deployments\.apps in namespace "scan" cannot be listed \(Forbidden\): ask the cluster admin for the verb "list"/,
      ),
    );
    expect(document.errors.filter((error) => /^(?:pods|cronjobs)/.test(error))).toEqual([]);
  });
});
