import { describe, expect, test } from 'vitest';
import {
  assembleFacts,
  type NodeStore,
  type SecretStore,
  type Store,
} from '../../../src/cluster/facts/assemble-facts.ts';
import type { SecretsMode } from '../../../src/cluster/facts/fact-collections.ts';
import type { PullSecret } from '../../../src/pull/facts.ts';

const SECRET: PullSecret = { type: 'kubernetes.io/dockercfg', entries: [] };

/** Holds one object, `web/name`, if it is given one. */
function store<Kept>(isSynced: boolean, name = '', kept?: Kept): Store<Kept> {
  return {
    find: (namespace, other) => (`${namespace}/${other}` === name ? kept : undefined),
    hasSynced: () => isSynced,
  };
}

function secretStore(isSynced: boolean, objectName?: string, name = ''): SecretStore {
  return { ...store(isSynced, name, SECRET), objectName };
}

function assemble(mode: SecretsMode, secrets: readonly SecretStore[]) {
  const [serviceAccounts, namespaces] = [store<never>(false), store<never>(false)];
  return assembleFacts({ mode, secrets, serviceAccounts, namespaces, nodes: undefined });
}

describe('pull secrets are a fact when', () => {
  const [known, unknown] = [secretStore(true), secretStore(false)];

  test.each<[what: string, mode: SecretsMode, secrets: readonly SecretStore[], isFact: boolean]>([
    ['one of the names is known', 'default-secret-only', [unknown, known], true],
    ['not when none is', 'default-secret-only', [unknown, unknown], false],
    ['not when there are no names', 'default-secret-only', [], false],
    ['all types are known', 'all', [known, known], true],
    ['not when one type is not', 'all', [known, unknown], false],
    ['never where they are not to be looked at', 'none', [], false],
  ])('%s', (_, mode, secrets, isFact) => {
    expect('pullSecrets' in assemble(mode, secrets)).toBe(isFact);
  });
});

describe('a pull secret is found, absent, or not known', () => {
  test.each<[what: string, mode: SecretsMode, secrets: readonly SecretStore[], found: unknown]>([
    ['of a name that is watched', 'default-secret-only', [secretStore(true, 'name', 'web/name')], SECRET],
    ['not there', 'default-secret-only', [secretStore(true, 'name')], 'absent'],
    ['nobody watches this name', 'default-secret-only', [secretStore(true, 'other', 'web/name')], undefined],
    ['not listed yet', 'default-secret-only', [secretStore(true, 'other'), secretStore(false, 'name')], undefined],
    ['of the second type', 'all', [secretStore(true), secretStore(true, undefined, 'web/name')], SECRET],
    ['of no type', 'all', [secretStore(true), secretStore(true)], 'absent'],
  ])('%s', (_, mode, secrets, found) => {
    expect(assemble(mode, secrets).pullSecrets?.find('web', 'name')).toEqual(found);
  });

  test('with all types looked at, one that is found is told though the other list is not known any more', () => {
    let isSynced = true;
    const lost = { ...secretStore(true), hasSynced: () => isSynced };
    const { pullSecrets } = assemble('all', [lost, secretStore(true, undefined, 'web/name')]);
    isSynced = false;
    expect(pullSecrets?.find('web', 'name')).toEqual(SECRET);
    expect(pullSecrets?.find('web', 'other')).toBeUndefined();
  });
});

test('only a list by name shows secrets of types that are no pull secret', () => {
  expect(assemble('default-secret-only', [secretStore(true, 'name')]).pullSecrets?.seesEveryType).toBe(true);
  expect(assemble('all', [secretStore(true), secretStore(true)]).pullSecrets?.seesEveryType).toBe(false);
});

test('service accounts are a fact once they are listed', () => {
  const account = { pullSecrets: ['a'], enforcesMountableSecrets: false };
  const stores = { mode: 'none', secrets: [], namespaces: undefined, nodes: undefined } as const;
  expect(assembleFacts({ ...stores, serviceAccounts: store(false) })).not.toHaveProperty('serviceAccounts');
  const facts = assembleFacts({ ...stores, serviceAccounts: store(true, 'web/default', account) });
  expect(facts.serviceAccounts?.find('web', 'default')).toBe(account);
  expect(facts.serviceAccounts?.find('web', 'other')).toBeUndefined();
});

test('nodes are a fact once they are listed, and none where nobody asks for them', () => {
  const [serviceAccounts, namespaces] = [store<never>(false), store<never>(false)];
  const list = () => [];
  const assembleNodes = (nodes: NodeStore | undefined) =>
    assembleFacts({ mode: 'none', secrets: [], serviceAccounts, namespaces, nodes }).nodes;
  expect(assembleNodes(undefined)).toBeUndefined();
  expect(assembleNodes({ list, hasSynced: () => false })).toBeUndefined();
  expect(assembleNodes({ list, hasSynced: () => true })?.list).toBe(list);
});

describe('a namespace may forbid to refuse, and until its labels are known nothing may be refused', () => {
  const serviceAccounts = store<never>(false);
  const stores = { mode: 'none', secrets: [], serviceAccounts, nodes: undefined } as const;

  test('so the fact is there before it has answers', () => {
    const facts = assembleFacts({ ...stores, namespaces: store(false) });
    expect(facts.namespaces).toBeDefined();
    expect(facts.namespaces?.findLabels('web')).toBeUndefined();
  });

  test('and is absent where nobody goes on asking', () => {
    expect(assembleFacts({ ...stores, namespaces: undefined })).not.toHaveProperty('namespaces');
  });

  test('which are found by name alone, as namespaces are in none', () => {
    const labels = { 'pullguard.dev/mode': 'warn' };
    const facts = assembleFacts({ ...stores, namespaces: store(true, '/web', labels) });
    expect(facts.namespaces?.findLabels('web')).toBe(labels);
  });
});
