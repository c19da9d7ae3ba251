import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { check, type CheckOptions } from '../../src/cli/check.ts';
import { capturedIo } from '../support/captured-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

const HEAD = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';

const pod = (image: string, head = 'metadata: { name: web }'): string =>
  `apiVersion: v1\nkind: Pod\n${head}\nspec:\n  containers:\n    - name: app\n      image: ${image}\n`;

type Setup = Readonly<{
  files?: Readonly<Record<string, string | Buffer>>;
  policy?: string;
  stdin?: string;
  isTTY?: boolean;
  output?: CheckOptions['output'];
}>;

/** Runs `check` in a folder of its own; paths are names in it, and so are those that come back. */
async function run(names: readonly string[], { files = {}, policy, output = 'text', ...io }: Setup) {
  const folder = tempFolder();
  for (const [name, content] of Object.entries(files)) folder.write(name, content);
  const captured = capturedIo(io);
  const paths = names.map((name) => (name === '-' ? name : folder.at(name)));
  const config = policy === undefined ? {} : { config: folder.write('policy.txt', HEAD + policy) };
  const code = await check(paths, { output, ...config }, captured);
  const shown = (text: string): string => text.replaceAll(`${folder.path}/`, '');
  return { code, stdout: shown(captured.printed.stdout), stderr: shown(captured.printed.stderr) };
}

describe('the exit code, which CI goes by', () => {
  test.each<[what: string, code: number, image: string, policy: string | undefined]>([
    ['fine', 0, 'nginx:1.25', undefined],
    ['a warning only', 0, 'swr.eu-de.otc.t-systems.com/a/b:1', undefined],
    ['something that would be denied', 1, 'NGINX', undefined],
    ['the same, but the policy only warns of it', 0, 'NGINX', 'rules: { reference-valid: warn }'],
    ['something the policy denies', 1, 'nginx', 'rules: { tag-explicit: deny }'],
  ])('%s: %i', async (_what, code, image, policy) => {
    const files = { 'pod.yaml': pod(image) };
    expect((await run(['pod.yaml'], { files, ...(policy !== undefined && { policy }) })).code).toBe(code);
  });

  test.each<[what: string, files: Setup['files'], paths: readonly string[]]>([
    ['a missing file', {}, ['none.yaml']],
    ['broken YAML', { 'a.yaml': 'a: [\n' }, ['a.yaml']],
    ['UTF-16', { 'a.yaml': Buffer.from(`\ufeff${pod('nginx')}`, 'utf16le') }, ['a.yaml']],
    ['a binary file', { 'a.yaml': Buffer.from([0, 1, 2, 255]) }, ['a.yaml']],
    [
      'a broken file beside one that would be denied',
      { 'a.yaml': 'a: [\n', 'b.yaml': pod('NGINX') },
      ['a.yaml', 'b.yaml'],
    ],
  ])('%s: 2', async (_what, files = {}, paths) => {
    expect((await run(paths, { files })).code).toBe(2);
  });

  test.each(['', '# nothing\n', '---\n', 'a: 1\n', 'apiVersion: v1\nkind: Service\n'])(
    'nothing to judge is fine: %j',
    async (text) => {
      expect((await run(['a.yaml'], { files: { 'a.yaml': text } })).code).toBe(0);
    },
  );
});

test('a folder of manifests as people have them is judged in one go', async () => {
  const files = {
    'app/deployment.yaml': readFixture('manifests/deployment.yaml'),
    'app/list.json': readFixture('manifests/list.json'),
    'app/service.yaml': 'apiVersion: v1\nkind: Service\nmetadata: { name: web }\n',
    'app/values.yaml': 'image: NGINX\n',
    'app/broken.yaml': `${pod('NGINX')}---\nkind: Pod\nname: "never closed\n---\n${pod('redis::7')}`,
    'app/notes.txt': 'NGINX\n',
  };
  const { code, stdout } = await run(['app'], {
    files,
    policy: 'mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/dockerhub }]',
  });
  expect(stdout).toBe(readFixture('manifests/expected.txt'));
  expect(code).toBe(2);
});

describe('standard input', () => {
  test('is judged under a name of its own', async () => {
    const { code, stdout } = await run(['-'], { stdin: pod('NGINX') });
    expect(stdout).toMatch(/^<stdin>:7:14: deny: /);
    expect(code).toBe(1);
  });

  test('goes together with files', async () => {
    const { stdout } = await run(['a.yaml', '-'], { files: { 'a.yaml': pod('NGINX') }, stdin: pod('REDIS') });
    expect(stdout).toMatch(/<stdin>:7:14: deny: .*\na\.yaml:7:14: deny: .*\n2 workloads checked/);
  });

  test('that cannot be read is an error of its own, and hides no file', async () => {
    const { write } = tempFolder();
    const io = {
      ...capturedIo(),
      readStdin: () => Promise.reject(new Error('it is not UTF-8 text; save it as UTF-8')),
    };
    expect(await check(['-', write('a.yaml', pod('NGINX'))], { output: 'text' }, io)).toBe(2);
    expect(io.printed.stdout).toMatch(/a\.yaml:7:14: deny: .*\n<stdin>: error: cannot be read: it is not UTF-8 text/);
  });
});

