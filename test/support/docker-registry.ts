import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeCertificates } from '../../src/tls/self-signed.ts';
import type { TestImage } from './registry-images.ts';

/** A real registry, the one of the distribution project, with what a test pushes to it. */
export type DockerRegistry = Readonly<{
  /** `127.0.0.1:PORT`, as it stands in an image's name. */
  host: string;
  /** The CA of its certificate; undefined when it speaks plain HTTP. */
  ca: string | undefined;
  push: (repository: string, tag: string, image: TestImage) => Promise<void>;
  stop: () => Promise<void>;
}>;

/** The user that a registry with a login has. */
export const USER = { username: 'puller', password: 'right-password' };

/** The same as `htpasswd -B` writes it. */
const HTPASSWD = 'puller:$2y$04$xzYmm1RmfR0YVHGHzcWMuu76cuoJ7HP0Nf9vQW6iXl1EYngY/DXMq\n';

const PROGRAM = 'docker-registry';

/** Whether the program is installed; Debian's package has its name. */
export function hasDockerRegistry(): boolean {
  return spawnSync(PROGRAM, ['--version'], { stdio: 'ignore' }).status === 0;
}

export type DockerRegistryOptions = Readonly<{
  login?: boolean;
  plainHttp?: boolean;
  /** An address of the loopback, and a port of it; any free one unless given. */
  address?: string;
  port?: number;
  /** For the address at least; one is made unless given. */
  certificates?: Readonly<{ cert: string; key: string; ca: string }>;
}>;

type Configured = Readonly<{ tls: object | undefined; htpasswd: string; login: boolean }>;

function configure(addr: string, { tls, htpasswd, login }: Configured): object {
  return {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { inmemory: {} },
    http: { addr, secret: 'for-uploads-of-tests', ...(tls !== undefined && { tls }) },
    ...(login && { auth: { htpasswd: { realm: 'tests', path: htpasswd } } }),
  };
}

/** Starts one on the loopback, with everything in memory. Whoever starts it stops it. */
export async function startDockerRegistry({
  login = false,
  plainHttp = false,
  address = '127.0.0.1',
  port: wanted = 0,
  certificates: given,
}: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'pullguard-registry-'));
  const certificates = plainHttp ? undefined : (given ?? (await makeCertificates({ names: [address] })));
  const write = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const config = configure(`${address}:${wanted}`, {
    tls: certificates && { certificate: write('tls.crt', certificates.cert), key: write('tls.key', certificates.key) },
    htpasswd: write('htpasswd', HTPASSWD),
    login,
  });
  // All JSON is YAML.
  const child = spawn(PROGRAM, ['serve', write('config.yml', JSON.stringify(config))], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const port = await readPort(child);
    const api = createApi({ address, port, ca: certificates?.ca, login });
    const push = async (repository: string, tag: string, image: TestImage): Promise<void> =>
      pushImage(api, repository, { name: tag, image });
    return { host: `${address}:${port}`, ca: certificates?.ca, push, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** It says where it listens, in the one way that does not race for a port with anybody. */
async function readPort(child: ChildProcess): Promise<number> {
  const failed = once(child, 'error').then(([error]) => {
    throw new Error('docker-registry cannot be started', { cause: error });
  });
  return Promise.race([failed, findPort(child)]);
}

async function findPort({ stderr }: ChildProcess): Promise<number> {
  const said: string[] = [];
  const lines = createInterface({ input: stderr! });
  for await (const line of lines) {
    said.push(line);
    const port = /listening on [0-9.]+:([0-9]+)/.exec(line)?.[1];
    if (port === undefined) continue;
    // Read on, or it would wait for ever to be read.
    stderr!.resume();
    return Number(port);
  }
  throw new Error(`docker-registry ended before it listened:\n${said.join('\n')}`);
}

type Call = Readonly<{ method: string; path: string; contentType?: string; body?: Buffer }>;

type Api = (call: Call) => Promise<IncomingMessage>;

function createApi({
  address,
  port,
  ca,
  login,
}: Readonly<{ address: string; port: number; ca: string | undefined; login: boolean }>): Api {
  return async ({ method, path, contentType, body }) => {
    const headers = {
      ...(login && { Authorization: `Basic ${btoa(`${USER.username}:${USER.password}`)}` }),
      ...(contentType !== undefined && { 'Content-Type': contentType }),
      'Content-Length': body?.length ?? 0,
    };
    const options = { host: address, port, method, path, headers };
    const request = ca === undefined ? requestHttp(options) : requestHttps({ ...options, ca });
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    if (response.statusCode === 201 || response.statusCode === 202) return response;
    throw new Error(`docker-registry answers ${method} ${path} with ${response.statusCode}`);
  };
}

async function pushImage(
  api: Api,
  repository: string,
  { name, image }: Readonly<{ name: string; image: TestImage }>,
): Promise<void> {
  for (const part of image.images) await pushImage(api, repository, { name: part.digest, image: part });
  for (const { digest, bytes } of image.blobs) {
    const upload = await api({ method: 'POST', path: `/v2/${repository}/blobs/uploads/` });
    const { pathname, searchParams } = new URL(upload.headers.location ?? '', 'http://registry');
    searchParams.set('digest', digest);
    const path = `${pathname}?${searchParams.toString()}`;
    await api({ method: 'PUT', path, contentType: 'application/octet-stream', body: bytes });
  }
  const path = `/v2/${repository}/manifests/${name}`;
  await api({ method: 'PUT', path, contentType: image.mediaType, body: image.bytes });
}
