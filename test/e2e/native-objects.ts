import type { Json } from '../support/objects.ts';
import { KINDS, type Kind, type PodSpec } from './objects.ts';

/** A pod spec, with metadata of its pods and of the object around it. */
export type Case = Readonly<{
  kind: Kind;
  spec: Json;
  podMetadata?: Json;
  metadata?: Json;
}>;

const HEX = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const DIGEST = `@sha256:${HEX}`;

/** Images in every form that decides anything: for the policies of the test, and of what no runtime can parse. */
export const IMAGES: readonly string[] = [
  ...[
    'nginx',
    'nginx:1.25',
    'nginx:latest',
    `nginx${DIGEST}`,
    `nginx:1.25${DIGEST}`,
    'library/nginx:1',
    'org/app:1',
    'org/team/app',
  ],
  ...[
    'docker.io/nginx:1',
    'docker.io/library/nginx:1',
    'index.docker.io/nginx',
    'index.docker.io/org/app:2',
    'docker.io/org/app',
  ],
  ...[
    'registry-1.docker.io/nginx:1',
    'registry-1.docker.io/org/app',
    'registry.hub.docker.com/nginx:1',
    'Docker.io/nginx',
  ],
  ...[
    'quay.io/team/app:1',
    'quay.io/team',
    'quay.io/teams/app:1',
    'quay.io/other/app:1',
    'quay.io/team/a/b:1',
    `quay.io/team/app${DIGEST}`,
  ],
  ...[
    'quay.io:443/team/app:1',
    'ghcr.io/org/app:1',
    'gcr.io/p/a',
    'localhost/app',
    'localhost:5000/app:1',
    'localhost:5000',
    'localhost',
  ],
  ...[
    'swr.eu-de.otc.t-systems.com/team/app:1',
    'swr.cn-north-4.myhuaweicloud.com/team/app:1',
    'swr.eu-ch2.sc.otc.t-systems.com/a/b:1',
  ],
  ...[
    'swr-api.eu-de.otc.t-systems.com/a/b:1',
    'swr.myhuaweicloud.com/a/b:1',
    'swr.a.b.c.myhuaweicloud.com/a/b:1',
    'SWR.eu-de.otc.t-systems.com/a/b:1',
  ],
  ...['swr.eu-de.otc.t-systems.com:443/a/b:1', 'swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1'],
  ...[
    'harbor.example.com/a:1',
    'harbor.example.com:8443/a:1',
    'xharbor.example.com/a:1',
    'harbor.example.com.evil.io/a:1',
  ],
  ...[
    'a.corp.example.com:5000/team/app:1',
    'a.corp.example.com:5000/teams/app:1',
    'a.corp.example.com:5000/other:1',
    'a.b.corp.example.com:5000/team/x',
  ],
  ...[
    'a.corp.example.com/team/app:1',
    '10.0.0.1/a:1',
    '10.0.0.1:5000/a:1',
    '10.0.1.1:5000/a:1',
    '[::1]:5000/a:1',
    '[2001:db8::1]/a:1',
    '[::1]/a',
  ],
  ...[
    'exempt.example.com/a',
    'exempt.example.com/a:latest',
    'exempt.example.com:1/a',
    'my_host.local/app:1',
    'ORG/app:1',
    'r1.reg.example.com/x:1',
  ],
  ...[
    'r2.reg.example.com/x:1',
    'r10.reg.example.com/x:1',
    'auto',
    `${HEX}:1`,
    `a.b/${'x'.repeat(255)}:1`,
    `quay.io/team/${'x'.repeat(249)}:1`,
  ],
  ...[
    `quay.io/team/${'x'.repeat(245)}:1`,
    `${'y'.repeat(247)}:1`,
    `docker.io/${'y'.repeat(247)}`,
    `registry-1.docker.io/${'y'.repeat(250)}:1`,
    `my_host.local/${'z'.repeat(241)}`,
  ],
  ...[`org/${'x'.repeat(240)}:1`, `org/${'x'.repeat(251)}:1`],
  // What no runtime can parse.
  ...[
    'NGINX',
    'nginx:',
    'nginx@',
    'nginx:1:2',
    'a//b',
    '/nginx',
    'nginx/',
    'https://nginx',
    'a b',
    'nginx:ta/g',
    'quay.io/Team/app:1',
  ],
  ...[
    'docker.io/Org/app',
    HEX,
    'nginx@sha256:abc',
    `nginx@md5:${HEX}`,
    `nginx:${'t'.repeat(129)}`,
    '${IMAGE}',
    '{{ image }}',
    '<no value>',
  ],
  ...[
    'user:pass@harbor.example.com/app:1',
    'foo:5000/',
    'a..b/c',
    '-a.b/c',
    'a.b-/c',
    'nginx:1.25@latest',
    'ünginx',
    `a.b/${'x'.repeat(256)}`,
  ],
  ...[
    `${'y'.repeat(248)}:1`,
    `docker.io/${'y'.repeat(248)}`,
    `my_host.local/${'z'.repeat(242)}`,
    `org/${'x'.repeat(252)}`,
    '[a]/b',
    '[::1/b',
    'a_b:5000/c',
    '__/x',
  ],
];

