import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { check, type CheckOptions } from '../../src/cli/check.ts';
import { UsageError } from '../../src/cli/io.ts';
import { capturedIo } from '../support/captured-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

const HEAD = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';

/** Rules that need a cluster are named as not checked, which says nothing new in most tests. */
const OFFLINE = 'rules: { pull-secret-usable: off, service-account-secrets-kept: off }';

const pod = (image: string, head = 'metadata: { name: web }'): string =>
  `apiVersion: v1\nkind: Pod\n${head}\nspec:\n  containers:\n    - name: app\n      image: ${image}\n`;

type Setup = Readonly<{
  files?: Readonly<Record<string, string | Buffer>>;
  policy?: string;
  stdin?: string;
  isTTY?: boolean;
}> &
  Partial<CheckOptions>;

/** Runs `check` in a folder of its own; paths are names in it, and so are those that come back. */
async function run(names: readonly string[], { files = {}, policy = OFFLINE, ...rest }: Setup) {
  const { stdin, isTTY, ...options } = rest;
  const folder = tempFolder();
  for (const [name, content] of Object.entries(files)) folder.write(name, content);
  const captured = capturedIo({ ...(stdin !== undefined && { stdin }), ...(isTTY !== undefined && { isTTY }) });
  const paths = names.map((name) => (name === '-' ? name : folder.at(name)));
  const config = folder.write('policy.txt', HEAD + policy);
  const code = await check(paths, { output: 'text', ...options, config }, captured);
  const shown = (text: string): string => text.replaceAll(`${folder.path}/`, '');
  return { code, stdout: shown(captured.printed.stdout), stderr: shown(captured.printed.stderr) };
}

