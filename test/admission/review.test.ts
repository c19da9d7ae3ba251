import { describe, expect, test } from 'vitest';
import { readReview } from '../../src/admission/review.ts';

const V1 = { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1' };
const NOT_V1 = 'the body is not an AdmissionReview of admission.k8s.io/v1, the only version served';

describe('what is no AdmissionReview is said to be none', () => {
  test.each<[string, unknown, string]>([
    ['null', null, 'the body is not a JSON object'],
    ['a list', [], 'the body is not a JSON object'],
    ['an empty object', {}, NOT_V1],
    ['a pod', { kind: 'Pod', apiVersion: 'v1' }, NOT_V1],
    ['a version to come', { ...V1, apiVersion: 'admission.k8s.io/v2' }, NOT_V1],
    ['a version that was', { ...V1, apiVersion: 'admission.k8s.io/v1beta1' }, NOT_V1],
    ['a response', { ...V1, response: { uid: 'x' } }, 'the AdmissionReview has no request'],
    ['a request without uid', { ...V1, request: {} }, 'the AdmissionReview has no request.uid'],
    ['a numeric uid', { ...V1, request: { uid: 1 } }, 'the AdmissionReview has no request.uid'],
    ['an empty uid', { ...V1, request: { uid: '' } }, 'the AdmissionReview has no request.uid'],
  ])('%s', (_, body, problem) => {
    expect(readReview(body)).toEqual({ ok: false, problem });
  });
});

test('odd fields of a request that has a uid are read as missing, so that it can be answered', () => {
  const odd = {
    uid: 'u',
    kind: 'Pod',
    operation: 7,
    namespace: [],
    name: {},
    subResource: null,
    userInfo: 3,
    dryRun: 'yes',
    object: null,
  };
  expect(readReview({ ...V1, request: odd })).toEqual({
    ok: true,
    review: {
      request: {
        uid: 'u',
        kind: { group: '', kind: '' },
        subResource: '',
        operation: '',
        namespace: '',
        name: '',
        dryRun: false,
        username: '',
        object: undefined,
        oldObject: undefined,
      },
    },
  });
});
