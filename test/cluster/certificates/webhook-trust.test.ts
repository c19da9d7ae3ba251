import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { planBundle, type TrustedAuthority } from '../../../src/cluster/certificates/webhook-configuration.ts';
import { watchWebhookTrust, type WebhookTrust } from '../../../src/cluster/certificates/webhook-trust.ts';
import type { CertificatePairs } from '../../../src/tls/self-signed.ts';
import type { Json } from '../../support/objects.ts';
import { createMemoryCluster, type MemoryCluster } from '../../support/stand-in-memory.ts';
import {
  configuration,
  fromBase64,
  makeTestPairs,
  MUTATING,
  NAMESPACE,
  NOT_OURS,
  pass,
  SERVICE,
  toBase64,
  TOKEN,
  VALIDATING,
} from './certificate-fixtures.ts';

vi.mock('../../../src/tls/authority.ts', async (importOriginal) =>
  (await import('../../tls/pooled-keys.ts')).poolKeys(importOriginal),
);

const OURS = [`${MUTATING}/pullguard`, `${VALIDATING}/pullguard`] as const;
const WAITING = `the validating webhook configuration "pullguard" does not have the CA of this certificate in caBundle yet: the leader writes it; if it cannot, see its log`;

let old: CertificatePairs;
let ours: CertificatePairs;
let server: MemoryCluster;
let trust: WebhookTrust;
let told: string[];
let infos: string[];
let misfits: string[];

beforeAll(async () => {
  old = await makeTestPairs(10);
  ours = await makeTestPairs();
});

beforeEach(() => {
  vi.useFakeTimers();
  server = createMemoryCluster();
  server.seed('/api/v1/namespaces', [{ metadata: { name: NAMESPACE } }]);
  [told, infos, misfits] = [[], [], []];
});

afterEach(() => {
  trust.close();
  vi.useRealTimers();
});

describe('whether the API server trusts a certificate', () => {
  test('is not known at first, which is no reason to call us ready', async () => {
    server.hang();
    await start();
    expect(problem()).toMatch(/^not known yet whether the mutating webhook configuration "pullguard" trusts/);
    expect(trust.holds(ours.authority.cert)).toBe(false);
  });

  test('goes by every webhook of ours in both configurations', async () => {
    await startWith([ours.authority.cert, old.authority.cert + ours.authority.cert], [ours.authority.cert]);
    expect([problem(), trust.holds(ours.authority.cert)]).toEqual([undefined, true]);
    expect(trust.problemWith(old.serving.cert)).toMatch(/^the mutating webhook configuration .* does not have the CA/);
    expect(trust.holds(old.authority.cert)).toBe(false);
  });

  test.each<[what: string, bundle: () => string, trusted: boolean]>([
    ['its CA', () => ours.authority.cert, true],
    ['its CA in Windows lines, after another and a remark', () => `# old\n${old.authority.cert}${windows()}`, true],
    ['another CA', () => old.authority.cert, false],
    ['nothing', () => '\n', false],
    ['half of its CA', () => ours.authority.cert.slice(0, 600), false],
    ['damage before its CA', () => `${damaged()}${ours.authority.cert}`, true],
  ])('goes by what can be read: %s', async (_what, bundle, trusted) => {
    await startWith([ours.authority.cert], [bundle()]);
    expect(problem()).toBe(trusted ? undefined : WAITING);
  });

  test('ends with the CA', async () => {
    await startWith([ours.authority.cert], [ours.authority.cert]);
    vi.setSystemTime(ours.authority.notAfter.getTime() + 1);
    expect(problem()).toMatch(/does not have the CA/);
  });

  test('does not depend on a configuration that was deleted, to switch us off; that is told', async () => {
    await startWith([ours.authority.cert], [ours.authority.cert, undefined]);
    expect(problem()).toBe(WAITING);
    server.remove(OURS[1]);
    await pass(0);
    expect(problem()).toBeUndefined();
    expect(misfits).toEqual([
      'the validating webhook configuration "pullguard" does not exist, so the API server does not call pullguard through it: apply the manifests, or give its name with --webhook-configuration',
    ]);
  });

  test('nor on those that were never there', async () => {
    await start();
    expect([problem(), await update(), misfits.length]).toEqual([undefined, true, 2]);
  });

  test.each<[what: string, webhooks: unknown]>([
    ['none', undefined],
    ['of another shape', { a: 1 }],
    ['that are none', [null, 'x', { clientConfig: null }]],
    [
      'of others',
      [{ clientConfig: { service: { ...SERVICE, namespace: 'elsewhere' } } }, { clientConfig: { url: 'x' } }],
    ],
  ])('nor on webhooks that are not ours, which are left alone: %s', async (_what, webhooks) => {
    for (const path of [MUTATING, VALIDATING]) server.seed(path, [{ metadata: { name: 'pullguard' }, webhooks }]);
    await start();
    expect([problem(), await update(), patches()]).toEqual([undefined, true, 0]);
  });
});

