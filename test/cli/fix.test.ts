import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { check, type CheckOptions } from '../../src/cli/check.ts';
import { capturedIo } from '../support/captured-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

const POLICY = `apiVersion: pullguard.dev/v1alpha1
kind: Policy
mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/hub }]
rules: { pull-secret-usable: off, service-account-secrets-kept: off }
`;

const HUB = 'swr.eu-de.otc.t-systems.com/hub/library';

const account = (name: string, list = '[]'): string =>
  `apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: ${name} }\nimagePullSecrets: ${list}\n---\n`;

const pod = (image: string, spec = ''): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec:\n${spec}  containers:\n  - name: app\n    image: ${image}\n`;

type Setup = Readonly<{ files?: Readonly<Record<string, string>>; stdin?: string; policy?: string }>;

async function run(
  names: readonly string[],
  options: Partial<CheckOptions>,
  { files = {}, stdin = '', policy = POLICY }: Setup,
) {
  const folder = tempFolder();
  for (const [name, content] of Object.entries(files)) folder.write(name, content);
  const io = capturedIo({ stdin });
  const again = async (more: Partial<CheckOptions> = options) => {
    io.printed.stdout = io.printed.stderr = '';
    const paths = names.map((name) => (name === '-' ? name : folder.at(name)));
    const code = await check(paths, { output: 'text', config: folder.write('policy.txt', policy), ...more }, io);
    const shown = (text: string): string => text.replaceAll(`${folder.path}/`, '');
    return { code, stdout: shown(io.printed.stdout), stderr: shown(io.printed.stderr) };
  };
  return { ...(await again()), folder, again, read: (name: string) => readFileSync(folder.at(name), 'utf8') };
}

const FIX = { fix: true };

describe('--fix', () => {
  test('writes what is certain, says it, and judges what is left', async () => {
    const { code, stdout, read, again } = await run(['a.yaml'], FIX, {
      files: { 'a.yaml': `${account('default', '[{ name: team }]')}${pod('NGINX:1 # why')}` },
    });
    expect(read('a.yaml')).toBe(
      `${account('default', '[{ name: team }]')}${pod(`${HUB}/nginx:1 # why`, '  imagePullSecrets:\n  - name: team\n  - name: default-secret\n')}`,
    );
    expect(stdout).toBe(
      `a.yaml:10:3: fixed: Pod/web: added imagePullSecrets "team" and "default-secret", which container "app" needs (pull-secret-present)