describe('what is not checked is told, and does not pass for fine', () => {
  const holder = (apiVersion: string, kind: string, body: string): string =>
    `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a }\n${body}\n`;
  const TEMPLATE = 'spec: { template: { spec: { containers: [{ name: c, image: "A:1" }] } } }';

  test.each<[what: string, manifest: string, said: string]>([
    [
      'a kind that is not known, with what to add to the policy',
      holder('example.com/v1alpha1', 'Foo', TEMPLATE),
      'Foo/a (example.com/v1alpha1): its kind is unknown; it seems to hold a pod spec at spec.template.spec: add to the policy "workloads: [{ group: example.com, kind: Foo, podTemplates: [/spec/template] }]"',
    ],
    [
      'a kind with many pod specs',
      holder('example.com/v1', 'Foo', `spec: { jobs: [${TEMPLATE.slice(6)}, ${TEMPLATE.slice(6)}] }`),
      'it seems to hold a pod spec at spec.jobs[*].template.spec: add to the policy "workloads: [{ group: example.com, kind: Foo, podTemplates: [\'/spec/jobs/*/template\'] }]"',
    ],
    [
      'a misspelt kind',
      holder('apps/v1', 'Deploymnet', TEMPLATE),
      'Deploymnet/a (apps/v1): its kind is unknown; did you mean "Deployment"?\n',
    ],
    [
      'a misspelt group',
      holder('argoproj.oi/v1alpha1', 'Rollout', TEMPLATE),
      'Rollout/a (argoproj.oi/v1alpha1): its kind is unknown; did you mean "argoproj.io"?',
    ],
    [
      'an image at a place of its own, as operators have them',
      holder('example.com/v1', 'Proxy', 'spec: { image: "example.com/NGINX:1" }'),
      'Proxy/a (example.com/v1): its kind is unknown; spec.image looks like an image: check it by hand',
    ],
    [
      'a kind in a group that it is not of',
      holder('v1', 'Deployment', TEMPLATE),
      'Deployment/a (v1) has images, but Deployment belongs to the group apps: fix the apiVersion',
    ],
    [
      'a pod template in a pod',
      holder('v1', 'Pod', TEMPLATE),
      'Pod/a (v1) has images at spec.template.spec.containers[0].image, where a Pod has no containers: fix the indentation',
    ],
    [
      'containers by name and not in a list',
      holder('v1', 'Pod', 'spec: { containers: { web: { image: a } } }'),
      'Pod/a (v1) spec.containers is no list: write each container as "- name: …"',
    ],
    [
      'a container without a list',
      holder('v1', 'Pod', 'spec: { containers: { name: web, image: a } }'),
      'Pod/a (v1) spec.containers is no list: write each container as "- name: …"',
    ],
    [
      'a container without an image',
      pod(''),
      'Pod/web (v1) container "app" has no image: add one; if this is a patch, check what it is rendered to',
    ],
    [
      'a misspelt image',
      pod('nginx').replace('image', 'imgae'),
      'Pod/web (v1) container "app" has no image: rename "imgae" to "image"',
    ],
    [
      'a part of a Deployment, as kustomize has them',
      holder('apps/v1', 'Deployment', 'spec: { replicas: 2 }'),
      'Deployment/a (apps/v1) has no containers at spec.template.spec',
    ],
    [
      'an object without its apiVersion',
      TEMPLATE.replace('spec', 'kind: Deployment\nspec'),
      'it has images, but no apiVersion',
    ],
    [
      'a kustomization',
      holder('kustomize.config.k8s.io/v1beta1', 'Kustomization', 'resources: [a.yaml]'),
      'Kustomization/a (kustomize.config.k8s.io/v1beta1): a kustomization is checked as what it renders to',
    ],
    [
      'the values of a chart that Flux renders',
      holder('helm.toolkit.fluxcd.io/v2', 'HelmRelease', 'spec: { values: { initContainers: [{ image: A }] } }'),
      'HelmRelease/a (helm.toolkit.fluxcd.io/v2): Flux renders a chart with these values',
    ],
    ['an empty file', '# nothing\n', 'it is empty, or has nothing but comments'],
  ])('%s', async (_what, manifest, said) => {
    const files = { 'a.yaml': manifest };
    const { code, stdout, stderr } = await run(['a.yaml'], { files });
    expect(stdout).toContain(': not checked: ');
    expect(stdout).toContain(said);
    expect(stdout).toContain('0 workloads checked; 1 not checked');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'nothing was checked: see "not checked" above, or use --allow-empty\n',
    });
    const json = await run(['a.yaml'], { files, output: 'json', allowEmpty: true });
    expect(json.code).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({
      unchecked: [{ file: 'a.yaml', message: expect.stringContaining(said.trim()) as string }],
      summary: { unchecked: 1 },
    });
  });

  test.each<[what: string, manifest: string, at: string]>([
    [
      'a parameter of a Task',
      holder('tekton.dev/v1', 'Task', 'spec: { steps: [{ name: s, image: "$(params.image)" }] }'),
      'Task/a (tekton.dev/v1) spec.steps[0].image is a placeholder',
    ],
    [
      'an argument of a Workflow',
      holder(
        'argoproj.io/v1alpha1',
        'Workflow',
        'spec: { templates: [{ container: { image: "{{inputs.parameters.A}}" } }] }',
      ),
      'Workflow/a (argoproj.io/v1alpha1) spec.templates[0].container.image is a placeholder',
    ],
    [
      'a parameter of an OpenShift Template without a value',
      holder(
        'template.openshift.io/v1',
        'Template',
        'parameters: [{ name: TAG }]\nobjects: [{ apiVersion: v1, kind: Pod, metadata: { name: p }, spec: { containers: [{ image: "A:${TAG}" }] } }]',
      ),
      'Pod/p (v1) spec.containers[0].image is a placeholder',
    ],
  ])('a placeholder is told and not denied: %s', async (_what, manifest, said) => {
    const { code, stdout } = await run(['a.yaml'], { files: { 'a.yaml': manifest } });
    expect(stdout).toContain(`: not checked: ${said}`);
    expect(stdout).not.toContain('error');
    expect(code).toBe(0);
  });

  test.each([
    ['a kind without images', holder('v1', 'ConfigMap', 'data: { containers: "a" }')],
    ['images that are checked', holder('v1', 'Pod', 'spec: { containers: [{ name: a, image: "nginx:1" }] }')],
    [
      'what no kind has to have',
      holder('serving.kserve.io/v1beta1', 'InferenceService', 'spec: { predictor: { model: {} } }'),
    ],
  ])('nothing is said of %s', async (_what, manifest) => {
    expect((await run(['a.yaml'], { files: { 'a.yaml': manifest } })).stdout).not.toContain('not checked');
  });

  test('nothing is said of pull secrets of containers outside of a pod spec, as they are named elsewhere', async () => {
    const steps = (image: string): string =>
      holder('tekton.dev/v1', 'Task', `spec: { steps: [{ name: s, image: "${image}" }] }`);
    const { stdout } = await run(['a.yaml'], { files: { 'a.yaml': steps('swr.eu-de.otc.t-systems.com/a/b:1') } });
    expect(stdout).toBe('1 workload checked: no problems found\n');
  });

  test('--strict has it fail, whatever is fine beside it', async () => {
    const files = { 'a.yaml': [pod('nginx:1'), holder('example.com/v1', 'Foo', TEMPLATE)].join('---\n') };
    expect((await run(['a.yaml'], { files })).code).toBe(0);
    expect(await run(['a.yaml'], { files, strict: true })).toMatchObject({
      code: 2,
      stderr: '1 not checked, an error with --strict: see "not checked" above\n',
    });
  });

  test('a template of OpenShift is checked with the values of its parameters, at their places', async () => {
    const template = `apiVersion: v1\nkind: Template\nobjects:\n- ${pod('${IMAGE}:1').replaceAll('\n', '\n  ')}\nparameters: [{ name: IMAGE, value: NGINX }]\n`;
    const { code, stdout } = await run(['a.yaml'], { files: { 'a.yaml': template } });
    expect(stdout).toMatch(/a\.yaml:10:16 {2}error {4}container "app": "NGINX:1"/);
    expect(code).toBe(1);
  });

  test.each([
    ['1.25', 'a number'],
    ['true', 'a boolean'],
    ['{ repository: nginx, tag: "1" }', 'an object'],
    ['[nginx]', 'a list'],
  ])('an image that is no text, which the API server cannot decode: %s', async (image, what) => {
    const { code, stdout } = await run(['a.yaml'], { files: { 'a.yaml': pod(image) } });
    expect(stdout).toContain(`Pod/web spec.containers[0].image: the image is ${what}, but has to be a string`);
    expect(code).toBe(2);
  });

  test('a file for ko, which puts the image in, is not denied', async () => {
    const { code, stdout } = await run(['a.yaml'], { files: { 'a.yaml': pod('ko://example.com/cmd/app') } });
    expect(stdout).toContain('warning  container "app"');
    expect(code).toBe(0);
  });
});

