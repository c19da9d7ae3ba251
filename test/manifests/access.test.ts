import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listGrants, listNeeds, needsOf } from './grants.ts';
import { build, KUBECTL } from './kustomize.ts';
import { find, isRole, isRoleBinding, objects, readText, ROOT, type Manifest } from './manifests.ts';

const namespace = find(objects, 'Namespace').metadata.name;

test('the code may do what it does and nothing else: a missing right is a rule that sleeps, one too many a risk', () => {
  expect(listGrants(objects)).toEqual(listNeeds(needsOf(objects), namespace));
});

test('by name it may read the pull secrets of the policy that is installed, and with no other name any', () => {
  expect(listGrants(objects).filter((grant) => grant.startsWith('cluster: ') && grant.includes(' secrets '))).toEqual([
    'cluster: list secrets default-secret',
    'cluster: watch secrets default-secret',
  ]);
});

test('nothing lets it change, or even read, a workload', () => {
  const resources = new Set(objects.filter(isRole).flatMap(({ rules }) => rules.flatMap((rule) => rule.resources)));
  expect([...resources].sort()).toEqual([
    'events',
    'leases',
    'mutatingwebhookconfigurations',
    'namespaces',
    'secrets',
    'serviceaccounts',
    'validatingwebhookconfigurations',
  ]);
});

test('each role is bound where it is, once: one that is bound nowhere gives nothing, and is believed to', () => {
  const roles = objects
    .filter(isRole)
    .map(({ kind, metadata }) => [`${kind}Binding`, metadata.namespace, kind, metadata.name]);
  const bound = objects
    .filter(isRoleBinding)
    .map(({ kind, metadata, roleRef }) => [kind, metadata.namespace, roleRef.kind, roleRef.name]);
  expect(bound).toEqual(roles);
});

test('each rule says why it is there', () => {
  const files = readdirSync(join(ROOT, 'manifests/base')).filter((name) => name.startsWith('access-to-'));
  const lines = files.flatMap((name) => readText(`manifests/base/${name}`).split('\n'));
  const before = lines.filter((_line, at) => /^ {2}- apiGroups:/.test(lines[at + 1] ?? ''));
  expect(before).toHaveLength(objects.filter(isRole).flatMap(({ rules }) => rules).length);
  expect(before.filter((line) => !/^ {2}# \w/.test(line))).toEqual([]);
});

if (!KUBECTL) test.skip('rights of overlays were not compared: there is no kubectl on PATH', () => undefined);

describe.runIf(KUBECTL)('in the overlay', () => {
  const overlays = readdirSync(join(ROOT, 'manifests/overlays')).filter(
    // The first needs files that are not here, and so does the other, which has no pods and no rights.
    (name) => name !== 'own-certificate' && name !== 'local',
  );

  const roles = (manifests: readonly Manifest[]) =>
    manifests.filter(isRole).map(({ kind, metadata }) => `${kind} ${metadata.name}`);

  test.each(overlays)(
    '%s the rights are those that its flags need, and every role of the default is there',
    (overlay) => {
      const built = build(join(ROOT, 'manifests/overlays', overlay));
      expect(listGrants(built)).toEqual(listNeeds(needsOf(built), namespace));
      // Applied over the default, a role that is missing would stay as it is.
      expect(roles(built).sort()).toEqual(roles(objects).sort());
    },
  );
});
