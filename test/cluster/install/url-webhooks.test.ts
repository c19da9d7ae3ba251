import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ApiServer } from '../../../src/cluster/connection/api-server.ts';
import {
  installWebhooks,
  listOthers,
  pointAtUrl,
  removeWebhooks,
  type Configuration,
  type WebhookManifest,
} from '../../../src/cluster/install/url-webhooks.ts';
import type { Json } from '../../support/objects.ts';
import { startStandIn, type StandInApiServer } from '../../support/stand-in-api-server.ts';
import { connectTo } from '../../support/stand-in-connection.ts';

const COLLECTION = '/apis/admissionregistration.k8s.io/v1';
const MUTATING = `${COLLECTION}/mutatingwebhookconfigurations`;
const VALIDATING = `${COLLECTION}/validatingwebhookconfigurations`;
const OURS = { 'app.kubernetes.io/name': 'pullguard', 'app.kubernetes.io/managed-by': 'pullguard-install' };
const APPLIED = { 'app.kubernetes.io/name': 'pullguard' };

let cluster: StandInApiServer;
let api: ApiServer;

beforeEach(async () => {
  cluster = await startStandIn();
  api = connectTo(cluster);
});

afterEach(async () => {
  await cluster.stop();
});

describe('a configuration by URL', () => {
  const manifests = ['mutating', 'validating'].map(readManifest);

  test.each(manifests)('is the manifest, $kind, with nothing changed but where pullguard is', (manifest) => {
    const configuration = pointAtUrl(manifest, { name: 'dev', url: 'https://h:8443/prefix', ca: 'a CA' });
    expect(configuration).toEqual({
      ...manifest,
      metadata: { name: 'dev', labels: OURS },
      webhooks: manifest.webhooks.map((webhook) => ({
        ...webhook,
        clientConfig: {
          url: `https://h:8443/prefix${webhook.clientConfig.service.path}`,
          caBundle: Buffer.from('a CA').toString('base64'),
        },
      })),
    });
  });

  test.each(manifests)('of $kind calls one of the endpoints that are tried first, and never blocks', (manifest) => {
    const { webhooks } = pointAtUrl(manifest, { name: 'dev', url: 'https://h', ca: 'a CA' });
    for (const webhook of webhooks) {
      expect(webhook).toMatchObject({
        clientConfig: { url: expect.stringMatching(/^https:\/\/h\/(?:mutate|validate)$/) as string },
        failurePolicy: 'Ignore',
      });
    }
  });
});

