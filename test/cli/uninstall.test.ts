import { afterEach, beforeEach, expect, test } from 'vitest';
import { uninstall } from '../../src/cli/uninstall.ts';
import { UsageError } from '../../src/cli/io.ts';
import { capturedIo, type CapturedIo } from '../support/captured-io.ts';
import { startStandIn, type StandInApiServer } from '../support/stand-in-api-server.ts';
import { writeKubeconfig } from '../support/stand-in-connection.ts';
import { tempFolder } from '../support/temp-folder.ts';

const MUTATING = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const VALIDATING = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
const APPLIED = { 'app.kubernetes.io/name': 'pullguard' };
const OURS = { ...APPLIED, 'app.kubernetes.io/managed-by': 'pullguard-install' };

let cluster: StandInApiServer;

beforeEach(async () => {
  cluster = await startStandIn();
});

afterEach(async () => {
  await cluster.stop();
});

test('removes both, says so, and says no more when that was all', async () => {
  seed('pullguard-dev', OURS);
  const { code, io } = await run();
  expect({ code, ...io.printed }).toEqual({
    code: 0,
    stderr: '',
    stdout:
      'removed MutatingWebhookConfiguration/pullguard-dev\nremoved ValidatingWebhookConfiguration/pullguard-dev\n',
  });
  expect([...cluster.list(MUTATING), ...cluster.list(VALIDATING)]).toEqual([]);
});

test('that finds nothing has nothing to do, which is fine', async () => {
  const { code, io } = await run();
  expect(code).toBe(0);
  expect(io.printed.stdout).toMatch(/^(?:\w+\/pullguard-dev is not there\n){2}$/);
});

test('leaves what came with manifests or has another name, and says how each is removed', async () => {
  seed('pullguard', APPLIED);
  seed('jane', OURS);
  const { code, io, kubeconfig } = await run('pullguard');
  expect(code).toBe(0);
  expect(io.printed.stdout.split('\n')).toEqual([
    'MutatingWebhookConfiguration/pullguard was not made by pullguard install, and stays',
    'ValidatingWebhookConfiguration/pullguard was not made by pullguard install, and stays',
    `MutatingWebhookConfiguration/pullguard and ValidatingWebhookConfiguration/pullguard came with manifests; to remove that: kubectl --kubeconfig ${kubeconfig} delete -k with the folder that was applied`,
    `There is another one: pullguard uninstall --name jane --kubeconfig ${kubeconfig}`,
    '',
  ]);
  expect(cluster.list(MUTATING)).toHaveLength(2);
});

test('that fails for one still removes the other, and ends with 2', async () => {
  seed('pullguard-dev', OURS);
  cluster.failNext({ status: 403, method: 'DELETE', path: `${MUTATING}/pullguard-dev` });
  const { code, io } = await run();
  expect(code).toBe(2);
  expect(io.printed.stdout).toBe('removed ValidatingWebhookConfiguration/pullguard-dev\n');
  expect(io.printed.stderr).toMatch(
    /^error: MutatingWebhookConfiguration\/pullguard-dev could not be removed: .*403.*; this takes get and delete of/,
  );
  expect(cluster.list(MUTATING)).toHaveLength(1);
});

test('that may not list is done all the same', async () => {
  seed('pullguard-dev', OURS);
  cluster.failNext({ status: 403, method: 'GET', path: MUTATING });
  const { code, io } = await run();
  expect({ code, stderr: io.printed.stderr }).toEqual({ code: 0, stderr: '' });
});

test('says why when there is no cluster', async () => {
  await cluster.stop();
  const { code, io } = await run();
  expect(code).toBe(2);
  expect(io.printed.stderr).toMatch(/cannot reach .*: nothing listens there; check that the cluster runs/);
  await cluster.restart();
});

test('takes no name that leads elsewhere', async () => {
  await expect(run('../../pods')).rejects.toThrow(UsageError);
  expect(cluster.requests).toEqual([]);
});

async function run(name = 'pullguard-dev'): Promise<{ code: number; io: CapturedIo; kubeconfig: string }> {
  const io = capturedIo();
  const kubeconfig = writeKubeconfig(cluster, tempFolder().at('config'));
  return { code: await uninstall({ name, kubeconfig }, io), io, kubeconfig };
}

function seed(name: string, labels: Readonly<Record<string, string>>): void {
  for (const path of [MUTATING, VALIDATING]) cluster.seed(path, [{ metadata: { name, labels } }]);
}
