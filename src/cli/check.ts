import type { Policy } from '../engine/rule.ts';
import type { HostPattern } from '../image/host-pattern.ts';
import { createExclude } from '../manifest/path-patterns.ts';
import { buildHostPatterns } from '../policy/section.ts';
import { quote } from '../text/quote.ts';
import { addCustomKinds } from '../workload/custom-kinds.ts';
import { openBaseline, type Baseline, type BaselineOptions } from './baseline.ts';
import { openFile, openRendered, openText, readInputs, type Inputs } from './check-inputs.ts';
import { checkAll, listTold } from './check-text.ts';
import { choosePolicy, reportUnused, type PolicyOptions } from './choose-policy.ts';
import { fixInputs, type FixedInputs } from './fix.ts';
import type { FixMode } from './fix-manifests.ts';
import type { CheckReport, CheckResult } from './format-check.ts';
import { findRoot } from './formats/issues.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';
import { readFacts } from './manifest-facts.ts';
import type { FailOn } from './options.ts';
import { formatReport, isReport, readOutputFiles, writeOutputFiles, type Format, type OutputFile } from './outputs.ts';
import type { RenderOptions } from './render.ts';
import { createLateProgress, useColor, type Progress } from './terminal.ts';

export type CheckOptions = Readonly<{
  output: Format;
  /** Reports to write besides, as `FORMAT=PATH`. */
  outputFile?: readonly string[];
  /** Writes what is certain into the files. */
  fix?: boolean;
  /** Prints what that would change, and writes nothing. */
  diff?: boolean;
  /** Patterns of large images, whose `imagePullPolicy: Always` is fixed as well. */
  fixPullPolicy?: readonly string[];
  /** Files and folders that are left out, as patterns. */
  exclude?: readonly string[];
  /** Has nothing to check be fine. */
  allowEmpty?: boolean;
  /** Has whatever is not checked be an error. */
  strict?: boolean;
  /** From which action on findings fail the command. */
  failOn?: FailOn;
  /** Whether kustomizations and charts are rendered; unless it is false. */
  render?: boolean;
}> &
  PolicyOptions &
  BaselineOptions &
  RenderOptions;

/** `pullguard check`: checks manifests with the rules of the webhook. A file that cannot be read does not hide the others. */
export async function check(paths: readonly string[], options: CheckOptions, io: Io): Promise<ExitCode> {
  const outputFiles = readOutputFiles(options.outputFile ?? []);
  const chosen = await choosePolicy(paths, options, io);
  // With the kinds of well-known projects, which the webhook and `scan` read only where the policy names them.
  const policy = { ...chosen, kinds: addCustomKinds(chosen.kinds) };
  const baseline = openBaseline(options);
  const isExcluded = readExclude(options, paths);
  const large = readLargeImages(options);
  const inputs = await readInputs(paths, options, io, (file) => isExcluded(file) || isReport(file, outputFiles));
  reportUnused(
    paths,
    inputs.files.map(({ file }) => file),
    options,
    io,
  );
  const progress = createLateProgress(io.stderr);
  try {
    const checked = await checkInputs(inputs, { policy, large, options, outputFiles, baseline, progress });
    progress.clear();
    if (checked.fixes !== undefined) io.stdout.write(checked.fixes.printed);
    return finish(checked, outputFiles, options, isPiped(options, inputs) ? { ...io, stdout: io.stderr } : io);
  } finally {
    progress.clear();
  }
}

type Setup = Readonly<{
  policy: Policy;
  large: readonly HostPattern[];
  options: CheckOptions;
  outputFiles: readonly OutputFile[];
  baseline: Baseline;
  progress: Progress;
}>;

type Checked = Pick<CheckReport, 'result' | 'fixable'> & Readonly<{ fixes: FixedInputs | undefined }>;