describe('the exit code, which CI goes by', () => {
  test.each<[what: string, code: number, image: string, policy: string | undefined]>([
    ['fine', 0, 'nginx:1.25', undefined],
    ['a warning only', 0, 'swr.eu-de.otc.t-systems.com/a/b:1', undefined],
    ['something that would be denied', 1, 'NGINX', undefined],
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
    ['a broken file beside one to be denied', { 'a.yaml': 'a: [\n', 'b.yaml': pod('NGINX') }, ['a.yaml', 'b.yaml']],
  ])('%s: 2', async (_what, files = {}, paths) => {
    expect((await run(paths, { files })).code).toBe(2);
  });

  test('a path that is wrong is named with what to do', async () => {
    const { stdout } = await run(['none.yaml'], {});
    expect(stdout).toContain('none.yaml: error: cannot be read (ENOENT: no such file or directory): fix the path\n');
    const io = capturedIo();
    await check(['https://example.com/a.yaml'], { output: 'text' }, io);
    expect(io.printed.stdout).toContain('example.com/a.yaml: error: is a URL: give a file, or the downloaded text');
  });

  test.each([
    ['a: 1\n', '0 workloads checked; 1 document skipped, not Kubernetes objects'],
    ['apiVersion: v1\nkind: Service\n', '0 workloads checked; 1 object without images skipped'],
  ])('nothing to check fails, unless that is what is meant: %j', async (text, line) => {
    const files = { 'a.yaml': text };
    expect(await run(['a.yaml'], { files })).toMatchObject({ code: 2, stdout: `${line}\n` });
    expect(await run(['a.yaml'], { files, allowEmpty: true })).toEqual({ code: 0, stdout: `${line}\n`, stderr: '' });
  });

  const WARNED = 'swr.eu-de.otc.t-systems.com/a/b:1';
  test.each<[failOn: NonNullable<CheckOptions['failOn']>, image: string, policy: string, code: number]>([
    ['deny', 'NGINX', 'rules: { reference-valid: warn }', 0],
    ['warn', 'NGINX', 'rules: { reference-valid: warn }', 1],
    ['warn', 'NGINX', '', 1],
    ['warn', 'NGINX', 'rules: { reference-valid: audit }', 0],
    ['warn', WARNED, '', 0],
    ['never', 'NGINX', '', 0],
  ])('--fail-on %s with %s and %j: %i', async (failOn, image, policy, code) => {
    expect((await run(['a.yaml'], { files: { 'a.yaml': pod(image) }, policy, failOn })).code).toBe(code);
  });
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
  await expect(stdout).toMatchFileSnapshot('../fixtures/manifests/expected.txt');
  expect(code).toBe(2);
});

