import type { CheckResult } from '../format-check.ts';
import type { Fixed } from '../fix-manifests.ts';
import type { FixReport } from '../fix.ts';
import type { FailOn } from '../options.ts';

/** The result of `check`, for all formats. */
export type CheckReport = Readonly<{
  result: CheckResult;
  /** What --fix wrote, or --diff shows. */
  fixes?: FixReport | undefined;
  /** What --fix would write. */
  fixable: readonly Fixed[];
  /** The lowest action of a finding that makes the command fail; `deny` by default. */
  failOn?: FailOn | undefined;
  /** The folder to which other programs take paths to be relative, as an absolute path. */
  root: string;
}>;
