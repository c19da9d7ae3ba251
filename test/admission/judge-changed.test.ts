import { expect, test } from 'vitest';
import { judgeChanged } from '../../src/admission/judge-changed.ts';
import type { AdmissionRequest } from '../../src/admission/review.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { readWorkloads } from '../../src/workload/workload.ts';
import { deployment, type Json } from '../support/objects.ts';

const DEPLOYMENT = WORKLOAD_KINDS.find(({ kind }) => kind === 'Deployment')!;

/** What of the new object is judged, by rules on images and by rules on pull secrets. */
function judged(oldObject: Json | undefined, object: Json): readonly [images: string, pullSecrets: string] {
  const judges = judgeChanged({ oldObject, object, namespace: 'default' } as unknown as AdmissionRequest, DEPLOYMENT);
  const images = readWorkloads(object, DEPLOYMENT, 'default').flatMap((workload) => workload.images);
  const list = (subject: 'images' | 'pull-secrets'): string =>
    images
      .filter((image) => judges(image, subject))
      .map(({ written }) => written)
      .join(' ');
  return [list('images'), list('pull-secrets')];
}

const two = (...images: readonly string[]): Json => ({
  containers: images.map((image, at) => ({ name: `c${at}`, image })),
});

test.each<[string, Json | undefined, Json, readonly [string, string]]>([
  ['nothing, when nothing changed', deployment('a'), deployment('a'), ['', '']],
  ['the image that changed', deployment('', two('a', 'b')), deployment('', two('a', 'c')), ['c', 'c']],
  [
    'all images by their access, when the pull secrets changed',
    deployment('a', { imagePullSecrets: [{ name: 'x' }] }),
    deployment('a'),
    ['', 'a'],
  ],
  [
    'all images by their access, when the service account changed',
    deployment('a'),
    deployment('a', { serviceAccountName: 'x' }),
    ['', 'a'],
  ],
  [
    'nothing, when the default account is written out',
    deployment('a'),
    deployment('a', { serviceAccountName: 'default' }),
    ['', ''],
  ],
  ['all, when there is no old object', undefined, deployment('a'), ['a', 'a']],
])('an update is judged by %s', (_, oldObject, object, expected) => {
  expect(judged(oldObject, object)).toEqual(expected);
});
