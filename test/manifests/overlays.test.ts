import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildInstallYaml } from '../../scripts/install-yaml.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { capturedIo } from '../support/captured-io.ts';
import { certificatesFor } from '../support/certificates.ts';
import { listGrants } from './grants.ts';
import { build, KUBECTL } from './kustomize.ts';
import {
  configurationsOf,
  find,
  hasSwitch,
  mountPathOf,
  objects,
  parseDocuments,
  podOf,
  policyText,
  readBlocks,
  readFlags,
  readText,
  RECOMMENDED_LABELS,
  ROOT,
  SERVICE_NAME,
  volumeOf,
  webhooksOf,
  type Manifest,
  type PodSpec,
  type Webhook,
} from './manifests.ts';

describe('certificates by cert-manager', () => {
  const documents = parseDocuments(readText('manifests/overlays/cert-manager/certificates.yaml'));
  const certificates = documents.filter(isCertificate);
  const authority = certificates.find(({ spec }) => spec.isCA === true)!;
  const leaf = certificates.find(({ spec }) => spec.isCA !== true)!;

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
});

test.each([
  ['overlays/own-certificate/certs', 'README.md'],
  ['components/local', 'kustomization.yaml'],
])('Git ignores the certificate in %s: a private key would be published', (folder, page) => {
  const lines = readText(`manifests/${folder}/.gitignore`).split('\n').slice(1);
  expect(lines).toEqual(['*', '!.gitignore', `!${page}`, '']);
});

if (!KUBECTL) test.skip('overlays were not built: there is no kubectl on PATH', () => undefined);

