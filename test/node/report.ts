import type { LogLine } from '../e2e/pullguard-process.ts';
import { CHECKED, type Result } from './apply-pods.ts';
import { classify, kindsOf } from './outcome.ts';

/** What pullguard left behind: its log, and the names of Pods that it told of by an Event once their registry had answered. */
export type Traces = Readonly<{ log: readonly LogLine[]; lateEvents: ReadonlySet<string> }>;

type Finding = Readonly<{ rule: string; cause?: string; severity: string }>;
type Decided = LogLine &
  Readonly<{ namespace?: string; name?: string; operation?: string; findings?: readonly Finding[] }>;

/** What holds on a machine that is busy with other things as well. Measured: 1 and 1. */
const LEAST = 0.98;

/** Prints every disagreement, and what share was right. Whether that is enough is the result. */
export function printReport(results: readonly Result[], traces: Traces): boolean {
  const failed = results.filter(({ outcome }) => !outcome.ran);
  const foretold = results.filter(isForetold);
  const right = failed.filter(isForetold);
  const late = failed.filter((result) => !isForetold(result) && traces.lateEvents.has(result.of.name));
  const denied = results.filter(({ denial }) => denial !== undefined);
  const wronglyDenied = denied.filter(({ outcome }) => outcome.ran);
  const sameCause = right.filter((result) => namesCause(result, traces.log));
  for (const result of results) {
    const { outcome } = result;
    if (isForetold(result) === outcome.ran) {
      console.log(`\n${late.includes(result) ? 'told by an Event: ' : ''}${describe(result)}`);
    } else if (!outcome.ran && !sameCause.includes(result)) console.log(`\nother cause: ${describe(result)}`);
  }
  console.log(`
${results.length} Pods: ${results.length - failed.length} ran, ${failed.length} did not
recall     ${share(right, failed)} of those that did not run were denied or warned of as they were applied
           ${share([...right, ...late], failed)} with those that an Event tells of, as their registry was late
precision  ${share(right, foretold)} of those that were denied or warned of did not run
cause      ${share(sameCause, right)} of these with the cause that kubelet has in its message
denied     ${denied.length}, of which ${wronglyDenied.length} ran where pullguard was bypassed`);
  const recall = (right.length + late.length) / failed.length;
  return wronglyDenied.length === 0 && recall >= LEAST && right.length / foretold.length >= LEAST;
}

function share(part: readonly Result[], whole: readonly Result[]): string {
  return `${(part.length / whole.length).toFixed(3)} (${part.length} of ${whole.length})`;
}

function isForetold({ denial, warnings }: Result): boolean {
  return denial !== undefined || warnings.length > 0;
}

function namesCause({ of, outcome }: Result, log: readonly Decided[]): boolean {
  if (outcome.ran) return false;
  const operation = of.update === undefined ? 'CREATE' : 'UPDATE';
  const kind = classify(outcome);
  return log
    .filter((line) => line.namespace === CHECKED && line.name === of.name && line.operation === operation)
    .flatMap(({ findings = [] }) => findings)
    .some((finding) => finding.severity !== 'notice' && kindsOf(finding).includes(kind));
}

function describe({ of, denial, warnings, notices, outcome }: Result): string {
  const { containers, initContainers = [], imagePullSecrets = [], serviceAccountName = 'default' } = of.spec;
  const what = [
    ...[...initContainers, ...containers].map(
      ({ name, image, imagePullPolicy = '' }) => `${name}=${image} ${imagePullPolicy}`,
    ),
    ...(of.update === undefined ? [] : [`updated to ${of.update}`]),
    `pull secrets [${imagePullSecrets.map(({ name }) => name).join()}]`,
    `service account ${serviceAccountName}`,
  ];
  const said = denial === undefined ? [...warnings, ...notices].join('\n  said: ') : `DENIED ${denial}`;
  const done = outcome.ran ? 'ran' : `${outcome.reason}: ${outcome.message}`;
  return `${of.name}: ${what.join(', ')}\n  said: ${said === '' ? 'nothing' : said}\n  node: ${done}`;
}
