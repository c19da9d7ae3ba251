import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { image, type ImageOptions } from '../../src/cli/image.ts';
import { capturedIo } from '../support/captured-io.ts';
import { hasDockerRegistry, startDockerRegistry, USER, type DockerRegistry } from '../support/docker-registry.ts';
import { startFaultRegistry, type Answer, type FaultRegistry } from '../support/fault-registry.ts';
import { registryCertificates } from '../support/certificates.ts';
import type { RegistryCertificates } from '../support/registry-certificates.ts';
import { makeImage, makeIndex, type TestImage } from '../support/registry-images.ts';
import { tempFolder } from '../support/temp-folder.ts';

// `pullguard image --probe` as people run it, and registries that answer.

const HEAD = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';

/** The user name alone is none of the secrets. */
const SECRETS = [USER.password, 'wr0ng-s3cret'];

const auth = (password: string): string => Buffer.from(`${USER.username}:${password}`).toString('base64');

/** A policy that has a registry on the loopback asked, with what is in `probe` besides. */
function writePolicy(host: string, probe: object, timeout = '10s'): string {
  const settings = JSON.stringify({ addresses: ['127.0.0.0/8'], ...probe });
  return tempFolder().write(
    'policy.yaml',
    `${HEAD}registries: [{ hosts: ['${host}'], probe: ${settings} }]\nprobe: { timeout: ${timeout} }\n`,
  );
}

function writeLogin(host: string, password: string): string {
  return tempFolder().write('config.json', JSON.stringify({ auths: { [host]: { auth: auth(password) } } }));
}

/** Runs the command. Whatever it prints, it is no credential. */
async function probe(addresses: readonly string[], options: Partial<ImageOptions> = {}) {
  const io = capturedIo();
  const code = await image(addresses, { output: 'text', probe: true, ...options }, io);
  for (const secret of SECRETS) {
    expect(io.printed.stdout + io.printed.stderr).not.toContain(secret);
    expect(io.printed.stdout + io.printed.stderr).not.toContain(auth(secret));
  }
  return { code, ...io.printed };
}

describe.skipIf(!hasDockerRegistry())('a real registry with a certificate of its own and a login', () => {
  const index = makeIndex({ 'linux/amd64': makeImage([2_097_152]), 'linux/arm64/v8': makeImage([1_048_576]) });
  let registry: DockerRegistry;
  let address: string;

  beforeAll(async () => {
    registry = await startDockerRegistry({ login: true });
    await registry.push('team/app', '1.4', index);
    address = `${registry.host}/team/app:1.4`;
  });

  afterAll(async () => {
    await registry.stop();
  });

  const trusting = (): string => writePolicy(registry.host, { ca: registry.ca });

  test('gives an image to the right user', async () => {
    const options = { config: trusting(), dockerConfig: writeLogin(registry.host, USER.password) };
    const { code, stdout } = await probe([address], options);
    expect(stdout).toBe(`"${address}"
  registry    ${registry.host}
  repository  team/app
  tag         1.4
  pullable    yes
  answered    ${registry.host}, asked with credentials for "${registry.host}"
  digest      ${index.digest}
  size        linux/amd64 2.0 MiB, linux/arm64 1.0 MiB (compressed)
`);
    expect(code).toBe(0);
  });

  type Case = readonly [what: string, run: () => ReturnType<typeof probe>, said: readonly RegExp[]];
  const login = (password: string): Partial<ImageOptions> => ({
    config: trusting(),
    dockerConfig: writeLogin(registry.host, password),
  });
  const cases: readonly Case[] = [
    [
      'the wrong password',
      async () => probe([address], login('wr0ng-s3cret')),
      [/^ {2}pullable {4}no: .* refused the credentials/m, /asked with credentials for/],
    ],
    [
      'no login',
      async () => probe([address], { config: trusting() }),
      [/^ {2}pullable {4}no: .* requires authentication/m, /asked anonymously$/m, /note .*--docker-config/],
    ],
    [
      'a login for another registry',
      async () => probe([address], { config: trusting(), dockerConfig: writeLogin('ghcr.io', USER.password) }),
      [/^ {2}pullable {4}no: /m, /asked anonymously$/m, /note .* has none for/],
    ],
    [
      'a tag that is not there',
      async () => probe([`${registry.host}/team/app:none`], login(USER.password)),
      [/^ {2}pullable {4}no: .* has no tag "none" in team\/app/m],
    ],
    [
      'a certificate of a CA that nobody named',
      async () => probe([address], { dockerConfig: writeLogin(registry.host, USER.password) }),
      [/^ {2}pullable {4}no: certificate of .* unknown/m, /update-ca-trust/, /^ {2}asked/m],
    ],
    [
      'an address in a network that the policy does not allow',
      async () => probe([address], { config: writePolicy(registry.host, { ca: registry.ca, addresses: [] }) }),
      [/^ {2}pullable {4}unknown: .*registries\[\]\.probe\.addresses/m],
    ],
  ];

  test.each(cases)('%s', async (_what, run, said) => {
    const { code, stdout } = await run();
    for (const pattern of said) expect(stdout).toMatch(pattern);
    expect(code).toBe(1);
  });
});

