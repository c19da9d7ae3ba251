import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { TooLargeError } from '../../../src/cluster/connection/api-server.ts';
import { startReflector, type Reflector, type ReflectorOptions } from '../../../src/cluster/connection/reflector.ts';
import { readString } from '../../../src/text/json.ts';
import type { Json } from '../../support/objects.ts';
import type { SeenRequest } from '../../support/stand-in-cluster.ts';
import { createMemoryCluster, type MemoryCluster } from '../../support/stand-in-memory.ts';

const SECRETS = '/api/v1/secrets';
const ONE = '/api/v1/namespaces/web/secrets/one';
const SECOND = 1000;

let server: MemoryCluster;
let changes: string[];
let errors: string[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  server = createMemoryCluster();
  [changes, errors] = [[], []];
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const secret = (name: string, type = 'a'): Json => ({ type, metadata: { name, namespace: 'web' } });
const secrets = (count: number): readonly Json[] => Array.from({ length: count }, (_, at) => secret(`s${at}`));

/** Keeps `name type`, cannot read the type `odd`, and has had the time to list and to watch. */
async function reflect(seeded: readonly Json[], options: Partial<ReflectorOptions<string>> = {}) {
  server.seed(SECRETS, seeded);
  const reflector: Reflector<string> = startReflector({
    api: server.connect(),
    path: SECRETS,
    keep: (object) => {
      const type = readString(object, 'type');
      if (type === 'odd') throw new Error('it is odd');
      return `${readString(object, 'metadata', 'name')} ${type}`;
    },
    onChange: (kept) => changes.push(kept ?? 'gone'),
    onError: (message) => errors.push(message),
    ...options,
  });
  onTestFinished(reflector.close);
  await pass(0);
  return reflector;
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

const isWatch = ({ query }: SeenRequest): boolean => query['watch'] === 'true';
const lists = (): readonly SeenRequest[] => server.requests.filter((request) => !isWatch(request));
const watches = (): readonly SeenRequest[] => server.requests.filter(isWatch);

describe('in step with the API server', () => {
  test('a collection of many pages is known whole', async () => {
    const reflector = await reflect(secrets(1200));
    expect([reflector.size(), reflector.hasSynced(), reflector.find('web', 's1199')]).toEqual([1200, true, 's1199 a']);
    expect(changes).toHaveLength(1200);
    expect(lists()).toHaveLength(3);
    // Watches of all replicas that ended at the same moment would come back to the API server at the same moment.
    const query = { resourceVersion: '1201', allowWatchBookmarks: 'true', timeoutSeconds: '450' };
    expect(watches().map((each) => each.query)).toEqual([expect.objectContaining(query)]);
  });

  test('what is created, changed and deleted is seen', async () => {
    const reflector = await reflect([secret('one')]);
    server.seed(SECRETS, [secret('two'), secret('one', 'b')]);
    server.remove(ONE);
    await pass(0);
    expect(changes).toEqual(['one a', 'two a', 'one b', 'gone']);
    expect([...reflector.values()]).toEqual(['two a']);
  });

  // A role with resourceNames grants nothing more than this, in all namespaces too.
  test('one name in all namespaces is asked for as a role grants it', async () => {
    const inShop = { type: 'b', metadata: { name: 'one', namespace: 'shop' } };
    const reflector = await reflect([secret('other'), inShop, secret('one')], { fieldSelector: 'metadata.name=one' });
    expect([...reflector.values(), reflector.find('shop', 'one')]).toEqual(['one b', 'one a', 'one b']);
    expect(server.requests.map(({ path, query }) => [path, query['fieldSelector']])).toEqual(
      Array(2).fill([SECRETS, 'metadata.name=one']),
    );
  });

  test('what is in no namespace is found by its name, and what has no name is no object', async () => {
    server.seed('/api/v1/namespaces', [{ metadata: { name: 'web' } }]);
    const reflector = await reflect([], { path: '/api/v1/namespaces' });
    for (const type of ['ADDED', 'DELETED']) server.sendToWatches({ type, object: { type: 'x', metadata: {} } });
    await pass(0);
    expect([reflector.find('', 'web'), changes, errors]).toEqual(['web ', ['web '], []]);
  });

  test('an object that cannot be read is left out and told once, until it is good or gone; the others stay', async () => {
    const told = `ignored web/one of ${SECRETS}: it is odd`;
    const reflector = await reflect([secret('one', 'odd'), secret('two')]);
    expect([...reflector.values(), ...errors]).toEqual(['two a', told]);
    server.seed(SECRETS, [{ ...secret('one', 'odd'), more: 1 }, secret('one', 'good'), secret('one', 'odd')]);
    server.remove(ONE);
    server.seed(SECRETS, [secret('one', 'odd')]);
    await pass(0);
    expect(changes.slice(1)).toEqual(['one good', 'gone']);
    expect(errors).toEqual([told, told, told]);
  });

  test('what stays the same in all that is kept stays the same object, and is no change', async () => {
    const told: unknown[] = [];
    const reflector = startReflector<Json>({
      api: server.connect(),
      path: SECRETS,
      keep: (object) => ({ type: readString(object, 'type') }),
      isSame: (before, after) => before['type'] === after['type'],
      onChange: (kept) => told.push(kept?.['type']),
      onError: (message) => errors.push(message),
    });
    onTestFinished(reflector.close);
    server.seed(SECRETS, [secret('one')]);
    await pass(0);
    const first = reflector.find('web', 'one');
    server.seed(SECRETS, [{ ...secret('one'), time: 1 }]);
    server.compact();
    server.disconnectWatches();
    server.seed(SECRETS, [{ ...secret('one'), time: 2 }]);
    await pass(SECOND);
    expect(lists()).toHaveLength(2);
    expect(reflector.find('web', 'one')).toBe(first);
    server.seed(SECRETS, [secret('one', 'b')]);
    await pass(0);
    expect(told).toEqual(['a', 'b']);
  });
});

// Otherwise it would come again each time, and nothing after it.
test('after an event that is too large, of an object that nobody can tell, comes a list', async () => {
  const api = server.connect();
  let isFirst = true;
  const watch: typeof api.watch = async function* (path, options) {
    if (!isFirst) yield* api.watch(path, options);
    isFirst = false;
    throw new TooLargeError('it is too large');
  };
  await reflect([secret('one')], { api: { ...api, watch } });
  server.seed(SECRETS, [secret('two')]);
  await pass(SECOND);
  expect([changes, lists().length, errors]).toEqual([
    ['one a', 'two a'],
    2,
    [`cannot watch ${SECRETS}: it is too large`],
  ]);
});

test('what is let go for lack of room is listed again when there is room, at the end of a watch', async () => {
  const names = Array.from({ length: 1500 }, (_, at) => `s${String(at).padStart(4, '0')}`);
  const large = (name: string): Json => secret(name, 'x'.repeat(1000));
  const reflector = await reflect(names.map(large));
  const size = reflector.size();
  expect([size < 1000, reflector.mayHold('web', 's1499'), errors.length]).toEqual([true, true, 1]);
  for (const name of names.slice(0, 800)) server.remove(`/api/v1/namespaces/web/secrets/${name}`);
  await pass(0);
  server.disconnectWatches();
  await pass(SECOND);
  expect([reflector.size(), reflector.isWhole(), reflector.find('web', 's1499')?.length]).toEqual([700, true, 1006]);
});

describe('a watch that ends', () => {
  test.each(['end', 'cut'] as const)(
    'goes on from where it was, without a list and without a word (%s)',
    async (how) => {
      await reflect([secret('one')]);
      server.seed(SECRETS, [secret('two')]);
      await pass(0);
      server.disconnectWatches(how);
      server.remove(ONE);
      server.seed(SECRETS, [secret('three')]);
      await pass(SECOND);
      expect(changes).toEqual(['one a', 'two a', 'gone', 'three a']);
      expect(lists()).toHaveLength(1);
      expect(watches()[1]?.query['resourceVersion']).toBe('3');
      expect(errors).toEqual([]);
    },
  );

  // In a quiet collection of a busy cluster the last event soon expires, and each lost connection would cost a list.
  test('goes on from a bookmark', async () => {
    await reflect([secret('one')]);
    server.seed('/api/v1/configmaps', [secret('other')]);
    server.bookmark();
    await pass(0);
    server.disconnectWatches();
    await pass(SECOND);
    expect(watches()[1]?.query['resourceVersion']).toBe('3');
  });

  test.each([
    ['in an event', false],
    ['as an answer', true],
  ])('and whose version has expired, as said %s, makes a new list; what vanished is gone', async (_how, isAnswer) => {
    const reflector = await reflect([secret('one'), secret('two')]);
    server.stop();
    server.remove(ONE);
    server.seed(SECRETS, [secret('three')]);
    server.compact();
    if (isAnswer) server.failNext({ status: 410, watch: true });
    server.restart();
    await pass(SECOND);
    expect([...reflector.values()].sort()).toEqual(['three a', 'two a']);
    expect(changes.slice(2)).toEqual(['gone', 'three a']);
    expect(errors).toEqual([]);
    // It lists, watches, comes back to watch, and then does not try that again.
    expect(server.requests.slice(0, 4).map(isWatch)).toEqual([false, true, true, false]);
  });

  test('with any other error goes on from where it was', async () => {
    const reflector = await reflect([secret('one')]);
    server.sendToWatches({ type: 'ERROR', object: { kind: 'Status', code: 500, message: 'etcd is\nslow' } });
    server.seed(SECRETS, [secret('two')]);
    await pass(SECOND);
    expect([reflector.size(), lists().length]).toEqual([2, 1]);
    expect(errors).toEqual([`cannot watch ${SECRETS}: the API server ended it with etcd is\\nslow`]);
  });

  // After etcd was restored from a backup its versions begin anew, and ours lies in a future that is long in coming.
  test('and is refused time and again makes a new list', async () => {
    await reflect([secret('one')]);
    server.failNext({ status: 504, times: 5, watch: true, message: 'Too large resource version' });
    server.disconnectWatches();
    await pass(30 * SECOND);
    expect([lists().length, server.openWatches()]).toEqual([2, 1]);
    expect(errors).toEqual([expect.stringContaining('Too large resource version')]);
  });

  test('because nothing came any more goes on over another connection, and in the end makes a new list', async () => {
    const reflector = await reflect([secret('one')]);
    await pass(140 * SECOND);
    expect(reflector.ageSeconds()).toBe(140);
    await pass(11 * SECOND);
    expect([watches().length, lists().length]).toEqual([2, 1]);
    // A watch that is accepted again shows that what is known is right.
    expect(reflector.ageSeconds()).toBeLessThan(2);
    server.seed(SECRETS, [secret('two')]);
    await pass(0);
    expect(reflector.size()).toBe(2);
    await pass(6 * 151 * SECOND);
    expect([lists().length, errors]).toEqual([2, []]);
  });
});

describe('a list', () => {
  test('that the API server forgets halfway is begun again', async () => {
    server.failNext({ status: 410, continued: true });
    const reflector = await reflect(secrets(600));
    await pass(SECOND);
    expect([reflector.size(), lists().length]).toEqual([600, 4]);
    expect(errors).toEqual([expect.stringContaining(`cannot list ${SECRETS}: `)]);
  });

  test('that is never answered is begun again', async () => {
    server.hang();
    const reflector = await reflect([secret('one')]);
    await pass(30 * SECOND);
    server.recover();
    await pass(SECOND);
    expect([reflector.size(), errors]).toEqual([1, [expect.stringContaining('no answer')]]);
  });

  // Otherwise every pull secret were missing for as long as a list takes, and pods refused that are fine.
  test('that goes on for long takes nothing away before it ends', async () => {
    const reflector = await reflect(secrets(600));
    server.remove('/api/v1/namespaces/web/secrets/s1');
    server.hang({ continued: true });
    server.compact();
    server.disconnectWatches();
    await pass(SECOND);
    expect(server.hungRequests()).toBe(1);
    expect([reflector.size(), reflector.find('web', 's599')]).toEqual([599, 's599 a']);
  });
});

describe('without the API server', () => {
  test('what is known stays, with its age; when it is back all is caught up with', async () => {
    const reflector = await reflect([secret('one')]);
    server.stop();
    await pass(600 * SECOND);
    expect(errors).toEqual([`cannot watch ${SECRETS}: cannot reach https://stand-in: connection refused`]);
    expect([reflector.find('web', 'one'), reflector.hasSynced(), reflector.ageSeconds()]).toEqual(['one a', true, 600]);
    server.seed(SECRETS, [secret('two')]);
    server.restart();
    await pass(30 * SECOND);
    expect([reflector.size(), lists().length]).toEqual([2, 1]);
    expect(reflector.ageSeconds()).toBeLessThan(30);
  });

  test('from the start nothing is known, and it goes on trying', async () => {
    server.stop();
    const reflector = await reflect([secret('one')]);
    expect([reflector.hasSynced(), reflector.ageSeconds(), reflector.size()]).toEqual([false, undefined, 0]);
    server.restart();
    await pass(SECOND);
    expect(reflector.size()).toBe(1);
  });
});

describe('without the right to it', () => {
  test.each<[verb: string, watch: boolean]>([
    ['list', false],
    ['watch', true],
  ])('to %s it, the missing rule is told once, and it goes on when there is one', async (verb, watch) => {
    server.failNext({ status: 403, times: 4, watch, message: `may not ${verb}` });
    const reflector = await reflect([secret('one')], { fieldSelector: 'metadata.name=one' });
    await pass(30 * SECOND);
    expect([server.openWatches(), reflector.size()]).toEqual([1, 1]);
    const where = `${SECRETS} where metadata.name=one`;
    expect(errors).toEqual([
      expect.stringMatching(
        `^cannot ${verb} ${where}: missing permission for ${verb}: the API server .*may not ${verb}$`,
      ),
    ]);
  });

  test('any more, after a time with it, is told again', async () => {
    await reflect([secret('one')]);
    for (const round of [1, 2]) {
      server.failNext({ status: 403, watch: true });
      server.disconnectWatches();
      await pass(30 * SECOND);
      expect(errors).toHaveLength(round);
      server.seed(SECRETS, [secret(`s${round}`)]);
      await pass(0);
      expect(changes.at(-1)).toBe(`s${round} a`);
    }
  });
});

describe('closed', () => {
  test.each(['while it lists', 'while it watches', 'before it tries again'])(
    '%s it ends at once and asks nothing more',
    async (when) => {
      if (when === 'while it lists') server.hang();
      if (when === 'before it tries again') server.failNext({ status: 503 });
      const reflector = await reflect([]);
      const [asked, told] = [server.requests.length, errors.length];
      reflector.close();
      await reflector.synced;
      expect(server.openWatches() + server.hungRequests()).toBe(0);
      server.recover();
      server.seed(SECRETS, [secret('one')]);
      await pass(600 * SECOND);
      expect([server.requests.length, errors.length, changes, reflector.size()]).toEqual([asked, told, [], 0]);
    },
  );
});
