import { spawn, type ChildProcessByStdio, type SpawnOptions } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer, request } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { certificatesFor } from './support/certificates.ts';
import { recordedReview } from './support/objects.ts';
import { tempFolder } from './support/temp-folder.ts';

// What these tests run is what users run: the program that `npm run build` made.
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

const HEAD = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';

const pod = (image: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec:\n  containers:\n    - { name: app, image: "${image}" }\n`;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;
type Ended = Readonly<{ code: number | null; stdout: string; stderr: string }>;

function start(args: readonly string[], options: SpawnOptions = {}): Child {
  return spawn(process.execPath, [MAIN, ...args], { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
}

async function run(args: readonly string[], stdin: string | Buffer = '', options: SpawnOptions = {}): Promise<Ended> {
  const child = start(args, options);
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  const closed = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, stdout, stderr };
}

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error('dist/main.js is not there: run "npm run build" first, as "npm test" does');
});

describe('exit codes, which scripts and CI go by', () => {
  const cases: readonly [args: string, code: number, stdin?: string][] = [
    ['--help', 0],
    ['--version', 0],
    ['check -', 0, pod('nginx:1.25')],
    ['check -', 1, pod('NGINX')],
    ['check -', 2, 'a: ['],
    ['image NGINX', 1],
    ['rules no-such-rule', 2],
    ['serve --port x', 2],
    ['no-such-command', 2],
    ['', 2],
  ];

  test.concurrent.for(cases)('pullguard %s: %i', async ([args, code, stdin = '']) => {
    const ended = await run(
      args.split(' ').filter((arg) => arg !== ''),
      stdin,
    );
    expect(ended).toMatchObject({ code });
    // Neither a stack trace nor a warning of Node's.
    expect(ended.stderr).not.toMatch(/^\s+at |\(node:/m);
    expect(ended.stderr === '').toBe(ended.stdout !== '');
  });
});

test('the program can be run by its name', () => {
  expect(readFileSync(MAIN, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});

describe('standard input', () => {
  test('is taken as UTF-8, with or without a mark', async () => {
    const { code, stdout } = await run(['check', '-'], `\ufeff${pod('nginx:é')}`);
    expect(stdout).toMatch(/^Pod\/web\n {2}<stdin>:6:27 {2}error {4}.*"nginx:é"/);
    expect(code).toBe(1);
  });

  test('in another encoding is not taken for a file without images', async () => {
    const { code, stdout } = await run(['check', '-'], Buffer.from(`\ufeff${pod('NGINX')}`, 'utf16le'));
    expect(stdout).toContain('<stdin>: error: cannot be read: file is UTF-16');
    expect(code).toBe(2);
  });
});

describe('in a pipe', () => {
  test('a reader that has seen enough is no failure, and does not turn a denial into a success', async () => {
    const lines = Array.from({ length: 500 }, () => pod('NGINX')).join('---\n');
    const child = start(['check', '-']);
    child.stdin.end(lines);
    const closed = once(child, 'close') as Promise<[number | null]>;
    const errors = text(child.stderr);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await errors).toBe('');
    expect((await closed)[0]).toBe(1);
  });

  test('large output arrives whole', async () => {
    const { code, stdout } = await run(['image', '-', '-o', 'json'], 'nginx\n'.repeat(20_000));
    expect(stdout.match(/\n/g)).toHaveLength(20_000);
    expect(code).toBe(0);
  });
});

describe('what a command does not need is not loaded', () => {
  const SERVER_ONLY = ['node-forge', 'pino', 'prom-client', '@kubernetes/client-node'];

  /** The packages of which a run loaded anything: of each file that V8 saw, its source map says what is in it. */
  async function packagesOf(args: readonly string[]): Promise<ReadonlySet<string>> {
    const { path } = tempFolder();
    await run(args, pod('nginx'), { env: { ...process.env, NODE_V8_COVERAGE: path } });
    const urls = readdirSync(path).flatMap((name) => {
      const { result } = JSON.parse(readFileSync(join(path, name), 'utf8')) as { result: { url: string }[] };
      return result.map(({ url }) => url).filter((url) => url.startsWith('file:'));
    });
    const sources = urls.flatMap((url) => {
      const map = JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, 'utf8')) as { sources: string[] };
      return map.sources;
    });
    return new Set(sources.flatMap((source) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1] ?? []));
  }

  test.each([['check -'], ['image nginx'], ['rules']])('%s does not wait for a web server', async (args) => {
    const packages = await packagesOf(args.split(' '));
    expect([...packages]).toContain('commander');
    expect(SERVER_ONLY.filter((name) => packages.has(name))).toEqual([]);
  });

  test('a server that is given its certificate does not load what makes one', async () => {
    const packages = await packagesOf(['serve', '--tls-cert', 'none', '--tls-key', 'none']);
    expect([...packages]).toContain('prom-client');
    expect([...packages]).not.toContain('node-forge');
  });
});

/** A certificate and key that all tests may serve with, so that not each has to make its own. */
let shared: Readonly<{ path: string; tls: readonly string[]; ca: string }>;

beforeAll(async () => {
  const path = mkdtempSync(join(tmpdir(), 'pullguard-main-'));
  const { ca, cert, key } = await certificatesFor('localhost', '127.0.0.1');
  const [certFile, keyFile] = [join(path, 'tls.crt'), join(path, 'tls.key')];
  writeFileSync(join(path, 'ca.crt'), ca);
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  shared = { path, tls: ['--tls-cert', certFile, '--tls-key', keyFile], ca };
});

afterAll(() => {
  rmSync(shared.path, { recursive: true, force: true });
});

const ANY_PORTS = ['--host', '127.0.0.1', '--port', '0', '--admin-port', '0'];

test('serve does not start on a mistake, and says in one message what to do about it', async () => {
  const file = tempFolder().write('p.yaml', `${HEAD}mirors: []\nrules: { tag-explicit: dney }\n`);
  expect(await run(['serve', ...ANY_PORTS, ...shared.tls, '--config', file])).toEqual({
    code: 2,
    stdout: '',
    stderr: `error: the policy cannot be used:\n${file}:3:1: unknown key "mirors"; did you mean "mirrors"?\n${file}:4:24: must be one of off, audit, warn, deny, is "dney"; did you mean "deny"?\n`,
  });
});

/** A condition is waited for as long as a test may take. */
const PATIENCE = { timeout: 20_000, interval: 20 };

type LogLine = Readonly<Record<string, unknown>>;
type Served = Readonly<{ child: Child; log: LogLine[]; port: number; adminPort: number }>;

/** Starts a server, and waits until its log says that it listens. */
async function serve(args: readonly string[], onFinished = onTestFinished, env?: object): Promise<Served> {
  const child = start(['serve', ...ANY_PORTS, ...args], env === undefined ? {} : { env: { ...env } });
  onFinished(() => {
    child.kill('SIGKILL');
  });
  const log: LogLine[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    log.push(...lines.map((line) => JSON.parse(line) as LogLine));
  });
  child.stderr.resume();
  const line = await waitForLog(log, 'listening');
  return { child, log, port: Number(line['port']), adminPort: Number(line['adminPort']) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function waitForLog(log: readonly LogLine[], message: string, count = 1): Promise<LogLine> {
  return vi.waitFor(() => {
    const found = log.filter(({ msg }) => msg === message);
    expect(found.length, `"${message}" in ${JSON.stringify(log)}`).toBeGreaterThanOrEqual(count);
    return found.at(-1)!;
  }, PATIENCE);
}

/** A call about a real Deployment with this image, whose body is sent by `finish`; which says `allowed`, or why not. */
async function begin(
  { port }: Pick<Served, 'port'>,
  ca: string,
  image: string,
): Promise<{ finish: () => Promise<string> }> {
  const body = JSON.stringify(recordedReview('deployment-create')).replaceAll(
    /"image":"[^"]*"/g,
    JSON.stringify({ image }).slice(1, -1),
  );
  const headers = { 'Content-Type': 'application/json', Expect: '100-continue' };
  const call = request({ host: '127.0.0.1', port, path: '/validate', method: 'POST', ca, headers });
  call.flushHeaders();
  await once(call, 'continue');
  const finish = async (): Promise<string> => {
    call.end(body);
    const [response] = (await once(call, 'response')) as [Readable];
    const { response: answer } = JSON.parse((await buffer(response)).toString()) as {
      response: { allowed: boolean; status?: { message: string } };
    };
    return answer.allowed ? 'allowed' : (answer.status?.message ?? 'denied');
  };
  return { finish };
}

async function validate(served: Served, ca: string, image: string): Promise<string> {
  return (await begin(served, ca, image)).finish();
}

async function readMetrics({ adminPort }: Served): Promise<string> {
  return (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
}

/** What a user gets of `sha256sum policy.yaml | head -c 12`. */
function hashOf(policy: string): string {
  return createHash('sha256').update(policy).digest('hex').slice(0, 12);
}

async function reloads(served: Served): Promise<string> {
  return [...(await readMetrics(served)).matchAll(/^pullguard_policy_reloads_total\{result="(\w+)"\} (\d+)$/gm)]
    .map(([, result, count]) => `${count} ${result}`)
    .sort()
    .join(', ');
}

describe.concurrent('serve', () => {
  test('makes a certificate, writes the CA that verifies it, says that it listens, and stops at SIGTERM with 0', async ({
    onTestFinished,
  }) => {
    const { at } = tempFolder(onTestFinished);
    const served = await serve(['--ca-out', at('ca.crt'), '--offline', '--drain-seconds', '0'], onTestFinished);
    expect(served.log[0]).toMatchObject({
      msg: 'listening',
      host: '127.0.0.1',
      policy: 'default',
      policyHash: 'built-in',
      level: 'info',
    });
    const { version, commit } = JSON.parse((await run(['version', '-o', 'json'])).stdout) as Record<string, string>;
    expect(await readMetrics(served)).toContain(`pullguard_build_info{version="${version}",commit="${commit}"} 1`);
    expect(served.port).toBeGreaterThan(0);
    expect(served.adminPort).toBeGreaterThan(0);
    const ca = readFileSync(at('ca.crt'), 'utf8');
    expect(await validate(served, ca, 'nginx:1.25')).toBe('allowed');
    expect(await validate(served, ca, 'NGINX:1.25')).toContain('did you mean "nginx:1.25"?');
    await expect(validate(served, shared.ca, 'nginx:1.25')).rejects.toThrow(/certificate|signature/);

    const closed = once(served.child, 'close');
    served.child.kill('SIGTERM');
    expect(await closed).toEqual([0, null]);
    expect(served.log.map(({ msg }) => msg).slice(-2)).toEqual(['stopping', 'stopped']);
  });

  test('takes over a changed policy, keeps the last good one while a bad one is there, and counts both', async ({
    onTestFinished,
  }) => {
    const folder = tempFolder(onTestFinished);
    const policy = folder.write('policy.yaml', HEAD);
    // Renamed into place, so that the server never reads half of it.
    const change = (rules: string): void => {
      renameSync(folder.write('next', HEAD + rules), policy);
    };
    const served = await serve(['--config', policy, ...shared.tls], onTestFinished);
    const answer = () => validate(served, shared.ca, 'nginx');
    const inUse = async () =>
      [...(await readMetrics(served)).matchAll(/^pullguard_policy_info\{hash="(\w+)"\} 1$/gm)].map(([, hash]) => hash);
    expect(served.log[0]).toMatchObject({ policy, policyHash: hashOf(HEAD) });
    expect(await inUse()).toEqual([hashOf(HEAD)]);
    expect(await answer()).toBe('allowed');
    expect(await reloads(served)).toBe('0 failure, 0 success');

    change('rules: { tag-explicit: deny }\n');
    const reloaded = await waitForLog(served.log, 'policy reloaded');
    const hash = hashOf(`${HEAD}rules: { tag-explicit: deny }\n`);
    expect([reloaded['policyHash'], await inUse()]).toEqual([hash, [hash]]);
    expect(await answer()).toContain('has no tag and no digest');
    expect(await reloads(served)).toBe('0 failure, 1 success');

    change('rules: { tag-explicit: dney }\n');
    const told = await waitForLog(served.log, 'policy reload failed, keeping the last valid policy');
    expect(told['problem']).toBe(
      `${policy}:3:24: must be one of off, audit, warn, deny, is "dney"; did you mean "deny"?`,
    );
    expect([told['level'], await inUse()]).toEqual(['error', [hash]]);
    expect(await answer()).toContain('has no tag and no digest');
    expect(await reloads(served)).toBe('1 failure, 1 success');

    change('');
    await waitForLog(served.log, 'policy reloaded', 2);
    expect(await answer()).toBe('allowed');
    expect(await reloads(served)).toBe('1 failure, 2 success');
  });

  test('at SIGTERM is not ready at once, serves until the cluster has heard of it, and answers the last call', async ({
    onTestFinished,
  }) => {
    const served = await serve([...shared.tls, '--drain-seconds', '3'], onTestFinished);
    const last = await begin(served, shared.ca, 'nginx:1');
    served.child.kill('SIGTERM');
    const readiness = async (): Promise<number> =>
      fetch(`http://127.0.0.1:${served.adminPort}/readyz`).then(
        ({ status }) => status,
        () => 0,
      );
    await vi.waitUntil(async () => (await readiness()) === 503, PATIENCE);
    expect(await validate(served, shared.ca, 'nginx:1')).toBe('allowed');
    await vi.waitUntil(async () => (await readiness()) === 0, PATIENCE);
    const closed = once(served.child, 'close');
    expect(await last.finish()).toBe('allowed');
    expect(await closed).toEqual([0, null]);
    expect(served.log).toContainEqual(expect.objectContaining({ msg: 'stopping', signal: 'SIGTERM', drainSeconds: 3 }));
  });

  test('at SIGINT, as by Ctrl-C, ends without draining, but not in the middle of a call', async ({
    onTestFinished,
  }) => {
    const served = await serve([...shared.tls, '--drain-seconds', '600'], onTestFinished);
    const last = await begin(served, shared.ca, 'nginx:1');
    served.child.kill('SIGINT');
    await waitForLog(served.log, 'stopping');
    const closed = once(served.child, 'close');
    expect(await last.finish()).toBe('allowed');
    expect(await closed).toEqual([0, null]);
  });

  test('ends at once at a second signal', async ({ onTestFinished }) => {
    const served = await serve([...shared.tls, '--drain-seconds', '600'], onTestFinished);
    const closed = once(served.child, 'close');
    served.child.kill('SIGTERM');
    await waitForLog(served.log, 'stopping');
    served.child.kill('SIGINT');
    expect(await closed).toEqual([null, 'SIGINT']);
  });
});

