import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { MOST_KUSTOMIZED } from '../text/bounds.ts';
import { isRecord, readPath } from '../text/json.ts';
import { readDocument } from './document.ts';
import { findFiles, readText, type FoundFile } from './files.ts';
import { expandGlobs } from './path-patterns.ts';

/** A folder that a tool makes manifests of, and the file that says so. */
export type Unit = Readonly<{
  tool: 'kustomize' | 'helm';
  folder: string;
  file: string;
  /** The files that it is made of, the likeliest to say something first. */
  sources: readonly string[];
}>;

/** What paths mean: folders to render, and files to be read as they are. */
export type Inputs = Readonly<{
  files: readonly FoundFile[];
  units: readonly Unit[];
  /** Files of kustomizations, which are not read as they are; those of charts are templates. */
  parts: readonly FoundFile[];
}>;

/**
 * A folder with a Chart.yaml is a chart with all that is below it. A folder with a kustomization.yaml is a kustomization: with what it
 * names, and not with the files beside, which another tool may apply. One that another one names is a part of that.
 */
export function findInputs(
  paths: readonly string[],
  renders: boolean,
  isExcluded: (file: string) => boolean = () => false,
): Inputs {
  realPaths.clear();
  const all = expandGlobs(paths);
  const files = findFiles(all).filter(({ file }) => !isExcluded(file));
  if (!renders) return { files, units: [], parts: [] };
  const named = new Set(all.filter((path) => !isFolder(path)).map((path) => identify(path)));
  const charts = findCharts(files, named);
  const loose = files.filter(
    ({ file }) => named.has(identify(file)) || !charts.some(({ folder }) => isBelow(file, folder)),
  );
  const kustomizations = loose.filter(({ file }) => !named.has(identify(file)) && isKustomization(file));
  const read = new Map(kustomizations.map(({ file }) => [identify(dirname(file)), readReferences(file)]));
  const roots = findRoots(read);
  const parts = new Set([...read].flatMap(([folder, paths]) => [...paths, ...FILES.map((name) => join(folder, name))]));
  const units = [
    ...charts,
    ...kustomizations
      .filter(({ file }) => roots.has(identify(dirname(file))))
      .map(({ file }) => {
        const sources = listSources(dirname(file));
        return { tool: 'kustomize', folder: dirname(file), file, sources } as const;
      }),
  ];
  const isLoose = ({ file }: FoundFile): boolean => named.has(identify(file)) || !parts.has(identify(file));
  return {
    files: loose.filter(isLoose),
    units: units.filter((unit) => !isLibrary(unit)),
    parts: loose.filter((each) => !isLoose(each)),
  };
}

const CHART = 'Chart.yaml';
const FILES = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

function findCharts(files: readonly FoundFile[], named: ReadonlySet<string>): readonly Unit[] {
  const folders = files
    .filter(({ file }) => basename(file) === CHART && !named.has(identify(file)))
    .map(({ file }) => dirname(file));
  return folders
    .filter((folder) => !folders.some((other) => other !== folder && isBelow(folder, other)))
    .map((folder) => {
      const below = files.map(({ file }) => file).filter((file) => isBelow(file, folder));
      const values = below.filter((file) => /^values[^/]*$/.test(basename(file)));
      const rest = below.filter((file) => !values.includes(file));
      return { tool: 'helm', folder, file: join(folder, CHART), sources: [...values, ...rest] };
    });
}

/** It has nothing to render by itself, and is checked with the charts that use it. */
function isLibrary({ tool, file }: Unit): boolean {
  return tool === 'helm' && readPath(readYaml(file), 'type') === 'library';
}

/** Flux has files of that name as well, for objects of its own. */
function isKustomization(file: string): boolean {
  if (!FILES.includes(basename(file))) return false;
  const apiVersion = readPath(readYaml(file), 'apiVersion');
  return typeof apiVersion !== 'string' || apiVersion.startsWith('kustomize.config.k8s.io/');
}

