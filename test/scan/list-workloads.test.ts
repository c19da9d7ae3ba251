import { describe, expect, onTestFinished, test } from 'vitest';
import { ApiError } from '../../src/cluster/connection/api-server.ts';
import { listWorkloads } from '../../src/scan/list-workloads.ts';
import { readString } from '../../src/text/json.ts';
import { deployment, type Json } from '../support/objects.ts';
import { startStandIn, type StandInApiServer } from '../support/stand-in-api-server.ts';
import { connectTo } from '../support/stand-in-connection.ts';

const PATH = '/apis/apps/v1/deployments';

async function standIn(count: number): Promise<StandInApiServer> {
  const server = await startStandIn();
  onTestFinished(() => server.stop());
  server.seed(
    PATH,
    Array.from({ length: count }, (_, at): Json => named(String(at).padStart(4, '0'))),
  );
  return server;
}

const named = (name: string): Json => ({ ...deployment('nginx'), metadata: { name, namespace: 'shop' } });

/** The names of the objects page by page; `between` is called after each page. */
async function listNames(server: StandInApiServer, between: (page: number) => void = () => undefined) {
  const pages: string[][] = [];
  const remaining: (number | undefined)[] = [];
  for await (const page of listWorkloads(connectTo(server), PATH)) {
    pages.push(page.objects.map((object) => readString(object, 'metadata', 'name')));
    remaining.push(page.remaining);
    between(pages.length);
  }
  return { pages, remaining, sizes: pages.map(({ length }) => length) };
}

test('a large collection comes in pages, with how much is left', async () => {
  const { pages, sizes, remaining } = await listNames(await standIn(1200));
  expect(sizes).toEqual([500, 500, 200]);
  expect(remaining.map((each) => each ?? 0)).toEqual([700, 200, 0]);
  expect(new Set(pages.flat()).size).toBe(1200);
});

describe('a list that the API server forgets halfway', () => {
  test('is read again, and nothing is told twice or left out', async () => {
    const server = await standIn(1200);
    const { pages, sizes } = await listNames(server, (page) => {
      if (page === 2) server.compact();
    });
    expect(sizes).toEqual([500, 500, 0, 0, 200]);
    expect(new Set(pages.flat()).size).toBe(1200);
  });

  test('brings what was made in between', async () => {
    const server = await standIn(600);
    const { pages } = await listNames(server, (page) => {
      if (page > 1) return;
      server.seed(PATH, [named('0000-new')]);
      server.compact();
    });
    expect(pages.flat()).toHaveLength(601);
    expect(pages.flat()).toContain('0000-new');
  });

  test('time and again is given up, and said', async () => {
    const server = await standIn(600);
    const listing = listNames(server, () => {
      server.compact();
    });
    await expect(listing).rejects.toMatchObject({ name: ApiError.name, status: 410 });
    // The first page of each of three attempts, and the second that failed.
    expect(server.requests.filter(({ path }) => path === PATH)).toHaveLength(6);
  });
});

test('any other refusal is handed on as it is', async () => {
  const server = await standIn(600);
  server.failNext({ status: 403, path: PATH, message: 'may not list' });
  await expect(listNames(server)).rejects.toMatchObject({ status: 403 });
});
