import { describe, expect, test } from 'vitest';
import { admit } from '../../src/admission/admit.ts';
import { respond, type AdmissionRequest } from '../../src/admission/review.ts';
import { requestFor } from '../support/admission-request.ts';
import { NOW } from '../support/facts.ts';
import type { Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

function respondTo(labels: unknown, fields: Partial<AdmissionRequest> = {}) {
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } };
  const request = requestFor({}, { kind: { group: '', kind: 'Namespace' }, name: 'shop', object, ...fields });
  const admission = admit(request, 'validate', policyOf(), { facts: {}, now: NOW });
  const { response } = respond({ request }, admission);
  expect(response.allowed).toBe(true);
  return response;
}

function warn(labels: unknown, fields: Partial<AdmissionRequest> = {}): readonly string[] {
  return respondTo(labels, fields).warnings ?? [];
}

describe('who labels a namespace', () => {
  test.each<[string, Json | undefined, readonly string[]]>([
    ['hears nothing of good labels', { 'pullguard.dev/mode': 'audit', 'pullguard.dev/fix': 'false', team: 'a' }, []],
    ['hears nothing of none', undefined, []],
    [
      'hears of a mode that does not exist, and what it is taken for',
      { 'pullguard.dev/mode': 'Enforced' },
      ['Namespace/shop: "Enforced": unknown mode, treated as deny: use off, audit, warn or deny (namespace-labels)'],
    ],
    [
      'hears of the former name of a mode, which does no harm',
      { 'pullguard.dev/mode': 'enforce' },
      [
        'notice: Namespace/shop: "enforce": former name of the mode deny, which still works: use deny (namespace-labels)',
      ],
    ],
    [
      'hears of a fix that is neither',
      { 'pullguard.dev/fix': 'off' },
      ['Namespace/shop: "off": unknown value, treated as "true": use "true" or "false" (namespace-labels)'],
    ],
    [
      'hears of a label that does nothing',
      { 'pullguard.dev/modes': 'audit' },
      [
        'Namespace/shop: "audit": unknown label of pullguard: use "pullguard.dev/mode" or "pullguard.dev/fix" (namespace-labels)',
      ],
    ],
  ])('%s', (_, labels, expected) => {
    expect(warn(labels)).toEqual(expected);
  });

  test('is not told again by an update that changes something else', () => {
    const labels = { 'pullguard.dev/mode': 'Enforced' };
    const oldObject = { metadata: { name: 'shop', labels } };
    expect(warn({ ...labels, team: 'a' }, { operation: 'UPDATE', oldObject })).toEqual([]);
    expect(warn({ 'pullguard.dev/mode': 'x' }, { operation: 'UPDATE', oldObject })).toHaveLength(1);
  });

  test('leaves a note in the audit log', () => {
    expect(respondTo({ 'pullguard.dev/mode': 'x' }).auditAnnotations).toEqual({
      findings: 'namespace-labels:warn:metadata.labels["pullguard.dev/mode"]',
      severity: 'warning',
    });
  });

  test.each<[string, Partial<AdmissionRequest>]>([
    ['deletes one', { operation: 'DELETE', object: undefined }],
    ['finalizes one', { operation: 'UPDATE', subResource: 'finalize' }],
  ])('and who %s is not held up', (_, fields) => {
    expect(warn({ 'pullguard.dev/mode': 'x' }, fields)).toEqual([]);
  });

  test.each([null, 'x', 7, ['a'], { 'pullguard.dev/mode': { a: 1 } }])(
    'labels of the wrong shape do no harm: %j',
    (labels) => {
      expect(() => warn(labels)).not.toThrow();
    },
  );
});
