import type { SecretsMode } from '../cluster/facts/fact-collections.ts';
import { formatScanJson, formatScanText } from '../scan/format-scan.ts';
import { diagnoseReports } from './diagnose.ts';
import { formatDiagnoses, toDiagnosisObject } from './format-diagnosis.ts';
import { explainRefused } from '../scan/explain-waiting.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';
import { chooseClusterPolicy } from './choose-policy.ts';
import type { ConnectionOptions } from './options.ts';
import { createProgress } from './progress.ts';
import { ApiError } from '../cluster/connection/api-server.ts';
import { describeRefusal, reachCluster } from './reach-cluster.ts';
import { scanCluster } from '../scan/scan-cluster.ts';
import { isLabel } from '../text/kubernetes-name.ts';
import { useColor } from './terminal.ts';

export type ScanOptions = ConnectionOptions &
  Readonly<{
    config?: string;
    /** All namespaces by default. */
    namespace?: readonly string[];
    /** As with kubectl, this goes before `namespace`. */
    allNamespaces?: boolean;
    secrets: SecretsMode;
    output: 'text' | 'json';
  }>;

/** `pullguard scan`: audits a running cluster with the rules of the webhook. What cannot be listed does not hide the rest. */
export async function scan(options: ScanOptions, io: Io): Promise<ExitCode> {
  const namespaces = options.allNamespaces === true ? [] : checkNames(options.namespace ?? []);
  const api = reachCluster(options);
  const policy = await chooseClusterPolicy(api, options.config, io);
  const progress = createProgress(io.stderr);
  try {
    const result = await scanCluster({ api, policy, secrets: options.secrets, namespaces, progress });
    progress.clear();
    const color = useColor(io.stdout);
    const { pods, refused } = result.waiting;
    const waiting = [
      ...diagnoseReports(pods.flatMap(({ reports }) => reports)),
      ...refused.map((each) => explainRefused(each)),
    ];
    if (options.output === 'json') io.stdout.write(formatScanJson(result, waiting.map(toDiagnosisObject)));
    else {
      // What fails now comes before what may.
      if (waiting.length > 0) io.stdout.write(`${formatDiagnoses(waiting, { counts: true, color })}\n`);
      io.stdout.write(formatScanText(result, color));
    }
    if (result.errors.length > 0) return 2;
    return result.groups.some((group) => group.result === 'denied') ? 1 : 0;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new UsageError(describeRefusal(error, 'get of /version'), { cause: error });
  } finally {
    progress.clear();
  }
}

/** A name that is not valid for a namespace could lead to another path of the API. */
function checkNames(names: readonly string[]): readonly string[] {
  for (const name of names) {
    if (!isLabel(name)) {
      throw new UsageError(
        `--namespace ${JSON.stringify(name)} is not a valid namespace name: use at most 63 lowercase letters, digits and "-"`,
      );
    }
  }
  return [...new Set(names)];
}
