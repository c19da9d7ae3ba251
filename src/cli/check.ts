import type { Position } from '../manifest/locate.ts';
import { describeCause, readText } from '../manifest/read-text.ts';
import { checkObject } from '../admission/check-object.ts';
import type { Finding } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import { findKind, groupOf } from '../workload/kinds.ts';
import { findFiles, type FoundFile } from '../manifest/find-files.ts';
import { formatCheckJson, formatCheckText } from './format-check.ts';
import { hideCredentials, type ExitCode, type Io } from './io.ts';
import { loadConfig } from './load-config.ts';
import { useColor } from './terminal.ts';
import { readManifest, type ManifestObject } from '../manifest/read-manifests.ts';

export type CheckOptions = Readonly<{ config?: string; output: 'text' | 'json' }>;

export type LocatedFinding = Finding & Position & Readonly<{ file: string }>;

/** All that was learned from the paths given. */
export type CheckResult = Readonly<{
  findings: readonly LocatedFinding[];
  /** Files and places in them that could not be read. */
  errors: readonly Readonly<{ file: string; line?: number; column?: number; message: string }>[];
  /** Objects judged; other Kubernetes objects; documents that are none. */
  counts: Readonly<{ workloads: number; otherObjects: number; foreign: number }>;
}>;

/** `pullguard check`: judges manifests by the rules that judge them in the cluster. What cannot be read hides nothing else. */
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

const NOTHING: CheckResult = { findings: [], errors: [], counts: { workloads: 0, otherObjects: 0, foreign: 0 } };

/** Somebody may have taken this for the command that explains an image address, password and all. */
function unreadable(file: string, problem = 'unknown cause'): CheckResult {
  return { ...NOTHING, errors: [{ file: hideCredentials(file), message: `cannot be read: ${problem}` }] };
}

function checkText(file: string, text: string, policy: Policy): CheckResult {
  const { objects, foreign, errors } = readManifest(text);
  const judged = objects.map((object) => checkManifest(object, policy));
  const workloads = judged.filter((findings) => findings !== undefined);
  return {
    findings: workloads
      .flat()
      .map((finding) => ({ ...finding, file }))
      .sort((left, right) => left.line - right.line || left.column - right.column),
    errors: errors.map((error) => ({ file, ...error })),
    counts: { workloads: workloads.length, otherObjects: judged.length - workloads.length, foreign },
  };
}

/** Undefined for an object that names no images. */
function checkManifest(manifest: ManifestObject, policy: Policy): readonly (Finding & Position)[] | undefined {
  const { apiVersion, object } = manifest;
  const kind = findKind(policy.kinds, groupOf(apiVersion), manifest.kind);
  if (kind === undefined) return undefined;
  const checked = checkObject('manifest', { object, kind, namespace: '', policy, facts: {}, now: Date.now() });
  if (checked.exempt !== undefined) return [];
  return checked.findings.map((finding) => ({ ...finding, ...manifest.locate(finding.at) }));
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
  };
}

function sum(results: readonly CheckResult[], count: (counts: CheckResult['counts']) => number): number {
  return results.reduce((total, { counts }) => total + count(counts), 0);
}
