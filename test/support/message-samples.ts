import type { Messages } from '../../src/engine/rule.ts';
import type { Fault } from '../../src/cause/causes.ts';
import type { NotAsked } from '../../src/cause/answer.ts';
import { parseReference } from '../../src/image/parse-reference.ts';
import { readReference, type ImageReference } from '../../src/image/reference.ts';
import type { ClusterNode } from '../../src/pull/facts.ts';
import type { CandidateNodes } from '../../src/pull/nodes.ts';
import type { PulledImage } from '../../src/pull/pod-pull.ts';
import type { imageFits } from '../../src/rules/image-fits.ts';
import type { imageOnNode } from '../../src/rules/image-on-node.ts';
import type { imagePullable } from '../../src/rules/image-pullable.ts';
import type { mirrorUsed } from '../../src/rules/mirror-used.ts';
import type { nodesCanPull } from '../../src/rules/nodes-can-pull.ts';
import type { pullSecretPresent } from '../../src/rules/pull-secret-present.ts';
import type { pullSecretUsable } from '../../src/rules/pull-secret-usable.ts';
import type { pullSecretsValid } from '../../src/rules/pull-secrets-valid.ts';
import type { referenceValid } from '../../src/rules/reference-valid.ts';
import type { registryExplicit } from '../../src/rules/registry-explicit.ts';
import type { serviceAccountSecretsKept } from '../../src/rules/service-account-secrets-kept.ts';
import type { tagExplicit } from '../../src/rules/tag-explicit.ts';
import { HOUR, NOW } from './facts.ts';

/** Parameters of each message of a rule, one sample at least; of a message without parameters none. */
type SamplesOf<RuleWith extends Readonly<{ messages: Messages }>> = {
  readonly [Id in keyof RuleWith['messages']]: Parameters<RuleWith['messages'][Id]> extends []
    ? readonly []
    : readonly [Parameters<RuleWith['messages'][Id]>[0], ...Parameters<RuleWith['messages'][Id]>[0][]];
};

function referenceOf(image: string): ImageReference {
  const reference = readReference(image);
  if (reference === undefined) throw new Error(`${image} does not parse`);
  return reference;
}

function imageOf(written: string): PulledImage {
  const use = {
    label: 'container "web"',
    key: 'container/web',
    pointer: '/spec',
    written,
    parsed: parseReference(written),
  };
  return { written, reference: referenceOf(written), uses: [use] };
}

const HARBOR = imageOf('harbor.example.com/team/app:v1');
const SWR = imageOf('swr.eu-de.otc.t-systems.com/team/api:2.0');
const MIRRORED = 'swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25';
const PUSH = `run skopeo copy --all docker://docker.io/library/nginx:1.25 docker://${MIRRORED}`;
const GIB = 2 ** 30;

function node(name: string): ClusterNode {
  return {
    name,
    labels: {},
    platform: 'linux/arm64',
    isUnschedulable: false,
    hasDiskPressure: true,
    ephemeralStorageBytes: 4 * GIB,
    images: new Set(),
    listsAllImages: true,
  };
}

function nodesOf(
  all: number,
  some = all,
  isExact = true,
): Readonly<{ some: ClusterNode[]; candidates: CandidateNodes }> {
  const nodes = Array.from({ length: all }, (_, at) => node(`worker-${at + 1}`));
  const candidates = {
    nodes,
    isExact,
    platforms: new Set(['linux/arm64']),
    hasDiskPressure: true,
    leastStorageBytes: 4 * GIB,
  };
  return { some: nodes.slice(0, some), candidates };
}

const named = { secret: 'harbor', account: undefined };
const ofAccount = { secret: 'harbor', account: 'builder' };

