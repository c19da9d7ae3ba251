import type { Policy } from '../engine/rule.ts';
import type { HostPattern } from '../image/host-pattern.ts';
import type { Position } from '../manifest/document.ts';
import { describeCause, readPieces, readText, type FoundFile } from '../manifest/files.ts';
import { findInputs } from '../manifest/find-inputs.ts';
import { readManifest, type Part } from '../manifest/read-manifests.ts';
import { buildHostPatterns } from '../policy/section.ts';
import { redact } from '../text/redact.ts';
import { addCustomKinds } from '../workload/custom-kinds.ts';
import { decideExit } from './check-exit.ts';
import { checkText, listTold, type Source, type Terms, type TextResult } from './check-text.ts';
import { choosePolicy, reportUnused, type PolicyOptions } from './choose-policy.ts';
import { createExceptions, type ExceptionOptions, type Exceptions } from './exceptions.ts';
import { fixAll, STDIN, type FixMode, type FixOutcome } from './fix.ts';
import type { CheckResult, LocatedFinding, SuppressedFinding } from './format-check.ts';
import type { CheckReport } from './formats/check-report.ts';
import { findRoot } from './formats/repository-path.ts';
import { createIgnores, hasIgnoreComments, type Ignores } from './ignore-comments.ts';
import { hideCredentials, UsageError, type ExitCode, type Io } from './io.ts';
import { fixSources } from './fix-sources.ts';
import { REPLACED, type FixTerms } from './plan-fixes.ts';
import { readFacts, type Told } from './manifest-facts.ts';
import type { FailOn } from './options.ts';
import { formatReport, isReport, readOutputFiles, writeOutputFiles, type Format, type OutputFile } from './outputs.ts';
import { PackedList } from './packed-list.ts';
import { createTrace, renderAll, type Rendered, type RenderOptions } from './render.ts';
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
  ExceptionOptions &
  RenderOptions;

/** `pullguard check`: checks manifests with the rules of the webhook. A file that cannot be read does not hide the others. */
export async function check(paths: readonly string[], options: CheckOptions, io: Io): Promise<ExitCode> {
  const outputFiles = readOutputFiles(options.outputFile ?? []);
  const policy = readCustomKinds(await choosePolicy(paths, options, io));
  const exceptions = createExceptions(options, policy, paths);
  const large = readLargeImages(options);
  const isLeftOut = (file: string): boolean => exceptions.isExcluded(file) || isReport(file, outputFiles);
  const inputs = await readInputs(paths, options, io, isLeftOut);
  reportUnused(
    paths,
    inputs.files.map(({ file }) => file),
    options,
    io,
  );
  const progress = createLateProgress(io.stderr);
  let read: Read;
  try {
    read = await checkInputs(inputs, { policy, large, options, outputFiles, exceptions, progress });
  } finally {
    progress.clear();
  }
  const { result, fix, fixes } = read;
  const report: CheckReport = {
    result,
    fixes: fixes?.report,
    fixable: showsFixes(options, outputFiles) ? await listFixable(fixes, fix) : [],
    failOn: options.failOn,
    root: findRoot(process.cwd(), process.env),
  };
  if (fixes !== undefined) io.stdout.write(fixes.printed);
  return finish(report, outputFiles, options, isPiped(options, inputs.stdin) ? { ...io, stdout: io.stderr } : io);
}

type Read = Readonly<{
  result: CheckResult;
  fixes: FixedInputs | undefined;
  fix: (mode: FixMode) => Promise<FixedInputs>;
}>;

type Setup = Readonly<{
  policy: Policy;
  large: readonly HostPattern[];
  options: CheckOptions;
  outputFiles: readonly OutputFile[];
  exceptions: Exceptions;
  progress: Progress;
}>;

