import { expect, test } from 'vitest';
import type { ApiServer } from '../../../src/cluster/connection/api-server.ts';
import { listPages, type ListOptions } from '../../../src/cluster/connection/list.ts';
import { readString } from '../../../src/text/json.ts';
import { createMemoryCluster, type MemoryCluster } from '../../support/stand-in-memory.ts';

const PATH = '/api/v1/secrets';

function standIn(count: number): MemoryCluster {
  const server = createMemoryCluster();
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

test('a large collection comes whole, in pages as of one moment, each with its selector', async () => {
  const server = standIn(1201);
  const pages = await pagesOf(server.connect(), { fieldSelector: 'metadata.name!=s0001' });
  expect(pages.map(({ items }) => items.length)).toEqual([500, 500, 200]);
  const names = pages.flatMap(({ items }) => items.map((item) => readString(item, 'metadata', 'name')));
  expect(new Set(names).size).toBe(1200);
  expect(new Set(pages.map(({ resourceVersion }) => resourceVersion)).size).toBe(1);
  expect(server.requests.map(({ query }) => query['fieldSelector'])).toEqual(Array(3).fill('metadata.name!=s0001'));
});

test('what is left is known without a selector; no version is asked for, as a cache may be behind', async () => {
  const server = standIn(1200);
  const pages = await pagesOf(server.connect());
  expect(pages.map(({ remaining }) => remaining)).toEqual([700, 200, undefined]);
  expect(server.requests.map(({ query }) => Object.keys(query))).toEqual([
    ['limit'],
    ['limit', 'continue'],
    ['limit', 'continue'],
  ]);
});

test.each([[[]], [null]])('an empty collection is one page, also when it was never filled: %j', async (items) => {
  const api = answering({ metadata: { resourceVersion: '7' }, items });
  expect(await pagesOf(api)).toEqual([{ items: [], resourceVersion: '7' }]);
});

test.each([undefined, { metadata: { name: 'web' } }, { items: [] }])('%j is no list', async (answer) => {
  await expect(pagesOf(answering(answer))).rejects.toThrow(`the answer to GET ${PATH} is no list`);
});

function answering(answer: unknown): ApiServer {
  return { ...createMemoryCluster().connect(), call: async () => Promise.resolve(answer) };
}
