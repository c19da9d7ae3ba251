import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { install, type InstallOptions } from '../../src/cli/install.ts';
import { UsageError } from '../../src/cli/io.ts';
import { makeCertificates, type Certificates } from '../../src/tls/self-signed.ts';
import { capturedIo } from '../support/captured-io.ts';
import type { Json } from '../support/objects.ts';
import { startStandIn, type StandInApiServer } from '../support/stand-in-api-server.ts';
import { writeKubeconfig } from '../support/stand-in-connection.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { letPass, serveWebhook } from '../support/webhook-server.ts';

const MUTATING = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const VALIDATING = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

let made: Certificates;
let cluster: StandInApiServer;

beforeAll(async () => {
  made = await makeCertificates({ names: ['127.0.0.1'] });
});

beforeEach(async () => {
  cluster = await startStandIn();
});

afterEach(async () => {
  await cluster.stop();
});

describe('install', () => {
  test('tries both endpoints, registers both, and says what to do next', async () => {
    const webhook = await serveWebhook(made);
    const { options, io } = prepare({ url: webhook.url });
    expect(await install(options, io)).toBe(0);
    expect(webhook.reviews.map(({ path, operation, dryRun }) => [path, operation, dryRun])).toEqual([
      ['/mutate', 'DELETE', true],
      ['/validate', 'DELETE', true],
    ]);
    for (const [path, endpoint] of [
      [MUTATING, 'mutate'],
      [VALIDATING, 'validate'],
    ] as const) {
      const webhooks = cluster.get(`${path}/pullguard-dev`)?.['webhooks'] as Json[];
      expect(webhooks[0]).toMatchObject({
        clientConfig: { url: `${webhook.url}/${endpoint}`, caBundle: Buffer.from(made.ca).toString('base64') },
        failurePolicy: 'Ignore',
      });
    }
    const flags = `--kubeconfig ${options.kubeconfig}`;
    expect(io.printed.stdout).toBe(`${webhook.url}/mutate answers, with a certificate of ${options.ca}
${webhook.url}/validate answers, with a certificate of ${options.ca}
created MutatingWebhookConfiguration/pullguard-dev
created ValidatingWebhookConfiguration/pullguard-dev

${cluster.url} now asks ${webhook.url}, and lets everything pass for as long as that does not answer.
Try it:    kubectl ${flags} create deployment pullguard-check --image=nginx:1.25:latest --dry-run=server
Remove it: pullguard uninstall ${flags}
`);
    expect(io.printed.stderr).toMatch(/^note: by this address an API server calls the machine it runs on/);
  });

  test('again says what has changed', async () => {
    const webhook = await serveWebhook(made);
    const { options, io } = prepare({ url: webhook.url, name: 'jane' });
    await install(options, io);
    const again = prepare({ url: webhook.url, name: 'jane' });
    await install(again.options, again.io);
    expect(again.io.printed.stdout).toContain('unchanged MutatingWebhookConfiguration/jane\n');
    expect(again.io.printed.stdout).toContain('pullguard uninstall --name jane --kubeconfig');
  });

  test('reaches no cluster when the webhook does not answer, and says why', async () => {
    const webhook = await serveWebhook(made);
    const other = await makeCertificates({ names: ['127.0.0.1'] });
    const { options, io } = prepare({ url: webhook.url, content: other.ca });
    await expect(install(options, io)).rejects.toThrow(UsageError);
    await expect(install(options, io)).rejects.toThrow(
      `${webhook.url}/mutate: its certificate was not issued by the CA of --ca; give the CA`,
    );
    expect(cluster.requests).toEqual([]);
  });

  test('tries the second endpoint too, as a proxy may know only one', async () => {
    const webhook = await serveWebhook(made, (request, response) => {
      if (request.url === '/validate') response.writeHead(404).end();
      else void letPass(request, response);
    });
    const { options, io } = prepare({ url: webhook.url });
    await expect(install(options, io)).rejects.toThrow(
      /\/validate: nothing is served under this path.*; nothing was changed in the cluster$/,
    );
    expect(cluster.requests).toEqual([]);
  });

  test('leaves what somebody else made, and says how to go round it', async () => {
    const webhook = await serveWebhook(made);
    cluster.seed(MUTATING, [{ metadata: { name: 'pullguard' } }]);
    const { options, io } = prepare({ url: webhook.url, name: 'pullguard' });
    await expect(install(options, io)).rejects.toThrow(
      `MutatingWebhookConfiguration/pullguard in ${cluster.url} was not made by pullguard install, and stays as it is; choose another --name`,
    );
    expect(cluster.list(VALIDATING)).toEqual([]);
  });

  test.each([
    [
      'what is missing, and that nothing is left',
      { status: 403, method: 'POST', path: VALIDATING },
      /^ValidatingWebhookConfiguration\/pullguard-dev could not be written: .* 403.*; this takes get, create, update and delete of mutating/,
      'taken back MutatingWebhookConfiguration/pullguard-dev\n',
    ],
    ['that nothing could be read', { status: 403, method: 'GET' }, /403.*; this takes get, create/, undefined],
    ['that nobody logged in', { status: 401, method: 'GET' }, /401.*; log in to the cluster again/, undefined],
  ])('a refusal of the cluster says %s', async (_what, failure, message, line) => {
    const webhook = await serveWebhook(made);
    cluster.failNext(failure);
    const { options, io } = prepare({ url: webhook.url });
    await expect(install(options, io)).rejects.toThrow(message);
    if (line !== undefined) expect(io.printed.stdout).toContain(line);
    expect([...cluster.list(MUTATING), ...cluster.list(VALIDATING)]).toEqual([]);
  });

  test('says what is left when not even the first one can be taken back', async () => {
    const webhook = await serveWebhook(made);
    cluster.failNext({ status: 503, method: 'POST', path: VALIDATING });
    cluster.failNext({ status: 503, method: 'DELETE' });
    const { options, io } = prepare({ url: webhook.url });
    await expect(install(options, io)).rejects.toThrow(
      /; MutatingWebhookConfiguration\/pullguard-dev is in place: run this again, or remove it with pullguard uninstall --kubeconfig /,
    );
  });

  test('says so when there is no cluster', async () => {
    const webhook = await serveWebhook(made);
    const { options, io } = prepare({ url: webhook.url });
    await cluster.stop();
    await expect(install(options, io)).rejects.toThrow(
      /^cannot reach .*: nothing listens there; check that the cluster/,
    );
    await cluster.restart();
    await expect(install({ ...options, kubeconfig: '/no/such/file' }, io)).rejects.toThrow(/\/no\/such\/file/);
  });
});

