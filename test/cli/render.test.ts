import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { check, type CheckOptions } from '../../src/cli/check.ts';
import { capturedIo } from '../support/captured-io.ts';
import { canRun, REAL_PATH } from '../support/real-tools.ts';
import { tempFolder } from '../support/temp-folder.ts';

const POLICY =
  'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\nrules: { pull-secret-usable: off, service-account-secrets-kept: off }\n';

type Setup = Readonly<{
  files: Readonly<Record<string, string>>;
  /** Programs on PATH besides those that there are, as scripts. */
  tools?: Readonly<Record<string, string>>;
  /** Whether the programs of the machine are on PATH as well. */
  isReal?: boolean;
  policy?: string;
}> &
  Partial<CheckOptions>;

async function run(path: string, { files, tools = {}, isReal = false, policy = POLICY, ...options }: Setup) {
  const folder = tempFolder();
  for (const [name, text] of Object.entries(files)) folder.write(name, text);
  for (const [name, script] of Object.entries(tools))
    chmodSync(folder.write(`bin/${name}`, `#!/bin/sh\n${script}\n`), 0o755);
  const config = folder.write('policy.txt', policy);
  vi.stubEnv('PATH', isReal ? REAL_PATH : folder.at('bin'));
  const io = capturedIo();
  try {
    const code = await check([folder.at(path)], { output: 'text', config, ...options }, io);
    return { code, stdout: io.printed.stdout.replaceAll(`${folder.path}/`, '').replaceAll(folder.path, 'ROOT') };
  } finally {
    vi.unstubAllEnvs();
  }
}

