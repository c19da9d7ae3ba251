import { severityOf, type Finding } from '../../src/engine/evaluate.ts';

/** A finding as the engine makes it, about container "app" of Deployment web; `overrides` say what is special about it. */
export function finding(overrides: Partial<Finding> = {}): Finding {
  const { action = 'deny', fixed = 'no', harmless } = overrides;
  return {
    messageId: 'malformed',
    message: 'repository name must be lowercase',
    at: '/spec/template/spec/containers/0/image',
    value: 'NGINX:1.25',
    label: 'container "app"',
    rule: 'reference-valid',
    remedy: 'Write it in lower case.',
    faqItems: [2],
    action,
    fixed,
    severity: fixed !== 'no' || harmless === true ? 'notice' : severityOf(action),
    workload: { kind: 'Deployment', name: 'web', namespace: 'default', podSpec: '/spec/template/spec' },
    ...overrides,
  };
}

/** A finding about the pod as a whole: a field that is missing. */
export function missingField(overrides: Partial<Finding> = {}): Finding {
  const { value, label, ...rest } = finding({
    message: "needs its registry's pull secret",
    at: '/spec/template/spec/imagePullSecrets',
    rule: 'pull-secret-present',
    faqItems: [1],
    action: 'warn',
    ...overrides,
  });
  return {
    ...rest,
    ...('value' in overrides && { value: value ?? '' }),
    ...('label' in overrides && { label: label ?? '' }),
  };
}
