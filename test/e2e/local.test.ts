import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { POLICY, useCluster } from './fixture.ts';
import { make } from './objects.ts';
import { waitFor } from './processes.ts';
import { makeCertificate, startPullguard } from './pullguard-process.ts';
import { MANIFESTS } from './webhooks.ts';

const { controlPlane, kubectl, call } = useCluster('local');

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