/** Of each rule by its id. */
export const RULE_SAMPLES = {
  'reference-valid': {
    malformed: [
      { problem: { code: 'uppercase', message: 'repository name must be lowercase', suggestion: 'nginx:1.25' } },
      {
        problem: {
          code: 'placeholder',
          message: 'placeholder "${TAG}" was not replaced: replace it before applying the manifest',
        },
      },
    ],
    suspicious: [{ suspicion: 'image has two registries: remove "docker.io" or "harbor.example.com"' }],
  } satisfies SamplesOf<typeof referenceValid>,
  'tag-explicit': { 'no-tag': [], latest: [] } satisfies SamplesOf<typeof tagExplicit>,
  'registry-explicit': {
    'no-registry': [{ address: 'docker.io/library/nginx:1.25' }],
  } satisfies SamplesOf<typeof registryExplicit>,
  'mirror-used': {
    'not-mirrored': [{ registry: 'docker.io', address: MIRRORED }],
    recreated: [{ registry: 'docker.io', address: MIRRORED, source: 'Cluster/pg' }],
    'too-long': [{ registry: 'docker.io' }],
    'not-asked-here': [{ registry: 'docker.io', address: MIRRORED }],
    'mirror-not-allowed': [{ registry: 'docker.io' }],
    'mirror-silent': [{ registry: 'docker.io' }],
    'not-on-mirror': [{ push: PUSH }],
    'platform-not-on-mirror': [{ platforms: 'linux/arm64', push: PUSH }],
    'mirror-denies': [{ push: PUSH }],
    'mirror-unsupported': [{ registry: 'docker.io', why: 'schema 1 manifest' }],
    'mirror-fails': [
      { registry: 'docker.io', why: 'i/o timeout' },
      { registry: 'docker.io', why: 'HTTP 503' },
    ],
  } satisfies SamplesOf<typeof mirrorUsed>,
  'pull-secrets-valid': {
    'no-list': [],
    'no-object': [{ meant: 'regcred' }, { meant: undefined }],
    'no-text': [{ meant: '123' }, { meant: undefined }],
    'no-name': [{ meant: 'regcred' }, { meant: undefined }],
    'bad-name': [
      { meant: 'regcred', isTooLong: false },
      { meant: undefined, isTooLong: false },
      { meant: undefined, isTooLong: true },
    ],
    misplaced: [{ field: 'imagePullSecrets', readAt: 'spec.template.spec.imagePullSecrets' }],
    misspelled: [{ field: 'imagePullSecret' }],
  } satisfies SamplesOf<typeof pullSecretsValid>,
  'service-account-secrets-kept': {
    lost: [
      { secrets: ['harbor'], account: 'default' },
      { secrets: ['harbor', 'quay', 'ghcr'], account: 'default' },
    ],
  } satisfies SamplesOf<typeof serviceAccountSecretsKept>,
  'pull-secret-present': {
    missing: [{ image: HARBOR.written, secret: 'harbor', account: 'default' }],
    'not-mountable': [{ image: HARBOR.written, secret: 'harbor', account: 'strict' }],
  } satisfies SamplesOf<typeof pullSecretPresent>,
  'pull-secret-usable': {
    missing: [
      { ...named, images: [HARBOR], namespace: 'shop', seesEveryType: true, advice: 'create it' },
      { ...ofAccount, images: [HARBOR, SWR], namespace: '', seesEveryType: false, advice: 'create it' },
      {
        ...named,
        images: [],
        namespace: 'shop',
        seesEveryType: true,
        advice: 'create it, or remove it from imagePullSecrets',
      },
      {
        ...{ secret: 'default-secret', account: undefined, images: [SWR], namespace: 'shop', seesEveryType: true },
        advice: 'CCE creates it in every namespace, check that it was not deleted',
      },
    ],
    'wrong-type': [{ ...named, images: [HARBOR], type: 'Opaque' }],
    malformed: [{ ...named, problem: 'auths["harbor.example.com"].auth is not base64 of "user:password"' }],
    expired: [
      { ...named, images: [HARBOR], now: NOW, endedAt: NOW - HOUR, advice: 'recreate it' },
      { ...named, images: [SWR], now: NOW, endedAt: NOW - 99 * HOUR, advice: 'use default-secret instead' },
    ],
    'no-credentials': [
      { ...named, images: [HARBOR], lack: 'empty' },
      { ...named, images: [HARBOR], lack: 'no-user' },
      { ...named, images: [HARBOR], lack: 'no-password' },
      { ...named, images: [HARBOR], lack: 'identity-token' },
      { ...named, images: [HARBOR], lack: 'registry-token' },
      { ...named, images: [HARBOR], lack: 'helper' },
    ],
    flawed: [
      { ...named, images: [HARBOR], flaw: 'password-line-break' },
      { ...named, images: [HARBOR], flaw: 'user-line-break' },
      { ...named, images: [HARBOR], flaw: 'space' },
      { ...named, images: [HARBOR], flaw: 'control' },
      { ...named, images: [HARBOR], flaw: 'shell' },
      { ...named, images: [HARBOR], flaw: 'placeholder' },
      { ...named, images: [HARBOR], flaw: 'no-key-file' },
    ],
    'token-ended': [{ ...named, images: [HARBOR], now: NOW, endedAt: NOW - HOUR }],
    copy: [
      { ...named, images: [SWR], now: NOW, kind: 'ends', expiresAt: NOW + 9 * HOUR },
      { ...named, images: [SWR], now: NOW, kind: 'not-renewed' },
      { ...named, images: [SWR], now: NOW, kind: 'own' },
    ],
    ending: [{ ...named, images: [HARBOR], now: NOW, endsAt: NOW + 2 * HOUR }],
    'no-entry': [
      { ...named, images: [HARBOR], entriesFor: [], unused: undefined },
      { ...ofAccount, images: [HARBOR], entriesFor: ['quay.io', 'ghcr.io', 'a.example'], unused: undefined },
      { ...named, images: [HARBOR], entriesFor: [], unused: { what: 'invalid-key', name: ' harbor.example.com' } },
      { ...named, images: [HARBOR], entriesFor: [], unused: { what: 'helper', name: 'credHelpers' } },
      { ...named, images: [HARBOR], entriesFor: [], unused: { what: 'newer-form', name: 'auths' } },
      { ...named, images: [HARBOR], entriesFor: [], unused: { what: 'older-form', name: 'harbor.example.com' } },
      { ...named, images: [HARBOR], entriesFor: [], unused: { what: 'other-data', name: 'config.json' } },
    ],
  } satisfies SamplesOf<typeof pullSecretUsable>,
  'image-on-node': { 'on-no-node': [] } satisfies SamplesOf<typeof imageOnNode>,
  'nodes-can-pull': {
    'registry-fails': [
      {
        words: 'x509: certificate signed by unknown authority',
        nodes: 3,
        registry: 'harbor.example.com',
        since: NOW,
        now: NOW,
      },
      {
        words: 'i/o timeout',
        nodes: 1,
        registry: `${'registry.'.repeat(20)}example.com:5000`,
        since: NOW - 48 * HOUR,
        now: NOW,
      },
    ],
    'image-fails': [{ words: 'manifest unknown', nodes: 0, since: NOW, now: NOW }],
  } satisfies SamplesOf<typeof nodesCanPull>,
  'image-pullable': {
    refused: [
      { message: 'harbor.example.com has no tag "v9" in team/app (manifest unknown): fix the tag, or push the image' },
    ],
    'refused-but-on-node': [
      { message: 'harbor.example.com has no tag "v9" in team/app (manifest unknown): fix the tag, or push the image' },
    ],
    'no-platform': [{ wanted: ['linux/arm64'], offered: ['linux/amd64', 'linux/s390x'] }],
    'platform-not-there': [{ wanted: ['linux/arm64'], offered: ['linux/amd64'] }],
    late: [
      { registry: 'harbor.example.com', waitedMs: 1500, kind: 'Deployment' },
      { registry: 'harbor.example.com', waitedMs: 1500, kind: undefined },
    ],
  } satisfies SamplesOf<typeof imagePullable>,
  'image-fits': {
    'too-large': [
      { bytes: 5.2 * GIB, limitBytes: 4 * GIB, isAlways: false },
      { bytes: 5.2 * GIB, limitBytes: 4 * GIB, isAlways: true },
    ],
    'large-always': [{ bytes: 1.5 * GIB, limitBytes: GIB }],
    'disk-pressure': [nodesOf(1), nodesOf(3), nodesOf(5, 1), nodesOf(5, 2, false)],
    'disk-too-small': [
      { bytes: 5.2 * GIB, limitBytes: 4 * GIB, ...nodesOf(2) },
      { bytes: 5.2 * GIB, limitBytes: 4 * GIB, ...nodesOf(1) },
    ],
  } satisfies SamplesOf<typeof imageFits>,
} as const;

