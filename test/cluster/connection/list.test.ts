import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  TooLargeError,
  type ApiServer,
  type ListHead,
  type ObjectHead,
} from '../../../src/cluster/connection/api-server.ts';
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

test.each([undefined, { metadata: { name: 'web' } }, { items: [] }])('%j is not a list', async (answer) => {
  await expect(pagesOf(answering(answer))).rejects.toThrow(`the answer to GET ${PATH} is not a list`);
});

describe('pages that are too large', () => {
  const LARGEST = 100;

  /** Objects have a `size`, and a page is too large beyond 100 together; `writes` is how an answer begins. */
  function bounded(sizes: readonly number[], writes: (list: ListHead) => ListHead | undefined) {
    const server = createMemoryCluster();
    server.seed(
      PATH,
      sizes.map((size, at) => ({ size, metadata: { name: `s${String(at).padStart(4, '0')}`, namespace: 'web' } })),
    );
    const api = server.connect();
    const call: ApiServer['call'] = async (method, path, options) => {
      const answer = (await api.call(method, path, options)) as {
        metadata: { resourceVersion: string; continue?: string };
        items: { size: number; metadata: ObjectHead['metadata'] }[];
      };
      const { metadata, items } = answer;
      if (options?.metadataOnly === true)
        return { metadata, items: items.map((item) => ({ metadata: item.metadata })) };
      if (items.reduce((sum, { size }) => sum + size, 0) <= LARGEST) return answer;
      const { resourceVersion, continue: next = '' } = metadata;
      const { name, namespace } = items[0]!.metadata;
      const object = { metadata: { name, namespace, resourceVersion: '1' } };
      throw new TooLargeError('too large', writes({ resourceVersion, next, object }));
    };
    return { server, api: { ...api, call } };
  }

  test.each<[how: string, writes: (list: ListHead) => ListHead | undefined]>([
    ['by how its answer begins', (list) => list],
    ['by its metadata, where the answer tells nothing', () => undefined],
  ])('are asked for in parts, and one object that is too large alone is passed over %s', async (_how, writes) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(0, 1, 60, 100, 101), { maxLength: 60 }), async (sizes) => {
        const pages = await pagesOf(bounded(sizes, writes).api);
        const name = (item: unknown): string => readString(item, 'metadata', 'name');
        const read = pages.flatMap(({ items }) => items.map((item) => name(item)));
        const passed = pages.flatMap(({ tooLarge }) => (tooLarge === undefined ? [] : [name(tooLarge)]));
        const names = (isRead: (size: number) => boolean): readonly string[] =>
          sizes.flatMap((size, at) => (isRead(size) ? [`s${String(at).padStart(4, '0')}`] : []));
        expect([read, passed]).toEqual([names((size) => size <= 100), names((size) => size > 100)]);
      }),
      { numRuns: 50 },
    );
  });

  test('cost the pages after them nothing', async () => {
    const { server, api } = bounded([101, ...Array<number>(3000).fill(0)], (list) => list);
    await pagesOf(api);
    expect(server.requests.length).toBeLessThan(60);
  });
});

function answering(answer: unknown): ApiServer {
  return { ...createMemoryCluster().connect(), call: async () => Promise.resolve(answer) };
}
