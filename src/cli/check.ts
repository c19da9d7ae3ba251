import type { Position } from '../manifest/document.ts';
import { describeCause, findFiles, readText, type FoundFile } from '../manifest/files.ts';
import { checkObject } from '../admission/check-object.ts';
import type { Decision, Finding } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import { formatFieldPath, readString } from '../text/json.ts';
import { findNoText, findUnreadImage } from '../workload/find-images.ts';
import { findKind, groupOf, WORKLOAD_KINDS } from '../workload/kinds.ts';
import { readName } from '../workload/workload.ts';
import { createExceptions, type ExceptionOptions, type Exceptions } from './exceptions.ts';
import { fixAll, STDIN, type FixMode, type FixOutcome } from './fix.ts';
import { formatFixText, toFixJson } from './format-fix.ts';
import { formatCheckJson, formatCheckText, type CheckResult, type Unchecked } from './format-check.ts';
import { createIgnores, type Ignores } from './ignore-comments.ts';
import { type ExitCode, type Io } from './io.ts';
import { redact } from '../text/redact.ts';
import { loadConfig } from './load-config.ts';
import { readFacts, tellsOfCluster, type Told } from './manifest-facts.ts';
import { useColor } from './terminal.ts';
import { readManifest, type Manifest, type ManifestObject } from '../manifest/read-manifests.ts';
import type { Facts } from '../pull/facts.ts';

export type CheckOptions = Readonly<{
  config?: string;
  output: 'text' | 'json';
  /** Writes what is certain into the files. */
  fix?: boolean;
  /** Prints what that would change, and writes nothing. */
  diff?: boolean;
}> &
  ExceptionOptions;

/** `pullguard check`: checks manifests with the rules of the webhook. A file that cannot be read does not hide the others. */
export async function check(paths: readonly string[], options: CheckOptions, io: Io): Promise<ExitCode> {
  const { config, output } = options;
  const policy = loadConfig(config);
  const exceptions = createExceptions(options, policy, paths);
  const stdin = paths.includes('-') ? [await readStdin(io)] : [];
  const found = findFiles(paths.filter((path) => path !== '-')).filter(({ file }) => !exceptions.isExcluded(file));
  const sorted = [
    ...stdin.map((text) => sortOut(text, policy)),
    ...found.map((file) => sortOut(readFile(file), policy)),
  ];
  const facts = readFacts(sorted.flatMap(({ told }) => told));
  const fixing = chooseFixMode(options);
  const fixes =
    fixing && fixTexts([...stdin, ...found.map((file) => readFile(file))], fixing, { policy, facts }, exceptions);
  const result = mergeResults([
    ...(fixes?.read.map((text) => sortOut(text, policy)) ?? sorted).map((one) =>
      exceptions.apply(checkFile(one, { policy, facts }), one.file, one.ignores),
    ),
    { ...NOTHING, errors: fixes?.errors ?? [] },
  ]);
  const shown = exceptions.finish(result);
  const report =
    output === 'json'
      ? formatCheckJson(shown, fixes && toFixJson(fixes.report))
      : `${fixes === undefined ? '' : formatFixText(fixes.report)}${formatCheckText(shown, useColor(io))}`;
  // What is printed for another program is not to be mixed with what is for people.
  const isPiped = fixing === 'diff' || (fixing === 'write' && stdin.length > 0);
  if (fixes !== undefined) io.stdout.write(fixes.printed);
  (isPiped ? io.stderr : io.stdout).write(report);
  if (shown.errors.length > 0) return 2;
  return shown.findings.some(({ action }) => action === 'deny') ? 1 : 0;
}

function chooseFixMode({ fix, diff }: CheckOptions): FixMode | undefined {
  if (diff === true) return 'diff';
  return fix === true ? 'write' : undefined;
}

function fixTexts(texts: readonly ReadText[], mode: FixMode, terms: Terms, exceptions: Exceptions): FixOutcome {
  const read = texts.map((one) => ({ ...one, manifest: one.text === undefined ? undefined : readManifest(one.text) }));
  return fixAll(read, mode, { ...terms, isHidden: exceptions.watch(read) });
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
  counts: { workloads: 0, otherObjects: 0, foreign: 0 },
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
}>;

function sortOut({ file, text, problem }: ReadText, policy: Policy): SortedFile {
  const ignores = createIgnores(text ?? '', policy);
  if (text === undefined) return { file, workloads: [], told: [], ignores, said: unreadable(file, problem) };
  const { objects, foreign, errors } = readManifest(text);
  const workloads = objects.filter(
    ({ apiVersion, kind }) => findKind(policy.kinds, groupOf(apiVersion), kind) !== undefined,
  );
  const unchecked = objects.flatMap((object) => describeUnchecked(object, file, policy) ?? []);
  const otherObjects =
    objects.length - workloads.length - unchecked.filter(({ cause }) => cause !== 'misplaced').length;
  return {
    file,
    workloads,
    told: objects.flatMap((each) => (tellsOfCluster(each) ? [stripPlaces(each)] : [])),
    ignores,
    said: {
      ...NOTHING,
      errors: [...errors, ...workloads.flatMap((object) => describeNoText(object, policy))].map((error) => ({
        file,
        ...error,
      })),
      counts: { workloads: workloads.length, otherObjects, foreign },
      unchecked,
    },
  };
}

