import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, inject } from 'vitest';
import { callApi, type ApiResponse } from './api.ts';
import type { ControlPlane } from './control-plane.ts';
import { bindKubectl, type Kubectl, type KubectlResult } from './kubectl.ts';
import { make, type PodSpec } from './objects.ts';
import { waitFor } from './processes.ts';
import { isErrorLine, startPullguard, type Pullguard, type PullguardOptions } from './pullguard-process.ts';
import { isWebhookConfiguration, pointAt, renderManifests, type Registration } from './webhooks.ts';

/** Docker Hub comes from a mirror on SWR; the rest is as built in. */
export const POLICY = {
  apiVersion: 'pullguard.dev/v1alpha1',
  kind: 'Policy',
  mirrors: [{ from: 'docker.io', to: 'swr.eu-de.otc.t-systems.com/dockerhub' }],
};

export const MIRROR = 'swr.eu-de.otc.t-systems.com/dockerhub';

export type Cluster = Readonly<{
  controlPlane: ControlPlane;
  namespace: string;
  kubectl: Kubectl;
  /** `path` is below the namespace if it does not start with a slash: `pods/web`. */
  call: (method: 'GET' | 'POST' | 'PATCH', path: string, body?: object) => Promise<ApiResponse>;
  /** Reads an object that must be there. */
  get: <T = Stored>(resource: string) => Promise<T>;
  /** The first pod with label `app`, as soon as a controller has made it. */
  getPodOf: (app: string, seconds?: number) => Promise<Stored>;
  /** Fails with what kubectl said unless it succeeded. */
  apply: (object: object | string, ...flags: string[]) => Promise<KubectlResult>;
}>;

/** As much of stored objects as the tests read. */
export type Stored = Readonly<{
  metadata: Readonly<{ name: string; uid: string; labels?: Readonly<Record<string, string>> }>;
  spec: PodSpec & Readonly<{ template: Readonly<{ spec: PodSpec }>; replicas: number }>;
}>;

/** A namespace of a test file in the control plane, there once its tests run. */
export function useCluster(namespace: string): Cluster {
  const controlPlane = inject('controlPlane');
  const kubectl = bindKubectl(controlPlane, namespace);
  const cluster: Cluster = {
    controlPlane,
    namespace,
    kubectl,
    call: async (method, path, body) => callApi(controlPlane, method, toFullPath(path, namespace), body),
    get: async <T>(resource: string) => {
      const { stdout, stderr } = await kubectl(`get ${resource} -o json`);
      expect(stderr).toBe('');
      return JSON.parse(stdout) as T;
    },
    getPodOf: async (app, seconds) => {
      const found: Stored[] = [];
      await waitFor(async () => {
        found.push(...(await cluster.get<{ items: Stored[] }>(`pods -l app=${app}`)).items);
        return found.length > 0;
      }, seconds);
      expect(found, `no pod with label app=${app} was made`).not.toHaveLength(0);
      return found[0]!;
    },
    apply: async (object, ...flags) => {
      const result = await kubectl(['apply', '-f', '-', ...flags], { stdin: object });
      expect(result, result.stderr).toMatchObject({ code: 0 });
      return result;
    },
  };
  beforeAll(async () => {
    await kubectl(`create namespace ${namespace}`);
    for (const each of [namespace, 'kube-system']) await ensureServiceAccount(cluster, each);
  });
  return cluster;
}

/** `prepare` runs before the API server knows of pullguard: what it creates is there from times before. */
export type PullguardSetUp = Partial<PullguardOptions> &
  Pick<Registration, 'validatingRules'> &
  Readonly<{
    prepare?: () => Promise<void>;
    /** What the API server may log all the same. */
    tolerated?: RegExp;
  }>;

/**
 * Runs a pullguard for the tests of a file, registered as the manifests register it. Afterwards there must be no call that
 * failed, no answer that the API server had to mend, and no error in pullguard's log.
 */
