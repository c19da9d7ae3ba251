import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { defaultPolicy, loadPolicy } from '../../src/rules/policy.ts';
import { PolicyError } from '../../src/policy/policy-error.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { isExemptNamespace, probesAny } from '../../src/policy/policy.ts';
import { RULES } from '../../src/rules/index.ts';
import { CA } from './ca-certificate.ts';

const HEAD = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';

/** What of a policy a test can compare: compiled patterns are functions. */
function outline({ registries, mirrors, rules, exempt, kinds }: Policy) {
  return {
    registries: registries.map(({ hosts, pullSecret }) => [...hosts.map(({ text }) => text), pullSecret].join(' ')),
    mirrors,
    rules: rules.map(({ rule, action, fix, options }) => `${rule.id} ${action} ${fix} ${JSON.stringify(options)}`),
    exempt: [exempt.namespaces.length, ...exempt.images.map(({ text }) => text)],
    kinds: [...kinds.keys()],
  };
}

function mistakesIn(text: string): string {
  try {
    loadPolicy(text, 'p');
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
  return '';
}

describe('a policy with a mistake is refused whole, and each mistake told with line and column', () => {
  // Line 3 is the first after the head.
  test.each<[what: string, text: string, mistakes: readonly string[]]>([
    [
      'an empty file',
      '',
      ['p:1:1: the policy is empty; it begins with "apiVersion: pullguard.dev/v1alpha1" and "kind: Policy"'],
    ],
    [
      'nothing but comments',
      '# soon\n',
      ['p:1:1: the policy is empty; it begins with "apiVersion: pullguard.dev/v1alpha1" and "kind: Policy"'],
    ],
    ['a text', 'hello\n', ['p:1:1: must be an object, is "hello"']],
    ['a list', '- a\n', ['p:1:1: must be an object, is a list']],
    [
      'no head',
      'rules: {}\n',
      [
        'p:1:1: missing key "apiVersion"; write "apiVersion: pullguard.dev/v1alpha1"',
        'p:1:1: missing key "kind"; write "kind: Policy"',
      ],
    ],
    [
      'another version',
      HEAD.replace('v1alpha1', 'v1'),
      ['p:1:13: must be "pullguard.dev/v1alpha1", is "pullguard.dev/v1"'],
    ],
    [
      'the ConfigMap around the policy',
      'apiVersion: v1\nkind: ConfigMap\ndata: {}\n',
      [
        'p:1:13: must be "pullguard.dev/v1alpha1", is "v1"',
        'p:2:7: must be "Policy", is "ConfigMap"',
        'p:3:1: unknown key "data"; known are apiVersion, kind, metadata, registries, mirrors, rules, exempt, skip, workloads, probe',
      ],
    ],
    [
      'two documents, of which one would have been read',
      `${HEAD}---\n${HEAD}`,
      ['p:3:1: a second document begins here, and there can be only one: leave out the "---"'],
    ],
    ['a tab', `${HEAD}rules:\n\tmirror-used: warn\n`, ['p:4:1: Tabs are not allowed as indentation']],
    ['a key twice', `${HEAD}rules: {}\nrules: {}\n`, ['p:4:1: the key "rules" is there twice']],
    [
      'a template',
      `${HEAD}mirrors:\n  - from: {{ .Values.from }}\n`,
      ['p:4:11: this looks like a template; check what it renders to, such as what "helm template" prints'],
    ],
    ['an alias in itself', `${HEAD}rules: &a\n  mirror-used: *a\n`, ['p:4:16: "*a" stands inside what it refers to']],
    [
      'keys that are nearly right',
      `${HEAD}mirors: []\nrule: {}\nexempts: {}\nregistry: []\n`,
      [
        'p:3:1: unknown key "mirors"; did you mean "mirrors"?',
        'p:4:1: unknown key "rule"; did you mean "rules"?',
        'p:5:1: unknown key "exempts"; did you mean "exempt"?',
        'p:6:1: unknown key "registry"; did you mean "registries"?',
      ],
    ],
    [
      'rules that are none',
      `${HEAD}rules:\n  reference-vaild: deny\n  pull-secret: warn\n  no-root: warn\n`,
      [
        'p:4:3: unknown key "reference-vaild"; did you mean "reference-valid"?',
        'p:5:3: unknown key "pull-secret"; did you mean "pull-secret-present"?',
        `p:6:3: unknown key "no-root"; known are ${RULES.map(({ id }) => id).join(', ')}`,
      ],
    ],
    [
      'an option out of its range',
      `${HEAD}rules:\n  pull-secret-usable: { action: warn, expiresWithinHours: -1 }\n`,
      ['p:4:59: must be 0 or more, is -1'],
    ],
    [
      'actions that are none',
      `${HEAD}rules:\n  reference-valid: Deny\n  mirror-used: { action: dney }\n  tag-explicit: 3\n`,
      [
        'p:4:20: must be one of off, audit, warn, deny, is "Deny"; did you mean "deny"?',
        'p:5:26: must be one of off, audit, warn, deny, is "dney"; did you mean "deny"?',
        'p:6:17: must be a text or an object, is 3',
      ],
    ],
    [
      'off as YAML 1.1 reads it',
      `%YAML 1.1\n---\n${HEAD}rules:\n  tag-explicit: off\n`,
      ['p:6:17: must be a text or an object, is false; if that was off, write "off" in quotes'],
    ],
    [
      'options that are none',
      `${HEAD}rules:\n  tag-explicit: { action: warn, forbidlatest: true }\n  reference-valid: { fix: true }\n  mirror-used: { fix: yes }\n`,
      [
        'p:4:33: unknown key "forbidlatest"; did you mean "forbidLatest"?',
        'p:5:22: unknown key "fix"; only action is known',
        'p:6:23: must be true or false, is "yes"',
      ],
    ],
    [
      'one value where a list belongs',
      `${HEAD}registries: { hosts: [a.example] }\nmirrors: docker.io\nexempt: { namespaces: kube-system }\n`,
      [
        'p:3:13: must be a list, is an object',
        'p:4:10: must be a list, is "docker.io"',
        'p:5:23: must be a list, is "kube-system"',
      ],
    ],
    [
      'a pull secret that no Secret can be called',
      `${HEAD}registries:\n  - hosts: [a.example]\n    pullSecret: Reg_Cred\n`,
      [
        'p:5:17: must be the name of a Secret: lower-case letters, digits, "-" and "." between them, at most 253 in all, is "Reg_Cred"',
      ],
    ],
    [
      'a time without a unit, and one that is none',
      `${HEAD}probe:\n  wait: 250\n  timeout: 10 s\n`,
      [
        'p:4:9: must be a whole number with a unit, such as 250ms, 10s, 5m or 1h, is 250',
        'p:5:12: must be a whole number with a unit, such as 250ms, 10s, 5m or 1h, is "10 s"',
      ],
    ],
    [
      'more than asking may take',
      `${HEAD}probe:\n  concurrency: 1000\n  cache: { entries: 0 }\n`,
      ['p:4:16: must be 100 or less, is 1000', 'p:5:21: must be 1 or more, is 0'],
    ],
    ['a wait that is too long', `${HEAD}probe:\n  wait: 5m\n`, ['p:4:9: must be 30s or less, is "5m"']],
    [
      'asking by a word, and in ways that are none',
      `${HEAD}registries:\n  - { hosts: [a.example], probe: yes }\n  - { hosts: [b.example], probe: { tokenhosts: [a] } }\n`,
      [
        'p:4:34: must be true or false or an object, is "yes"',
        'p:5:36: unknown key "tokenhosts"; did you mean "tokenHosts"?',
      ],
    ],
    ['half a mirror', `${HEAD}mirrors:\n  - from: docker.io\n`, ['p:4:5: missing key "to"']],
    ['a list with a hole', `${HEAD}registries:\n  -\n`, ['p:4:4: must be an object, is empty']],
    [
      'what only makes no sense',
      `${HEAD}mirrors:\n  - { from: docker.io, to: docker.io/a }\n`,
      ['p:4:28: images on this mirror would be mirrored again by mirrors[0]; a mirror must lie outside every "from"'],
    ],
    [
      'Windows line ends',
      `${HEAD}mirors: []\n`.replaceAll('\n', '\r\n'),
      ['p:3:1: unknown key "mirors"; did you mean "mirrors"?'],
    ],
    ['a byte order mark', `\ufeff${HEAD}mirors: []\n`, ['p:3:1: unknown key "mirors"; did you mean "mirrors"?']],
    [
      'JSON',
      '{\n\t"apiVersion": "pullguard.dev/v1alpha1",\n\t"kind": "Policy",\n\t"mirrors": 3\n}\n',
      ['p:4:13: must be a list, is 3'],
    ],
    [
      'a mistake that a merge key brings in',
      `${HEAD}metadata: { a: &a { fxi: true } }\nrules:\n  mirror-used:\n    <<: *a\n`,
      ['p:3:21: unknown key "fxi"; did you mean "fix"?'],
    ],
    [
      'keys that JavaScript has a meaning for',
      `${HEAD}__proto__: {}\nconstructor: {}\n`,
      [
        'p:3:1: unknown key "__proto__"; known are apiVersion, kind, metadata, registries, mirrors, rules, exempt, skip, workloads, probe',
        'p:4:1: unknown key "constructor"; known are apiVersion, kind, metadata, registries, mirrors, rules, exempt, skip, workloads, probe',
      ],
    ],
  ])('%s', (_what, text, mistakes) => {
    expect(mistakesIn(text).split('\n')).toEqual(mistakes);
  });

  test('a thousand mistakes do not flood the log', () => {
    const text = `${HEAD}mirrors:\n${'  - 3\n'.repeat(1000)}`;
    expect(mistakesIn(text).split('\n')).toHaveLength(21);
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
      const mistakes = mistakesIn(`${HEAD}${text}\n`);
      expect(mistakes, text).not.toBe('');
      expect(mistakes, text).not.toMatch(/s3cret/);
    }
  });
});

