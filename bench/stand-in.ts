/**
 * The stand-in API server with a cluster, as a separate process: so many namespaces, each with a `default-secret` for SWR, or for
 * other registries if given, and one Deployment. Prints the path of its kubeconfig when it is ready.
 */
import { readFileSync } from 'node:fs';
import { startStandIn } from '../test/support/stand-in-api-server.ts';
import { writeKubeconfig } from '../test/support/stand-in-connection.ts';

const [, , count = '', kubeconfig = '', ...registries] = process.argv;

const hosts = registries.length > 0 ? registries : ['swr.eu-de.otc.t-systems.com'];
const auth = Buffer.from('eu-de@AK:secret').toString('base64');
const SECRET = Buffer.from(
  JSON.stringify({ auths: Object.fromEntries(hosts.map((host) => [host, { auth }])) }),
).toString('base64');

const names = ['default', ...Array.from({ length: Number(count) - 1 }, (_, at) => `namespace-${at}`)];
const server = await startStandIn();
server.seed(
  '/api/v1/namespaces',
  names.map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name, 'pullguard.dev/mode': 'deny', team: name } },
  })),
);
for (const namespace of names) {
  server.seed(`/api/v1/namespaces/${namespace}/secrets`, [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: 'default-secret',
        namespace,
        labels: { 'secret-generated-by': 'cce' },
        annotations: { 'swr-auth-may-expires-at': '2036-11-26 20:55:31.380909 +0000 UTC' },
      },
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': SECRET },
    },
  ]);
  server.seed(`/api/v1/namespaces/${namespace}/serviceaccounts`, [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } },
  ]);
}
const review = new URL('../test/fixtures/admission-reviews/deployment-create.json', import.meta.url);
const { request } = JSON.parse(readFileSync(review, 'utf8')) as { request: { object: object } };
server.seed('/apis/apps/v1/namespaces/default/deployments', [{ ...request.object }]);
writeKubeconfig(server, kubeconfig);
console.log(JSON.stringify({ kubeconfig }));
