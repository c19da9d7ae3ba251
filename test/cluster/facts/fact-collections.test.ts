import { describe, expect, test } from 'vitest';
import {
  accessOf,
  listSecretCollections,
  pathOf,
  type SecretsMode,
} from '../../../src/cluster/facts/fact-collections.ts';

const OTHERS = ['serviceaccounts', 'namespaces'].map((resource) => ({
  apiGroup: '',
  resource,
  verbs: ['list', 'watch'],
  namespaced: false,
}));

function accessFor(secrets: SecretsMode, pullSecretNames: readonly string[], nodes = false) {
  return accessOf({ secrets, pullSecretNames, nodes });
}

describe('no more is asked of the cluster than facts are made from', () => {
  test('of secrets, those of the names in the policy', () => {
    expect(accessFor('default-secret-only', ['default-secret', 'harbor', 'default-secret'])).toEqual([
      ...OTHERS,
      {
        apiGroup: '',
        resource: 'secrets',
        verbs: ['list', 'watch'],
        resourceNames: ['default-secret', 'harbor'],
        namespaced: false,
      },
    ]);
  });

  // A rule of RBAC with no names is one for all of them.
  test('no names, no secrets', () => {
    expect(accessFor('default-secret-only', [])).toEqual(OTHERS);
  });

  test('all pull secrets are all secrets, as a role cannot tell types apart', () => {
    expect(accessFor('all', ['default-secret'])).toEqual([
      ...OTHERS,
      { apiGroup: '', resource: 'secrets', verbs: ['list', 'watch'], namespaced: false },
    ]);
  });

  test('none', () => {
    expect(accessFor('none', ['default-secret'])).toEqual(OTHERS);
  });

  test('nodes, where they are to be watched', () => {
    const nodes = { apiGroup: '', resource: 'nodes', verbs: ['list', 'watch'], namespaced: false };
    expect(accessFor('none', [], true)).toEqual([...OTHERS, nodes]);
  });
});

test('each name and each type is a list of its own, chosen by the API server', () => {
  const selectors = (...arguments_: Parameters<typeof listSecretCollections>) =>
    listSecretCollections(...arguments_).map((each) => `${pathOf(each)}?${each.fieldSelector ?? ''}`);
  expect(selectors('default-secret-only', ['b', 'a'])).toEqual([
    '/api/v1/secrets?metadata.name=b',
    '/api/v1/secrets?metadata.name=a',
  ]);
  expect(selectors('all', ['b'])).toEqual([
    '/api/v1/secrets?type=kubernetes.io/dockerconfigjson',
    '/api/v1/secrets?type=kubernetes.io/dockercfg',
  ]);
  expect(selectors('none', ['b'])).toEqual([]);
});
