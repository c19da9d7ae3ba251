import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { startReflector, type Reflector, type ReflectorOptions } from '../../../src/cluster/connection/reflector.ts';
import { readString } from '../../../src/text/json.ts';
import type { Json } from '../../support/objects.ts';
import { startStandIn, type SeenRequest, type StandInApiServer } from '../../support/stand-in-api-server.ts';
import { connectTo } from '../../support/stand-in-connection.ts';

const SECRETS = '/api/v1/secrets';
const ONE = '/api/v1/namespaces/web/secrets/one';

let server: StandInApiServer;
let changes: string[];
let errors: string[];

beforeEach(async () => {
  server = await startStandIn();
  changes = [];
  errors = [];
});

afterEach(async () => {
  vi.restoreAllMocks();
  await server.stop();
});

const secret = (name: string, type = 'a'): Json => ({ type, metadata: { name, namespace: 'web' } });

/** A reflector in a hurry, of the types of secrets. */
function reflect(options: Partial<ReflectorOptions<string>> = {}): Reflector<string> {
  const reflector = startReflector({
    api: connectTo(server),
    path: SECRETS,
    keep: (object) => readString(object, 'type'),
    onChange: ({ name }, kept) => changes.push(`${name} ${kept ?? 'gone'}`),
    onError: (message) => errors.push(message),
    ...options,
    timing: { backoff: { firstMs: 1, maxMs: 10 }, ...options.timing },
  });
  onTestFinished(() => {
    reflector.close();
  });
  return reflector;
}

/** A reflector that has listed these and is watching. */
async function reflectSynced(
  seeded: readonly Json[],
  options?: Partial<ReflectorOptions<string>>,
): Promise<Reflector<string>> {
  server.seed(SECRETS, seeded);
  const reflector = reflect(options);
  await reflector.synced;
  await expect.poll(() => server.openWatches(), POLL).toBe(1);
  return reflector;
}

const POLL = { timeout: 10_000, interval: 5 };
const isWatch = ({ query }: SeenRequest): boolean => query['watch'] === 'true';
const lists = (): readonly SeenRequest[] => server.requests.filter((request) => !isWatch(request));
const watches = (): readonly SeenRequest[] => server.requests.filter(isWatch);

describe('in step with the API server', () => {
  test('a collection of many pages is known whole', async () => {
    const names = Array.from({ length: 1200 }, (_, at) => `s${at}`);
    const reflector = await reflectSynced(names.map((name) => secret(name)));
    expect([reflector.size(), reflector.hasSynced(), reflector.find('web', 's1199')]).toEqual([1200, true, 'a']);
    expect(changes).toHaveLength(1200);
    expect(lists()).toHaveLength(3);
    expect(watches()[0]?.query).toMatchObject({ resourceVersion: '1201', allowWatchBookmarks: 'true' });
    // Watches of all replicas that ended at the same moment would come back to the API server at the same moment.
    expect(Number(watches()[0]?.query['timeoutSeconds'])).toSatisfy((seconds) => seconds >= 300 && seconds < 600);
  });

  test('what is created, changed and deleted is seen', async () => {
    const reflector = await reflectSynced([secret('one')]);
    server.seed(SECRETS, [secret('two'), secret('one', 'b')]);
    server.remove(ONE);
    await expect.poll(() => changes, POLL).toEqual(['one a', 'two a', 'one b', 'one gone']);
    expect([...reflector.values()]).toEqual([[{ namespace: 'web', name: 'two' }, 'a']]);
  });

  // A role with resourceNames grants nothing more than this, in all namespaces too.
  test('one name in all namespaces is asked for as a role grants it', async () => {
    server.seed(SECRETS, [secret('other'), { type: 'b', metadata: { name: 'one', namespace: 'shop' } }]);
    const reflector = await reflectSynced([secret('one')], { fieldSelector: 'metadata.name=one' });
    expect([reflector.size(), reflector.find('shop', 'one'), reflector.find('web', 'one')]).toEqual([2, 'b', 'a']);
    expect(server.requests.map(({ path, query }) => [path, query['fieldSelector']])).toEqual(
      Array(2).fill([SECRETS, 'metadata.name=one']),
    );
  });

  test('events of what is no object, or older than what is known, change nothing', async () => {
    const reflector = await reflectSynced([secret('one', 'old'), secret('one', 'new')]);
    server.sendToWatches({ type: 'ADDED', object: { type: 'x', metadata: {} } });
    server.sendToWatches({
      type: 'MODIFIED',
      object: { type: 'x', metadata: { name: 'one', namespace: 'web', resourceVersion: '2' } },
    });
    server.sendToWatches({
      type: 'DELETED',
      object: { type: 'x', metadata: { name: 'one', namespace: 'web', resourceVersion: '3' } },
    });
    server.seed(SECRETS, [secret('two')]);
    await expect.poll(() => reflector.find('web', 'two'), POLL).toBe('a');
    expect(changes).toEqual(['one new', 'two a']);
  });

  test('an object that cannot be read is told and left out, the others stay', async () => {
    const keep: ReflectorOptions<string>['keep'] = (object) => {
      if (readString(object, 'type') === 'odd') throw new Error('it is odd');
      return readString(object, 'type');
    };
    const reflector = await reflectSynced([secret('one', 'odd'), secret('two')], { keep });
    expect(reflector.size()).toBe(1);
    expect(errors).toEqual([`cannot read web/one of ${SECRETS}, and goes on without it: it is odd`]);
  });
});

