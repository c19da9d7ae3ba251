import type { SecretsMode } from '../cluster/facts/fact-collections.ts';
import { formatScanJson, formatScanTable } from '../scan/format-scan.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';
import { loadConfig } from './load-config.ts';
import type { ConnectionOptions } from './options.ts';
import { createProgress } from './progress.ts';
import { ApiError } from '../cluster/connection/api-server.ts';
import { describeRefusal, reachCluster } from './reach-cluster.ts';
import { scanCluster } from '../scan/scan-cluster.ts';
import { isLabel } from '../text/kubernetes-name.ts';
import { findWidth, useColor } from './terminal.ts';

export type ScanOptions = ConnectionOptions &
  Readonly<{
    config?: string;
    /** All namespaces without any. */
    namespace?: readonly string[];
    secrets: SecretsMode;
    output: 'table' | 'json';
  }>;

/** `pullguard scan`: checks what is in a cluster by the rules of the webhook. What cannot be listed hides nothing else. */
export async function scan(options: ScanOptions, io: Io): Promise<ExitCode> {
  const policy = loadConfig(options.config);
  const namespaces = checkNames(options.namespace ?? []);
  const api = reachCluster(options);
  const progress = createProgress(io.stderr);
  try {
    const result = await scanCluster({ api, policy, secrets: options.secrets, namespaces, progress });
    progress.clear();
    const text =
      options.output === 'json'
        ? formatScanJson(result)
        : formatScanTable(result, { color: useColor(io), width: findWidth(io.stdout) });
    io.stdout.write(text);
    if (result.errors.length > 0) return 2;
    return result.groups.some((group) => group.result === 'denied') ? 1 : 0;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new UsageError(describeRefusal(error, 'get of /version'), { cause: error });
  } finally {
    progress.clear();
  }
}

/** What no namespace can be called would lead to another place in the API. */
function checkNames(names: readonly string[]): readonly string[] {
  for (const name of names) {
    if (!isLabel(name)) {
      throw new UsageError(
        `--namespace ${JSON.stringify(name)} is no name of a namespace: lower-case letters, digits and "-" between them, at most 63 in all`,
      );
    }
  }
  return [...new Set(names)];
}
