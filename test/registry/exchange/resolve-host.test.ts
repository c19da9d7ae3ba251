import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ExchangeError } from '../../../src/registry/exchange/exchange.ts';
import { createResolver } from '../../../src/registry/exchange/resolve-host.ts';

/** `hangs` and `fails` are for a name with all its addresses; a list without a kind has no such address. */
type Zone = Readonly<Record<string, readonly string[] | 'hangs' | 'fails'>>;

const A = 1;
const AAAA = 28;

/** A DNS server that knows these names, and all that it was asked for. */
async function startDns(zone: Zone) {
  const asked: string[] = [];
  const server = createSocket('udp4');
  server.on('message', (query, { port, address }) => {
    const end = query.indexOf(0, 12);
    const labels: string[] = [];
    for (let at = 12; at < end; at += 1 + query[at]!)
      labels.push(query.toString('latin1', at + 1, at + 1 + query[at]!));
    const name = labels.join('.').toLowerCase();
    const type = query.readUInt16BE(end + 1);
    if (type === A) asked.push(name);
    const known = zone[name];
    if (known === 'hangs') return;
    const found = typeof known === 'object' ? known.filter((each) => each.includes(':') === (type === AAAA)) : [];
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(known === 'fails' ? 0x8182 : known === undefined ? 0x8183 : 0x8180, 2);
    head.writeUInt16BE(found.length, 6);
    head.fill(0, 8, 12);
    const answers = found.map((each) => {
      const data = type === A ? Buffer.from(each.split('.').map(Number)) : Buffer.from(each.replace(/:/g, ''), 'hex');
      const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, 0, data.length]);
      return Buffer.concat([record, data]);
    });
    server.send(Buffer.concat([head, query.subarray(12, end + 5), ...answers]), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return { server: `127.0.0.1:${server.address().port}`, asked };
}

async function start(zone: Zone, files: Readonly<{ resolvConf?: string; hosts?: string }> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'pullguard-dns-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const [resolvConf, hosts] = [join(folder, 'resolv.conf'), join(folder, 'hosts')];
  if (files.resolvConf !== undefined) writeFileSync(resolvConf, files.resolvConf);
  if (files.hosts !== undefined) writeFileSync(hosts, files.hosts);
  const { server, asked } = await startDns(zone);
  const resolve = createResolver({ resolvConf, hosts, servers: [server] });
  const lookUp = async (host: string): Promise<readonly string[] | string> => {
    try {
      return (await resolve(host)).map(({ address }) => address);
    } catch (error) {
      return error instanceof ExchangeError ? error.failure.outcome : String(error);
    }
  };
  return { lookUp, asked };
}

const POD = {
  resolvConf: `# written by kubelet
search shop.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
options ndots:5 timeout:1
`,
  hosts: `127.0.0.1 localhost # here
::1 localhost
10.20.0.5   Harbor.corp.example  harbor
nonsense harbor
10.20.0.6 harbor.corp.example. harbor.corp.example
`,
};
const V6 = '2001:0db8:0000:0000:0000:0000:0000:0001';

describe('a name is looked up as kubelet and Go do it', () => {
  test.each<
    [what: string, host: string, zone: Zone, told: readonly [found: readonly string[], asked: readonly string[]]]
  >([
    [
      'in the search list first, with few dots',
      'registry.svc',
      { 'registry.svc.cluster.local': ['10.96.1.1'] },
      [
        ['10.96.1.1'],
        ['registry.svc.shop.svc.cluster.local', 'registry.svc.svc.cluster.local', 'registry.svc.cluster.local'],
      ],
    ],
    [
      'as it is in the end',
      'Quay.io',
      { 'quay.io': ['192.0.2.1', V6] },
      [
        ['192.0.2.1', '2001:db8::1'],
        ['quay.io.shop.svc.cluster.local', 'quay.io.svc.cluster.local', 'quay.io.cluster.local', 'quay.io'],
      ],
    ],
    [
      'as it is first, with many dots',
      'a.b.c.d.e.f',
      { 'a.b.c.d.e.f': ['192.0.2.1'] },
      [['192.0.2.1'], ['a.b.c.d.e.f']],
    ],
    ['as it is only, with a full stop', 'quay.io.', { 'quay.io': [V6] }, [['2001:db8::1'], ['quay.io']]],
    ['in the hosts file before DNS', 'harbor', { harbor: ['192.0.2.1'] }, [['10.20.0.5'], []]],
    ['with all its lines', 'harbor.CORP.example', {}, [['10.20.0.5', '10.20.0.6'], []]],
    ['localhost', 'localhost', {}, [['127.0.0.1', '::1'], []]],
    ['one that is nowhere', 'x.y.', {}, [[], ['x.y']]],
    ['one that is there without an address', 'x.y.', { 'x.y': [] }, [[], ['x.y']]],
  ])('%s', async (_what, host, zone, told) => {
    const { lookUp, asked } = await start(zone, POD);
    expect([await lookUp(host), asked]).toEqual(told);
  });

  test('without files', async () => {
    const { lookUp } = await start({ 'quay.io': ['192.0.2.1'] });
    expect([await lookUp('quay.io'), await lookUp('localhost')]).toEqual([['192.0.2.1'], ['127.0.0.1', '::1']]);
  });

  test.each(['', '.', 'a..b', `${'a'.repeat(64)}.b`, `${'a.'.repeat(200)}b`, 'a b', '[', '\u0000.b'])(
    'a name that cannot be is not there: %j',
    async (host) => {
      const { lookUp } = await start({}, POD);
      expect(['dns-failed', []]).toContainEqual(await lookUp(host));
    },
  );
});

describe('DNS that does not work', () => {
  test('is told apart from a name that does not exist, also in a part of the search list', async () => {
    const failing = { 'x.y': 'fails', 'z.y.cluster.local': 'fails' } as const;
    const { lookUp } = await start(failing, POD);
    expect([await lookUp('x.y'), await lookUp('z.y'), await lookUp('w.y')]).toEqual(['dns-failed', 'dns-failed', []]);
  });

  test('in a part of the search list does not hide a name that is there', async () => {
    const { lookUp } = await start({ 'x.y.svc.cluster.local': 'fails', 'x.y': ['192.0.2.1'] }, POD);
    expect(await lookUp('x.y')).toEqual(['192.0.2.1']);
  });

  test('for some names costs the others nothing, though dozens of those are looked up', async () => {
    // The four threads of getaddrinfo would all hang. More of them, on a busy machine, and this process answers none in time.
    const hanging = Array.from({ length: 60 }, (_, at) => `h${at}.slow.test`);
    const zone: Zone = { ...Object.fromEntries(hanging.map((name) => [name, 'hangs'])), 'quay.io': ['192.0.2.1'] };
    const { lookUp } = await start(zone);
    let over = 0;
    const slow = hanging.map(async (name) => lookUp(name).finally(() => (over += 1)));
    expect(await lookUp('quay.io')).toEqual(['192.0.2.1']);
    expect(over).toBe(0);
    expect(new Set(await Promise.all(slow))).toEqual(new Set(['dns-failed']));
  });
});
