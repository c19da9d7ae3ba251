import { describe, expect, test } from 'vitest';
import { findLimits, FIX_LABEL, MODE_LABEL, MODES } from '../../src/engine/namespace-mode.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { find, objects, policyGenerator, webhooksOf, type Webhook } from './manifests.ts';

const namespace = find(objects, 'Namespace');
const service = find(objects, 'Service');
const { mutating, validating, ofNamespaces } = webhooksOf(objects);

const OF_WORKLOADS = [
  ['mutating', mutating],
  ['validating', validating],
] as const;
const ALL = [...OF_WORKLOADS, ['namespaces', ofNamespaces]] as const;

describe('what the API server sends', () => {
  test('every kind that pullguard can judge reaches it, and no other: a kind without a rule would never be checked', () => {
    const kinds = WORKLOAD_KINDS.map(({ group, resource }) => `${group}/v1/${resource ?? ''}`);
    const judged = kinds.flatMap((kind) => [`CREATE ${kind}`, `UPDATE ${kind}`]);
    expect(listRules(validating)).toEqual([...judged, 'UPDATE /v1/pods/ephemeralcontainers'].sort());
  });

  test('only new pods are sent to be changed: a changed template shadows secrets, a changed old pod is refused', () => {
    expect(listRules(mutating)).toEqual(['CREATE /v1/pods']);
  });

  test('namespaces are sent when they are labelled, and nothing else of theirs: finalizing one must wait for nobody', () => {
    expect(listRules(ofNamespaces)).toEqual(['CREATE /v1/namespaces', 'UPDATE /v1/namespaces']);
  });

  test.each(ALL)(
    'the %s webhook asks for objects where they live, in a served version, so no rule matches nothing',
    (name, webhook) => {
      expect(webhook.matchPolicy).toBe('Equivalent');
      expect(new Set(webhook.rules.map(({ scope }) => scope))).toEqual(
        new Set([name === 'namespaces' ? 'Cluster' : 'Namespaced']),
      );
    },
  );

  test('the Service is called under its name, namespace and port, and at no path that an apply would put back', () => {
    const { name, namespace: where } = service.metadata;
    for (const [, { clientConfig }] of ALL) {
      expect(clientConfig).toEqual({ service: { name, namespace: where, port: service.spec.ports[0]!.port } });
    }
  });
});

describe('what a webhook must not do to a cluster', () => {
  test.each(ALL)(
    'the %s webhook blocks nobody while pullguard is away, and keeps nobody waiting for long',
    (_name, webhook) => {
      expect(webhook).toMatchObject({ failurePolicy: 'Ignore', admissionReviewVersions: ['v1'] });
      expect(webhook.timeoutSeconds).toBeLessThanOrEqual(3);
    },
  );

  test('it says which webhooks leave Events behind: without NoneOnDryRun the API server would refuse every dry run', () => {
    expect(ALL.map(([, { sideEffects }]) => sideEffects)).toEqual(['NoneOnDryRun', 'NoneOnDryRun', 'None']);
  });

  test.each(ALL)(
    'the %s webhook leaves out kube-system and its own namespace, by a label nobody can change',
    (_name, webhook) => {
      // The first, as the component fail-closed adds to it by its place.
      expect(webhook.namespaceSelector.matchExpressions[0]).toEqual({
        key: 'kubernetes.io/metadata.name',
        operator: 'NotIn',
        values: ['kube-system', namespace.metadata.name],
      });
    },
  );

  test('sidecars that a later webhook adds are put right as well', () => {
    expect(mutating.reinvocationPolicy).toBe('IfNeeded');
    expect([validating.reinvocationPolicy, ofNamespaces.reinvocationPolicy]).toEqual([undefined, undefined]);
  });

  test('the names are those in the documentation: uninstalling removes both configurations by them', () => {
    const configurations = objects.filter(({ kind }) => kind.endsWith('WebhookConfiguration'));
    expect(configurations.map(({ metadata }) => metadata.name)).toEqual(['pullguard', 'pullguard']);
  });

  test('everything else lives in the namespace or has the label by which docs/install.md removes it', () => {
    const ofCluster = ['Namespace', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];
    const rest = objects.filter(({ kind }) => !ofCluster.includes(kind));
    for (const { kind, metadata } of [...rest, { kind: 'ConfigMap', metadata: policyGenerator }]) {
      if (kind.startsWith('Cluster')) {
        expect([kind, metadata]).toEqual([
          kind,
          expect.objectContaining({ labels: { 'app.kubernetes.io/name': 'pullguard' } }),
        ]);
      } else expect([kind, metadata.namespace]).toEqual([kind, namespace.metadata.name]);
    }
  });
});

describe('the labels of a namespace', () => {
  /** The API server's own rule: NotIn also matches what has no such label. */
  const isSent = ({ namespaceSelector }: Webhook, labels: Readonly<Record<string, string>>): boolean =>
    namespaceSelector.matchExpressions.every(({ key, operator, values }) => {
      expect(operator).toBe('NotIn');
      return !values.includes(labels[key] ?? '');
    });

  const values = [...MODES.map((mode) => ({ [MODE_LABEL]: mode })), { [MODE_LABEL]: 'of' }, {}];
  const fixes = [{ [FIX_LABEL]: 'true' }, { [FIX_LABEL]: 'false' }, { [FIX_LABEL]: 'no' }, {}];

  test.each(values.flatMap((mode) => fixes.map((fix) => ({ ...mode, ...fix }))))(
    '%o are honoured by the API server itself as by the code, so that they hold while pullguard knows nothing',
    (labels) => {
      const { mode, fixes: mayFix } = findLimits({ namespaces: { findLabels: () => labels } }, 'any');
      expect([isSent(mutating, labels), isSent(validating, labels)]).toEqual([
        mode !== 'off' && mayFix,
        mode !== 'off',
      ]);
    },
  );

  test('what is wrong with them is told also where pullguard is off, as that may be a mistake too', () => {
    expect(isSent(ofNamespaces, { [MODE_LABEL]: 'off' })).toBe(true);
  });
});

/** `CREATE apps/v1/deployments` */
function listRules({ rules }: Webhook): readonly string[] {
  return rules
    .flatMap(({ apiGroups, apiVersions, resources, operations }) =>
      operations.flatMap((operation) =>
        apiGroups.flatMap((group) =>
          apiVersions.flatMap((version) => resources.map((resource) => `${operation} ${group}/${version}/${resource}`)),
        ),
      ),
    )
    .sort();
}
