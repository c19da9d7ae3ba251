import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { objects, podOf, ROOT } from '../manifests/manifests.ts';
import { certificatesFor } from '../support/certificates.ts';
import { recordedReview } from '../support/objects.ts';
import { tempFolder } from '../support/temp-folder.ts';

// The image is started as a container, with what a node starts it with and no engine: runc, and umoci to unpack it.
const isThere = (tool: string): boolean => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;
const CAN_RUN = isThere('runc') && isThere('umoci') && process.getuid?.() === 0;
if (!CAN_RUN) console.log('the image is not started: that needs runc, umoci and root');

const HEAD = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';
const PATIENCE = { timeout: 30_000, interval: 50 };
const MEMORY = 256 * 1024 * 1024;

type Config = {
  process: {
    args: string[];
    env: string[];
    terminal: boolean;
    capabilities: unknown;
    noNewPrivileges: boolean;
    user: { uid: number; gid: number };
  };
  root: { readonly: boolean };
  mounts: { destination: string; type?: string; source: string; options: string[] }[];
  linux: { namespaces: { type: string }[]; resources: { memory?: { limit: number } } };
};

// Of Debian's libc6-arm64-cross: the libraries of the other architecture.
const HAS_ARM64 = process.arch === 'x64' && existsSync('/usr/aarch64-linux-gnu/lib/libc.so.6');

