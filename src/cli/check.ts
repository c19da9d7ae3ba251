import { checkObject } from '../admission/check-object.ts';
import type { Decision, Finding } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import type { HostPattern } from '../image/host-pattern.ts';
import type { Position } from '../manifest/document.ts';
import { describeCause, readText, type FoundFile } from '../manifest/files.ts';
import { findInputs } from '../manifest/find-inputs.ts';
import { readManifest, type Manifest, type ManifestObject } from '../manifest/read-manifests.ts';
import { isExemptNamespace } from '../policy/policy.ts';
import { buildHostPatterns } from '../policy/section.ts';
import type { Facts } from '../pull/facts.ts';
import { formatFieldPath, readString } from '../text/json.ts';
import { redact } from '../text/redact.ts';
import { addCustomKinds } from '../workload/custom-kinds.ts';
import { findNoText } from '../workload/find-images.ts';
import { findKind, groupOf } from '../workload/kinds.ts';
import { readName } from '../workload/workload.ts';
import { decideExit } from './check-exit.ts';
import { choosePolicy, reportUnused, type PolicyOptions } from './choose-policy.ts';
import { createExceptions, type ExceptionOptions, type Exceptions } from './exceptions.ts';
import { fixAll, STDIN, type FixMode, type FixOutcome } from './fix.ts';
import type { CheckResult, SuppressedFinding } from './format-check.ts';
import type { CheckReport } from './formats/check-report.ts';
import { findRoot } from './formats/repository-path.ts';
import { createIgnores, type Ignores } from './ignore-comments.ts';
import { hideCredentials, UsageError, type ExitCode, type Io } from './io.ts';
import { fixSources } from './fix-sources.ts';
import { REPLACED, type FixTerms } from './plan-fixes.ts';
import { readFacts, tellsOfCluster, type Told } from './manifest-facts.ts';
import type { FailOn } from './options.ts';
import { formatReport, isReport, readOutputFiles, writeOutputFiles, type Format, type OutputFile } from './outputs.ts';
import { renderAll, type Rendered, type RenderOptions, type Trace } from './render.ts';
import { useColor } from './terminal.ts';
import { accountFor, describeByName, describeOther, kindOf, type Account } from './unchecked.ts';

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
  const fixing = chooseFixMode(options);
  const large = readLargeImages(options);
  const isLeftOut = (file: string): boolean => exceptions.isExcluded(file) || isReport(file, outputFiles);
  const inputs = await readInputs(paths, options, io, isLeftOut);
  const { stdin, files, rendered } = inputs;
  reportUnused(
    paths,
    files.map(({ file }) => file),
    options,
    io,
  );
  const made = rendered.map((unit) => sortOutRendered(unit, policy));
  const sorted = [
    ...stdin.map((text) => sortOut(text, policy)),
    // One after the other, so that no more than one text is held.
    ...files.map((file) => sortOut(readFile(file), policy)),
  ];
  const terms = { policy, facts: readFacts([...sorted, ...made].flatMap(({ told }) => told)) };
  const fix = (mode: FixMode): Promise<FixedInputs> =>
    fixInputs(inputs, mode, { ...terms, large, options }, exceptions);
  const fixes = fixing && (await fix(fixing));
  const { read, left } = fixes === undefined ? { read: sorted, left: made } : sortOutFixed(fixes, policy);
  const result = mergeResults([
    ...read.map((one) => exceptions.apply(checkFile(one, terms), one.file, one.ignores)),
    ignoreAtSources(dropRepeated(mergeResults(left.map((one) => checkFile(one, terms)))), policy),
    ...(fixes === undefined ? [] : [{ ...NOTHING, errors: fixes.errors }]),
  ]);
  const report: CheckReport = {
    result: exceptions.finish(result),
    fixes: fixes?.report,
    fixable: showsFixes(options, outputFiles) ? await listFixable(fixes, fix) : [],
    failOn: options.failOn,
    root: findRoot(process.cwd(), process.env),
  };
  if (fixes !== undefined) io.stdout.write(fixes.printed);
  return finish(report, outputFiles, options, isPiped(options, stdin) ? { ...io, stdout: io.stderr } : io);
}

