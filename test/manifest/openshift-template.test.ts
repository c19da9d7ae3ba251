import { describe, expect, test } from 'vitest';
import { readManifest } from '../../src/manifest/read-manifests.ts';

const template = (rest: object, apiVersion = 'template.openshift.io/v1'): string =>
  JSON.stringify({ apiVersion, kind: 'Template', metadata: { name: 't' }, ...rest });

const pod = (image: unknown): object => ({ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ image }] } });

function readImages(text: string): readonly unknown[] {
  return readManifest(text).objects.map(
    ({ object }) => (object as { spec: { containers: { image: unknown }[] } }).spec.containers[0]!.image,
  );
}

describe('the objects of an OpenShift Template', () => {
  test.each<[what: string, image: string, parameters: unknown, is: string]>([
    [
      'a value',
      '${A}/b:${C}',
      [
        { name: 'A', value: 'reg' },
        { name: 'C', value: '1' },
      ],
      'reg/b:1',
    ],
    ['a value of another type', 'a:${V}', [{ name: 'V', value: 3 }], 'a:3'],
    ['a whole field', '${{A}}', [{ name: 'A', value: 'x:1' }], 'x:1'],
    ['no value', 'a:${V}', [{ name: 'V', required: true }], 'a:${V}'],
    ['a value that is generated', 'a:${V}', [{ name: 'V', generate: 'expression', from: '[a-z]{3}' }], 'a:${V}'],
    ['an unknown name', 'a:${W}', [{ name: 'V', value: '1' }], 'a:${W}'],
    [
      'what looks like a parameter in a value, which is not filled in again',
      '${A}',
      [{ name: 'A', value: '${A}' }],
      '${A}',
    ],
    ['parameters that are no list', '${A}', { A: 1 }, '${A}'],
  ])('have %s filled in', (_what, image, parameters, is) => {
    expect(readImages(template({ objects: [pod(image)], parameters }))).toEqual([is]);
  });

  test('are found in Lists, in Templates and in the group of old, each at its place', () => {
    const inner = JSON.parse(template({ objects: [pod('b')] }, 'v1')) as object;
    const list = JSON.stringify(
      { apiVersion: 'v1', kind: 'List', items: [JSON.parse(template({ objects: [pod('a'), inner] }))] },
      null,
      1,
    );
    const { objects } = readManifest(list);
    expect(readImages(list)).toEqual(['a', 'b']);
    expect(objects.map(({ isTemplated }) => isTemplated)).toEqual([true, true]);
    const lines = list.split('\n');
    for (const [at, image] of ['a', 'b'].entries())
      expect(lines[objects[at]!.locate('/spec/containers/0/image').line - 1]).toContain(`"image": "${image}"`);
  });

  test.each([['example.com/v1'], ['template.openshift.io/v2']])('are not those of a Template of %s', (apiVersion) => {
    expect(readManifest(template({ objects: [pod('a')] }, apiVersion)).objects.map(({ kind }) => kind)).toEqual([
      'Template',
    ]);
  });
});
