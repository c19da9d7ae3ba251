import type { SecretsMode } from '../cluster/facts/fact-collections.ts';
import { formatScanJson, formatScanText } from '../scan/format-scan.ts';
import { diagnoseReports } from './diagnose.ts';
import { formatDiagnoses, toDiagnosisObject } from './format-diagnosis.ts';
import { explainRefused } from '../scan/explain-waiting.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';
import { chooseClusterPolicy } from './choose-policy.ts';
import type { ConnectionOptions } from './options.ts';
import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';
import { formatCount } from '../report/blocks.ts';
import { buildPolicyReports, REPORT_APIS, REPORT_FORMATS, type ReportFormat } from '../scan/policy-reports.ts';
import { servesReports, writeReports } from '../scan/write-reports.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { formatScanHtml, type ScanReport } from './formats/scan-html.ts';
import { VERSION } from './version.ts';
import { checkNamespaceName, describeRefusal, reachCluster } from './reach-cluster.ts';
import { scanCluster } from '../scan/scan-cluster.ts';
import { createProgress, useColor } from './terminal.ts';

export type ScanOptions = ConnectionOptions &
  Readonly<{
    config?: string;
    /** All namespaces by default. */
    namespace?: readonly string[];
    /** As with kubectl, this goes before `namespace`. */
    allNamespaces?: boolean;
    secrets: SecretsMode;
    output: ScanOutput;
    /** Whether to write reports into the cluster instead of printing them. */
    writeReports?: boolean;
  }>;

type ScanOutput = 'text' | 'json' | 'html' | ReportFormat;

/** `pullguard scan`: audits a running cluster with the rules of the webhook. What cannot be listed does not hide the rest. */
export async function scan(options: ScanOptions, io: Io): Promise<ExitCode> {
  checkOutput(options);
  const namespaces = options.allNamespaces === true ? [] : [...new Set(options.namespace)];
  namespaces.forEach(checkNamespaceName);
  const api = await reachCluster(options);
  const { policy, source } = await chooseClusterPolicy(api, options.config, io);
  const progress = createProgress(io.stderr);
  try {
    if (options.writeReports === true) await checkServed(api, options.output as ReportFormat);
    const result = await scanCluster({ api, policy, secrets: options.secrets, namespaces, progress });
    progress.clear();
    const { pods, refused } = result.waiting;
    const waiting = [
      ...diagnoseReports(pods.flatMap(({ reports }) => reports)),
      ...refused.map((each) => explainRefused(each)),
    ];
    const about = {
      cluster: options.context ?? new URL(api.url).host,
      time: api.now().getTime(),
      policy: source,
      version: VERSION,
      namespaces,
    };
    if (options.writeReports === true) return await write({ result, waiting, about }, { api, options, io });
    io.stdout.write(formatScan({ result, waiting, about }, options.output, useColor(io.stdout)));
    if (result.errors.length > 0) return 2;
    return result.groups.some((group) => group.result === 'denied') ? 1 : 0;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new UsageError(describeRefusal(error, 'get of /version'), { cause: error });
  } finally {
    progress.clear();
  }
}

function formatScan({ result, waiting, about }: ScanReport, output: ScanOutput, color: boolean): string {
  switch (output) {
    case 'json':
      return formatScanJson(result, waiting.map(toDiagnosisObject));
    case 'html':
      return formatScanHtml({ result, waiting, about });
    case 'policyreport':
    case 'openreports': {
      const items = buildPolicyReports({ result, waiting, time: about.time, format: output });
      return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2)}\n`;
    }
    case 'text': {
      // What fails now comes before what may fail.
      const first = waiting.length === 0 ? '' : `${formatDiagnoses(waiting, { counts: true, color })}\n`;
      return first + formatScanText(result, color);
    }
  }
}

function checkOutput({ writeReports: writes, output }: ScanOptions): void {
  if (writes === true && !REPORT_FORMATS.some((each) => each === output))
    throw new UsageError('--write-reports needs -o policyreport or -o openreports');
}

/** Checks before the scan that the reports can be written. @throws UsageError if not */
async function checkServed(api: ApiServer, format: ReportFormat): Promise<void> {
  if (await servesReports(api, format)) return;
  const { group, version, plural } = REPORT_APIS[format];
  const [other] = REPORT_FORMATS.filter((each) => each !== format);
  throw new UsageError(
    `the cluster does not serve ${plural}.${group} ${version}: install its CRDs, or use -o ${other ?? ''}`,
  );
}

type Place = Readonly<{ api: ApiServer; options: ScanOptions; io: Io }>;

/** The exit code does not depend on findings: they are in the reports, and the Job that writes these has not failed. */
async function write({ result, waiting, about }: ScanReport, { api, options, io }: Place): Promise<ExitCode> {
  const format = options.output as ReportFormat;
  const reports = buildPolicyReports({ result, waiting, time: about.time, format });
  const isComplete = result.errors.length === 0;
  const namespaces = about.namespaces.length === 0 ? undefined : about.namespaces;
  const { written, deleted, problems } = await writeReports({ api, format, reports, namespaces, isComplete });
  const { group, plural } = REPORT_APIS[format];
  for (const error of [...result.errors, ...problems]) io.stderr.write(`error: ${escapeUnprintable(error)}\n`);
  io.stdout.write(`${formatCount(written, 'report')} written, ${deleted} deleted: kubectl get ${plural}.${group} -A\n`);
  return isComplete && problems.length === 0 ? 0 : 2;
}
