import { describe, expect, test } from 'vitest';
import { describeFinding, formatWarnings, nameSubject } from '../../src/report/finding.ts';
import { formatFieldPath } from '../../src/text/json.ts';
import { factsOf, judgeIn } from '../support/facts.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const IMAGE = 'registry.example.com/team/web:1';
const POLICY = policyOf();

/** What is found, without its words: `deny spec.imagePullSecrets`. */
function find(object: Json, policy = POLICY): readonly string[] {
  return judgeIn({}, object, { policy })
    .findings.filter(({ rule }) => rule === 'pull-secrets-valid')
    .map(({ action, at }) => `${action} ${formatFieldPath(at)}`);
}

function say(object: Json): readonly string[] {
  return judgeIn({}, object, { policy: POLICY })
    .findings.filter(({ rule }) => rule === 'pull-secrets-valid')
    .map((finding) => `${nameSubject(finding)}: ${describeFinding(finding)}`);
}

const listed = (imagePullSecrets: unknown): Json => pod(IMAGE, { imagePullSecrets });

describe('a list that the API server cannot decode is denied: kubectl apply fails with worse words', () => {
  test.each<[list: unknown, at: string]>([
    ['regcred', ''],
    [{ name: 'regcred' }, ''],
    [1, ''],
    [true, ''],
    [['regcred'], '[0]'],
    [[{ name: 'a' }, 'regcred'], '[1]'],
    [[['regcred']], '[0]'],
    [[7], '[0]'],
    [[{ name: 123 }], '[0].name'],
    [[{ name: true }], '[0].name'],
    [[{ name: ['a'] }], '[0].name'],
    [[{ name: { name: 'a' } }], '[0].name'],
  ])('%j', (list, at) => {
    expect(find(listed(list))).toEqual([`deny spec.imagePullSecrets${at}`]);
  });

  test('and is shown as it should be', () => {
    expect(say(listed(['regcred']))).toEqual([expect.stringMatching(/"regcred": .*write \{ name: regcred \}$/)]);
    expect(say(listed([{ secretName: 'regcred' }]))).toEqual([expect.stringMatching(/write \{ name: regcred \}$/)]);
    expect(say(listed([{ name: 123 }]))).toEqual([expect.stringMatching(/"123": .*write "123", in quotes$/)]);
  });
});

describe('a name that no Secret can have is a warning, and nobody is told to create it', () => {
  test.each<[name: string, meant: string | undefined]>([
    ['map[name:image-pull-secret]', 'image-pull-secret'],
    ['[map[name:regcred]]', 'regcred'],
    ['{"name":"regcred"}', 'regcred'],
    ['{name: regcred}', 'regcred'],
    ['- name: regcred', 'regcred'],
    ['regcred\n', 'regcred'],
    [' regcred', 'regcred'],
    ['"regcred"', 'regcred'],
    ['RegCred', 'regcred'],
    ['reg_cred', undefined],
    ['[a b]', undefined],
    ['a,b', undefined],
    ['default/regcred', undefined],
    ['{{ .Values.secret }}', undefined],
    ['${SECRET}', undefined],
    ['<no value>', undefined],
    ['a'.repeat(254), undefined],
    ['map[password:aVerySecretValue]', undefined],
  ])('%j', (name, meant) => {
    const object = listed([{ name }]);
    expect(find(object)).toEqual(['warn spec.imagePullSecrets[0].name']);
    const [line = ''] = say(object);
    expect(line).toContain('not a valid Secret name');
    expect(/did you mean "(.*)"\?$/.exec(line)?.[1]).toBe(meant);
    expect(line).not.toContain('aVerySecretValue');
    // Nor where the cluster is known, and has none.
    const { findings } = judgeIn(factsOf({}), object, { policy: POLICY });
    expect(findings.map(({ message }) => message).join()).not.toContain('create it');
    for (const warning of formatWarnings(findings)) expect(warning).not.toContain('… (pull-secrets-valid)');
  });

  test('one that its service account has is told where it is', () => {
    const facts = factsOf({}, { 'default/default': ['map[name:regcred]'] });
    const { findings } = judgeIn(facts, pod(IMAGE), { policy: POLICY });
    expect(findings.map(({ message }) => message)).toEqual([expect.stringContaining('not a valid Secret name')]);
  });
});