describe('a file that is named twice', () => {
  test.each([[['a.yaml', 'a.yaml']], [['.', 'a.yaml']], [['-', 'a.yaml', '-']]])('%j is judged once', async (names) => {
    const { stdout } = await run(names, { files: { 'a.yaml': pod('NGINX') } });
    expect(stdout).toMatch(/^a\.yaml:7:14: deny: .*\n1 workload checked/);
  });
});

test('what a namespace is exempt from is not reported, but what has no namespace yet is', async () => {
  const head = (namespace: string): string => `metadata: { name: web, namespace: ${namespace} }`;
  const files = {
    'a.yaml': [pod('NGINX', head('kube-system')), pod('NGINX', head('web')), pod('NGINX')].join('---\n'),
  };
  const { stdout } = await run(['a.yaml'], { files });
  expect(stdout).toMatch(/^a\.yaml:15:14: deny: .*\na\.yaml:23:14: deny: .*\n3 workloads checked: 2 to be denied/);
});

test('a kind that the policy adds is judged where the policy says', async () => {
  const rollout =
    'apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: { template: { spec: { containers: [{ image: NGINX }] } } }\n';
  const policy = 'workloads: [{ group: argoproj.io, kind: Rollout, podTemplates: [/spec/template] }]';
  expect(await run(['a.yaml'], { files: { 'a.yaml': rollout }, policy })).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('a.yaml:3:51: deny: Rollout container ""') as string,
  });
  expect((await run(['a.yaml'], { files: { 'a.yaml': rollout } })).stdout).toContain('skipped 1 without images');
});

test.each<[what: string, image: string]>([
  ['a number', '1.25'],
  ['nothing', ''],
  ['a list', '[nginx]'],
  ['an object', '{ name: nginx }'],
])('an image that is %s is left to the API server, which refuses it', async (_what, image) => {
  expect(await run(['a.yaml'], { files: { 'a.yaml': pod(image) } })).toMatchObject({
    code: 0,
    stdout: '1 workload checked: 0 to be denied, 0 to be warned about\n',
  });
});

describe('-o json', () => {
  test('is one document with places and counts, without colour even on a terminal', async () => {
    const files = { 'a.yaml': pod('NGINX'), 'b.yaml': 'a: [\n' };
    const { code, stdout } = await run(['.'], { files, output: 'json', isTTY: true });
    expect(stdout).not.toContain('\u001b');
    expect(JSON.parse(stdout)).toMatchObject({
      findings: [
        { file: 'a.yaml', line: 7, column: 14, rule: 'reference-valid', action: 'deny', value: 'NGINX', namespace: '' },
      ],
      errors: [{ file: 'b.yaml', line: 2, column: 1 }],
      summary: { workloads: 1, otherObjects: 0, foreign: 0, denied: 1, warned: 0, audited: 0 },
    });
    expect(code).toBe(2);
  });
});

describe('colour', () => {
  const files = { 'a.yaml': pod('NGINX') };
  const colored = async (isTTY: boolean): Promise<boolean> =>
    (await run(['a.yaml'], { files, isTTY })).stdout.includes('\u001b[31mdeny\u001b[39m');

  test('is for a terminal, not for a file or a pipe', async () => {
    vi.stubEnv('NO_COLOR', '');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    expect(await colored(true)).toBe(true);
    expect(await colored(false)).toBe(false);
  });

  test('is not for who asked for none', async () => {
    vi.stubEnv('NO_COLOR', '1');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    expect(await colored(true)).toBe(false);
  });
});

test.each(['text', 'json'] as const)('no password of an image is in the %s, wherever it stands', async (output) => {
  const image = 'admin:s3cret@registry.example/app:1';
  const files = {
    'a.yaml': pod(image),
    'b.yaml': pod(`https://${image}`),
    'c.yaml': pod(`"${image}`),
    'd.yaml': pod(`*${image}`),
    'e.yaml': `${image}: 1\n${image}: 2\n`,
    'f.yaml': `${image} [\n  - {`,
    'g.json': JSON.stringify({ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ image }] } }),
    'h.yaml': pod('docker.io/library/nginx').replace('nginx', `nginx@${image}`),
  };
  const { stdout, stderr } = await run(['.', image], { files, output });
  expect(stdout).toContain('***@');
  expect(stdout + stderr).not.toContain('s3cret');
});

function readFixture(name: string): string {
  return readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
}
