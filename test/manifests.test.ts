import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command, Option } from 'commander';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { ENDPOINTS } from '../src/admission/admit.ts';
import { buildProgram } from '../src/cli/program.ts';
import { defaultPolicy, loadPolicy } from '../src/config/load-policy.ts';
import { buildPolicySchema } from '../src/config/policy-schema.ts';
import { isExemptNamespace, type Policy } from '../src/engine/policy.ts';
import { RULES } from '../src/rules/index.ts';
import { createAdminApp } from '../src/server/admin-app.ts';
import { createMetrics } from '../src/server/metrics.ts';
import { makeCertificates } from '../src/tls/self-signed.ts';
import { WORKLOAD_KINDS } from '../src/workload/kinds.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BASE = 'manifests/base';

const base = parse(readText(`${BASE}/kustomization.yaml`)) as Kustomization;
const objects = base.resources.flatMap((file) => parseDocuments(readText(`${BASE}/${file}`)));
const namespace = find(objects, 'Namespace');
const serviceAccount = find(objects, 'ServiceAccount');
const deployment = find(objects, 'Deployment');
const service = find(objects, 'Service');
const budget = find(objects, 'PodDisruptionBudget');
const mutating = onlyWebhook(find(objects, 'MutatingWebhookConfiguration'));
const validating = onlyWebhook(find(objects, 'ValidatingWebhookConfiguration'));

const template = deployment.spec.template;
const pod = template.spec;
const container = pod.containers[0]!;
const policyGenerator = base.configMapGenerator[0]!;
const policyText = readText(`${BASE}/policy.yaml`);
const dockerfile = readDockerfile();

/** The name by which the API server calls the webhook, and which it looks for in the certificate. */
const SERVICE_NAME = `${service.metadata.name}.${service.metadata.namespace ?? ''}.svc`;

describe('what the API server sends', () => {
  test('every kind that pullguard can judge reaches it, and no other: a kind without a rule would never be checked', () => {
    const kinds = WORKLOAD_KINDS.map(({ group, resource }) => `${group}/v1/${resource ?? ''}`);
    const judged = kinds.flatMap((kind) => [`CREATE ${kind}`, `UPDATE ${kind}`]);
    expect(listRules(validating)).toEqual([...judged, 'UPDATE /v1/pods/ephemeralcontainers'].sort());
  });

  test('only new pods are sent to be changed: a changed template shadows secrets, a changed old pod is refused', () => {
    expect(listRules(mutating)).toEqual(['CREATE /v1/pods']);
  });

  test.each([
    ['mutating', mutating],
    ['validating', validating],
  ])('the %s webhook asks for namespaced objects of a served version, so no rule matches nothing', (_name, webhook) => {
    expect(webhook.matchPolicy).toBe('Equivalent');
    expect(new Set(webhook.rules.map(({ scope }) => scope))).toEqual(new Set(['Namespaced']));
  });

  test('both endpoints of the server are called, under the name, namespace and port of the Service', () => {
    const called = [mutating, validating].map(({ clientConfig }) => clientConfig.service);
    const { name, namespace: where = '' } = service.metadata;
    const port = service.spec.ports[0]!.port;
    expect(called).toEqual(ENDPOINTS.map((endpoint) => ({ name, namespace: where, path: `/${endpoint}`, port })));
  });
});

