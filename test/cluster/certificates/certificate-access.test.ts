import { afterEach, expect, test, vi } from 'vitest';

import { listCertificateAccess } from '../../../src/cluster/certificates/certificate-access.ts';
import type { AccessRule } from '../../../src/cluster/connection/access-rule.ts';
import {
  LEASE_NAME,
  manageCertificate,
  type ManagedCertificate,
} from '../../../src/cluster/certificates/managed-certificate.ts';
import { startStandIn, type SeenRequest, type StandInApiServer } from '../../support/stand-in-api-server.ts';
import { connectTo } from '../../support/stand-in-connection.ts';
import { configuration, NAMES, NAMESPACE, SERVICE } from './certificate-fixtures.ts';

const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const OBJECTS = {
  namespace: NAMESPACE,
  secretName: 'certificates',
  leaseName: LEASE_NAME,
  webhookConfigurationName: 'pullguard',
};
const WAIT = { timeout: 10_000, interval: 20 };

let standIn: StandInApiServer | undefined;
let replica: ManagedCertificate | undefined;

afterEach(async () => {
  await replica?.close();
  await standIn?.stop();
});

test('what is asked of the API server is what is listed: no more, or it would be refused; no less, or it is too much', async () => {
  standIn = await startStandIn();
  standIn.seed('/api/v1/namespaces', [{ metadata: { name: NAMESPACE } }]);
  for (const kind of ['mutating', 'validating']) {
    standIn.seed(`/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations`, [configuration(undefined)]);
  }
  replica = manageCertificate({
    ...OBJECTS,
    api: connectTo(standIn, NAMESPACE),
    service: SERVICE,
    dnsNames: NAMES,
    identity: 'one',
    lives: { authorityMs: 60_000, servingMs: 10_000 },
    onError: (message) => {
      throw new Error(message);
    },
    onInfo: () => undefined,
  });
  await untilReady();
  // Made at first, it is written over when it is there and of no use.
  standIn.seed(SECRETS, [{ metadata: { name: 'certificates', namespace: NAMESPACE }, data: {} }]);
  await vi.waitFor(() => {
    expect(asked()).toContain('update secrets. certificates in ours');
  }, WAIT);
  await replica.close();
  expect(asked()).toEqual(listCertificateAccess(OBJECTS).flatMap(describeRule).sort());
});

async function untilReady(): Promise<void> {
  await vi.waitFor(() => {
    expect(replica?.readiness()).toBeUndefined();
  }, WAIT);
}

/** `list leases.coordination.k8s.io pullguard in ours`, each once, in order. */
function asked(): readonly string[] {
  return [...new Set(standIn?.requests.map(describeRequest))].sort();
}

function describeRule({ apiGroup, resource, verbs, resourceNames, namespaced }: AccessRule): readonly string[] {
  return (resourceNames ?? ['']).flatMap((name) =>
    verbs.map((verb) => `${verb} ${resource}.${apiGroup} ${name} in ${namespaced ? 'ours' : 'all'}`),
  );
}

function describeRequest({ method, path, query }: SeenRequest): string {
  const [, group = '', namespace, resource = '', named] =
    /^\/(?:api|apis\/([^/]+))\/v1(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
  const selected = /^metadata\.name=(.+)$/.exec(query['fieldSelector'] ?? '')?.[1];
  const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch' };
  const reading = query['watch'] === 'true' ? 'watch' : named === undefined ? 'list' : 'get';
  return `${verbs[method] ?? reading} ${resource}.${group} ${named ?? selected ?? ''} in ${namespace === undefined ? 'all' : 'ours'}`;
}
