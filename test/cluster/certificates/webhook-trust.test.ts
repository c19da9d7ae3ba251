import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type { CertificatePairs } from '../../../src/cluster/certificates/certificate-secret.ts';
import { watchWebhookTrust, type WebhookTrust } from '../../../src/cluster/certificates/webhook-trust.ts';
import type { Json } from '../../support/objects.ts';
import { startStandIn, type StandInApiServer } from '../../support/stand-in-api-server.ts';
import { connectTo } from '../../support/stand-in-connection.ts';
import { configuration, fromBase64, makePairs, NAMESPACE, SERVICE } from './certificate-fixtures.ts';

const MUTATING = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const VALIDATING = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
const OURS = [`${MUTATING}/pullguard`, `${VALIDATING}/pullguard`];

let old: CertificatePairs;
let ours: CertificatePairs;
let standIn: StandInApiServer;
let trust: WebhookTrust;
let told: string[];
let infos: string[];
let changes: number;

beforeAll(async () => {
  [old, ours] = await Promise.all([makePairs(10), makePairs()]);
});

beforeEach(async () => {
  standIn = await startStandIn();
  standIn.seed('/api/v1/namespaces', [{ metadata: { name: NAMESPACE } }]);
  told = [];
  infos = [];
  changes = 0;
});

afterEach(async () => {
  trust.close();
  await standIn.stop();
});

describe('whether the API server trusts a certificate', () => {
  test('is not known at first, and no reason to call us ready', async () => {
    standIn.hang();
    start();
    expect(trust.problemWith(ours.serving.cert)).toMatch(/^it is not known yet whether the mutating webhook config/);
    expect(trust.holds(ours.authority.cert)).toBe(false);
    await Promise.resolve();
  });

  test('is so when every webhook of both configurations has its CA', async () => {
    seed([ours.authority.cert, old.authority.cert + ours.authority.cert], [ours.authority.cert]);
    start();
    await untilTrusted();
    expect(trust.holds(ours.authority.cert)).toBe(true);
    expect([trust.problemWith(old.serving.cert) === undefined, trust.holds(old.authority.cert)]).toEqual([
      false,
      false,
    ]);
  });

  test('is not so when one of them lacks it, and the log and /readyz can say which', async () => {
    seed([ours.authority.cert], [ours.authority.cert, undefined]);
    start();
    await vi.waitFor(() => {
      expect(trust.problemWith(ours.serving.cert)).toBe(
        'the validating webhook configuration "pullguard" does not trust our certificate yet: the replica that leads writes the CA there, and says in its log if it cannot',
      );
    });
  });

  test('does not hang on a configuration that was deleted, to switch us off; that is told', async () => {
    seed([ours.authority.cert], [undefined]);
    start();
    await vi.waitFor(() => {
      expect(trust.problemWith(ours.serving.cert)).toMatch(/validating .* does not trust/);
    });
    standIn.remove(OURS[1]!);
    await untilTrusted();
    expect(infos).toEqual([
      'the validating webhook configuration "pullguard" does not exist, so nothing is asked of us through it; apply the manifests if it should',
    ]);
  });

  test('nor on those that were never there', async () => {
    start();
    await untilTrusted();
    expect(infos).toHaveLength(2);
    expect(await update()).toBe(true);
  });

  test('stays known when the API server is lost', async () => {
    seed([ours.authority.cert], [ours.authority.cert]);
    start();
    await untilTrusted();
    await standIn.stop();
    await vi.waitFor(() => {
      expect(told.length).toBeGreaterThan(0);
    });
    expect(trust.problemWith(ours.serving.cert)).toBeUndefined();
    await standIn.restart();
  });
});

