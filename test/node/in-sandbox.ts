import { cpus } from 'node:os';
import { callApi } from '../e2e/api.ts';
import { startControlPlane, type ControlPlane } from '../e2e/control-plane.ts';
import { installManifests, installWebhooks, isReady, startReplica } from '../e2e/install.ts';
import { bindKubectl } from '../e2e/kubectl.ts';
import { waitFor } from '../e2e/processes.ts';
import type { Pullguard } from '../e2e/pullguard-process.ts';
import { startEmptyDns } from './dns.ts';
import { checkFailing, FAILING } from './failing-workloads.ts';
import { generateCases, hangs, type Case } from './generate.ts';
import { createImageMaker, makeLargeImage } from './images.ts';
import { BYPASSED, CHECKED, PodApplier, type Result } from './apply-pods.ts';
import { DISK_BYTES, startContainerd, startNode } from './node.ts';
import { HOSTS, PLAIN, startRegistries, SWR, UNASKED } from './registries.ts';
import { printReport } from './report.ts';
import { setUpNames } from './sandbox.ts';
import { ACCOUNTS, makeSecrets } from './secrets.ts';

const [folder = '', count = '240', seed = '1'] = process.argv.slice(2);
/** As many as are in the making at a time. */
const PODS_PER_CORE = 8;
const assets = process.env['KUBEBUILDER_ASSETS'] ?? '';

process.exitCode = (await main()) ? 0 : 1;
// All else that runs here ends with this process.
process.exit();

/** Whether pullguard foretold well enough what the node made of the Pods. */
async function main(): Promise<boolean> {
  const started = Date.now();
  const tellTime = (what: string): void => {
    console.log(`${what}: ${Math.round((Date.now() - started) / 1000)} s`);
  };
  setUpNames(folder, HOSTS);
  await startEmptyDns();
  const makeImage = createImageMaker(folder);
  const catalogue = await startRegistries(makeImage, makeLargeImage(folder, DISK_BYTES));
  const [socket, { controlPlane }] = await Promise.all([
    startContainerd(folder, makeImage, { ca: catalogue.ca }),
    startControlPlane(assets),
  ]);
  await startNode(folder, controlPlane, { assets, socket });
  await createObjects(controlPlane);
  const pullguard = await installPullguard(controlPlane, makePolicy(catalogue.ca));
  tellTime(`Kubernetes 1.${controlPlane.minor} with a node and its registries`);
  const cases = generateCases(catalogue, { count: Number(count), seed: Number(seed) });
  const results = await applyAll(controlPlane, cases);
  const isGood = printReport(results, {
    log: pullguard.readLog(),
    lateEvents: await listPodsWithEvents(controlPlane),
  });
  const isDiagnosed = await checkFailing(controlPlane);
  tellTime(`\nseed ${seed}`);
  return isGood && isDiagnosed;
}

function makePolicy(ca: string): object {
  const addresses = ['127.0.0.0/8'];
  const trusting = { ca, addresses };
  const own = new Set([SWR, UNASKED, 'stranger.example.com', 'plain.example.com']);
  return {
    apiVersion: 'pullguard.dev/v1alpha1',
    kind: 'Policy',
    registries: [
      { hosts: [SWR], pullSecret: 'default-secret', probe: trusting },
      { hosts: [PLAIN], probe: { addresses, plainHttp: true } },
      { hosts: ['stranger.example.com'], probe: { addresses } },
      {
        hosts: [
          ...Object.keys(HOSTS).filter((host) => !own.has(host)),
          'no-tls.example.com:5000',
          'nowhere.example.com',
        ],
        probe: trusting,
      },
    ],
    // These speak of taste, and not of what fails.
    rules: { 'image-pullable': 'deny', 'tag-explicit': 'off', 'registry-explicit': 'off', 'image-fits': 'off' },
  };
}

