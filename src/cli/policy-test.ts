import { dirname, join } from 'node:path';
import { checkObject } from '../admission/admit.ts';
import type { Finding } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import { describeUnreadable, findFiles, type FoundFile } from '../manifest/files.ts';
import { readManifest, type ManifestObject } from '../manifest/read-manifests.ts';
import { PolicyError, suggest, suggestOrList } from '../policy/errors.ts';
import { readPolicyTest, RESULTS, type Expectation, type PolicyTest, type Result } from '../policy/test-file.ts';
import { formatCount } from '../report/blocks.ts';
import { describeFinding } from '../report/finding.ts';
import { RULES } from '../rules/index.ts';
import { defaultPolicy, loadPolicy } from '../rules/policy.ts';
import { readString } from '../text/json.ts';
import { escapeUnprintable, quote } from '../text/quote.ts';
import { redact } from '../text/redact.ts';
import { addCustomKinds } from '../workload/custom-kinds.ts';
import { findKind, groupOf } from '../workload/kinds.ts';
import { readName, readWorkloads } from '../workload/workload.ts';
import { readFound } from './check-inputs.ts';
import { findPolicyFile, readPolicy } from './choose-policy.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';
import { readFacts } from './manifest-facts.ts';

/** The names of test files in a folder. A file that the user names is a test, whatever its name. */
const TEST_FILE = /\.test\.ya?ml$/;

/** `pullguard policy test [PATH…]`: compares what a policy finds in manifests with what tests expect. */
export function testPolicies(paths: readonly string[], io: Io): ExitCode {
  const files = findFiles(paths).filter(
    ({ file, problem }) => problem !== undefined || paths.includes(file) || TEST_FILE.test(file),
  );
  if (files.length === 0)
    throw new UsageError(`there is no *.test.yaml in ${paths.join(', ')}: name a test file or its folder`);
  let count = 0;
  const failures: string[] = [];
  const errors: string[] = [];
  for (const found of files) {
    const { file } = found;
    try {
      const test = readPolicyTest(readFile(found), file);
      const checked = runChecks(test, dirname(file));
      count += test.results.length;
      failures.push(...test.results.flatMap((expected) => describeFailure(expected, checked, file) ?? []));
    } catch (error) {
      if (!(error instanceof PolicyError || error instanceof UsageError)) throw error;
      errors.push(...error.message.split('\n'));
    }
  }
  const printed = [...errors.map((error) => `error: ${error}`), ...failures].map(
    (line) => `${escapeUnprintable(line)}\n`,
  );
  io.stdout.write(`${printed.join('')}${summarize(count, files.length, failures.length, errors.length)}\n`);
  if (errors.length > 0) return 2;
  return failures.length > 0 ? 1 : 0;
}

function summarize(count: number, files: number, failed: number, errors: number): string {
  const outcome = failed === 0 ? 'all as expected' : `${failed} not as expected`;
  const rest = errors === 0 ? '' : `; ${formatCount(errors, 'problem')} reading the tests`;
  return `${formatCount(count, 'result')} in ${formatCount(files, 'file')}${count === 0 ? '' : `: ${outcome}`}${rest}`;
}

/** @throws UsageError */
function readFile(found: FoundFile): string {
  const { file, text, problem } = readFound(found);
  if (text === undefined) throw new UsageError(`${file}: ${describeUnreadable(problem)}`);
  return text;
}

/** One object of the manifests with its findings, and the labels of its containers by their names. */
type CheckedObject = Readonly<{
  /** `Deployment/shop` */
  workload: string;
  namespace: string;
  labels: ReadonlyMap<string, readonly string[]>;
  findings: readonly Finding[];
}>;

