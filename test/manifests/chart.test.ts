import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { listShared } from '../../scripts/chart.ts';
import { loadPolicy } from '../../src/rules/policy.ts';
import { listPullSecrets } from '../../src/policy/policy.ts';
import { isRecord } from '../../src/text/json.ts';
import { certificatesFor } from '../support/certificates.ts';
import { listGrants, listNeeds, needsOf } from './grants.ts';
import { CHART, helm, HELM, render } from './helm.ts';
import { build, KUBECTL } from './kustomize.ts';
import { listMisfits } from './references.ts';
import {
  describePolicy,
  find,
  isRole,
  isRoleBinding,
  podOf,
  policyText,
  readText,
  RECOMMENDED_LABELS,
  ROOT,
  SERVICE_NAME,
  type Manifest,
} from './manifests.ts';

test('it has the version of the program', () => {
  const { version } = JSON.parse(readText('package.json')) as { version: string };
  expect(parse(readText('charts/pullguard/Chart.yaml'))).toMatchObject({ version, appVersion: version });
});

test('it has the schema of the policy and the alerts of today: write them with `npx tsx scripts/chart.ts`', async () => {
  for (const [path, text] of await listShared()) expect(readText(path), path).toBe(text);
});

test('each value is in the schema and says what it is', () => {
  const values = parse(readText('charts/pullguard/values.yaml')) as object;
  const { properties } = JSON.parse(readText('charts/pullguard/values.schema.json')) as { properties: object };
  expect(
    Object.keys(properties)
      .filter((key) => key !== 'global')
      .sort(),
  ).toEqual(Object.keys(values).sort());
});

if (!HELM) test.skip('the chart was not rendered: there is no helm on PATH', () => undefined);

