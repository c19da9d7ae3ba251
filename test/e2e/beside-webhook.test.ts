import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { NAMES_BESIDE_WEBHOOK } from '../../src/export/beside-webhook.ts';
import { readPath, readString } from '../../src/text/json.ts';
import type { ApiResponse } from './api.ts';
import { MIRROR, POLICY, useCluster } from './fixture.ts';
import { installManifests, installWebhooks, isReady, startReplica } from './install.ts';
import { make, makePullSecret, type PodSpec } from './objects.ts';
import { waitFor } from './processes.ts';
import { isErrorLine, type Pullguard } from './pullguard-process.ts';
import { MANIFESTS, renderManifests } from './webhooks.ts';

const cluster = useCluster('beside');
const { controlPlane, kubectl, call, apply } = cluster;

const BAD = 'NGINX:1.25';
const ON_SWR = 'swr.eu-de.otc.t-systems.com/team/app:1';
const DEFAULT_POLICY = { apiVersion: 'pullguard.dev/v1alpha1', kind: 'Policy' };
const KINDS = Object.keys(NAMES_BESIDE_WEBHOOK).join(',');
const ACCOUNT = 'system:serviceaccount:pullguard:pullguard';

const create = async (kind: 'Pod' | 'Deployment' | 'CronJob', image: PodSpec | string): Promise<ApiResponse> => {
  const resource = { Pod: 'pods', Deployment: 'deployments', CronJob: 'cronjobs' }[kind];
  return call('POST', `${resource}?dryRun=All`, make(kind, 'web', image));
};

const messageOf = ({ body }: ApiResponse): string => readString(body, 'message');
const secretsOf = ({ body }: ApiResponse): unknown => readPath(body, 'spec', 'imagePullSecrets');
const imageOf = ({ body }: ApiResponse): string => readString(body, 'spec', 'containers', '0', 'image');

const isDeniedByPolicy = (response: ApiResponse): boolean =>
  response.status !== 201 && messageOf(response).includes(`ValidatingAdmissionPolicy 'pullguard-`);

const isFixed = async (): Promise<boolean> => secretsOf(await create('Pod', ON_SWR)) !== undefined;