describe('a watch that ends', () => {
  test.each(['end', 'cut'] as const)(
    'goes on from where it was, without a list and without a word (%s)',
    async (how) => {
      const reflector = await reflectSynced([secret('one')]);
      server.seed(SECRETS, [secret('two')]);
      await expect.poll(() => reflector.size(), POLL).toBe(2);
      server.disconnectWatches(how);
      server.remove(ONE);
      server.seed(SECRETS, [secret('three')]);
      await expect.poll(() => changes.slice(2), POLL).toEqual(['one gone', 'three a']);
      expect(lists()).toHaveLength(1);
      expect(watches()[1]?.query['resourceVersion']).toBe('3');
      expect(errors).toEqual([]);
    },
  );

  // In a quiet collection of a busy cluster the last event is soon forgotten, and each lost connection would cost a list.
  test('goes on from a bookmark', async () => {
    await reflectSynced([secret('one')]);
    server.seed('/api/v1/configmaps', [secret('other')]);
    server.bookmark();
    server.compact();
    server.disconnectWatches();
    await expect.poll(() => watches().length, POLL).toBeGreaterThan(1);
    expect(watches()[1]?.query['resourceVersion']).toBe('3');
  });

  test.each<[how: string, prepare: () => void]>([
    ['in an event', () => undefined],
    [
      'as an answer',
      () => {
        server.failNext({ status: 410, watch: true });
      },
    ],
  ])(
    'and whose version has expired, as said %s, makes a new list; what vanished meanwhile is gone',
    async (_how, prepare) => {
      const reflector = await reflectSynced([secret('one'), secret('two')]);
      await server.stop();
      server.remove(ONE);
      server.seed(SECRETS, [secret('three')]);
      server.compact();
      prepare();
      await server.restart();
      await expect.poll(() => reflector.find('web', 'three'), POLL).toBe('a');
      expect(reflector.find('web', 'one')).toBeUndefined();
      expect(changes.slice(2)).toEqual(['one gone', 'three a', 'two a']);
      expect(errors.filter((message) => message.includes('410'))).toEqual([]);
      // It lists, watches, comes back to watch, and then does not try that again.
      expect(server.requests.slice(0, 4).map(isWatch)).toEqual([false, true, true, false]);
    },
  );

  test('with any other error goes on from where it was', async () => {
    const reflector = await reflectSynced([secret('one')]);
    server.sendToWatches({ type: 'ERROR', object: { kind: 'Status', code: 500, message: 'etcd is\nslow' } });
    server.disconnectWatches();
    server.seed(SECRETS, [secret('two')]);
    await expect.poll(() => reflector.size(), POLL).toBe(2);
    expect(lists()).toHaveLength(1);
    expect(errors).toEqual([`cannot watch ${SECRETS}: the API server ended it with etcd is\\nslow`]);
  });

  // After etcd was restored from a backup its versions begin anew, and ours lies in a future that is long in coming.
  test('and is refused time and again makes a new list', async () => {
    await reflectSynced([secret('one')]);
    server.failNext({ status: 504, times: 5, watch: true, message: 'Too large resource version' });
    server.disconnectWatches();
    await expect.poll(() => lists(), POLL).toHaveLength(2);
    await expect.poll(() => server.openWatches(), POLL).toBe(1);
    expect(errors).toEqual([expect.stringContaining('Too large resource version')]);
  });

  test('because nothing came any more goes on over another connection', async () => {
    const reflector = await reflectSynced([secret('one')], { timing: { idleMs: 100 } });
    await expect.poll(() => watches().length, POLL).toBeGreaterThan(1);
    server.seed(SECRETS, [secret('two')]);
    await expect.poll(() => reflector.size(), POLL).toBe(2);
    expect([lists().length, errors]).toEqual([1, []]);
  });

  test('because nothing came, time and again, makes a new list', async () => {
    await reflectSynced([secret('one')], { timing: { idleMs: 20 } });
    await expect.poll(() => lists().length, POLL).toBe(2);
    expect(watches().length).toBeGreaterThanOrEqual(5);
    expect(errors).toEqual([]);
  });
});

