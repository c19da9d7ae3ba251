import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { buildProgram } from '../../src/cli/program.ts';
import { exportAdmissionPolicies, KUBERNETES_MINORS, type ApiObject } from '../../src/export/admission-policies.ts';
import { buildMatchConditions } from '../../src/export/match-conditions.ts';
import { RULES } from '../../src/rules/index.ts';
import { loadPolicy } from '../../src/rules/policy.ts';
import { capturedIo } from '../support/captured-io.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { replaceBehind, UPDATES_DOCS } from '../support/update-docs.ts';

function describeBindings(objects: readonly ApiObject[]): readonly string[] {
  return objects
    .filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding')
    .map(({ metadata, spec }) => {
      const { namespaceSelector, resourceRules } = spec['matchResources'] as {
        namespaceSelector: { matchExpressions: { key: string; operator: string; values: string[] }[] };
        resourceRules?: { resources: string[] }[];
      };
      const where = namespaceSelector.matchExpressions.map(
        ({ key, operator, values }) => `${key.replace('pullguard.dev/', '')} ${operator} ${values.join()}`,
      );
      const of = resourceRules === undefined ? '' : ` of ${resourceRules[0]?.resources[0] ?? ''}…`;
      return `${metadata.name}: ${String(spec['validationActions'])} where ${where.join(', ')}${of}`;
    });
}

describe('what comes of a finding', () => {
  test('is the action of its rule, limited by the labels of the namespace', () => {
    const { objects } = exportAdmissionPolicies(
      policyOf('rules: { mirror-used: off, pull-secret-present: off, tag-explicit: audit }'),
      36,
    );
    expect(describeBindings(objects)).toEqual([
      'pullguard-deny: Deny where mode NotIn off,warn,audit',
      'pullguard-deny-warn: Warn where mode In warn',
      'pullguard-deny-audit: Audit where mode In audit',
      'pullguard-audit: Audit where mode NotIn off',
      'pullguard-warn: Warn where mode NotIn off,audit',
      'pullguard-warn-audit: Audit where mode In audit',
    ]);
  });

  test('is no denial of a template whose Pods will be fixed', () => {
    const policy = policyOf(
      'mirrors: [{ from: docker.io, to: mirror.example.com }]',
      'rules: { reference-valid: off, pull-secret-present: off, pull-secrets-valid: off, mirror-used: deny }',
    );
    expect(describeBindings(exportAdmissionPolicies(policy, 36).objects)).toEqual([
      'pullguard-mirror-used-pods-deny: Deny where mode NotIn off,warn,audit of pods…',
      'pullguard-mirror-used-pods-warn: Warn where mode In warn of pods…',
      'pullguard-mirror-used-pods-audit: Audit where mode In audit of pods…',
      'pullguard-mirror-used-templates-fixed-warn: Warn where mode NotIn off,audit, fix NotIn false of podtemplates…',
      'pullguard-mirror-used-templates-fixed-audit: Audit where mode In audit, fix NotIn false of podtemplates…',
      'pullguard-mirror-used-templates-unfixed-deny: Deny where mode NotIn off,warn,audit, fix In false of podtemplates…',
      'pullguard-mirror-used-templates-unfixed-warn: Warn where mode In warn, fix In false of podtemplates…',
      'pullguard-mirror-used-templates-unfixed-audit: Audit where mode In audit, fix In false of podtemplates…',
      'pullguard-warn: Warn where mode NotIn off,audit',
      'pullguard-warn-audit: Audit where mode In audit',
    ]);
  });
});

test('what may run is admitted when an expression fails, and objects can be found to be removed', () => {
  for (const { kind, metadata, spec } of exportAdmissionPolicies(MIRRORED, 36).objects) {
    expect(metadata.labels).toEqual({ 'app.kubernetes.io/name': 'pullguard' });
    if (kind.endsWith('Policy')) expect(spec['failurePolicy']).toBe('Ignore');
  }
});

test.each(KUBERNETES_MINORS)('1.%s gets fixes in the version that it serves, or is told that it gets none', (minor) => {
  const { objects, unsaid } = exportAdmissionPolicies(MIRRORED, minor);
  const versions = new Set(
    objects.filter(({ kind }) => kind.startsWith('Mutating')).map(({ apiVersion }) => apiVersion),
  );
  const expected =
    new Map<number, string[]>([
      [33, ['v1alpha1']],
      [34, ['v1beta1']],
      [35, ['v1beta1']],
      [36, ['v1']],
    ]).get(minor) ?? [];
  expect([...versions]).toEqual(expected.map((version) => `admissionregistration.k8s.io/${version}`));
  expect(unsaid.some(({ what }) => what === 'fixes')).toBe(expected.length === 0);
});

test('a template is told of fixes only where they are made, and denied nowhere for what a webhook may fix', () => {
  const policy = policyOf('mirrors: [{ from: docker.io, to: mirror.example.com }]', 'rules: { mirror-used: deny }');
  const [old, fixing] = [exportAdmissionPolicies(policy, 32).objects, exportAdmissionPolicies(policy, 36).objects];
  expect(JSON.stringify(old)).not.toContain('Pods get');
  expect(JSON.stringify(fixing)).toContain('Pods get');
  expect(describeBindings(old)).toEqual(describeBindings(fixing));
});

