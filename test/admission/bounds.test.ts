import { pino } from 'pino';
import { expect, test } from 'vitest';
import { admit, type Endpoint } from '../../src/admission/admit.ts';
import { readNotices } from '../../src/admission/notices.ts';
import { readReview, respond } from '../../src/admission/review.ts';
import type { Policy } from '../../src/engine/rule.ts';
import type { ClusterNode, Facts, PullSecret } from '../../src/pull/facts.ts';
import { logDecision } from '../../src/serve/decide.ts';
import { TIME_BUDGET_MS } from '../../src/text/bounds.ts';
import { factsOf, holding, NOW } from '../support/facts.ts';
import type { Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const BAD = 'nginx:1.25:latest';
const LOGGER = pino({}, { write: () => undefined });
const MIB = 1024 * 1024;

const VOLCANO = 'workloads: [{ group: batch.volcano.sh, kind: Job, podTemplates: [/spec/tasks/*/template] }]';
const POLICY = policyOf(
  VOLCANO,
  'mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/dockerhub }]',
  'registries: [{ hosts: ["*.example.com"], pullSecret: team-secret, probe: true }]',
  'rules: { tag-explicit: { action: warn, forbidLatest: true } }',
);

type Case = Readonly<{
  name: string;
  /** An object with so many of what is listed. */
  make: (count: number) => Json;
  old?: (count: number) => Json;
  /** As many as an API server takes: 3 MiB of a request, 256 KiB of annotations. */
  most: number;
  facts?: Facts;
  policy?: Policy;
  /** Whether there is nothing wrong with it. */
  isGood?: boolean;
}>;

const many = <Value>(count: number, make: (at: number) => Value): Value[] =>
  Array.from({ length: count }, (_, at) => make(at));
const containers = (count: number, image: (at: number) => string): Json[] =>
  many(count, (at) => ({ name: `c${at}`, image: image(at) }));

function deployment(spec: Json, annotations: Json = {}): Json {
  const template = { metadata: { annotations }, spec: { containers: [{ name: 'c', image: BAD }], ...spec } };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', annotations }, spec: { template } };
}

function tasks(count: number, spec: (at: number) => Json): Json {
  const list = many(count, (at) => ({
    template: { spec: { containers: [{ name: 'c', image: `a:${at}` }], ...spec(at) } },
  }));
  return { apiVersion: 'batch.volcano.sh/v1', kind: 'Job', metadata: { name: 'j' }, spec: { tasks: list } };
}

const KEYS = many(500, (at) => `*.h${at}.example.com`);
const SECRETS: Readonly<Record<string, PullSecret>> = Object.fromEntries(
  many(50, (at) => [`shop/s${at}`, holding([...KEYS, `quay.io/team${at}`], { expiresAt: NOW + at * 1000 })]),
);
const NODES: readonly ClusterNode[] = many(1000, (at) => ({
  name: `n${at}`,
  labels: { pool: `p${at % 3}` },
  platform: 'linux/amd64',
  isUnschedulable: false,
  hasDiskPressure: at % 2 === 0,
  ephemeralStorageBytes: 2 ** 30,
  images: new Set(['docker.io/library/nginx:1']),
  listsAllImages: true,
}));
const CLUSTER: Facts = {
  ...factsOf(SECRETS),
  namespaces: { findLabels: () => ({}) },
  nodes: { list: () => NODES },
  registries: {
    get: ({ reference }) => ({
      answer: {
        endpoint: reference.registry,
        outcome: 'failed',
        cause: 'image-not-found',
      },
      isDue: false,
    }),
  },
};

const CASES: readonly Case[] = [
  {
    name: 'rules in an annotation',
    most: 131_000,
    make: (n) => deployment({}, { 'pullguard.dev/skip': 'a,'.repeat(n) }),
  },
  {
    name: 'different rules in an annotation',
    most: 40_000,
    make: (n) => deployment({}, { 'pullguard.dev/skip': many(n, (at) => `r${at}`).join() }),
  },
  {
    name: 'annotations',
    most: 20_000,
    make: (n) => deployment({}, Object.fromEntries(many(n, (at) => [`a${at}`, '']))),
  },
  {
    name: 'containers that are bad',
    most: 17_000,
    make: (n) => deployment({ containers: containers(n, (at) => `NGINX:${at}`) }),
  },
  {
    name: 'containers with one image',
    isGood: true,
    most: 17_000,
    make: (n) => deployment({ containers: containers(n, () => 'nginx:1') }),
  },
  {
    name: 'containers of different registries',
    isGood: true,
    most: 17_000,
    make: (n) =>
      deployment({
        containers: containers(n, (at) => `r.x${at}.example.com/a:1`),
        imagePullSecrets: many(50, (at) => ({ name: `s${at}` })),
      }),
  },
  {
    name: 'containers and keys without a match',
    isGood: true,
    most: 17_000,
    make: (n) =>
      deployment({
        containers: containers(n, (at) => `r.x${at}.example.org/a:1`),
        imagePullSecrets: many(50, (at) => ({ name: `s${at}` })),
      }),
  },
  {
    name: 'image volumes',
    most: 17_000,
    make: (n) => deployment({ volumes: many(n, (at) => ({ name: `v${at}`, image: { reference: `Q.io/a${at}` } })) }),
  },
  {
    name: 'pull secrets that are not there',
    most: 75_000,
    make: (n) => deployment({ imagePullSecrets: many(n, (at) => ({ name: `gone${at}` })) }),
  },
  {
    name: 'pull secrets without a name',
    most: 100_000,
    make: (n) => deployment({ imagePullSecrets: many(n, () => ({})) }),
  },
  {
    name: 'characters of an image',
    most: 3 * MIB,
    make: (n) => deployment({ containers: containers(1, () => 'a/'.repeat(n / 2)) }),
  },
  {
    name: 'characters of an odd image',
    most: MIB,
    make: (n) => deployment({ containers: containers(1, () => '{{ @:'.repeat(n / 5)) }),
  },
  {
    name: 'characters of a name',
    most: MIB,
    make: (n) => deployment({ containers: [{ name: 'n'.repeat(n), image: BAD }] }),
  },
  {
    name: 'tolerations',
    most: 60_000,
    make: (n) => deployment({ tolerations: many(n, (at) => ({ key: `k${at}`, operator: 'Exists' })) }),
  },
  {
    name: 'values of an affinity',
    most: 200_000,
    make: (n) =>
      deployment({
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: 'pool', operator: 'In', values: many(n, (at) => `v${at}`) }] },
              ],
            },
          },
        },
      }),
  },
  {
    name: 'owners',
    most: 40_000,
    make: (n) => ({ ...deployment({}), metadata: { ownerReferences: many(n, () => ({ kind: 'X' })) } }),
  },
  { name: 'tasks', isGood: true, most: 17_000, make: (n) => tasks(n, () => ({})) },
  {
    name: 'tasks that are updated',
    isGood: true,
    most: 17_000,
    make: (n) => tasks(n, (at) => ({ imagePullSecrets: [{ name: `s${at}` }] })),
    old: (n) => tasks(n, () => ({})),
  },
  {
    name: 'containers that are updated',
    most: 17_000,
    make: (n) => deployment({ containers: containers(n, (at) => `NGINX:${at}`) }),
    old: (n) => deployment({ containers: containers(n, (at) => `nginx:${at}`) }),
  },
];