/** What goes into a fault: a status, a number of redirects, or bytes. */
export const FAULT_NUMBERS: Readonly<Record<Fault['what'], number | undefined>> = {
  status: 503,
  'token-status': 503,
  'elsewhere-status': 403,
  'elsewhere-certificate': undefined,
  'elsewhere-unreachable': undefined,
  'elsewhere-nonsense': undefined,
  'redirects-nowhere': undefined,
  'redirects-on': 5,
  'web-page': 403,
  'token-web-page': 502,
  'no-token': undefined,
  'no-registry': undefined,
  'no-tls': undefined,
  'other-tls': undefined,
  'not-http': undefined,
  'other-protocol': undefined,
  'connection-failed': undefined,
  compressed: undefined,
  'too-long': 4 * 2 ** 20,
  'ended-early': undefined,
  'odd-address': undefined,
  'odd-header': undefined,
  'no-digest': undefined,
  'malformed-digest': undefined,
  'other-digest': undefined,
  'empty-manifest': undefined,
  'malformed-manifest': undefined,
  'foreign-manifest': undefined,
};

const HOST = 'harbor.example.com';
const TOKENS = 'auth.example.com';

export const NOT_ASKED: { readonly [Why in NotAsked['why']]: Extract<NotAsked, { why: Why }> | NotAsked } = {
  'address-not-allowed': { why: 'address-not-allowed', host: HOST, address: '10.20.0.5' },
  'redirect-to-private-network': { why: 'redirect-to-private-network', host: TOKENS, address: '10.20.0.5' },
  'token-host-not-named': { why: 'token-host-not-named', host: TOKENS },
  'token-over-plain-http': { why: 'token-over-plain-http', host: TOKENS },
  'impossible-host': { why: 'impossible-host', host: 'harbor..example.com' },
  'dns-failed': { why: 'dns-failed', host: HOST },
  'proxy-failed': { why: 'proxy-failed', host: HOST, proxy: 'proxy.example.com:3128', says: 'HTTP 407' },
  'redirect-to-plain-http': { why: 'redirect-to-plain-http' },
  'redirect-with-user': { why: 'redirect-with-user' },
  'redirect-wants-login': { why: 'redirect-wants-login' },
  'token-from-no-address': { why: 'token-from-no-address' },
  'token-with-user': { why: 'token-with-user' },
  'token-redirects': { why: 'token-redirects' },
  'token-for-other-repository': { why: 'token-for-other-repository' },
  'long-credentials': { why: 'long-credentials' },
  'mirror-not-asked': { why: 'mirror-not-asked', host: HOST, because: { why: 'dns-failed', host: HOST } },
  'mirror-wants-login': { why: 'mirror-wants-login', host: HOST },
  'secrets-unreadable': { why: 'secrets-unreadable', problem: 'cannot read Secret "harbor" (Forbidden)' },
  bug: { why: 'bug', error: 'TypeError' },
};

