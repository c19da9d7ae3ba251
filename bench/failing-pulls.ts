/**
 * The stand-in API server, with so many Events of failed pulls per second for so many Pods. Prints the path of its kubeconfig
 * when it is ready.
 *
 *     tsx bench/failing-pulls.ts 200 1000 FILE
 */
import { controllerOf } from '../test/support/cluster-objects.ts';
import { startStandIn } from '../test/support/stand-in-api-server.ts';
import { writeKubeconfig } from '../test/support/stand-in-connection.ts';
import { pullFailure, UNKNOWN_CA, warning } from '../test/support/waiting-objects.ts';

const [perSecond = 0, pods = 0] = process.argv.slice(2, 4).map(Number);
const kubeconfig = process.argv[4] ?? '';
const EVERY_MS = 50;

const server = await startStandIn();
server.seed('/api/v1/namespaces', [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }]);
server.seed('/apis/apps/v1/replicasets', [
  { metadata: { namespace: 'shop', name: 'web-5d9', ...controllerOf('apps/v1', 'Deployment', 'web', 'uid-web') } },
]);
server.seed(
  '/api/v1/pods',
  Array.from({ length: pods }, (_, at) => ({
    metadata: {
      namespace: 'shop',
      name: `web-5d9-${at}`,
      ...controllerOf('apps/v1', 'ReplicaSet', 'web-5d9', 'uid-rs'),
    },
  })),
);
let count = 0;
setInterval(() => {
  const events = Array.from({ length: (perSecond * EVERY_MS) / 1000 }, () => {
    count++;
    const image = `harbor.example.com/team/app-${count % 50}:v1`;
    // Of three messages, one is always the same, one has a different port each time, and one has no cause.
    const lookup = `failed to do request: Head "https://harbor.example.com/v2/team/app/manifests/v1": dial tcp: lookup harbor.example.com on 10.0.0.2:53: read udp 10.0.0.11:${count}->10.0.0.2:53: i/o timeout`;
    const said = [pullFailure(image, UNKNOWN_CA), pullFailure(image, lookup), 'Error: ImagePullBackOff'];
    const message = said[count % said.length] ?? '';
    return warning({ about: `web-5d9-${count % pods}`, message, count, last: new Date().toISOString() });
  });
  server.seed('/api/v1/events', events);
}, EVERY_MS);
// The stand-in keeps every change, while an API server keeps those of the last five minutes.
setInterval(() => {
  server.compact();
}, 5000);
writeKubeconfig(server, kubeconfig);
console.log(JSON.stringify({ kubeconfig }));