/** A table of one pod each image, and of everything else that decides. */
export function listCases(): readonly Case[] {
  const one = (image: string, more: Json = {}): Json => ({ containers: [{ name: 'app', image, ...more }] });
  const images = IMAGES.flatMap((image): Case[] => [
    { kind: 'Pod', spec: one(image) },
    { kind: 'Deployment', spec: one(image) },
  ]);
  const mirrored = 'nginx:1';
  const served = 'swr.eu-de.otc.t-systems.com/a/b:1';
  const specs: readonly Json[] = [
    one(mirrored, { imagePullPolicy: 'Never' }),
    one(served, { imagePullPolicy: 'Never' }),
    one('NGINX', { imagePullPolicy: 'Never' }),
    one(served, { imagePullPolicy: 'Always' }),
    { ...one(mirrored), initContainers: [{ name: 'i', image: 'quay.io/team/i' }] },
    { ...one(mirrored), initContainers: [{ name: 'i', image: 'quay.io/team/i:1', restartPolicy: 'Always' }] },
    { ...one(served), volumes: [{ name: 'v', image: { reference: 'quay.io/team/v:1' } }] },
    {
      ...one('nginx:1'),
      volumes: [
        { name: 'v', image: { reference: 'BAD', pullPolicy: 'Never' } },
        { name: 'e', emptyDir: {} },
      ],
    },
    {
      containers: [
        { name: 'a', image: 'NGINX' },
        { name: 'b', image: 'a//b' },
        { name: 'c', image: mirrored },
      ],
    },
    {
      containers: [
        { name: 'a', image: 'harbor.example.com/a:1' },
        { name: 'b', image: served },
        { name: 'c', image: 'harbor.example.com/b:1' },
      ],
    },
    ...[
      [],
      null,
      [{ name: 'default-secret' }],
      [{ name: 'other' }],
      [{ name: 'other' }, { name: 'default-secret' }],
      [{ name: '' }],
      [{}],
    ].map((imagePullSecrets) => ({ ...one(served), imagePullSecrets })),
    ...[[{ name: 'Bad_Name' }], [{ name: 'ok' }, { name: '-x' }], [{ name: 'a.b' }], [{ name: 'x'.repeat(254) }]].map(
      (imagePullSecrets) => ({
        ...one('ghcr.io/org/app:1'),
        imagePullSecrets,
      }),
    ),
    { ...one('harbor.example.com/a:1'), imagePullSecrets: [{ name: 'harbor' }, { name: 'harbor' }] },
    { ...one(mirrored), imagePullSecrets: [{ name: 'harbor' }] },
  ];
  const kinds = Object.keys(KINDS) as Kind[];
  return [
    ...images,
    ...specs.flatMap((spec): Case[] => [
      { kind: 'Pod', spec },
      { kind: 'StatefulSet', spec },
    ]),
    ...kinds.flatMap((kind) =>
      ['NGINX', mirrored, served, 'ghcr.io/org/app'].map((image): Case => ({ kind, spec: one(image) })),
    ),
    ...listMetadataCases(one),
  ];
}

