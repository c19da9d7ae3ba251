import { expect, test } from 'vitest';
import { useCluster } from './fixture.ts';
import { isWebhookConfiguration, renderManifests, type Manifest } from './webhooks.ts';

const { kubectl, apply, get } = useCluster('manifests');

test('the manifests are taken by the API server without a warning, and the webhook configurations as they are', async () => {
  const manifests = await renderManifests(kubectl, '.');
  // Not these two for real: there is no Service behind them here.
  for (const configuration of manifests.filter(isWebhookConfiguration)) {
    expect((await apply(configuration, '--dry-run=server')).stderr).toBe('');
  }
  for (const manifest of manifests.filter((each) => !isWebhookConfiguration(each))) {
    const applied = await applyAnywhere(manifest);
    expect(applied, applied.stderr).toMatchObject({ code: 0, stderr: '' });
  }
  expect((await get('-n pullguard deployment pullguard')).spec.replicas).toBe(2);
});

/** Without the namespace that the other tests run kubectl in. */
async function applyAnywhere(manifest: Manifest & { metadata: { namespace?: string } }) {
  return kubectl(['apply', '--namespace', manifest.metadata.namespace ?? 'default', '-f', '-'], { stdin: manifest });
}