/** One that answers as told, and is gone with the test. */
async function serve(answer: Answer): Promise<FaultRegistry> {
  const registry = await startFaultRegistry(answer);
  onTestFinished(registry.close);
  return registry;
}

describe('a registry that does not behave', () => {
  test('and limits pulls is told with the time when it will answer again', async () => {
    const registry = await serve((_request, response) => {
      response.writeHead(429, { 'Retry-After': '120', 'RateLimit-Limit': '100;w=21600', 'RateLimit-Remaining': '0' });
      response.end();
    });
    const config = writePolicy(registry.host, { plainHttp: true });
    const { code, stdout } = await probe([`${registry.host}/app:1`], { config });
    expect(stdout).toMatch(/^ {2}pullable {4}no: .* is rate-limiting pulls until \d\d:\d\dZ/m);
    expect(stdout).toContain('rate limit  0 of 100 pulls left in 6 h');
    expect(code).toBe(1);
  });

  test('and never answers is given up when the policy says, and those after it are asked', async () => {
    const hanging = await serve(() => undefined);
    const config = writePolicy(hanging.host, { plainHttp: true }, '300ms');
    const { code, stdout } = await probe([`${hanging.host}/app:1`, `${hanging.host}/app:2`], { config });
    expect(stdout.match(/^ {2}pullable {4}no: .* is unreachable from pullguard \(i\/o timeout\)/gm)).toHaveLength(2);
    expect(code).toBe(1);
  });

  test('and writes to the terminal, with the password that it was sent, is not let through', async () => {
    const registry = await serve((request, response) => {
      const said = `\u001b[2Jpullable    yes ${request.headers.authorization ?? ''}`;
      response.writeHead(request.headers.authorization === undefined ? 401 : 403, {
        'WWW-Authenticate': 'Basic realm="pullable yes"',
        'Content-Type': 'application/json',
      });
      response.end(JSON.stringify({ errors: [{ code: said, message: said, detail: said }] }));
    });
    const config = writePolicy(registry.host, { plainHttp: true });
    const dockerConfig = writeLogin(registry.host, USER.password);
    for (const output of ['text', 'json'] as const) {
      const { stdout } = await probe([`${registry.host}/app:1`], { config, dockerConfig, output });
      expect(registry.requests.some(({ headers }) => headers.authorization === `Basic ${auth(USER.password)}`)).toBe(
        true,
      );
      expect(stdout).not.toMatch(/\u001b|pullable +yes/);
    }
  });
});