function listMetadataCases(one: (image: string) => Json): readonly Case[] {
  const controller = (apiVersion: string, kind: string): Json => ({
    ownerReferences: [{ apiVersion, kind, name: 'o', uid: '1', controller: true }],
  });
  const inject = { 'sidecar.istio.io/inject': 'true' };
  const notInject = { 'sidecar.istio.io/inject': 'false' };
  const skip = (value: string): Json => ({ annotations: { 'pullguard.dev/skip': value } });
  const proxy = { containers: [{ name: 'istio-proxy', image: 'auto' }] };
  const podMetadata: readonly Json[] = [
    { labels: inject },
    { annotations: inject },
    { labels: notInject, annotations: inject },
    { labels: { 'istio.io/rev': 'x' } },
    { annotations: { 'inject.istio.io/templates': 'gateway' } },
  ];
  return [
    ...(['Pod', 'Deployment'] as const).flatMap((kind): Case[] => [
      ...podMetadata.map((each) => ({ kind, spec: one('auto'), podMetadata: each })),
      { kind, spec: proxy },
      { kind, spec: proxy, podMetadata: { labels: notInject } },
      ...[
        'tag-explicit',
        ' mirror-used , tag-explicit',
        'tag-explicitly',
        'no-such',
        `${' '.repeat(1030)}tag-explicit`,
        'pull-secret-present',
      ].flatMap((value) => [
        { kind, spec: one('nginx'), podMetadata: skip(value) },
        { kind, spec: one('nginx'), metadata: skip(value) },
        { kind, spec: one('swr.eu-de.otc.t-systems.com/a/b:latest'), podMetadata: skip(value) },
      ]),
    ]),
    { kind: 'ReplicaSet', spec: one('NGINX'), metadata: controller('apps/v1', 'Deployment') },
    { kind: 'ReplicaSet', spec: one('NGINX'), metadata: controller('argoproj.io/v1alpha1', 'Rollout') },
    { kind: 'ReplicaSet', spec: one('NGINX'), metadata: controller('fake.io/v1', 'Deployment') },
    { kind: 'Job', spec: one('NGINX'), metadata: controller('batch/v1', 'CronJob') },
    { kind: 'Job', spec: one('NGINX'), metadata: controller('apps/v1', 'Deployment') },
    { kind: 'Pod', spec: one('NGINX'), metadata: controller('apps/v1', 'ReplicaSet') },
    {
      kind: 'Deployment',
      spec: one('nginx'),
      podMetadata: { annotations: { 'alpha.image.policy.openshift.io/resolve-names': '*' } },
    },
  ];
}

/** What is there, and a JSON Merge Patch (RFC 7386) of it. */
export type Update = Readonly<{ kind: Kind; before: Case; patch: Json; subResource?: 'ephemeralcontainers' }>;

/** Updates of Pods and Deployments that bring images and pull secrets, and such that do not. */
export function listUpdates(): readonly Update[] {
  const spec = (image: string, more: Json = {}, pull: Json = {}): Json => ({
    containers: [{ name: 'app', image, ...pull }],
    ...more,
  });
  const served = 'swr.eu-de.otc.t-systems.com/a/b:1';
  const deployment = (before: Json, after: Json, more: Json = {}): Update => ({
    kind: 'Deployment',
    before: { kind: 'Deployment', spec: before },
    patch: { spec: { template: { spec: after } }, ...more },
  });
  const pod = (image: string, patch: Json): Update => ({
    kind: 'Pod',
    before: {
      kind: 'Pod',
      spec: spec(image, { automountServiceAccountToken: false }, { imagePullPolicy: 'IfNotPresent' }),
    },
    patch,
  });
  const debug = (image: string): Update => ({
    ...pod('NGINX', { spec: { ephemeralContainers: [{ name: 'debug', image }] } }),
    subResource: 'ephemeralcontainers',
  });
  const images = ['NGINX', 'nginx', 'nginx:1', served, 'harbor.example.com/a:1', 'exempt.example.com/a'];
  return [
    ...images.flatMap((image) => [
      deployment(spec(image), {}, { metadata: { labels: { more: 'x' } } }),
      deployment(spec('ghcr.io/org/app:1'), spec(image)),
      deployment(spec(image), {
        containers: [
          { name: 'app', image },
          { name: 'more', image },
        ],
      }),
      deployment(spec(image), { containers: [{ name: 'renamed', image }] }),
      deployment(spec(image), {
        containers: [{ name: 'main', image: 'ghcr.io/org/app:1' }],
        initContainers: [{ name: 'app', image }],
      }),
      deployment(spec(image, {}, { imagePullPolicy: 'Never' }), spec(image, {}, { imagePullPolicy: 'Always' })),
      deployment(spec(image, {}, { imagePullPolicy: 'Always' }), spec(image, {}, { imagePullPolicy: 'Never' })),
      deployment(spec(image), { imagePullSecrets: [{ name: 'Bad_' }] }),
      deployment(spec(image, { imagePullSecrets: [{ name: 'default-secret' }, { name: 'harbor' }] }), {
        imagePullSecrets: null,
      }),
      deployment(spec(image), { serviceAccountName: 'other' }),
      deployment(spec(image), { serviceAccountName: 'default' }),
      pod(image, { metadata: { labels: { more: 'x' } } }),
      pod('ghcr.io/org/app:1', { spec: { containers: [{ name: 'app', image, imagePullPolicy: 'IfNotPresent' }] } }),
      debug(image),
    ]),
    deployment(
      {
        containers: [
          { name: 'a', image: 'NGINX' },
          { name: 'b', image: 'nginx:1' },
        ],
      },
      {
        containers: [
          { name: 'b', image: 'nginx:1' },
          { name: 'a', image: 'NGINX' },
        ],
      },
    ),
  ];
}