const DEPLOYMENT = (image: string): string =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector: { matchLabels: { a: b } }\n  template:\n    metadata: { labels: { a: b } }\n    spec:\n      containers:\n        - name: app\n          image: ${image}\n`;

const KUSTOMIZATION = {
  'k/base/kustomization.yaml': 'resources: [app.yaml]\n',
  'k/base/app.yaml': DEPLOYMENT('APP'),
  'k/prod/kustomization.yaml': 'resources: [../base]\nimages:\n  - name: APP\n    newName: redis\n    newTag: "1"\n',
};

const CHART = {
  'c/Chart.yaml': 'apiVersion: v2\nname: c\nversion: 0.1.0\n',
  'c/values.yaml': '# image: NGINX\nimage:\n  repository: NGINX\n  tag: "1"\n',
  'c/templates/app.yaml': DEPLOYMENT('{{ .Values.image.repository }}:{{ .Values.image.tag }}').replace(
    'web',
    '{{ .Release.Name }}',
  ),
};

const print = (text: string): string => `/bin/cat <<'END'\n${text}END`;

describe('a kustomization', () => {
  test('is checked as what it renders to: an image that is replaced is no finding', async () => {
    const tools = { kustomize: `[ "$1" = build ] || exit 9\n${print(DEPLOYMENT('redis:1'))}` };
    expect(await run('k', { files: KUSTOMIZATION, tools })).toEqual({
      code: 0,
      stdout: '1 workload checked: no problems found\n',
    });
  });

  test('has its findings at the line of the source that has the image', async () => {
    const tools = { kubectl: `[ "$1" = kustomize ] || exit 9\n${print(DEPLOYMENT('APP'))}` };
    const { code, stdout } = await run('k', { files: KUSTOMIZATION, tools });
    expect(stdout).toContain('  k/base/app.yaml:12:18  error    container "app": "APP"');
    expect(code).toBe(1);
  });

  test('has a finding at itself where no source has the image', async () => {
    const tools = { kustomize: print(DEPLOYMENT('ELSEWHERE:1')) };
    expect((await run('k/prod', { files: KUSTOMIZATION, tools })).stdout).toContain(
      'Deployment/web\n  k/prod/kustomization.yaml:1:1  error    container "app": "ELSEWHERE:1"',
    );
  });

  test('may be told by a comment at the source to ignore a finding', async () => {
    const files = {
      ...KUSTOMIZATION,
      'k/base/app.yaml': DEPLOYMENT('APP # pullguard: ignore reference-valid built here'),
    };
    const policy = `${POLICY}skip: { rules: [reference-valid], namespaces: ["*"] }\n`;
    const tools = { kustomize: print(DEPLOYMENT('APP')) };
    expect((await run('k', { files, tools, policy })).stdout).toContain('1 finding ignored');
  });

  test('that two overlays share shows a finding once', async () => {
    const files = { ...KUSTOMIZATION, 'k/test/kustomization.yaml': 'resources: [../base]\n' };
    const { stdout } = await run('k', { files, tools: { kustomize: print(DEPLOYMENT('APP')) } });
    expect(stdout).toContain('2 workloads checked: 1 error');
  });

  test('with definitions of kinds has the lines of what follows them', async () => {
    const definition = 'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: { a: 1 }\n';
    const tools = { kustomize: print(`${definition}---\n${DEPLOYMENT('[a]')}---\n${definition}`) };
    const { stdout } = await run('k/prod', { files: KUSTOMIZATION, tools });
    expect(stdout).toContain('k/prod (rendered):16:18: error: Deployment/web spec.template.spec.containers[0].image');
    expect(stdout).toContain('2 objects without images skipped');
  });

  test('without a tool is told with what to run, and does not pass for fine', async () => {
    const { code, stdout } = await run('k', { files: KUSTOMIZATION });
    expect(stdout).toContain(
      'k/prod/kustomization.yaml: not checked: a kustomization, and neither kustomize nor kubectl is on PATH: run "kustomize build k/prod | pullguard check -"\n',
    );
    expect(code).toBe(2);
  });

  test.each<[what: string, script: string, said: string]>([
    [
      'in its own words',
      'echo "# Warning: old" >&2; echo "Error: accumulating resources: missing" >&2; exit 1',
      'accumulating resources: missing',
    ],
    ['without words', 'exit 3', 'Command failed'],
  ])('that fails is an error, %s', async (_what, script, said) => {
    const { code, stdout } = await run('k', { files: KUSTOMIZATION, tools: { kustomize: script } });
    expect(stdout).toContain('k/prod/kustomization.yaml: error: "kustomize build" failed: ');
    expect(stdout).toContain(said);
    expect(stdout).not.toContain('Warning');
    expect(code).toBe(2);
  });

  test('is not rendered with --no-render', async () => {
    const tools = { kustomize: 'exit 1' };
    const { stdout } = await run('k', { files: KUSTOMIZATION, tools, render: false });
    expect(stdout).toContain('k/base/app.yaml:12:18  error');
  });

  test.skipIf(!canRun('kubectl', 'kustomize', '--help'))(
    'is rendered by kubectl, which has to be on PATH for this test',
    async () => {
      const patched = {
        ...KUSTOMIZATION,
        'k/prod/kustomization.yaml': KUSTOMIZATION['k/prod/kustomization.yaml'].replace('redis', 'REDIS'),
      };
      expect((await run('k', { files: KUSTOMIZATION, isReal: true })).code).toBe(0);
      expect((await run('k', { files: patched, isReal: true })).stdout).toContain(
        'k/prod/kustomization.yaml:4:14  error    container "app": "REDIS:1"',
      );
    },
  );
});

describe('a chart', () => {
  test('is rendered with what is given for it', async () => {
    const tools = { helm: `printf '%s\\n' "$@" > "$0.args"\n${print(DEPLOYMENT('a:1'))}` };
    const folder = tempFolder();
    const shown = folder.write('args', '');
    const script = tools.helm.replaceAll('$0.args', shown);
    const options = { values: ['a.yaml', '-b.yaml'], set: ['x=1'], releaseName: 'r' };
    expect((await run('c', { files: CHART, tools: { helm: script }, ...options })).code).toBe(0);
    const args = execFileSync('cat', [shown], { encoding: 'utf8' }).trim().split('\n');
    expect(args.with(2, 'CHART')).toEqual([
      'template',
      'r',
      'CHART',
      '--values=a.yaml',
      '--values=-b.yaml',
      '--set=x=1',
    ]);
  });

  test('has a finding at the value that the image comes from, or else at the template', async () => {
    const rendered = `---\n# Source: c/templates/app.yaml\n${DEPLOYMENT('NGINX:1')}---\n# Source: c/templates/other.yaml\n${DEPLOYMENT('OTHER:1').replace('web', 'b')}`;
    const { stdout } = await run('c', { files: CHART, tools: { helm: print(rendered) } });
    expect(stdout).toContain('Deployment/web\n  c/values.yaml:3:15  error    container "app": "NGINX:1"');
    expect(stdout).toContain('Deployment/b\n  c/templates/other.yaml:1:1  error    container "app": "OTHER:1"');
  });

  test('without helm is told with what to run', async () => {
    const { code, stdout } = await run('c', { files: CHART });
    expect(stdout).toContain(
      'c/Chart.yaml: not checked: a Helm chart, and helm is not on PATH: run "helm template c | pullguard check -"\n',
    );
    expect(code).toBe(2);
  });

  test.skipIf(!canRun('helm', 'version'))('is rendered by helm, which has to be on PATH for this test', async () => {
    const { stdout } = await run('c', { files: CHART, isReal: true, releaseName: 'mine' });
    expect(stdout).toContain('Deployment/mine\n  c/values.yaml:3:15  error    container "app": "NGINX:1"');
    expect((await run('c', { files: CHART, isReal: true, set: ['image.repository=nginx'] })).code).toBe(0);
  });
});
