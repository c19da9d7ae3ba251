/**
 * An API server with many Pods, some of which fail, and nothing else. Pages are written from one text, so that the reader is what
 * is measured. Prints its port on one line.
 *
 *     tsx bench/many-pods.ts 10000 500
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const [pods = 0, failing = 0] = process.argv.slice(2).map(Number);
const REGISTRY = 'harbor.example.com';

/** Makes Pods as large as in real clusters, where they have an environment, mounts and a status that pullguard does not read. */
const FILLER = Array.from({ length: 40 }, (_, at) => ({
  name: `SETTING_${at}`,
  value: `the value of setting ${at} that nothing reads, as long as they are`,
}));

function pod(at: number): object {
  const fails = at < failing;
  const image = `${REGISTRY}/team/app-${at % 20}:v1`;
  const waiting = { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` };
  return {
    metadata: {
      name: nameOf(at),
      namespace: `team-${at % 50}`,
      uid: `uid-${at}`,
      labels: { 'pod-template-hash': '5d9c' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `app-${at % 500}-5d9c`,
          uid: `rs-${at % 500}`,
          controller: true,
        },
      ],
    },
    spec: {
      nodeName: `node-${at % 100}`,
      serviceAccountName: 'default',
      imagePullSecrets: [{ name: 'harbor' }],
      containers: [{ name: 'app', image, env: FILLER }],
    },
    status: {
      phase: fails ? 'Pending' : 'Running',
      startTime: '2026-06-01T11:55:00Z',
      containerStatuses: [{ name: 'app', image, state: fails ? { waiting } : { running: {} } }],
    },
  };
}

function nameOf(at: number): string {
  return `app-${at % 500}-5d9c-${at}`;
}

function event(at: number): object {
  const image = `${REGISTRY}/team/app-${at % 20}:v1`;
  const namespace = `team-${at % 50}`;
  return {
    metadata: { name: `${nameOf(at)}.17`, namespace },
    involvedObject: { kind: 'Pod', namespace, name: nameOf(at), uid: `uid-${at}` },
    type: 'Warning',
    reason: 'Failed',
    message: `Failed to pull image "${image}": rpc error: code = Unknown desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": failed to do request: Head "https://${REGISTRY}/v2/team/app-${at % 20}/manifests/v1": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    count: 7,
    firstTimestamp: '2026-06-01T11:56:00Z',
    lastTimestamp: '2026-06-01T12:06:00Z',
    source: { component: 'kubelet', host: `node-${at % 100}` },
  };
}

const LISTS: Readonly<Record<string, readonly [count: number, make: (at: number) => object]>> = {
  '/api/v1/pods': [pods, pod],
  '/api/v1/events': [failing, event],
};

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://localhost');
  const [count, make] = LISTS[url.pathname] ?? [0, () => ({})];
  if (/\/(?:secrets|serviceaccounts|nodes|namespaces)\/[^/]+$/.test(url.pathname)) {
    const name = url.pathname.split('/').at(-1) ?? '';
    answer(response, { metadata: { name }, type: 'kubernetes.io/dockerconfigjson', data: {} });
    return;
  }
  const from = Number(url.searchParams.get('continue') ?? 0);
  const limit = Number(url.searchParams.get('limit') ?? count);
  const to = Math.min(count, from + limit);
  const items = Array.from({ length: to - from }, (_, at) => make(from + at));
  const next = to < count ? { continue: String(to), remainingItemCount: count - to } : {};
  answer(response, { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '1', ...next }, items });
});

function answer(response: ServerResponse, body: object): void {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(body));
}

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