describe('install --dry-run', () => {
  test('prints what would be applied, and asks nobody', async () => {
    const { options, io } = prepare({ url: 'https://10.0.0.7:8443/', dryRun: true, name: 'jane' });
    expect(await install({ ...options, kubeconfig: '/no/such/file' }, io)).toBe(0);
    const printed = parseAllDocuments(io.printed.stdout).map((document) => document.toJS() as Json);
    expect(printed).toMatchObject([
      { kind: 'MutatingWebhookConfiguration', metadata: { name: 'jane' } },
      { kind: 'ValidatingWebhookConfiguration', metadata: { name: 'jane' } },
    ]);
    expect(io.printed.stdout).toContain('url: https://10.0.0.7:8443/mutate\n');
    expect(io.printed.stderr).toBe('');
  });

  test('still refuses what no cluster would take', async () => {
    const { options, io } = prepare({ url: 'http://10.0.0.7', dryRun: true });
    await expect(install(options, io)).rejects.toThrow(/is not https/);
    expect(io.printed.stdout).toBe('');
  });
});

function prepare({ content, ...overrides }: Partial<InstallOptions> & { url: string; content?: string }) {
  const folder = tempFolder();
  const options = {
    name: 'pullguard-dev',
    dryRun: false,
    kubeconfig: writeKubeconfig(cluster, folder.at('config')),
    ca: folder.write('ca.crt', content ?? made.ca),
    ...overrides,
  };
  return { options, io: capturedIo() };
}