describe.concurrent('an output that takes nothing', () => {
  test.for(['ignored by its reader', 'closed by its reader', '/dev/full'] as const)(
    '%s does not keep the webhook from serving, nor from ending',
    async (output, { onTestFinished }) => {
      const stdout = output === '/dev/full' ? openSync(output, 'w') : 'pipe';
      const port = await freePort();
      const args = ['serve', '--host', '127.0.0.1', '--port', String(port), '--admin-port', '0', ...shared.tls];
      const more = ['--offline', '--drain-seconds', '0', '--log-level', 'debug'];
      const child = spawn(process.execPath, [MAIN, ...args, ...more], { stdio: ['ignore', stdout, 'ignore'] });
      onTestFinished(() => {
        child.kill('SIGKILL');
      });
      if (output === 'closed by its reader') child.stdout?.destroy();
      const ask = async (): Promise<string> => (await begin({ port }, shared.ca, 'NGINX:1.25')).finish();
      const denied = expect.stringContaining('did you mean') as string;
      await vi.waitFor(async () => {
        expect(await ask()).toEqual(denied);
      }, PATIENCE);
      // More than a pipe holds.
      for (let i = 0; i < 150; i++) expect(await ask()).toEqual(denied);
      const closed = once(child, 'exit');
      child.kill('SIGHUP');
      expect(await closed).toEqual([0, null]);
    },
  );
});

