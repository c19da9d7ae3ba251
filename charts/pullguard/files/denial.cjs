// Sends the API server a Deployment that pullguard denies, as a dry run, and fails unless it is denied by pullguard. Tries again for a
// minute, as the API server takes a moment to know the webhooks.
const { readFileSync } = require('node:fs');
const { request } = require('node:https');

const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, NAMESPACE: namespace } = process.env;
const folder = process.env.SERVICE_ACCOUNT ?? '/var/run/secrets/kubernetes.io/serviceaccount';
const read = (name) => readFileSync(`${folder}/${name}`, 'utf8').trim();
const labels = { app: 'check' };
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'check', namespace },
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'check', image: 'nginx:1.25:latest' }] } },
  },
};

function attempt(left) {
  const again = (message) => {
    if (left > 0) return void setTimeout(attempt, 2000, left - 1);
    console.error(`pullguard did not deny the image "nginx:1.25:latest": ${message}`);
    process.exit(1);
  };
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments?dryRun=All`;
  const headers = { Authorization: `Bearer ${read('token')}`, 'Content-Type': 'application/json' };
  const call = request(
    { host, port, path, method: 'POST', ca: read('ca.crt'), headers, timeout: 10_000 },
    (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => (body += text));
      response.on('end', () => {
        const isDenied = body.includes('validate.pullguard.dev') && body.includes('denied the request');
        if (!isDenied) return again(`the API server answered ${response.statusCode} ${body.slice(0, 1000)}`);
        console.log(JSON.parse(body).message);
      });
    },
  );
  call.on('timeout', () => call.destroy(new Error('no answer in 10 s')));
  call.on('error', (error) => again(error.message));
  call.end(JSON.stringify(deployment));
}

attempt(30);
