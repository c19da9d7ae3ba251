import { diagnose as diagnoseMessage, explainFailure, explainUnknown } from '../cause/diagnosis.ts';
import { readFailure } from '../cause/read-failure.ts';
import type { Report } from '../cause/reported-failures.ts';
import { chooseClusterPolicy } from './choose-policy.ts';
import { formatDiagnoses, keepReasons, toDiagnosisJson, toWellJson, type Diagnosed } from './format-diagnosis.ts';
import type { ConnectionOptions } from './options.ts';
import { escapeUnprintable } from '../text/quote.ts';
import { readStdin, UsageError, type ExitCode, type Io } from './io.ts';
import { readPasted } from './pasted-messages.ts';
import { reachCluster } from './reach-cluster.ts';
import { useColor } from './terminal.ts';

export type DiagnoseOptions = ConnectionOptions &
  Readonly<{
    config?: string;
    namespace?: string;
    allNamespaces?: boolean;
    probe?: boolean;
    output: 'text' | 'json';
  }>;

/** `pullguard diagnose`: explains why Pods wait for images, or failed pulls in pasted messages. Exit code 1 if there are any. */
export async function diagnose(
  targets: readonly string[],
  options: DiagnoseOptions,
  io: Io,
  now = Date.now(),
): Promise<ExitCode> {
  if (targets.includes('-')) return diagnosePasted(targets, options, { io, now });
  // Loaded only here: what is pasted needs neither a cluster nor registries.
  const { diagnoseCluster, readTarget } = await import('./diagnose-cluster.ts');
  const { config, allNamespaces = false, namespace, probe = false, output } = options;
  if (allNamespaces && namespace !== undefined) throw new UsageError('use either -n or -A');
  const wanted = targets.map((text) => readTarget(text));
  const api = await reachCluster(options);
  const { policy } = await chooseClusterPolicy(api, config, io);
  const { explained, notes } = await diagnoseCluster(
    { api, policy, targets: wanted, probe, namespace: allNamespaces ? 'all' : namespace },
    io,
  );
  for (const note of notes) io.stderr.write(`note: ${escapeUnprintable(note)}\n`);
  const nothing = 'no Pod waits for an image\n';
  io.stdout.write(
    output === 'json'
      ? explained.map(toDiagnosisJson).join('')
      : formatDiagnoses(explained, { counts: true, color: useColor(io.stdout), nothing }),
  );
  return explained.length === 0 ? 0 : 1;
}

async function diagnosePasted(
  targets: readonly string[],
  options: DiagnoseOptions,
  { io, now }: Readonly<{ io: Io; now: number }>,
): Promise<ExitCode> {
  const { output, namespace, allNamespaces, probe } = options;
  if (targets.length !== 1) throw new UsageError('name "-" alone: standard input has the names of Pods in it');
  if (namespace !== undefined || allNamespaces === true || probe === true)
    throw new UsageError('-n, -A and --probe are for a cluster: leave them out with "-"');
  const text = await readStdin(io);
  if (text.trim() === '')
    throw new UsageError('standard input is empty: pipe events into it, or the output of kubectl describe pod');
  const { reports, areMessages } = readPasted(text, now);
  // A message on its own always gets an answer, even if it is unknown, or reports no failure.
  const answers = areMessages ? reports.map((report) => answerMessage(report)) : diagnoseReports(reports);
  const failed = answers.filter((each) => isFailed(each));
  io.stdout.write(
    output === 'json'
      ? answers.map((each) => (isFailed(each) ? toDiagnosisJson(each) : toWellJson(each.report))).join('')
      : formatDiagnoses(failed, { color: useColor(io.stdout) }),
  );
  return failed.length === 0 ? 0 : 1;
}

/** Without a diagnosis if the message reports no failure. */
type Answer = Diagnosed | Readonly<{ report: Report; diagnosis: undefined }>;

function isFailed(answer: Answer): answer is Diagnosed {
  return answer.diagnosis !== undefined;
}

/** The diagnosis of each report of a failed pull. */
export function diagnoseReports(reports: readonly Report[]): readonly Diagnosed[] {
  const diagnosed = reports.flatMap((report) => {
    const diagnosis = diagnoseMessage(report.read, report);
    return diagnosis === undefined ? [] : [{ report, diagnosis }];
  });
  return keepReasons(diagnosed);
}

function answerMessage(report: Report): Answer {
  const reading = readFailure(report.read);
  if (reading.kind === 'well') return { report, diagnosis: undefined };
  const diagnosis =
    reading.kind === 'failed' ? explainFailure(reading.failure, report) : explainUnknown(report.message);
  return { report, diagnosis };
}
