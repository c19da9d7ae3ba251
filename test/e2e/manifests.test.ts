import { describe, expect, test } from 'vitest';
import { useCluster } from './fixture.ts';
import { isWebhookConfiguration, renderManifests, type Manifest } from './webhooks.ts';

const { kubectl, apply, get } = useCluster('manifests');

test('the manifests are taken by the API server without a warning, and the webhook configurations as they are', async () => {
  const manifests = await renderManifests(kubectl, '.');
  // Not these two for real: there is no Service behind them here.
  for (const configuration of manifests.filter(isWebhookConfiguration)) {
    expect((await apply(configuration, '--dry-run=server')).stderr).toBe('');
  }
  await install('.');
  expect((await get('-n pullguard deployment pullguard')).spec.replicas).toBe(2);
});

// Not cert-manager, whose kinds are unknown here, and not own-certificate, whose files are for the operator to make.
test.each(['mounted-certificate', 'secrets-all', 'secrets-none', 'fail-closed'])(
  'so are those of the overlay %s',
  async (overlay) => {
    for (const manifest of await renderManifests(kubectl, `overlays/${overlay}`)) {
      const applied = await applyAnywhere(manifest, '--dry-run=server');
      expect(applied, applied.stderr).toMatchObject({ code: 0, stderr: '' });
    }
  },
);

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