a.yaml:15:12: fixed: Pod/web container "app": replaced "NGINX:1" with "${HUB}/nginx:1" (reference-valid, mirror-used)
1 workload checked: no problems found; 1 object without images skipped
`,
    );
    expect(code).toBe(0);
    const before = read('a.yaml');
    const second = await again();
    expect(second.stdout).not.toContain('fixed:');
    expect(read('a.yaml')).toBe(before);
  });

  test('leaves guesses to their author, and the exit code says so', async () => {
    const text = pod('nginx:1.25:latest');
    const { code, read } = await run(['a.yaml'], FIX, { files: { 'a.yaml': text } });
    expect([code, read('a.yaml')]).toEqual([1, text]);
  });

  test.each([
    [
      'a list would take the place of that of a ServiceAccount that is not in the input',
      pod(`${HUB}/nginx:1`),
      'ServiceAccount "default", which is not in the input',
    ],
    [
      'an anchor is used for something else',
      pod('*i').replace('{ name: web }', '{ name: web, labels: { i: &i nginx } }'),
      'an anchor or a merge key',
    ],
    [
      'the document is a template',
      pod('nginx').replace('name: web', 'name: "{{ .Release.Name }}"'),
      'this document is a template',
    ],
    ['there is an error elsewhere in the file', `${pod('nginx')}---\na: "\n`, 'this file has an error in line 9'],
    ['a kustomization names the image', pod('nginx'), 'a kustomization sets this image'],
  ])('writes nothing where %s, and says so', async (what, text, why) => {
    const kustomization = what.startsWith('a kustomization')
      ? { 'kustomization.yaml': 'images: [{ name: nginx, newTag: "2" }]\n' }
      : {};
    const { stdout, read } = await run(['a.yaml'], FIX, { files: { 'a.yaml': text, ...kustomization } });
    expect(read('a.yaml')).toBe(text);
    expect(stdout).toMatch(new RegExp(`: not fixed: Pod/.*${why}`));
  });

  test('adds to a list that is there, whatever the ServiceAccount has', async () => {
    const { read } = await run(['a.yaml'], FIX, {
      files: { 'a.yaml': pod(`${HUB}/nginx:1`, '  imagePullSecrets: [{ name: a }]\n') },
    });
    expect(read('a.yaml')).toBe(pod(`${HUB}/nginx:1`, '  imagePullSecrets: [{ name: a }, { name: default-secret }]\n'));
  });

  test('changes imagePullPolicy of the images that the user says are large, and of no other', async () => {
    const text = (...policies: readonly string[]): string =>
      ['ml/model:1', 'ml/model', 'small:1']
        .map((name, at) =>
          pod(`r.example.com/${name}`).replace('    image', `    imagePullPolicy: ${policies[at]}\n    image`),
        )
        .join('---\n');
    const always = text('Always # why', '"Always"', 'Always');
    const files = { 'a.yaml': always };
    const { stdout, read, again } = await run(['a.yaml'], FIX, { files });
    expect(read('a.yaml')).toBe(always);
    expect(stdout).not.toContain('imagePullPolicy');
    const asked = await again({ ...FIX, fixPullPolicy: ['r.example.com/ml', 'ghcr.io'] });
    expect(read('a.yaml')).toBe(text('IfNotPresent # why', '"Always"', 'Always'));
    expect(asked.stdout).toContain(
      'a.yaml:7:22: fixed: Pod/web container "app": replaced "Always" with "IfNotPresent" (image-fits)\n',
    );
    expect(asked.stdout).toMatch(/not fixed: .* an old image of the tag "latest": set a version tag first/);
    await expect(again({ fixPullPolicy: ['ghcr.io'] })).rejects.toThrow('--fix-pull-policy is for --fix and --diff');
    await expect(again({ ...FIX, fixPullPolicy: ['https://ghcr.io'] })).rejects.toThrow(
      '--fix-pull-policy "https://ghcr.io" starts with a scheme',
    );
  });

  test('says one reason once, however many objects it is for', async () => {
    const text = [1, 2, 3].map((at) => pod(`${HUB}/nginx:${at}`)).join('---\n');
    const { stdout } = await run(['a.yaml'], FIX, { files: { 'a.yaml': text } });
    expect(stdout.match(/not fixed/g)).toHaveLength(1);
    expect(stdout).toContain('Pod/web container "app" and 2 more: ');
  });

  test('keeps the byte order mark, the mode of the file, and a link to it; leaves nothing behind', async () => {
    const folder = tempFolder();
    folder.write('real/a.yaml', `\ufeff${pod('nginx').replaceAll('\n', '\r\n')}`);
    chmodSync(folder.at('real/a.yaml'), 0o640);
    folder.link('a.yaml', 'real/a.yaml');
    const config = folder.write('policy.txt', POLICY);
    await check([folder.at('a.yaml')], { output: 'text', config, fix: true }, capturedIo());
    expect(readFileSync(folder.at('real/a.yaml'), 'utf8')).toBe(
      `\ufeff${pod(`${HUB}/nginx`).replaceAll('\n', '\r\n')}`,
    );
    expect(statSync(folder.at('real/a.yaml')).mode & 0o777).toBe(0o640);
    expect(lstatSync(folder.at('a.yaml')).isSymbolicLink()).toBe(true);
    expect(readdirSync(folder.at('real'))).toEqual(['a.yaml']);
  });

  test('prints what came by standard input, fixed or not, and its report elsewhere', async () => {
    const fixed = await run(['-'], FIX, { stdin: pod('nginx') });
    expect(fixed.stdout).toBe(pod(`${HUB}/nginx`));
    expect(fixed.stderr).toContain('<stdin>:7:12: fixed: Pod/web container "app"');
    const broken = await run(['-'], FIX, { stdin: 'a: "\n' });
    expect([broken.stdout, broken.code]).toEqual(['a: "\n', 2]);
  });

  test('never shows a credential, and does not lose one', async () => {
    const text = pod('user:hunter2@registry.example.com/app:1');
    const { stdout, read } = await run(['a.yaml'], FIX, { files: { 'a.yaml': text } });
    expect(read('a.yaml')).toBe(text);
    expect(stdout).not.toContain('hunter2');
  });

  test('in JSON what was fixed stands beside what is left', async () => {
    const { stdout } = await run(['a.yaml'], { fix: true, output: 'json' }, { files: { 'a.yaml': pod('nginx') } });
    const { fixed, notFixed } = JSON.parse(stdout) as Record<string, unknown>;
    expect(fixed).toEqual([
      {
        file: expect.any(String) as string,
        line: 7,
        column: 12,
        kind: 'Pod',
        namespace: '',
        name: 'web',
        part: 'container "app"',
        field: 'spec.containers[0].image',
        from: 'nginx',
        to: `${HUB}/nginx`,
        rules: ['mirror-used'],
      },
    ]);
    expect(notFixed).toMatchObject([{ rule: 'pull-secret-present', field: 'spec.imagePullSecrets' }]);
  });
});