/** Image references that are wrong in as many ways as the parser tells apart, and some that parse and are suspicious. */
export const ODD_IMAGES: readonly string[] = [
  '',
  'a'.repeat(5000),
  'registry.example.com/team/log:${TAG}',
  'app:%!s(float64=1.25)',
  '<image_address>',
  'user:password@registry.example.com/app',
  'team/app@1.25',
  'https://registry.example.com/app',
  ' nginx',
  'nginx:1.25\n',
  'nginx 1.25',
  '   ',
  'nginx\u200b',
  'nginx：1.25',
  'registry.example.com:https/app',
  'registry.example.com:/app',
  'registry.example.com:5000:1.25/app',
  'my-app:feature/login',
  '-registry.example.com/app',
  ':5000/app',
  '[2001:db8::1/app',
  '2001:db8::1/app',
  'registry..example.com/app',
  'registry_1.example.com:80,81/app',
  'NGINX:1.25',
  `registry.example.com/${'a'.repeat(256)}`,
  'nginx:1.25:latest',
  'nginx:',
  'nginx::1.25',
  'registry.example.com:5000:5001',
  'app:v1+build5',
  'app:4.5980468e+07',
  'app:^1.2',
  'app:-v1',
  `app:${'v'.repeat(129)}`,
  'gcr.io/example.com:project/app',
  'docker.io/registry.example.com:5000/app',
  'team:1/app:2',
  'nginx@',
  'nginx@sha256:abc',
  'nginx@sha256:' + 'A'.repeat(64),
  'nginx@SHA256:' + 'a'.repeat(64),
  'nginx@md5:abc',
  'nginx@sha256',
  'nginx@latest:1',
  'nginx@' + 'a'.repeat(64),
  'nginx@sha256:' + 'a'.repeat(64) + ':1.25',
  'nginx:sha256:' + 'a'.repeat(64),
  'a'.repeat(64),
  'team//app',
  '/team/app',
  'team/app-/x',
  'team/a..b',
  'team/app!:1',
  './app.tar',
  'git@github.com:team/app.git',
  'registry.example.com:5000',
  'app.tar.gz',
  'changeme',
  'sha256:1',
  'hub.docker.com/_/nginx',
  'https.example.com/v2',
  'registry.example.com/v2',
  'github.com/team/app',
  'registry.example.com:99999/app',
  'dokcer.io/team/app',
  'Registry.example.com/team/app',
  'Registry/app',
  'docker.io/docker.io/team/app',
  'docker.io/harbor.example.com/team/app:1',
  'docker.io/team/group/app:1',
  'ghcr.io/app:1',
  'app:TAG',
  'app:' + 'a'.repeat(64),
  'app:1.',
  'app:4.5980468e-07',
  'app:lastest',
  'k8s.gcr.io/pause:3.9',
  'gcr.io/kubebuilder/kube-rbac-proxy:v0.15.0',
  'bitnami/redis:7.2',
];

