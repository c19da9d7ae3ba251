import type { CheckResult } from './format-check.ts';
import type { ExitCode } from './io.ts';
import type { FailOn } from './options.ts';

/** The exit code of `check`: 2, for input that was not checked, goes before 1, for findings, as these are then incomplete. */
export function decideExit(
  { errors, unchecked = [], counts, findings }: CheckResult,
  {
    allowEmpty = false,
    strict = false,
    failOn = 'deny',
  }: Readonly<{ allowEmpty?: boolean; strict?: boolean; failOn?: FailOn }>,
): Readonly<{ code: ExitCode; reason?: string }> {
  if (errors.length > 0) return { code: 2 };
  if (strict && unchecked.length > 0)
    return { code: 2, reason: `${unchecked.length} not checked, an error with --strict: see "not checked" above` };
  const isEmpty = counts.workloads === 0 && counts.exempt === 0;
  if (isEmpty && !allowEmpty) return { code: 2, reason: describeEmpty(unchecked.length) };
  // A notice is about something that pullguard fixes, or that is harmless.
  const fails = [...findings].some(({ action, severity }) =>
    action === 'deny' ? failOn !== 'never' : failOn === 'warn' && action === 'warn' && severity !== 'notice',
  );
  return { code: fails ? 1 : 0 };
}

function describeEmpty(unchecked: number): string {
  return unchecked > 0
    ? 'nothing was checked: see "not checked" above, or use --allow-empty'
    : 'nothing was checked, as no workload was found: fix the path, or use --allow-empty';
}