/** All is read twice: for what it tells of the cluster, and to be checked with that. */
async function checkInputs(inputs: Inputs, setup: Setup): Promise<Checked> {
  const { policy, large, options, outputFiles, baseline, progress } = setup;
  const texts = [...inputs.stdin.map((text) => openText(text)), ...inputs.files.map((file) => openFile(file))];
  const rendered = inputs.rendered.flatMap((one) =>
    one.text === undefined ? [] : [openRendered(one, one.text, options)],
  );
  let [left, done] = [0, 0];
  const facts = readFacts(
    listTold([...texts, ...rendered], () => {
      progress.show('documents', ++left);
    }),
  );
  const fix = async (mode: FixMode): Promise<FixedInputs> =>
    fixInputs(inputs, mode, { policy, facts, large, options, isKnown: baseline.isKnown });
  const mode = chooseFixMode(options);
  const fixes = mode && (await fix(mode));
  // Files are read again as they are now.
  const fixed = (fixes?.read ?? []).map((text) => openText(text));
  const found = checkAll([...fixed, ...texts.slice(fixed.length)], fixes?.rendered ?? inputs.rendered, {
    policy,
    facts,
    options,
    listsObjects: listsObjects(options, outputFiles),
    count: () => {
      progress.show('documents', ++done, Math.max(0, --left));
    },
  });
  const result = baseline.finish({ ...found, errors: [...found.errors, ...(fixes?.errors ?? [])] });
  const fixable = showsFixes(options, outputFiles) ? (fixes ?? (await fix('diff'))).report.fixed : [];
  return { result, fixes, fixable };
}

/** Whether what is printed is for another program, and not to be mixed with what is for people. */
function isPiped(options: CheckOptions, { stdin }: Inputs): boolean {
  const mode = chooseFixMode(options);
  return mode === 'diff' || (mode === 'write' && stdin.length > 0);
}

/** Only SARIF shows how to fix what is only checked. */
function showsFixes(options: CheckOptions, files: readonly OutputFile[]): boolean {
  return chooseFixMode(options) !== 'write' && isWritten('sarif', options, files);
}

/** Only a baseline and JUnit's test cases name the workloads without findings. */
function listsObjects(options: CheckOptions, files: readonly OutputFile[]): boolean {
  return options.baseline !== undefined || isWritten('junit', options, files);
}

function isWritten(format: Format, { output }: CheckOptions, files: readonly OutputFile[]): boolean {
  return output === format || files.some((file) => file.format === format);
}

function chooseFixMode({ fix, diff }: CheckOptions): FixMode | undefined {
  if (diff === true) return 'diff';
  return fix === true ? 'write' : undefined;
}

/** @throws UsageError for a pattern that matches no image, and where nothing is fixed */
function readLargeImages({ fixPullPolicy = [], ...options }: CheckOptions): readonly HostPattern[] {
  if (fixPullPolicy.length > 0 && chooseFixMode(options) === undefined)
    throw new UsageError('--fix-pull-policy is for --fix and --diff: add one of them, or remove it');
  return buildHostPatterns(fixPullPolicy, '', (_at, problem) => {
    throw new UsageError(`--fix-pull-policy ${problem}`);
  });
}

/** @throws UsageError for a pattern that cannot be used */
function readExclude({ exclude = [] }: CheckOptions, paths: readonly string[]): (file: string) => boolean {
  const isExcluded = createExclude(exclude, paths);
  if (isExcluded !== undefined) return isExcluded;
  const patterns = exclude.map((each) => quote(each)).join(', ');
  throw new UsageError(`--exclude has a pattern with an open "[" or a "\\" at its end: ${patterns}`);
}

/** Prints the report, writes it into the files that are asked for, and says how it all ends. */
function finish(
  { result, fixes, fixable }: Checked,
  files: readonly OutputFile[],
  options: CheckOptions,
  io: Io,
): ExitCode {
  const { failOn } = options;
  const root = findRoot(process.cwd(), process.env);
  const report: CheckReport = { result, fixes: fixes?.report, fixable, failOn, root };
  for (const piece of formatReport(report, options.output, useColor(io.stdout))) io.stdout.write(piece);
  const areWritten = writeOutputFiles(files, report, io.stderr);
  const { code, reason } = decideExit(result, options);
  if (reason !== undefined) io.stderr.write(`${reason}\n`);
  return areWritten ? code : 2;
}

/** 2, for input that was not checked, goes before 1, for findings, as these are then incomplete. */
function decideExit(
  { errors, unchecked = [], counts, findings }: CheckResult,
  { allowEmpty = false, strict = false, failOn = 'deny' }: CheckOptions,
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
