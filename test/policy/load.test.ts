import { describe, expect, test } from 'vitest';
import type { Policy } from '../../src/engine/rule.ts';
import { defaultPolicy, loadPolicy } from '../../src/rules/policy.ts';
import { describePolicy } from '../manifests/manifests.ts';
import { CA, HEAD, mistakesIn } from './reading.ts';

const KEYS = 'apiVersion, kind, metadata, registries, mirrors, rules, exempt, skip, workloads, probe';

/** A ConfigMap up to the value of its policy, which starts in line 6 or 7. */
function configMap(value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: pullguard-policy\ndata:\n  policy.yaml: ${value}\n`;
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '    ');
}

describe('a policy with a mistake is refused whole, and each mistake told with line and column', () => {
  const EMPTY = '1:1: the policy is empty: start it with "apiVersion: pullguard.dev/v1alpha1" and "kind: Policy"';
  // Line 3 is the first after the head.
  test.each<[what: string, text: string, mistakes: readonly string[]]>([
    ['an empty file', '', [EMPTY]],
    ['nothing but comments', '# soon\n', [EMPTY]],
    [
      'a ConfigMap without a policy',
      'apiVersion: v1\nkind: ConfigMap\ndata: {}\n',
      ['3:7: the ConfigMap has no data: put the policy under data["policy.yaml"]'],
    ],
    [
      'a ConfigMap with several files, none of which has the name of the policy',
      'apiVersion: v1\nkind: ConfigMap\ndata: { a: x, b: y }\n',
      ['3:7: the ConfigMap has no text under data["policy.yaml"]: put the policy under data["policy.yaml"]'],
    ],
    [
      'a policy in a ConfigMap, at the lines of the file that holds it',
      `${configMap('|')}${indent(`${HEAD}mirors: []\n\nrules: { tag-explicit: x }\n`)}`,
      ['9:5: unknown key "mirors"; did you mean "mirrors"?', '11:28: must be one of off, audit, warn, deny, is "x"'],
    ],
    [
      'the same with Windows line ends and without the last one',
      `${configMap('|-')}${indent(`${HEAD}mirors: []`)}`.replaceAll('\n', '\r\n'),
      ['9:5: unknown key "mirors"; did you mean "mirrors"?'],
    ],
    [
      'the same in quotes, where its lines are not those of the file',
      `${configMap(JSON.stringify(`${HEAD}mirors: []\n`))}\n`,
      ['6:16: line 3, column 1 of data["policy.yaml"]: unknown key "mirors"; did you mean "mirrors"?'],
    ],
    [
      'a ConfigMap in a ConfigMap',
      `${configMap('|')}${indent('apiVersion: v1\nkind: ConfigMap\n')}`,
      ['7:17: must be "pullguard.dev/v1alpha1", is "v1"', '8:11: must be "Policy", is "ConfigMap"'],
    ],
    [
      'a key that is there twice, and what is wrong behind it',
      `${HEAD}mirrors: []\nmirrors: 3\n`,
      ['4:1: duplicate key "mirrors"', '4:10: must be a list, is 3'],
    ],
    [
      'two documents, of which one would have been read',
      `${HEAD}---\n${HEAD}`,
      ['3:1: a second document starts here, but only one is allowed: remove the "---"'],
    ],
    [
      'off as YAML 1.1 reads it',
      `%YAML 1.1\n---\n${HEAD}rules:\n  tag-explicit: off\n`,
      ['6:17: must be a string or an object, is false; if you mean off, write "off" in quotes'],
    ],
    [
      'options that are none',
      `${HEAD}rules:\n  tag-explicit: { action: warn, forbidlatest: true }\n  reference-valid: { fix: true }\n  mirror-used: { fix: yes }\n  pull-secret-usable: { expiresWithinHours: -1 }\n`,
      [
        '4:33: unknown key "forbidlatest"; did you mean "forbidLatest"?',
        '5:22: unknown key "fix": use action',
        '6:23: must be true or false, is "yes"',
        '7:45: must be 0 or more, is -1',
      ],
    ],
    [
      'one value where a list belongs, and half of one',
      `${HEAD}registries: { hosts: [a.example] }\nmirrors: [from: docker.io]\nexempt: { namespaces: kube-system, images: [''] }\n`,
      [
        '3:13: must be a list, is an object',
        '4:11: missing key "to"',
        '5:23: must be a list, is "kube-system"',
        '5:45: must not be empty',
      ],
    ],
    [
      'a list with a hole, and an entry without what it takes',
      `${HEAD}registries:\n  -\n  - pullSecret: a\n  - hosts: []\n`,
      ['4:4: must be an object, is empty', '5:5: missing key "hosts"', '6:12: must not be empty'],
    ],
    [
      'Windows line ends and a byte order mark',
      `\ufeff${HEAD}mirors: []\n`.replaceAll('\n', '\r\n'),
      ['3:1: unknown key "mirors"; did you mean "mirrors"?'],
    ],
    [
      'JSON',
      '{\n\t"apiVersion": "pullguard.dev/v1alpha1",\n\t"kind": "Policy",\n\t"mirrors": 3\n}\n',
      ['4:13: must be a list, is 3'],
    ],
    [
      'a mistake that a merge key brings in',
      `${HEAD}metadata: { a: &a { fxi: true } }\nrules:\n  mirror-used:\n    <<: *a\n`,
      ['3:21: unknown key "fxi"; did you mean "fix"?'],
    ],
    [
      'keys that JavaScript has a meaning for',
      `${HEAD}__proto__: {}\nconstructor: {}\n`,
      [`3:1: unknown key "__proto__": use one of ${KEYS}`, `4:1: unknown key "constructor": use one of ${KEYS}`],
    ],
  ])('%s', (_what, text, mistakes) => {
    expect(mistakesIn(text)).toEqual(mistakes);
  });

  test('credentials that somebody wrote into a policy do not get into the log', () => {
    const image = 'admin:s3cret@mirror.example/dockerhub';
    const texts = [
      `mirrors: [{ from: docker.io, to: '${image}' }]`,
      `registries: [{ hosts: ['${image}'], pullSecret: a }]`,
      `registries: [{ hosts: [a.example], pullSecret: '${image}' }]`,
      `exempt: { images: ['${image}'], namespaces: ['${image}['] }`,
      `rules: { mirror-used: '${image}' }`,
      `'${image}': 1`,
      `workloads: [{ group: '${image}', kind: A, podTemplates: ['${image}'] }]`,
      `registries: [{ hosts: [a.example], probe: { tokenHosts: ['${image}'], mirrors: ['${image}'] } }]`,
      `registries: [{ hosts: [a.example], probe: { addresses: ['${image}'], ca: '${image}' } }]`,
      `registries: [{ hosts: [a.example], probe: '${image}' }]`,
      `mirrors: *${image}`,
      `mirrors: "${image}`,
      `${image}: 1\n${image}: 1`,
    ];
    for (const text of texts) {
      const mistakes = mistakesIn(`${HEAD}${text}\n`).join('\n');
      expect(mistakes, text).not.toBe('');
      expect(mistakes, text).not.toMatch(/s3cret/);
    }
  });
});