/** Numbers that are the same for the same seed. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Pods and Deployments with a few of everything. */
export function generateCase(random: () => number): Case {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const maybe = <T>(chance: number, value: () => T): T | undefined => (random() < chance ? value() : undefined);
  // Invalid ones are rarer, or most objects would be denied at once.
  const image = (): string => (random() < 0.9 ? pick(IMAGES.slice(0, IMAGES.indexOf('NGINX'))) : pick(IMAGES));
  const list = (most: number, least: number, name: string, more: () => Json): readonly Json[] =>
    Array.from({ length: least + Math.floor(random() * (most - least + 1)) }, (_, at) => ({
      name: `${name}${at}`,
      ...more(),
    }));
  const policy = (): Json => {
    const imagePullPolicy = maybe(0.2, () => pick(['Always', 'Never', 'IfNotPresent']));
    return imagePullPolicy === undefined ? {} : { imagePullPolicy };
  };
  const secrets = maybe(0.6, () =>
    pick<unknown>([
      [],
      null,
      [{ name: 'default-secret' }],
      [{ name: 'harbor' }],
      [{ name: 'other' }, { name: 'harbor' }],
      [{ name: 'Bad_' }],
      [{ name: '' }],
    ]),
  );
  const skip = maybe(0.15, () =>
    pick(['mirror-used', 'tag-explicit', 'tag-explicit, mirror-used', 'reference-valid', 'pull-secret-present']),
  );
  const inject = maybe(0.1, () => pick(['true', 'false']));
  const spec: Json = {
    containers: list(4, 1, 'c', () => ({ image: image(), ...policy() })),
    ...(random() < 0.4 && {
      initContainers: list(2, 0, 'i', () => ({
        image: image(),
        ...policy(),
        ...(random() < 0.3 && { restartPolicy: 'Always' }),
      })),
    }),
    ...(random() < 0.2 && { volumes: list(2, 1, 'v', () => ({ image: { reference: image() } })) }),
    ...(secrets !== undefined && { imagePullSecrets: secrets }),
  };
  return {
    kind: random() < 0.6 ? 'Pod' : 'Deployment',
    spec,
    podMetadata: {
      ...(skip !== undefined && { annotations: { 'pullguard.dev/skip': skip } }),
      ...(inject !== undefined && { labels: { 'sidecar.istio.io/inject': inject } }),
    },
  };
}

/** The object of a case, by its name. */
export function toObject({ kind, spec, podMetadata = {}, metadata = {} }: Case, name: string): Json {
  const object = KINDS[kind](name, spec as unknown as PodSpec) as Json;
  addMetadata(object['metadata'] as Json, metadata);
  const holder = findHolder(object, kind);
  addMetadata(holder['metadata'] as Json, podMetadata);
  return object;
}

function findHolder(object: Json, kind: Kind): Json {
  if (kind === 'Pod') return object;
  if (kind === 'PodTemplate') return object['template'] as Json;
  const spec = object['spec'] as Json;
  return (kind === 'CronJob' ? ((spec['jobTemplate'] as Json)['spec'] as Json) : spec)['template'] as Json;
}

function addMetadata(to: Json, more: Json): void {
  for (const [key, value] of Object.entries(more)) {
    const old = to[key];
    (to as Record<string, unknown>)[key] =
      typeof old === 'object' && old !== null && !Array.isArray(old) ? { ...old, ...(value as object) } : value;
  }
}