describe('the CA is given to the webhooks', () => {
  test('of both configurations, the rest of them stays, and our namespace becomes their owner', async () => {
    seed([undefined], [old.authority.cert]);
    start();
    await untilKnown();
    expect(await update()).toBe(true);
    await untilTrusted();
    expect(bundlesOf(MUTATING)).toEqual([ours.authority.cert]);
    expect(bundlesOf(VALIDATING)).toEqual([ours.authority.cert + old.authority.cert]);
    const { uid } = standIn.get(`/api/v1/namespaces/${NAMESPACE}`)!.metadata;
    for (const path of OURS) {
      const { metadata, ...rest } = standIn.get(path)!;
      expect(metadata).toMatchObject({
        labels: { app: 'pullguard' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Namespace', name: NAMESPACE, uid }],
      });
      expect((rest['webhooks'] as Json[])[0]).toMatchObject({ failurePolicy: 'Ignore' });
    }
    expect(patches()).toBe(2);
    expect(await update()).toBe(true);
    expect(patches()).toBe(2);
  });

  test('and the old one is taken away when it has served its time', async () => {
    seed([ours.authority.cert + old.authority.cert], [ours.authority.cert]);
    start();
    await untilTrusted();
    expect(await update(true)).toBe(true);
    expect(bundlesOf(MUTATING)).toEqual([ours.authority.cert]);
  });

  test('also when the Namespace may not be read, which is told', async () => {
    seed([undefined], [undefined]);
    standIn.failNext({ status: 403, path: `/api/v1/namespaces/${NAMESPACE}`, times: 99 });
    start();
    await untilKnown();
    expect(await update()).toBe(true);
    await untilTrusted();
    expect(told).toEqual([
      expect.stringMatching(/^the Namespace pullguard cannot be read, so the webhook configurations "pullguard" stay/),
    ]);
  });

  test('also where owners may only be set by who may delete, which is told', async () => {
    seed([undefined], [undefined]);
    standIn.failNext({ status: 403, path: OURS[0]!, method: 'PATCH', times: 1 });
    standIn.failNext({ status: 403, path: OURS[1]!, method: 'PATCH', times: 1 });
    start();
    await untilKnown();
    expect(await update()).toBe(true);
    await untilTrusted();
    expect(told).toEqual([
      expect.stringMatching(/^the webhook configurations "pullguard" cannot be given the Namespace/),
    ]);
    for (const path of OURS) expect(standIn.get(path)?.metadata['ownerReferences']).toBeUndefined();
    expect(await update()).toBe(true);
    expect(patches()).toBe(4);
  });

  test('and a refusal is told once, with what was refused; the other configuration gets it all the same', async () => {
    seed([undefined], [undefined]);
    standIn.failNext({ status: 403, path: OURS[0]!, method: 'PATCH', times: 99 });
    start();
    await untilKnown();
    expect(await update()).toBe(false);
    await vi.waitFor(async () => {
      expect(await update()).toBe(false);
      expect(patches(OURS[0])).toBe(2);
    }, WAIT);
    expect(bundlesOf(VALIDATING)).toEqual([ours.authority.cert]);
    expect(told).toEqual([
      expect.stringMatching(
        /^the mutating webhook configuration "pullguard" cannot be given the CA of our certificate: .*403/,
      ),
    ]);
  });

  test('and somebody who was faster is no trouble: it is given to what is there then', async () => {
    seed([undefined], [ours.authority.cert]);
    start();
    await untilKnown();
    standIn.delay(300, { method: 'PATCH' });
    const updated = update();
    await vi.waitFor(() => {
      expect(patches(OURS[0])).toBe(1);
    }, WAIT);
    standIn.seed(MUTATING, [{ ...configuration(undefined), metadata: { name: 'pullguard', labels: { new: 'yes' } } }]);
    expect(await updated).toBe(false);
    standIn.recover();
    await vi.waitFor(async () => {
      expect(await update()).toBe(true);
    }, WAIT);
    expect(standIn.get(OURS[0]!)?.metadata['labels']).toEqual({ new: 'yes' });
    expect(told).toEqual([]);
  });

  test('but not more often than once a second, when somebody takes it away as fast', async () => {
    seed([undefined], [ours.authority.cert]);
    start();
    await untilKnown();
    await update();
    await untilTrusted();
    const before = changes;
    seed([undefined], [ours.authority.cert]);
    await vi.waitFor(() => {
      expect(changes).toBeGreaterThan(before);
    });
    expect(await update()).toBe(false);
    await vi.waitFor(async () => {
      expect(await update()).toBe(true);
    }, WAIT);
    await untilTrusted();
  });
});

const WAIT = { timeout: 5000, interval: 20 };

function start(): void {
  trust = watchWebhookTrust({
    api: connectTo(standIn, NAMESPACE),
    name: 'pullguard',
    service: SERVICE,
    namespace: NAMESPACE,
    onChange: () => (changes += 1),
    onError: (message) => told.push(message),
    onInfo: (message) => infos.push(message),
  });
}

function seed(mutating: readonly (string | undefined)[], validating: readonly (string | undefined)[]): void {
  standIn.seed(MUTATING, [configuration(...mutating)]);
  standIn.seed(VALIDATING, [configuration(...validating)]);
}

async function update(dropOlder = false): Promise<boolean> {
  return trust.update({ authority: ours.authority.cert, dropOlder });
}

async function untilKnown(): Promise<void> {
  await vi.waitFor(() => {
    expect(trust.problemWith(old.serving.cert) ?? '').not.toMatch(/not known yet/);
  }, WAIT);
}

async function untilTrusted(): Promise<void> {
  await vi.waitFor(() => {
    expect(trust.problemWith(ours.serving.cert)).toBeUndefined();
  }, WAIT);
}

function bundlesOf(collection: string): readonly string[] {
  const webhooks = standIn.get(`${collection}/pullguard`)!['webhooks'] as { clientConfig: Json }[];
  return webhooks.map(({ clientConfig }) => fromBase64(clientConfig['caBundle']));
}

function patches(path?: string): number {
  return standIn.requests.filter((each) => each.method === 'PATCH' && (path === undefined || each.path === path))
    .length;
}
