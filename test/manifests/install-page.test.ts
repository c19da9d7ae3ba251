import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadPolicy } from '../../src/rules/policy.ts';
import { listPullSecrets } from '../../src/policy/policy.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { checkNamespaceLabels } from '../../src/engine/namespace-mode.ts';
import { createMetrics } from '../../src/serve/metrics.ts';
import { capturedIo } from '../support/captured-io.ts';
import { find, isRole, objects, readBlocks, readText, ROOT, webhooksOf } from './manifests.ts';

const PAGE = 'docs/install.md';

const NATIVE_KINDS = [
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
];

const text = readText(PAGE);
const commands = readBlocks(PAGE, 'sh')
  .join('\n')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

test('the page names only folders that are there', () => {
  const named = [...text.matchAll(/\bmanifests\/[\w./-]*/g)].map(([path]) => path.replace(/\.$/, ''));
  expect(named.length).toBeGreaterThan(20);
  // What the reader makes there is not in the repository; `access-to-*.yaml` are several.
  const expected = named.map((path) =>
    path.replace(/\/(certs|egress|local|network-policy|proxy)\/.*/, '/$1').replace(/access-to-$/, ''),
  );
  expect(expected.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('it has a way for each overlay', () => {
  const overlays = readdirSync(join(ROOT, 'manifests/overlays'));
  expect(overlays.filter((name) => !commands.some((line) => line.includes(`-k manifests/overlays/${name}`)))).toEqual(
    [],
  );
});

test('it gives pullguard only commands and flags that it knows', () => {
  const { commands: known } = buildProgram(capturedIo(), () => undefined);
  for (const line of commands.filter((each) => each.startsWith('node dist/main.js '))) {
    const [, , name, ...words] = line.split(/\s+/);
    const command = known.find((candidate) => candidate.name() === name);
    expect(command, line).toBeDefined();
    const flags = words.filter((word) => word.startsWith('--'));
    const unknown = flags.filter((flag) => !command!.options.some(({ long }) => long === flag));
    expect(unknown, line).toEqual([]);
  }
});

test('it sets only labels of namespaces that mean something', () => {
  const labels = [...text.matchAll(/\b(pullguard\.dev\/\w+)=(\w+)/g)].map(([, key = '', value = '']) => [key, value]);
  expect(new Set(labels.map(([, value]) => value))).toEqual(new Set(['audit', 'warn', 'deny', 'off', 'false']));
  for (const [key = '', value = ''] of labels) {
    const object = { metadata: { labels: { [key]: value } } };
    expect([key, checkNamespaceLabels({ operation: 'CREATE', object, oldObject: undefined })]).toEqual([key, []]);
  }
});

test('it names only metrics that there are', () => {
  const known = createMetrics()
    .registry.getMetricsAsArray()
    .map(({ name }) => name);
  const named = [...text.matchAll(/\bpullguard_\w+/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(2);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

test('its commands by hand give the CA to every webhook: one without it would never be asked', () => {
  const patched = commands.filter((line) => line.startsWith('kubectl patch ')).join('\n');
  const names = [...patched.matchAll(/"name":"([^"]+)"/g)].map(([, name]) => name);
  expect(names).toEqual(Object.values(webhooksOf(objects)).map(({ name }) => name));
});

test('its policy with another pull secret is one that the rights below it are missing for', () => {
  const [policy = ''] = readBlocks(PAGE, 'yaml').filter((block) => block.includes('kind: Policy'));
  const names = listPullSecrets(loadPolicy(policy));
  const allowed = objects
    .filter(isRole)
    .filter(({ metadata }) => metadata.name === 'pullguard-pull-secrets')
    .flatMap(({ rules }) => rules.flatMap(({ resourceNames = [] }) => resourceNames));
  const added = [...text.matchAll(/path: \/rules\/0\/resourceNames\/-\n +value: (\S+)/g)].map(([, name]) => name);
  expect(names.filter((name) => !allowed.includes(name))).toEqual(added);
});

test('it removes the webhook configurations before the pods that answer them, and then all that is outside the namespace', () => {
  const removals = commands.filter((line) => /^kubectl delete .*pullguard/.test(line) && !line.includes('-check'));
  expect(removals.map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
    'kubectl delete mutatingwebhookconfiguration,validatingwebhookconfiguration pullguard',
    `kubectl delete namespace ${find(objects, 'Namespace').metadata.name}`,
    'kubectl delete clusterrole,clusterrolebinding --selector app.kubernetes.io/name=pullguard',
    `kubectl delete ${NATIVE_KINDS.join(',')} --selector app.kubernetes.io/name=pullguard`,
  ]);
});