describe('as a process', () => {
  // What `npm run build` made, as for all tests of whole programs.
  const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

  beforeAll(() => {
    if (!existsSync(MAIN)) throw new Error('dist/main.js is not there: run "npm run build" first, as "npm test" does');
  });

  function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    return spawn(process.execPath, [MAIN, 'image', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
  }

  test('it ends by itself when all is said, though connections are kept', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const registry = await serve((_request, response) => {
      response.writeHead(404, { 'Docker-Content-Digest': digest, 'Docker-Distribution-Api-Version': 'registry/2.0' });
      response.end();
    });
    const config = writePolicy(registry.host, { plainHttp: true });
    const child = start(['--probe', '--config', config, `${registry.host}/app:1`]);
    const closed = once(child, 'close');
    expect(await text(child.stdout)).toMatch(/^ {2}pullable {4}no: .* has no /m);
    expect(await closed).toEqual([1, null]);
  });

  describe('without a policy, as people type it', () => {
    let certificates: RegistryCertificates;
    let env: NodeJS.ProcessEnv;

    beforeAll(async () => {
      certificates = await registryCertificates();
      env = { NODE_EXTRA_CA_CERTS: tempFolder(afterAll).write('ca.pem', certificates.ca) };
    });

    async function serveTls(answer: Answer): Promise<FaultRegistry & { address: string }> {
      const registry = await startFaultRegistry(answer, { tls: certificates.valid });
      onTestFinished(registry.close);
      return { ...registry, address: `localhost:${registry.port}` };
    }

    async function run(...args: readonly string[]): Promise<Readonly<{ code: number; stdout: string }>> {
      const child = start(['--probe', ...args], env);
      const closed = once(child, 'close');
      const stdout = await text(child.stdout);
      const [code] = (await closed) as [number];
      return { code, stdout };
    }

    const AMD64 = makeImage([1000]);
    const SPARSE = makeIndex({ 'linux/amd64': AMD64, 'linux/arm64': makeImage([10]) });

    /** Answers for manifests by tag and digest; what it has none for is not there. */
    const serveManifests =
      (...images: readonly TestImage[]): Answer =>
      ({ url = '', method }, response) => {
        const name = url.slice(url.lastIndexOf('/') + 1);
        const found = name === '1' ? images[0] : images.find(({ digest }) => digest === name);
        if (found === undefined) {
          response.writeHead(404, { 'Content-Type': 'application/json' });
          response.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
          return;
        }
        response.writeHead(200, { 'Content-Type': found.mediaType, 'Docker-Content-Digest': found.digest });
        response.end(method === 'HEAD' ? undefined : found.bytes);
      };

    /** Answers each manifest so, and 200 at `/v2/`. */
    const serveAlways =
      (status: number, contentType: string, body: string): Answer =>
      ({ url, method }, response) => {
        const isBase = url === '/v2/';
        response.writeHead(isBase ? 200 : status, { 'Content-Type': isBase ? 'application/json' : contentType });
        response.end(isBase || method === 'HEAD' ? undefined : body);
      };
    const SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    const error = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] });

    // Put down to the wrong cause, each has people mend what works.
    test('each registry is told as what it is', async () => {
      const cases: readonly [answer: Answer, outcome: string, said: RegExp, never: RegExp][] = [
        // A mirror that was given one platform of several: nodes of that one pull it.
        [serveManifests(SPARSE, AMD64), 'ok', /"pullable":true.*linux\/arm64/, /"pullable":false/],
        [serveManifests(SPARSE), 'not-found', /no image for linux\/amd64 or linux\/arm64/, /"pullable":true/],
        [
          serveAlways(200, SCHEMA_1, '{"schemaVersion":1}'),
          'unsupported',
          /schema 1.*containerd/,
          /ask who runs it|\/v2\//,
        ],
        [
          serveAlways(404, 'text/html', '<html>Not Found</html>'),
          'not-found',
          /web page.*may not be a registry, or has no/,
          /manifest unknown/,
        ],
        [
          serveAlways(403, 'text/html', '<html>Blocked</html>'),
          'broken',
          /web page.*firewall/,
          /pull secret|docker-config/,
        ],
        [serveAlways(200, 'text/html', '<html>Home</html>'), 'broken', /web page/, /manifest is/],
        [
          serveAlways(403, 'application/json', error('DENIED', 'storage quota exceeded')),
          'denied',
          /its own policy.*"says":"storage quota exceeded"/,
          /imagePullSecrets/,
        ],
      ];
      const registries = await Promise.all(cases.map(async ([answer]) => serveTls(answer)));
      const { code, stdout } = await run('-o', 'json', ...registries.map(({ address }) => `${address}/app:1`));
      for (const [at, [, outcome, said, never]] of cases.entries()) {
        const line = stdout.split('\n')[at] ?? '';
        expect(JSON.parse(line)).toMatchObject({ probe: { outcome, pullable: outcome === 'ok' } });
        expect(line).toMatch(said);
        expect(line).not.toMatch(never);
      }
      expect(code).toBe(1);
    });

    // GitLab's registry: every public image of it was "not known".
    test('a token is had of another host, and nobody logs in there', async () => {
      const tokens = await serveTls((_request, response) => response.end(JSON.stringify({ token: 'abc' })));
      const manifests = serveManifests(AMD64);
      const registry = await serveTls((request, response) => {
        if (request.headers.authorization === 'Bearer abc') {
          manifests(request, response);
          return;
        }
        response.writeHead(401, { 'WWW-Authenticate': `Bearer realm="https://${tokens.address}/token"` });
        response.end();
      });
      const image = `${registry.address}/otherhost:1`;
      expect(await run(image)).toMatchObject({ code: 0, stdout: expect.stringMatching(/pullable +yes/) as string });
      expect(tokens.requests.some(({ headers }) => 'authorization' in headers)).toBe(false);
      // With a login the password would be sent to whoever the registry names.
      const asked = tokens.requests.length;
      const withLogin = await run('--docker-config', writeLogin(registry.address, USER.password), image);
      expect(withLogin).toMatchObject({ code: 1, stdout: expect.stringMatching(/pullable +unknown/) as string });
      expect(tokens.requests).toHaveLength(asked);
    });
  });

  test('Ctrl-C ends it while a registry hangs', async () => {
    const registry = await serve(() => undefined);
    const config = writePolicy(registry.host, { plainHttp: true }, '60s');
    const child = start(['--probe', '--config', config, `${registry.host}/app:1`]);
    const closed = once(child, 'close');
    await vi.waitFor(
      () => {
        expect(registry.requests.length).toBeGreaterThan(0);
      },
      { timeout: 10_000 },
    );
    child.kill('SIGINT');
    expect(await closed).toEqual([null, 'SIGINT']);
  });

  /** Modules of ours that a run loaded, by what V8 saw and the source maps of the bundle. */
  async function loadedBy(args: readonly string[]): Promise<readonly string[]> {
    const { path } = tempFolder();
    const child = start(args, { NODE_V8_COVERAGE: path });
    await once(child, 'close');
    return readdirSync(path).flatMap((name) => {
      const { result } = JSON.parse(readFileSync(join(path, name), 'utf8')) as { result: { url: string }[] };
      return result
        .filter(({ url }) => url.includes('/dist/'))
        .flatMap(
          ({ url }) => (JSON.parse(readFileSync(new URL(`${url}.map`), 'utf8')) as { sources: string[] }).sources,
        )
        .flatMap((source) => /^(?:\.\.\/)+src\/(.*)$/.exec(source)?.[1] ?? []);
    });
  }

  test('who asks no registry does not wait for what does', async () => {
    // `api-server.ts` loads nothing else.
    const asking = /^(?:registry|cluster)\/(?!connection\/api-server\.ts$)/;
    expect((await loadedBy(['NGINX'])).filter((file) => asking.test(file))).toEqual([]);
    expect(await loadedBy(['--probe', 'NGINX'])).toContain('registry/exchange/exchange.ts');
  });
});