describe.runIf(HELM)('rendered by helm', () => {
  test('helm lint finds nothing', () => {
    const { status, stdout } = helm(['lint', CHART, '--strict', '--kube-version', '1.30', '--quiet']);
    expect([status, stdout]).toEqual([0, '']);
  });

  test('the default policy is that of manifests/base', () => {
    expect(policyOf(render().objects)).toEqual(describePolicy(loadPolicy(policyText)));
  });

  describe.runIf(KUBECTL)('is what kubectl kustomize builds, object by object', () => {
    let folder: string;
    let files: Awaited<ReturnType<typeof certificatesFor>>;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'pullguard-chart-'));
      files = await certificatesFor(SERVICE_NAME);
      cpSync(join(ROOT, 'manifests'), join(folder, 'manifests'), { recursive: true });
      write('overlays/own-certificate/certs/ca.crt', files.ca);
      write('overlays/own-certificate/certs/tls.crt', files.cert);
      write('overlays/own-certificate/certs/tls.key', files.key);
      for (const each of ['network-policy', 'egress'])
        write(`components/${each}/control-plane.env`, 'cidr=192.168.0.0/28\n');
    });

    afterAll(() => {
      rmSync(folder, { recursive: true, force: true });
    });

    const apiServers = [{ ipBlock: { cidr: '192.168.0.0/28' } }];
    // Several at a time where each changes something else.
    const cases: readonly [kustomize: string, values: () => object, ...components: string[]][] = [
      ['../base', () => ({})],
      [
        'cce',
        () => ({
          imagePullSecrets: [{ name: 'default-secret' }],
          watchNodes: true,
          watchPulls: true,
          webhooks: { failClosed: true },
        }),
        'nodes',
        'pulls',
        'fail-closed',
      ],
      ['mounted-certificate', () => ({ certificate: { source: 'secret' }, secrets: { mode: 'none' } }), 'secrets-none'],
      [
        'own-certificate',
        () => ({ certificate: { source: 'files', crt: files.cert, key: files.key, caBundle: files.ca } }),
      ],
      [
        '../base',
        () => ({
          monitoring: { podMonitor: { enabled: true }, prometheusRule: { enabled: true } },
          reports: { enabled: true },
          webhooks: { guard: true, matchConditions: true },
          networkPolicy: { enabled: true, webhookFrom: apiServers, egress: { enabled: true, apiServers } },
        }),
        'monitoring',
        'reports',
        'webhook-guard',
        'match-conditions',
        'network-policy',
        'egress',
      ],
      [
        '../base',
        () => ({
          monitoring: {
            serviceMonitor: { enabled: true },
            prometheusRule: { enabled: true },
            dashboard: { enabled: true },
          },
        }),
        'monitoring',
        'service-monitor',
        'dashboard',
      ],
      ['native', () => ({ native: { mode: 'static' } })],
      ['../base', () => ({ native: { mode: 'controller' } }), 'native-controller'],
      [
        'cert-manager',
        () => ({
          certificate: { source: 'cert-manager' },
          secrets: { mode: 'all' },
          watchNodes: true,
          webhooks: { failClosed: true },
        }),
        'secrets-all',
        'nodes',
        'fail-closed',
      ],
    ];

    test.for(cases)('%s', ([overlay, values, ...components]) => {
      const list = components.map((name) => `../manifests/components/${name}`).join(', ');
      const kustomization = `resources: [../manifests/overlays/${overlay}]\ncomponents: [${list}]\n`;
      write('../deploy/kustomization.yaml', kustomization);
      expect(normalize(render(values()).objects)).toEqual(normalize(build(join(folder, 'deploy'))));
    });

    function write(path: string, text: string): void {
      const file = join(folder, 'manifests', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  });

  test.each([
    ['1.36', [], ['v1', 'v1']],
    ['1.35', [], ['v1']],
    ['1.34', ['--api-versions', 'admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicy'], ['v1', 'v1beta1']],
  ])('on Kubernetes %s it has the native policies that are served there: %o', (version, served, expected) => {
    const flags = ['template', 'pullguard', CHART, '--kube-version', version, ...served];
    const { stdout } = helm(flags, { native: { mode: 'static' } });
    const found = [
      ...stdout.matchAll(/^apiVersion: admissionregistration\.k8s\.io\/(\w+)\nkind: \w+AdmissionPolicy$/gm),
    ];
    expect(found.map(([, each]) => each).sort()).toEqual(expected);
  });

  test.each([
    ['1.36', { mode: 'static' }, { policy: { rules: { 'reference-valid': 'warn' } } }, 'use controller'],
    ['1.36', { mode: 'static' }, { existingPolicyConfigMap: 'mine' }, 'use controller'],
    ['1.29', { mode: 'controller' }, {}, 'needs Kubernetes 1.30'],
  ])('on Kubernetes %s native %o with %o is rejected, with what to do', (version, native, values, problem) => {
    const { status, stderr } = helm(['template', 'x', CHART, '--kube-version', version], { ...values, native });
    expect([status, stderr]).toEqual([1, expect.stringContaining(problem)]);
  });

  test.each([
    ['guard', 'infra', 'guard-pullguard'],
    ['my-pullguard', 'default', 'my-pullguard'],
    // Numbers to YAML.
    ['007', '1e3', '007-pullguard'],
    ['r'.repeat(53), 'n'.repeat(63), 'r'.repeat(46)],
  ])('as %s in %s everything is named for it and finds each other', (release, namespace, name) => {
    const more = { monitoring: { podMonitor: { enabled: true } }, autoscaling: { enabled: true } };
    for (const source of ['pullguard', 'cert-manager']) {
      const { objects } = render({ certificate: { source }, ...more }, release, namespace);
      const named = objects.map(({ metadata }) => metadata.name);
      expect(named.filter((each) => !each.startsWith(name) || each.length > 63)).toEqual([]);
      expect(objects.filter(({ metadata }) => (metadata.namespace ?? namespace) !== namespace)).toEqual([]);
      expect(listMisfits(objects, [`Namespace ${namespace}`])).toEqual([]);
      expect(listGrants(objects)).toEqual(listNeeds(needsOf(objects), namespace));
    }
  });

  test('each object has the recommended labels', () => {
    const { objects, hooks } = render({ monitoring: { podMonitor: { enabled: true } } }, 'guard');
    for (const { kind, metadata } of [...objects, ...hooks]) {
      expect(Object.keys(metadata.labels ?? {}).sort(), kind).toEqual([...RECOMMENDED_LABELS, 'helm.sh/chart']);
    }
  });

  test('two releases in one namespace do not take each other’s Pods', () => {
    const selectors = ['one', 'two'].map((release) => find(render({}, release).objects, 'Service').spec.selector);
    expect(selectors[0]).not.toEqual(selectors[1]);
  });

  test('the policy is that of the values, and pullguard may read the pull secrets that it names', () => {
    const policy = {
      registries: [{ hosts: ['harbor.example.com'], pullSecret: 'harbor', probe: { addresses: ['10.0.0.0/8'] } }],
      mirrors: [{ from: 'docker.io', to: 'swr.eu-de.otc.t-systems.com/dockerhub' }],
      rules: {
        'tag-explicit': { action: 'warn', forbidLatest: true },
        'image-fits': { action: 'warn', limitMiB: 4_194_304 },
      },
      exempt: { namespaces: ['kube-system', 'sandbox-*'] },
    };
    const { objects } = render({ policy, secrets: { names: ['other'] } });
    const text = find(objects, 'ConfigMap').data['policy.yaml']!;
    const read = loadPolicy(text);
    expect(listPullSecrets(read)).toEqual(expect.arrayContaining(['harbor']));
    expect(read.mirrors).toHaveLength(1);
    expect(text).toContain('limitMiB: 4194304');
    const names = listGrants(objects).filter((grant) => grant.startsWith('cluster: list secrets'));
    expect(names).toEqual(['default-secret', 'harbor', 'other'].map((name) => `cluster: list secrets ${name}`));
  });

  test.each<[rules: object, expected: string]>([
    [{ 'tag-explicit': false }, 'off'],
    [{ 'tag-explicit': { action: false } }, 'off'],
    [{ 'tag-explicit': 'deny' }, 'deny'],
    [{ 'mirror-used': 'deny' }, 'deny'],
  ])('a rule may be %j: `off` without quotes is false to Helm', (rules, expected) => {
    const text = find(render({ policy: { rules } }).objects, 'ConfigMap').data['policy.yaml']!;
    const [[id, rule]] = Object.entries(rules) as [[string, unknown]];
    const found = loadPolicy(text).rules.find((each) => each.rule.id === id);
    expect(found?.action ?? 'off', JSON.stringify(rule)).toBe(expected);
  });

  test('what a cluster needs can be set', () => {
    const values = {
      image: { repository: 'swr.eu-de.otc.t-systems.com/org/pullguard', digest: `sha256:${'0'.repeat(64)}` },
      imagePullSecrets: [{ name: 'harbor' }],
      replicaCount: 3,
      logLevel: 'debug',
      host: '::',
      extraArgs: ['--client-ca=/etc/client/ca.crt'],
      extraEnv: [{ name: 'HTTPS_PROXY', value: 'http://proxy.example.com:3128' }],
      extraVolumes: [{ name: 'client', secret: { secretName: 'client' } }],
      extraVolumeMounts: [{ name: 'client', mountPath: '/etc/client' }],
      tolerations: [{ operator: 'Exists' }],
      affinity: { podAntiAffinity: {} },
      topologySpreadConstraints: [],
      priorityClassName: '',
      nodeSelector: { pool: 'system' },
      podLabels: { team: 'infra' },
      podAnnotations: { 'prometheus.io/scrape': null, 'example.com/a': 'b' },
      commonLabels: { owner: 'infra' },
      commonAnnotations: { note: 'x' },
      podDisruptionBudget: { enabled: false },
      resources: { limits: { memory: '1Gi' } },
      serviceAccount: { name: 'guard', annotations: { role: 'x' } },
    };
    const { objects } = render(values);
    const { spec, metadata } = find(objects, 'Deployment');
    const [container] = spec.template.spec.containers;
    expect(spec.replicas).toBe(3);
    expect(metadata).toMatchObject({ labels: { owner: 'infra' }, annotations: { note: 'x' } });
    expect(spec.template.metadata.labels).toMatchObject({ team: 'infra', owner: 'infra' });
    expect(spec.template.metadata.annotations).toMatchObject({ 'example.com/a': 'b', 'prometheus.io/port': '8080' });
    expect(spec.template.metadata.annotations).not.toHaveProperty(['prometheus.io/scrape']);
    expect(container).toMatchObject({ image: `${values.image.repository}@${values.image.digest}` });
    expect(container!.args).toEqual(expect.arrayContaining(['--host=::', '--log-level=debug', ...values.extraArgs]));
    expect(container!.env.map(({ name }) => name)).toEqual(['NODE_OPTIONS', 'HTTPS_PROXY']);
    expect(container!.resources.limits).toEqual({ memory: '1Gi' });
    expect(container!.volumeMounts.map(({ mountPath }) => mountPath)).toContain('/etc/client');
    const { topologySpreadConstraints, ...pod } = spec.template.spec;
    expect(topologySpreadConstraints).toBeUndefined();
    expect(pod).toMatchObject({
      tolerations: values.tolerations,
      nodeSelector: { pool: 'system' },
      serviceAccountName: 'guard',
    });
    expect(pod).not.toHaveProperty('priorityClassName');
    expect(find(objects, 'ServiceAccount')).toMatchObject({ metadata: { name: 'guard', annotations: { role: 'x' } } });
    expect(find(objects, 'ServiceAccount').imagePullSecrets).toEqual(values.imagePullSecrets);
    expect(listGrants(objects)).toEqual(listGrants(render().objects));
    expect(objects.map(({ kind }) => kind)).not.toContain('PodDisruptionBudget');
  });

  test('the proxy is in a Secret, whose change restarts the Pods', () => {
    const url = 'http://user:hunter2@proxy.example.com:3128';
    const [one, other] = [url, `${url}0`].map((https) =>
      render({ proxy: { https, except: '.svc,10.0.0.0/8' } }, 'guard'),
    );
    const { data, metadata } = find(one!.objects, 'Secret');
    const decoded = Object.entries(data).map(([name, value]) => [name, Buffer.from(value, 'base64').toString()]);
    expect(Object.fromEntries(decoded)).toEqual({ HTTPS_PROXY: url, NO_PROXY: '.svc,10.0.0.0/8' });
    const [container] = podOf(one!.objects).containers;
    expect(container).toMatchObject({ envFrom: [{ secretRef: { name: metadata.name } }] });
    const sums = [one!, other!].map(
      ({ objects }) => find(objects, 'Deployment').spec.template.metadata.annotations['checksum/proxy'],
    );
    expect(new Set(sums).size).toBe(2);
    expect(JSON.stringify(one!.objects.filter(({ kind }) => kind !== 'Secret'))).not.toContain('hunter2');
    expect(podOf(render().objects).containers[0]).not.toHaveProperty('envFrom');
  });

  test('autoscaling decides how many replicas there are, and is not set back at each upgrade', () => {
    const { objects } = render({ autoscaling: { enabled: true, maxReplicas: 4 } });
    expect(find(objects, 'Deployment').spec).not.toHaveProperty('replicas');
    const scaler = objects.find(({ kind }) => kind === 'HorizontalPodAutoscaler');
    expect(scaler).toMatchObject({ spec: { scaleTargetRef: { name: 'pullguard' }, minReplicas: 2, maxReplicas: 4 } });
  });

  test('with a certificate that something else renews there is no alert about a missing leader', () => {
    const alertsOf = (values: object): readonly string[] => {
      const all = render({ ...values, monitoring: { prometheusRule: { enabled: true, labels: { release: 'x' } } } });
      const rule = all.objects.find(({ kind }) => kind === 'PrometheusRule') as unknown as {
        metadata: { labels: object };
        spec: { groups: [{ rules: { alert: string }[] }] };
      };
      expect(rule.metadata.labels).toMatchObject({ release: 'x' });
      return rule.spec.groups[0].rules.map(({ alert }) => alert);
    };
    expect(alertsOf({})).toContain('PullguardNoLeader');
    expect(alertsOf({ certificate: { source: 'cert-manager' } })).not.toContain('PullguardNoLeader');
  });

  test('`helm test` works in a namespace of its own, with the right to that one dry run alone', () => {
    const { hooks } = render({}, 'guard', 'infra');
    expect(hooks.map(({ kind, metadata }) => [kind, metadata.namespace])).toEqual(
      [
        ['ServiceAccount', 'infra'],
        ['Pod', 'infra'],
        ['Namespace', undefined],
        ['Role', 'pullguard-check'],
        ['RoleBinding', 'pullguard-check'],
      ].sort((a, b) => KINDS.indexOf(a[0]!) - KINDS.indexOf(b[0]!)),
    );
    const pod = hooks.find(({ kind }) => kind === 'Pod')!;
    expect(pod.metadata.labels).not.toMatchObject(find(render({}, 'guard', 'infra').objects, 'Service').spec.selector);
  });

  test('values that the schema forbids are rejected, all at once and with what is wrong', () => {
    const rules = { 'tag-explict': 'warn', 'tag-explicit': 'dney', 'mirror-used': true };
    const { status, stderr } = helm(['template', 'x', CHART], {
      logLvel: 'debug',
      image: { repo: 'x' },
      policy: { mirors: [], rules },
      secrets: { mode: 'some' },
      logLevel: 'verbose',
      replicaCount: '2',
      extraArgs: ['-v'],
    });
    expect(status).toBe(1);
    for (const says of [
      'Additional property logLvel is not allowed',
      'image: Additional property repo is not allowed',
      'policy: Additional property mirors is not allowed',
      'Additional property tag-explict is not allowed',
      /rules\.tag-explicit: .*must be one of the following: "off", "audit", "warn", "deny"/,
      /rules\.mirror-used: .*must be one of the following: "off", "audit", "warn", "deny"/,
      'must be one of the following: "default-secret-only", "all", "none"',
      'must be one of the following: "debug", "info", "warn", "error"',
      'Expected: integer, given: string',
      'extraArgs.0: Does not match pattern',
    ]) {
      expect(stderr).toMatch(says);
    }
  });

  test.each<[values: object, says: string]>([
    [{ certificate: { source: 'files' } }, 'give certificate.crt, certificate.key and certificate.caBundle'],
    [{ certificate: { crt: 'x' } }, 'are for certificate.source files, not pullguard'],
    [{ certificate: { source: 'secret', caBundle: 'LS0tLS1C' } }, 'certificate.caBundle is not PEM'],
    [
      { certificate: { caBundle: '-----BEGIN CERTIFICATE-----' } },
      'certificate.caBundle is for certificate.source secret and files',
    ],
    [
      { monitoring: { podMonitor: { enabled: true }, serviceMonitor: { enabled: true } } },
      'each Pod would be scraped twice: disable one',
    ],
    [{ networkPolicy: { enabled: true } }, 'networkPolicy.webhookFrom is empty'],
    [{ networkPolicy: { egress: { enabled: true } } }, 'networkPolicy.egress.apiServers is empty'],
    [{ autoscaling: { enabled: true, minReplicas: 9 } }, 'minReplicas is above autoscaling.maxReplicas'],
    [{ drainSeconds: 60 }, 'terminationGracePeriodSeconds 30 is too short'],
  ])('%j is rejected, with what is wrong', (values, says) => {
    expect(() => render(values)).toThrow(says);
  });
});

