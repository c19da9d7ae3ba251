import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/cli/io.ts';
import { testPolicies } from '../../src/cli/policy-test.ts';
import { showPolicy, validatePolicies } from '../../src/cli/policy.ts';
import { readPolicyTest } from '../../src/policy/test-file.ts';
import { RULES } from '../../src/rules/index.ts';
import { defaultPolicy, loadPolicy } from '../../src/rules/policy.ts';
import { describePolicy, policyText } from '../manifests/manifests.ts';
import { capturedIo } from '../support/captured-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

const HEAD = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';

describe('policy validate', () => {
  test('tells every mistake of every file, more than a screenful too', async () => {
    const folder = tempFolder();
    const good = folder.write('good.yaml', HEAD);
    const bad = folder.write('bad.yaml', `${HEAD}mirrors:\n${'  - 3\n'.repeat(30)}`);
    const io = capturedIo({ stdin: `${HEAD}mirors: []\n` });
    expect(await validatePolicies([good, bad, folder.at('none.yaml'), '-'], io)).toBe(2);
    const lines = io.printed.stdout.trimEnd().split('\n');
    expect(lines[0]).toBe(`${good}: valid`);
    expect(lines.slice(1, 31)).toEqual(
      Array.from({ length: 30 }, (_, at) => `${bad}:${at + 4}:5: must be an object, is 3`),
    );
    expect(lines.slice(31)).toEqual([
      `policy ${folder.at('none.yaml')} cannot be read (ENOENT: no such file or directory): fix the path`,
      '<stdin>:3:1: unknown key "mirors"; did you mean "mirrors"?',
    ]);
  });

  test('of valid files ends with 0', async () => {
    const io = capturedIo({ stdin: HEAD });
    expect(await validatePolicies(['-'], io)).toBe(0);
    expect(io.printed).toEqual({ stdout: '<stdin>: valid\n', stderr: '' });
  });
});

describe('policy show', () => {
  async function show(text?: string): Promise<string> {
    const io = capturedIo();
    const config = text === undefined ? {} : { config: tempFolder().write('p.yaml', text) };
    expect(await showPolicy(config, io)).toBe(0);
    return io.printed.stdout.replaceAll(config.config ?? '\0', 'p.yaml');
  }

  test('says of each value where it comes from, also in a ConfigMap', async () => {
    const policy = `${HEAD}registries: [{ hosts: [a.example], probe: { plainHttp: true } }]\nrules:\n  tag-explicit: warn\n  mirror-used: { fix: false }\n`;
    const configMap = `apiVersion: v1\nkind: ConfigMap\ndata:\n  policy.yaml: |\n${policy.replaceAll(/^/gm, '    ')}`;
    for (const [text, shift] of [
      [policy, 0],
      [configMap, 4],
    ] as const) {
      const lines = (await show(text)).split('\n');
      expect(lines).toEqual(
        expect.arrayContaining([
          '# The policy of p.yaml.',
          // Of the policy alone, also in a ConfigMap: the Pods mount what is in it.
          `# Hash in the log and the metrics of pullguard serve: ${createHash('sha256').update(policy).digest('hex').slice(0, 12)}`,
          `  - hosts: [a.example] # p.yaml:${3 + shift}`,
          `      plainHttp: true # p.yaml:${3 + shift}`,
          '      addresses: [] # default',
          '    pullSecret: default-secret # built in',
          'mirrors: [] # default',
          `    action: warn # p.yaml:${5 + shift}`,
          `    fix: false # p.yaml:${6 + shift}`,
          '    limitMiB: 4096 # default',
          '  wait: 1500ms # default',
        ]),
      );
    }
  });

  test('says why a rule does not run that nobody switched off', async () => {
    expect(await show(HEAD)).toContain(
      '  image-pullable:\n    action: off # default, as no entry of registries has probe\n',
    );
  });

  test('prints a policy that is the same one', async () => {
    const withoutBuiltIn = (text: string): object => {
      const { registries, ...rest } = describePolicy(loadPolicy(text)) as { registries: unknown[] };
      return { ...rest, registries: registries.slice(0, -1) };
    };
    expect(withoutBuiltIn(await show(policyText))).toEqual(describePolicy(defaultPolicy()));
    const action = fc.constantFrom('off', 'audit', 'warn', 'deny');
    await fc.assert(
      fc.asyncProperty(action, action, fc.boolean(), fc.nat(9), async (one, other, fix, hours) => {
        const text = JSON.stringify({
          apiVersion: 'pullguard.dev/v1alpha1',
          kind: 'Policy',
          registries: [{ hosts: ['a.example'], pullSecret: 'a', probe: fix }],
          mirrors: [{ from: 'docker.io', to: 'a.example/hub' }],
          rules: {
            'tag-explicit': one,
            'mirror-used': { action: other, fix },
            'pull-secret-usable': { expiresWithinHours: hours },
          },
          skip: { rules: ['tag-explicit'] },
          workloads: [{ group: 'argoproj.io', kind: 'Rollout', podTemplates: ['/spec/template'] }],
          probe: { wait: `${hours}ms` },
        });
        expect(withoutBuiltIn(await show(text))).toEqual(describePolicy(loadPolicy(text)));
      }),
      { numRuns: 20 },
    );
  });
});

const POLICY = `${HEAD}rules: { tag-explicit: warn }\nregistries: [{ hosts: [a.example], pullSecret: a }]\n`;
const SHOP = `apiVersion: apps/v1
kind: Deployment
metadata: { name: shop, namespace: live }
spec:
  template:
    spec:
      initContainers: [{ name: setup, image: 'a.example/setup:1' }]
      containers: [{ name: web, image: 'NGINX:1' }, { name: db, image: postgres }]
`;
const TEST = 'apiVersion: pullguard.dev/v1alpha1\nkind: PolicyTest\nmanifests: [shop.yaml]\n';

