import type { Report } from '../cause/reported-failures.ts';

/**
 * How lines of logs begin: klog's `E0601 12:00:00.000000`, the journal's `Jun 01 12:00:00 node kubelet[1]:`, `time="…" level=`, a
 * time.
 */
const STARTS = [
  /^[IWEF]\d{4} \d\d:\d\d:\d\d/,
  /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? /,
  /^(?:time|ts)="?\d{4}-/,
  /^\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d/,
  /^(?:ERRO|WARN|INFO|FATA|DEBU)\[/,
  /^(?:level|msg)=/,
];

/** Reads a line of a log, with the Pod and node that it names; undefined for any other line. */
export function readLogLine(line: string): Report | undefined {
  if (!STARTS.some((start) => start.test(line))) return undefined;
  const [namespace, pod] = /[ {]pod="([^"/]{1,253})\/([^"]{1,253})"/.exec(line)?.slice(1) ?? [];
  const node = /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? ([\w.-]{1,253}) /.exec(line)?.[1];
  return {
    message: line,
    read: line,
    ...(namespace !== undefined && { namespace }),
    ...(pod !== undefined && { pod }),
    ...(node !== undefined && { node }),
  };
}