describe('mistakes of structure and of meaning are told in one go', () => {
  test('wherever they stand, down to two in one entry', () => {
    const text = `${HEAD}registries:
  - { hosts: [harbor, harbor.example.com], pullSecret: My_Secret }
  - { host: [a.example] }
  - 7
  - { hosts: [harbor.example.com] }
mirrors:
  - { from: 1, to: nowhere }
  - { from: docker.io, to: docker.io/x }
rules: { mirror-used: 7, tag-explicit: { forbidLatest: true } }
exempt: { images: 3, namespaces: ['['] }
workloads:
  - { group: a/b, kind: A, podTemplates: [/spec/template/spec] }
probe: { wait: 99s, timeout: never }
`;
    expect(mistakesIn(text).map((mistake) => mistake.replace(/ .*/, ''))).toEqual([
      ...['4:15:', '4:56:', '5:5:', '5:7:', '6:5:', '7:15:'],
      ...['9:13:', '9:20:', '10:28:'],
      ...['11:23:', '11:40:'],
      ...['12:19:', '12:35:'],
      ...['14:14:', '14:43:'],
      ...['15:16:', '15:30:'],
    ]);
  });

  test.each<[what: string, text: string, mistakes: readonly string[]]>([
    [
      'a secret that is misspelt is not said to be missing',
      `registries: [{ hosts: ['swr.*.myhuaweicloud.com'], pulSecret: default-secret, probe: true }]`,
      ['3:52: unknown key "pulSecret"; did you mean "pullSecret"?'],
    ],
    [
      'a probe that is misspelt does not leave a rule with no registry to ask',
      `registries: [{ hosts: [a.example], prob: true }]\nrules: { image-pullable: deny }`,
      ['3:36: unknown key "prob"; did you mean "probe"?'],
    ],
    [
      'an action that is misspelt is not said to be missing',
      'rules: { tag-explicit: { acton: warn } }',
      ['3:26: unknown key "acton"; did you mean "action"?'],
    ],
    [
      'a mirror that is not text is not compared with others',
      'mirrors: [{ from: 1, to: 2 }, { from: 3, to: 4 }]',
      ['3:19:', '3:26:', '3:39:', '3:46:'].map((place, at) => `${place} must be a string, is ${at + 1}`),
    ],
    [
      'no list at all',
      'registries: 3\nmirrors: {}',
      ['3:13: must be a list, is 3', '4:10: must be a list, is an object'],
    ],
  ])('but nothing follows from another mistake: %s', (_what, text, mistakes) => {
    expect(mistakesIn(`${HEAD}${text}\n`)).toEqual(mistakes);
  });
});

