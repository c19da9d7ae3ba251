import { diagnoseReports } from '../../src/cli/diagnose.ts';
import type { ScanReport } from '../../src/cli/formats/scan-html.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { createTally } from '../../src/scan/tally.ts';
import { createWaitingBook } from '../../src/scan/waiting-pods.ts';
import type { WorkloadKind } from '../../src/workload/kinds.ts';
import { deploymentOf } from './cluster-objects.ts';
import { MIRRORED } from './policies.ts';

const DEPLOYMENT: WorkloadKind = { group: 'apps', kind: 'Deployment', podSpecs: ['/spec/template/spec'] };
const POD: WorkloadKind = { group: '', kind: 'Pod', podSpecs: ['/spec'] };

export type ScannedCluster = Readonly<{
  /** Namespace, name and image of Deployments. */
  deployments?: readonly (readonly [namespace: string, name: string, image: string])[];
  pods?: readonly unknown[];
  events?: readonly unknown[];
  errors?: readonly string[];
  policy?: Policy;
}>;

/** What a scan of a cluster with these objects makes, without an API server. */
export function scanReport(cluster: ScannedCluster = {}, about: Partial<ScanReport['about']> = {}): ScanReport {
  const { deployments = [], pods = [], events = [], errors = [], policy = MIRRORED } = cluster;
  const tally = createTally(policy, {}, NOW);
  const book = createWaitingBook();
  for (const [namespace, name, image] of deployments) tally.add(deploymentOf(namespace, name, image), DEPLOYMENT);
  for (const pod of pods) {
    tally.add(pod, POD);
    book.addPod(pod);
  }
  events.forEach(book.addEvent);
  const waiting = { pods: book.listPods(), refused: book.listRefused() };
  const reports = waiting.pods.flatMap((pod) => pod.reports);
  return {
    result: { ...tally.finish(), waiting, errors, notServed: [], unknown: [] },
    waiting: diagnoseReports(reports),
    about: { cluster: 'prod-eu', time: NOW, policy: 'policy.yaml', version: '1.2.3', namespaces: [], ...about },
  };
}

export const NOW = Date.parse('2026-06-01T12:15:00Z');
