import type { Position } from '../manifest/document.ts';
import { describeCause, findFiles, readText, type FoundFile } from '../manifest/files.ts';
import { checkObject } from '../admission/check-object.ts';
import type { Decision, Finding } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import { findKind, groupOf } from '../workload/kinds.ts';
import { formatCheckJson, formatCheckText, type CheckResult } from './format-check.ts';
import { type ExitCode, type Io } from './io.ts';
import { redact } from '../text/redact.ts';
import { loadConfig } from './load-config.ts';
import { useColor } from './terminal.ts';
import { readManifest, type ManifestObject } from '../manifest/read-manifests.ts';

export type CheckOptions = Readonly<{ config?: string; output: 'text' | 'json' }>;

/** `pullguard check`: checks manifests by the rules that check them in the cluster. What cannot be read hides nothing else. */
export async function check(paths: readonly string[], { config, output }: CheckOptions, io: Io): Promise<ExitCode> {
  const policy = loadConfig(config);
  const files = findFiles(paths.filter((path) => path !== '-')).map((found) => readFile(found));
  const texts = paths.includes('-') ? [await readStdin(io), ...files] : files;
  const result = mergeResults(
    texts.map(({ file, text, problem }) =>
      text === undefined ? unreadable(file, problem) : checkText(file, text, policy),
    ),
  );
  io.stdout.write(output === 'json' ? formatCheckJson(result) : formatCheckText(result, useColor(io)));
  if (result.errors.length > 0) return 2;
  return result.findings.some(({ action }) => action === 'deny') ? 1 : 0;
}

type ReadText = Readonly<{ file: string; text?: string; problem?: string }>;

async function readStdin(io: Io): Promise<ReadText> {
  const file = '<stdin>';
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
};

/** Somebody may have taken this for the command that explains an image address, password and all. */
function unreadable(file: string, problem = 'unknown cause'): CheckResult {
  return { ...NOTHING, errors: [{ file: redact(file), message: `cannot be read: ${problem}` }] };
}

function checkText(file: string, text: string, policy: Policy): CheckResult {
  const { objects, foreign, errors } = readManifest(text);
  const checked = objects.map((object) => checkManifest(object, policy));
  const workloads = checked.filter((one) => one !== undefined);
  return {
    findings: workloads
      .flatMap(({ findings }) => findings)
      .map((finding) => ({ ...finding, file }))
      .sort((left, right) => left.line - right.line || left.column - right.column),
    errors: errors.map((error) => ({ file, ...error })),
    counts: { workloads: workloads.length, otherObjects: checked.length - workloads.length, foreign },
    skipped: mergeSkipped(workloads),
  };
}

type CheckedManifest = Pick<Decision, 'skipped'> & Readonly<{ findings: readonly (Finding & Position)[] }>;

/** Undefined for an object that names no images. */
function checkManifest(manifest: ManifestObject, policy: Policy): CheckedManifest | undefined {
  const { apiVersion, object } = manifest;
  const kind = findKind(policy.kinds, groupOf(apiVersion), manifest.kind);
  if (kind === undefined) return undefined;
  const checked = checkObject('manifest', { object, kind, namespace: '', policy, facts: {}, now: Date.now() });
  if (checked.exempt !== undefined) return { findings: [], skipped: [] };
  const findings = checked.decision.findings.map((finding) => ({ ...finding, ...manifest.locate(finding.at) }));
  return { findings, skipped: checked.decision.skipped };
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
  };
}

function mergeSkipped(results: readonly Pick<Decision, 'skipped'>[]): Decision['skipped'] {
  return [...new Map(results.flatMap(({ skipped }) => skipped).map((one) => [one.rule, one])).values()];
}

function sum(results: readonly CheckResult[], count: (counts: CheckResult['counts']) => number): number {
  return results.reduce((total, { counts }) => total + count(counts), 0);
}
