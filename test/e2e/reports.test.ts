import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { buildProgram } from '../../src/cli/program.ts';
import { capturedIo } from '../support/captured-io.ts';
import { writeKubeconfig } from './control-plane.ts';
import { POLICY, useCluster } from './fixture.ts';
import { make } from './objects.ts';
import { waitFor } from './processes.ts';
import { MANIFESTS, type Manifest } from './webhooks.ts';

// No pullguard runs here: the CronJob of the component `reports` audits what is there, with the rights that it is given and no other.
const cluster = useCluster('reports');
const { controlPlane, kubectl, apply } = cluster;

type CronJob = Manifest & {
  spec: {
    jobTemplate: { spec: { template: { spec: { serviceAccountName: string; containers: { args: string[] }[] } } } };
  };
};
type Report = Readonly<{
  metadata: Readonly<{ namespace?: string; resourceVersion: string; annotations?: Readonly<Record<string, string>> }>;
  summary: Readonly<Record<string, number>>;
  results?: readonly Readonly<{
    policy: string;
    rule: string;
    severity: string;
    resources: readonly { name: string }[];
  }>[];
}>;

const ACCOUNT = 'system:serviceaccount:pullguard:pullguard-reports';

let installed: readonly Manifest[] = [];
let cronJob: CronJob;

beforeAll(async () => {
  const crds = parseAllDocuments(readFileSync(join(import.meta.dirname, '../fixtures/report-crds.yaml'), 'utf8'));
  for (const crd of crds) await apply(crd.toJS() as object);
  await kubectl('wait --for=condition=Established crd --all');
  installed = await build();
  for (const manifest of installed.filter(({ kind }) => !/^(?:Deployment|.*WebhookConfiguration)$/.test(kind))) {
    const { namespace = 'default' } = manifest.metadata as { namespace?: string };
    const applied = await kubectl(['apply', '--namespace', namespace, '-f', '-'], { stdin: manifest });
    expect(applied, applied.stderr).toMatchObject({ code: 0, stderr: '' });
  }
  cronJob = installed.find(({ kind }) => kind === 'CronJob') as CronJob;
  await apply(make('CronJob', 'dump', 'NGINX:1.25'));
  await apply(make('CronJob', 'fine', 'registry.example.com/app:1'));
  await apply(make('Pod', 'api', 'registry.example.com/app:1'));
  const status = { phase: 'Pending', containerStatuses: [WAITING] };
  await kubectl(['patch', 'pod', 'api', '--subresource=status', '--type=merge', '--patch', JSON.stringify({ status })]);
});

const WAITING = {
  name: 'app',
  image: 'registry.example.com/app:1',
  imageID: '',
  ready: false,
  restartCount: 0,
  state: {
    waiting: {
      reason: 'ErrImagePull',
      message: 'failed to pull image: dial tcp: lookup registry.example.com on 10.0.0.10:53: no such host',
    },
  },
};

afterAll(async () => {
  await kubectl('delete namespace reports-off --wait=false --ignore-not-found');
  await kubectl('delete -n pullguard cronjob/pullguard-reports serviceaccount/pullguard-reports --ignore-not-found');
  await kubectl('delete clusterrole/pullguard-reports --ignore-not-found');
  await kubectl(
    'delete clusterrolebinding/pullguard-reports clusterrolebinding/pullguard-reports-pull-secrets --ignore-not-found',
  );
  await kubectl(`delete -f ${join(import.meta.dirname, '../fixtures/report-crds.yaml')} --ignore-not-found`);
});

/** The base with the component, as a kustomization of an operator has it. */
async function build(): Promise<readonly Manifest[]> {
  const folder = join(controlPlane.folder, 'with-reports');
  mkdirSync(folder);
  symlinkSync(MANIFESTS, join(folder, 'manifests'));
  const kustomization = { resources: ['./manifests/base'], components: ['./manifests/components/reports'] };
  writeFileSync(join(folder, 'kustomization.yaml'), stringify(kustomization));
  const { code, stdout, stderr } = await kubectl(['kustomize', '--load-restrictor=LoadRestrictionsNone', folder]);
  expect(code, stderr).toBe(0);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

/** Runs what the CronJob runs, as the account that it runs as. */
async function runJob(...more: readonly string[]): Promise<Readonly<{ code: number; stdout: string; stderr: string }>> {
  const { serviceAccountName, containers } = cronJob.spec.jobTemplate.spec.template.spec;
  const token = (await kubectl(`create token ${serviceAccountName} --namespace=pullguard`)).stdout.trim();
  const kubeconfig = writeKubeconfig(join(controlPlane.folder, 'reports.kubeconfig'), controlPlane, { token });
  const config = join(controlPlane.folder, 'reports-policy.yaml');
  writeFileSync(config, stringify(POLICY));
  const args = containers[0]!.args.map((arg) => (arg.startsWith('--config=') ? `--config=${config}` : arg));
  return runCli(...args, `--kubeconfig=${kubeconfig}`, ...more);
}

async function runCli(...args: readonly string[]) {
  const io = capturedIo();
  let code = -1;
  await buildProgram(io, (given) => (code = given)).parseAsync(args, { from: 'user' });
  return { code, ...io.printed };
}

const list = async (resource: string): Promise<readonly Report[]> =>
  (await cluster.get<{ items: Report[] }>(`${resource} --all-namespaces`)).items;

const reportOf = async (namespace: string): Promise<Report | undefined> =>
  (await list('policyreports')).find(({ metadata }) => metadata.namespace === namespace);

test('the CronJob writes a report for each namespace with workloads, with the rights that it has', async () => {
  const { code, stdout, stderr } = await runJob();
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d+ reports written, 0 deleted: kubectl get policyreports\.wgpolicyk8s\.io -A\n$/);
  const report = await reportOf('reports');
  expect(report?.summary).toEqual({ pass: 2, fail: 2, warn: 0, error: 0, skip: 0 });
  expect(report?.results?.map(({ rule, severity, resources }) => [rule, severity, resources[0]?.name])).toEqual([
    ['no-such-host', 'critical', 'api'],
    ['malformed', 'high', 'dump'],
  ]);
  const [ofCluster] = await list('clusterpolicyreports');
  expect(ofCluster?.metadata.annotations).toHaveProperty(['pullguard.dev/scanned-at']);
});

