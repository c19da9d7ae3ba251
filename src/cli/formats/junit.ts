import { countMarks, markFinding } from '../../report/blocks.ts';
import { groupBy } from '../../text/list.ts';
import { escapeUnprintable } from '../../text/quote.ts';
import {
  formatPlace,
  listLines,
  nameObject,
  type CheckResult,
  type LocatedFinding,
  type CheckReport,
} from '../format-check.ts';
import { describeFinding } from '../../report/finding.ts';
import { toRepositoryPath } from './issues.ts';

/** The outcome of a test case. Readers use one child element as the outcome, so there is only one, whatever was found. */
type Outcome =
  | Readonly<{ element: 'failure' | 'error'; type: string; message: string; text: string }>
  | Readonly<{ element: 'skipped'; message: string }>
  | Readonly<{ element: 'system-out'; text: string }>;

type TestCase = Readonly<{ file: string; name: string; outcome?: Outcome }>;

/**
 * JUnit XML, in the form that Jenkins, GitLab and others agree on: a test suite for each file, and a test case for each workload.
 * A test fails if the workload would be denied, or with `--fail-on warn` if it has a warning. Input that cannot be read is an
 * error, and what was not checked is skipped.
 */
export function formatJunit({ result, failOn, root }: CheckReport): string {
  const suites = groupBy(listCases(result, failOn), ({ file }) => file).map((cases) => ({
    name: toRepositoryPath(cases[0].file, root),
    cases,
  }));
  const all = suites.flatMap(({ cases }) => cases);
  const body = suites.map(({ name, cases }) => formatSuite(name, cases)).join('');
  const counts = `tests="${all.length}" failures="${count(all, 'failure')}" errors="${count(all, 'error')}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="pullguard" ${counts}>\n${body}</testsuites>\n`;
}

function listCases(result: CheckResult, failOn: CheckReport['failOn']): readonly TestCase[] {
  return [
    ...groupByObject(result).map(({ file, name, findings }) => ({ file, name, ...outcomeOf(findings, failOn) })),
    ...(result.unchecked ?? []).map(({ file, line, column = 1, message }) => ({
      file,
      name: `not checked${line === undefined ? '' : `, line ${line}:${column}`}`,
      outcome: { element: 'skipped', message } as const,
    })),
    ...result.errors.map((error) => {
      const { file, line, message } = error;
      const text = escapeUnprintable(`${formatPlace(error)}: ${message}`);
      const outcome = { element: 'error', type: 'unreadable', message, text } as const;
      return { file, name: line === undefined ? 'reading' : `reading line ${line}`, outcome };
    }),
  ];
}

type ObjectFindings = Readonly<{ file: string; name: string; findings: LocatedFinding[] }>;

/** Each workload with its findings, and findings about other objects. */
function groupByObject({ objects = [], findings }: CheckResult): readonly ObjectFindings[] {
  const groups = new Map<string, ObjectFindings>();
  const groupOf = (file: string, workload: Parameters<typeof nameObject>[0]): ObjectFindings => {
    const name = nameObject(workload);
    const key = `${file}\0${name}`;
    const group = groups.get(key) ?? { file, name, findings: [] };
    groups.set(key, group);
    return group;
  };
  for (const { file, ...object } of objects) groupOf(file, object);
  for (const finding of findings) groupOf(finding.input ?? finding.file, finding.workload).findings.push(finding);
  return [...groups.values()];
}

function outcomeOf(findings: ObjectFindings['findings'], failOn: CheckReport['failOn']): Pick<TestCase, 'outcome'> {
  const [first] = findings;
  if (first === undefined) return {};
  const text = `\n${listLines(findings)}`;
  const marked = findings.map((finding) => ({ finding, mark: markFinding(finding).mark }));
  const worst = marked.filter(({ mark }) => mark === 'error' || (mark === 'warning' && failOn === 'warn'));
  const error = (worst.find(({ mark }) => mark === 'error') ?? worst[0])?.finding;
  if (error === undefined) return { outcome: { element: 'system-out', text } };
  const counted = worst.length === 1 ? '' : `${countMarks(worst.map(({ mark }) => mark))}, the first: `;
  return { outcome: { element: 'failure', type: error.rule, message: `${counted}${describeFinding(error)}`, text } };
}

function formatSuite(name: string, cases: readonly TestCase[]): string {
  const counts = `tests="${cases.length}" failures="${count(cases, 'failure')}" errors="${count(cases, 'error')}" skipped="${count(cases, 'skipped')}"`;
  const body = cases.map((testCase) => formatCase(name, testCase)).join('');
  return `  <testsuite name="${escapeXml(name)}" ${counts}>\n${body}  </testsuite>\n`;
}

function formatCase(suite: string, { name, outcome }: TestCase): string {
  const start = `    <testcase classname="${escapeXml(suite)}" name="${escapeXml(name)}"`;
  return outcome === undefined ? `${start}/>\n` : `${start}>\n      ${formatOutcome(outcome)}\n    </testcase>\n`;
}

function formatOutcome(outcome: Outcome): string {
  const { element } = outcome;
  if (element === 'skipped') return `<skipped message="${escapeXml(outcome.message)}"/>`;
  const attributes =
    element === 'system-out' ? '' : ` type="${escapeXml(outcome.type)}" message="${escapeXml(outcome.message)}"`;
  return `<${element}${attributes}>${escapeText(outcome.text)}</${element}>`;
}

function count(cases: readonly TestCase[], element: Outcome['element']): number {
  return cases.filter(({ outcome }) => outcome?.element === element).length;
}

function escapeXml(text: string): string {
  return escapeText(escapeUnprintable(text)).replaceAll('"', '&quot;');
}

/** All characters that XML 1.0 does not allow, except these two, are already escaped as unprintable. */
function escapeText(text: string): string {
  return text
    .replaceAll(/[\ufffe\uffff]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
