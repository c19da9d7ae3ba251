/**
 * Profiles pullguard under the load of the benchmark, started as in the Deployment, and prints where its CPU time goes: by folder
 * or package, and by function. Writes bench/results/NAME.cpuprofile for the DevTools of a browser.
 *
 *     npm run bench -- --profile       for all samples
 *     npm run bench -- --profile 50    for samples with "50" in their name
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Profiler, Runtime } from 'node:inspector';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyLoad, CONNECTIONS } from './load.ts';
import { ROOT, startPullguard } from './processes.ts';
import { readSamples } from './reviews.ts';

const WARM_UP_SECONDS = 8;
const SECONDS = 5;
const MOST_FUNCTIONS = 40;

export async function profile(flags: readonly string[], ca: string, name = ''): Promise<void> {
  for (const sample of readSamples().filter((each) => each.name.includes(name))) {
    const pullguard = await startPullguard(flags, { profiled: true });
    const load = { ca, port: pullguard.port, path: sample.path, body: sample.body, connections: CONNECTIONS };
    await applyLoad({ ...load, seconds: WARM_UP_SECONDS });
    await pullguard.tell('start');
    const { requests } = await applyLoad({ ...load, seconds: SECONDS });
    const { profile: taken } = (await pullguard.tell('stop')) as { profile: Profiler.Profile };
    pullguard.stop();
    console.log(`\n${sample.name}, microseconds a request:`);
    print(taken, requests);
    mkdirSync(join(ROOT, 'bench/results'), { recursive: true });
    writeFileSync(join(ROOT, `bench/results/${sample.name.replaceAll(/\W+/g, '-')}.cpuprofile`), JSON.stringify(taken));
  }
}

function print({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile, requests: number): void {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const places = new Map<string, number>();
  const functions = new Map<string, number>();
  for (const [at, id] of samples.entries()) {
    const frame = byId.get(id);
    if (frame === undefined || frame.functionName === '(idle)') continue;
    const { source, line } = findSource(frame);
    const place = placeOf(source);
    const share = (timeDeltas[at] ?? 0) / requests;
    const title = `${frame.functionName || '(anonymous)'} ${place}:${line + 1}`;
    places.set(folderOf(place), (places.get(folderOf(place)) ?? 0) + share);
    functions.set(title, (functions.get(title) ?? 0) + share);
  }
  printLargest(places, Infinity);
  printLargest(functions, MOST_FUNCTIONS);
}

function printLargest(all: ReadonlyMap<string, number>, most: number): void {
  const largest = [...all].sort(([, one], [, other]) => other - one).slice(0, most);
  for (const [name, microseconds] of largest) console.log(`${microseconds.toFixed(1).padStart(8)}  ${name}`);
  console.log();
}

const maps = new Map<string, SourceMap>();

/** The source of a function in `dist/`, by the source map beside it. */
function findSource({ url, lineNumber, columnNumber }: Runtime.CallFrame): { source: string; line: number } {
  if (!url.includes('/dist/')) return { source: url, line: lineNumber };
  const read = (): SourceMap =>
    new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, 'utf8')) as SourceMapPayload);
  const map = maps.get(url) ?? read();
  maps.set(url, map);
  const entry = map.findEntry(lineNumber, columnNumber);
  return 'originalSource' in entry
    ? { source: entry.originalSource, line: entry.originalLine }
    : { source: url, line: lineNumber };
}

/** `rules/mirror-used.ts` for our files; the package for others; built-in modules of Node.js by name; V8 for everything else. */
function placeOf(source: string): string {
  const [, theirs] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source) ?? [];
  const [, ours] = /\/(?:src|dist)\/(.*)$/.exec(source) ?? [];
  return theirs ?? ours ?? (source || 'V8 and native code');
}

function folderOf(place: string): string {
  return place.startsWith('node:') ? 'Node.js' : (place.split('/', 1)[0] ?? '');
}