test('a report that says the same is not written again, one of a namespace that is now off is deleted', async () => {
  const before = await reportOf('reports');
  await runJob();
  expect((await reportOf('reports'))?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
  await kubectl('create namespace reports-off');
  await kubectl('create cronjob -n reports-off dump --image=NGINX --schedule=@daily');
  await runJob();
  expect(await reportOf('reports-off')).toBeDefined();
  await kubectl('label namespace reports-off pullguard.dev/mode=off');
  expect((await runJob()).stdout).toContain(', 1 deleted');
  expect(await reportOf('reports-off')).toBeUndefined();
});

test('reports of others are left alone, as it has no right on them', async () => {
  const foreign = { apiVersion: 'wgpolicyk8s.io/v1alpha2', kind: 'PolicyReport', metadata: { name: 'kyverno' } };
  await apply(foreign);
  expect((await runJob()).code).toBe(0);
  expect((await kubectl('get policyreport kyverno')).code).toBe(0);
  const may = async (what: string): Promise<string> =>
    (await kubectl(`auth can-i ${what} --as=${ACCOUNT}`)).stdout.trim();
  for (const what of [
    'delete policyreports/kyverno',
    'patch policyreports/kyverno',
    'get secrets',
    'list secrets',
    'patch deployments',
    'create pods',
    'patch mutatingwebhookconfigurations/pullguard',
  ]) {
    expect([what, await may(what)]).toEqual([what, 'no']);
  }
  expect(await may('list secrets/default-secret --all-namespaces')).toBe('yes');
});

test.each(['policyreport', 'openreports'])(
  'kubectl applies what -o %s prints, without a field that is not known',
  async (format) => {
    const config = join(controlPlane.folder, 'reports-policy.yaml');
    const { stdout, code } = await runCli(
      'scan',
      `--config=${config}`,
      `--kubeconfig=${controlPlane.kubeconfig}`,
      `--output=${format}`,
    );
    expect(code).toBe(1);
    const { items } = JSON.parse(stdout) as { items: { metadata: { namespace?: string } }[] };
    expect(items.length).toBeGreaterThan(1);
    for (const item of items) {
      const flags = [
        'apply',
        '--server-side',
        '--force-conflicts',
        '--validate=strict',
        `--namespace=${item.metadata.namespace ?? 'default'}`,
        '-f',
        '-',
      ];
      const applied = await kubectl(flags, { stdin: item });
      expect(applied, applied.stderr).toMatchObject({ code: 0, stderr: '' });
    }
  },
);

test('reports of OpenReports are written by another flag alone', async () => {
  const { code, stderr } = await runJob('--output=openreports');
  expect([code, stderr]).toEqual([0, '']);
  const reports = await list('reports.openreports.io');
  expect(reports.find(({ metadata }) => metadata.namespace === 'reports')?.summary).toMatchObject({ fail: 2 });
});

test('a cluster without the CRDs is told of before it is scanned', async () => {
  await kubectl('delete crd reports.openreports.io clusterreports.openreports.io');
  await expect
    .poll(async () => (await kubectl('get --raw /apis/openreports.io/v1alpha1')).code, { timeout: 10_000 })
    .toBe(1);
  await expect(runJob('--output=openreports')).rejects.toThrow(
    'the cluster does not serve reports.openreports.io v1alpha1: install its CRDs, or use -o policyreport',
  );
});

describe('its Pods', () => {
  test('are admitted by the strictest Pod Security Standard, and are no endpoints of the webhook', async ({ skip }) => {
    skip(!controlPlane.hasControllers, 'needs kube-controller-manager');
    await kubectl('create job -n pullguard --from=cronjob/pullguard-reports by-hand');
    const labels = '-l job-name=by-hand';
    const isThere = async (): Promise<boolean> =>
      (await kubectl(`get pods -n pullguard ${labels} -o name`)).stdout !== '';
    expect(await waitFor(isThere)).toBe(true);
    const selector = installed.find(({ kind }) => kind === 'Service') as unknown as {
      spec: { selector: Record<string, string> };
    };
    const selected = Object.entries(selector.spec.selector).map(([key, value]) => `${key}=${value}`);
    expect((await kubectl(`get pods -n pullguard -l ${selected.join(',')},job-name=by-hand -o name`)).stdout).toBe('');
    await kubectl('delete job -n pullguard by-hand');
  });
});
