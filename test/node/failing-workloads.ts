import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { callApi } from '../e2e/api.ts';
import type { ControlPlane } from '../e2e/control-plane.ts';
import { waitFor } from '../e2e/processes.ts';
import { CHECKED } from './apply-pods.ts';
import { hasProgressTimeout } from './node.ts';
import { HARBOR, LARGE, PUBLIC, STALLED } from './registries.ts';
import { secretName } from './secrets.ts';

/** Where workloads fail, which pullguard leaves alone as they are created. */
export const FAILING = 'failing';

type Failing = Readonly<{
  name: string;
  image: string;
  secrets?: readonly string[];
  faqItem: number;
  causes: readonly string[];
}>;

/** A Deployment for each check item of the FAQ that a registry can provoke within seconds. */
const WORKLOADS: readonly Failing[] = [
  {
    name: 'no-secret',
    image: `${HARBOR}/team/app:1.0`,
    faqItem: 1,
    causes: ['credentials-missing', 'token-denied-anonymous', 'anonymous-denied'],
  },
  { name: 'bad-reference', image: `https://${PUBLIC}/team/app:1.0`, faqItem: 2, causes: ['reference-invalid'] },
  {
    name: 'no-such-tag',
    image: `${PUBLIC}/team/app:no-such-tag`,
    faqItem: 2,
    causes: ['image-not-found', 'repository-not-found'],
  },
  {
    name: 'wrong-secret',
    image: `${HARBOR}/team/app:1.0`,
    secrets: [secretName(HARBOR, 'wrong')],
    faqItem: 3,
    causes: ['credentials-refused', 'access-denied', 'token-denied'],
  },
  { name: 'disk-full', image: `${LARGE}/team/large:1.0`, faqItem: 4, causes: ['disk-full'] },
  { name: 'unknown-ca', image: 'stranger.example.com/team/app:1.0', faqItem: 5, causes: ['unknown-ca'] },
  { name: 'refused', image: 'refused.example.com/team/app:1.0', faqItem: 7, causes: ['connection-refused'] },
  { name: 'nowhere', image: 'nowhere.example.com/team/app:1.0', faqItem: 2, causes: ['no-such-host', 'dns-failed'] },
  { name: 'limited', image: 'limited.example.com/team/app:1.0', faqItem: 8, causes: ['rate-limited'] },
  // Without the timeout, a pull that stalls never ends.
  ...(hasProgressTimeout()
    ? [{ name: 'stalled', image: `${STALLED}/team/app:1.0`, faqItem: 6, causes: ['image-too-large'] }]
    : []),
];

/** A node of two busy cores takes its time. */
const MOST_SECONDS = 60;

type Line = Readonly<{ cause: string; faqItem: number | null; owner?: string; node?: string }>;

/** Whether `diagnose`, the Events on owners and the learned warning say of real failures what they are. */
export async function checkFailing(controlPlane: ControlPlane): Promise<boolean> {
  for (const each of WORKLOADS) {
    const path = `/apis/apps/v1/namespaces/${FAILING}/deployments`;
    const { status, body } = await callApi(controlPlane, 'POST', path, makeDeployment(each));
    if (status !== 201) throw new Error(JSON.stringify(body));
  }
  let lines: readonly Line[] = [];
  const problems = (): readonly string[] => WORKLOADS.flatMap((each) => judge(each, lines));
  await waitFor(async () => {
    lines = await diagnose(controlPlane);
    return problems().length === 0;
  }, MOST_SECONDS);
  // Of a reference that cannot be parsed kubelet asks no registry, and reports no pull.
  const pulled = WORKLOADS.filter(({ name }) => name !== 'bad-reference');
  let told: readonly string[] = [];
  await waitFor(async () => {
    told = await listOwnersWithEvents(controlPlane);
    return pulled.every(({ name }) => told.includes(name));
  }, MOST_SECONDS);
  let warnings: readonly string[] = [];
  await waitFor(async () => {
    warnings = await listWarnings(controlPlane, 'stranger.example.com/team/another:2.0');
    return warnings.some((text) => text.includes('(nodes-can-pull)'));
  }, MOST_SECONDS);
  const found = [
    ...problems(),
    ...pulled.flatMap(({ name }) => (told.includes(name) ? [] : [`Deployment/${name} has no Event ImagePullFails`])),
    ...(warnings.some((text) =>
      /1 node cannot pull from stranger\.example\.com since .*x509.*\(nodes-can-pull\)/.test(text),
    )
      ? []
      : [`the learned warning is missing: ${warnings.join(' | ')}`]),
  ];
  for (const problem of found) console.log(`diagnose: ${problem}`);
  console.log(`diagnose   ${WORKLOADS.length} Deployments that fail, ${found.length} problems`);
  return found.length === 0;
}

function judge({ name, faqItem, causes }: Failing, lines: readonly Line[]): readonly string[] {
  const line = lines.find(({ owner }) => owner === `Deployment/${name}`);
  if (line === undefined) return [`Deployment/${name} is not shown`];
  const isRight = line.faqItem === faqItem && causes.includes(line.cause);
  return isRight ? [] : [`Deployment/${name}: ${line.cause} (item ${line.faqItem}), not item ${faqItem}`];
}

async function diagnose({ kubeconfig }: ControlPlane): Promise<readonly Line[]> {
  const main = join(import.meta.dirname, '../../dist/main.js');
  const args = [main, 'diagnose', '-n', FAILING, '-o', 'json', '--kubeconfig', kubeconfig];
  await wait(1000);
  const stdout = await promisify(execFile)(process.execPath, args).then(
    (done) => done.stdout,
    // Something waits: exit code 1.
    (error: unknown) => (error as { stdout?: string }).stdout ?? '',
  );
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

async function listOwnersWithEvents(controlPlane: ControlPlane): Promise<readonly string[]> {
  const query = 'fieldSelector=reason%3DImagePullFails,involvedObject.kind%3DDeployment';
  const { body } = await callApi(controlPlane, 'GET', `/api/v1/namespaces/${FAILING}/events?${query}`);
  const { items } = body as { items: readonly { involvedObject: { name: string; uid?: string } }[] };
  return items
    .filter(({ involvedObject }) => involvedObject.uid !== undefined)
    .map(({ involvedObject }) => involvedObject.name);
}

async function listWarnings(controlPlane: ControlPlane, image: string): Promise<readonly string[]> {
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'learned' },
    spec: { containers: [{ name: 'app', image }] },
  };
  const path = `/api/v1/namespaces/${CHECKED}/pods?dryRun=All`;
  return (await callApi(controlPlane, 'POST', path, object)).warnings;
}

function makeDeployment({ name, image, secrets = [] }: Failing): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          hostNetwork: true,
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'app', image }],
          imagePullSecrets: secrets.map((secret) => ({ name: secret })),
        },
      },
    },
  };
}