function readYaml(file: string): unknown {
  try {
    const document = readDocument(readText(file));
    return document.ok ? document.content : undefined;
  } catch {
    return undefined;
  }
}

/** Fields that list files and folders, and those whose entries have a file under `path`. */
const LISTS = [
  ...['resources', 'bases', 'components', 'crds', 'configurations', 'generators', 'transformers', 'validators'],
  'patchesStrategicMerge',
];
const WITH_PATH = ['patches', 'patchesJson6902', 'replacements'];
const GENERATORS = ['configMapGenerator', 'secretGenerator'];

/** The files and folders that a kustomization names, by their real paths. What is not on this machine is left out. */
function readReferences(file: string): readonly string[] {
  const content = readYaml(file);
  const list = (holder: unknown, field: string): readonly unknown[] => {
    const value = readPath(holder, field);
    return Array.isArray(value) ? (value as readonly unknown[]) : [];
  };
  const named = [
    ...LISTS.flatMap((field) => list(content, field)),
    ...WITH_PATH.flatMap((field) => list(content, field).map((entry) => readPath(entry, 'path'))),
    ...GENERATORS.flatMap((field) =>
      list(content, field).flatMap((entry) => [
        ...['files', 'envs'].flatMap((each) => list(entry, each)),
        ...(isRecord(entry) ? [entry['env']] : []),
      ]),
    ),
    ...list(content, 'helmCharts').flatMap((entry) => [
      readPath(entry, 'valuesFile'),
      ...list(entry, 'additionalValuesFiles'),
    ]),
  ];
  return named
    .filter((each) => typeof each === 'string')
    .map((each) => resolve(dirname(file), each.replace(/^[^/=]*=/, '')))
    .filter((path) => existsSync(path))
    .map((path) => identify(path));
}

/** Those that no other names; and one of each circle, which the tool will refuse. */
function findRoots(read: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const named = new Set([...read].flatMap(([folder, paths]) => paths.filter((path) => path !== folder)));
  const roots = new Set([...read.keys()].filter((folder) => !named.has(folder)));
  const reached = new Set<string>();
  const reach = (start: string): void => {
    const waiting = [start];
    for (const folder of waiting) {
      if (reached.has(folder)) continue;
      reached.add(folder);
      waiting.push(...(read.get(folder) ?? []));
    }
  };
  for (const root of roots) reach(root);
  for (const folder of read.keys()) {
    if (reached.has(folder)) continue;
    roots.add(folder);
    reach(folder);
  }
  return roots;
}

/** The files of a kustomization and of those that it names, wherever they are: its own first. */
function listSources(folder: string): readonly string[] {
  const sources = new Set<string>();
  const waiting = [folder];
  const seen = new Set<string>();
  for (const path of waiting) {
    if (seen.has(path) || seen.size > MOST_KUSTOMIZED) continue;
    seen.add(path);
    if (!isFolder(path)) {
      sources.add(path);
      continue;
    }
    const file = FILES.map((name) => join(path, name)).find((each) => existsSync(each));
    if (file === undefined) continue;
    sources.add(file);
    waiting.push(...readReferences(file).map((each) => shorten(each)));
  }
  return [...sources];
}

/** As people name it, from where they are. */
function shorten(path: string): string {
  const here = `${identify('.')}${sep}`;
  return path.startsWith(here) ? path.slice(here.length) : path;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function isBelow(path: string, folder: string): boolean {
  return identify(path).startsWith(`${identify(folder)}${sep}`);
}

/** The same for all names of a file. Each is asked for many times, and does not change while paths are looked at. */
function identify(path: string): string {
  const known = realPaths.get(path);
  if (known !== undefined) return known;
  const found = findRealPath(path);
  realPaths.set(path, found);
  return found;
}

/** Those of the paths that are looked at now. */
const realPaths = new Map<string, string>();

function findRealPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
