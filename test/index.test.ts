import { describe, expect, test } from 'vitest';
import * as pullguard from '../src/index.ts';
import type { Decision, Finding, ImageExplanation, ParsedReference, Policy } from '../src/index.ts';

const { defaultPolicy, evaluate, explainImage, findKind, loadPolicy, parseReference } = pullguard;

const POLICY = `
apiVersion: pullguard.dev/v1alpha1
kind: Policy
mirrors:
  - { from: docker.io, to: swr.eu-de.otc.t-systems.com/dockerhub }
`;

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default' },
  spec: { containers: [{ name: 'app', image: 'nginx:1.25' }] },
};

test('a program that imports pullguard finds what it is promised, and a major version tells what went', () => {
  expect(Object.keys(pullguard).sort()).toEqual([
    'PolicyError',
    'RULES',
    'WORKLOAD_KINDS',
    'defaultPolicy',
    'evaluate',
    'explainImage',
    'findKind',
    'formatReference',
    'loadPolicy',
    'parseReference',
  ]);
});

test('the sample in its docstring does what it says', () => {
  const policy: Policy = loadPolicy(POLICY, 'policy.yaml');
  const explanation: ImageExplanation = explainImage('NGINX:1.25', policy);
  expect(explanation.problem?.suggestion).toBe('nginx:1.25');
});

describe('the parts work together', () => {
  test('an object is judged by a policy, and the edits put it right', () => {
    const policy = loadPolicy(POLICY);
    const kind = findKind(policy.kinds, '', 'Pod');
    const decision: Decision = evaluate({ object: POD, kind: kind!, namespace: 'default', policy, fixMode: 'apply' });
    const findings: readonly Finding[] = decision.findings;
    expect(findings.map(({ rule, fixed }) => `${rule} ${fixed}`)).toEqual([
      'mirror-used now',
      'pull-secret-present now',
    ]);
    expect(decision.edits).toEqual([
      {
        op: 'replace',
        path: '/spec/containers/0/image',
        value: 'swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25',
      },
      { op: 'add', path: '/spec/imagePullSecrets', value: [{ name: 'default-secret' }] },
    ]);
    // Those that have to know a cluster.
    expect(decision.skipped.map(({ rule }) => rule)).toEqual(['service-account-secrets-kept', 'pull-secret-usable']);
  });

  test('an address that parses can be written back', () => {
    const parsed: ParsedReference = parseReference('nginx:1.25');
    expect(parsed.ok && pullguard.formatReference(parsed.reference)).toBe('docker.io/library/nginx:1.25');
    expect(parseReference('NGINX')).toMatchObject({ ok: false, problem: { code: 'uppercase' } });
  });

  test('a policy that cannot be used is an error with places a program can read', () => {
    expect(() => loadPolicy('kind: Policy\n', 'policy.yaml')).toThrow(pullguard.PolicyError);
    try {
      loadPolicy('kind: Policy\n', 'policy.yaml');
    } catch (error) {
      expect((error as InstanceType<typeof pullguard.PolicyError>).problems).toEqual([
        { line: 1, column: 1, message: expect.stringMatching(/^missing key "apiVersion"/) as string },
      ]);
    }
  });

  test('without a file there is a policy all the same, which denies what nobody can pull', () => {
    const object = { ...POD, spec: { containers: [{ name: 'app', image: 'NGINX' }] } };
    const kind = pullguard.WORKLOAD_KINDS.find((candidate) => candidate.kind === 'Pod')!;
    const { findings } = evaluate({ object, kind, namespace: 'default', policy: defaultPolicy(), fixMode: 'never' });
    expect(findings.map(({ rule, action }) => `${rule} ${action}`)).toEqual(['reference-valid deny']);
  });
});