test('what is for the audit log alone is counted by itself', async () => {
  const policy = `rules: { reference-valid: audit, pull-secret-usable: off, service-account-secrets-kept: off }`;
  const { stdout } = await run(['a.yaml'], { files: { 'a.yaml': pod('NGINX') }, policy });
  expect(stdout).toMatch(/^Pod\/web\n {2}a\.yaml:7:14 {2}audit .*\n\n1 workload checked: 1 audit finding\n$/);
});

describe('standard input', () => {
  test('is judged under a name of its own, together with files', async () => {
    const { code, stdout } = await run(['a.yaml', '-'], { files: { 'a.yaml': pod('NGINX') }, stdin: pod('REDIS') });
    expect(stdout).toMatch(
      /^Pod\/web\n {2}<stdin>:7:14 {2}error .*\n[^]*\nPod\/web\n {2}a\.yaml:7:14 {2}error .*\n[^]*\n2 workloads checked/,
    );
    expect(code).toBe(1);
  });

  test('that cannot be read is an error of its own, and hides no file', async () => {
    const { write } = tempFolder();
    const io = {
      ...capturedIo(),
      readStdin: () => Promise.reject(new Error('it is not UTF-8 text; save it as UTF-8')),
    };
    expect(await check(['-', write('a.yaml', pod('NGINX'))], { output: 'text' }, io)).toBe(2);
    expect(io.printed.stdout).toMatch(
      /a\.yaml:7:14 {2}error .*\n[^]*\n<stdin>: error: cannot be read: it is not UTF-8 text/,
    );
  });
});

test.each([[['a.yaml', 'a.yaml']], [['.', 'a.yaml']], [['*.yaml', 'a.yaml']]])(
  'a file that is named twice, %j, is judged once',
  async (names) => {
    const { stdout } = await run(names, { files: { 'a.yaml': pod('NGINX') } });
    expect(stdout).toMatch(/^Pod\/web\n {2}a\.yaml:7:14 {2}error .*\n {4}Fix: .*\n\n1 workload checked/);
  },
);

test('what a namespace is exempt from is not reported, but what has no namespace yet is', async () => {
  const head = (namespace: string): string => `metadata: { name: web, namespace: ${namespace} }`;
  const files = {
    'a.yaml': [pod('NGINX', head('kube-system')), pod('NGINX', head('web')), pod('NGINX')].join('---\n'),
  };
  const { stdout } = await run(['a.yaml'], { files });
  expect(stdout).toMatch(
    / a\.yaml:15:14 {2}error .*\n[^]* a\.yaml:23:14 {2}error .*\n[^]*\n2 workloads checked: 2 errors; 1 exempt/,
  );
});