test('every rule is exported, or it is said why not', () => {
  const on = RULES.map(({ id }) => `  ${id}: warn`);
  const probed = 'registries: [{ hosts: [quay.io], pullSecret: quay, probe: true }]';
  const policy = policyOf('mirrors: [{ from: docker.io, to: mirror.example.com }]', probed, 'rules:', ...on);
  const { objects, unsaid } = exportAdmissionPolicies(policy, 36);
  const text = JSON.stringify(objects);
  for (const { id } of RULES) {
    const isSaid = text.includes(` (${id}`);
    expect([id, isSaid]).toEqual([id, !unsaid.some(({ what }) => what === id)]);
  }
});

test('a mirror that has to be asked is left to the webhook', () => {
  const policy = policyOf(
    'mirrors: [{ from: docker.io, to: mirror.example.com }]',
    'registries: [{ hosts: [mirror.example.com], probe: true }]',
    'rules: { mirror-used: { verify: true }, pull-secret-present: off }',
  );
  const { objects, unsaid } = exportAdmissionPolicies(policy, 36);
  expect(JSON.stringify(objects)).not.toContain('mirror.example.com');
  expect(unsaid.map(({ what }) => what)).toContain('mirror-used with verify');
});

describe('a policy that an API server could not evaluate', () => {
  const many = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `r${at}.example.com`);

  test.each([
    [
      'mirrors',
      `mirrors: [${many(500)
        .map((host) => `{ from: ${host}, to: mirror.invalid/${host} }`)
        .join()}]`,
      'has 500 mirrors and 5 hosts, 5 of',
    ],
    ['hosts', `registries: [{ hosts: [${many(1000).join()}], pullSecret: a }]`, 'has 0 mirrors and 1005 hosts'],
    [
      'globs',
      `exempt: { images: [${many(60)
        .map((host) => `'*.${host}'`)
        .join()}] }`,
      '65 hosts, 65 of them with globs',
    ],
  ])('is refused for its %s', (_what, line, said) => {
    expect(() => exportAdmissionPolicies(policyOf(line), 36)).toThrow(said);
    expect(() => buildMatchConditions(policyOf(line), { pullSecrets: true, nodes: false, pulls: false })).toThrow(said);
  });
});

test('the webhook is always called for rules that need the cluster, and they are named', () => {
  const named = (gathered: Parameters<typeof buildMatchConditions>[1]): readonly string[] =>
    buildMatchConditions(policyOf(), gathered).always.map(({ what }) => what);
  expect(named({ pullSecrets: false, nodes: false, pulls: false })).toEqual([]);
  expect(named({ pullSecrets: true, nodes: false, pulls: true })).toEqual(['pull-secret-usable', 'nodes-can-pull']);
});

describe('pullguard export', () => {
  const run = async (
    ...args: readonly string[]
  ): Promise<ReturnType<typeof capturedIo>['printed'] & { code?: number }> => {
    const io = capturedIo();
    let code: number | undefined;
    await buildProgram(io, (each) => (code = each)).parseAsync(['node', 'pullguard', 'export', ...args]);
    return { ...io.printed, ...(code !== undefined && { code }) };
  };

  test('prints YAML that kubectl reads as it is meant, and JSON', async () => {
    const { at, write } = tempFolder();
    write('policy.yaml', 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n');
    const yaml = await run('admission-policies', '--config', at('policy.yaml'));
    const json = await run('admission-policies', '--config', at('policy.yaml'), '-o', 'json');
    const documents = parseAllDocuments(yaml.stdout, { version: '1.1' }).map((each) => each.toJS() as unknown);
    expect(documents).toEqual((JSON.parse(json.stdout) as { items: unknown[] }).items);
    expect(yaml.code).toBe(0);
    expect(yaml.stderr).toContain('not exported: pull-secret-usable: needs Secrets, which CEL cannot read\n');
  });

  test('says which version of Kubernetes it can write for', async () => {
    const old = await run('admission-policies', '--kubernetes', 'v1.32.4-eks');
    expect(old.stdout).not.toContain('Mutating');
    await expect(run('admission-policies', '--kubernetes', '1.29')).rejects.toThrow('needs Kubernetes 1.30 or newer');
  });

  test('prints the conditions as parts of the two webhook configurations', async () => {
    const { stdout, stderr } = await run('match-conditions', '--secrets', 'none');
    const [mutating, validating] = parseAllDocuments(stdout).map(
      (each) => each.toJS() as { webhooks: [{ name: string }] },
    );
    expect(mutating?.webhooks.map(({ name }) => name)).toEqual(['mutate.pullguard.dev']);
    expect(validating?.webhooks.map(({ name }) => name)).toEqual(['validate.pullguard.dev']);
    expect(stderr).toBe('');
  });
});

test('docs/native.md names the objects of its sample', () => {
  const file = new URL('../../docs/native.md', import.meta.url);
  const page = readFileSync(file, 'utf8');
  const [, policy = ''] = /```yaml\n(# policy\.yaml\n[\s\S]*?)```/.exec(page) ?? [];
  const [, line = '', printed = ''] = /```console\n(\$ .*\n)([\s\S]*?)```/.exec(page) ?? [];
  expect(parse(policy)).toMatchObject({ kind: 'Policy' });
  const created = exportAdmissionPolicies(loadPolicy(policy), 36).objects.map(
    ({ kind, metadata }) => `${kind.toLowerCase()}.admissionregistration.k8s.io/${metadata.name} created\n`,
  );
  if (UPDATES_DOCS) replaceBehind(file, line, printed, created.join(''));
  else expect(created.join('')).toBe(printed);
});
