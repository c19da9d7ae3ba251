import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Finding } from '../engine/evaluate.ts';
import type { Position } from '../manifest/document.ts';
import { readText } from '../manifest/files.ts';
import type { Inputs, Unit } from '../manifest/find-inputs.ts';
import { LONGEST_RENDERED, LONGEST_SOURCES, RENDER_TIME_MS } from '../text/bounds.ts';
import { describeError } from '../text/error.ts';
import { isRecord } from '../text/json.ts';
import { redact } from '../text/redact.ts';
import { packText, unpackText } from './packed-list.ts';
import type { Unchecked } from './unchecked.ts';

/** What charts are rendered with, as `helm template` takes it. */
export type RenderOptions = Readonly<{
  values?: readonly string[];
  set?: readonly string[];
  releaseName?: string;
}>;

/** Where a finding in a rendered text stands in the files that it was made of. */
export type Trace = (finding: Finding & Position) => Position & Readonly<{ file: string }>;

/** What became of a unit: its text, which is held compressed, or why there is none. */
export type Rendered = Readonly<{
  unit: Unit;
  text?: () => string;
  problem?: string;
  unchecked?: readonly Unchecked[];
}>;

/** How many are rendered at once: each takes a processor while it lasts. */
const AT_ONCE = 2;

/** What became of the units, in their order. */
export async function renderAll(units: Inputs['units'], options: RenderOptions): Promise<readonly Rendered[]> {
  const rendered = new Map<Unit, Rendered>();
  const waiting = [...units];
  const work = async (): Promise<void> => {
    for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift())
      rendered.set(unit, await render(unit, options));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return units.flatMap((unit) => rendered.get(unit) ?? []);
}

