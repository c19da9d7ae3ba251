import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { certificatesFor } from '../support/certificates.ts';
import { listGrants, listNeeds, needsOf } from './grants.ts';
import { build, KUBECTL } from './kustomize.ts';
import { configurationsOf, find, isRole, RECOMMENDED_LABELS, ROOT, type Manifest } from './manifests.ts';
import { listMisfits } from './references.ts';

type Case = readonly [overlay: string, changes: Readonly<Record<string, string>>, ...components: readonly string[]];

if (!KUBECTL) test.skip('nothing was renamed: there is no kubectl on PATH', () => undefined);

describe.runIf(KUBECTL)('in a kustomization with another namespace, prefix or suffix', () => {
  let folder = '';
  let renamedOnce: readonly Manifest[] | undefined;
  const at = (...names: string[]): string => join(folder, ...names);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pullguard-renaming-'));
    cpSync(join(ROOT, 'manifests'), at('manifests'), { recursive: true });
    for (const name of ['network-policy', 'egress'])
      writeFileSync(at(`manifests/components/${name}/control-plane.env`), 'cidr=192.168.0.0/28\n');
    mkdirSync(at('deploy'));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const names = { namespace: 'guards', namePrefix: 'team-', nameSuffix: '-eu' };
  const overlays = readdirSync(join(ROOT, 'manifests/overlays'));
  // Nothing of it but two webhook configurations, which call a URL.
  const renamed = overlays.filter((overlay) => overlay !== 'local').map((overlay): Case => [overlay, names]);

  test.for<Case>([
    ['../base', {}],
    ['../base', { namespace: 'guards' }],
    ['../base', { namePrefix: 'team-' }],
    ['../base', { nameSuffix: '-eu' }],
    // An object of ours may have these names already.
    ['../base', { namespace: 'pullguard-policy', namePrefix: 'pullguard-' }],
    ...renamed,
    ['secrets-all', names, 'nodes', 'pulls', 'fail-closed', 'monitoring', 'network-policy', 'egress', 'cce'],
    ['cert-manager', names, 'fail-closed', 'monitoring', 'network-policy'],
    ['../base', names, 'native-controller'],
  ])(
    '%s with %o: each name is the name of an object, and no right is lost',
    async ([overlay, changes, ...components]) => {
      if (overlay === 'own-certificate') await writeCertificate(changes);
      const built = rename(overlay, changes, components);
      const namespace = changes['namespace'] ?? 'pullguard';
      const byHand = overlay === 'mounted-certificate' ? [`Secret ${namespace}/pullguard-tls`] : [];
      expect(listMisfits(built, byHand)).toEqual([]);
      expect(listGrants(built)).toEqual(listNeeds(needsOf(built), namespace));
      const hasLabels = ({ metadata }: Manifest): boolean =>
        RECOMMENDED_LABELS.every((key) => metadata.labels?.[key] !== undefined);
      expect(built.filter((object) => !hasLabels(object))).toEqual([]);
      const { namePrefix = '', nameSuffix = '' } = changes;
      expect(find(built, 'Deployment').metadata).toMatchObject({
        name: `${namePrefix}pullguard${nameSuffix}`,
        namespace,
      });
      const ofCluster = [...configurationsOf(built), ...built.filter(isRole)].map(({ metadata }) => metadata.name);
      expect(ofCluster.filter((name) => !name.startsWith(namePrefix) || !name.endsWith(nameSuffix))).toEqual([]);
    },
  );

  test('also in a kustomization of such a kustomization, and with a policy and a patch by the old names', () => {
    writeFileSync(at('deploy/policy.yaml'), 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n');
    const generator = { name: 'pullguard-policy', namespace: 'pullguard', behavior: 'replace', files: ['policy.yaml'] };
    const replicas = [{ op: 'replace', path: '/spec/replicas', value: 3 }];
    write('deploy', ['../manifests'], {
      ...names,
      configMapGenerator: [generator],
      patches: [{ target: { kind: 'Deployment', name: 'pullguard' }, patch: JSON.stringify(replicas) }],
    });
    mkdirSync(at('outer'), { recursive: true });
    write('outer', ['../deploy'], { namespace: 'outer', namePrefix: 'x-' });
    const built = build(at('outer'));
    expect(listMisfits(built)).toEqual([]);
    expect(find(built, 'ConfigMap')).toMatchObject({
      metadata: { name: 'x-team-pullguard-policy-eu', namespace: 'outer' },
      data: { 'policy.yaml': expect.not.stringContaining('rules') as string },
    });
    expect(find(built, 'Deployment').spec.replicas).toBe(3);
  });

  test.each(['Namespace', 'ServiceAccount', 'Service', 'ConfigMap', 'ClusterRole', 'Role', 'Issuer', 'Certificate'])(
    'a %s of another name is found: the check above would find it',
    (kind) => {
      const built = (renamedOnce ??= rename('cert-manager', names, []));
      const changed = built.map((object) => {
        const { metadata } = object;
        return object.kind === kind ? { ...object, metadata: { ...metadata, name: `${metadata.name}-other` } } : object;
      });
      expect(listMisfits(built)).toEqual([]);
      expect(listMisfits(changed)).not.toEqual([]);
    },
  );

  function rename(
    overlay: string,
    changes: Readonly<Record<string, string>>,
    components: readonly string[],
  ): readonly Manifest[] {
    const list = components.map((name) => `../manifests/components/${name}`);
    write('deploy', [`../manifests/overlays/${overlay}`], { ...changes, components: list });
    return build(at('deploy'));
  }

  function write(path: string, resources: readonly string[], rest: object): void {
    const head = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' };
    writeFileSync(at(path, 'kustomization.yaml'), stringify({ ...head, resources, ...rest }));
  }

  /** As docs/install.md has it made, for the name of the Service. */
  async function writeCertificate(changes: Readonly<Record<string, string>>): Promise<void> {
    const { namespace = 'pullguard', namePrefix = '', nameSuffix = '' } = changes;
    const made = await certificatesFor(`${namePrefix}pullguard${nameSuffix}.${namespace}.svc`);
    const certs = at('manifests/overlays/own-certificate/certs');
    writeFileSync(join(certs, 'ca.crt'), made.ca);
    writeFileSync(join(certs, 'tls.crt'), made.cert);
    writeFileSync(join(certs, 'tls.key'), made.key);
  }
});