describe('names that do not fit', () => {
  const otherNamespace =
    'the mutating webhook configuration "pullguard" also selects the namespace "pullguard" of pullguard';

  test.each<[what: string, webhook: Json, problem: string | undefined]>([
    ['none', {}, undefined],
    [
      'another Service',
      { clientConfig: { service: { name: 'team-pullguard', namespace: 'guards' } } },
      'the mutating webhook configuration "pullguard" calls Service "team-pullguard" in namespace "guards", not Service "pullguard" in namespace "pullguard": fix clientConfig in it, or --service and the namespace of pullguard',
    ],
    [
      'a URL, which is not shown',
      { clientConfig: { url: 'https://10.0.0.1/secret/mutate' } },
      'the mutating webhook configuration "pullguard" calls a URL, not Service "pullguard" in namespace "pullguard": fix clientConfig in it, or --service and the namespace of pullguard',
    ],
    ['its own namespace among those that are sent', { namespaceSelector: undefined }, otherNamespace],
    [
      'another namespace in the place of its own',
      { namespaceSelector: { matchExpressions: [{ ...NOT_OURS, values: ['guards'] }] } },
      otherNamespace,
    ],
    [
      'other labels alone, by which its namespace may be left out',
      { namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'Exists' }] } },
      undefined,
    ],
    ['labels of its namespace', { namespaceSelector: { matchLabels: { team: 'a' } } }, undefined],
    [
      'only namespaces of certain names',
      {
        namespaceSelector: {
          matchExpressions: [{ ...NOT_OURS, operator: 'In', values: ['shop'] }],
        },
      },
      undefined,
    ],
  ])('are told once: %s', async (_what, webhook, problem) => {
    const fitting = configuration(undefined);
    const [first] = fitting['webhooks'] as [Json];
    server.seed(VALIDATING, [fitting]);
    server.seed(MUTATING, [{ ...fitting, webhooks: [{ ...first, ...webhook }] }]);
    await start();
    server.seed(MUTATING, [{ ...fitting, webhooks: [{ ...first, ...webhook, timeoutSeconds: 4 }] }]);
    await pass(0);
    expect(misfits).toEqual(problem === undefined ? [] : [expect.stringContaining(problem)]);
    expect([told, infos]).toEqual([[], []]);
  });
});