function runChecks(test: PolicyTest, folder: string): readonly CheckedObject[] {
  const chosen = choosePolicy(test, folder);
  // As in `check`.
  const policy = { ...chosen, kinds: addCustomKinds(chosen.kinds) };
  const objects = findFiles(test.manifests.map((path) => join(folder, path))).flatMap((found) => {
    const { file } = found;
    const { objects: read, errors } = readManifest(readFile(found));
    if (errors.length > 0)
      throw new UsageError(
        errors.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`).join('\n'),
      );
    return read;
  });
  const facts = readFacts(objects);
  return objects.flatMap((object) => checkOne(object, policy, facts) ?? []);
}

function choosePolicy(test: PolicyTest, folder: string): Policy {
  const file = test.policy === undefined ? findPolicyFile(folder) : join(folder, test.policy);
  return file === undefined ? defaultPolicy() : loadPolicy(readPolicy(file).text, file);
}

function checkOne(
  { apiVersion, kind: name, object }: ManifestObject,
  policy: Policy,
  facts: ReturnType<typeof readFacts>,
): CheckedObject | undefined {
  const kind = findKind(policy.kinds, groupOf(apiVersion), name);
  if (kind === undefined) return undefined;
  const labels = new Map<string, string[]>();
  for (const { key, label } of readWorkloads(object, kind, '').flatMap(({ images }) => images)) {
    const container = key.slice(key.indexOf('/') + 1);
    labels.set(container, [...(labels.get(container) ?? []), label]);
  }
  const checked = checkObject('manifest', { object, kind, namespace: '', policy, facts, now: Date.now() });
  return {
    workload: `${name}/${readName(object)}`,
    namespace: readString(object, 'metadata', 'namespace'),
    labels,
    findings: checked.exempt === undefined ? checked.decision.findings : [],
  };
}

/** Undefined if all is as expected. */
function describeFailure(expected: Expectation, checked: readonly CheckedObject[], file: string): string | undefined {
  const { workload, namespace, container, rule, result, line, column } = expected;
  const objects = checked.filter((one) => one.workload === workload && one.namespace === (namespace ?? one.namespace));
  const problem =
    describeUnknown(expected, objects, checked) ??
    describeDifference(result, rule ?? 'all rules', findWorst(objects, container, rule));
  if (problem === undefined) return undefined;
  const parts = [
    workload,
    ...(namespace === undefined ? [] : [`in namespace ${quote(namespace)}`]),
    ...(container === undefined ? [] : [`container ${quote(container)}`]),
  ];
  return `${file}:${line}:${column}: ${redact(parts.join(' '))}: ${problem}`;
}

/** The problem if an expectation names something that does not exist. Otherwise one that expects `none` would always be met. */
function describeUnknown(
  { workload, container, rule }: Expectation,
  objects: readonly CheckedObject[],
  checked: readonly CheckedObject[],
): string | undefined {
  const rules = RULES.map(({ id }) => id);
  if (rule !== undefined && !rules.includes(rule)) return `unknown rule ${quote(rule)}${suggestOrList(rule, rules)}`;
  if (objects.length === 0) return `there is no such workload in the manifests${hintAt(workload, checked)}`;
  const known = [...new Set(objects.flatMap(({ labels }) => [...labels.keys()]))];
  return container === undefined || known.includes(container)
    ? undefined
    : `there is no such container with an image${suggestOrList(container, known)}`;
}

function findWorst(
  objects: readonly CheckedObject[],
  container: string | undefined,
  rule: string | undefined,
): Finding | undefined {
  return objects
    .flatMap(({ findings, labels }) =>
      container === undefined ? findings : findings.filter(({ label = '' }) => labels.get(container)?.includes(label)),
    )
    .filter((finding) => finding.rule === (rule ?? finding.rule))
    .toSorted((left, right) => RESULTS.indexOf(resultOf(right)) - RESULTS.indexOf(resultOf(left)))[0];
}

function describeDifference(expected: Result, rules: string, worst: Finding | undefined): string | undefined {
  const actual = worst === undefined ? 'none' : resultOf(worst);
  if (actual === expected) return undefined;
  const found = worst === undefined ? '' : ` (${describeFinding(worst)} (${worst.rule}))`;
  return `${rules}: expected ${expected}, got ${actual}${found}`;
}

function hintAt(workload: string, checked: readonly CheckedObject[]): string {
  const namesake = checked.find((one) => one.workload === workload);
  if (namesake === undefined)
    return suggest(
      workload,
      checked.map((one) => one.workload),
    );
  return namesake.namespace === '' ? ': its namespace is not set' : `: it is in namespace ${quote(namesake.namespace)}`;
}

function resultOf({ fixed, action }: Finding): Result {
  return fixed === 'no' ? action : 'fix';
}