/** All namespaces have the same secrets and service accounts. */
async function createObjects(controlPlane: ControlPlane): Promise<void> {
  const create = async (path: string, object: object): Promise<void> => {
    const { status, body } = await callApi(controlPlane, 'POST', path, object);
    if (status !== 201 && status !== 409) throw new Error(JSON.stringify(body));
  };
  for (const [name, mode] of [
    [CHECKED, 'deny'],
    [BYPASSED, 'off'],
    [FAILING, 'off'],
  ] as const) {
    const labels = { 'pullguard.dev/mode': mode };
    await create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    const path = `/api/v1/namespaces/${name}`;
    await Promise.all(makeSecrets().map(async (secret) => create(`${path}/secrets`, secret)));
    for (const [account, secrets] of Object.entries(ACCOUNTS)) {
      const imagePullSecrets = secrets.map((secret) => ({ name: secret }));
      const object = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account }, imagePullSecrets };
      await create(`${path}/serviceaccounts`, object);
    }
  }
}

/** As the manifests install it, with certificates in a Secret: only then are Events written. */
async function installPullguard(controlPlane: ControlPlane, policy: object): Promise<Pullguard> {
  const kubectl = bindKubectl(controlPlane, 'default');
  await installManifests({ kubectl }, 'overlays/pulls');
  await grantMore(controlPlane);
  const flags = ['--watch-nodes', '--watch-pulls', '--secrets=all'];
  const pullguard = await startReplica({ controlPlane, kubectl }, { policy, flags });
  await installWebhooks({ kubectl }, pullguard.port);
  const isReadyInTime = await waitFor(async () => isReady(pullguard));
  const spec = { containers: [{ name: 'app', image: 'Bad:1' }] };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'asked' }, spec };
  const isAsked = await waitFor(async () => {
    const { status } = await callApi(controlPlane, 'POST', `/api/v1/namespaces/${CHECKED}/pods?dryRun=All`, pod);
    return status >= 400;
  });
  if (!isReadyInTime || !isAsked) throw new Error('pullguard is not ready, or the API server does not ask it');
  return pullguard;
}

/** What the overlays for nodes and secrets grant: an overlay of its own for all three would be for this alone. */
async function grantMore(controlPlane: ControlPlane): Promise<void> {
  const rules = [{ apiGroups: [''], resources: ['nodes', 'secrets'], verbs: ['list', 'watch'] }];
  const group = 'rbac.authorization.k8s.io';
  const metadata = { name: 'pullguard-more' };
  const roleRef = { apiGroup: group, kind: 'ClusterRole', name: metadata.name };
  const subjects = [{ kind: 'ServiceAccount', name: 'pullguard', namespace: 'pullguard' }];
  for (const [kind, rest] of [
    ['ClusterRole', { rules }],
    ['ClusterRoleBinding', { roleRef, subjects }],
  ] as const) {
    const object = { apiVersion: `${group}/v1`, kind, metadata, ...rest };
    const { status, body } = await callApi(controlPlane, 'POST', `/apis/${group}/v1/${kind.toLowerCase()}s`, object);
    if (status !== 201) throw new Error(JSON.stringify(body));
  }
}

/** Some at a time, as the node has few cores; those whose registry hangs wait beside all others from the start. */
async function applyAll(controlPlane: ControlPlane, cases: readonly Case[]): Promise<readonly Result[]> {
  const applier = new PodApplier(controlPlane);
  const observed = applier.observe();
  const slow = cases.filter((each) => hangs(each));
  const left = cases.filter((each) => !hangs(each)).values();
  const results: Result[] = [];
  const run = async (queue: Iterable<Case>): Promise<void> => {
    for (const each of queue) results.push(await applier.apply(each));
  };
  await Promise.all([
    ...slow.map(async (each) => run([each])),
    ...Array.from({ length: PODS_PER_CORE * cpus().length }, async () => run(left)),
  ]);
  applier.stop();
  await observed;
  return results;
}

/** Pods that pullguard has told of by a warning on the object once it knew, and not once they had failed. */
async function listPodsWithEvents(controlPlane: ControlPlane): Promise<ReadonlySet<string>> {
  const { body } = await callApi(controlPlane, 'GET', `/api/v1/namespaces/${CHECKED}/events`);
  const { items } = body as {
    items: readonly {
      reason: string;
      involvedObject: { name: string };
    }[];
  };
  const late = items.filter(({ reason }) => reason === 'ImagePullMayFail');
  return new Set(late.map(({ involvedObject }) => involvedObject.name));
}
