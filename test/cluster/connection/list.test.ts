import { describe, expect, onTestFinished, test } from 'vitest';
import type { ApiServer } from '../../../src/cluster/connection/api-server.ts';
import { listPages, type ListOptions } from '../../../src/cluster/connection/list.ts';
import { readString } from '../../../src/text/json.ts';
import { startStandIn, type StandInApiServer } from '../../support/stand-in-api-server.ts';
import { connectTo } from '../../support/stand-in-connection.ts';

const PATH = '/api/v1/secrets';

async function standIn(count: number): Promise<StandInApiServer> {
  const server = await startStandIn();
  onTestFinished(() => server.stop());
  const names = Array.from({ length: count }, (_, at) => `s${String(at).padStart(4, '0')}`);
  server.seed(
    PATH,
    names.map((name) => ({ metadata: { name, namespace: 'web' } })),
  );
  return server;
}

async function pagesOf(api: ApiServer, options?: ListOptions) {
  const pages = [];
  for await (const page of listPages(api, PATH, options)) pages.push(page);
  return pages;
}

/** An API server that gives these answers, the last of them over and over. */
function answering(...answers: readonly unknown[]): ApiServer {
  let call = 0;
  return { call: () => Promise.resolve(answers[Math.min(call++, answers.length - 1)]) } as unknown as ApiServer;
}

const pageOf = (count: number, token: string) => ({
  metadata: { resourceVersion: '7', continue: token },
  items: Array.from({ length: count }, () => ({})),
});

test('a large collection comes whole, in pages as of one moment', async () => {
  const server = await standIn(1200);
  const pages = await pagesOf(connectTo(server));
  expect(pages.map(({ items, remaining }) => [items.length, remaining])).toEqual([
    [500, 700],
    [500, 200],
    [200, undefined],
  ]);
  const names = pages.flatMap(({ items }) => items.map((item) => readString(item, 'metadata', 'name')));
  expect(new Set(names).size).toBe(1200);
  expect(new Set(pages.map(({ resourceVersion }) => resourceVersion)).size).toBe(1);
  // With a version the API server may answer from its cache, which may be behind what it said a moment ago.
  expect(server.requests.map(({ query }) => Object.keys(query))).toEqual([
    ['limit'],
    ['limit', 'continue'],
    ['limit', 'continue'],
  ]);
});

test('a selector goes with every page', async () => {
  const server = await standIn(3);
  const pages = await pagesOf(connectTo(server), { fieldSelector: 'metadata.name!=s0001', pageSize: 1 });
  expect(pages.map(({ items }) => readString(items[0], 'metadata', 'name'))).toEqual(['s0000', 's0002']);
  expect(server.requests.map(({ query }) => query['fieldSelector'])).toEqual(Array(2).fill('metadata.name!=s0001'));
});

test('a moment that the API server has forgotten is told to the caller', async () => {
  const server = await standIn(600);
  const listing = listPages(connectTo(server), PATH);
  await listing.next();
  server.compact();
  await expect(listing.next()).rejects.toMatchObject({ status: 410, reason: 'Expired' });
});

test('a page that is never answered ends in time', async () => {
  const server = await standIn(600);
  server.hang({ continued: true });
  await expect(pagesOf(connectTo(server), { timeoutMs: 100 })).rejects.toThrow('within 0.1 s');
});

test('an empty collection is one page, also when it was never filled', async () => {
  for (const items of [[], null]) {
    const api = answering({ metadata: { resourceVersion: '7' }, items });
    expect(await pagesOf(api)).toEqual([{ items: [], resourceVersion: '7' }]);
  }
});

describe('an answer that no API server gives is refused', () => {
  test.each<[what: string, api: ApiServer, says: string]>([
    ['nothing', answering(undefined), 'is no list'],
    ['one object', answering({ metadata: { name: 'web' } }), 'is no list'],
    ['the same page for ever', answering(pageOf(1, 'a')), 'pages without end'],
    [
      'empty pages for ever',
      answering(...Array.from({ length: 12 }, (_, at) => pageOf(0, String(at)))),
      'pages without end',
    ],
  ])('%s', async (_what, api, says) => {
    await expect(pagesOf(api)).rejects.toThrow(`GET ${PATH} `);
    await expect(pagesOf(api)).rejects.toThrow(says);
  });

  test('but not a few empty pages on the way', async () => {
    const api = answering(pageOf(1, 'a'), pageOf(0, 'b'), pageOf(0, 'c'), pageOf(1, ''));
    expect((await pagesOf(api)).flatMap(({ items }) => items)).toHaveLength(2);
  });
});
