import { controllerOf } from './cluster-objects.ts';
import type { Json } from './objects.ts';

// Pods as kubelet reports them where an image is the reason that they wait, and what it writes as Events.

export type WaitingPodOptions = Readonly<{
  namespace?: string;
  name: string;
  image: string;
  reason?: string;
  message?: string;
  node?: string;
  /** Name of the Deployment. */
  deployment?: string;
  secrets?: readonly string[];
}>;

export function waitingPod(options: WaitingPodOptions): Json {
  const {
    namespace = 'shop',
    name,
    image,
    reason = 'ImagePullBackOff',
    node = 'node-1',
    deployment,
    secrets = [],
  } = options;
  const { message = `Back-off pulling image "${image}"` } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace,
      name,
      ...(deployment !== undefined && {
        labels: { 'pod-template-hash': '5d9' },
        ...controllerOf('apps/v1', 'ReplicaSet', `${deployment}-5d9`, 'uid'),
      }),
    },
    spec: {
      nodeName: node,
      containers: [{ name: 'web', image }],
      ...(secrets.length > 0 && { imagePullSecrets: secrets.map((secret) => ({ name: secret })) }),
    },
    status: {
      phase: 'Pending',
      startTime: '2026-06-01T11:55:00Z',
      containerStatuses: [{ name: 'web', image, state: { waiting: { reason, message } } }],
    },
  };
}

export function runningPod(name: string, namespace = 'shop'): Json {
  return {
    metadata: { namespace, name },
    spec: { nodeName: 'node-1', containers: [{ name: 'web', image: 'nginx:1.25' }] },
    status: { phase: 'Running', containerStatuses: [{ name: 'web', image: 'nginx:1.25', state: { running: {} } }] },
  };
}

export type WarningOptions = Readonly<{
  namespace?: string;
  kind?: string;
  about: string;
  uid?: string;
  reason?: string;
  message: string;
  count?: number;
  last?: string;
}>;

export function warning(options: WarningOptions): Json {
  const { namespace = 'shop', kind = 'Pod', about, uid, reason = 'Failed', message, count = 4 } = options;
  const { last = '2026-06-01T12:10:00Z' } = options;
  return {
    metadata: { namespace, name: `${about}.${Buffer.from(message).toString('hex').slice(-12)}${last.slice(-4, -1)}` },
    involvedObject: { kind, namespace, name: about, ...(uid !== undefined && { uid }) },
    type: 'Warning',
    reason,
    message,
    count,
    firstTimestamp: '2026-06-01T12:02:00Z',
    lastTimestamp: last,
    source: { component: 'kubelet', host: 'node-1' },
  };
}

export function pullFailure(image: string, why: string): string {
  return `Failed to pull image "${image}": rpc error: code = Unknown desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${why}`;
}

export const UNKNOWN_CA =
  'failed to do request: Head "https://harbor.example.com/v2/team/app/manifests/v1": tls: failed to verify certificate: x509: certificate signed by unknown authority';

export const UNAUTHORIZED =
  'failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://harbor.example.com/service/token: 401 Unauthorized';