describe('what a webhook must not do to a cluster', () => {
  test.each([
    ['mutating', mutating],
    ['validating', validating],
  ])('the %s webhook blocks nobody while pullguard is away, and keeps nobody waiting for long', (_name, webhook) => {
    expect(webhook).toMatchObject({
      failurePolicy: 'Ignore',
      timeoutSeconds: 3,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    });
  });

  test.each([
    ['mutating', mutating],
    ['validating', validating],
  ])('the %s webhook leaves out kube-system and its own namespace, by a label nobody can change', (_name, webhook) => {
    expect(webhook.namespaceSelector.matchExpressions).toEqual([
      { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', namespace.metadata.name] },
    ]);
  });

  test('sidecars that a later webhook adds are put right as well', () => {
    expect(mutating.reinvocationPolicy).toBe('IfNeeded');
    expect(validating.reinvocationPolicy).toBeUndefined();
  });

  test('the names are those in the documentation: uninstalling removes both configurations by them', () => {
    expect([mutating.name, validating.name]).toEqual(['mutate.pullguard.dev', 'validate.pullguard.dev']);
    const configurations = objects.filter(({ kind }) => kind.endsWith('WebhookConfiguration'));
    expect(configurations.map(({ metadata }) => metadata.name)).toEqual(['pullguard', 'pullguard']);
  });

  test('everything else lives in the namespace, so that deleting that leaves nothing behind', () => {
    const clusterWide = ['Namespace', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];
    const inNamespace = objects.filter(({ kind }) => !clusterWide.includes(kind));
    for (const { kind, metadata } of [...inNamespace, { kind: 'ConfigMap', metadata: policyGenerator }]) {
      expect([kind, metadata.namespace]).toEqual([kind, namespace.metadata.name]);
    }
  });
});

describe('the pods', () => {
  const serve = findServe();
  const flags = readFlags(container.args);

  test.each([...flags])('--%s is a flag that `pullguard serve` takes, or no pod would start', (name, value) => {
    const option = serve.options.find(({ long }) => long === `--${name}`);
    expect(option, `pullguard serve has no --${name}`).toBeDefined();
    expect(option).toMatchObject({ required: true, variadic: false });
    expect(() => parseValue(option!, value)).not.toThrow();
  });

  test('the arguments are those of `serve` and nothing that it would not understand', () => {
    expect(container.args[0]).toBe('serve');
    expect(container.args.slice(1).filter((arg) => !/^--[a-z-]+=./.test(arg))).toEqual([]);
  });

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
      const app = createAdminApp({ metrics: createMetrics(), readiness: () => undefined });
      expect((await request(app).get(path)).status).toBe(200);
    },
  );

  test('a certificate that nobody trusts takes a pod out of the Service and does not restart it', async () => {
    const app = createAdminApp({ metrics: createMetrics(), readiness: () => 'the certificate expired' });
    const { readinessProbe, livenessProbe } = container;
    expect((await request(app).get(readinessProbe.httpGet.path)).status).toBe(503);
    expect((await request(app).get(livenessProbe.httpGet.path)).status).toBe(200);
  });

  test('Prometheus finds the metrics where the annotations say', async () => {
    const annotations = template.metadata.annotations;
    expect(annotations['prometheus.io/port']).toBe(flags.get('admin-port'));
    const app = createAdminApp({ metrics: createMetrics(), readiness: () => undefined });
    expect((await request(app).get(annotations['prometheus.io/path'] ?? '')).text).toContain('pullguard_');
  });

  test('a pod that is told to stop has the time to: shorter, and calls in flight are cut off at every roll-out', () => {
    const needed = Number(flags.get('drain-seconds')) + Math.max(mutating.timeoutSeconds, validating.timeoutSeconds);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(needed);
  });

  test('the files that the flags name are in volumes that are there, mounted as folders so that changes arrive', () => {
    expect(flags.get('config')).toBe(`${mountPath('policy')}/${policyGenerator.files[0]!}`);
    expect(flags.get('tls-cert')).toBe(`${mountPath('tls')}/tls.crt`);
    expect(flags.get('tls-key')).toBe(`${mountPath('tls')}/tls.key`);
    expect(container.volumeMounts.filter((mount) => mount.subPath !== undefined || mount.readOnly !== true)).toEqual(
      [],
    );
  });

  test('everything they name exists: a wrong name would leave them in ContainerCreating', () => {
    expect(pod.serviceAccountName).toBe(serviceAccount.metadata.name);
    expect(volume('policy').configMap?.name).toBe(policyGenerator.name);
    expect(volume('tls').secret?.secretName).toBe('pullguard-tls');
    expect(deployment.metadata.namespace).toBe(namespace.metadata.name);
  });

  test('they have no rights in the cluster, and no token to use them with', () => {
    expect([pod.automountServiceAccountToken, serviceAccount.automountServiceAccountToken]).toEqual([false, false]);
    expect(objects.filter(({ kind }) => kind.includes('Role'))).toEqual([]);
  });

  test('their own image can be pulled from SWR: nobody injects a secret for the injector', () => {
    expect(serviceAccount.imagePullSecrets).toEqual([{ name: 'default-secret' }]);
  });

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

  test('the key is readable for their user and for nobody else', () => {
    expect(volume('tls').secret?.defaultMode).toBe(0o440);
    expect(pod.securityContext.fsGroup).toBe(pod.securityContext.runAsGroup);
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

describe('the policy that comes with it', () => {
  test('sets what it claims to: the defaults, so that installing it changes nothing that was not documented', () => {
    expect(describePolicy(loadPolicy(policyText, 'policy.yaml'))).toEqual(describePolicy(defaultPolicy()));
  });

  test('shows every key and every rule that there is', () => {
    const shown = parse(policyText) as Readonly<Record<string, unknown>>;
    const schema = buildPolicySchema(RULES) as { properties: Readonly<Record<string, unknown>> };
    expect(Object.keys(shown).sort()).toEqual(
      Object.keys(schema.properties)
        .filter((key) => key !== 'metadata')
        .sort(),
    );
    expect(Object.keys(shown['rules'] as object).sort()).toEqual(RULES.map(({ id }) => id).sort());
  });

  const samples = readSamples(policyText);

  test.each(samples)('the sample %s can be used as it stands', (_title, sample) => {
    const policy = loadPolicy(`apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n${sample}`);
    expect(describePolicy(policy)).not.toEqual(describePolicy(defaultPolicy()));
  });

  test('has a sample for each key that is empty', () => {
    expect(samples.map(([title]) => title).sort()).toEqual(['exempt', 'mirrors', 'registries', 'rules', 'workloads']);
  });

  test('is reloaded by the pods that run: a hash in its name would roll out new ones instead', () => {
    expect(policyGenerator.options).toMatchObject({ disableNameSuffixHash: true });
  });
});

describe('the image', () => {
  const final = dockerfile.stages.at(-1)!;

  test('runs `serve`, as process 1, so that SIGTERM reaches it', () => {
    expect(valueOf(final, 'ENTRYPOINT')).toBe('["node", "dist/main.js"]');
    expect(valueOf(final, 'CMD')).toBe('["serve"]');
    expect(existsSync(join(ROOT, 'src/main.ts'))).toBe(true);
  });

  test('runs as the user that the Deployment asks for, by number: kubelet cannot tell that a name is not root', () => {
    const { runAsUser, runAsGroup } = pod.securityContext;
    expect(valueOf(final, 'USER')).toBe(`${runAsUser}:${runAsGroup}`);
  });

  test('has a Node.js that package.json allows, pinned to its major version', () => {
    const [, major] = /^NODE_IMAGE=node:(\d+)-/.exec(dockerfile.args[0] ?? '') ?? [];
    const { engines } = readPackage();
    const [, floor] = /^>=(\d+)/.exec(engines.node) ?? [];
    // Odd versions are never supported for long.
    expect([Number(major) > Number(floor), Number(major) % 2]).toEqual([true, 0]);
    expect(new Set(dockerfile.stages.map(({ from }) => from))).toEqual(new Set(['${NODE_IMAGE}']));
  });

  test('holds production dependencies only', () => {
    const [, stage = ''] = /--from=(\w+) \/app\/node_modules /.exec(final.lines.join('\n')) ?? [];
    const install = dockerfile.stages.find(({ name }) => name === stage)!.lines;
    expect(install.filter((line) => line.startsWith('RUN npm'))).toEqual(['RUN npm ci --omit=dev --ignore-scripts']);
  });

  test('installs dependencies before it copies the sources: otherwise each change of a line downloads them again', () => {
    for (const { lines } of dockerfile.stages) {
      const install = lines.findIndex((line) => line.startsWith('RUN npm ci'));
      expect(lines.slice(0, Math.max(install, 0)).filter((line) => /^COPY (?!package)/.test(line))).toEqual([]);
    }
  });

  test('leaves health to kubelet', () => {
    expect(dockerfile.stages.flatMap(({ lines }) => lines).filter((line) => line.startsWith('HEALTHCHECK'))).toEqual(
      [],
    );
  });

  test('opens the ports of the Deployment', () => {
    expect(valueOf(final, 'EXPOSE')).toBe(container.ports.map(({ containerPort }) => containerPort).join(' '));
  });

  test('is built from what .dockerignore lets through, which is that and nothing else: no key, no node_modules', () => {
    const copied = dockerfile.stages
      .flatMap(({ lines }) => lines)
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(' ').slice(1, -1));
    const patterns = readText('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(patterns[0]).toBe('*');
    expect(patterns.slice(1).sort()).toEqual([...new Set(copied)].map((path) => `!${path}`).sort());
    for (const path of copied) expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
  });

  test('has the tag of this version in the Deployment', () => {
    expect(container.image).toBe(`pullguard:${readPackage().version}`);
  });
});

describe('certificates by cert-manager', () => {
  const documents = parseDocuments(readText('manifests/overlays/cert-manager/certificates.yaml'));
  const certificates = documents.filter(isCertificate);
  const authority = certificates.find(({ spec }) => spec.isCA === true)!;
  const leaf = certificates.find(({ spec }) => spec.isCA !== true)!;

  test('the certificate is for the name that the API server calls, and in the Secret that the pods mount', () => {
    expect(leaf.spec.dnsNames).toContain(SERVICE_NAME);
    expect(leaf.spec.secretName).toBe(volume('tls').secret?.secretName);
    expect(leaf.metadata.namespace).toBe(namespace.metadata.name);
  });

  test('the CA outlives all that it signed: a certificate is signed anew between the renewal and the end of its CA', () => {
    expect(hours(authority.spec.renewBefore)).toBeGreaterThan(hours(leaf.spec.duration));
    expect(hours(authority.spec.duration)).toBeGreaterThan(2 * hours(authority.spec.renewBefore));
  });

  test('a renewed CA has the key of the old one: pods that still serve an older certificate stay trusted', () => {
    expect(authority.spec.privateKey.rotationPolicy).toBe('Never');
    expect(leaf.spec.privateKey.rotationPolicy).toBe('Always');
  });

  test('there is time to notice that a renewal fails', () => {
    expect(hours(leaf.spec.renewBefore)).toBeGreaterThanOrEqual(14 * 24);
    expect(hours(leaf.spec.duration)).toBeGreaterThan(2 * hours(leaf.spec.renewBefore));
  });

  test('each certificate has an issuer that is there', () => {
    const issuers = documents.filter(isIssuer);
    const names = issuers.map(({ metadata }) => metadata.name);
    for (const { spec } of certificates) expect(names).toContain(spec.issuerRef.name);
    expect(issuers.find(({ metadata }) => metadata.name === leaf.spec.issuerRef.name)?.spec.ca?.secretName).toBe(
      authority.spec.secretName,
    );
  });
});

test('Git ignores the certificate of the overlay own-certificate: a private key would be published', () => {
  const folder = 'manifests/overlays/own-certificate/certs';
  expect(readText(`${folder}/.gitignore`).split('\n').slice(1)).toEqual(['*', '!.gitignore', '!README.md', '']);
});

const KUBECTL = spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status === 0;

if (!KUBECTL) test.skip('overlays were not built: there is no kubectl on PATH', () => undefined);

describe.runIf(KUBECTL)('built by kubectl kustomize', () => {
  let folder: string;
  let certificate: Awaited<ReturnType<typeof makeCertificates>>;

  // A copy, because the overlay own-certificate needs files that must not lie about in the repository.
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pullguard-manifests-'));
    cpSync(join(ROOT, 'manifests'), join(folder, 'manifests'), { recursive: true });
    certificate = await makeCertificates({ names: [SERVICE_NAME] });
    write('manifests/overlays/own-certificate/certs/ca.crt', certificate.ca);
    write('manifests/overlays/own-certificate/certs/tls.crt', certificate.cert);
    write('manifests/overlays/own-certificate/certs/tls.key', certificate.key);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('`kubectl apply -k manifests/` of a clean clone has every object of base/ and the policy as it is written', () => {
    const built = build(join(ROOT, 'manifests'));
    const configMap = find(built, 'ConfigMap');
    expect(built.map(identify).sort()).toEqual([...objects, configMap].map(identify).sort());
    expect(configMap.metadata).toMatchObject({ name: volume('policy').configMap?.name, namespace: 'pullguard' });
    expect(configMap.data['policy.yaml']).toBe(policyText);
    expect(find(built, 'Deployment')).toEqual(deployment);
  });

  test('webhooks come last, when there is something to answer them', () => {
    const kinds = build(join(folder, 'manifests/overlays/fail-closed')).map(({ kind }) => kind);
    expect(kinds.slice(-2)).toEqual(['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']);
  });

  test('cert-manager: both configurations are given the CA of the certificate that is served, and else nothing changes', () => {
    const built = build(join(folder, 'manifests/overlays/cert-manager'));
    for (const configuration of configurationsOf(built)) {
      const { name, namespace: where = '' } = built.find(
        ({ kind, metadata }) => kind === 'Certificate' && metadata.name === 'pullguard-tls',
      )!.metadata;
      expect(configuration.metadata.annotations).toEqual({ 'cert-manager.io/inject-ca-from': `${where}/${name}` });
    }
    expect(webhooksOf(built)).toEqual([mutating, validating]);
    expect(find(built, 'Deployment')).toEqual(deployment);
  });

  test('own-certificate: the CA that the API server trusts is that of the certificate which the pods mount', () => {
    const built = build(join(folder, 'manifests/overlays/own-certificate'));
    const secret = find(built, 'Secret');
    expect(secret).toMatchObject({ type: 'kubernetes.io/tls', metadata: { name: 'pullguard-tls' } });
    expect(decode(secret.data['tls.crt'])).toBe(certificate.cert);
    expect(decode(secret.data['tls.key'])).toBe(certificate.key);
    for (const { clientConfig } of webhooksOf(built)) expect(decode(clientConfig.caBundle)).toBe(certificate.ca);
    expect(find(built, 'Deployment')).toEqual(deployment);
  });

  test('fail-closed: both webhooks refuse what cannot be asked about, on top of certificates that renew themselves', () => {
    const built = build(join(folder, 'manifests/overlays/fail-closed'));
    expect(webhooksOf(built)).toEqual([mutating, validating].map(failClosed));
    for (const { metadata } of configurationsOf(built)) {
      expect(metadata.annotations).toHaveProperty(['cert-manager.io/inject-ca-from']);
    }
    expect(built.filter(({ kind }) => kind === 'Certificate')).toHaveLength(2);
  });

  test('fail-closed: a drain still fits the time that a pod has to stop', () => {
    const [webhook] = webhooksOf(build(join(folder, 'manifests/overlays/fail-closed')));
    const drain = Number(readFlags(container.args).get('drain-seconds'));
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(drain + webhook!.timeoutSeconds);
  });

  test.each(['manifests', 'manifests/overlays/own-certificate'])(
    'fail-closed goes on top of %s as well',
    (resource) => {
      write(
        'deploy/kustomization.yaml',
        composition(`../${resource}`, 'components: [../manifests/components/fail-closed]'),
      );
      const webhooks = webhooksOf(build(join(folder, 'deploy')));
      expect(webhooks.map(({ failurePolicy }) => failurePolicy)).toEqual(['Fail', 'Fail']);
    },
  );

  test('the kustomization in docs/install.md builds, with its image and its policy', () => {
    const [sample = ''] = readBlocks('docs/install.md', 'yaml').filter((block) =>
      block.includes('kind: Kustomization'),
    );
    write('deploy/kustomization.yaml', sample);
    write('deploy/policy.yaml', 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n');
    const built = build(join(folder, 'deploy'));
    expect(find(built, 'Deployment').spec.template.spec.containers[0]!.image).toMatch(/^swr\..*:0\.1\.0$/);
    const configMap = find(built, 'ConfigMap');
    expect(configMap.metadata.name).toBe('pullguard-policy');
    expect(configMap.data).toEqual({ 'policy.yaml': 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n' });
  });

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
});

describe('docs/install.md', () => {
  const commands = readBlocks('docs/install.md', 'sh')
    .join('\n')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

  test('names only folders that are there', () => {
    const named = commands.flatMap((line) => [...line.matchAll(/\bmanifests\/[\w./-]*/g)].map(([path]) => path));
    expect(named.length).toBeGreaterThan(5);
    // What the reader makes there is not in the repository.
    const expected = named.map((path) => path.replace(/\/certs\/.*/, '/certs'));
    expect(expected.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('has a way for each overlay', () => {
    const overlays = readdirSync(join(ROOT, 'manifests/overlays'));
    expect(overlays.filter((name) => !commands.some((line) => line.includes(`-k manifests/overlays/${name}`)))).toEqual(
      [],
    );
  });

  test('gives pullguard only commands and flags that it knows', () => {
    const { commands: known } = buildProgram(io(), () => undefined);
    for (const line of commands.filter((text) => text.startsWith('node dist/main.js '))) {
      const [, , name, ...words] = line.split(/\s+/);
      const command = known.find((candidate) => candidate.name() === name);
      expect(command, line).toBeDefined();
      const flags = words.filter((word) => word.startsWith('--'));
      const unknown = flags.filter((flag) => !command!.options.some(({ long }) => long === flag));
      expect(unknown, line).toEqual([]);
    }
  });

  const policies = readBlocks('docs/install.md', 'yaml').filter((block) => block.includes('kind: Policy'));

  test.each(policies)('the policy of step %$ can be used', (policy) => {
    expect(loadPolicy(policy).rules.length).toBeGreaterThan(0);
  });

  test('its last policy is what pullguard does without one', () => {
    expect(describePolicy(loadPolicy(policies.at(-1) ?? ''))).toEqual(describePolicy(defaultPolicy()));
  });

  test('removes the webhook configurations before the pods that answer them', () => {
    const removals = commands.filter((line) => /^kubectl delete .*(pullguard|manifests)/.test(line));
    expect(removals[0]).toContain('mutatingwebhookconfiguration,validatingwebhookconfiguration pullguard');
  });
});

type Metadata = Readonly<{
  name: string;
  namespace?: string;
  labels?: Readonly<Record<string, string>>;
  annotations?: Readonly<Record<string, string>>;
}>;
type Manifest = Readonly<{ kind: string; metadata: Metadata }>;
type Labels = Readonly<Record<string, string>>;
type Selector = Readonly<{ matchLabels: Labels }>;
type ConfigMap = Manifest & Readonly<{ data: Readonly<Record<string, string>> }>;
type Secret = Manifest & Readonly<{ type: string; data: Readonly<Record<string, string>> }>;
type ServiceAccount = Manifest & Readonly<{ automountServiceAccountToken: boolean; imagePullSecrets: unknown }>;

type Kustomization = Readonly<{
  resources: readonly string[];
  configMapGenerator: readonly Readonly<{
    name: string;
    namespace: string;
    files: readonly string[];
    options: Readonly<Record<string, unknown>>;
  }>[];
}>;

type Probe = Readonly<{ httpGet: Readonly<{ path: string; port: string }> }>;
type Container = Readonly<
  {
    image: string;
    args: readonly string[];
    env: readonly Readonly<{ name: string; value: string }>[];
    ports: readonly Readonly<{ name: string; containerPort: number }>[];
    volumeMounts: readonly Readonly<{ name: string; mountPath: string; readOnly?: boolean; subPath?: string }>[];
    resources: Readonly<{ requests: Labels; limits: Labels }>;
    securityContext: unknown;
  } & Record<'startupProbe' | 'livenessProbe' | 'readinessProbe', Probe>
>;
type Volume = Readonly<{
  name: string;
  configMap?: Readonly<{ name: string }>;
  secret?: Readonly<{ secretName: string; defaultMode: number }>;
}>;
type Deployment = Manifest &
  Readonly<{
    spec: Readonly<{
      replicas: number;
      strategy: Readonly<{ rollingUpdate: unknown }>;
      selector: Selector;
      template: Readonly<{
        metadata: Readonly<{ labels: Labels; annotations: Labels }>;
        spec: Readonly<{
          serviceAccountName: string;
          automountServiceAccountToken: boolean;
          terminationGracePeriodSeconds: number;
          topologySpreadConstraints: readonly Readonly<{
            topologyKey: string;
            whenUnsatisfiable: string;
            labelSelector: Selector;
          }>[];
          securityContext: Readonly<{ runAsUser: number; runAsGroup: number; fsGroup: number }>;
          containers: readonly Container[];
          volumes: readonly Volume[];
        }>;
      }>;
    }>;
  }>;
type Service = Manifest &
  Readonly<{ spec: Readonly<{ selector: Labels; ports: readonly Readonly<{ port: number; targetPort: string }>[] }> }>;
type PodDisruptionBudget = Manifest & Readonly<{ spec: Readonly<{ selector: Selector; minAvailable?: unknown }> }>;

type Webhook = Readonly<{
  name: string;
  clientConfig: Readonly<{ service: unknown; caBundle?: string }>;
  rules: readonly Readonly<{
    apiGroups: readonly string[];
    apiVersions: readonly string[];
    resources: readonly string[];
    operations: readonly string[];
    scope: string;
  }>[];
  matchPolicy: string;
  namespaceSelector: Readonly<{ matchExpressions: readonly Readonly<{ values: readonly string[] }>[] }>;
  reinvocationPolicy?: string;
  timeoutSeconds: number;
  failurePolicy: string;
}>;
type WebhookConfiguration = Manifest & Readonly<{ webhooks: readonly Webhook[] }>;

type Issuer = Manifest & Readonly<{ spec: Readonly<{ ca?: Readonly<{ secretName: string }> }> }>;
type Certificate = Manifest &
  Readonly<{
    spec: Readonly<{
      secretName: string;
      isCA?: boolean;
      dnsNames?: readonly string[];
      duration: string;
      renewBefore: string;
      privateKey: Readonly<{ rotationPolicy: string }>;
      issuerRef: Readonly<{ name: string }>;
    }>;
  }>;

/** The kinds of which there is one object. */
type Kinds = Readonly<{
  Namespace: Manifest;
  ConfigMap: ConfigMap;
  Secret: Secret;
  ServiceAccount: ServiceAccount;
  Deployment: Deployment;
  Service: Service;
  PodDisruptionBudget: PodDisruptionBudget;
  MutatingWebhookConfiguration: WebhookConfiguration;
  ValidatingWebhookConfiguration: WebhookConfiguration;
}>;

type Stage = Readonly<{ from: string; name: string; lines: readonly string[] }>;

function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function readPackage(): Readonly<{ version: string; engines: Readonly<{ node: string }> }> {
  return JSON.parse(readText('package.json')) as ReturnType<typeof readPackage>;
}

function parseDocuments(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

function find<Kind extends keyof Kinds>(manifests: readonly Manifest[], kind: Kind): Kinds[Kind] {
  const [found, ...others] = manifests.filter((manifest) => manifest.kind === kind);
  if (found === undefined || others.length > 0) throw new Error(`${others.length + 1} objects of kind ${kind}, not 1`);
  return found as Kinds[Kind];
}

function onlyWebhook({ webhooks }: WebhookConfiguration): Webhook {
  expect(webhooks).toHaveLength(1);
  return webhooks[0]!;
}

function isCertificate(manifest: Manifest): manifest is Certificate {
  return manifest.kind === 'Certificate';
}

function isIssuer(manifest: Manifest): manifest is Issuer {
  return manifest.kind === 'Issuer';
}

/** `CREATE apps/v1/deployments` */
function listRules({ rules }: Webhook): readonly string[] {
  return rules
    .flatMap(({ apiGroups, apiVersions, resources, operations }) =>
      operations.flatMap((operation) =>
        apiGroups.flatMap((group) =>
          apiVersions.flatMap((version) => resources.map((resource) => `${operation} ${group}/${version}/${resource}`)),
        ),
      ),
    )
    .sort();
}

function failClosed(webhook: Webhook): Webhook {
  const [expression] = webhook.namespaceSelector.matchExpressions;
  return {
    ...webhook,
    failurePolicy: 'Fail',
    timeoutSeconds: 5,
    // Who renews the certificate must be able to start when it has expired.
    namespaceSelector: { matchExpressions: [{ ...expression!, values: [...expression!.values, 'cert-manager'] }] },
  };
}

function volume(name: string): Volume {
  return pod.volumes.find((candidate) => candidate.name === name)!;
}

function mountPath(name: string): string {
  return container.volumeMounts.find((mount) => mount.name === name)!.mountPath;
}

function io() {
  const sink = { write: () => true };
  return { stdout: sink, stderr: sink, readStdin: async () => Promise.resolve('') };
}

function findServe(): Command {
  return buildProgram(io(), () => undefined).commands.find((command) => command.name() === 'serve')!;
}

/** `['serve', '--port=8443']` → port: 8443 */
function readFlags(args: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    args.flatMap((arg): readonly [string, string][] => {
      const [, name, value] = /^--([a-z-]+)=(.+)$/.exec(arg) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
}

function parseValue({ parseArg, defaultValue }: Option, value: string): unknown {
  return parseArg?.(value, defaultValue);
}

/** A policy in what can be compared: a glob is a list of functions. */
function describePolicy(policy: Policy): unknown {
  const { registries, mirrors, rules, exempt, kinds } = policy;
  return {
    registries: registries.map(({ hosts, pullSecret }) => [hosts.map(({ text }) => text), pullSecret]),
    mirrors,
    rules: rules.map(({ rule, action, fix, options }) => [rule.id, action, fix, options]),
    namespaces: [exempt.namespaces.length, isExemptNamespace(policy, 'kube-system')],
    images: exempt.images.map(({ text }) => text),
    kinds: [...kinds.keys()],
  };
}

/** The indented lines of comments that are a part of a policy, by its first key. */
function readSamples(text: string): readonly (readonly [title: string, sample: string])[] {
  const comments = text.split('\n').map((line) => /^ *# {3}(.*)/.exec(line)?.[1] ?? '');
  return comments
    .join('\n')
    .split(/\n{2,}/)
    .map((block) => block.trim())
    .filter((block) => /^\w+:\n/.test(block))
    .map((block) => [block.slice(0, block.indexOf(':')), block] as const);
}

function readBlocks(path: string, language: string): readonly string[] {
  const fence = '```';
  const pattern = new RegExp(`^ *${fence}${language}\n([^]*?)^ *${fence}$`, 'gm');
  return [...readText(path).matchAll(pattern)].map(([, block = '']) => block);
}

function readDockerfile(): Readonly<{ args: readonly string[]; stages: readonly Stage[] }> {
  const lines = readText('Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const starts = lines.flatMap((line, at) => (line.startsWith('FROM ') ? [at] : []));
  return {
    args: lines.filter((line) => line.startsWith('ARG ')).map((line) => line.slice('ARG '.length)),
    stages: starts.map((start, at) => {
      const [, from = '', , name = ''] = lines[start]!.split(' ');
      return { from, name, lines: lines.slice(start + 1, starts[at + 1]) };
    }),
  };
}

function valueOf({ lines }: Stage, instruction: string): string | undefined {
  const values = lines.filter((line) => line.startsWith(`${instruction} `));
  return values.length === 1 ? values[0]!.slice(instruction.length + 1) : undefined;
}

/** `8760h` → 8760 */
function hours(text: string): number {
  return Number(/^(\d+)h$/.exec(text)?.[1]);
}

function build(folder: string): readonly Manifest[] {
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return parseDocuments(stdout);
}

function composition(resource: string, more: string): string {
  return `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [${resource}]\n${more}\n`;
}

function configurationsOf(built: readonly Manifest[]): readonly WebhookConfiguration[] {
  return [find(built, 'MutatingWebhookConfiguration'), find(built, 'ValidatingWebhookConfiguration')];
}

function webhooksOf(built: readonly Manifest[]): readonly Webhook[] {
  return configurationsOf(built).map(onlyWebhook);
}

function identify({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}

/** Base64 as `caBundle` and Secrets hold it, broken into lines or not. */
function decode(text: string | undefined): string {
  return Buffer.from(text ?? '', 'base64').toString();
}
