import jsonpatch, { type Operation } from 'fast-json-patch';
import { expect, test } from 'vitest';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { addPullSecrets } from '../../src/rules/add-pull-secrets.ts';
import { readWorkloads } from '../../src/workload/workload.ts';
import { pod, type Json } from '../support/objects.ts';

const POD = WORKLOAD_KINDS[0]!;

function patch(spec: Json, names: readonly string[], inherited?: readonly string[]): unknown {
  const object = pod('nginx', spec);
  const [workload] = readWorkloads(object, POD, 'default');
  const edits = addPullSecrets(workload!, names, inherited) as Operation[];
  const patched = jsonpatch.applyPatch(structuredClone(object), edits, true).newDocument as {
    spec: { imagePullSecrets: readonly Json[] };
  };
  return patched.spec.imagePullSecrets.map(({ name }) => name);
}

test.each([
  ['no list', {}, ['a', 'b']],
  ['a null list', { imagePullSecrets: null }, ['a', 'b']],
  ['an empty list', { imagePullSecrets: [] }, ['a', 'b']],
  ["its service account's secret", { imagePullSecrets: [{ name: 'own' }] }, ['own', 'a', 'b']],
])('a pod with %s keeps what it has and gets the rest behind it, by a patch that applies', (_, spec, expected) => {
  expect(patch(spec, ['a', 'b'])).toEqual(expected);
});

test.each([
  ['its list is empty', {}, ['inherited', 'a', 'b']],
  ['it names its own, which takes them from it', { imagePullSecrets: [{ name: 'own' }] }, ['own', 'a', 'b']],
])('a pod of a template has the secrets of its service account first: %s', (_, spec, expected) => {
  expect(patch(spec, ['a', 'b'], ['inherited'])).toEqual(expected);
});
