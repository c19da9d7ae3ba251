import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { REPORT_APIS, REPORT_FORMATS, REPORT_NAME } from '../../src/scan/policy-reports.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { capturedIo } from '../support/captured-io.ts';
import { build, KUBECTL } from './kustomize.ts';
import { find, isRole, objects, podOf, ROOT, type Manifest, type PodSpec } from './manifests.ts';
import { listMisfits } from './references.ts';

if (!KUBECTL) test.skip('the component reports was not built: there is no kubectl on PATH', () => undefined);

type CronJob = Manifest &
  Readonly<{ spec: { jobTemplate: { spec: { template: { metadata: Manifest['metadata']; spec: PodSpec } } } } }>;

describe.runIf(KUBECTL)('the component reports', () => {
  let folder: string;
  let built: readonly Manifest[];
  let template: CronJob['spec']['jobTemplate']['spec']['template'];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pullguard-reports-'));
    cpSync(join(ROOT, 'manifests'), join(folder, 'manifests'), { recursive: true });
    const kustomization = `resources: [./manifests/base]
components: [./manifests/components/reports]
images: [{ name: pullguard, newName: registry.example.com/pullguard, newTag: '2' }]
`;
    writeFileSync(join(folder, 'kustomization.yaml'), kustomization);
    built = build(folder);
    template = (built.find(({ kind }) => kind === 'CronJob') as CronJob).spec.jobTemplate.spec.template;
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('runs the image of the webhook with flags that `pullguard scan` takes', () => {
    const [container] = template.spec.containers;
    expect(container?.image).toBe('registry.example.com/pullguard:2');
    expect(podOf(built).containers[0]?.image).toBe(container?.image);
    const scan = buildProgram(capturedIo(), () => undefined).commands.find((command) => command.name() === 'scan')!;
    scan.exitOverride().action(() => undefined);
    const [command, ...flags] = container!.args;
    expect(command).toBe('scan');
    scan.parse(flags, { from: 'user' });
    expect(scan.opts()).toMatchObject({ output: 'policyreport', writeReports: true });
  });

  test('its Pods get none of the requests to the webhook: no selector of pullguard fits them', () => {
    const { selector } = find(objects, 'Service').spec;
    expect(Object.entries(selector).every(([key, value]) => template.metadata.labels?.[key] === value)).toBe(false);
  });

  test('follows another namespace, prefix and suffix, but for the name of its reports; on CCE it has the pull secret', () => {
    const names = 'namespace: guards\nnamePrefix: team-\nnameSuffix: -eu\n';
    const components = '[../manifests/components/reports, ../manifests/components/cce]';
    mkdirSync(join(folder, 'renamed'));
    const kustomization = `resources: [../manifests/base]\ncomponents: ${components}\n${names}`;
    writeFileSync(join(folder, 'renamed/kustomization.yaml'), kustomization);
    const renamed = build(join(folder, 'renamed'));
    expect(listMisfits(renamed)).toEqual([]);
    const { spec } = (renamed.find(({ kind }) => kind === 'CronJob') as CronJob).spec.jobTemplate.spec.template;
    expect(spec.serviceAccountName).toBe('team-pullguard-reports-eu');
    expect(spec.volumes[0]?.configMap?.name).toBe(find(renamed, 'ConfigMap').metadata.name);
    const accounts = renamed.filter(({ kind }) => kind === 'ServiceAccount');
    expect(accounts).toMatchObject(
      ['team-pullguard-eu', 'team-pullguard-reports-eu'].map((name) => ({
        metadata: { name, namespace: 'guards' },
        imagePullSecrets: [{ name: 'default-secret' }],
      })),
    );
    const role = renamed.filter(isRole).find(({ metadata }) => metadata.name === 'team-pullguard-reports-eu')!;
    expect(new Set(role.rules.flatMap(({ resourceNames = [] }) => resourceNames))).toEqual(new Set([REPORT_NAME]));
  });

  test('may read each kind of workload, and write what has its own name; the rights of the webhook stay as they are', () => {
    const role = built.filter(isRole).find(({ metadata }) => metadata.name === 'pullguard-reports')!;
    const named = role.rules.filter(({ verbs }) => verbs.includes('patch') || verbs.includes('delete'));
    expect(named.map(({ apiGroups, resources, resourceNames }) => [apiGroups, resources, resourceNames])).toEqual(
      REPORT_FORMATS.map((format) => {
        const { group, plural, clusterPlural } = REPORT_APIS[format];
        return [[group], [plural, clusterPlural], [REPORT_NAME]];
      }),
    );
    for (const { group, resource = '' } of WORKLOAD_KINDS) {
      const rule = role.rules.find(
        ({ apiGroups, resources }) => apiGroups.includes(group) && resources.includes(resource),
      );
      expect(rule?.verbs, resource).toEqual(['get', 'list']);
    }
    const rulesOf = (manifests: readonly Manifest[]) =>
      new Map(manifests.filter(isRole).map(({ kind, metadata, rules }) => [`${kind} ${metadata.name}`, rules]));
    const others = new Map([...rulesOf(built)].filter(([name]) => name !== 'ClusterRole pullguard-reports'));
    expect(others).toEqual(rulesOf(objects));
  });
});