describe.runIf(KUBECTL)('built by kubectl kustomize', () => {
  let folder: string;
  let certificate: Awaited<ReturnType<typeof certificatesFor>>;
  let defaults: readonly Manifest[];
  /** As built: no test changes what an overlay is made of. */
  const overlays = new Map<string, readonly Manifest[]>();

  // A copy, because two overlays need files that must not lie about in the repository.
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pullguard-manifests-'));
    cpSync(join(ROOT, 'manifests'), join(folder, 'manifests'), { recursive: true });
    certificate = await certificatesFor(SERVICE_NAME);
    write('manifests/overlays/own-certificate/certs/ca.crt', certificate.ca);
    write('manifests/overlays/own-certificate/certs/tls.crt', certificate.cert);
    write('manifests/overlays/own-certificate/certs/tls.key', certificate.key);
    write('manifests/components/local/ca.crt', certificate.ca);
    write('manifests/components/local/address.env', `address=${ADDRESS}\n`);
    defaults = build(join(ROOT, 'manifests'));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('`kubectl apply -k manifests/` of a clean clone has every object of base/ and the policy as it is written', () => {
    const configMap = find(defaults, 'ConfigMap');
    expect(defaults.map(identify).sort()).toEqual([...objects, configMap].map(identify).sort());
    expect(configMap.metadata).toMatchObject({
      name: volumeOf(podOf(defaults), 'policy')?.configMap?.name,
      namespace: 'pullguard',
    });
    expect(configMap.data['policy.yaml']).toBe(policyText);
    expectAsInBase(defaults, 'Deployment', 'webhooks', 'rights');
  });

  test('install.yaml of a release has the same objects, with the image of the release', () => {
    const image = 'registry.example.com/team/pullguard:0.1.0@sha256:' + '0'.repeat(64);
    expect(parseDocuments(buildInstallYaml())).toEqual(defaults);
    const released = parseDocuments(buildInstallYaml(image));
    expect(podOf(released).containers[0]!.image).toBe(image);
    expect(JSON.parse(JSON.stringify(released).replace(image, podOf(defaults).containers[0]!.image))).toEqual(defaults);
    expect(() => buildInstallYaml('registry.example.com/Team/pullguard')).toThrow('is not an image reference');
  });

  test.each(readdirSync(join(ROOT, 'manifests/overlays')))(
    '%s: webhooks come last, when there is something to answer them',
    (overlay) => {
      const kinds = buildOverlay(overlay).map(({ kind }) => kind);
      expect(kinds.slice(-2)).toEqual(['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']);
    },
  );

  test('mounted-certificate: the pods serve what is in the Secret, as a folder so that a new one arrives', () => {
    const built = buildOverlay('mounted-certificate');
    const pod = podOf(built);
    const flags = readFlags(pod);
    expect(flags.get('tls-secret')).toBeUndefined();
    expect(flags.get('tls-cert')).toBe(`${mountPathOf(pod, 'tls') ?? ''}/tls.crt`);
    expect(flags.get('tls-key')).toBe(`${mountPathOf(pod, 'tls') ?? ''}/tls.key`);
    const mounts = pod.containers[0]!.volumeMounts.filter(
      ({ subPath, readOnly }) => subPath !== undefined || !readOnly,
    );
    expect(mounts).toEqual([]);
    expect(volumeOf(pod, 'tls')?.secret?.secretName).toBe('pullguard-tls');
    expect(webhooksOf(built)).toEqual(withPaths(webhooksOf(objects)));
  });

  test('mounted-certificate: the key is readable for their user and for nobody else', () => {
    const pod = podOf(buildOverlay('mounted-certificate'));
    expect(volumeOf(pod, 'tls')?.secret?.defaultMode).toBe(0o440);
    expect(pod.securityContext.fsGroup).toBe(pod.securityContext.runAsGroup);
  });

  test.each(['mounted-certificate', 'cert-manager', 'own-certificate'])(
    '%s: no other flag is lost, nothing else of the pods changes, and the same rights are taken away',
    (overlay) => {
      const built = buildOverlay(overlay);
      expect(withoutCertificate(podOf(built))).toEqual(withoutCertificate(podOf(objects)));
      expect(listGrants(built)).toEqual(listGrants(buildOverlay('mounted-certificate')));
    },
  );

  test('cert-manager: both configurations are given the CA of the certificate that is served', () => {
    const built = buildOverlay('cert-manager');
    const served = built.filter(isCertificate).find(({ spec }) => spec.secretName === mountedSecret(built))!;
    const { name, namespace = '' } = served.metadata;
    for (const configuration of configurationsOf(built)) {
      expect(configuration.metadata.annotations).toEqual({ 'cert-manager.io/inject-ca-from': `${namespace}/${name}` });
    }
    expect(webhooksOf(built)).toEqual(withPaths(webhooksOf(objects)));
  });

  test('cce: pullguard itself is pulled from SWR, and else nothing changes: it adds no pull secret to its own Pods', () => {
    const built = buildOverlay('cce');
    expect(find(built, 'ServiceAccount').imagePullSecrets).toEqual([{ name: 'default-secret' }]);
    expect(find(objects, 'ServiceAccount').imagePullSecrets).toBeUndefined();
    expectAsInBase(built, 'Deployment', 'webhooks', 'rights');
  });

  test('own-certificate: the CA that the API server trusts, in every webhook, is that of what the pods mount', () => {
    const built = buildOverlay('own-certificate');
    const secret = find(built, 'Secret');
    expect(secret).toMatchObject({ type: 'kubernetes.io/tls', metadata: { name: mountedSecret(built) } });
    expect(decode(secret.data['tls.crt'])).toBe(certificate.cert);
    expect(decode(secret.data['tls.key'])).toBe(certificate.key);
    for (const { clientConfig } of Object.values(webhooksOf(built))) {
      expect(decode(clientConfig.caBundle)).toBe(certificate.ca);
    }
  });

  test('fail-closed: what cannot be asked about is refused, but for namespaces: those can always be made', () => {
    const built = buildOverlay('fail-closed');
    const { mutating, validating, ofNamespaces } = webhooksOf(objects);
    expect(webhooksOf(built)).toEqual({
      mutating: failClosed(mutating),
      validating: failClosed(validating),
      ofNamespaces,
    });
  });

  test('fail-closed: pullguard renews the certificate itself: one that expires would stop the cluster', () => {
    const built = buildOverlay('fail-closed');
    expect(readFlags(podOf(built)).get('tls-secret')).toBe('pullguard-certificates');
    expectAsInBase(built, 'Deployment', 'rights');
  });

  test('fail-closed: a drain still fits the time that a pod has to stop', () => {
    const built = buildOverlay('fail-closed');
    const pod = podOf(built);
    const timeouts = Object.values(webhooksOf(built)).map(({ timeoutSeconds }) => timeoutSeconds);
    const drain = Number(readFlags(pod).get('drain-seconds'));
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(drain + Math.max(...timeouts));
  });

  test.each(['cert-manager', 'own-certificate', 'mounted-certificate'])(
    'fail-closed goes on top of %s as well',
    (overlay) => {
      const built = compose(overlay, 'fail-closed');
      const webhooks = Object.values(webhooksOf(built));
      expect(webhooks.map(({ failurePolicy }) => failurePolicy)).toEqual(['Fail', 'Fail', 'Ignore']);
    },
  );

  test.each(['all', 'none'])('secrets-%s: the flag says the same as the overlay, and else nothing changes', (mode) => {
    const built = buildOverlay(`secrets-${mode}`);
    expect(readFlags(podOf(built)).get('secrets')).toBe(mode);
    expect({ ...Object.fromEntries(readFlags(podOf(built))), secrets: '' }).toEqual({
      ...Object.fromEntries(readFlags(podOf(objects))),
      secrets: '',
    });
    expectAsInBase(built, 'webhooks');
  });

  test('nodes: they are watched, with a flag that pullguard knows, and else nothing changes', () => {
    const built = buildOverlay('nodes');
    const [{ args: before } = { args: [] }] = podOf(objects).containers;
    expect(podOf(built).containers[0]!.args).toEqual([...before, '--watch-nodes']);
    const serve = buildProgram(capturedIo(), () => undefined).commands.find((command) => command.name() === 'serve');
    const option = serve?.options.find(({ long }) => long === '--watch-nodes');
    expect(option?.isBoolean()).toBe(true);
    const more = listGrants(built).filter((grant) => !listGrants(objects).includes(grant));
    expect(more).toEqual(['cluster: list nodes *', 'cluster: watch nodes *']);
    expectAsInBase(built, 'webhooks');
  });

  test('pulls: Events are watched, with a flag that pullguard knows, and else nothing changes', () => {
    const built = buildOverlay('pulls');
    const [{ args: before } = { args: [] }] = podOf(objects).containers;
    expect(podOf(built).containers[0]!.args).toEqual([...before, '--watch-pulls']);
    const serve = buildProgram(capturedIo(), () => undefined).commands.find((command) => command.name() === 'serve');
    const option = serve?.options.find(({ long }) => long === '--watch-pulls');
    expect(option?.isBoolean()).toBe(true);
    const more = listGrants(built).filter((grant) => !listGrants(objects).includes(grant));
    expect(more).toEqual([
      'cluster: get jobs.batch *',
      'cluster: get pods *',
      'cluster: get replicasets.apps *',
      'cluster: list events *',
      'cluster: watch events *',
    ]);
    expectAsInBase(built, 'webhooks');
  });

  test('local: there is nothing but the webhooks, which are called by URL, beside those of an installed pullguard', () => {
    const built = buildOverlay('local');
    expect(built.map(identify)).toEqual([
      'MutatingWebhookConfiguration /pullguard-local',
      'ValidatingWebhookConfiguration /pullguard-local',
    ]);
    const before = Object.values(webhooksOf(objects));
    const after = Object.values(webhooksOf(built));
    expect(after.map((webhook) => ({ ...webhook, clientConfig: {} }))).toEqual(
      before.map((webhook) => ({ ...webhook, clientConfig: {} })),
    );
    for (const [at, path] of ['mutate', 'validate', 'validate'].entries()) {
      const { clientConfig } = after[at]!;
      expect(clientConfig).toEqual({ url: `https://${ADDRESS}/${path}`, caBundle: clientConfig.caBundle });
      expect(decode(clientConfig.caBundle)).toBe(certificate.ca);
    }
  });

  test('network-policy: API servers reach the webhook, and Prometheus the metrics; without their addresses nothing is built', () => {
    expect(() => compose('nodes', 'network-policy')).toThrow('control-plane.env');
    write('manifests/components/network-policy/control-plane.env', 'cidr=192.168.0.0/28\n');
    for (const overlay of ['nodes', 'mounted-certificate']) {
      const built = compose(overlay, 'network-policy', 'fail-closed');
      const policy = built.find(({ kind }) => kind === 'NetworkPolicy') as NetworkPolicy;
      expect(policy.metadata.namespace).toBe(find(built, 'Namespace').metadata.name);
      const { podSelector, policyTypes, ingress } = policy.spec;
      expect(find(built, 'Deployment').spec.template.metadata.labels).toMatchObject(podSelector.matchLabels);
      expect(policyTypes).toEqual(['Ingress']);
      const ports = podOf(built).containers[0]!.ports.map(({ name }) => name);
      expect(ingress.map((rule) => rule.ports.map(({ port }) => port)).flat()).toEqual(ports);
      expect(ingress.map(({ from }) => from)).toEqual([
        [{ ipBlock: { cidr: '192.168.0.0/28' } }],
        [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
      ]);
      expect(built.filter(({ kind }) => kind === 'ConfigMap')).toHaveLength(1);
    }
    const [sample = ''] = readBlocks('docs/install.md', 'yaml').filter((block) => block.includes('network-policy'));
    write('deploy/kustomization.yaml', composition('overlays/nodes', sample));
    const asInPage = build(join(folder, 'deploy')).find(({ kind }) => kind === 'NetworkPolicy') as NetworkPolicy;
    expect(asInPage.spec.ingress.map(({ from }) => from)).toEqual([
      [{ ipBlock: { cidr: '192.168.0.0/28' } }, { ipBlock: { cidr: '192.168.1.0/28' } }],
      [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'observability' } } }],
    ]);
  });

  test('egress: API servers, DNS and registries are reached; without the addresses of API servers nothing is built', () => {
    expect(() => compose('nodes', 'egress')).toThrow('control-plane.env');
    write('manifests/components/egress/control-plane.env', 'cidr=192.168.0.0/28\n');
    const [sample = ''] = readBlocks('docs/install.md', 'yaml').filter((block) => block.includes('components/egress'));
    // It stands in a list.
    write('deploy/kustomization.yaml', composition('overlays/nodes', sample.replaceAll(/^ {3}/gm, '')));
    const built = build(join(folder, 'deploy'));
    const { podSelector, policyTypes, egress } = (built.find(({ kind }) => kind === 'NetworkPolicy') as NetworkPolicy)
      .spec;
    expect(find(built, 'Deployment').spec.template.metadata.labels).toMatchObject(podSelector.matchLabels);
    expect(policyTypes).toEqual(['Egress']);
    expect(egress).toEqual([
      { to: [{ ipBlock: { cidr: '192.168.0.0/28' } }, { ipBlock: { cidr: '192.168.1.0/28' } }] },
      { ports: expect.arrayContaining([{ protocol: 'UDP', port: 53 }]) as unknown },
      {
        to: [
          { ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.0.0/16'] } },
          { ipBlock: { cidr: '::/0', except: ['fe80::/10'] } },
        ],
        ports: [
          { protocol: 'TCP', port: 443 },
          { protocol: 'TCP', port: 3128 },
        ],
      },
    ]);
    expect(built.filter(({ kind }) => kind === 'ConfigMap')).toHaveLength(1);
  });

  test('proxy: the variables are in a Secret with a name of their own, and without them nothing is built', () => {
    expect(() => compose('nodes', 'proxy')).toThrow('proxy.env');
    const [sample = ''] = readBlocks('docs/install.md', 'sh').filter((block) => block.includes('proxy.env'));
    const [, text = ''] = /<<'EOF'\n([^]*)EOF\n/.exec(sample) ?? [];
    write('manifests/components/proxy/proxy.env', text);
    const built = compose('nodes', 'proxy');
    const secret = find(built, 'Secret');
    expect(secret.metadata.name).toMatch(/^pullguard-proxy-\w+$/);
    expect(Object.keys(secret.data)).toEqual(['HTTPS_PROXY', 'NO_PROXY']);
    expect(podOf(built).containers[0]).toMatchObject({ envFrom: [{ secretRef: { name: secret.metadata.name } }] });
    expectAsInBase(built, 'webhooks');
  });

  test('components go together: each finds its argument, and its role, after the others', () => {
    const built = compose('cert-manager', 'nodes', 'secrets-all', 'fail-closed');
    const flags = readFlags(podOf(built));
    expect([flags.get('secrets'), flags.has('tls-secret'), flags.has('tls-key')]).toEqual(['all', false, true]);
    expect(hasSwitch(podOf(built), 'watch-nodes')).toBe(true);
    expect(webhooksOf(built).mutating.failurePolicy).toBe('Fail');
  });

  test('monitoring: alerts and a target come in addition, and else nothing changes', () => {
    const built = compose('../base', 'monitoring');
    const more = built.map(identify).filter((name) => !objects.map(identify).includes(name));
    expect(more.sort()).toEqual([
      'ConfigMap pullguard/pullguard-policy',
      'PodMonitor pullguard/pullguard',
      'PrometheusRule pullguard/pullguard',
    ]);
    expectAsInBase(built, 'Deployment', 'webhooks', 'rights');
  });

  test('the kustomization in docs/install.md builds, with its image, its policy and the secrets that it names', () => {
    const samples = readBlocks('docs/install.md', 'yaml');
    write('deploy/kustomization.yaml', samples.find((block) => block.includes('kind: Kustomization')) ?? '');
    write('deploy/policy.yaml', 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n');
    const built = build(join(folder, 'deploy'));
    expect(podOf(built).containers[0]!.image).toMatch(/^swr\..*:0\.1\.0$/);
    const configMap = find(built, 'ConfigMap');
    expect(configMap.metadata.name).toBe('pullguard-policy');
    expect(configMap.data).toEqual({ 'policy.yaml': 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n' });
  });

  test('the patch in docs/install.md lets pullguard look into one more secret, and into no other', () => {
    const [patches = ''] = readBlocks('docs/install.md', 'yaml').filter((block) => block.includes('resourceNames'));
    write('deploy/kustomization.yaml', composition('overlays/cert-manager', patches));
    const [base, more] = [buildOverlay('cert-manager'), build(join(folder, 'deploy'))];
    expect(listGrants(more).filter((grant) => !listGrants(base).includes(grant))).toEqual([
      'cluster: list secrets harbor',
      'cluster: watch secrets harbor',
    ]);
    expect(listGrants(base).filter((grant) => !listGrants(more).includes(grant))).toEqual([]);
  });

  function buildOverlay(overlay: string): readonly Manifest[] {
    const known = overlays.get(overlay) ?? build(join(folder, 'manifests/overlays', overlay));
    overlays.set(overlay, known);
    return known;
  }

  function compose(overlay: string, ...components: readonly string[]): readonly Manifest[] {
    const list = components.map((name) => `../manifests/components/${name}`).join(', ');
    write('deploy/kustomization.yaml', composition(`overlays/${overlay}`, `components: [${list}]`));
    return build(join(folder, 'deploy'));
  }

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
});

const ADDRESS = '[fd00::7]:8443';

type NetworkPolicy = Manifest &
  Readonly<{
    spec: Readonly<{
      podSelector: Readonly<{ matchLabels: Readonly<Record<string, string>> }>;
      policyTypes: readonly string[];
      ingress: readonly Readonly<{ from: readonly unknown[]; ports: readonly Readonly<{ port: string }>[] }>[];
      egress?: readonly object[];
    }>;
  }>;
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

function isCertificate(manifest: Manifest): manifest is Certificate {
  return manifest.kind === 'Certificate';
}

function expectAsInBase(built: readonly Manifest[], ...parts: readonly ('Deployment' | 'webhooks' | 'rights')[]): void {
  if (parts.includes('Deployment')) {
    expect(withoutLabels(find(built, 'Deployment'))).toEqual(find(objects, 'Deployment'));
  }
  if (parts.includes('webhooks')) expect(webhooksOf(built)).toEqual(webhooksOf(objects));
  if (parts.includes('rights')) expect(listGrants(built)).toEqual(listGrants(objects));
}

/** As it is written: the recommended labels are added as it is built. */
function withoutLabels(object: Manifest): unknown {
  const isAdded = (key: string): boolean => RECOMMENDED_LABELS.includes(key) && key !== 'app.kubernetes.io/name';
  return JSON.parse(JSON.stringify(object, (key, value: unknown) => (isAdded(key) ? undefined : value)));
}

/** Called where everybody knows, as nobody writes another path. */
function withPaths({ mutating, validating, ofNamespaces }: ReturnType<typeof webhooksOf>): unknown {
  const withPath = (webhook: Webhook, path: string): Webhook => {
    return { ...webhook, clientConfig: { service: { ...webhook.clientConfig.service, path } } };
  };
  return {
    mutating: withPath(mutating, '/mutate'),
    validating: withPath(validating, '/validate'),
    ofNamespaces: withPath(ofNamespaces, '/validate'),
  };
}

function failClosed(webhook: Webhook): Webhook {
  const [names, ...labels] = webhook.namespaceSelector.matchExpressions;
  return {
    ...webhook,
    failurePolicy: 'Fail',
    timeoutSeconds: 5,
    // Who renews the certificate must be able to start when it has expired.
    namespaceSelector: { matchExpressions: [{ ...names!, values: [...names!.values, 'cert-manager'] }, ...labels] },
  };
}

/** The pods without what says where their certificate is. */
function withoutCertificate(pod: PodSpec): unknown {
  return {
    ...pod,
    securityContext: { ...pod.securityContext, fsGroup: undefined },
    volumes: pod.volumes.filter(({ name }) => name !== 'tls'),
    containers: pod.containers.map((container) => ({
      ...container,
      args: container.args.filter((arg) => !arg.startsWith('--tls-')),
      volumeMounts: container.volumeMounts.filter(({ name }) => name !== 'tls'),
    })),
  };
}

function mountedSecret(built: readonly Manifest[]): string {
  return volumeOf(podOf(built), 'tls')?.secret?.secretName ?? 'none';
}

/** `8760h` → 8760 */
function hours(text: string): number {
  return Number(/^(\d+)h$/.exec(text)?.[1]);
}

function composition(resource: string, more: string): string {
  return `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../manifests/${resource}]\n${more}\n`;
}

function identify({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}

/** Base64 as `caBundle` and Secrets hold it, broken into lines or not. */
function decode(text: string | undefined): string {
  return Buffer.from(text ?? '', 'base64').toString();
}
