import { describe, expect, test } from 'vitest';
import { image, type ImageOptions } from '../../src/cli/image.ts';
import { UsageError } from '../../src/cli/io.ts';
import { capturedIo } from '../support/captured-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

async function run(addresses: readonly string[], options: Partial<ImageOptions> = {}, stdin = '') {
  const io = capturedIo({ stdin });
  const code = await image(addresses, { output: 'text', ...options }, io);
  return { code, ...io.printed };
}

describe('for people', () => {
  test('an address is taken apart, and what the policy makes of it is told', async () => {
    const { write } = tempFolder();
    const config = write(
      'policy.yaml',
      'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\nmirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/hub }]\n',
    );
    const { code, stdout } = await run(['nginx', `ghcr.io/a/b:1@${DIGEST}`], { config });
    expect(stdout).toBe(`"nginx"
  registry    docker.io (Docker Hub)
  repository  library/nginx
  tag         latest (as none is written)
  mirror      swr.eu-de.otc.t-systems.com/hub/library/nginx
  pull secret default-secret
"ghcr.io/a/b:1@${DIGEST}"
  registry    ghcr.io
  repository  a/b
  tag         1
  digest      ${DIGEST}
`);
    expect(code).toBe(0);
  });

  test('an address that is wrong is told with the reason, its code and what was meant', async () => {
    const { code, stdout } = await run(['NGINX:1.25']);
    expect(stdout).toBe(`"NGINX:1.25"
  invalid     repository name must be lowercase (uppercase)
  did you mean nginx:1.25
`);
    expect(code).toBe(1);
  });

  test('one that is only odd is told as odd, and is fine', async () => {
    const { code, stdout } = await run(['registry.example.com:5000']);
    expect(stdout).toMatch(/\n {2}suspicious {2}this is read as the Docker Hub image "registry\.example\.com"/);
    expect(code).toBe(0);
  });

  test('with a digest there is no talk of latest', async () => {
    expect((await run([`nginx@${DIGEST}`])).stdout).not.toContain('latest');
  });

  test('an address that would repaint the terminal is shown and not obeyed', async () => {
    const { stdout } = await run(['a\u001b[2J\nregistry    good.example']);
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(stdout).not.toMatch(/^ *registry/m);
  });
});

describe('the exit code says whether a runtime would take them all', () => {
  test.each<[addresses: readonly string[], code: number]>([
    [['nginx'], 0],
    [['nginx', 'redis:7'], 0],
    [['nginx', 'NGINX', 'redis'], 1],
    [[''], 1],
    [['-'], 0],
  ])('%j: %i', async (addresses, code) => {
    expect((await run(addresses)).code).toBe(code);
  });
});

describe('-o json', () => {
  test('is one object a line, with exactly the keys that are promised', async () => {
    const { code, stdout } = await run(['nginx:1', 'NGINX'], { output: 'json' });
    expect(stdout.split('\n')).toEqual([
      '{"image":"nginx:1","valid":true,"registry":"docker.io","repository":"library/nginx","tag":"1","digest":null,"dockerHub":true,"pullSecret":null,"mirror":null}',
      '{"image":"NGINX","valid":false,"problem":{"code":"uppercase","message":"repository name must be lowercase","suggestion":"nginx"},"registry":null,"repository":null,"tag":null,"digest":null,"dockerHub":false,"pullSecret":null,"mirror":null}',
      '',
    ]);
    expect(code).toBe(1);
  });

  test('stays one line whatever the address holds', async () => {
    const { stdout } = await run(['a\nb', 'c\u2028d\r'], { output: 'json' });
    const lines = stdout.split('\n').slice(0, -1);
    expect(lines.map((line) => (JSON.parse(line) as { image: string }).image)).toEqual(['a\nb', 'c\u2028d\r']);
  });
});

describe('standard input', () => {
  test('holds an address a line; empty lines are none, white space around one is part of it', async () => {
    const { code, stdout } = await run(['-'], { output: 'json' }, 'nginx\r\n\r\nredis:7\n\n ghcr.io/a/b\n  \n');
    const images = stdout.split('\n').slice(0, -1);
    expect(images.map((line) => (JSON.parse(line) as { image: string; valid: boolean }).image)).toEqual([
      'nginx',
      'redis:7',
      ' ghcr.io/a/b',
      '  ',
    ]);
    expect(code).toBe(1);
  });

  test('needs no line end behind the last', async () => {
    expect((await run(['-'], {}, 'nginx')).stdout).toMatch(/^"nginx"\n/);
  });

  test('does not mix with addresses, as nobody would know which come first', async () => {
    await expect(run(['nginx', '-'])).rejects.toThrow(
      new UsageError('"-" reads addresses from standard input and stands alone'),
    );
  });

  test('that cannot be read is misuse, not a bug', async () => {
    const io = {
      ...capturedIo(),
      readStdin: () => Promise.reject(new Error('it is not UTF-8 text; save it as UTF-8')),
    };
    await expect(image(['-'], { output: 'text' }, io)).rejects.toThrow(
      new UsageError('standard input cannot be read: it is not UTF-8 text; save it as UTF-8'),
    );
  });
});

test.each(['text', 'json'] as const)('no password is in the %s', async (output) => {
  const addresses = [
    'user:s3cret@host/app:1',
    'https://user:s3cret@host.example/app',
    'user:s3cret@host.example/app:1:2',
    'USER:s3cret@host.example/App',
    'user:s3cret@host.example/${APP}',
  ];
  const { stdout, stderr } = await run(addresses, { output });
  expect(stdout.match(/\*\*\*@/g)?.length).toBeGreaterThanOrEqual(addresses.length);
  expect(stdout + stderr).not.toContain('s3cret');
});

test('ten thousand addresses take no minutes', async () => {
  const started = performance.now();
  const { stdout } = await run(['-'], { output: 'json' }, 'ghcr.io/a/NGINX:1\n'.repeat(10_000));
  expect(stdout.split('\n')).toHaveLength(10_001);
  // Measured: 0.3 s.
  expect(performance.now() - started).toBeLessThan(8000);
});
