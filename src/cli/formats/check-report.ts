import type { CheckResult } from '../format-check.ts';
import type { Fixed } from '../fix-manifests.ts';
import type { FixReport } from '../fix.ts';
import type { FailOn } from '../options.ts';

/** What `check` has to say, for any format. */
export type CheckReport = Readonly<{
  result: CheckResult;
  /** What --fix wrote, or --diff shows. */
  fixes?: FixReport | undefined;
  /** What --fix would write. */
  fixable: readonly Fixed[];
  /** From which action on findings fail the command; from `deny` on where it is not given. */
  failOn?: FailOn | undefined;
  /** The folder that other programs take paths from: an absolute path. */
  root: string;
}>;