test('a kind that the policy adds is judged where the policy says', async () => {
  const manifest =
    'apiVersion: example.com/v1\nkind: Foo\nspec: { template: { spec: { containers: [{ image: NGINX }] } } }\n';
  const policy = 'workloads: [{ group: example.com, kind: Foo, podTemplates: [/spec/template] }]';
  expect(await run(['a.yaml'], { files: { 'a.yaml': manifest }, policy })).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('Foo\n  a.yaml:3:51  error    container ""') as string,
  });
  expect((await run(['a.yaml'], { files: { 'a.yaml': manifest } })).stdout).toContain('; 1 not checked');
});

describe('-o json', () => {
  test('is one document with everything that a person sees, in parts, without colour even on a terminal', async () => {
    const image = 'me:s3cret@host.example/app';
    const files = { 'a.yaml': pod('NGINX'), 'b.yaml': 'a: [\n', 'c.yaml': pod(image) };
    const { code, stdout } = await run(['.'], { files, output: 'json', isTTY: true });
    expect(stdout).not.toMatch(/\u001b|s3cret/);
    const document = JSON.parse(stdout) as Record<'findings' | 'errors', readonly object[]> & { summary: object };
    expect(document).toMatchObject({ errors: [{ file: 'b.yaml', line: 2, column: 1 }], skipped: [] });
    expect(document.summary).toEqual({
      workloads: 2,
      exempt: 0,
      otherObjects: 0,
      foreign: 0,
      unchecked: 0,
      denied: 2,
      warned: 0,
      audited: 0,
    });
    expect(document.findings[0]).toEqual({
      file: 'a.yaml',
      line: 7,
      column: 14,
      endLine: 7,
      endColumn: 19,
      kind: 'Pod',
      namespace: '',
      name: 'web',
      part: 'container "app"',
      field: 'spec.containers[0].image',
      value: 'NGINX',
      rule: 'reference-valid',
      messageId: 'malformed',
      faqItems: [2],
      action: 'deny',
      fixed: 'no',
      severity: 'error',
      message: '"NGINX": InvalidImageName: repository name must be lowercase; did you mean "nginx"?',
      suggestion: 'nginx',
      remedy: expect.stringMatching(/^Write the image as /) as string,
    });
    expect(code).toBe(2);
  });

  test('is a document too where nothing is found; a rule that needs a cluster is skipped, and a field missing is no value', async () => {
    const files = { 'a.yaml': pod('swr.eu-de.otc.t-systems.com/a/b:1') };
    const { stdout } = await run(['a.yaml'], { files, output: 'json', policy: '' });
    const { findings, skipped } = JSON.parse(stdout) as { findings: readonly object[]; skipped: readonly object[] };
    expect(findings).toHaveLength(1);
    expect(findings[0]).not.toHaveProperty('value');
    expect(skipped).toContainEqual({ rule: 'service-account-secrets-kept', missing: ['serviceAccounts'] });
    expect(JSON.parse((await run(['none'], { output: 'json', files: { 'none/a.txt': '' } })).stdout)).toEqual({
      version: 1,
      findings: [],
      errors: [],
      skipped: [],
      summary: { workloads: 0, exempt: 0, otherObjects: 0, foreign: 0, unchecked: 0, denied: 0, warned: 0, audited: 0 },
    });
  });
});

describe('colour', () => {
  const files = { 'a.yaml': pod('NGINX'), 'b.yaml': pod('swr.eu-de.otc.t-systems.com/a/b:1'), 'c.yaml': 'a: [\n' };

  test.each<[noColor: string, isTTY: boolean, colored: boolean]>([
    ['', true, true],
    ['', false, false],
    ['1', true, false],
  ])('marks the word that matters, and nothing else: NO_COLOR=%j, terminal %j: %j', async (noColor, isTTY, colored) => {
    vi.stubEnv('NO_COLOR', noColor);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const { stdout } = await run(['.'], { files, isTTY });
    for (const word of [
      '  \u001b[31merror\u001b[39m  ',
      '  \u001b[90mnotice\u001b[39m  ',
      ': \u001b[31merror\u001b[39m: ',
    ]) {
      expect(stdout.includes(word)).toBe(colored);
    }
    expect(stripVTControlCharacters(stdout)).toBe((await run(['.'], { files })).stdout);
  });
});