export function usePullguard(cluster: Cluster, setUp: PullguardSetUp = {}): void {
  const { controlPlane } = cluster;
  const { prepare, validatingRules, tolerated, ...options } = setUp;
  let pullguard: Pullguard | undefined;
  let logBefore = 0;
  beforeAll(async () => {
    await prepare?.();
    logBefore = readFileSync(controlPlane.apiServerLog).length;
    pullguard = await startPullguard(controlPlane.folder, { policy: POLICY, ...options });
    await register(cluster, '.', { ...pullguard, ...(validatingRules !== undefined && { validatingRules }) });
  });
  afterAll(async () => {
    await unregister(cluster);
    await pullguard?.stop();
    const trouble = findTrouble(controlPlane, logBefore).filter((line) => tolerated?.test(line) !== true);
    expect(trouble, 'trouble in the log of the API server').toEqual([]);
    const errors = pullguard?.readLog().filter(isErrorLine);
    expect(errors, 'errors in the log of pullguard').toEqual([]);
  });
}

/** Registers a pullguard by the webhook configurations of an overlay, and waits until the API server asks it. */
export async function register(cluster: Cluster, overlay: string, registration: Registration): Promise<void> {
  const configurations = (await renderManifests(cluster.kubectl, overlay)).filter(isWebhookConfiguration);
  expect(configurations.map(({ kind }) => kind).sort()).toEqual([
    'MutatingWebhookConfiguration',
    'ValidatingWebhookConfiguration',
  ]);
  for (const configuration of configurations) await cluster.apply(pointAt(configuration, registration));
  expect(await waitFor(async () => (await countAsked(cluster)) === 2), 'pullguard is asked').toBe(true);
}

export async function unregister(cluster: Cluster): Promise<void> {
  const kinds = 'mutatingwebhookconfiguration,validatingwebhookconfiguration';
  await cluster.kubectl(`delete --ignore-not-found ${kinds} pullguard`);
  expect(await waitFor(async () => (await countAsked(cluster)) === 0), 'pullguard is not asked any more').toBe(true);
}

/** Lines of the API server's log, from byte `from` on, about webhooks that could not be called or answered nonsense. */
export function findTrouble({ apiServerLog }: ControlPlane, from = 0): readonly string[] {
  const TROUBLE =
    /calling webhook|Failed to set (?:admission )?(?:audit )?annotation|annotation for mutating webhook|warning header/i;
  const lines = readFileSync(apiServerLog).subarray(from).toString().split('\n');
  return lines.filter((line) => TROUBLE.test(line));
}

/** How many of the two webhooks show in what comes of dry runs: one adds a pull secret, the other warns. */
export async function countAsked({ call }: Cluster): Promise<number> {
  const dryRun = '?dryRun=All';
  const pod = await call('POST', `pods${dryRun}`, make('Pod', 'probe', `${MIRROR}/probe:1`));
  const mutates = JSON.stringify(pod.body).includes('default-secret');
  const cronJob = make('CronJob', 'probe', 'probe:1');
  const validates = (await call('POST', `cronjobs${dryRun}`, cronJob)).warnings.length > 0;
  return Number(mutates) + Number(validates);
}

/** Without one nobody can create pods. A controller makes one for every namespace, where there is a controller. */
async function ensureServiceAccount({ controlPlane, kubectl }: Cluster, namespace: string): Promise<void> {
  const account = `-n ${namespace} serviceaccount default`;
  const exists = await waitFor(async () => {
    if (!controlPlane.hasControllers) await kubectl(`create ${account}`);
    return (await kubectl(`get ${account}`)).code === 0;
  });
  expect(exists, `the service account "default" exists in ${namespace}`).toBe(true);
}

function toFullPath(path: string, namespace: string): string {
  if (path.startsWith('/')) return path;
  const resource = path.split(/[/?]/, 1)[0] ?? '';
  const group = GROUPS[resource];
  return `${group === undefined ? '/api/v1' : `/apis/${group}/v1`}/namespaces/${namespace}/${path}`;
}

const GROUPS: Readonly<Record<string, string>> = { deployments: 'apps', cronjobs: 'batch' };