describe('what a policy leaves out keeps its default', () => {
  test('with nothing but its head it is the default policy', () => {
    expect(outline(loadPolicy(HEAD))).toEqual(outline(defaultPolicy()));
    expect(outline(defaultPolicy())).toMatchObject({
      registries: [
        'swr.*.myhuaweicloud.com swr.*.*.myhuaweicloud.com swr.*.myhuaweicloud.eu swr.*.otc.t-systems.com swr.*.*.otc.t-systems.com default-secret',
      ],
      mirrors: [],
      rules: [
        'reference-valid deny true {}',
        'mirror-used warn true {"verify":false}',
        'service-account-secrets-kept warn true {}',
        'pull-secret-present warn true {}',
        'pull-secret-usable warn true {"expiresWithinHours":24,"denyMissing":false}',
      ],
      exempt: [1],
    });
    expect(isExemptNamespace(defaultPolicy(), 'kube-system')).toBe(true);
  });

  test('a list all of whose entries are commented out is one that was left out', () => {
    const text = `${HEAD}metadata:\nregistries:\n  # - hosts: []\nmirrors:\nrules:\n  mirror-used:\nexempt:\n  namespaces:\nworkloads:\n`;
    expect(outline(loadPolicy(text))).toEqual(outline(defaultPolicy()));
  });

  test('the policy that is installed with the manifests is the default one', () => {
    const text = readFileSync(new URL('../../manifests/base/policy.yaml', import.meta.url), 'utf8');
    expect(outline(loadPolicy(text))).toEqual(outline(defaultPolicy()));
  });
});

