import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { explainIgnoredProbe, openRegistries, type Registries } from '../../src/serve/serve-registries.ts';
import type { Facts, ImageQuestion } from '../../src/pull/facts.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { readReference } from '../../src/image/reference.ts';
import { createMetrics } from '../../src/serve/metrics.ts';
import { nodesOf } from '../support/answers.ts';
import { startFaultRegistry, type FaultRegistry } from '../support/fault-registry.ts';
import { policyOf } from '../support/policies.ts';
import { serveImages } from '../support/registry-answers.ts';
import { makeImage, makeIndex } from '../support/registry-images.ts';

const ARM = makeImage([3000]);
const AMD = makeImage([5000]);
const IMAGE = makeIndex({ 'linux/arm64': ARM, 'linux/amd64': AMD });

let registry: FaultRegistry;

beforeAll(async () => {
  registry = await startFaultRegistry(serveImages({ 'team/app:v1': IMAGE, 'team/app:v2': IMAGE }));
});

afterAll(async () => {
  await registry.close();
});

function naming(probe: string): Policy {
  return policyOf(`registries: [{ hosts: ['${registry.host}']${probe} }]`);
}

const ASKED = ", probe: { plainHttp: true, addresses: ['127.0.0.1'] }";

type Opened = Registries & Readonly<{ log: readonly Record<string, unknown>[]; metrics: () => Promise<string> }>;

function open(policy: () => Policy, facts: Facts = {}): Opened {
  const log: Record<string, unknown>[] = [];
  const logger = pino({ level: 'debug' }, { write: (line) => log.push(JSON.parse(line) as Record<string, unknown>) });
  const metrics = createMetrics();
  const readKeyring = async (): Promise<never> => Promise.reject(new Error('no pod here has a pull secret'));
  const registries = openRegistries({ policy, facts: () => facts, readKeyring, metrics, logger });
  return { ...registries, log, metrics: async () => metrics.registry.metrics() };
}

/** An image that anybody may pull. */
function questionOf(image: string): ImageQuestion {
  return { reference: readReference(image)!, namespace: 'default', pullSecrets: [] };
}

async function ask(registries: Registries, name: string): Promise<ImageAnswer | undefined> {
  return registries.current()?.ask(questionOf(`${registry.host}/${name}`));
}

test.each([
  ['the usual one, where the nodes are not known', {}, 'linux/amd64', AMD],
  ['that of the nodes', { nodes: nodesOf({ platform: 'linux/arm64' }) }, 'linux/arm64', ARM],
  ['the usual one, where the nodes do not say', { nodes: nodesOf({ platform: '' }) }, 'linux/amd64', AMD],
])('images are measured for the platform: %s', async (_, facts, platform, { pulledBytes: bytes }) => {
  const opened = open(() => naming(ASKED), facts);
  expect(await ask(opened, 'team/app:v1')).toMatchObject({ outcome: 'ok', sizes: [{ platform, bytes }] });
  expect(opened.log).toMatchObject([{ registry: registry.host, outcome: 'ok', msg: 'registry asked' }]);
  expect(await opened.metrics()).toMatch(/^pullguard_probes_total\{outcome="ok"\} 1$/m);
});

test('what keeps a registry from being asked is logged once, and says which part of the policy to change', async () => {
  const opened = open(() => naming(', probe: { plainHttp: true }'));
  const before = registry.connections();
  expect(await ask(opened, 'team/app:v1')).toBeUndefined();
  expect(await ask(opened, 'team/app:v2')).toBeUndefined();
  expect(opened.log).toMatchObject([{ level: 40, msg: 'registry not asked' }]);
  expect(opened.log[0]?.['problem']).toMatch(/127\.0\.0\.1, which registries\[\]\.probe\.addresses does not allow/);
  expect(registry.connections()).toBe(before);
});

test('names that somebody makes up do not fill the log', async () => {
  const policy = policyOf("registries: [{ hosts: ['*.example:0'], probe: { plainHttp: true } }]");
  const opened = open(() => policy);
  // A port that there cannot be.
  const images = Array.from({ length: 50 }, (_, at) => questionOf(`made-up-${at}.example:0/app`));
  await Promise.all(images.map(async (one) => opened.current()?.ask(one)));
  expect(opened.log.length).toBeLessThanOrEqual(20);
});

test('a policy that changes is heeded from the next review on', async () => {
  let policy = naming(', probe: { plainHttp: true }');
  const opened = open(() => policy);
  expect(await ask(opened, 'team/app:v1')).toBeUndefined();
  policy = naming(ASKED);
  opened.onPolicyChange();
  expect(await ask(opened, 'team/app:v1')).toMatchObject({ outcome: 'ok' });
  const question = questionOf(`${registry.host}/team/app:v1`);
  expect(opened.current()?.known.get(question)).toMatchObject({ answer: { outcome: 'ok' } });
  policy = naming('');
  opened.onPolicyChange();
  expect(opened.current()).toBeUndefined();
});

// Somebody tries a policy on their own machine, and nothing is said of an image that nobody may pull.
test.each([
  ['in a cluster', { offline: false, isConnected: true }, undefined],
  ['without one', { offline: false, isConnected: false }, /no cluster to read pull secrets from/],
  ['offline', { offline: true, isConnected: false }, /--offline/],
])('who has registries asked is told what comes of it: %s', (_, runsAs, said) => {
  expect(explainIgnoredProbe(naming(''), runsAs)).toBeUndefined();
  const told = explainIgnoredProbe(naming(ASKED), runsAs);
  if (said === undefined) expect(told).toBeUndefined();
  else expect(told).toMatch(said);
});
