import jsonpatch, { type Operation } from 'fast-json-patch';
import { describe, expect, test } from 'vitest';
import { editWorkload, readWorkloads, type Edit } from '../../src/workload/workload.ts';
import { findKind, tabulateKinds } from '../../src/workload/kinds.ts';
import { deployment, type Json } from '../support/objects.ts';

describe('a workload is after edits as it would be read from the edited object', () => {
  const KIND = findKind(tabulateKinds([]), 'apps', 'Deployment')!;
  const SPEC = '/spec/template/spec';
  const IMAGE: Edit = { op: 'replace', path: `${SPEC}/containers/0/image`, value: 'm.example/app:v1' };
  const LIST: Edit = { op: 'add', path: `${SPEC}/imagePullSecrets`, value: [{ name: 'a' }] };
  const ONE: Edit = { op: 'add', path: `${SPEC}/imagePullSecrets/-`, value: { name: 'b' } };

  test.each<[what: string, spec: Json, edits: readonly Edit[]]>([
    ['another image', {}, [IMAGE]],
    ['an image that cannot be parsed', {}, [{ ...IMAGE, value: 'NGINX' }]],
    ['a list of pull secrets, and one more', {}, [LIST, ONE]],
    ['a pull secret more', { imagePullSecrets: [{ name: 'there' }] }, [ONE]],
    ['both', {}, [IMAGE, LIST]],
    ['nothing', { imagePullSecrets: [{ name: 'there' }] }, []],
  ])('%s', (_, spec, edits) => {
    const object = deployment('app:v1', spec);
    const [before] = readWorkloads(object, KIND, '');
    const edited = jsonpatch.applyPatch(structuredClone(object), structuredClone(edits) as Operation[]).newDocument;
    const [after] = readWorkloads(edited, KIND, '');
    // Where pods may run is in fields that no fix changes.
    expect({ ...editWorkload(before!, edits), placement: {} }).toEqual({ ...after, placement: {} });
  });

  test('but for those of something else', () => {
    const [workload] = readWorkloads(deployment('app:v1'), KIND, '');
    expect(editWorkload(workload!, [{ ...IMAGE, path: '/spec/other/containers/0/image' }])).toEqual(workload);
  });
});