const KINDS = ['Namespace', 'ServiceAccount', 'Role', 'RoleBinding', 'Pod'];

/** The other ConfigMap is the dashboard. */
function isPolicy({ kind, metadata }: Manifest): boolean {
  return kind === 'ConfigMap' && metadata.name.endsWith('-policy');
}

function policyOf(manifests: readonly Manifest[]): unknown {
  return describePolicy(loadPolicy(find(manifests, 'ConfigMap').data['policy.yaml']!));
}

/**
 * What the chart and the manifests have alike. Not alike on purpose: the Namespace, which `helm install --create-namespace` makes;
 * labels of the tool, and that of the release in selectors; rights that an overlay empties, as they would stay where it was applied over
 * the default, while Helm deletes what is gone; and the policy's comments.
 */
function normalize(manifests: readonly Manifest[]): Readonly<Record<string, unknown>> {
  const empty = new Set(
    manifests
      .filter(isRole)
      .flatMap(({ kind, metadata, rules }) => (rules.length === 0 ? [`${kind} ${metadata.name}`] : [])),
  );
  const kept = manifests.filter(
    (each) =>
      each.kind !== 'Namespace' &&
      !(isRole(each) && empty.has(`${each.kind} ${each.metadata.name}`)) &&
      !(isRoleBinding(each) && empty.has(`${each.roleRef.kind} ${each.roleRef.name}`)),
  );
  return Object.fromEntries(
    kept.map((each) => [
      `${each.kind} ${each.metadata.namespace ?? ''}/${each.metadata.name}`,
      strip(isPolicy(each) ? { ...each, data: policyOf([each]) } : each),
    ]),
  );
}

function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  // kustomize writes base64 in lines.
  if (typeof value === 'string') return /^[A-Za-z0-9+/=\n]+$/.test(value) ? value.replaceAll('\n', '') : value;
  if (!isRecord(value)) return value;
  if (value['app.kubernetes.io/name'] === 'pullguard') return stripLabels(value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, strip(each)]));
}

/** Without what names the tool, and in selectors, which cannot change, without the release. */
function stripLabels(labels: Readonly<Record<string, unknown>>): unknown {
  const ofTool = ['helm.sh/chart', 'app.kubernetes.io/managed-by'];
  const rest = Object.fromEntries(Object.entries(labels).filter(([key]) => !ofTool.includes(key)));
  return Object.keys(rest).length === 2 ? { 'app.kubernetes.io/name': 'pullguard' } : rest;
}