/** All is read twice: for what it tells of the cluster, and to be checked with that. */
async function checkInputs(inputs: Inputs, setup: Setup): Promise<Read> {
  const { stdin, files, rendered } = inputs;
  const { policy, large, options, outputFiles, exceptions, progress } = setup;
  const fixing = chooseFixMode(options);
  const texts = [...stdin.map((text) => openText(text)), ...files.map((file) => openFile(file))];
  const made = rendered.flatMap((one) => (one.text === undefined ? [] : [openRendered(one, one.text)]));
  let [left, done] = [0, 0];
  const facts = readFacts(
    listAllTold([...texts, ...made], () => {
      progress.show('documents', ++left);
    }),
  );
  const count = (): void => {
    progress.show('documents', ++done, Math.max(0, --left));
  };
  const terms = { policy, facts, count, listsObjects: listsObjects(options, outputFiles) };
  const fix = (mode: FixMode): Promise<FixedInputs> =>
    fixInputs(inputs, mode, { policy, facts, large, options }, exceptions);
  const fixes = fixing && (await fix(fixing));
  // Files are read again as they are now.
  const fixed = fixes === undefined ? [] : fixes.read.slice(0, stdin.length).map((text) => openText(text));
  const found: Found = { findings: new PackedList(), suppressed: new PackedList(), said: [] };
  for (const text of [...fixed, ...texts.slice(fixed.length)]) checkFile(text, terms, found);
  checkAllRendered(fixes?.rendered ?? rendered, terms, options, found);
  if (fixes !== undefined) found.said.push({ ...NOTHING, errors: fixes.errors });
  return { result: exceptions.finish(mergeFound(found)), fixes, fix };
}

async function listFixable(
  fixes: FixedInputs | undefined,
  fix: (mode: FixMode) => Promise<FixedInputs>,
): Promise<CheckReport['fixable']> {
  return (fixes ?? (await fix('diff'))).report.fixed;
}

/** Whether what is printed is for another program, and not to be mixed with what is for people. */
function isPiped(options: CheckOptions, stdin: readonly unknown[]): boolean {
  const fixing = chooseFixMode(options);
  return fixing === 'diff' || (fixing === 'write' && stdin.length > 0);
}

/** Only SARIF shows how to fix what is only checked. */
function showsFixes(options: CheckOptions, files: readonly OutputFile[]): boolean {
  const formats = [options.output, ...files.map(({ format }) => format)];
  return chooseFixMode(options) !== 'write' && formats.includes('sarif');
}

type Inputs = Readonly<{
  stdin: readonly ReadText[];
  files: readonly FoundFile[];
  parts: readonly FoundFile[];
  rendered: readonly Rendered[];
}>;

async function readInputs(
  paths: readonly string[],
  options: CheckOptions,
  io: Io,
  isLeftOut: (file: string) => boolean,
): Promise<Inputs> {
  const stdin = paths.includes('-') ? [await readStdin(io)] : [];
  const named = paths.filter((path) => path !== '-');
  const { files, units, parts } = findInputs(named, options.render !== false, isLeftOut);
  return { stdin, files, parts, rendered: await renderAll(units, options) };
}

