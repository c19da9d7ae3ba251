import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { check, type CheckOptions } from '../../src/cli/check.ts';
import { UsageError } from '../../src/cli/io.ts';
import { capturedIo } from '../support/captured-io.ts';
import { tempFolder, type TempFolder } from '../support/temp-folder.ts';

const POLICY = `apiVersion: pullguard.dev/v1alpha1
kind: Policy
rules: { pull-secret-usable: off, service-account-secrets-kept: off, tag-explicit: deny }
skip: { rules: [tag-explicit] }
`;

const SKIP_MIRROR = `apiVersion: pullguard.dev/v1alpha1
kind: Policy
mirrors: [{ from: docker.io, to: registry.example.com/hub }]
skip: { rules: [mirror-used] }
`;

const pod = (containers: string, head = 'name: web'): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: { ${head} }\nspec:\n  containers:\n${containers}`;

async function run(folder: TempFolder, names: readonly string[], options: Partial<CheckOptions> = {}, policy = POLICY) {
  const io = capturedIo();
  const config = folder.write('policy.txt', policy);
  const code = await check(
    names.map((name) => folder.at(name)),
    { output: 'text', config, ...options },
    io,
  );
  return { code, stdout: io.printed.stdout.replaceAll(`${folder.path}/`, '') };
}

describe('a comment ignores a rule where the policy lets it', () => {
  async function checkPod(containers: string, head?: string, options: Partial<CheckOptions> = {}, policy?: string) {
    const folder = tempFolder();
    folder.write('a.yaml', pod(containers, head));
    return {
      ...(await run(folder, ['a.yaml'], options, policy)),
      text: () => readFileSync(folder.at('a.yaml'), 'utf8'),
    };
  }

  test.each([
    ['on the line', '  - { name: a, image: nginx } # pullguard: ignore tag-explicit floats on purpose\n'],
    ['on the line above', '  # pullguard: ignore tag-explicit floats on purpose\n  - { name: a, image: nginx }\n'],
    [
      'above other comments',
      '  # pullguard: ignore tag-explicit floats\n  # like the others\n  - { name: a, image: nginx }\n',
    ],
    ['among several rules', '  - { name: a, image: nginx } # pullguard: ignore reference-valid,tag-explicit floats\n'],
  ])('%s', async (where, containers) => {
    const { code, stdout } = await checkPod(containers);
    expect(code).toBe(0);
    expect(stdout).toMatch(/; 1 finding ignored\n$/);
    if (!where.startsWith('among')) expect(stdout).not.toContain('warning');
  });

  test.each([
    [
      'a rule that may not be ignored',
      '  - { name: a, image: NGINX:1 } # pullguard: ignore reference-valid no\n',
      'a.yaml:6:33  warning  "reference-valid": ',
    ],
    [
      'a rule that there is not',
      '  - { name: a, image: "nginx:1" } # pullguard: ignore tags no\n',
      '"tags": is no rule, so this comment does nothing; rules are reference-valid, ',
    ],
    [
      'nothing to ignore',
      '  - { name: a, image: "nginx:1" } # pullguard: ignore tag-explicit why\n',
      '"tag-explicit": has no finding here, so this comment does nothing: remove it',
    ],
    [
      'no rule',
      '  - { name: a, image: "nginx:1" } # pullguard: ignore\n',
      'names no rule: write "# pullguard: ignore RULE REASON"',
    ],
    [
      'no reason',
      '  - { name: a, image: nginx } # pullguard: ignore tag-explicit\n',
      'ignores "tag-explicit" without a reason: write one behind the rule',
    ],
  ])('and %s is said', async (_what, containers, said) => {
    const { stdout } = await checkPod(containers);
    expect(stdout).toContain(said);
  });

  test('not where the policy allows it in other namespaces only', async () => {
    const containers = '  - { name: a, image: nginx } # pullguard: ignore tag-explicit why\n';
    const policy = `${POLICY.trim().slice(0, -2)}, namespaces: [dev-*] }\n`;
    expect((await checkPod(containers, 'name: web, namespace: dev-1', {}, policy)).code).toBe(0);
    const { code, stdout } = await checkPod(containers, 'name: web, namespace: shop', {}, policy);
    expect(code).toBe(1);
    expect(stdout).toMatch(/"tag-explicit": .*namespace.* \(skip-allowed\)/);
  });

  test('what only looks like a comment is none', async () => {
    const { code } = await checkPod('  - name: "# pullguard: ignore tag-explicit why"\n    image: nginx\n');
    expect(code).toBe(1);
  });

  test('--fix leaves alone what is ignored, and mends what may not be', async () => {
    const line = '  - { name: a, image: "redis:1" } # pullguard: ignore mirror-used why\n';
    const left = await checkPod(line, undefined, { fix: true }, SKIP_MIRROR);
    expect(left.text()).toBe(pod(line));
    const mended = await checkPod(
      '  - { name: a, image: NGINX:1 } # pullguard: ignore reference-valid why\n',
      undefined,
      { fix: true },
    );
    expect(mended.text()).toContain('image: nginx:1 } #');
  });
});

describe('a baseline', () => {
  test('leaves out what it has recorded, wherever it stands by now, and nothing else', async () => {
    const folder = tempFolder();
    folder.write('a.yaml', pod('  - { name: a, image: NGINX:1 }\n  - { name: b, image: nginx }\n'));
    const baseline = folder.at('baseline.json');
    const recorded = await run(folder, ['a.yaml'], { writeBaseline: baseline });
    expect(recorded.code).toBe(0);
    expect(recorded.stdout).toContain('recorded 2 findings in "baseline.json": leave them out with --baseline\n');
    const file = readFileSync(baseline, 'utf8');
    expect(JSON.parse(file)).toEqual({
      apiVersion: 'pullguard.dev/v1alpha1',
      kind: 'Baseline',
      findings: [
        {
          rule: 'reference-valid',
          message: 'malformed',
          kind: 'Pod',
          name: 'web',
          part: 'container "a"',
          image: 'NGINX:1',
        },
        { rule: 'tag-explicit', message: 'no-tag', kind: 'Pod', name: 'web', part: 'container "b"', image: 'nginx' },
      ],
    });
    folder.write('a.yaml', `# moved\n\n${pod('  - { name: b, image: nginx }\n  - { name: a, image: NGINX:1 }\n')}`);
    const known = await run(folder, ['a.yaml'], { baseline });
    expect(known.code).toBe(0);
    expect(known.stdout).toMatch(/1 workload checked: no problems found; 2 findings in the baseline\n$/);
    await run(folder, ['a.yaml'], { baseline, writeBaseline: baseline });
    expect(readFileSync(baseline, 'utf8')).toBe(file);
    folder.write('a.yaml', pod('  - { name: a, image: NGINX:2 }\n  - { name: b, image: nginx }\n'));
    const changed = await run(folder, ['a.yaml'], { baseline });
    expect(changed.code).toBe(1);
    expect(changed.stdout).toContain('1 error');
    expect(changed.stdout).toContain(
      'baseline "baseline.json": no longer found: Pod/web container "a": "NGINX:1" (reference-valid)\n',
    );
  });

  test('does not call stale what is of files that were not passed', async () => {
    const folder = tempFolder();
    folder.write('a.yaml', pod('  - { name: a, image: NGINX:1 }\n'));
    folder.write('b.yaml', pod('  - { name: a, image: "nginx:1" }\n', 'name: other'));
    const baseline = folder.at('baseline.json');
    await run(folder, ['a.yaml'], { writeBaseline: baseline });
    const { stdout } = await run(folder, ['b.yaml'], { baseline });
    expect(stdout).not.toContain('no longer found');
    expect(stdout).toContain('baseline "baseline.json": 1 entry is of objects that are not in the input');
  });

  test('keeps no credential', async () => {
    const folder = tempFolder();
    folder.write('a.yaml', pod('  - { name: a, image: "user:hunter2@registry.example.com/app:1" }\n'));
    const baseline = folder.at('baseline.json');
    await run(folder, ['a.yaml'], { writeBaseline: baseline });
    expect(readFileSync(baseline, 'utf8')).not.toContain('hunter2');
    expect((await run(folder, ['a.yaml'], { baseline })).code).toBe(0);
  });

  test.each([
    ['that is not there', undefined, 'cannot be read (ENOENT: no such file or directory): fix the path'],
    ['that is no JSON', 'a: 1', 'cannot be read: it is no JSON'],
    ['that is something else', '{"kind":"Policy"}', 'is no baseline'],
    [
      'with an entry that is none',
      '{"apiVersion":"pullguard.dev/v1alpha1","kind":"Baseline","findings":[{"rule":1}]}',
      'findings[0] is no finding',
    ],
  ])('%s ends the command', async (_what, content, said) => {
    const folder = tempFolder();
    folder.write('a.yaml', pod('  - { name: a, image: "nginx:1" }\n'));
    if (content !== undefined) folder.write('b.json', content);
    const failed = run(folder, ['a.yaml'], { baseline: folder.at('b.json') });
    await expect(failed).rejects.toThrow(UsageError);
    await expect(failed).rejects.toThrow(said);
  });
});