test.skipIf(!HAS_ARM64)(
  'with a Node.js of each architecture it is an index, in which all share what is not Node.js',
  () => {
    const folder = tempFolder();
    // The header of a program for arm64, which is all that is read of it.
    const header = Buffer.alloc(64);
    header.write('\x7fELF', 'latin1');
    header.writeUInt16LE(0xb7, 18);
    const arm64 = folder.write('node', header);
    const out = folder.at('layout');
    const args = ['--import', 'tsx', join(ROOT, 'scripts/image.ts'), out, process.execPath, arm64];
    execFileSync(process.execPath, args, { cwd: ROOT });

    type Blob = { digest: string; platform: object };
    type Content = { manifests: Blob[]; config: Blob; layers: Blob[]; architecture: string };
    const parse = (path: string): Content => JSON.parse(readFileSync(join(out, path), 'utf8')) as Content;
    const blob = ({ digest }: Blob): Content => parse(`blobs/${digest.replace(':', '/')}`);
    const index = blob(parse('index.json').manifests[0]!);
    expect(index.manifests.map(({ platform }) => platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
    const images = index.manifests.map(blob);
    expect(images.map(({ config }) => blob(config).architecture)).toEqual(['amd64', 'arm64']);
    const [bases, ours] = [0, 1].map((at) => new Set(images.map(({ layers }) => layers[at]!.digest)));
    expect([bases!.size, ours!.size]).toEqual([2, 1]);
  },
  120_000,
);

describe.skipIf(!CAN_RUN)('the image, as uid 65532 on a read-only root without capabilities and with 256 MiB', () => {
  let folder = '';
  let ca = '';
  let count = 0;
  const at = (...names: string[]): string => join(folder, ...names);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pullguard-image-'));
    chmodSync(folder, 0o755);
    execFileSync(process.execPath, ['--import', 'tsx', join(ROOT, 'scripts/image.ts'), at('layout')], { cwd: ROOT });
    execFileSync('umoci', ['unpack', '--image', `${at('layout')}:pullguard`, at('bundle')], { stdio: 'ignore' });
    const made = await certificatesFor('localhost', '127.0.0.1');
    execFileSync('mkdir', [at('work')]);
    writeFileSync(at('work/tls.crt'), made.cert);
    writeFileSync(at('work/tls.key'), made.key, { mode: 0o644 });
    writeFileSync(at('work/policy.yaml'), HEAD);
    ca = made.ca;
  }, 120_000);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** Starts a container of it, in the network of this machine so that a test can call it. */
  function start(args: readonly string[]) {
    const config = JSON.parse(readFileSync(at('bundle/config.json'), 'utf8')) as Config;
    const isFirst = config.mounts.every(({ destination }) => destination !== '/work');
    config.process.args = [...config.process.args.slice(0, 3), ...args];
    config.process.terminal = false;
    config.process.capabilities = {};
    config.process.noNewPrivileges = true;
    config.root.readonly = true;
    config.linux.resources.memory = { limit: MEMORY };
    config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== 'network');
    if (isFirst)
      config.mounts.push({ destination: '/work', type: 'bind', source: at('work'), options: ['rbind', 'ro'] });
    const [option] = podOf(objects).containers[0]!.env;
    config.process.env = [
      ...config.process.env.filter((each) => !each.startsWith('NODE_OPTIONS=')),
      `NODE_OPTIONS=${option!.value.replace('256', '128')}`,
    ];
    writeFileSync(at('bundle/config.json'), JSON.stringify(config));
    const id = `pullguard-${process.pid}-${count++}`;
    const child = spawn('runc', ['--root', at('state'), 'run', '--bundle', at('bundle'), id], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    const kill = (signal: string): void => {
      spawnSync('runc', ['--root', at('state'), 'kill', id, signal]);
    };
    onTestFinished(() => {
      kill('KILL');
      spawnSync('runc', ['--root', at('state'), 'delete', '--force', id]);
    });
    return { child, output, kill, exited: once(child, 'close') as Promise<[number | null]> };
  }

  test('has the files of the Dockerfile, its user and its command, and neither a shell nor npm', () => {
    const { process: started } = JSON.parse(readFileSync(at('bundle/config.json'), 'utf8')) as Config;
    expect(started.user).toMatchObject({ uid: 65532, gid: 65532 });
    expect(started.args).toEqual(['/nodejs/bin/node', '--enable-source-maps', '/app/dist/main.js', 'serve']);
    expect(readdirSync(at('bundle/rootfs/app')).sort()).toEqual(['LICENSE', 'dist', 'docs', 'package.json']);
    expect(readdirSync(at('bundle/rootfs/app/docs'))).toEqual(['rules']);
    const files = readdirSync(at('bundle/rootfs'), { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => /(?:^|\/)(?:sh|bash|busybox|npm|npx|corepack|node_modules)$/.test(file))).toEqual([]);
    const writable = files.filter((file) => (statSync(at('bundle/rootfs', file)).mode & 0o022) !== 0);
    expect(writable).toEqual([]);
  });

  test('serves, takes a changed policy, and stops at SIGTERM when it has drained', async () => {
    const flags = ['--host', '127.0.0.1', '--port', '0', '--admin-port', '0', '--offline', '--drain-seconds', '1'];
    const files = ['--tls-cert', '/work/tls.crt', '--tls-key', '/work/tls.key', '--config', '/work/policy.yaml'];
    const { output, kill, exited } = start(['serve', ...flags, ...files]);
    const log = () =>
      output.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    const find = async (msg: string) =>
      vi.waitFor(() => {
        const line = log().find((each) => each['msg'] === msg);
        expect(line, output.stdout + output.stderr).toBeDefined();
        return line!;
      }, PATIENCE);
    const port = Number((await find('listening'))['port']);
    expect(await validate(port, 'NGINX:1.25')).toContain('did you mean \\"nginx:1.25\\"?');
    expect(await validate(port, 'nginx')).toContain('"allowed":true');

    writeFileSync(at('work/next'), `${HEAD}rules: { tag-explicit: deny }\n`);
    renameSync(at('work/next'), at('work/policy.yaml'));
    await find('policy reloaded');
    expect(await validate(port, 'nginx')).toContain('"allowed":false');

    kill('TERM');
    const stopped = Date.now();
    expect(await exited).toEqual([0, null]);
    expect(Date.now() - stopped).toBeLessThan(15_000);
    expect(
      log()
        .map(({ msg }) => msg)
        .slice(-2),
    ).toEqual(['stopping', 'stopped']);
  });

  test('checks what a pipeline gives it: docker run --rm -i pullguard check -', async () => {
    const { child, output, exited } = start(['check', '-']);
    child.stdin.end(
      'apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec: { containers: [{ name: a, image: NGINX }] }\n',
    );
    expect(await exited, output.stderr).toEqual([1, null]);
    expect(output.stdout).toContain('reference-valid');
  });

  async function validate(port: number, image: string): Promise<string> {
    const body = JSON.stringify(recordedReview('deployment-create')).replaceAll(
      /"image":"[^"]*"/g,
      `"image":"${image}"`,
    );
    const headers = { 'Content-Type': 'application/json' };
    const call = request({ host: '127.0.0.1', port, path: '/validate', method: 'POST', ca, headers });
    call.end(body);
    const [response] = (await once(call, 'response')) as [NodeJS.ReadableStream];
    return (await buffer(response)).toString();
  }
});
