import fc from 'fast-check';
import jsonpatch, { type Operation } from 'fast-json-patch';
import { describe, expect, test } from 'vitest';
import { editWorkload } from '../../src/workload/edit.ts';
import { applyEdits, type Edit } from '../../src/workload/json-patch.ts';
import { findKind, tabulateKinds } from '../../src/workload/kinds.ts';
import { readWorkloads } from '../../src/workload/workload.ts';
import { deployment, type Json } from '../support/objects.ts';

const OBJECT = { spec: { containers: [{ name: 'app', image: 'nginx' }], 'odd/na~me': 1 } };

describe('rules that follow a fix see what the API server will make of it', () => {
  test.each<[string, Edit]>([
    ['replaces a member', { op: 'replace', path: '/spec/containers/0/image', value: 'mirror/nginx' }],
    ['adds a member', { op: 'add', path: '/spec/imagePullSecrets', value: [{ name: 'a' }] }],
    ['adds over a member', { op: 'add', path: '/spec/containers', value: [] }],
    ['appends to a list', { op: 'add', path: '/spec/containers/-', value: { name: 'b' } }],
    ['finds a member with a slash and a tilde', { op: 'replace', path: '/spec/odd~1na~0me', value: 2 }],
  ])('%s', (_, edit) => {
    const expected = jsonpatch.applyPatch(structuredClone(OBJECT), [edit as Operation]).newDocument;
    expect(applyEdits(OBJECT, [edit])).toEqual(expected);
  });

  test('the object that was sent is never changed, as it is judged again', () => {
    const before = structuredClone(OBJECT);
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        applyEdits(OBJECT, [{ op: 'add', path: '/spec/containers/-', value }]);
        applyEdits(OBJECT, [{ op: 'replace', path: '/spec/containers/0/image', value }]);
      }),
    );
    expect(OBJECT).toEqual(before);
  });
});

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
    const [after] = readWorkloads(applyEdits(object, edits), KIND, '');
    // Where pods may run is in fields that no fix changes.
    expect({ ...editWorkload(before!, edits), placement: {} }).toEqual({ ...after, placement: {} });
  });

  test('but for those of something else', () => {
    const [workload] = readWorkloads(deployment('app:v1'), KIND, '');
    expect(editWorkload(workload!, [{ ...IMAGE, path: '/spec/other/containers/0/image' }])).toEqual(workload);
  });
});