test.each([
  ['as kubectl prints it', `${configMap('|')}${indent(`${HEAD}rules: { tag-explicit: warn }\n`)}`],
  [
    'as JSON',
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', data: { any: `${HEAD}rules: { tag-explicit: warn }` } }),
  ],
  ['beside other files', `${configMap('|')}${indent(`${HEAD}rules: { tag-explicit: warn }\n`)}  other.txt: text\n`],
])('a ConfigMap that holds a policy is one: %s', (_what, text) => {
  expect(loadPolicy(text).rules[1]).toMatchObject({ rule: { id: 'tag-explicit' }, action: 'warn' });
});

describe('what would take the parser long is refused before it is parsed', () => {
  const MIB = 2 ** 20;
  const metadata = (value: string): string => `${HEAD}metadata: { a: ${value} }\n`;

  test('a megabyte is all that a ConfigMap can hold', () => {
    const mistake = '1:1: the policy is larger than 1 MiB, the limit of a ConfigMap';
    expect(mistakesIn(`${HEAD}#`.padEnd(MIB, 'x'))).toEqual([]);
    expect(mistakesIn(`${HEAD}#`.padEnd(MIB + 1, 'x'))).toEqual([mistake]);
    expect(mistakesIn(`${HEAD}#`.padEnd(MIB / 2 + 100, 'é'))).toEqual([mistake]);
  });

  test('nor does anybody need it deep', () => {
    expect(mistakesIn(metadata('['.repeat(63) + ']'.repeat(63)))).toEqual([]);
    expect(mistakesIn(metadata('['.repeat(64) + ']'.repeat(64)))).toEqual(['3:79: nested too deeply to be read']);
    expect(mistakesIn(metadata('{ a: '.repeat(100_000)))).toEqual(['3:331: nested too deeply to be read']);
    expect(mistakesIn(`${HEAD}metadata:\n  ${'- '.repeat(100_000)}\n`)).toEqual(['4:1: nested too deeply to be read']);
  });

  test('but may hold any number of brackets side by side', () => {
    expect(mistakesIn(metadata(`[${'[],'.repeat(1000)}]`))).toEqual([]);
    expect(mistakesIn(`${HEAD}metadata:\n  a: '[['\n${'# ] }\n'.repeat(100)}  b: ["{"]\n`)).toEqual([]);
  });

  test('and is told of a thousand mistakes at most', () => {
    expect(mistakesIn(`${HEAD}mirrors:\n${'  - 3\n'.repeat(1100)}`)).toHaveLength(1000);
    expect(mistakesIn(`${HEAD}mirrors:\n${'  - { from: a.example, to: a.example }\n'.repeat(1100)}`)).toHaveLength(
      1000,
    );
  });
});

