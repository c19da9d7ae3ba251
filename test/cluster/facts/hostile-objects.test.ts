import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { watchFacts, type FactsSource } from '../../../src/cluster/facts/watch-facts.ts';
import { createKeyringReader } from '../../../src/cluster/facts/read-keyring.ts';
import { MOST_KEPT_OF_NAMESPACE } from '../../../src/text/bounds.ts';
import type { Json } from '../../support/objects.ts';
import { startStandIn, type StandInApiServer } from '../../support/stand-in-api-server.ts';
import { connectTo } from '../../support/stand-in-connection.ts';
import { pullSecret, seedCluster, serviceAccount } from './fact-objects.ts';

const SECRETS = '/api/v1/secrets';
const ACCOUNTS = '/api/v1/serviceaccounts';
const MIB = 1024 * 1024;

let server: StandInApiServer;
let errors: string[];

beforeEach(async () => {
  server = await startStandIn();
  onTestFinished(() => server.stop());
  seedCluster(server);
  errors = [];
});

const many = <Made>(count: number, make: (at: number) => Made): readonly Made[] =>
  Array.from({ length: count }, (_, at) => make(at));

function watch(): FactsSource {
  const onError = (message: string) => errors.push(message);
  const source = watchFacts({ api: connectTo(server), secrets: 'all', pullSecretNames: [], nodes: true, onError });
  onTestFinished(source.close);
  return source;
}

/** As Go writes them: what an object is called comes first. */
function padded(object: Json, bytes: number): Json {
  const metadata = { ...(object['metadata'] as Json), uid: 'u', annotations: { x: 'x'.repeat(bytes) } };
  return { ...object, metadata };
}

const largeSecret = (name: string): Json =>
  pullSecret(
    `hostile/${name}`,
    many(25_500, (at) => `r${at}`),
  );

// `edit` in one namespace is enough to write each of them.
describe.each<[what: string, path: string, objects: () => readonly Json[], notKnown: readonly string[], says: string]>([
  [
    '4 pull secrets of 25,500 keys',
    SECRETS,
    () => many(4, (at) => largeSecret(`s${at}`)),
    ['s0', 's3'],
    'ignored hostile/s0 of /api/v1/secrets: its docker config is larger than 256 KiB',
  ],
  [
    'one of 12 MiB',
    SECRETS,
    () => [padded(pullSecret('hostile/a', []), 12 * MIB)],
    ['a'],
    'ignored hostile/a of /api/v1/secrets: it is larger than 8 MiB or 400,000 values',
  ],
  [
    'a page of 40 MiB',
    SECRETS,
    () => many(80, (at) => padded(pullSecret(`hostile/s${at}`, ['r.example.com']), MIB / 2)),
    [],
    '',
  ],
  [
    '6 service accounts with 75,000 names',
    ACCOUNTS,
    () =>
      many(6, (at) =>
        serviceAccount(
          `hostile/a${at}`,
          many(75_000, (n) => String(n)),
        ),
      ),
    ['a0', 'a5'],
    'ignored hostile/a0 of /api/v1/serviceaccounts: it',
  ],
  [
    'one of 300,000 empty names',
    ACCOUNTS,
    () => [{ ...serviceAccount('hostile/a'), imagePullSecrets: many(500_000, () => ({})) }],
    ['a'],
    'it is larger than 8 MiB or 400,000 values',
  ],
  [
    '5,000 pull secrets',
    SECRETS,
    () => many(5000, (at) => pullSecret(`hostile/s${String(at).padStart(5, '0')}`, [`r${at}.example.com`])),
    ['s04999'],
    '/api/v1/secrets in namespace hostile has more than 1 MiB to keep',
  ],
])('%s', (...[, path, objects, notKnown, says]) => {
  test('cost the others nothing', { timeout: 60_000 }, async () => {
    server.seed(path, objects());
    const source = watch();
    await source.synced;
    const { pullSecrets, serviceAccounts, nodes } = source.current();
    expect(pullSecrets?.find('web', 'default-secret')).toMatchObject({ type: 'kubernetes.io/dockerconfigjson' });
    expect(pullSecrets?.find('web', 'nowhere')).toBe('absent');
    expect(serviceAccounts?.find('web', 'default')?.pullSecrets).toEqual(['third']);
    expect(nodes?.list()).toHaveLength(2);
    // Not `absent`, which would be a reason to refuse.
    const facts = path === SECRETS ? pullSecrets : serviceAccounts;
    expect(notKnown.map((name) => facts?.find('hostile', name))).toEqual(notKnown.map(() => undefined));
    expect(errors).toEqual(says === '' ? [] : expect.arrayContaining([expect.stringContaining(says)]));
    expect(new Set(errors).size).toBe(errors.length);
    expect(sizeOfKept(source)).toBeLessThan(3 * MOST_KEPT_OF_NAMESPACE);
  });
});

/** What a heap dump would count, roughly. */
function sizeOfKept(source: FactsSource): number {
  const { pullSecrets, serviceAccounts } = source.current();
  const names = [...server.list(SECRETS), ...server.list(ACCOUNTS)].map(({ metadata }) => metadata);
  return names.reduce((sum, { name, namespace = '' }) => {
    const found = [pullSecrets?.find(namespace, name), serviceAccounts?.find(namespace, name)];
    return sum + JSON.stringify(found).length;
  }, 0);
}

test('an event that is too large passes its object over, and the watch goes on', async () => {
  const source = watch();
  await source.synced;
  await expect.poll(() => server.openWatches()).toBe(5);
  const asked = server.requests.length;
  server.seed(SECRETS, [padded(pullSecret('web/default-secret', []), 9 * MIB), pullSecret('web/new', ['new.example'])]);
  await expect.poll(() => source.current().pullSecrets?.find('web', 'new')).toHaveProperty('entries');
  expect(source.current().pullSecrets?.find('web', 'default-secret')).toBeUndefined();
  expect(errors).toEqual([expect.stringMatching(/^ignored web\/default-secret of .*: it is larger than 8 MiB/)]);
  server.seed(SECRETS, [pullSecret('web/default-secret', ['small.example'])]);
  await expect.poll(() => source.current().pullSecrets?.find('web', 'default-secret')).toHaveProperty('entries');
  expect(server.requests).toHaveLength(asked);
});

test('of a pull secret that is read for a pod no more is taken than of one that is kept', async () => {
  server.seed(SECRETS, [largeSecret('many'), padded(pullSecret('hostile/large', []), 9 * MIB)]);
  server.seed(
    SECRETS,
    many(60, (at) =>
      pullSecret(
        `hostile/s${at}`,
        many(10, (n) => `r${at}-${n}.example.com`),
      ),
    ),
  );
  const read = createKeyringReader({ api: connectTo(server), secrets: 'all', pullSecretNames: () => [] });
  // A stand-in on a busy machine may take longer to send 9 MiB than a review waits.
  const readAtLast = (...names: string[]) => expect.poll(async () => read('hostile', names).catch(() => 'not yet'));
  await readAtLast('many').toEqual({ entries: [], isComplete: false });
  await readAtLast('large', 's0').toMatchObject({ entries: { length: 10 }, isComplete: false });
  const asked = server.requests.length;
  const keyring = await read(
    'hostile',
    many(60, (at) => `s${at}`),
  );
  expect([keyring.entries.length, keyring.isComplete, server.requests.length - asked]).toEqual([300, false, 50]);
});
