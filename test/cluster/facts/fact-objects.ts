import type { FactScope } from '../../../src/cluster/facts/fact-collections.ts';
import { accessOf } from '../../support/access.ts';
import type { Json } from '../../support/objects.ts';
import type { SeenRequest, StandInCluster } from '../../support/stand-in-cluster.ts';

/** `web/default-secret` with credentials for these registries. */
export function pullSecret(place: string, registries: readonly string[]): Json {
  const auths = Object.fromEntries(registries.map((registry) => [registry, { username: 'user', password: 'hidden' }]));
  const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') };
  return { ...at(place), type: 'kubernetes.io/dockerconfigjson', data };
}

export function oldPullSecret(place: string, registry: string): Json {
  const data = { '.dockercfg': Buffer.from(JSON.stringify({ [registry]: { username: 'user' } })).toString('base64') };
  return { ...at(place), type: 'kubernetes.io/dockercfg', data };
}

export function opaqueSecret(place: string): Json {
  return { ...at(place), type: 'Opaque', data: { password: 'aGlkZGVu' } };
}

export function serviceAccount(place: string, pullSecrets: readonly string[] = []): Json {
  return { ...at(place), imagePullSecrets: pullSecrets.map((name) => ({ name })) };
}

export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): Json {
  return { metadata: { name, labels } };
}

/** A node with that much space for images, which says at a time that it is well. */
export function node(name: string, bytes: number, time = '2026-06-01T12:00:00Z'): Json {
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    status: {
      nodeInfo: { operatingSystem: 'linux', architecture: 'amd64' },
      allocatable: { 'ephemeral-storage': String(bytes) },
      conditions: [{ type: 'DiskPressure', status: 'False', lastHeartbeatTime: time }],
      images: [{ names: ['nginx:1.27'], sizeBytes: 1 }],
    },
  };
}

/** Namespaces `web` and `shop`, each with a `default-secret` and the service account `default`, and more in `web`; and two nodes. */
export function seedCluster(server: StandInCluster): void {
  server.seed('/api/v1/namespaces', [namespace('web', { 'pullguard.dev/mode': 'warn', team: 'a' }), namespace('shop')]);
  server.seed('/api/v1/serviceaccounts', [serviceAccount('web/default', ['third']), serviceAccount('shop/default')]);
  server.seed('/api/v1/secrets', [
    pullSecret('web/default-secret', ['swr.eu-de.otc.t-systems.com']),
    pullSecret('shop/default-secret', ['swr.eu-de.otc.t-systems.com']),
    oldPullSecret('web/third', 'third.example.com'),
    opaqueSecret('web/opaque'),
  ]);
  server.seed('/api/v1/nodes', [node('one', 1000), node('two', 2000)]);
}

/** What of these requests is beyond what these facts are said to need: `watch secrets metadata.name=x`. */
export function findForbidden(requests: readonly SeenRequest[], scope: FactScope): readonly string[] {
  const rules = accessOf(scope);
  return requests.flatMap(({ path, query }) => {
    const resource = path.replace('/api/v1/', '');
    const verb = query['watch'] === 'true' ? 'watch' : 'list';
    const selector = query['fieldSelector'] ?? '';
    const name = /^metadata\.name=(.+)$/.exec(selector)?.[1];
    const isGranted = rules.some(
      (rule) =>
        rule.resource === resource &&
        rule.verbs.includes(verb) &&
        (rule.resourceNames === undefined || (name !== undefined && rule.resourceNames.includes(name))),
    );
    return isGranted ? [] : [`${verb} ${resource} ${selector}`];
  });
}

function at(place: string): Json {
  const [inside, name] = place.split('/');
  return { metadata: { namespace: inside, name } };
}