describe('a list', () => {
  test('that the API server forgets halfway is begun again', async () => {
    server.failNext({ status: 410, continued: true });
    const reflector = await reflectSynced(Array.from({ length: 600 }, (_, at) => secret(`s${at}`)));
    expect(reflector.size()).toBe(600);
    expect(lists()).toHaveLength(4);
    expect(errors).toEqual([expect.stringContaining(`cannot list ${SECRETS}: `)]);
  });

  test('that is never answered is begun again', async () => {
    server.seed(SECRETS, [secret('one')]);
    server.hang();
    const reflector = reflect({ timing: { pageTimeoutMs: 50 } });
    await expect.poll(() => errors, POLL).toHaveLength(1);
    server.recover();
    await reflector.synced;
    expect(reflector.size()).toBe(1);
    expect(errors[0]).toContain('no answer');
  });

  // Otherwise every pull secret were missing for as long as a list takes, and pods refused that are fine.
  test('that goes on for long takes nothing away before it ends', async () => {
    const reflector = await reflectSynced(Array.from({ length: 600 }, (_, at) => secret(`s${at}`)));
    server.remove('/api/v1/namespaces/web/secrets/s1');
    await expect.poll(() => reflector.size(), POLL).toBe(599);
    server.hang({ continued: true });
    server.compact();
    server.disconnectWatches();
    await expect.poll(() => server.requests.at(-1)?.query['continue'], POLL).toBeDefined();
    expect([reflector.size(), reflector.find('web', 's599')]).toEqual([599, 'a']);
  });
});

