import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { POLICY, useCluster } from './fixture.ts';
import { make } from './objects.ts';
import { minimalEnv, waitFor } from './processes.ts';
import { startPullguard } from './pullguard-process.ts';

const cluster = useCluster('install');
const { controlPlane, kubectl, call } = cluster;

/** Not by `spawnSync`: the API server may be asked about this very call. */
async function pullguard(...args: readonly string[]): Promise<Readonly<{ code: number | null; stdout: string }>> {
  const main = join(import.meta.dirname, '..', '..', 'dist', 'main.js');
  const child = spawn(process.execPath, [main, ...args, `--kubeconfig=${controlPlane.kubeconfig}`], {
    env: minimalEnv(controlPlane.folder),
  });
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { stdout: await text(child.stdout), code: await exited };
}

const KINDS = 'mutatingwebhookconfiguration,validatingwebhookconfiguration';

test('a pullguard outside is asked once it is installed, and nothing of it is left when it is uninstalled', async () => {
  const { port, ca, stop } = await startPullguard(controlPlane.folder, { policy: POLICY });
  const file = join(controlPlane.folder, 'install-ca.crt');
  writeFileSync(file, ca);
  const isDenied = async (): Promise<boolean> =>
    (await call('POST', 'deployments?dryRun=All', make('Deployment', 'bad', 'NGINX:1.25'))).status === 403;

  const installed = await pullguard('install', `--url=https://127.0.0.1:${port}`, `--ca=${file}`);
  expect(installed.code, installed.stdout).toBe(0);
  expect(await waitFor(isDenied)).toBe(true);
  expect((await pullguard('install', `--url=https://127.0.0.1:${port}`, `--ca=${file}`)).stdout).toContain('unchanged');

  const uninstalled = await pullguard('uninstall');
  expect(uninstalled.code, uninstalled.stdout).toBe(0);
  expect(await waitFor(async () => !(await isDenied()))).toBe(true);
  expect((await kubectl(`get ${KINDS} pullguard-dev`)).stderr).toContain('NotFound');
  expect(await stop()).toBe(0);
});
