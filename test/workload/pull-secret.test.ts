import jsonpatch, { type Operation } from 'fast-json-patch';
import { expect, test } from 'vitest';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { addPullSecrets } from '../../src/workload/pull-secret.ts';
import { readWorkloads } from '../../src/workload/workload.ts';
import { pod } from '../support/objects.ts';

test.each([
  ['no list', {}, ['a', 'b']],
  ['a null list', { imagePullSecrets: null }, ['a', 'b']],
  ['an empty list', { imagePullSecrets: [] }, ['a', 'b']],
  ["its service account's secret", { imagePullSecrets: [{ name: 'own' }] }, ['own', 'a', 'b']],
])('a pod with %s keeps what it has and gets the rest behind it, by a patch that applies', (_, spec, expected) => {
  const object = pod('nginx', spec);
  const [workload] = readWorkloads(object, WORKLOAD_KINDS[0]!, 'default');
  const edits = addPullSecrets(workload!, ['a', 'b']) as Operation[];
  const patched = jsonpatch.applyPatch(structuredClone(object), edits, true).newDocument as {
    spec: { imagePullSecrets: unknown };
  };
  expect(patched.spec.imagePullSecrets).toEqual(expected.map((name) => ({ name })));
});