describe('without the API server', () => {
  function passTenMinutes(): void {
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 600_000);
  }

  test('what is known stays, with its age; when it is back all is caught up with', async () => {
    const reflector = await reflectSynced([secret('one')]);
    await server.stop();
    const told = [`cannot watch ${SECRETS}: cannot reach ${server.url}: nothing listens there`];
    await expect.poll(() => errors, POLL).toEqual(told);
    passTenMinutes();
    expect([reflector.find('web', 'one'), reflector.hasSynced()]).toEqual(['a', true]);
    expect(reflector.ageSeconds()).toBeGreaterThanOrEqual(600);
    server.seed(SECRETS, [secret('two')]);
    await server.restart();
    await expect.poll(() => reflector.size(), POLL).toBe(2);
    expect(reflector.ageSeconds()).toBeLessThan(600);
    expect(lists()).toHaveLength(1);
  });

  test('a watch that is accepted again shows that what is known is right', async () => {
    const reflector = await reflectSynced([secret('one')]);
    server.seed(SECRETS, [secret('two')]);
    await expect.poll(() => reflector.size(), POLL).toBe(2);
    passTenMinutes();
    expect(reflector.ageSeconds()).toBeGreaterThanOrEqual(600);
    server.disconnectWatches();
    await expect.poll(() => reflector.ageSeconds(), POLL).toBeLessThan(600);
  });

  test('from the start nothing is known, and it goes on trying', async () => {
    await server.stop();
    const reflector = reflect();
    await expect.poll(() => errors, POLL).toHaveLength(1);
    expect([reflector.hasSynced(), reflector.ageSeconds(), reflector.size()]).toEqual([false, undefined, 0]);
    server.seed(SECRETS, [secret('one')]);
    await server.restart();
    await reflector.synced;
    expect(reflector.size()).toBe(1);
  });
});

describe('without the right to it', () => {
  test.each<[verb: string, watch: boolean]>([
    ['list', false],
    ['watch', true],
  ])('to %s it, the missing rule is told once, and it goes on when there is one', async (verb, watch) => {
    server.seed(SECRETS, [secret('one')]);
    server.failNext({ status: 403, times: 4, watch, message: `may not ${verb}` });
    const reflector = reflect({ fieldSelector: 'metadata.name=one' });
    await expect.poll(() => server.openWatches(), POLL).toBe(1);
    expect(reflector.size()).toBe(1);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(
      `cannot ${verb} ${SECRETS} where metadata.name=one: no role grants the verb ${verb} on it; `,
    );
    expect(errors[0]).toContain(`may not ${verb}`);
  });

  test('any more, after a time with it, is told again', async () => {
    await reflectSynced([secret('one')]);
    for (const round of [1, 2]) {
      server.failNext({ status: 403, watch: true });
      server.disconnectWatches();
      await expect.poll(() => errors, POLL).toHaveLength(round);
      await expect.poll(() => server.openWatches(), POLL).toBe(1);
      server.seed(SECRETS, [secret(`s${round}`)]);
      await expect.poll(() => changes, POLL).toContain(`s${round} a`);
    }
  });
});

describe('closed', () => {
  test.each<[when: string, prepare: () => void, isThere: () => boolean]>([
    [
      'while it lists',
      () => {
        server.hang();
      },
      () => server.hungRequests() === 1,
    ],
    ['while it watches', () => undefined, () => server.openWatches() === 1],
    [
      'before it tries again',
      () => {
        server.failNext({ status: 503 });
      },
      () => errors.length === 1,
    ],
  ])('%s it ends at once and asks nothing more', async (_when, prepare, isThere) => {
    prepare();
    const reflector = reflect({ timing: { backoff: { random: () => 0.1 } } });
    await expect.poll(isThere, POLL).toBe(true);
    const asked = server.requests.length;
    const told = errors.length;
    reflector.close();
    await reflector.synced;
    await expect.poll(() => server.openWatches() + server.hungRequests(), POLL).toBe(0);
    server.recover();
    server.seed(SECRETS, [secret('one')]);
    // Three times as long as it would have waited.
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect([server.requests.length, errors.length, changes, reflector.size()]).toEqual([asked, told, [], 0]);
  });

  test('by who is told of an object, it tells of no other', async () => {
    server.seed(SECRETS, [secret('one'), secret('two')]);
    const keep = (): string => {
      reflector.close();
      return 'a';
    };
    const reflector = reflect({ keep });
    await reflector.synced;
    await expect.poll(() => server.openWatches(), POLL).toBe(0);
    expect([changes, reflector.size(), reflector.hasSynced()]).toEqual([[], 0, false]);
  });
});
