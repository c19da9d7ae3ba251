import { FOUND_BESIDES } from '../../engine/findings.ts';
import { describeFinding, nameSubject } from '../../report/finding.ts';
import { listSkipped } from '../../report/blocks.ts';
import { RULES } from '../../rules/index.ts';
import type { Rule } from '../../engine/rule.ts';
import { formatFieldPath } from '../../text/json.ts';
import { escapeUnprintable, quote } from '../../text/quote.ts';
import { redact } from '../../text/redact.ts';
import { linkToPage, REPOSITORY } from '../../text/repository.ts';
import { toEntry } from '../baseline.ts';
import type { CheckReport, LocatedFinding, SuppressedFinding } from '../format-check.ts';
import type { Fixed } from '../fix-manifests.ts';
import { VERSION } from '../version.ts';
import { adviceOf, createFingerprints, joinAdvice, levelOf, toUri } from './issues.ts';

/** A SARIF 2.1.0 log with one run, for GitHub code scanning, Azure DevOps and editors. */
export function formatSarif({ result, fixable, root }: CheckReport): string {
  const { findings, suppressed = [], errors, unchecked = [], skipped, notes = [] } = result;
  const toFingerprint = createFingerprints(root);
  const fixOf = indexFixes(fixable, root);
  const toResult = (finding: LocatedFinding, fixes: readonly Fixed[]): object => ({
    ...describeResult(finding, root),
    ...(fixes.length > 0 && { fixes: fixes.map((fix) => toFix(fix, root)) }),
    partialFingerprints: { 'pullguard/v1': toFingerprint(finding.file, toEntry(finding)) },
    // In one run, either all results say whether they are suppressed, or none.
    ...(suppressed.length > 0 && { suppressions: [] }),
  });
  const notifications = [
    ...errors.map(({ file, message, ...place }) =>
      toNotification({ id: 'unreadable', level: 'error', message }, { file, ...place }, root),
    ),
    ...unchecked.map((one) => toNotification({ id: 'not-checked', level: 'warning', message: one.message }, one, root)),
    ...[...listSkipped(skipped), ...notes].map((note) =>
      toNotification({ id: 'note', level: 'note', message: note }, undefined, root),
    ),
  ];
  const run = {
    tool: { driver: describeDriver() },
    invocations: [
      {
        executionSuccessful: errors.length === 0,
        ...(notifications.length > 0 && { toolExecutionNotifications: notifications }),
      },
    ],
    columnKind: 'utf16CodeUnits',
    results: [
      ...Array.from(findings, (finding) => toResult(finding, fixOf(finding))),
      ...Array.from(suppressed, (finding) => ({ ...toResult(finding, []), suppressions: [toSuppression(finding)] })),
    ],
  };
  return `${JSON.stringify({ $schema: SCHEMA, version: '2.1.0', runs: [run] }, null, 2)}\n`;
}

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

const LEVEL_OF_ACTION = { off: 'warning', audit: 'note', warn: 'warning', deny: 'error' } as const;

const DESCRIBED = [
  ...RULES.map((rule) => describeRule(rule, linkToPage(`docs/rules/${rule.id}.md`))),
  ...FOUND_BESIDES.map((found) => describeRule({ ...found, defaultAction: 'warn' })),
];

const INDEX_OF = new Map(DESCRIBED.map(({ id }, index) => [id, index]));

function describeDriver(): object {
  return {
    name: 'pullguard',
    version: VERSION,
    semanticVersion: VERSION,
    informationUri: REPOSITORY,
    rules: DESCRIBED,
    notifications: [
      { id: 'unreadable', shortDescription: { text: 'Input that cannot be read.' } },
      { id: 'not-checked', shortDescription: { text: 'Objects that were not checked.' } },
      { id: 'note', shortDescription: { text: 'What else there is to know about the run.' } },
    ],
  };
}

function describeRule(
  { id, description, remedy, defaultAction }: Pick<Rule, 'id' | 'description' | 'remedy' | 'defaultAction'>,
  page?: string,
) {
  const more = page === undefined ? '' : `\n\nMore: [${id}](${page}), or \`pullguard rules ${id}\`.`;
  return {
    id,
    name: toPascalCase(id),
    shortDescription: { text: description },
    fullDescription: { text: description },
    help: { text: `${description} ${remedy}`, markdown: `${description}\n\n**Fix:** ${remedy}${more}` },
    ...(page !== undefined && { helpUri: page }),
    defaultConfiguration: { enabled: defaultAction !== 'off', level: LEVEL_OF_ACTION[defaultAction] },
    properties: { tags: ['kubernetes', 'image-pull'] },
  };
}