/** A function that locates fields holds on to the whole document. */
function stripPlaces({ apiVersion, kind, object }: ManifestObject): Told {
  return { apiVersion, kind, object };
}

/** What manifests are checked with. */
type Terms = Readonly<{ policy: Policy; facts: Facts }>;

function checkFile({ file, workloads, said }: SortedFile, terms: Terms): CheckResult {
  const checked = workloads.map((object) => checkManifest(object, terms)).filter((one) => one !== undefined);
  return {
    ...said,
    findings: checked
      .flatMap(({ findings }) => findings)
      .map((finding) => ({ ...finding, file }))
      .sort((left, right) => left.line - right.line || left.column - right.column),
    skipped: mergeSkipped(checked),
    objects: workloads.map(({ kind, object }) => ({
      ...{ kind, namespace: readString(object, 'metadata', 'namespace'), name: redact(readName(object)) },
    })),
  };
}

function describeNoText({ apiVersion, kind, object, locate }: ManifestObject, policy: Policy): Manifest['errors'] {
  const known = findKind(policy.kinds, groupOf(apiVersion), kind);
  const found = known === undefined ? [] : findNoText(object, known);
  return found.map(({ at, what }) => ({
    ...locate(at),
    message: `${kind}/${redact(readName(object))} ${formatFieldPath(at)}: the image is ${what}, but has to be a string: write it in quotes, as in "registry/repository:tag"`,
  }));
}

/** An object with images that are not checked; undefined if there are none. */
function describeUnchecked(manifest: ManifestObject, file: string, policy: Policy): Unchecked | undefined {
  const { apiVersion, kind, object, locate } = manifest;
  const known = findKind(policy.kinds, groupOf(apiVersion), kind);
  const image = findUnreadImage(object, known);
  if (image === undefined) return undefined;
  // The group of a custom kind has a dot, and its kind may be called as one of Kubernetes is.
  const right = groupOf(apiVersion).includes('.') ? undefined : BUILT_IN.get(kind);
  const name = readName(object);
  const cause: Unchecked['cause'] = known !== undefined ? 'misplaced' : right === undefined ? 'kind' : 'apiVersion';
  return {
    ...{ file, ...locate(image), apiVersion, kind, name, field: formatFieldPath(image), cause },
    ...(right !== undefined && { group: right }),
  };
}

/** The groups of the kinds of Kubernetes itself. */
const BUILT_IN = new Map(WORKLOAD_KINDS.map(({ kind, group }) => [kind, group]));

type CheckedManifest = Pick<Decision, 'skipped'> & Readonly<{ findings: readonly (Finding & Position)[] }>;

/** Undefined for an object of a kind without images, as far as is known. */
function checkManifest(manifest: ManifestObject, { policy, facts }: Terms): CheckedManifest | undefined {
  const { apiVersion, object } = manifest;
  const kind = findKind(policy.kinds, groupOf(apiVersion), manifest.kind);
  if (kind === undefined) return undefined;
  const checked = checkObject('manifest', { object, kind, namespace: '', policy, facts, now: Date.now() });
  if (checked.exempt !== undefined) return { findings: [], skipped: [] };
  const findings = checked.decision.findings.map((finding) => ({
    ...spareSource(finding),
    ...manifest.locate(finding.at),
  }));
  return { findings, skipped: checked.decision.skipped };
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
      otherObjects: sum(results, ({ otherObjects }) => otherObjects),
      foreign: sum(results, ({ foreign }) => foreign),
    },
    skipped: mergeSkipped(results),
    unchecked: results.flatMap(({ unchecked = [] }) => unchecked),
    objects: results.flatMap(({ objects = [] }) => objects),
    ...(results.some(({ hidden }) => hidden !== undefined) && {
      hidden: {
        baseline: results.reduce((total, { hidden }) => total + (hidden?.baseline ?? 0), 0),
        ignored: results.reduce((total, { hidden }) => total + (hidden?.ignored ?? 0), 0),
      },
    }),
  };
}

function mergeSkipped(results: readonly Pick<Decision, 'skipped'>[]): Decision['skipped'] {
  return [...new Map(results.flatMap(({ skipped }) => skipped).map((one) => [one.rule, one])).values()];
}

function sum(results: readonly CheckResult[], count: (counts: CheckResult['counts']) => number): number {
  return results.reduce((total, { counts }) => total + count(counts), 0);
}
