import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { findTrouble, POLICY, register, unregister, useCluster } from './fixture.ts';
import { make } from './objects.ts';
import { isErrorLine, makeCertificate, startPullguard, type Pullguard } from './pullguard-process.ts';

const cluster = useCluster('outage');
const { controlPlane, kubectl, call, apply } = cluster;
const { folder } = controlPlane;

/** As in production: from files, so that a restart does not change what the API server has to trust. */
let certificate: string;
let running: { stop: () => unknown }[] = [];

beforeAll(async () => {
  certificate = await makeCertificate(folder);
});

afterEach(async () => {
  await unregister(cluster);
  for (const { stop } of running) await stop();
  running = [];
});

describe('with failurePolicy Ignore', () => {
  test('nothing is held up while pullguard is down, and it works again once it is back on its port', async () => {
    const first = await start();
    await register(cluster, '.', first);
    expect(await first.stop()).toBe(0);
    const logBefore = readFileSync(controlPlane.apiServerLog).length;

    const applied = await apply(make('Deployment', 'while-down', 'NGINX:1.25'));
    expect(applied.stdout).toBe('deployment.apps/while-down created\n');
    expect((await kubectl('run while-down --image=nginx')).code).toBe(0);

    // Which also shows that trouble is found where there is some, as every other file looks for none.
    expect(findTrouble(controlPlane, logBefore)).not.toEqual([]);

    await start(first.port);
    const { code, stderr } = await kubectl('apply -f -', { stdin: make('Deployment', 'back', 'NGINX:1.25') });
    expect(code).toBe(1);
    expect(stderr).toContain('did you mean "nginx:1.25"?');
    // What got in meanwhile is left alone.
    expect(await kubectl('label deployment while-down team=web')).toMatchObject({ code: 0, stderr: '' });
  });

  test('a pullguard that hangs costs the timeout and no more', async () => {
    const pullguard = await start();
    await register(cluster, '.', pullguard);
    process.kill(pullguard.program.pid, 'SIGSTOP');
    const started = Date.now();
    try {
      expect((await apply(make('Deployment', 'while-hanging', 'nginx'))).stdout).toContain('created');
    } finally {
      process.kill(pullguard.program.pid, 'SIGCONT');
    }
    // timeoutSeconds of the manifests, with time for kubectl and a busy machine.
    const seconds = (Date.now() - started) / 1000;
    expect(seconds).toBeGreaterThan(2.5);
    expect(seconds).toBeLessThan(10);
    expect((await kubectl('apply -f -', { stdin: make('Deployment', 'after', 'NGINX:1.25') })).code).toBe(1);
  });
});

describe('with failurePolicy Fail', () => {
  test('an upgrade, one pullguard after the other, refuses nothing', async () => {
    const old = await start(0, 3);
    const service = await startService(old.port);
    await register(cluster, 'overlays/fail-closed', { ...old, port: service.port });
    const logBefore = readFileSync(controlPlane.apiServerLog).length;

    let ended = false;
    const outcomes: number[] = [];
    const create = async (): Promise<void> => {
      while (!ended) {
        const { status } = await call('POST', 'pods?dryRun=All', make('Pod', 'stream', 'nginx'));
        outcomes.push(status);
      }
    };
    const stream = Promise.all([create(), create(), create(), create()]);
    await wait(500);
    const next = await start();
    const stopped = old.stop();
    // The endpoints of a Service follow a moment later.
    await wait(500);
    service.leadTo(next.port);
    expect(await stopped).toBe(0);
    await wait(500);
    ended = true;
    await stream;

    expect(outcomes.length).toBeGreaterThan(50);
    expect(outcomes.filter((status) => status !== 201)).toEqual([]);
    expect(findTrouble(controlPlane, logBefore)).toEqual([]);
    const errors = [old, next].flatMap(({ readLog }) => readLog().filter(isErrorLine));
    expect(errors).toEqual([]);
  });

  test('nothing with images gets in while pullguard is down, and all else does', async () => {
    const pullguard = await start();
    await register(cluster, 'overlays/fail-closed', pullguard);
    await apply(make('Deployment', 'running', 'registry.example.com/app:1'));
    await pullguard.stop();
    const { code, stderr } = await kubectl('apply -f -', { stdin: make('Deployment', 'closed', 'nginx') });
    expect(code).toBe(1);
    expect(stderr).toContain('failed calling webhook "validate.pullguard.dev"');
    expect((await kubectl('create configmap fine')).code).toBe(0);
    expect((await kubectl('scale deployment running --replicas=2')).code).toBe(0);
    expect((await kubectl('-n kube-system run fine --image=nginx')).code).toBe(0);
    expect((await kubectl('delete deployment running --wait=false')).code).toBe(0);
    // The way out that the manifests name.
    const out = 'delete mutatingwebhookconfiguration,validatingwebhookconfiguration pullguard';
    expect((await kubectl(out)).code).toBe(0);
  });
});

async function start(port = 0, drainSeconds = 0): Promise<Pullguard> {
  const pullguard = await startPullguard(folder, { policy: POLICY, certificate, port, drainSeconds });
  running.push(pullguard);
  return pullguard;
}

type Service = Readonly<{ port: number; leadTo: (port: number) => void }>;

/** Leads new connections to one place, as a Service with one endpoint does; those that are open stay where they are. */
async function startService(target: number): Promise<Service> {
  let current = target;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(current, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => open.delete(socket));
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const service = {
    port: (server.address() as AddressInfo).port,
    leadTo: (port: number) => {
      current = port;
    },
    stop: () => {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
  running.push(service);
  return service;
}