describe('--exclude', () => {
  test.each([
    ['a file by its name', ['bad.yaml'], ['charts/x/ok.yaml', 'ok.yaml']],
    ['a folder by its name', ['charts'], ['bad.yaml', 'ok.yaml']],
    ['a path from the folder that is checked', ['charts/*/ok.yaml'], ['bad.yaml', 'charts/x/bad.yaml', 'ok.yaml']],
    ['anything below', ['charts/**'], ['bad.yaml', 'ok.yaml']],
    ['a name at any depth', ['**/x/*.yaml'], ['bad.yaml', 'ok.yaml']],
    ['several', ['charts', 'bad.*'], ['ok.yaml']],
    ['nothing', ['other'], ['bad.yaml', 'charts/x/bad.yaml', 'charts/x/ok.yaml', 'ok.yaml']],
  ])('leaves out %s', async (_what, exclude, left) => {
    const folder = tempFolder();
    for (const name of ['in/ok.yaml', 'in/bad.yaml', 'in/charts/x/ok.yaml', 'in/charts/x/bad.yaml']) {
      folder.write(name, pod('  - { name: a, image: NGINX:1 }\n'));
    }
    const { stdout } = await run(folder, ['in'], { exclude });
    expect([...stdout.matchAll(/^\s*in\/(\S+?):\d+/gm)].map(([, name]) => name).sort()).toEqual(left);
  });

  test('a pattern that is malformed is a mistake', async () => {
    await expect(run(tempFolder(), ['.'], { exclude: ['[a'] })).rejects.toThrow(UsageError);
  });
});