test('what a policy says is what is judged by, in the order in which it says it', () => {
  const text = `
registries:
  - { hosts: [registry.example, 'registry.example:5000/team'], pullSecret: regcred }
  - { hosts: [open.example] }
mirrors:
  - { from: docker.io/library, to: mirror.example:5000/official }
  - { from: index.docker.io, to: mirror.example:5000/hub/ }
rules:
  pull-secret-present: audit
  tag-explicit: { action: deny, forbidLatest: true }
  mirror-used: { fix: false }
  reference-valid: off
exempt:
  namespaces: [kube-*, ci]
  images: [registry.example/base]
workloads:
  - { group: argoproj.io, kind: Rollout, podTemplates: [/spec/template] }
`;
  const policy = loadPolicy(HEAD + text);
  expect(outline(policy)).toMatchObject({
    registries: [
      'registry.example registry.example:5000/team regcred',
      'open.example ',
      expect.stringMatching(/^swr.* default-secret$/),
    ],
    mirrors: [
      { from: { registry: 'docker.io', path: 'library' }, to: { registry: 'mirror.example:5000', path: 'official' } },
      { from: { registry: 'docker.io', path: '' }, to: { registry: 'mirror.example:5000', path: 'hub' } },
    ],
    rules: [
      'tag-explicit deny true {"forbidLatest":true}',
      'mirror-used warn false {"verify":false}',
      'service-account-secrets-kept warn true {}',
      'pull-secret-present audit true {}',
      'pull-secret-usable warn true {"expiresWithinHours":24,"denyMissing":false}',
    ],
    exempt: [2, 'registry.example/base'],
  });
  expect(policy.kinds.get('argoproj.io/Rollout')?.podSpecs).toEqual(['/spec/template/spec']);
});