describe('policy test', () => {
  function run(files: Readonly<Record<string, string>>, ...paths: readonly string[]) {
    const folder = tempFolder();
    for (const [name, text] of Object.entries({
      '.git/HEAD': '',
      '.pullguard.yaml': POLICY,
      'shop.yaml': SHOP,
      ...files,
    }))
      folder.write(name, text);
    const io = capturedIo();
    const named = paths.length === 0 ? [folder.path] : paths.map((path) => folder.at(path));
    const code = testPolicies(named, io);
    return { code, stdout: io.printed.stdout.replaceAll(`${folder.path}/`, '') };
  }

  function expecting(...results: readonly string[]): string {
    return `${TEST}results:\n${results.map((one) => `  - { workload: Deployment/shop, ${one} }\n`).join('')}`;
  }

  test('passes where all is as expected', () => {
    const text = expecting(
      'container: web, rule: reference-valid, result: deny',
      'namespace: live, container: web, result: deny',
      'rule: reference-valid, result: deny',
      'container: db, rule: tag-explicit, result: warn',
      'container: db, rule: reference-valid, result: none',
      'container: setup, rule: pull-secret-present, result: fix',
    );
    expect(run({ 'shop.test.yaml': text })).toEqual({ code: 0, stdout: '6 results in 1 file: all as expected\n' });
  });

  test.each<[result: string, message: string]>([
    [
      'container: web, rule: reference-valid, result: none',
      'container "web": reference-valid: expected none, got deny ("NGINX:1": InvalidImageName: repository name must be lowercase; did you mean "nginx:1"? (reference-valid))',
    ],
    ['container: db, rule: reference-valid, result: warn', 'container "db": reference-valid: expected warn, got none'],
    // A result that nothing can have would otherwise pass with `none` for ever.
    ['container: wep, result: none', 'container "wep": there is no such container with an image; did you mean "web"?'],
    ['rule: tag-explict, result: none', 'unknown rule "tag-explict"; did you mean "tag-explicit"?'],
    [
      'namespace: test, result: none',
      'in namespace "test": there is no such workload in the manifests: it is in namespace "live"',
    ],
  ])('fails with the line where it is not: %s', (result, message) => {
    const { code, stdout } = run({ 'shop.test.yaml': expecting(result) });
    expect(code).toBe(1);
    const [line = '', summary] = stdout.split('\n');
    expect(line.replace(/^shop\.test\.yaml:5:5: Deployment\/shop:? /, '')).toBe(message);
    expect(summary).toBe('1 result in 1 file: 1 not as expected');
  });

  test.each<[what: string, text: string, message: RegExp]>([
    [
      'a mistake',
      `${expecting('result: denied')}foo: 1\n`,
      /^error: a\.test\.yaml:5:42: must be one of none, fix, audit, warn, deny, is "denied"; did/,
    ],
    ['no results', `${TEST}results: []\n`, /^error: a\.test\.yaml:4:10: must not be empty/],
    [
      'manifests that are not there',
      expecting('result: none').replace('shop.yaml', 'x.yaml'),
      /^error: x\.yaml: cannot be read \(ENOENT: no such file or directory\): fix the path/,
    ],
    [
      'manifests that are broken',
      expecting('result: none').replace('shop.yaml', 'a.test.yaml, b.yaml'),
      /^error: b\.yaml:1:/,
    ],
    ['a policy with a mistake', `${expecting('result: none')}policy: b.yaml\n`, /^error: b\.yaml:1:/],
    [
      'a policy that is not there',
      `${expecting('result: none')}policy: x.yaml\n`,
      /^error: policy x\.yaml cannot be read \(ENOENT/,
    ],
  ])('with %s is an error that does not keep others from running', (_what, text, message) => {
    const { code, stdout } = run({
      'a.test.yaml': text,
      'b.yaml': 'a: "',
      'c.test.yaml': expecting('rule: tag-explicit, result: warn'),
    });
    expect(code).toBe(2);
    expect(stdout).toMatch(message);
    expect(stdout).toMatch(/1 result in 2 files: all as expected; \d problems? reading the tests\n$/);
  });

  test('takes a file that is named whatever it is called, and the policy that it names', () => {
    const text = `${expecting('container: db, rule: tag-explicit, result: none')}policy: other.yaml\n`;
    expect(run({ 'expected.yaml': text, 'other.yaml': HEAD }, 'expected.yaml')).toMatchObject({ code: 0 });
  });

  test('is documented by a sample that can be used', () => {
    const page = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');
    const [, sample = ''] = /```yaml\n(# shop\.test\.yaml\n[^]*?)```/.exec(page) ?? [];
    const { policy, results } = readPolicyTest(sample, 'shop.test.yaml');
    expect(policy).toBe('policy.yaml');
    for (const { rule } of results) expect(RULES.map(({ id }) => id)).toContain(rule);
    // Each field of the table is one that a test may have, as an unknown one is a mistake.
    const fields = [...page.matchAll(/^\| `(policy|manifests|results\[\]\.\w+)`/gm)].map(([, field = '']) => field);
    const unused = fields.filter((field) => !sample.includes(`${field.replace('results[].', '')}:`));
    expect(unused).toEqual([]);
    expect(fields).toHaveLength(7);
  });

  test('without any test is wrong usage, as it would pass for ever', () => {
    expect(() => run({})).toThrow(UsageError);
    expect(() => run({})).toThrow(/there is no \*\.test\.yaml in .*: name a test file or its folder/);
  });
});