/** The text that a unit renders to when files have other texts; undefined if that is unknown. The files stay as they are. */
export async function renderEdited(
  unit: Unit,
  options: RenderOptions,
  texts: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  const root = mkdtempSync(join(tmpdir(), 'pullguard-'));
  try {
    const [as, given] =
      unit.tool === 'helm' ? editValues(unit, options, texts, root) : [copySources(unit, texts, root), options];
    for (const [tool, ...args] of listCommands(as, given)) {
      const ran = await run(tool, args);
      if (ran !== 'missing') return ran.text;
    }
    return undefined;
  } catch {
    return undefined;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Values that come before all others stand for those of the chart itself. */
function editValues(
  unit: Unit,
  { values = [], ...options }: RenderOptions,
  texts: ReadonlyMap<string, string>,
  root: string,
): readonly [Unit, RenderOptions] {
  const edited = [join(unit.folder, 'values.yaml'), ...values].map((file, at) => {
    const text = texts.get(file);
    if (text === undefined) return at === 0 ? [] : [file];
    const path = join(root, `${at}.yaml`);
    writeFileSync(path, text);
    return [path];
  });
  return [unit, { ...options, values: edited.flat() }];
}

/** A kustomization may name files beside and above it: all of them are copied, each to the place that it has from the root on. */
function copySources(unit: Unit, texts: ReadonlyMap<string, string>, root: string): Unit {
  let left = LONGEST_SOURCES;
  for (const file of unit.sources) {
    left -= statSync(file).size;
    if (left < 0) throw new RangeError('too large to be copied');
    const path = join(root, realpathSync(file));
    mkdirSync(dirname(path), { recursive: true });
    const text = texts.get(file);
    if (text === undefined) copyFileSync(file, path);
    else writeFileSync(path, text);
  }
  return { ...unit, folder: join(root, realpathSync(unit.folder)) };
}

async function render(unit: Unit, options: RenderOptions): Promise<Rendered> {
  for (const [tool, ...args] of listCommands(unit, options)) {
    const ran = await run(tool, args);
    if (ran === 'missing') continue;
    if (ran.text === undefined) return { unit, problem: `"${tool} ${args[0] ?? ''}" failed: ${ran.problem}` };
    const packed = packText(ran.text);
    return { unit, text: () => unpackText(packed) };
  }
  return { unit, unchecked: [describeMissing(unit)] };
}

function listCommands({ tool, folder }: Unit, options: RenderOptions): readonly (readonly [string, ...string[]])[] {
  // What begins with a "-" would be taken for an option.
  const path = folder.startsWith('-') ? `./${folder}` : folder;
  const { values = [], set = [], releaseName } = options;
  if (tool === 'kustomize')
    return [
      ['kustomize', 'build', path],
      ['kubectl', 'kustomize', path],
    ];
  const flags = [...values.map((file) => `--values=${file}`), ...set.map((each) => `--set=${each}`)];
  return [['helm', 'template', ...(releaseName === undefined ? [] : [releaseName]), path, ...flags]];
}

function describeMissing({ tool, folder, file }: Unit): Unchecked {
  const shown = redact(folder);
  return tool === 'helm'
    ? {
        file,
        cause: 'chart',
        message: `a Helm chart, and helm is not on PATH: run "helm template ${shown} | pullguard check -"`,
      }
    : {
        file,
        cause: 'kustomization',
        message: `a kustomization, and neither kustomize nor kubectl is on PATH: run "kustomize build ${shown} | pullguard check -"`,
      };
}

type Ran = 'missing' | Readonly<{ text: string }> | Readonly<{ text?: undefined; problem: string }>;

/** Without a shell, and with limits of time and output. It asks for no password, as in a pipeline no user can type one. */
async function run(tool: string, args: readonly string[]): Promise<Ran> {
  try {
    const { stdout } = await promisify(execFile)(tool, args, {
      timeout: RENDER_TIME_MS,
      killSignal: 'SIGKILL',
      maxBuffer: LONGEST_RENDERED,
      env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
    });
    return { text: stdout };
  } catch (error) {
    if (!isRecord(error)) return { problem: describeError(error) };
    const { code, killed, stderr } = error;
    if (code === 'ENOENT') return 'missing';
    if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return { problem: 'it printed more than 64 MiB' };
    if (killed === true) return { problem: `it did not end within ${RENDER_TIME_MS / 1000} s` };
    return { problem: quoteTool(typeof stderr === 'string' ? stderr : '') || describeError(error) };
  }
}

/** What a tool printed of its failure, on one line: its last words, as warnings come first. */
function quoteTool(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const errors = lines.filter((line) => /^error/i.test(line));
  const said = (errors.length > 0 ? errors : lines.filter((line) => line !== '').slice(-2)).join(' ');
  return said.replace(/^error: /i, '').slice(0, 500);
}

/** What stands before an image in its line. */
const KEYS = /(?:image|newName|repository)['"]?\s*:\s*['"]?$/i;

/**
 * Finds the line of a source that has an image as it was written, or at least its name without the tag. Failing that, the
 * template that it was rendered from, or the file that makes the folder what it is.
 */
export function createTrace(
  { tool, folder, file, sources }: Unit,
  rendered: () => string,
  { values = [] }: RenderOptions,
): Trace {
  let read: readonly Readonly<{ file: string; text: string }>[] | undefined;
  let lines: readonly string[] | undefined;
  return ({ value = '', line }) => {
    read ??= readSources([...values, ...sources]);
    lines ??= tool === 'helm' ? rendered().split('\n') : [];
    const template = findTemplate(lines, line);
    for (const text of listSearched(value)) {
      const places = read.flatMap((source) => findText(source, text));
      const found = places.find(({ isImage }) => isImage) ?? (text === value ? places[0] : undefined);
      if (found !== undefined) return { file: found.file, line: found.line, column: found.column };
    }
    return { file: template === undefined ? file : join(folder, template), line: 1, column: 1 };
  };
}

/** The image, and its name without tag and digest: `registry/app:1@sha256:…`, `registry/app`. */
function listSearched(image: string): readonly string[] {
  const name = image.replace(/@.*$/s, '').replace(/:[^/:]*$/s, '');
  const last = name.slice(name.indexOf('/') + 1);
  return [...new Set([image, name, last])].filter((text) => text.length > 1);
}

/** Helm writes `# Source: chart/templates/app.yaml` above each object. */
function findTemplate(lines: readonly string[], line: number): string | undefined {
  for (let at = Math.min(line, lines.length) - 1; at >= 0; at--) {
    const [, path] = /^# Source: [^/]+\/(.+)$/.exec(lines[at] ?? '') ?? [];
    if (path !== undefined) return path;
  }
  return undefined;
}

function readSources(files: readonly string[]): readonly Readonly<{ file: string; text: string }>[] {
  let left = LONGEST_SOURCES;
  return [...new Set(files)].flatMap((file) => {
    try {
      left -= statSync(file).size;
      return left < 0 ? [] : [{ file, text: readText(file) }];
    } catch {
      return [];
    }
  });
}

type Place = Position & Readonly<{ file: string; isImage: boolean }>;

/** Where a text stands by itself, not as a part of a longer image. */
function findText({ file, text }: Readonly<{ file: string; text: string }>, searched: string): readonly Place[] {
  const places: Place[] = [];
  for (let at = text.indexOf(searched); at >= 0; at = text.indexOf(searched, at + searched.length)) {
    if (/[\w./:@-]/.test(text[at - 1] ?? '') || /[\w/@-]/.test(text[at + searched.length] ?? '')) continue;
    const before = text.slice(0, at);
    const start = before.lastIndexOf('\n') + 1;
    if (/^\s*#/.test(before.slice(start))) continue;
    places.push({
      file,
      line: before.split('\n').length,
      column: at - start + 1,
      isImage: KEYS.test(before.slice(start)),
    });
  }
  return places;
}