describe.concurrent('a proxy in the environment', () => {
  async function startProxy(
    onFinished: typeof onTestFinished,
    protocol: 'http' | 'https' = 'http',
  ): Promise<Readonly<{ env: NodeJS.ProcessEnv; asked: string[] }>> {
    const asked: string[] = [];
    const [cert, key] = [1, 3].map((at) => readFileSync(shared.tls[at]!));
    const made = protocol === 'http' ? createHttpServer() : createHttpsServer({ cert, key });
    const server = made.on('connect', (call: IncomingMessage, socket: Duplex) => {
      asked.push(call.url ?? '');
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    server.listen(0, '127.0.0.1');
    onFinished(() => {
      server.close();
    });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const env = {
      ...process.env,
      HTTPS_PROXY: `${protocol}://user:hunter2@localhost:${port}`,
      NO_PROXY: 'direct.invalid',
      NODE_EXTRA_CA_CERTS: join(shared.path, 'ca.crt'),
    };
    return { env, asked };
  }

  const PROBED = `${HEAD}registries: [{ hosts: [registry.invalid, direct.invalid], probe: true }]\nprobe: { wait: 5s }\n`;

  test('is what serve asks registries through, and its password is never shown', async ({ onTestFinished }) => {
    const { env, asked } = await startProxy(onTestFinished);
    const policy = tempFolder(onTestFinished).write('policy.yaml', PROBED);
    const served = await serve(['--config', policy, '--log-level', 'debug', ...shared.tls], onTestFinished, env);
    expect(await validate(served, shared.ca, 'registry.invalid/team/app:1')).toBe('allowed');
    const { problem } = await waitForLog(served.log, 'registry not asked');
    expect(problem).toMatch(/^the proxy localhost:\d+ did not connect to "registry\.invalid" \(HTTP 403\)/);
    expect(await validate(served, shared.ca, 'direct.invalid/team/app:1')).toBe('allowed');
    expect(new Set(asked)).toEqual(new Set(['registry.invalid:443']));
    expect(JSON.stringify(served.log)).not.toContain('hunter2');
  });

  test.for(['http', 'https'] as const)('with %s is what image --probe asks through', async (protocol, context) => {
    const { env, asked } = await startProxy(context.onTestFinished, protocol);
    const { stdout, stderr } = await run(['image', '--probe', 'registry.invalid/team/app:1'], '', { env });
    expect(stdout).toContain('did not connect to "registry.invalid" (HTTP 403): fix HTTPS_PROXY or NO_PROXY');
    expect(asked).toEqual(['registry.invalid:443']);
    expect(stdout + stderr).not.toContain('hunter2');
  });

  test('that cannot be used is an error that does not show its password', async () => {
    const wrong = { env: { ...process.env, HTTPS_PROXY: 'socks5://user:hunter2@proxy:1080' } };
    for (const args of [
      ['image', '--probe', 'registry.invalid/app:1'],
      ['serve', ...ANY_PORTS, ...shared.tls],
    ]) {
      const { code, stderr: told } = await run(args, '', wrong);
      expect([code, told]).toEqual([
        2,
        'error: HTTPS_PROXY is a proxy of the type socks5, but only http and https are supported\n',
      ]);
    }
  });
});

test('certs makes what serve takes', async () => {
  const { path, at } = tempFolder();
  const made = await run(['certs', '--dns-name', 'localhost', '127.0.0.1', '--out', path]);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const served = await serve(['--tls-cert', at('tls.crt'), '--tls-key', at('tls.key')]);
  expect(await validate(served, readFileSync(at('ca.crt'), 'utf8'), 'nginx:1')).toBe('allowed');
  expect(await run(['certs', '--dns-name', 'localhost', '--out', path])).toMatchObject({ code: 2, stdout: '' });
});

test('no password of an image is in any output of any command', async () => {
  const image = 'user:s3cret@registry.example/app:1';
  const calls: readonly (readonly [args: readonly string[], stdin?: string])[] = [
    [['image', image]],
    [['check', '-'], pod(image)],
    [['check', image]],
    [[image]],
    [['rules', image]],
    [['check', '--config', `https://${image}`, '-']],
  ];
  for (const { stdout, stderr, code } of await Promise.all(calls.map(([args, stdin]) => run(args, stdin)))) {
    expect(code).toBeGreaterThan(0);
    expect(stdout + stderr).toContain('***@');
    expect(stdout + stderr).not.toContain('s3cret');
  }
});