async function listNative(selector = 'app.kubernetes.io/name=pullguard'): Promise<readonly string[]> {
  const { stdout } = await kubectl(`get ${KINDS} -l ${selector} -o name`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((name) => name.replace('.admissionregistration.k8s.io', ''))
    .sort();
}

const DEFAULTS = [
  'mutatingadmissionpolicy/pullguard-fixes',
  'mutatingadmissionpolicybinding/pullguard-fixes',
  'validatingadmissionpolicy/pullguard-deny',
  'validatingadmissionpolicybinding/pullguard-deny',
];

const IS_SERVED = controlPlane.minor >= 36;
if (!IS_SERVED) test.skip('fixes by the API server need Kubernetes 1.36', () => undefined);

// Without it the webhook warns that it is missing.
beforeAll(async () => {
  await apply(makePullSecret('default-secret', 'swr.eu-de.otc.t-systems.com'));
});

let running: Pullguard[] = [];

async function start(policy: object, ...flags: string[]): Promise<Pullguard> {
  const pullguard = await startReplica(cluster, { policy, flags });
  running.push(pullguard);
  return pullguard;
}

async function callWebhook(pullguard: Pullguard): Promise<void> {
  await installWebhooks(cluster, pullguard.port);
  expect(await waitFor(async () => isReady(pullguard)), 'pullguard is ready').toBe(true);
  const warns = async (): Promise<boolean> => (await create('CronJob', ON_SWR)).warnings.length > 0;
  expect(await waitFor(warns), 'the webhook is called').toBe(true);
}

async function stopAll(): Promise<void> {
  await kubectl('delete --ignore-not-found mutatingwebhookconfiguration,validatingwebhookconfiguration pullguard');
  await Promise.all(running.map(async ({ stop }) => stop()));
  running = [];
  await kubectl('-n pullguard delete --ignore-not-found secret/pullguard-certificates lease/pullguard');
}

describe.runIf(IS_SERVED)('the overlay native', () => {
  beforeAll(async () => {
    await installManifests(cluster, 'overlays/native');
    const isInForce = async () => isDeniedByPolicy(await create('Pod', BAD)) && (await isFixed());
    expect(await waitFor(isInForce), 'the policies are in force').toBe(true);
  });

  afterAll(async () => {
    await stopAll();
    // As docs/native.md has it.
    await kubectl(`delete ${KINDS} -l app.kubernetes.io/name=pullguard`);
    expect(await listNative()).toEqual([]);
  });

  test('with no Pod of pullguard a bad reference is denied, and the pull secret is added', async () => {
    for (const kind of ['Pod', 'Deployment', 'CronJob'] as const) {
      const denied = await create(kind, BAD);
      expect(denied.status).toBe(403);
      expect(messageOf(denied)).toContain('InvalidImageName: repository name must be lowercase');
    }
    const fixed = await create('Pod', ON_SWR);
    expect([fixed.status, secretsOf(fixed), fixed.warnings]).toEqual([201, [{ name: 'default-secret' }], []]);
  });

  test('with the webhook as well, one of them denies and one of them adds, and nothing is said twice', async () => {
    await callWebhook(await start(POLICY));
    for (const kind of ['Pod', 'Deployment'] as const) {
      const denied = await create(kind, BAD);
      expect(isDeniedByPolicy(denied)).toBe(true);
      expect(messageOf(denied).match(/InvalidImageName/g)).toHaveLength(1);
      expect(messageOf(denied)).not.toContain('pullguard.dev');
      expect(denied.warnings).toEqual([]);
    }
    const fixed = await create('Pod', ON_SWR);
    expect([secretsOf(fixed), fixed.warnings]).toEqual([[{ name: 'default-secret' }], []]);
    const moved = await create('Pod', 'nginx:1.25');
    expect(imageOf(moved)).toBe(`${MIRROR}/library/nginx:1.25`);
    expect(secretsOf(moved)).toEqual([{ name: 'default-secret' }]);
    expect(moved.warnings).toHaveLength(new Set(moved.warnings).size);
    await kubectl('label namespace beside pullguard.dev/mode=warn');
    const isWarned = async (): Promise<boolean> => (await create('Deployment', BAD)).status === 201;
    expect(await waitFor(isWarned), 'the label is known').toBe(true);
    const { warnings } = await create('Deployment', BAD);
    expect(warnings.filter((text) => text.includes('InvalidImageName'))).toHaveLength(1);
    await kubectl('label namespace beside pullguard.dev/mode-');
  });

  test('a kustomization with another namespace can be applied, though kustomize gives it to policies as well', async () => {
    for (const manifest of await renderManifests(kubectl, 'overlays/native')) {
      if (!manifest.kind.includes('AdmissionPolicy')) continue;
      await apply({ ...manifest, metadata: { ...manifest.metadata, namespace: 'beside' } }, '--dry-run=server');
    }
  });

  test('in its own namespace nothing is done, as the webhook does nothing there either', async () => {
    const path = '/apis/apps/v1/namespaces/pullguard/deployments?dryRun=All';
    expect(await call('POST', path, make('Deployment', 'web', BAD))).toMatchObject({ status: 201 });
  });
});

describe.runIf(IS_SERVED)('the component native-controller', () => {
  let flags: readonly string[] = [];

  /** As an operator has it: the role, and the flags of the Deployment. */
  async function install(): Promise<void> {
    const folder = join(controlPlane.folder, 'with-native-controller');
    mkdirSync(folder, { recursive: true });
    try {
      symlinkSync(MANIFESTS, join(folder, 'manifests'));
    } catch {
      // It is there already.
    }
    const components = ['./manifests/components/native-controller'];
    writeFileSync(join(folder, 'kustomization.yaml'), stringify({ resources: ['./manifests/base'], components }));
    const { stdout, stderr } = await kubectl(['kustomize', '--load-restrictor=LoadRestrictionsNone', folder]);
    expect(stderr).toBe('');
    const built = parseAllDocuments(stdout).map((document) => document.toJS() as object);
    for (const each of built) if (readString(each, 'metadata', 'name') === 'pullguard-native') await apply(each);
    const deployment = built.find((each) => readString(each, 'kind') === 'Deployment');
    const args = readPath(deployment, 'spec', 'template', 'spec', 'containers', '0', 'args') as readonly string[];
    flags = args.slice(args.indexOf('--native-policies'));
  }

  beforeAll(async () => installManifests(cluster));
  beforeEach(install);
  afterEach(async () => {
    await stopAll();
    await kubectl('delete --ignore-not-found clusterrole,clusterrolebinding pullguard-native');
    await kubectl(`delete ${KINDS} -l app.kubernetes.io/name=pullguard`);
  });

  test('keeps the policies in step with the policy, and deletes what it no longer needs', async () => {
    const pullguard = await start(DEFAULT_POLICY, ...flags);
    expect(await waitFor(async () => isDeniedByPolicy(await create('Pod', BAD))), 'the default is in force').toBe(true);
    expect(await listNative()).toEqual(DEFAULTS);
    expect(pullguard.readLog().filter(({ msg }) => msg === 'what native policies leave to the webhook')).toHaveLength(
      1,
    );

    const mirrored = {
      ...POLICY,
      rules: { 'tag-explicit': 'deny', 'registry-explicit': 'deny', 'mirror-used': { action: 'deny', fix: true } },
    };
    rewrite(pullguard, mirrored);
    const changedAt = performance.now();
    const isMoved = async () =>
      imageOf(await create('Pod', 'docker.io/library/nginx:1.25')) === `${MIRROR}/library/nginx:1.25`;
    expect(await waitFor(isMoved), 'the new policy is in force').toBe(true);
    expect(performance.now() - changedAt).toBeLessThan(10_000);
    expect(await waitFor(async () => isDeniedByPolicy(await create('Deployment', 'quay.io/team/app'))), 'tag').toBe(
      true,
    );
    expect(
      await waitFor(async () => (await listNative()).includes('validatingadmissionpolicy/pullguard-mirror-used')),
    ).toBe(true);

    rewrite(pullguard, {
      ...DEFAULT_POLICY,
      rules: { 'reference-valid': 'warn', 'pull-secret-present': { action: 'warn', fix: false } },
    });
    expect(await waitFor(async () => (await listNative()).length === 0), 'nothing is left to deny or fix').toBe(true);
    expect(await waitFor(async () => (await create('Pod', BAD)).status === 201), 'nothing is denied').toBe(true);
    expect(pullguard.readLog().filter(isErrorLine)).toEqual([]);
  });

  test('with the webhook, everything is done once', async () => {
    const pullguard = await start(POLICY, ...flags);
    expect(await waitFor(isFixed), 'the policies are in force').toBe(true);
    await callWebhook(pullguard);
    const moved = await create('Pod', 'nginx:1.25');
    expect(imageOf(moved)).toBe(`${MIRROR}/library/nginx:1.25`);
    expect([secretsOf(moved), moved.warnings]).toEqual([[{ name: 'default-secret' }], []]);
    const denied = await create('Pod', BAD);
    expect(messageOf(denied).match(/InvalidImageName/g)).toHaveLength(1);
  });

  test('leaves alone what it did not create, and says so', async () => {
    const labels = { 'app.kubernetes.io/managed-by': 'kustomize', 'app.kubernetes.io/name': 'pullguard' };
    const resourceRules = [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }];
    const foreign = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'pullguard-deny', labels },
      spec: { validations: [{ expression: 'true' }], matchConstraints: { resourceRules } },
    };
    await apply(foreign);
    const pullguard = await start(DEFAULT_POLICY, ...flags);
    const isTold = async () =>
      Promise.resolve(
        JSON.stringify(pullguard.readLog()).includes('validatingadmissionpolicies/pullguard-deny exists'),
      );
    expect(await waitFor(isTold), 'it is told').toBe(true);
    const { stdout } = await kubectl('get validatingadmissionpolicy pullguard-deny -o jsonpath={.spec.validations}');
    expect(JSON.parse(stdout)).toEqual([{ expression: 'true' }]);
  });

  test('may change its own policies and no others', async () => {
    const may = async (what: string) => (await kubectl(`auth can-i ${what} --as=${ACCOUNT}`)).stdout.trim();
    for (const [resource, names] of Object.entries(NAMES_BESIDE_WEBHOOK)) {
      for (const verb of ['create', 'get', 'patch', 'delete']) {
        expect([verb, resource, await may(`${verb} ${resource}/${names[0]}`)]).toEqual([verb, resource, 'yes']);
        expect([verb, resource, await may(`${verb} ${resource}/other`)]).toEqual([verb, resource, 'no']);
        expect([verb, resource, await may(`${verb} ${resource}`)]).toEqual([verb, resource, 'no']);
      }
    }
    for (const verb of ['update', 'patch', 'delete', 'bind', 'escalate']) {
      expect([verb, await may(`${verb} clusterroles/pullguard-native`)]).toEqual([verb, 'no']);
    }
  });

  test.runIf(controlPlane.hasControllers)(
    'without its role nothing is left, also while pullguard runs',
    async () => {
      await start(DEFAULT_POLICY, ...flags);
      expect(await waitFor(async () => (await listNative()).length === DEFAULTS.length), 'they are there').toBe(true);
      await kubectl('delete clusterrole,clusterrolebinding pullguard-native');
      expect(await waitFor(async () => (await listNative()).length === 0, 60), 'they are gone').toBe(true);
    },
    90_000,
  );

  /** As kubelet updates a mounted ConfigMap. */
  function rewrite({ program }: Pullguard, policy: object): void {
    writeFileSync(program.log.replace(/\.log$/, '.yaml'), stringify(policy));
  }
});
