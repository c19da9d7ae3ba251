import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { POLICY, useCluster } from './fixture.ts';
import { bindKubectl } from './kubectl.ts';
import { make } from './objects.ts';
import { waitFor } from './processes.ts';
import { makeCertificate, startPullguard } from './pullguard-process.ts';
import { isReady, startDeployed } from './install.ts';
import { isWebhookConfiguration, MANIFESTS, renderManifests, type Manifest } from './webhooks.ts';

const { controlPlane, kubectl, call, apply, get } = useCluster('manifests');

test('the manifests are taken by the API server without a warning, and the webhook configurations as they are', async () => {
  const manifests = await renderManifests(kubectl, '.');
  // Not these two for real: there is no Service behind them here.
  for (const configuration of manifests.filter(isWebhookConfiguration)) {
    expect((await apply(configuration, '--dry-run=server')).stderr).toBe('');
  }
  await install('.');
  expect((await get('-n pullguard deployment pullguard')).spec.replicas).toBe(2);
});

// Not cert-manager, whose kinds are unknown here, and not own-certificate and local, whose files are for a person to make.
test.each(['cce', 'mounted-certificate', 'secrets-all', 'secrets-none', 'nodes', 'pulls', 'fail-closed'])(
  'so are those of the overlay %s',
  async (overlay) => {
    for (const manifest of await renderManifests(kubectl, `overlays/${overlay}`)) {
      const applied = await applyAnywhere(manifest, '--dry-run=server');
      expect(applied, applied.stderr).toMatchObject({ code: 0, stderr: '' });
    }
  },
);

test('a pullguard outside is asked once the overlay local is applied, and nothing of it is left when it is deleted', async () => {
  const folder = join(controlPlane.folder, 'local');
  mkdirSync(folder);
  const manifests = join(folder, 'manifests');
  const component = join(manifests, 'components', 'local');
  const certificate = await makeCertificate(folder);
  const { port, stop } = await startPullguard(controlPlane.folder, { policy: POLICY, certificate });
  cpSync(MANIFESTS, manifests, { recursive: true });
  copyFileSync(join(certificate, 'ca.crt'), join(component, 'ca.crt'));
  writeFileSync(join(component, 'address.env'), `address=127.0.0.1:${port}\n`);
  const isDenied = async (): Promise<boolean> =>
    (await call('POST', 'deployments?dryRun=All', make('Deployment', 'bad', 'NGINX:1.25'))).status === 403;

  const overlay = join(manifests, 'overlays', 'local');
  expect(await kubectl(['apply', '-k', overlay])).toMatchObject({ code: 0, stderr: '' });
  expect(await waitFor(isDenied), 'it is asked').toBe(true);

  expect(await kubectl(['delete', '-k', overlay])).toMatchObject({ code: 0 });
  expect(await waitFor(async () => !(await isDenied())), 'it is not asked any more').toBe(true);
  expect(await stop()).toBe(0);
});

test('a kustomization with another namespace and prefix is one that works: what is installed denies', async () => {
  const folder = join(controlPlane.folder, 'renamed');
  cpSync(MANIFESTS, join(folder, 'manifests'), { recursive: true });
  mkdirSync(join(folder, 'deploy'));
  const kustomization = {
    namespace: 'renamed',
    namePrefix: 'team-',
    resources: ['../manifests'],
    // There are no nodes here: Pods would be made and wait.
    replicas: [{ name: 'pullguard', count: 0 }],
  };
  writeFileSync(join(folder, 'deploy/kustomization.yaml'), stringify(kustomization));
  const installed = { namespace: 'renamed', name: 'team-pullguard' };
  // In the namespace of the kustomization, and not in the one that the other tests run kubectl in.
  const inNamespace = bindKubectl(controlPlane, installed.namespace);
  expect(await inNamespace(['apply', '-k', join(folder, 'deploy')])).toMatchObject({ code: 0, stderr: '' });
  const pullguard = await startDeployed({ controlPlane, kubectl: inNamespace }, installed);
  expect(await waitFor(async () => isReady(pullguard)), 'pullguard is ready').toBe(true);
  const deny = async () => call('POST', 'deployments?dryRun=All', make('Deployment', 'bad', 'NGINX:1.25'));
  expect(await waitFor(async () => (await deny()).status === 403), 'it is asked').toBe(true);
  expect(pullguard.readLog().filter(({ level }) => level !== 'info')).toEqual([]);

  const wrong = await startDeployed({ controlPlane, kubectl: inNamespace }, installed, '--service=pullguard');
  await expect
    .poll(() => JSON.stringify(wrong.readLog().filter(({ level }) => level === 'warn')), { timeout: 10_000 })
    .toContain('calls Service \\"team-pullguard\\" in namespace \\"renamed\\", not Service \\"pullguard\\"');
  expect(await wrong.stop()).toBe(0);
  expect(await inNamespace(['delete', '-k', join(folder, 'deploy')])).toMatchObject({ code: 0 });
  expect(await pullguard.stop()).toBe(0);
});

