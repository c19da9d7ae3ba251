import fc from 'fast-check';
import jsonpatch, { type Operation } from 'fast-json-patch';
import { describe, expect, test } from 'vitest';
import { applyEdits, type Edit } from '../../src/workload/json-patch.ts';

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