describe('--diff', () => {
  const files = {
    'a.yaml': `${account('default')}${pod('NGINX:1')}`,
    'dir/b.json': JSON.stringify(
      { apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ image: 'redis' }] } },
      null,
      2,
    ),
  };

  test('writes nothing, and exits as without it', async () => {
    const { code, stdout, stderr, read } = await run(['a.yaml'], { diff: true }, { files });
    expect(code).toBe(1);
    expect(read('a.yaml')).toBe(files['a.yaml']);
    expect(stdout).toContain(`-    image: NGINX:1\n+    image: ${HUB}/nginx:1\n`);
    expect(stderr).toContain('can be fixed: Pod/web container "app": replace "NGINX:1" with');
  });

  test.skipIf(spawnSync('patch', ['--version']).error !== undefined)(
    'is what patch makes the same of as --fix',
    async () => {
      const { stdout, folder, read, again } = await run(['a.yaml', 'dir'], { diff: true }, { files });
      const patch = stdout.replaceAll(/^(--- a|\+\+\+ b)/gm, '$1/');
      execFileSync('patch', ['-p1', '--quiet'], { cwd: folder.path, input: patch });
      const patched = ['a.yaml', 'dir/b.json'].map((name) => read(name));
      for (const [name, text] of Object.entries(files)) folder.write(name, text);
      await again({ fix: true });
      expect(['a.yaml', 'dir/b.json'].map((name) => read(name))).toEqual(patched);
      expect(patched).not.toEqual(Object.values(files));
    },
  );

  test('shows no credential of the lines around', async () => {
    const text = `${pod('nginx')}    env:\n    - name: PASSWORD\n      value: hunter2\n    - name: T\n      value: hunter3\n`;
    const { stdout } = await run(['a.yaml'], { diff: true }, { files: { 'a.yaml': text } });
    expect(stdout).toContain(`+    image: ${HUB}/nginx\n`);
    expect(stdout).not.toContain('hunter');
    const line =
      '{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"nginx","env":[{"password":"hunter2"}]}]}}';
    const dense = await run(['a.json'], { diff: true }, { files: { 'a.json': line } });
    expect(dense.stdout).toContain('\n-not shown, as it holds credentials\n');
    expect(dense.stdout).not.toContain('hunter2');
  });
});