/** Prints the report, writes it into the files that are asked for, and says how it all ends. */
function finish(report: CheckReport, files: readonly OutputFile[], options: CheckOptions, io: Io): ExitCode {
  for (const piece of formatReport(report, options.output, useColor(io.stdout))) io.stdout.write(piece);
  const isWritten = writeOutputFiles(files, report, io.stderr);
  const { code, reason } = decideExit(report.result, options);
  if (reason !== undefined) io.stderr.write(`${reason}\n`);
  return isWritten ? code : 2;
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

function fixTexts(
  texts: readonly ReadText[],
  mode: FixMode,
  terms: Pick<FixTerms, 'policy' | 'facts' | 'large'>,
  exceptions: Exceptions,
): FixOutcome {
  const read = texts.map((one) => ({ ...one, manifest: one.text === undefined ? undefined : readManifest(one.text) }));
  return fixAll(read, mode, { ...terms, isHidden: exceptions.watch(read) });
}

/** The texts and what is rendered as they are now. */
type FixedInputs = FixOutcome & Readonly<{ rendered: readonly Rendered[] }>;

/** Fixes what is read, the files that kustomizations are made of, and what images are rendered from. */
async function fixInputs(
  { stdin, files, parts, rendered }: Inputs,
  mode: FixMode,
  { options, ...terms }: Pick<FixTerms, 'policy' | 'facts' | 'large'> & Readonly<{ options: RenderOptions }>,
  exceptions: Exceptions,
): Promise<FixedInputs> {
  const renderAgain = (isChanged: boolean): readonly Rendered[] | Promise<readonly Rendered[]> =>
    isChanged && mode === 'write'
      ? renderAll(
          rendered.map(({ unit }) => unit),
          options,
        )
      : rendered;
  const texts = [...files, ...parts].map((file) => readFile(file));
  const direct = fixTexts([...stdin, ...texts], mode, terms, exceptions);
  const { fixed } = direct.report;
  const isKnown = exceptions.watch([]);
  const sources = await fixSources(await renderAgain(fixed.length > 0), mode, {
    ...{ ...terms, options },
    isHidden: (finding, manifest) =>
      isKnown(finding, manifest, finding.file) ||
      createIgnores(readFile(finding).text ?? '', terms.policy).isIgnored(finding),
    isFixed: (from, to) => fixed.some(({ change }) => change.op === 'set' && change.from === from && change.to === to),
  });
  const isPart = new Set(parts.map(({ file }) => file));
  const unfixed = rendered.every(({ text }) => text !== undefined)
    ? direct.report.unfixed.filter(({ file, why }) => !isPart.has(file) || why !== REPLACED)
    : direct.report.unfixed;
  return {
    read: direct.read.slice(0, stdin.length),
    report: { mode, fixed: [...fixed, ...sources.fixed], unfixed: [...unfixed, ...sources.unfixed] },
    errors: [...direct.errors, ...sources.errors],
    printed: direct.printed + sources.printed,
    rendered: await renderAgain(fixed.length > 0 || sources.fixed.length > 0),
  };
}

/** A policy with the kinds of well-known projects, which the webhook and `scan` read only where the policy names them. */
function readCustomKinds(policy: Policy): Policy {
  return { ...policy, kinds: addCustomKinds(policy.kinds) };
}

type ReadText = Readonly<{ file: string; text?: string; problem?: string }>;

async function readStdin(io: Io): Promise<ReadText> {
  const file = STDIN;
  try {
    return { file, text: await io.readStdin() };
  } catch (error) {
    return { file, problem: describeCause(error) };
  }
}

function readFile({ file, problem }: FoundFile): ReadText {
  if (problem !== undefined) return { file, problem };
  try {
    return { file, text: readText(file) };
  } catch (error) {
    return { file, problem: describeCause(error) };
  }
}

/** A text, and why it could not be read, which is known once it was. */
type OpenText = Source & { problem?: string };

function openText({ file, text = '', problem }: ReadText): OpenText {
  return { file, pieces: () => [text], ...(problem !== undefined && { problem }) };
}

function openFile({ file, problem }: FoundFile): OpenText {
  if (problem !== undefined) return { file, problem, pieces: () => [] };
  const open: OpenText = {
    file,
    *pieces() {
      try {
        yield* readPieces(file);
      } catch (error) {
        open.problem = describeCause(error);
      }
    },
  };
  return open;
}

function openRendered({ unit }: Rendered, text: () => string): Source {
  return { file: `${unit.folder} (rendered)`, pieces: () => [dropDefinitions(text()).kept] };
}

/** Definitions of custom kinds have no images and megabytes, which take seconds to parse. The lines around them stay where they are. */
function dropDefinitions(text: string): Readonly<{ kept: string; dropped: number }> {
  let dropped = 0;
  const documents = text.split(/^(?=---\n)/m).map((document) => {
    if (!/^kind: CustomResourceDefinition$/m.test(document)) return document;
    dropped++;
    return `---${document.replaceAll(/[^\n]+/g, '')}`;
  });
  return { kept: documents.join(''), dropped };
}

function* listAllTold(sources: readonly Source[], count: () => void): Generator<Told> {
  for (const source of sources) yield* listTold(source, count);
}

/** Only a baseline and JUnit's test cases name the workloads without findings. */
function listsObjects({ output, baseline }: CheckOptions, files: readonly OutputFile[]): boolean {
  return baseline !== undefined || output === 'junit' || files.some(({ format }) => format === 'junit');
}

/** What was found so far: of all that is read only the findings, and what else is said of a text. */
type Found = Readonly<{
  findings: PackedList<LocatedFinding>;
  suppressed: PackedList<SuppressedFinding>;
  said: TextResult[];
}>;

const NOTHING: TextResult = {
  errors: [],
  counts: { workloads: 0, exempt: 0, otherObjects: 0, foreign: 0 },
  skipped: [],
};

/** Checks a text, without what its comments ignore, and with what is wrong with them. */
function checkFile(text: OpenText, terms: Terms, { findings, suppressed, said }: Found): void {
  const { file } = text;
  const ignores: Ignores[] = [];
  const held = new PackedList<LocatedFinding>();
  const known = suppressed.length;
  const result = text.problem === undefined ? checkText(text, terms, take) : NOTHING;
  // The path may be an image reference with a password, meant for `pullguard image`.
  if (text.problem !== undefined)
    said.push({ ...NOTHING, errors: [{ file: redact(file), message: `cannot be read: ${text.problem}` }] });
  const skipped = new Set(result.skipped.map(({ rule }) => rule));
  const problems = ignores.flatMap(({ report }) => report(file, (rule) => !skipped.has(rule)));
  for (const finding of mergeByPlace(held, problems)) findings.push(finding);
  const ignored = suppressed.length - known;
  const isHiding = ignored > 0 || problems.length > 0;
  said.push({ ...result, ...(isHiding && { hidden: { baseline: 0, ignored } }) });

  function take(found: readonly LocatedFinding[], part: Part): void {
    const own = hasIgnoreComments(part.text) ? createIgnores(part.text, terms.policy, part.line) : undefined;
    if (own !== undefined) ignores.push(own);
    for (const finding of found.toSorted(compareByPlace)) {
      if (own?.isIgnored(finding) === true)
        suppressed.push({ ...finding, by: 'comment', reason: own.reasonOf(finding) });
      // Which comments do nothing is known at the end of the text, and said between the findings behind the first comment.
      else (ignores.length === 0 ? findings : held).push(finding);
    }
  }
}

function compareByPlace(left: Position, right: Position): number {
  return left.line - right.line || left.column - right.column;
}

/** Of the same place those of the first list come first. Both are in the order of their places. */
function* mergeByPlace<Value extends Position>(first: Iterable<Value>, second: readonly Value[]): Generator<Value> {
  const others = second.toSorted(compareByPlace);
  let at = 0;
  for (const value of first) {
    for (let other = others[at]; other !== undefined && compareByPlace(other, value) < 0; other = others[++at])
      yield other;
    yield value;
  }
  yield* others.slice(at);
}

/** Checks what was rendered, without what overlays of one base repeat, and what comments at its sources ignore. */
function checkAllRendered(rendered: readonly Rendered[], terms: Terms, options: RenderOptions, found: Found): void {
  const distinct = new Map<string, LocatedFinding>();
  for (const one of rendered) {
    for (const finding of checkRendered(one, terms, options, found.said)) {
      const { file, line, column, rule, workload, at, value } = finding;
      distinct.set(JSON.stringify([file, line, column, rule, workload, at, value]), finding);
    }
  }
  const ignores = new Map<string, Ignores>();
  let ignored = 0;
  for (const finding of distinct.values()) {
    const { file } = finding;
    const ofFile = ignores.get(file) ?? createIgnores(readFile({ file }).text ?? '', terms.policy);
    ignores.set(file, ofFile);
    if (ofFile.isIgnored(finding)) {
      found.suppressed.push({ ...finding, by: 'comment', reason: ofFile.reasonOf(finding) });
      ignored++;
    } else found.findings.push(finding);
  }
  if (ignored > 0) found.said.push({ ...NOTHING, hidden: { baseline: 0, ignored } });
}

function checkRendered(
  one: Rendered,
  terms: Terms,
  options: RenderOptions,
  said: TextResult[],
): readonly LocatedFinding[] {
  const { unit, text, unchecked = [], problem } = one;
  if (text === undefined) {
    const errors = problem === undefined ? [] : [{ file: redact(unit.file), message: hideCredentials(problem) }];
    said.push({ ...NOTHING, errors, unchecked });
    return [];
  }
  const findings: LocatedFinding[] = [];
  const { dropped } = dropDefinitions(text());
  const source = { ...openRendered(one, text), trace: createTrace(unit, text, options) };
  const result = checkText(source, terms, (found) => findings.push(...found));
  const { counts, unchecked: found = [] } = result;
  said.push({
    ...result,
    counts: { ...counts, otherObjects: counts.otherObjects + dropped },
    unchecked: found.filter(({ cause }) => cause !== 'empty' || dropped === 0),
  });
  return findings.sort(compareByPlace);
}

function mergeFound({ findings, suppressed, said }: Found): CheckResult {
  const hidden = said.flatMap((one) => one.hidden ?? []);
  return {
    findings,
    suppressed,
    errors: said.flatMap(({ errors }) => errors),
    counts: {
      workloads: sum(said, ({ workloads }) => workloads),
      exempt: sum(said, ({ exempt }) => exempt),
      otherObjects: sum(said, ({ otherObjects }) => otherObjects),
      foreign: sum(said, ({ foreign }) => foreign),
    },
    skipped: [...new Map(said.flatMap(({ skipped }) => skipped).map((one) => [one.rule, one])).values()],
    unchecked: said.flatMap(({ unchecked = [] }) => unchecked),
    objects: said.flatMap(({ objects = [] }) => objects),
    ...(hidden.length > 0 && {
      hidden: { baseline: 0, ignored: hidden.reduce((total, { ignored }) => total + ignored, 0) },
    }),
  };
}

function sum(results: readonly TextResult[], count: (counts: CheckResult['counts']) => number): number {
  return results.reduce((total, { counts }) => total + count(counts), 0);
}