describe('the CA is given to the webhooks', () => {
  test('of ours in both configurations, before the old one, and nothing else changes', async () => {
    await startWith([undefined, 'not PEM', ours.authority.cert], [old.authority.cert]);
    const other = { name: 'other', clientConfig: { service: { name: 'x', namespace: 'y' }, caBundle: toBase64('x') } };
    const before = server.get(OURS[1])!;
    server.seed(VALIDATING, [{ ...before, webhooks: [...(before['webhooks'] as Json[]), other] }]);
    await pass(0);
    const [mutating, validating] = OURS.map((path) => withoutBundles(server.get(path)!));
    expect(await update()).toBe(true);
    expect(problem()).toBeUndefined();
    expect(bundlesAt(OURS[0])).toEqual(Array(3).fill(ours.authority.cert));
    expect(bundlesAt(OURS[1])).toEqual([ours.authority.cert + old.authority.cert, 'x']);
    expect(OURS.map((path) => withoutBundles(server.get(path)!))).toEqual([mutating, validating]);
    expect([await update(), patches()]).toEqual([true, 2]);
  });

  test('and the old one is taken away when it has served its time', async () => {
    await startWith([ours.authority.cert + old.authority.cert], [ours.authority.cert]);
    expect([await update(), bundlesAt(OURS[0])]).toEqual([true, [ours.authority.cert + old.authority.cert]]);
    await pass(1000);
    expect([await update(true), bundlesAt(OURS[0])]).toEqual([true, [ours.authority.cert]]);
  });

  const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'release', uid: 'uid-of-release' };

  test.each<[what: string, before: readonly string[], after: readonly string[]]>([
    ['nobody', [], ['wanted']],
    ['somebody else', ['other'], ['other', 'wanted']],
    ['a namespace of the same name that is gone', ['gone', 'other'], ['other', 'wanted']],
    ['it already', ['wanted', 'other'], ['wanted', 'other']],
  ])('and our namespace becomes the owner, so that both go together, where that is %s', async (_, before, after) => {
    const { uid } = server.get(`/api/v1/namespaces/${NAMESPACE}`)!.metadata;
    const wanted = { apiVersion: 'v1', kind: 'Namespace', name: NAMESPACE, uid };
    const owners: Readonly<Record<string, Json>> = { wanted, other, gone: { ...wanted, uid: 'gone' } };
    const ownerReferences = before.map((each) => owners[each]);
    const metadata = { name: 'pullguard', labels: { team: 'a' }, ...(before.length > 0 && { ownerReferences }) };
    server.seed(MUTATING, [{ ...configuration(ours.authority.cert), metadata }]);
    await start();
    await update();
    const expected = { labels: { team: 'a' }, ownerReferences: after.map((each) => owners[each]) };
    expect(server.get(OURS[0])!.metadata).toMatchObject(expected);
  });

  test('also when the Namespace may not be read, which is told', async () => {
    server.failNext({ status: 403, path: `/api/v1/namespaces/${NAMESPACE}`, times: 99 });
    await startWith([undefined], [undefined]);
    expect([await update(), problem()]).toEqual([true, undefined]);
    expect(told).toEqual([
      expect.stringMatching(
        /^the Namespace pullguard cannot be read, so the webhook configurations "pullguard" remain/,
      ),
    ]);
  });

  test('also where owners may only be set by who may delete, which is told', async () => {
    for (const path of OURS) server.failNext({ status: 403, path, method: 'PATCH' });
    await startWith([undefined], [undefined]);
    expect([await update(), problem()]).toEqual([true, undefined]);
    expect(told).toEqual([expect.stringMatching(/^the webhook configurations "pullguard" cannot get the Namespace/)]);
    for (const path of OURS) expect(server.get(path)?.metadata['ownerReferences']).toBeUndefined();
    expect([await update(), patches()]).toEqual([true, 4]);
  });

  test('and a refusal is told once; the other configuration gets it all the same', async () => {
    server.failNext({ status: 403, path: OURS[0], method: 'PATCH', times: 99 });
    await startWith([undefined], [undefined]);
    for (let time = 0; time < 2; time++) {
      expect(await update()).toBe(false);
      await pass(1000);
    }
    expect(bundlesAt(OURS[1])).toEqual([ours.authority.cert]);
    expect(told).toEqual([
      expect.stringMatching(
        /^cannot write the CA of the certificate to the mutating webhook configuration "pullguard": .*403/,
      ),
    ]);
  });

  test('and somebody who was faster is no trouble: it is given to what is there then', async () => {
    await startWith([undefined], [ours.authority.cert]);
    server.delay(300, { method: 'PATCH' });
    const updated = update();
    await pass(100);
    server.seed(MUTATING, [{ ...configuration(undefined), metadata: { name: 'pullguard', labels: { new: 'yes' } } }]);
    await pass(300);
    expect(await updated).toBe(false);
    server.recover();
    await pass(1000);
    expect(await update()).toBe(true);
    expect(server.get(OURS[0])?.metadata['labels']).toEqual({ new: 'yes' });
    expect(told).toEqual([]);
  });

  test('but not more often than once a second, when somebody takes it away as fast', async () => {
    await startWith([undefined], [ours.authority.cert]);
    expect(await update()).toBe(true);
    server.seed(MUTATING, [configuration(undefined)]);
    await pass(900);
    expect(await update()).toBe(false);
    await pass(100);
    expect([await update(), bundlesAt(OURS[0])]).toEqual([true, [ours.authority.cert]]);
  });
});

