import { chmodSync, readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { check, type CheckOptions } from '../../src/cli/check.ts';
import { capturedIo } from '../support/captured-io.ts';
import { canRun, REAL_PATH } from '../support/real-tools.ts';
import { tempFolder } from '../support/temp-folder.ts';

const POLICY = `apiVersion: pullguard.dev/v1alpha1
kind: Policy
mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/hub }]
rules: { pull-secret-usable: off, service-account-secrets-kept: off }
`;

const HUB = 'swr.eu-de.otc.t-systems.com/hub';

/** Stand-ins that fill values and newName into a Pod, so that all but the last test need neither helm nor kustomize. */
const HELM = String.raw`
file=$2/values.yaml
for word in "$@"; do case $word in --values=*) file=${'${word#--values=}'};; esac; done
value() { /bin/sed -n "s/^  $1: *\([^ #]*\).*/\1/p" "$file"; }
echo '---'
echo '# Source: c/templates/app.yaml'
echo 'apiVersion: v1
kind: Pod
metadata: { name: web, annotations: { random: "'$$'" } }
spec:
  containers:'
echo "    - { name: app, image: $(value repository)$(value more):$(value tag), env: [{ name: IMAGE, value: '$(value $(value shown))' }] }"
`;
const KUSTOMIZE = String.raw`
[ -e "$2/../base/app.yaml" ] || exit 1
name=$(/bin/sed -n 's/^    newName: //p' "$2/kustomization.yaml")
echo "apiVersion: v1
kind: Pod
metadata: { name: web }
spec: { containers: [{ name: app, image: '${'${name:-redis}'}:7' }] }"
`;

async function run(files: Readonly<Record<string, string>>, options: Partial<CheckOptions>, isReal = false) {
  const folder = tempFolder();
  for (const [name, text] of Object.entries(files)) folder.write(name, text);
  for (const [name, script] of [
    ['helm', HELM],
    ['kustomize', KUSTOMIZE],
  ] as const)
    chmodSync(folder.write(`bin/${name}`, `#!/bin/sh\n${script}\n`), 0o755);
  const config = folder.write('policy.txt', POLICY);
  const again = async () => {
    vi.stubEnv('PATH', isReal ? REAL_PATH : folder.at('bin'));
    const io = capturedIo();
    try {
      const paths = [...new Set(Object.keys(files).map((name) => name.split('/', 1).join('')))];
      const code = await check(
        paths.map((path) => folder.at(path)),
        { output: 'text', config, ...options },
        io,
      );
      const shown = (text: string): string => text.replaceAll(`${folder.path}/`, '');
      return { code, stdout: shown(io.printed.stdout), stderr: shown(io.printed.stderr) };
    } finally {
      vi.unstubAllEnvs();
    }
  };
  return { ...(await again()), again, read: (name: string) => readFileSync(folder.at(name), 'utf8') };
}

const chart = (values: string): Readonly<Record<string, string>> => ({
  'c/Chart.yaml': 'apiVersion: v2\nname: c\nversion: 0.1.0\n',
  'c/templates/app.yaml': '# {{ .Values.image }}\n',
  'c/values.yaml': values,
});

const VALUES = 'image:\n  repository: NGINX # ours, {{ not a template }}\n  tag: 1\n';

const overlay = (images: string): Readonly<Record<string, string>> => ({
  'k/base/kustomization.yaml': 'resources: [app.yaml]\n',
  'k/base/app.yaml':
    'apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec: { containers: [{ name: app, image: redis }] }\n',
  'k/prod/kustomization.yaml': `resources: [../base]\nimages:\n  - name: redis\n    newTag: "7"\n${images}`,
});

describe('the values of a chart', () => {
  test('get the image that is certain, and what is rendered then has no such finding', async () => {
    const { code, stdout, read, again } = await run(chart(VALUES), { fix: true });
    const fixed = VALUES.replace('NGINX', `${HUB}/library/nginx`);
    expect(read('c/values.yaml')).toBe(fixed);
    expect(stdout).toContain(
      `c/values.yaml:2:15: fixed: Pod/web container "app": replaced "NGINX:1" with "${HUB}/library/nginx:1" (reference-valid, mirror-used)\n`,
    );
    expect(stdout).not.toMatch(/ error|mirror's/);
    expect(code).toBe(0);
    expect((await again()).stdout).not.toContain('fixed:');
    expect(read('c/values.yaml')).toBe(fixed);
  });

  test('stay as they are for --diff and a report, which both show the change', async () => {
    const shown = await run(chart(VALUES), { diff: true });
    expect(shown.stdout).toContain(`-  repository: NGINX # ours`);
    expect(shown.stdout).toContain(`+  repository: ${HUB}/library/nginx # ours`);
    const { read, stdout } = await run(chart(VALUES), { output: 'sarif' });
    expect(read('c/values.yaml')).toBe(VALUES);
    expect(JSON.parse(stdout)).toMatchObject({
      runs: [
        {
          results: expect.arrayContaining([
            expect.objectContaining({ ruleId: 'reference-valid', fixes: [expect.anything()] }),
          ]) as unknown,
        },
      ],
    });
  });

  test.each<[what: string, values: string, said: string]>([
    [
      'a value gives more than the image',
      'image:\n  repository: NGINX\n  tag: 1\n  shown: repository\n',
      'c/values.yaml:2:15: not fixed: Pod/web container "app": the image comes from image.repository here, but',
    ],
    [
      'no value alone gives the image',
      'image:\n  repository: NG\n  more: INX\n  tag: 1\n',
      'c/templates/app.yaml:1:1: not fixed: Pod/web container "app": no value alone gives this image: change it here',
    ],
  ])('stay as they are where %s, and the report says where it is', async (_what, values, said) => {
    const { code, stdout, read } = await run(chart(values), { fix: true });
    expect(read('c/values.yaml')).toBe(values);
    expect(stdout).toContain(said);
    expect(code).toBe(1);
  });
});

describe('images of a kustomization', () => {
  test('get the name that is certain', async () => {
    const { code, stdout, read } = await run(overlay('    newName: ghcr.io/Team/Redis\n'), { fix: true });
    expect(read('k/prod/kustomization.yaml')).toContain('    newName: ghcr.io/team/redis\n');
    expect(stdout).toContain(
      'k/prod/kustomization.yaml:5:14: fixed: Pod/web container "app": replaced "ghcr.io/Team/Redis:7"',
    );
    expect(code).toBe(0);
  });

  test('without a name of their own are named with what to add', async () => {
    const files = overlay('');
    const { stdout, read } = await run(files, { fix: true });
    expect(read('k/prod/kustomization.yaml')).toBe(files['k/prod/kustomization.yaml']);
    expect(stdout).toContain(
      `k/prod/kustomization.yaml:3:5: not fixed: Pod/web container "app": this entry under images has no newName: add newName: "${HUB}/library/redis" (mirror-used)\n`,
    );
  });
});

const hasTools =
  canRun('helm', 'version') && (canRun('kustomize', 'version') || canRun('kubectl', 'kustomize', '--help'));

test.skipIf(!hasTools)('with the tools themselves, all forms of values and bases beside the overlay', async () => {
  const container = (name: string, image: string): string => `        - { name: ${name}, image: '${image}' }\n`;
  const files = {
    ...overlay('    newName: ghcr.io/Team/Redis\n'),
    ...chart(
      'image: { repository: NGINX, tag: "1" }\nside:\n  registry: docker.io\n  repository: team/Side\n  tag: 2\nwhole: "https://ghcr.io/a/b:1" # why\none: { image: ghcr.io/A/same }\ntwo: { image: ghcr.io/A/same }\n',
    ),
    'c/templates/app.yaml': `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec:\n  template:\n    spec:\n      containers:\n${[
      container('app', '{{ .Values.image.repository }}:{{ .Values.image.tag }}'),
      container('side', '{{ .Values.side.registry }}/{{ .Values.side.repository }}:{{ .Values.side.tag }}'),
      container('whole', '{{ .Values.whole }}'),
      container('one', '{{ .Values.one.image }}:1'),
      container('two', '{{ .Values.two.image }}:1'),
    ].join('')}`,
  };
  const { code, read } = await run(files, { fix: true }, true);
  expect(read('c/values.yaml')).toBe(
    `image: { repository: ${HUB}/library/nginx, tag: "1" }\nside:\n  registry: swr.eu-de.otc.t-systems.com\n  repository: hub/team/side\n  tag: 2\nwhole: "ghcr.io/a/b:1" # why\none: { image: ghcr.io/a/same }\ntwo: { image: ghcr.io/a/same }\n`,
  );
  expect(read('k/prod/kustomization.yaml')).toContain('newName: ghcr.io/team/redis\n');
  expect(code).toBe(0);
});