/** Of this process, since then: the machine has other things to do, and an hour on the clock would tell more of those. */
function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

/** All that is done with a review once its body is there. */
function answer(
  text: string,
  endpoint: Endpoint,
  { facts = CLUSTER, policy = POLICY }: Partial<Case>,
  budgetMs: number,
) {
  const started = process.cpuUsage();
  const read = readReview(JSON.parse(text));
  if (!read.ok) throw new Error(read.problem);
  const { request } = read.review;
  const timeLeft = (): number => 1 - cpuMs(started) / budgetMs;
  const admission = admit(request, endpoint, policy, { facts, now: NOW, timeLeft });
  const response = respond(read.review, admission);
  logDecision(LOGGER, { endpoint, request, outcome: 'allowed', seconds: 0, admission });
  readNotices(request, admission);
  JSON.stringify(response);
  return { ms: cpuMs(started), response: response.response };
}

function review({ make, old }: Case, count: number): string {
  const object = make(count);
  const [group = ''] = String(object['apiVersion']).split('/');
  const kind = { group, version: 'v1', kind: object['kind'] };
  const change = old === undefined ? { operation: 'CREATE' } : { operation: 'UPDATE', oldObject: old(count) };
  const request = { uid: 'u', kind, namespace: 'shop', object, ...change };
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
}

/** The shortest of some runs, as the machine has other things to do. */
function measure(text: string, each: Case, budgetMs: number, runs = 1) {
  return many(runs, () => answer(text, 'validate', each, budgetMs)).reduce((best, run) =>
    run.ms < best.ms ? run : best,
  );
}

const SMALL: Case = { name: 'small', most: 1, make: () => deployment({}) };

/** Tries until it is below a limit, as a busy machine makes things look slow, and never fast. */
function lowest(tries: number, limit: number, cost: (runs: number) => number): number {
  for (let runs = 1; runs < tries; runs++) if (cost(runs) < limit) return 0;
  return cost(tries);
}

test.each(CASES)('a list that somebody else wrote is cheap however long it is: $name', { timeout: 120_000 }, (each) => {
  const [eighth = '', quarter = '', whole = ''] = [8, 4, 1].map((part) => review(each, Math.floor(each.most / part)));
  // Until it is compiled, code is slow.
  measure(eighth, each, Infinity);
  const growth = lowest(5, 3, (runs) => {
    const cost = measure(quarter, each, Infinity, runs).ms;
    // What takes a few milliseconds is mostly noise.
    return cost > 30 ? cost / measure(eighth, each, Infinity, runs).ms : 0;
  });
  expect(growth).toBeLessThan(3);
  // A small review takes a tenth of a millisecond where nothing else runs.
  const small = measure(review(SMALL, 1), SMALL, TIME_BUDGET_MS, 5).ms;
  const limit = Math.max(250, small * 2500);
  let last = measure(whole, each, TIME_BUDGET_MS);
  if (last.ms >= limit) last = measure(whole, each, TIME_BUDGET_MS, 4);
  expect(last.ms).toBeLessThan(limit);
  const { response } = last;
  const said = [response.status?.message, ...(response.warnings ?? [])].join();
  if (each.isGood !== true) expect(said).toMatch(/reference-valid|within-bounds/);
});