test('a name that would repaint the terminal, or fake a line, is shown and not obeyed', async () => {
  const files = { 'a\u001b[31m\n.yaml': pod('NGINX', 'metadata: { name: "a\\n\\e[2Jfine" }') };
  const { stdout } = await run(['.', 'b\u0007\u001b]0;x\u0007.yaml'], { files });
  expect(stdout.split('\n')).toHaveLength(7);
  expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
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

describe('--config', () => {
  test('without it the built-in policy judges', async () => {
    const io = capturedIo({ stdin: pod('NGINX') });
    expect(await check(['-'], { output: 'text' }, io)).toBe(1);
  });

  test('a file that cannot be read is misuse, not a bug, and the message says what to do', async () => {
    const folder = tempFolder();
    for (const [file, problem] of [
      [folder.at('none'), 'cannot be read (ENOENT: no such file or directory): fix the path'],
      [folder.path, 'cannot be read (EISDIR: illegal operation on a directory): name a file in this folder'],
    ] as const) {
      const checked = check([], { output: 'text', config: file }, capturedIo());
      await expect(checked).rejects.toThrow(new UsageError(`policy ${file} ${problem}`));
    }
  });
});

function readFixture(name: string): string {
  return readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
}

describe('input of any length', () => {
  const COUNT = 2300;
  const documents = Array.from({ length: COUNT }, (_, at) => pod('Nginx:1', `metadata:\n  name: web-${at}`));
  const places = documents.map((_, at) => ({ name: `web-${at}`, line: 9 * at + 8, column: 14 }));

  test('has every finding at its place, in the order of the input', async () => {
    const { stdout } = await run(['a.yaml'], { files: { 'a.yaml': documents.join('---\n') }, output: 'json' });
    const { findings } = JSON.parse(stdout) as { findings: readonly (typeof places)[number][] };
    expect(findings.map(({ name, line, column }) => ({ name, line, column }))).toEqual(places);
  });

  test('is checked with the Secrets and ServiceAccounts that stand behind what needs them, however they are written', async () => {
    const secret = (kind: string): string => `apiVersion: v1\nkind: ${kind}\nmetadata: { name: a }\ntype: Opaque\n`;
    for (const kind of ['Secret', '"\\x53ecret"', '"Secre\\\n  t"']) {
      const files = {
        'a.yaml': pod('registry.example.com/a:1', 'metadata: { name: a }').replace(
          'spec:\n',
          'spec:\n  imagePullSecrets: [{ name: a }]\n',
        ),
        'b.yaml': secret(kind),
      };
      const { stdout } = await run(['a.yaml', 'b.yaml'], { files, policy: '' });
      expect(stdout, kind).toContain('Opaque');
    }
  });

  test('keeps what is wrong with comments in the order of the lines', async () => {
    const ignored = `# pullguard: ignore mirror-used why\n${pod('Nginx:1')}`;
    const files = { 'a.yaml': [pod('Nginx:1'), ignored, pod('Nginx:1'), ignored].join('---\n') };
    const { stdout } = await run(['a.yaml'], {
      files,
      output: 'json',
      policy: 'skip: { rules: [mirror-used] }\nmirrors: [{ from: docker.io, to: m.example.com }]',
    });
    const { findings } = JSON.parse(stdout) as { findings: readonly { rule: string; line: number }[] };
    const lines = findings.map(({ line }) => line);
    expect(lines).toEqual(lines.toSorted((left, right) => left - right));
    expect(findings.filter(({ rule }) => rule === 'skip-allowed').map(({ line }) => line)).toEqual([9, 26]);
  });
});
