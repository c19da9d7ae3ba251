import { diagnose as diagnoseMessage, explainUnknown, type Diagnosis } from '../cause/diagnosis.ts';
import type { Report } from '../cause/reported-failures.ts';
import { describeCause } from '../manifest/files.ts';
import { formatDiagnoses, toDiagnosisJson, type Diagnosed } from './format-diagnosis.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';
import { readPasted, type Pasted } from './pasted-messages.ts';
import { useColor } from './terminal.ts';

export type DiagnoseOptions = Readonly<{ output: 'text' | 'json' }>;

/** `pullguard diagnose -`: says why pulls failed, from messages that were copied. Exit code 1 if one failed. */
export async function diagnose(targets: readonly string[], { output }: DiagnoseOptions, io: Io): Promise<ExitCode> {
  if (targets.length !== 1 || targets[0] !== '-')
    throw new UsageError(
      'name "-" to read events from standard input: kubectl get events -A -o json | pullguard diagnose -',
    );
  const text = await readStdin(io);
  if (text.trim() === '')
    throw new UsageError('standard input is empty: pipe events into it, or the output of kubectl describe pod');
  const diagnosed = diagnoseReports(readPasted(text));
  io.stdout.write(
    output === 'json' ? diagnosed.map(toDiagnosisJson).join('') : formatDiagnoses(diagnosed, useColor(io.stdout)),
  );
  return diagnosed.length === 0 ? 0 : 1;
}

/**
 * The diagnosis of each report. A message that stands for itself is answered also where it is not known; where a Pod says only that kubelet
 * waits, and another of its messages says why, the second is enough.
 */
export function diagnoseReports({ reports, areMessages }: Pasted): readonly Diagnosed[] {
  const diagnosed = reports.flatMap((report) => {
    const diagnosis =
      diagnoseMessage(report.read, report) ?? (areMessages ? explainUnknown(report.message) : undefined);
    return diagnosis === undefined ? [] : [{ report, diagnosis }];
  });
  if (areMessages) return diagnosed;
  const explained = new Set(
    diagnosed.filter(({ diagnosis }) => hasReason(diagnosis)).map(({ report }) => keyOfPod(report)),
  );
  return diagnosed.filter(({ report, diagnosis }) => hasReason(diagnosis) || !explained.has(keyOfPod(report)));
}

function hasReason({ cause }: Diagnosis): boolean {
  return cause !== 'back-off';
}

function keyOfPod({ namespace, pod }: Report): string {
  return JSON.stringify([namespace, pod]);
}

async function readStdin(io: Io): Promise<string> {
  try {
    return await io.readStdin();
  } catch (error) {
    throw new UsageError(`standard input cannot be read: ${describeCause(error)}`, { cause: error });
  }
}
