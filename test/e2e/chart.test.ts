import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NAMES_BESIDE_WEBHOOK } from '../../src/export/beside-webhook.ts';
import { useCluster } from './fixture.ts';
import { isReady, redirect, startDeployed } from './install.ts';
import { make } from './objects.ts';
import { minimalEnv, waitFor } from './processes.ts';
import type { Pullguard } from './pullguard-process.ts';

const HELM = spawnSync('helm', ['version'], { stdio: 'ignore' }).status === 0;
if (!HELM) test.skip('the chart was not installed: there is no helm on PATH', () => undefined);

// Another release and another namespace than the manifests, which other files install.
const [RELEASE, NAMESPACE, NAME] = ['guard', 'guards', 'guard-pullguard'];
const INSTALLED = { namespace: NAMESPACE, name: NAME };
const CHART = join(import.meta.dirname, '../../charts/pullguard');
const CONFIGURATIONS = ['mutatingwebhookconfiguration', 'validatingwebhookconfiguration'];
const CERTIFICATES = `${NAME}-certificates`;

describe.runIf(HELM)('the chart', () => {
  const { controlPlane, kubectl, call } = useCluster('chart');
  let pullguard: Pullguard | undefined;

  const inNamespace = async (args: string) => kubectl(`--namespace=${NAMESPACE} ${args}`);

  async function helm(args: string): Promise<Readonly<{ code: number; output: string }>> {
    const env = { ...minimalEnv(controlPlane.folder), PATH: process.env['PATH'], KUBECONFIG: controlPlane.kubeconfig };
    const child = spawn('helm', ['--namespace', NAMESPACE, ...args.split(' ')], { env, timeout: 60_000 });
    const closed = new Promise<number>((resolve) =>
      child.once('close', (code) => {
        resolve(code ?? -1);
      }),
    );
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
    return { code, output: stdout + stderr };
  }

  const isDenied = async (): Promise<boolean> => {
    const { status, body } = await call('POST', 'deployments?dryRun=All', make('Deployment', 'bad', 'NGINX:1.25'));
    return status === 403 && JSON.stringify(body).includes('validate.pullguard.dev');
  };

  const may = async (what: string): Promise<string> =>
    (await kubectl(`auth can-i ${what} --as=system:serviceaccount:${NAMESPACE}:${NAME}`)).stdout.trim();

  async function readBundles(): Promise<readonly string[]> {
    const bundles = await Promise.all(
      CONFIGURATIONS.map(async (kind) =>
        kubectl(`get ${kind} ${NAME} -o jsonpath={.webhooks[*].clientConfig.caBundle}`),
      ),
    );
    return bundles.map(({ stdout }) => stdout);
  }

  beforeAll(async () => {
    const installed = await helm(`install ${RELEASE} ${CHART} --create-namespace --set replicaCount=0`);
    expect(installed.output).not.toMatch(/warning/i);
    expect(installed).toMatchObject({ code: 0 });
    pullguard = await startDeployed({ controlPlane, kubectl }, INSTALLED);
    const running = pullguard;
    expect(await waitFor(async () => isReady(running)), 'pullguard is ready').toBe(true);
    expect(await waitFor(isDenied), 'it is asked').toBe(true);
  }, 120_000);

  afterAll(async () => {
    await helm(`uninstall ${RELEASE} --ignore-not-found`);
    await pullguard?.stop();
  });

  test('helm test: the Pod sees the denial of docs/install.md, with the rights that it is given', async () => {
    // There is no node to run the Pod, so it is run here as it stands in the cluster.
    const tested = await helm(`test ${RELEASE} --timeout 5s`);
    expect(tested.output).toContain(`${NAME}-test`);
    const { stdout } = await inNamespace(`get pod ${NAME}-test -o json`);
    const [container] = (
      JSON.parse(stdout) as { spec: { containers: { args: string[]; env: { name: string; value: string }[] }[] } }
    ).spec.containers;
    const folder = join(controlPlane.folder, 'chart-test');
    mkdirSync(folder);
    writeFileSync(join(folder, 'token'), (await inNamespace(`create token ${NAME}-test`)).stdout);
    writeFileSync(join(folder, 'ca.crt'), controlPlane.ca);
    const { hostname, port } = new URL(controlPlane.url);
    const env = {
      ...Object.fromEntries(container!.env.map(({ name, value }) => [name, value])),
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      SERVICE_ACCOUNT: folder,
    };
    const child = spawn(process.execPath, ['-e', ...container!.args], { env, timeout: 20_000 });
    const [said, trouble] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(trouble).toBe('');
    expect(said).toContain('two tags ("1.25", "latest"), only one is allowed; did you mean "nginx:1.25"?');
    expect(
      await kubectl(`auth can-i --list --namespace=chart --as=system:serviceaccount:${NAMESPACE}:${NAME}-test`),
    ).not.toMatchObject({
      stdout: expect.stringContaining('deployments') as string,
    });
  }, 60_000);

  test('an upgrade changes policy and rights and keeps the certificate, and a rollback undoes it', async () => {
    const before = await readBundles();
    expect(before.every((bundle) => bundle.length > 100)).toBe(true);
    expect(await may('list nodes')).toBe('no');
    const values = '--reuse-values --set watchNodes=true --set policy.rules.tag-explicit=deny';
    expect(await helm(`upgrade ${RELEASE} ${CHART} ${values}`)).toMatchObject({ code: 0 });
    await redirect(kubectl, INSTALLED, pullguard!.port);
    expect(await readBundles()).toEqual(before);
    await expect.poll(async () => may('list nodes'), { timeout: 10_000 }).toBe('yes');
    expect((await inNamespace(`get configmap ${NAME}-policy -o yaml`)).stdout).toContain('tag-explicit: deny');
    expect(await waitFor(isDenied), 'it is asked still').toBe(true);

    expect(await helm(`rollback ${RELEASE} 1`)).toMatchObject({ code: 0 });
    await redirect(kubectl, INSTALLED, pullguard!.port);
    expect(await readBundles()).toEqual(before);
    await expect.poll(async () => may('list nodes'), { timeout: 10_000 }).toBe('no');
    expect((await inNamespace(`get configmap ${NAME}-policy -o yaml`)).stdout).toContain('tag-explicit: "off"');
    expect(await waitFor(isDenied), 'it is asked again').toBe(true);
  }, 90_000);

  test.runIf(controlPlane.minor >= 36 && controlPlane.hasControllers)(
    'native policies are installed in both ways, and none is left when the value is taken back',
    async () => {
      const kinds = Object.keys(NAMES_BESIDE_WEBHOOK).join();
      const listOf = async (manager: string): Promise<number> => {
        const { stdout } = await kubectl(`get ${kinds} -l app.kubernetes.io/managed-by=${manager} -o name`);
        return stdout.split('\n').filter((line) => line !== '').length;
      };
      const setMode = async (mode: string): Promise<void> => {
        expect(await helm(`upgrade ${RELEASE} ${CHART} --reuse-values --set native.mode=${mode}`)).toMatchObject({
          code: 0,
        });
      };
      await setMode('static');
      expect(await listOf('Helm')).toBe(4);
      await setMode('controller');
      expect(await listOf('Helm')).toBe(0);
      await pullguard?.stop();
      pullguard = await startDeployed({ controlPlane, kubectl }, INSTALLED);
      expect(await waitFor(async () => (await listOf('pullguard')) === 4, 30), 'they are applied').toBe(true);
      await setMode('');
      expect(await waitFor(async () => (await listOf('pullguard')) === 0, 60), 'they are gone').toBe(true);
      await redirect(kubectl, INSTALLED, pullguard.port);
      expect(await waitFor(isDenied, 30), 'the webhook is called').toBe(true);
    },
    180_000,
  );

  test('another way to a certificate takes the rights of its own away, and the API server takes all of it', async () => {
    const mounted =
      '--reuse-values --set certificate.source=secret --set secrets.mode=none --set webhooks.failClosed=true';
    expect(await helm(`upgrade ${RELEASE} ${CHART} ${mounted} --dry-run=server`)).toMatchObject({ code: 0 });
    const network =
      '--set networkPolicy.enabled=true --set networkPolicy.webhookFrom[0].ipBlock.cidr=10.0.0.0/8 --set autoscaling.enabled=true';
    expect(await helm(`upgrade ${RELEASE} ${CHART} --reuse-values ${network}`)).toMatchObject({ code: 0 });
    expect(await helm(`upgrade ${RELEASE} ${CHART} ${mounted}`)).toMatchObject({ code: 0 });
    await expect.poll(async () => may(`patch mutatingwebhookconfigurations/${NAME}`), { timeout: 10_000 }).toBe('no');
    expect(await may('list secrets/default-secret --all-namespaces')).toBe('no');
  }, 90_000);

  test('uninstalled it leaves nothing that the API server would ask, and the Secret with the certificate alone', async () => {
    expect(await helm(`uninstall ${RELEASE}`)).toMatchObject({ code: 0 });
    expect(await waitFor(async () => !(await isDenied())), 'it is not asked any more').toBe(true);
    const labelled = `-l app.kubernetes.io/instance=${RELEASE} -o name`;
    const kinds = [
      ...CONFIGURATIONS,
      'clusterrole',
      'clusterrolebinding',
      'role',
      'rolebinding',
      'deployment',
      'service',
    ];
    expect((await inNamespace(`get ${kinds.join()} ${labelled}`)).stdout).toBe('');
    expect((await inNamespace(`get secrets -o name`)).stdout).toContain(CERTIFICATES);
  }, 60_000);
});