function sortOutFixed(
  { read, rendered }: FixedInputs,
  policy: Policy,
): Readonly<Record<'read' | 'left', readonly SortedFile[]>> {
  return {
    read: read.map((text) => sortOut(text, policy)),
    left: rendered.map((unit) => sortOutRendered(unit, policy)),
  };
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
  io.stdout.write(formatReport(report, options.output, useColor(io.stdout)));
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
  terms: Terms & Pick<FixTerms, 'large'>,
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
  { options, ...terms }: Terms & Pick<FixTerms, 'large'> & Readonly<{ options: RenderOptions }>,
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
    read: direct.read.slice(0, stdin.length + files.length),
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

const NOTHING: CheckResult = {
  findings: [],
  errors: [],
  counts: { workloads: 0, exempt: 0, otherObjects: 0, foreign: 0 },
  skipped: [],
  unchecked: [],
};

/** The path may be an image reference with a password, meant for `pullguard image`. */
function unreadable(file: string, problem = 'unknown error'): CheckResult {
  return { ...NOTHING, errors: [{ file: redact(file), message: `cannot be read: ${problem}` }] };
}

/**
 * What is kept of a file until all are read: its workloads, the objects that tell of the cluster, and what can be said already. All
 * the rest would fill the memory: definitions of custom kinds have megabytes.
 */
type SortedFile = Readonly<{
  file: string;
  workloads: readonly ManifestObject[];
  told: readonly Told[];
  ignores: Ignores;
  said: CheckResult;
  /** Where something of a rendered text stands in the files that it was made of. */
  trace?: Trace;
}>;

function sortOut({ file, text, problem }: ReadText, policy: Policy): SortedFile {
  const ignores = createIgnores(text ?? '', policy);
  if (text === undefined) return { file, workloads: [], told: [], ignores, said: unreadable(file, problem) };
  const { objects, foreign, others, errors } = readManifest(text);
  const accounts = objects.map((object) => ({ object, ...accountFor(object, file, policy) }));
  const workloads = accounts.filter(({ isWorkload }) => isWorkload).map(({ object }) => object);
  const isEmpty = objects.length === 0 && foreign === 0 && errors.length === 0;
  const byName = foreign > 0 ? describeByName(file) : undefined;
  const unchecked = [
    ...(byName === undefined ? [] : [byName]),
    ...accounts.flatMap((account) => account.unchecked),
    ...others.flatMap((other) => describeOther(other, file) ?? []),
    ...(isEmpty ? [{ file, cause: 'empty', message: 'it is empty, or has nothing but comments' } as const] : []),
  ];
  const noText = new Map(objects.map((object) => [object, describeNoText(object, policy)]));
  const isOther = ({ object, isWorkload, unchecked: own }: Account & Readonly<{ object: ManifestObject }>): boolean =>
    !isWorkload && own.length === 0 && noText.get(object)?.length === 0;
  return {
    file,
    workloads,
    told: objects.flatMap((each) => (tellsOfCluster(each) ? [stripPlaces(each)] : [])),
    ignores,
    said: {
      ...NOTHING,
      errors: [...errors, ...[...noText.values()].flat()].map((error) => ({
        file,
        ...error,
      })),
      counts: {
        workloads: 0,
        exempt: 0,
        otherObjects: accounts.filter(isOther).length,
        foreign: foreign - unchecked.filter(({ kind, cause }) => kind === undefined && cause !== 'empty').length,
      },
      unchecked,
    },
  };
}

function sortOutRendered({ unit, text, unchecked, problem, trace }: Rendered, policy: Policy): SortedFile {
  const file = unit.file;
  if (text === undefined) {
    const errors = problem === undefined ? [] : [{ file: redact(file), message: hideCredentials(problem) }];
    const said = { ...NOTHING, errors, unchecked: unchecked ?? [] };
    return { file, workloads: [], told: [], ignores: createIgnores('', policy), said };
  }
  const { kept, dropped } = dropDefinitions(text);
  const sorted = sortOut({ file: `${unit.folder} (rendered)`, text: kept }, policy);
  const { counts, unchecked: found = [] } = sorted.said;
  const said = {
    ...sorted.said,
    counts: { ...counts, otherObjects: counts.otherObjects + dropped },
    unchecked: found.filter(({ cause }) => cause !== 'empty' || dropped === 0),
  };
  return { ...sorted, said, ...(trace !== undefined && { trace }) };
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

/** A function that locates fields holds on to the whole document. */
function stripPlaces({ apiVersion, kind, object }: ManifestObject): Told {
  return { apiVersion, kind, object };
}

/** What manifests are checked with. */
type Terms = Readonly<{ policy: Policy; facts: Facts }>;

function checkFile({ file, workloads, said, trace }: SortedFile, terms: Terms): CheckResult {
  // In what is rendered a value is not where its source has it.
  const checked = workloads.map((object) => checkManifest(object, terms, trace === undefined));
  const exempt = checked.filter(({ isExempt }) => isExempt).length;
  return {
    ...said,
    counts: { ...said.counts, workloads: checked.length - exempt, exempt },
    findings: checked
      .flatMap(({ findings }) => findings)
      .map((finding) => ({ ...finding, file, ...trace?.(finding), input: file }))
      .sort((left, right) => left.line - right.line || left.column - right.column),
    skipped: mergeSkipped(checked),
    objects: workloads.map(({ kind, object }) => ({
      ...{ file, kind, namespace: readString(object, 'metadata', 'namespace'), name: redact(readName(object)) },
    })),
  };
}

function describeNoText({ apiVersion, kind, object, locate }: ManifestObject, policy: Policy): Manifest['errors'] {
  if (isExemptNamespace(policy, readString(object, 'metadata', 'namespace'))) return [];
  const known = findKind(policy.kinds, groupOf(apiVersion), kind);
  const found = known === undefined ? [] : findNoText(object, known);
  return found.map(({ at, what }) => ({
    ...locate(at),
    message: `${kind}/${redact(readName(object))} ${formatFieldPath(at)}: the image is ${what}, but has to be a string: write it in quotes, as in "registry/repository:tag"`,
  }));
}

type CheckedManifest = Pick<Decision, 'skipped'> &
  Readonly<{ findings: readonly (Finding & Position)[]; isExempt: boolean }>;

function checkManifest(manifest: ManifestObject, { policy, facts }: Terms, hasEnds: boolean): CheckedManifest {
  const kind = kindOf(manifest, policy.kinds);
  const { object } = manifest;
  if (kind === undefined) return { findings: [], skipped: [], isExempt: false };
  const checked = checkObject('manifest', { object, kind, namespace: '', policy, facts, now: Date.now() });
  if (checked.exempt !== undefined) return { findings: [], skipped: [], isExempt: true };
  const findings = checked.decision.findings.map((finding) => ({
    ...spareSource(finding),
    ...manifest.locate(finding.at),
    ...(hasEnds && findEnd(manifest, finding)),
  }));
  return { findings, skipped: checked.decision.skipped, isExempt: false };
}

/** Where the value ends that is wrong. What is missing ends nowhere. */
function findEnd(
  { locate }: ManifestObject,
  { at, value }: Finding,
): Readonly<{ endLine?: number; endColumn?: number }> {
  if (value === undefined) return {};
  const start = locate(at);
  const { line, column } = locate(at, 'end');
  return line === start.line && column === start.column ? {} : { endLine: line, endColumn: column };
}

/** In a file `ko` builds `ko://…` and replaces it by the image. In a cluster nothing does. */
function spareSource(finding: Finding): Finding {
  const isBuilt = finding.value?.startsWith('ko://') === true;
  return isBuilt && finding.action === 'deny' ? { ...finding, action: 'warn', severity: 'warning' } : finding;
}

function mergeResults(results: readonly CheckResult[]): CheckResult {
  return {
    findings: results.flatMap(({ findings }) => findings),
    errors: results.flatMap(({ errors }) => errors),
    counts: {
      workloads: sum(results, ({ workloads }) => workloads),
      exempt: sum(results, ({ exempt }) => exempt),
      otherObjects: sum(results, ({ otherObjects }) => otherObjects),
      foreign: sum(results, ({ foreign }) => foreign),
    },
    skipped: mergeSkipped(results),
    unchecked: results.flatMap(({ unchecked = [] }) => unchecked),
    objects: results.flatMap(({ objects = [] }) => objects),
    suppressed: results.flatMap(({ suppressed = [] }) => suppressed),
    ...(results.some(({ hidden }) => hidden !== undefined) && {
      hidden: {
        baseline: results.reduce((total, { hidden }) => total + (hidden?.baseline ?? 0), 0),
        ignored: results.reduce((total, { hidden }) => total + (hidden?.ignored ?? 0), 0),
      },
    }),
  };
}

/** Leaves out what a comment at the source of a rendered finding ignores. */
function ignoreAtSources(result: CheckResult, policy: Policy): CheckResult {
  const ignores = new Map<string, Ignores>();
  const suppressed: SuppressedFinding[] = [];
  const findings = result.findings.filter((finding) => {
    const { file } = finding;
    const ofFile = ignores.get(file) ?? createIgnores(readFile({ file }).text ?? '', policy);
    ignores.set(file, ofFile);
    const isIgnored = ofFile.isIgnored(finding);
    if (isIgnored) suppressed.push({ ...finding, by: 'comment', reason: ofFile.reasonOf(finding) });
    return !isIgnored;
  });
  const ignored = suppressed.length;
  return ignored === 0 ? result : { ...result, findings, suppressed, hidden: { baseline: 0, ignored } };
}

/** Overlays of one base show the same in the same place: each once. */
function dropRepeated(result: CheckResult): CheckResult {
  const findings = new Map(
    result.findings.map((finding) => {
      const { file, line, column, rule, workload, at, value } = finding;
      return [JSON.stringify([file, line, column, rule, workload, at, value]), finding];
    }),
  );
  return { ...result, findings: [...findings.values()] };
}

function mergeSkipped(results: readonly Pick<Decision, 'skipped'>[]): Decision['skipped'] {
  return [...new Map(results.flatMap(({ skipped }) => skipped).map((one) => [one.rule, one])).values()];
}

function sum(results: readonly CheckResult[], count: (counts: CheckResult['counts']) => number): number {
  return results.reduce((total, { counts }) => total + count(counts), 0);
}