describe('the service account', () => {
  test.each([
    'secrets --all-namespaces --field-selector=metadata.name=default-secret',
    'secrets --namespace=pullguard --field-selector=metadata.name=pullguard-certificates',
    'serviceaccounts --all-namespaces',
    'namespaces',
    'namespace pullguard',
    'mutatingwebhookconfigurations --field-selector=metadata.name=pullguard',
    'validatingwebhookconfigurations --field-selector=metadata.name=pullguard',
  ])('may get %s', async (what) => {
    expect(await getAsPullguard(what)).toMatchObject({ code: 0 });
  });

  test.each([
    'secrets --all-namespaces',
    'secrets --all-namespaces --field-selector=metadata.name=another-secret',
    'secrets --all-namespaces --field-selector=type=kubernetes.io/dockerconfigjson',
    'secrets --namespace=pullguard',
    'secret default-secret',
    'namespace kube-system',
    'validatingwebhookconfigurations',
    'configmaps --all-namespaces',
    'pods --all-namespaces',
    'deployments --all-namespaces',
  ])('may not get %s', async (what) => {
    const { code, stderr } = await getAsPullguard(what);
    expect(code).toBe(1);
    expect(stderr).toContain('(Forbidden)');
  });

  test('loses what an overlay has no use for, also when that is applied over the default', async () => {
    // Authorisation hears of a changed role a moment later.
    const expectRights = async (...rights: readonly boolean[]): Promise<void> => {
      await expect.poll(async () => Promise.all(RIGHTS.map(may)), { timeout: 10_000 }).toEqual(rights);
    };
    await expectRights(true, true, true);
    await install('overlays/mounted-certificate');
    await expectRights(false, false, true);
    await install('overlays/secrets-none');
    await expectRights(true, true, false);
    await install('.');
  });
});

const RIGHTS = [
  'create secrets --namespace=pullguard',
  'patch mutatingwebhookconfigurations/pullguard',
  'list secrets/default-secret --all-namespaces',
];

/** Everything but the webhook configurations. */
async function install(overlay: string): Promise<void> {
  for (const manifest of await renderManifests(kubectl, overlay)) {
    if (isWebhookConfiguration(manifest)) continue;
    const applied = await applyAnywhere(manifest);
    expect(applied, applied.stderr).toMatchObject({ code: 0, stderr: '' });
  }
}

/** Without the namespace that the other tests run kubectl in. */
async function applyAnywhere(manifest: Manifest & { metadata: { namespace?: string } }, ...flags: readonly string[]) {
  const namespace = manifest.metadata.namespace ?? 'default';
  return kubectl(['apply', '--namespace', namespace, '-f', '-', ...flags], { stdin: manifest });
}

const AS_PULLGUARD = '--as=system:serviceaccount:pullguard:pullguard';

async function getAsPullguard(what: string) {
  return kubectl(`get ${what} ${AS_PULLGUARD}`);
}

async function may(what: string): Promise<boolean> {
  return (await kubectl(`auth can-i ${what} ${AS_PULLGUARD}`)).stdout.trim() === 'yes';
}