describe('installing', () => {
  test('creates both, and then changes nothing that is as it should be', async () => {
    expect(await installWebhooks(api, configurations())).toEqual(installed('created', 'created'));
    expect(cluster.get(`${MUTATING}/dev`)).toMatchObject({ metadata: { labels: OURS }, webhooks: [{ url: 'one' }] });
    const version = cluster.get(`${VALIDATING}/dev`)?.metadata.resourceVersion;
    expect(await installWebhooks(api, configurations())).toEqual(installed('unchanged', 'unchanged'));
    expect(cluster.get(`${VALIDATING}/dev`)?.metadata.resourceVersion).toBe(version);
  });

  test('brings up to date what it made, and leaves the labels and annotations of others there', async () => {
    await installWebhooks(api, configurations());
    const metadata = { name: 'dev', labels: { ...OURS, team: 'a' }, annotations: { note: 'mine' } };
    cluster.seed(MUTATING, [{ ...configurations()[0], metadata }]);
    expect(await installWebhooks(api, configurations('two'))).toEqual(installed('updated', 'updated'));
    expect(cluster.get(`${MUTATING}/dev`)).toMatchObject({ metadata, webhooks: [{ url: 'two' }] });
  });

  test.each([
    ['both', [MUTATING, VALIDATING], ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']],
    ['one', [VALIDATING], ['ValidatingWebhookConfiguration']],
  ])('touches nothing when %s of that name was made by somebody else', async (_which, seeded, kinds) => {
    for (const path of seeded) cluster.seed(path, [{ metadata: { name: 'dev', labels: APPLIED } }]);
    expect(await installWebhooks(api, configurations())).toEqual({ outcome: 'foreign', kinds });
    expect(writes()).toEqual([]);
  });

  test('takes back what it created when the other one fails: half an installation is none', async () => {
    cluster.failNext({ status: 403, method: 'POST', path: VALIDATING });
    expect(await installWebhooks(api, configurations())).toMatchObject({
      outcome: 'failed',
      kind: 'ValidatingWebhookConfiguration',
      applied: [{ kind: 'MutatingWebhookConfiguration', done: 'taken back' }],
      error: { status: 403 },
    });
    expect(cluster.list(MUTATING)).toEqual([]);
  });

  test('does not take back what was there before', async () => {
    cluster.seed(MUTATING, [configurations()[0] as Json]);
    cluster.failNext({ status: 403, method: 'POST', path: VALIDATING });
    expect(await installWebhooks(api, configurations('two'))).toMatchObject({
      applied: [{ kind: 'MutatingWebhookConfiguration', done: 'updated' }],
    });
    expect(cluster.get(`${MUTATING}/dev`)).toMatchObject({ webhooks: [{ url: 'two' }] });
  });

  test('says that the first one stays when it cannot be taken back either', async () => {
    cluster.failNext({ status: 503, method: 'POST', path: VALIDATING });
    cluster.failNext({ status: 503, method: 'DELETE' });
    expect(await installWebhooks(api, configurations())).toMatchObject({
      outcome: 'failed',
      applied: [{ kind: 'MutatingWebhookConfiguration', done: 'created' }],
    });
  });

  test('does not overwrite what somebody changed after it was read', async () => {
    await installWebhooks(api, configurations());
    cluster.failNext({ status: 409, method: 'PUT', path: `${MUTATING}/dev` });
    expect(await installWebhooks(api, configurations('two'))).toMatchObject({
      outcome: 'failed',
      error: { status: 409 },
    });
    const put = cluster.requests.find(({ method }) => method === 'PUT');
    const version = cluster.get(`${MUTATING}/dev`)?.metadata.resourceVersion;
    expect(put?.body).toMatchObject({ metadata: { resourceVersion: version } });
  });

  test('does nothing when the API server does not say what is there', async () => {
    cluster.failNext({ status: 403, method: 'GET', path: `${VALIDATING}/dev` });
    await expect(installWebhooks(api, configurations())).rejects.toMatchObject({ name: 'ApiError', status: 403 });
    expect(writes()).toEqual([]);
  });
});

describe('removing', () => {
  test('deletes what an install made, in the very state in which it was read', async () => {
    await installWebhooks(api, configurations());
    const { uid, resourceVersion } = cluster.get(`${MUTATING}/dev`)!.metadata;
    expect(await removeWebhooks(api, 'dev')).toEqual(results('removed', 'removed'));
    expect([...cluster.list(MUTATING), ...cluster.list(VALIDATING)]).toEqual([]);
    const deletion = cluster.requests.find(({ method, path }) => method === 'DELETE' && path === `${MUTATING}/dev`);
    expect(deletion?.body).toMatchObject({ preconditions: { uid, resourceVersion } });
  });

  test('leaves what somebody else made, and what has another name', async () => {
    cluster.seed(MUTATING, [{ metadata: { name: 'dev', labels: APPLIED } }]);
    await installWebhooks(api, configurations('one', 'other'));
    expect(await removeWebhooks(api, 'dev')).toEqual(results('foreign', 'absent'));
    expect(cluster.get(`${MUTATING}/other`)).toBeDefined();
    expect(cluster.get(`${MUTATING}/dev`)).toBeDefined();
  });

  test('of the one goes on when the other fails, and says so', async () => {
    await installWebhooks(api, configurations());
    cluster.failNext({ status: 503, method: 'DELETE', path: `${MUTATING}/dev` });
    expect(await removeWebhooks(api, 'dev')).toMatchObject([
      { done: 'failed', error: { status: 503 } },
      { done: 'removed' },
    ]);
    expect(cluster.get(`${MUTATING}/dev`)).toBeDefined();
  });

  test('takes one that goes at the same moment for gone', async () => {
    await installWebhooks(api, configurations());
    cluster.failNext({ status: 404, method: 'DELETE', path: `${MUTATING}/dev` });
    expect(await removeWebhooks(api, 'dev')).toEqual(results('absent', 'removed'));
  });
});

test('others are those of pullguard by another name or maker, and nobody else’s', async () => {
  await installWebhooks(api, configurations('one', 'dev'));
  await installWebhooks(api, configurations('one', 'second'));
  cluster.seed(MUTATING, [{ metadata: { name: 'pullguard', labels: APPLIED } }, { metadata: { name: 'kyverno' } }]);
  const second = { name: 'second', isOurs: true };
  expect(await listOthers(api, 'dev')).toEqual([
    { kind: 'MutatingWebhookConfiguration', name: 'pullguard', isOurs: false },
    { kind: 'MutatingWebhookConfiguration', ...second },
    { kind: 'ValidatingWebhookConfiguration', ...second },
  ]);
  expect(await listOthers(api, 'pullguard')).toHaveLength(5);
});

function readManifest(which: string): WebhookManifest {
  const file = new URL(`../../../manifests/base/${which}-webhook.yaml`, import.meta.url);
  return parse(readFileSync(file, 'utf8')) as WebhookManifest;
}

function configurations(url = 'one', name = 'dev'): readonly Configuration[] {
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const metadata = { name, labels: OURS };
  return [
    { apiVersion, kind: 'MutatingWebhookConfiguration', metadata, webhooks: [{ url }] },
    { apiVersion, kind: 'ValidatingWebhookConfiguration', metadata, webhooks: [{ url }] },
  ];
}

function installed(mutating: string, validating: string) {
  return { outcome: 'installed', applied: results(mutating, validating) };
}

function results(mutating: string, validating: string) {
  return [
    { kind: 'MutatingWebhookConfiguration', done: mutating },
    { kind: 'ValidatingWebhookConfiguration', done: validating },
  ];
}

function writes(): readonly string[] {
  return cluster.requests.map(({ method }) => method).filter((method) => method !== 'GET');
}