test('what a policy leaves out keeps its default', () => {
  const rules = ({ rules: configured }: Policy) =>
    configured.map(({ rule, action, fix, options }) => `${rule.id} ${action} ${fix} ${JSON.stringify(options)}`);
  expect(rules(defaultPolicy())).toEqual([
    'reference-valid deny true {}',
    'mirror-used warn true {"verify":false,"stopLoops":true}',
    'pull-secrets-valid deny true {}',
    'service-account-secrets-kept warn true {}',
    'pull-secret-present warn true {}',
    'pull-secret-usable warn true {"expiresWithinHours":24,"denyMissing":false}',
    'image-on-node warn true {}',
    'nodes-can-pull warn true {}',
  ]);
  const commentedOut = `${HEAD}metadata:\nregistries:\n  # - hosts: []\nmirrors:\nrules:\n  mirror-used:\nexempt:\n  namespaces:\nworkloads:\n`;
  for (const text of [HEAD, commentedOut])
    expect(describePolicy(loadPolicy(text))).toEqual(describePolicy(defaultPolicy()));
});

test('what a policy says is what is judged by, in the order in which it says it', () => {
  const policy = loadPolicy(`${HEAD}
registries:
  - { hosts: [registry.example, 'registry.example:5000/team'], pullSecret: regcred }
  - hosts: [open.example]
    probe:
      ca: |
        ${CA.replaceAll('\n', '\n        ')}
mirrors: [{ from: docker.io/library, to: mirror.example:5000/official }]
rules: { tag-explicit: { action: deny, forbidLatest: true }, mirror-used: { fix: false }, pull-secret-usable: off }
exempt: { namespaces: [kube-*, ci], images: [registry.example/base] }
skip: { rules: [tag-explicit], namespaces: [] }
workloads: [{ group: argoproj.io, kind: Rollout, podTemplates: [/spec/template] }]
probe: { wait: 1s, cache: { positive: 10m } }
`);
  expect(describePolicy(policy)).toMatchObject({
    registries: [
      [['registry.example', 'registry.example:5000/team'], 'regcred', undefined],
      [['open.example'], undefined, { ca: CA }],
      [expect.arrayContaining(['swr.*.otc.t-systems.com']), 'default-secret', undefined],
    ],
    mirrors: [
      { from: { registry: 'docker.io', path: 'library' }, to: { registry: 'mirror.example:5000', path: 'official' } },
    ],
    rules: [
      ['reference-valid', 'deny', true, {}],
      ['tag-explicit', 'deny', true, { forbidLatest: true }],
      ['mirror-used', 'warn', false, { verify: false }],
      ['pull-secrets-valid', 'deny', true, {}],
      ['service-account-secrets-kept', 'warn', true, {}],
      ['pull-secret-present', 'warn', true, {}],
      ['image-on-node', 'warn', true, {}],
      ['nodes-can-pull', 'warn', true, {}],
      ['image-pullable', 'warn', true, {}],
      ['image-fits', 'warn', true, { limitMiB: 4096, alwaysLimitMiB: 1024 }],
    ],
    namespaces: [2, true],
    images: ['registry.example/base'],
    skip: [['tag-explicit'], 0],
    kinds: expect.arrayContaining(['apps/Deployment', 'argoproj.io/Rollout']) as unknown,
    probe: { ...defaultPolicy().probe, waitMs: 1000, positiveMs: 600_000 },
  });
});

test.each<[what: string, text: string]>([
  ['JSON', JSON.stringify({ apiVersion: 'pullguard.dev/v1alpha1', kind: 'Policy', rules: { 'tag-explicit': 'warn' } })],
  ['a document start and end', `---\n${HEAD}rules: { tag-explicit: warn }\n...\n`],
  ['a byte order mark and Windows line ends', `\ufeff${HEAD}rules: { tag-explicit: warn }\n`.replaceAll('\n', '\r\n')],
  ['anchors and merge keys', `${HEAD}metadata: { a: &a { action: warn } }\nrules: { tag-explicit: { <<: *a } }\n`],
])('a policy may be written as %s', (_what, text) => {
  expect(loadPolicy(text).rules[1]).toMatchObject({ rule: { id: 'tag-explicit' }, action: 'warn' });
});