describe('the path is given to the webhooks', () => {
  const other = `/${'0'.repeat(64)}/mutate`;

  test.each<[what: string, path: string | undefined, dropOlder: boolean, isReplaced: boolean]>([
    ['none, as the manifests have it', undefined, false, true],
    ['one that anybody may guess, as somebody wrote it', '/mutate', false, true],
    ['a longer one, which is no harder to guess', '/webhook/mutate', false, true],
    ['one of a token before, which replicas may still wait for', other, false, false],
    ['one of a token before, which every replica has heard the last of', other, true, true],
  ])('in the write that gives the CA, in place of %s', async (_what, path, dropOlder, isReplaced) => {
    server.seed(MUTATING, [withPath(path)]);
    server.seed(VALIDATING, [withPath(undefined)]);
    await start();
    expect([await update(dropOlder), patches()]).toEqual([true, 2]);
    expect(pathsAt(OURS[0])).toEqual([isReplaced ? `/${TOKEN}/mutate` : path]);
    expect(pathsAt(OURS[1])).toEqual([`/${TOKEN}/validate`]);
    expect(trust.namedPaths()).toEqual([
      { endpoint: 'mutate', path: pathsAt(OURS[0])[0] },
      { endpoint: 'validate', path: `/${TOKEN}/validate` },
    ]);
  });

  test('which is not told of, not even in the words of an API server that takes exception to it', async () => {
    server.failNext({ status: 422, path: OURS[0], method: 'PATCH', message: `Invalid value: "/${TOKEN}/mutate"` });
    await startWith([undefined], [undefined]);
    expect(await update()).toBe(false);
    expect(told).toEqual([expect.stringContaining('Invalid value: "/…/mutate"')]);
    expect([...told, ...infos].join()).not.toContain(TOKEN);
  });

  function withPath(path: string | undefined): Json {
    const { webhooks, ...rest } = configuration(undefined);
    const [webhook] = webhooks as [Json];
    return { ...rest, webhooks: [{ ...webhook, clientConfig: { service: { ...SERVICE, path, port: 443 } } }] };
  }

  function pathsAt(at: string): readonly unknown[] {
    const webhooks = server.get(at)!['webhooks'] as { clientConfig: { service: Json } }[];
    return webhooks.map(({ clientConfig }) => clientConfig.service['path']);
  }
});

describe('the CAs to trust', () => {
  const now = new Date('2026-06-01');
  const at = (pem: string, from: string, to: string): TrustedAuthority => {
    return { pem, notBefore: new Date(from), notAfter: new Date(to) };
  };
  const own = at('own', '2026-05-01', '2036-01-01');
  const before = at('before', '2020-01-01', '2030-01-01');
  const expired = at('expired', '2016-01-01', '2026-01-01');
  const younger = at('younger', '2026-05-31', '2036-01-01');

  test.each<[why: string, current: TrustedAuthority[], dropOlder: boolean, planned: TrustedAuthority[]]>([
    ['ours is added first', [before], false, [own, before]],
    ['an expired one leaves', [own, expired], false, [own]],
    ['older ones leave in the end', [own, before, expired], true, [own]],
    ['a younger one never does: it is we who are behind', [younger, own, before], true, [own, younger]],
    ['ours once is enough', [own, before, own], false, [own, before]],
  ])('%s', (_why, current, dropOlder, planned) => {
    expect(planBundle(current, own, { dropOlder, now })).toEqual(planned);
  });

  test('do not grow without end, even where somebody deletes the Secret every minute', () => {
    let bundle: readonly TrustedAuthority[] = [];
    for (let minute = 0; minute < 30; minute++) {
      const next = at(`CA ${minute}`, '2026-05-01', '2036-01-01');
      bundle = planBundle(bundle, next, { dropOlder: false, now });
      expect(bundle[0]).toBe(next);
    }
    expect(bundle).toHaveLength(10);
  });
});

async function start(): Promise<void> {
  trust = watchWebhookTrust({
    api: server.connect(),
    name: 'pullguard',
    service: SERVICE,
    namespace: NAMESPACE,
    onChange: () => undefined,
    onError: (message) => told.push(message),
    onInfo: (message) => infos.push(message),
    onMisfit: (problem) => misfits.push(problem),
  });
  await pass(0);
}

type Bundles = readonly (string | undefined)[];

async function startWith(mutating: Bundles, validating: Bundles): Promise<void> {
  server.seed(MUTATING, [configuration(...mutating)]);
  server.seed(VALIDATING, [configuration(...validating)]);
  await start();
}

function problem(): string | undefined {
  return trust.problemWith(ours.serving.cert);
}

/** And hears of what has come of it. */
async function update(dropOlder = false): Promise<boolean> {
  const isDone = await trust.update({ authority: ours.authority.cert, token: TOKEN, dropOlder });
  await pass(0);
  return isDone;
}

function bundlesAt(path: string): readonly string[] {
  const webhooks = server.get(path)!['webhooks'] as { clientConfig: Json }[];
  return webhooks.map(({ clientConfig }) => fromBase64(clientConfig['caBundle']));
}

/** And without paths, what every write changes, and the owners. */
function withoutBundles(object: Json): unknown {
  const left = ['caBundle', 'path', 'resourceVersion', 'ownerReferences'];
  return JSON.parse(JSON.stringify(object, (key, value: unknown) => (left.includes(key) ? undefined : value)));
}

function patches(): number {
  return server.requests.filter(({ method }) => method === 'PATCH').length;
}

function windows(): string {
  return ours.authority.cert.replaceAll('\n', '\r\n');
}

function damaged(): string {
  return old.authority.cert.replace(/\n[^-\n]{20}/, `\n${'A'.repeat(20)}`);
}