/** Policies with mistakes in them. */
export const BROKEN_POLICIES: readonly string[] = [
  'registries: []',
  'mirors: []',
  'rules: { tag-explict: warn }',
  'rules: { tag-explicit: false }',
  'rules: { tag-explicit: { forbidLatest: yes please } }',
  'rules: { tag-explicit: { forbidLatest: true } }',
  'rules: { tag-explicit: loud }',
  'rules: { image-fits: { action: warn, limitMiB: 0 } }',
  'rules: { image-pullable: deny }',
  'rules: { mirror-used: { verify: true } }\nmirrors: [{ from: docker.io, to: swr.example.com/hub }]',
  'registries: [{ hosts: [] }]',
  'registries: [{ pullSecret: harbor }]',
  'registries: [{ hosts: [a.example], pullSecret: NOT_A_NAME }]',
  'registries: [{ hosts: [a.example] }, { hosts: [a.example] }]',
  'registries: [{ hosts: ["a.[.example"] }]',
  'registries: [{ hosts: ["https://a.example"] }]',
  'registries: [{ hosts: ["swr.*.otc.t-systems.com"], probe: true }]',
  'registries: [{ hosts: [a.example], probe: { ca: none } }]',
  'registries: [{ hosts: [a.example], probe: { ca: "-----BEGIN CERTIFICATE-----\\nno\\n-----END CERTIFICATE-----" } }]',
  'registries: [{ hosts: [a.example], probe: { ca: "-----BEGIN PRIVATE KEY-----\\nno" } }]',
  'registries: [{ hosts: [a.example], probe: { plainHttp: true, ca: x } }]',
  'registries: [{ hosts: [a.example], probe: { tokenHosts: ["https://b.example/x"], addresses: [a.example] } }]',
  'mirrors: [{ from: nginx, to: a.example }]',
  'mirrors: [{ from: docker.io, to: a.example }, { from: docker.io/library, to: b.example }]',
  'mirrors: [{ from: docker.io, to: docker.io/hub }]',
  'exempt: { namespaces: ["a[b"] }',
  'probe: { wait: 5 }',
  'probe: { wait: 99s }',
  'probe: { dockerHubPerHour: 10 }',
  'workloads: [{ group: apps, kind: Deployment, podTemplates: [/spec/template] }]',
  'workloads: [{ group: a.example, kind: Web, podTemplates: [/spec/template/spec] }]',
  'workloads: [{ group: a.example, kind: Web, podTemplates: [spec] }]',
  'workloads: [{ group: a.example/v1, kind: Web, podTemplates: [""] }]',
  '- a list',
  'a: "never closed',
];

/** A manifest and what cannot be read in it. */
export const BROKEN_MANIFESTS: readonly string[] = [
  'kind: Pod\nkind: Pod',
  '{"kind": "Pod", "kind": "Pod"}',
  '{"kind": "Pod" // comment\n}',
  'image: {{ .Values.image }}',
  'image: "nginx',
  'image: nginx: 1.25',
  'image: *missing',
  'a: &a [*a]',
  '? [a, b]\n: c',
  '['.repeat(20_000),
];

export function referenceSamples(): readonly ImageReference[] {
  const digest = 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';
  return ['harbor.example.com/team/app:v9', 'harbor.example.com/team/app', `harbor.example.com/team/app@${digest}`].map(
    referenceOf,
  );
}