describe('a field that nobody reads is a warning: the pull is anonymous', () => {
  const secrets = [{ name: 'regcred' }];
  const container = (more: Json): Json => ({ containers: [{ name: 'web', image: IMAGE, ...more }] });

  test.each<[what: string, object: Json, at: string]>([
    [
      'in a container',
      deployment('', container({ imagePullSecrets: secrets })),
      'spec.template.spec.containers[0].imagePullSecrets',
    ],
    [
      'in a container, by another name',
      deployment('', container({ imagePullSecret: 'a' })),
      'spec.template.spec.containers[0].imagePullSecret',
    ],
    [
      'in an init container',
      pod(IMAGE, { initContainers: [{ name: 'i', image: IMAGE, imagePullSecrets: secrets }] }),
      'spec.initContainers[0].imagePullSecrets',
    ],
    [
      'in the metadata of a pod',
      { ...pod(IMAGE), metadata: { name: 'a', imagePullSecrets: secrets } },
      'metadata.imagePullSecrets',
    ],
    ['at the top of a pod', { ...pod(IMAGE), imagePullSecrets: secrets }, 'imagePullSecrets'],
    [
      'in the security context',
      pod(IMAGE, { securityContext: { imagePullSecrets: secrets } }),
      'spec.securityContext.imagePullSecrets',
    ],
    ['by the name of one', pod(IMAGE, { imagePullSecret: 'regcred' }), 'spec.imagePullSecret'],
    ['in other letters', pod(IMAGE, { imagepullsecrets: secrets }), 'spec.imagepullsecrets'],
    ['by a short name', pod(IMAGE, { pullSecrets: secrets }), 'spec.pullSecrets'],
  ])('%s', (_what, object, at) => {
    expect(find(object)).toEqual([`warn ${at}`]);
  });

  test.each<[what: string, edit: (spec: Json, template: Json) => Json, at: string]>([
    ['at the top of the spec', (spec) => ({ ...spec, imagePullSecrets: secrets }), 'spec.imagePullSecrets'],
    [
      'in the template',
      (spec, template) => ({ ...spec, template: { ...template, imagePullSecrets: secrets } }),
      'spec.template.imagePullSecrets',
    ],
    [
      'in the metadata of the template',
      (spec, template) => ({ ...spec, template: { ...template, metadata: { imagePullSecrets: secrets } } }),
      'spec.template.metadata.imagePullSecrets',
    ],
  ])('%s of a Deployment', (_what, edit, at) => {
    const object = deployment(IMAGE);
    const spec = object['spec'] as Json;
    const edited = { ...object, spec: edit(spec, spec['template'] as Json) };
    expect(find(edited)).toEqual([`warn ${at}`]);
    expect(say(edited)[0]).toContain('move it to spec.template.spec.imagePullSecrets');
  });

  test('and its container is named', () => {
    expect(say(deployment('', container({ imagePullSecrets: secrets })))[0]).toContain('container "web": ');
  });
});

test.each<[what: string, object: Json]>([
  ['names', listed([{ name: 'regcred' }, { name: 'a.b-c.0' }])],
  ['an empty name, which charts write', listed([{ name: '' }, {}])],
  ['an empty list', listed([])],
  ['null', listed(null)],
  ['none', pod(IMAGE)],
  ['an empty one elsewhere', { ...pod(IMAGE), imagePullSecrets: [] }],
  ['no images', { ...pod(IMAGE, { containers: [], imagePullSecrets: ['a'] }) }],
])('what is right, or does no harm, is let alone: %s', (_what, object) => {
  expect(find(object)).toEqual([]);
});

test('of a kind that a policy adds only names are looked at: its fields are its own', () => {
  const policy = policyOf('workloads: [{ group: example.com, kind: App, podTemplates: [/spec/template] }]');
  const app = (imagePullSecrets: unknown): Json => ({
    ...deployment(IMAGE, { imagePullSecrets, pullSecret: 'a' }),
    apiVersion: 'example.com/v1',
    kind: 'App',
  });
  expect(find(app(['regcred']), policy)).toEqual([]);
  expect(find(app([{ name: 'map[name:a]' }]), policy)).toEqual(['warn spec.template.spec.imagePullSecrets[0].name']);
});

test('what keeps no image from being pulled is a notice, unless the API server refuses it', () => {
  const severities = (image: string, imagePullSecrets: unknown): readonly string[] =>
    judgeIn({}, pod(image, { imagePullSecrets }), { policy: POLICY })
      .findings.filter(({ rule }) => rule === 'pull-secrets-valid')
      .map(({ severity }) => severity);
  expect(severities(IMAGE, [{ name: 'Reg_Cred' }])).toEqual(['warning']);
  expect(severities('nginx', [{ name: 'Reg_Cred' }])).toEqual(['notice']);
  expect(severities('nginx', [{ name: 123 }])).toEqual(['error']);
});