/** The form that SARIF requires for names of rules: `PullSecretPresent`. */
function toPascalCase(id: string): string {
  return id.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function describeResult(finding: LocatedFinding, root: string): object {
  const { rule, messageId, cause, file, line, column, endLine, endColumn, at, workload, suggestion, replacement } =
    finding;
  const subject = nameSubject(finding);
  return {
    ruleId: rule,
    ...(INDEX_OF.has(rule) && { ruleIndex: INDEX_OF.get(rule) }),
    level: levelOf(finding),
    message: { text: joinAdvice(`${subject}: ${describeFinding(finding)}`, adviceOf(finding)) },
    locations: [
      {
        ...locate({ file, line, column, endLine, endColumn }, root),
        logicalLocations: [
          { name: escapeUnprintable(redact(workload.name)), fullyQualifiedName: subject, kind: 'object' },
        ],
      },
    ],
    properties: {
      messageId,
      ...(cause !== undefined && { cause }),
      ...(at !== '' && { field: formatFieldPath(at) }),
      ...(suggestion !== undefined && { suggestion: redact(suggestion) }),
      ...(replacement !== undefined && { replacement: redact(replacement) }),
    },
  };
}

function toSuppression({ by, reason = '' }: SuppressedFinding): object {
  return by === 'comment'
    ? { kind: 'inSource', status: 'accepted', ...(reason !== '' && { justification: escapeUnprintable(reason) }) }
    : { kind: 'external', status: 'accepted', justification: 'recorded in the baseline' };
}

/** Finds the changes that fix a finding. */
function indexFixes(fixable: readonly Fixed[], root: string): (finding: LocatedFinding) => readonly Fixed[] {
  const keyOf = (file: string, { rule, messageId, line, column, label }: Fixed['answers'][number]): string =>
    JSON.stringify([toUri(file, root), rule, messageId, line, column, label]);
  const fixes = new Map<string, Fixed>();
  // Without changes that would put credentials into the report.
  for (const fix of fixable.filter(({ change }) => change.op === 'append' || redact(change.to) === change.to)) {
    for (const answer of fix.answers) {
      const key = keyOf(answer.file ?? fix.file, answer);
      if (!fixes.has(key)) fixes.set(key, fix);
    }
  }
  return (finding) => {
    const fix = fixes.get(keyOf(finding.file, finding));
    return fix === undefined ? [] : [fix];
  };
}

function toFix({ file, change, replaced }: Fixed, root: string): object {
  const description =
    change.op === 'set'
      ? `replace ${quote(change.from)} with ${quote(change.to)}`
      : `add imagePullSecrets ${change.names.map((name) => quote(name)).join(' and ')}`;
  return {
    description: { text: description },
    artifactChanges: [
      {
        artifactLocation: { uri: toUri(file, root) },
        replacements: replaced.map(({ start, end, text }) => ({
          deletedRegion: {
            startLine: start.line,
            startColumn: start.column,
            endLine: end.line,
            endColumn: end.column,
          },
          insertedContent: { text },
        })),
      },
    ],
  };
}

type Notification = Readonly<{ id: string; level: 'error' | 'warning' | 'note'; message: string }>;

function toNotification({ id, level, message }: Notification, place: Place | undefined, root: string): object {
  return {
    descriptor: { id },
    level,
    message: { text: escapeUnprintable(message) },
    ...(place !== undefined && { locations: [locate(place, root)] }),
  };
}

type Place = Readonly<
  { file: string } & Partial<Record<'line' | 'column' | 'endLine' | 'endColumn', number | undefined>>
>;

function locate({ file, line, column = 1, endLine, endColumn }: Place, root: string): object {
  const region = { startLine: line, startColumn: column, ...(endLine !== undefined && { endLine, endColumn }) };
  return {
    physicalLocation: { artifactLocation: { uri: toUri(file, root) }, ...(line !== undefined && { region }) },
  };
}
