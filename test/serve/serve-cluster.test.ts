import request from 'supertest';
import { describe, expect, onTestFinished, test } from 'vitest';
import { admit } from '../../src/admission/admit.ts';
import { connectToCluster } from '../../src/cluster/connection/connect.ts';
import { joinCluster, type ClusterOptions, type JoinedCluster } from '../../src/serve/serve-cluster.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { createMetrics } from '../../src/serve/metrics.ts';
import { collectLog, FINE, FINE_ANSWER, readCounter, serveApp, type LogLine } from './helpers.ts';
import { readReference } from '../../src/image/reference.ts';
import { PODS } from '../support/cluster-objects.ts';
import { pullFailure, UNKNOWN_CA, waitingPod, warning } from '../support/waiting-objects.ts';
import { requestFor } from '../support/admission-request.ts';
import { finding } from '../support/finding.ts';
import { pod } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';
import { startStandIn, type StandInApiServer } from '../support/stand-in-api-server.ts';
import { writeKubeconfig } from '../support/stand-in-connection.ts';
import { tempFolder } from '../support/temp-folder.ts';

type Joined = Readonly<{
  cluster: JoinedCluster;
  api: StandInApiServer;
  lines: readonly LogLine[];
  readMetrics: () => Promise<string>;
}>;

