import type { AdmissionRequest } from '../../src/admission/review.ts';
import type { Json } from './objects.ts';

/** A request to create a pod, as it is read from a review; `overrides` say what is special about it. */
export function requestFor(object: Json, overrides: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    uid: 'request',
    kind: { group: '', kind: 'Pod' },
    subResource: '',
    operation: 'CREATE',
    namespace: '',
    name: '',
    dryRun: false,
    username: 'somebody',
    object: { apiVersion: 'v1', kind: 'Pod', ...object },
    oldObject: undefined,
    ...overrides,
  };
}