test('whom a policy lets be asked is asked as it says, and nobody else', () => {
  const text = `
registries:
  - hosts: [harbor.example.com]
    pullSecret: harbor
    probe:
      ca: |
        ${CA.replaceAll('\n', '\n        ')}
      tokenHosts: [auth.example.com]
      addresses: [10.20.0.0/16, 10.30.0.1]
  - { hosts: [open.example.com], probe: true }
probe:
  wait: 1s
  cache: { positive: 10m }
`;
  const { registries, probe } = loadPolicy(HEAD + text);
  const plain = { plainHttp: false, tokenHosts: [], addresses: [], mirrors: [] };
  expect(registries.map((registry) => registry.probe)).toEqual([
    { ...plain, ca: CA, tokenHosts: ['auth.example.com'], addresses: ['10.20.0.0/16', '10.30.0.1/32'] },
    plain,
    undefined,
  ]);
  expect(probe).toEqual({ ...defaultPolicy().probe, waitMs: 1000, positiveMs: 600_000 });
  expect(probesAny(defaultPolicy())).toBe(false);
});

test.each<[what: string, text: string]>([
  ['JSON', JSON.stringify({ apiVersion: 'pullguard.dev/v1alpha1', kind: 'Policy', rules: { 'tag-explicit': 'warn' } })],
  ['a document start and end', `---\n${HEAD}rules: { tag-explicit: warn }\n...\n`],
  ['a byte order mark and Windows line ends', `\ufeff${HEAD}rules: { tag-explicit: warn }\n`.replaceAll('\n', '\r\n')],
  ['anchors and merge keys', `${HEAD}metadata: { a: &a { action: warn } }\nrules: { tag-explicit: { <<: *a } }\n`],
])('a policy may be written as %s', (_what, text) => {
  expect(outline(loadPolicy(text)).rules[1]).toBe('tag-explicit warn true {"forbidLatest":false}');
});

test('whatever the text, the answer is a policy or a list of mistakes at places in it', () => {
  const keys = fc.constantFrom(
    'registries',
    'mirrors',
    'rules',
    'exempt',
    'workloads',
    'hosts',
    'from',
    'mirror-used',
    'probe',
  );
  const anything = fc.anything({
    key: keys,
    withNullPrototype: false,
    values: [fc.constantFrom('warn', '*', 'a.example/b', 3, null)],
  });
  const text = fc.oneof(
    fc.string().map((tail) => HEAD + tail),
    fc.dictionary(keys, anything).map((members) => HEAD + JSON.stringify(members).replace(/^\{|\}$/g, '')),
    fc
      .dictionary(keys, anything)
      .map((members) => JSON.stringify({ apiVersion: 'pullguard.dev/v1alpha1', kind: 'Policy', ...members })),
  );
  fc.assert(
    fc.property(text, (sample) => {
      for (const mistake of mistakesIn(sample)
        .split('\n')
        .filter((line) => line !== '')) {
        expect(mistake).toMatch(/^p:[1-9]\d*:[1-9]\d*: \S|^p: and \d+ more$/);
      }
    }),
    { numRuns: 300 },
  );
});