async function joinStandIn(
  options: Partial<ClusterOptions> = {},
  policy: () => Policy = () => MIRRORED,
): Promise<Joined> {
  const api = await startStandIn();
  api.seed('/api/v1/namespaces', [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pullguard' } }]);
  const { logger, lines } = collectLog();
  const metrics = createMetrics();
  const kubeconfig = writeKubeconfig(api, tempFolder().at('kubeconfig'), 'pullguard');
  const names = { webhookConfiguration: 'pullguard', service: 'pullguard' };
  const defaults = { secrets: 'default-secret-only', watchNodes: false, watchPulls: false, ...names } as const;
  const ignored = { reportProblem: () => undefined, reportMisfit: () => undefined };
  const surroundings = { policy, metrics, logger, ...ignored };
  const all = { dnsName: [], ...defaults, ...options };
  const cluster = await joinCluster(all, connectToCluster({ kubeconfig }), surroundings);
  onTestFinished(async () => {
    await cluster.close();
    await api.stop();
  });
  await expect.poll(() => lines.map(({ msg }) => msg)).toContain('cluster state loaded');
  return { cluster, api, lines, readMetrics: async () => metrics.registry.metrics() };
}

describe('a server in a cluster', () => {
  test('knows what rules ask for, and measures how old that is', async () => {
    const { cluster, readMetrics } = await joinStandIn();
    const { facts } = cluster.settings;
    expect(facts().pullSecrets?.find('shop', 'default-secret')).toBe('absent');
    expect(facts().namespaces?.findLabels('pullguard')).toEqual({});
    expect(await readMetrics()).toMatch(/^pullguard_facts_age_seconds\{fact="serviceAccounts"\} [\d.e-]+$/m);
  });

  test('knows what nodes meet when they pull if it is to, counts it, and writes an Event on the owner', async () => {
    const { cluster, api, readMetrics } = await joinStandIn({ watchPulls: true });
    const { facts } = cluster.settings;
    expect(facts()).toBe(facts());
    api.seed(PODS, [waitingPod({ name: 'web', image: 'harbor.example.com/team/app:v1' })]);
    const message = pullFailure('harbor.example.com/team/app:v1', UNKNOWN_CA);
    api.seed('/api/v1/events', [warning({ about: 'web', message, last: new Date().toISOString() })]);
    const reference = readReference('harbor.example.com/team/other:v2')!;
    await expect.poll(() => facts().pulls?.find(reference, 'bank')).toMatchObject([{ cause: 'unknown-ca', pods: 1 }]);
    const text = await readMetrics();
    expect(text).toContain('pullguard_pull_failures_total{cause="unknown-ca",faq_item="5"} 1\n');
    expect(text).toContain('pullguard_pods_waiting{cause="unknown-ca"} 1\n');
    expect(text).toContain('pullguard_pull_failures_foretold_total{foretold="false"} 1\n');
    const reasons = () => api.list('/api/v1/namespaces/shop/events').map(({ reason }) => reason);
    await expect.poll(reasons, { timeout: 5000 }).toContain('ImagePullFails');
  });

  test('knows its nodes if it is to', async () => {
    const { cluster, readMetrics } = await joinStandIn({ watchNodes: true });
    expect(cluster.settings.facts().nodes?.list()).toEqual([]);
    expect(await readMetrics()).toMatch(/^pullguard_facts_age_seconds\{fact="nodes"\} [\d.e-]+$/m);
  });

  test('looks at the pull secrets that a new policy names', async () => {
    let policy = MIRRORED;
    const { cluster } = await joinStandIn({}, () => policy);
    expect(cluster.settings.facts().pullSecrets?.find('shop', 'harbor')).toBeUndefined();
    policy = policyOf('registries: [{ hosts: [harbor.example.com], pullSecret: harbor }]');
    cluster.onPolicyChange();
    await expect.poll(() => cluster.settings.facts().pullSecrets?.find('shop', 'harbor')).toBe('absent');
  });

  test('tells of what it fixed by an Event, and counts it', async () => {
    const { cluster, api, readMetrics } = await joinStandIn({ callersAreProven: true });
    const review = requestFor(pod('nginx'), { namespace: 'default' });
    cluster.settings.onDecided?.(review, admit(review, 'mutate', MIRRORED, { facts: {}, now: 0 }));
    // Counted once the answer has come.
    await expect.poll(readMetrics).toContain('pullguard_events_total{result="written"} 2');
    expect(api.list('/api/v1/namespaces/default/events')).toHaveLength(2);
  });

  test('tells of what a registry answered too late by an Event on the object, for people to look at', async () => {
    const { cluster, api } = await joinStandIn({ callersAreProven: true });
    const { late } = cluster.settings;
    expect(late?.isTelling()).toBe(true);
    late?.tell(requestFor(pod('nginx'), { namespace: 'default' }), [finding({ action: 'warn' })]);
    await expect.poll(() => api.list('/api/v1/namespaces/default/events')).toHaveLength(1);
    const [event] = api.list('/api/v1/namespaces/default/events');
    expect(event).toMatchObject({ type: 'Warning', reason: 'ImagePullMayFail', involvedObject: { name: 'web' } });
  });

  test('does not say that it will where callers may be anybody, and does not', async () => {
    const { cluster, api } = await joinStandIn();
    const { late } = cluster.settings;
    expect(late?.isTelling()).toBe(false);
    late?.tell(requestFor(pod('nginx'), { namespace: 'default' }), [finding({ action: 'warn' })]);
    await cluster.close();
    expect(api.list('/api/v1/namespaces/default/events')).toEqual([]);
  });

  // Any pod may send a review, about any object and with any text.
  test('writes no Event on the word of callers that may be anybody', async () => {
    const { cluster, api } = await joinStandIn();
    const review = requestFor(pod('nginx'), { namespace: 'default' });
    cluster.settings.onDecided?.(review, admit(review, 'mutate', MIRRORED, { facts: {}, now: 0 }));
    await cluster.close();
    expect(api.list('/api/v1/namespaces/default/events')).toEqual([]);
  });

  // The same holds where only API servers know the path.
  test('answers reviews at a path that only API servers are told: a made-up review gets 404, and nothing says the path', async () => {
    const { cluster, api, lines, readMetrics } = await joinStandIn({ tlsSecret: 'own' });
    const secret = '/api/v1/namespaces/pullguard/secrets/own';
    const { findEndpoint } = cluster.settings;
    const readToken = (): string =>
      Buffer.from((api.get(secret)?.['data'] as { token: string } | undefined)?.token ?? '', 'base64').toString();
    await expect.poll(() => findEndpoint?.(`/${readToken()}/validate`)).toBe('validate');
    const { url, metrics, lines: ofApp } = await serveApp({ findEndpoint });
    const token = readToken();
    const send = async (path: string) => request(url).post(path).send(FINE);
    for (const path of ['/validate', '/mutate', '/', `/${token}`, `/${token}/x`, `/${token.slice(1)}/validate`]) {
      const answer = await send(path);
      expect([path, answer.status, answer.text.includes(token.slice(1))]).toEqual([path, 404, false]);
    }
    expect((await send(`/${token}/validate?timeout=3s`)).body).toEqual(FINE_ANSWER);
    expect((await request(url).get(`/${token}/validate`)).text).not.toContain(token);
    expect(await readCounter(metrics, 'pullguard_calls_refused_total', { reason: 'path' })).toBe(6);
    const printed = JSON.stringify([lines, ofApp]) + (await metrics.registry.metrics()) + (await readMetrics());
    expect(printed).not.toContain(token.slice(1));
    const made = requestFor(pod('nginx'), { namespace: 'default' });
    cluster.settings.onDecided?.(made, admit(made, 'mutate', MIRRORED, { facts: {}, now: 0 }));
    await expect.poll(() => api.list('/api/v1/namespaces/default/events')).toHaveLength(2);
  });

  test('leaves certificates alone unless it is to manage them', async () => {
    const { cluster, api } = await joinStandIn();
    expect(cluster.certificate).toBeUndefined();
    expect(cluster.settings.readiness).toBeUndefined();
    expect(api.requests.filter(({ path }) => path.includes('/leases') || path.includes('webhookconf'))).toEqual([]);
  });

  test('is given a certificate for its Service, and says that it leads', async () => {
    const { cluster, api, readMetrics } = await joinStandIn({ tlsSecret: 'own', service: 'guard' });
    await expect.poll(() => cluster.certificate?.current()).toBeDefined();
    await expect.poll(readMetrics).toContain('pullguard_leader 1');
    expect(api.get('/api/v1/namespaces/pullguard/secrets/own')).toBeDefined();
  });
});
