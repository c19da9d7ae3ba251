import { findImage } from '../cause/failure-facts.ts';
import { unescapeMessage } from '../cause/mask-names.ts';
import { LONGEST_LINE } from '../text/bounds.ts';
import type { Policy } from '../engine/rule.ts';
import { quote } from '../text/quote.ts';
import { readReference } from '../image/reference.ts';
import { explainImage, type ImageExplanation } from '../report/explain-image.ts';
import { choosePolicy, type PolicyOptions } from './choose-policy.ts';
import { isPullable, listProbe, toProbeJson, type ProbeReport, type Row } from './format-probe.ts';
import type { AskRegistry } from './image-probe.ts';
import { readStdin, UsageError, type ExitCode, type Io } from './io.ts';
import { readPasted } from './pasted-messages.ts';
import { paint, useColor } from './terminal.ts';

export type ImageOptions = PolicyOptions &
  Readonly<{
    /** Whether to ask registries. */
    probe?: boolean;
    /** A docker `config.json` with credentials for them. */
    dockerConfig?: string;
    output: 'text' | 'json';
  }>;

/** @throws UsageError if the docker config cannot be read */
type OpenProbe = (policy: Policy, dockerConfig: string | undefined) => Promise<AskRegistry>;

/**
 * `pullguard image`: explains image references, and with `probe` whether they can be pulled. Exit code 1 if a container runtime
 * would refuse one of them, or with `probe` if one cannot be pulled for certain.
 */
export async function image(
  images: readonly string[],
  options: ImageOptions,
  io: Io,
  openProbe: OpenProbe = loadProbe,
): Promise<ExitCode> {
  checkUse(images, options);
  const policy = await choosePolicy(['.'], options, io);
  const ask = options.probe === true ? await openProbe(policy, options.dockerConfig) : undefined;
  const written =
    images[0] === '-' ? readImages(await readStdin(io)) : images.map((each) => findInMessage(each) ?? each);
  const color = useColor(io.stdout);
  const format = options.output === 'json' ? formatJson : (one: Explained) => formatText(one, color);
  let isFine = true;
  for await (const explained of inTurn(written, async (each) => explain(each, policy, ask))) {
    io.stdout.write(format(explained));
    isFine &&= explained.isFine;
  }
  return isFine ? 0 : 1;
}

/** Loaded only here, so that a call without --probe does not load an HTTP client. */
const loadProbe: OpenProbe = async (policy, dockerConfig) => {
  const { openImageProbe } = await import('./image-probe.ts');
  return openImageProbe({ policy, dockerConfig });
};

function checkUse(images: readonly string[], { probe, dockerConfig }: ImageOptions): void {
  if (images.includes('-') && images.length > 1)
    throw new UsageError('"-" reads image references from standard input: give it alone');
  if (dockerConfig !== undefined && probe !== true)
    throw new UsageError('--docker-config is only used with --probe: add --probe, or leave out --docker-config');
}

/**
 * Reads one image reference per line, exactly as written: white space around it is one of the possible mistakes. From output of
 * `kubectl get events` or similar commands, reads each image once.
 */
function readImages(text: string): readonly string[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !/^\s*#/.test(line));
  const { reports, areMessages } = readPasted(text);
  const failed = areMessages ? [] : reports.flatMap(({ read, image: ofPod }) => findInMessage(read) ?? ofPod ?? []);
  const pasted = areMessages ? [] : [...failed, ...listPulled(text)];
  return pasted.length > 0 ? [...new Set(pasted)] : lines.map((line) => findInMessage(line) ?? line);
}

/** The images of Events without a failure, anywhere in a text: in tables, or in JSON, which has a backslash before each quote. */
function listPulled(text: string): readonly string[] {
  return [...text.matchAll(PULLED)].flatMap(([, quoted]) => quoted ?? []);
}

const PULLED = /\b(?:pulled|pulling|container) image \\*"([^"\\\n]{1,4096})\\*"/gi;

/** The image that an event names, as in `Failed to pull image "nginx:1.25": …`; undefined for a text that is not an event. */
function findInMessage(text: string): string | undefined {
  return /\s/.test(text.trim()) ? findImage(unescapeMessage(text.slice(0, LONGEST_LINE))) : undefined;
}

/** Number of images that are probed at the same time: one registry that does not answer should not delay all the others. */
const AT_ONCE = 4;

/** The result for each item, in the order of the list, as soon as all before it are done. */
async function* inTurn<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const begun: Promise<Result>[] = [];
  for (const item of items) {
    begun.push(work(item));
    const first = begun.length < AT_ONCE ? undefined : begun.shift();
    if (first !== undefined) yield await first;
  }
  for (const rest of begun) yield await rest;
}

/** `report` is null for an invalid image reference, and undefined if registries are not asked. */
type Explained = Readonly<{ explanation: ImageExplanation; report: ProbeReport | null | undefined; isFine: boolean }>;

async function explain(written: string, policy: Policy, ask: AskRegistry | undefined): Promise<Explained> {
  const explanation = explainImage(written, policy);
  const { valid, mirror } = explanation;
  if (ask === undefined) return { explanation, report: undefined, isFine: valid };
  const reference = readReference(mirror ?? written);
  const report = reference === undefined ? null : await ask(reference);
  return { explanation, report, isFine: report !== null && isPullable(report) };
}

function formatJson({ explanation, report }: Explained): string {
  const probe = report === undefined ? {} : { probe: report === null ? null : toProbeJson(report) };
  return `${JSON.stringify({ ...explanation, ...probe })}\n`;
}

function formatText({ explanation, report }: Explained, color: boolean): string {
  const { image: written, problem, mirror } = explanation;
  const rows = [
    ...(problem === undefined ? listParts(explanation) : listProblem(problem)),
    ...(report === undefined || report === null ? [] : listProbe(report, mirror !== null)),
  ];
  const body = rows.map(([name, value]) => `  ${paintName(name, value, color)}${value}\n`).join('');
  return `${paint('bold', quote(written, written.length), color)}\n${body}`;
}

/** The name of a row, in a color that fits its value. */
function paintName(name: string, value: string, color: boolean): string {
  const padded = name.padEnd(12);
  if (name === 'invalid') return paint('red', padded, color);
  if (name === 'suspicious') return paint('yellow', padded, color);
  if (name !== 'pullable') return padded;
  return paint(value === 'yes' ? 'green' : value.startsWith('no') ? 'red' : 'yellow', padded, color);
}

function listProblem({ code, message, suggestion }: NonNullable<ImageExplanation['problem']>): readonly Row[] {
  return [
    ['invalid', `${message} (${code})`],
    ...(suggestion === undefined ? [] : ([['did you mean', ` ${suggestion}`]] as const)),
  ];
}

function listParts(explanation: ImageExplanation): readonly Row[] {
  const { registry, repository, tag, digest, dockerHub, pullSecret, mirror, suspicion } = explanation;
  const optional: readonly (readonly [string, string | null | undefined])[] = [
    ['registry', dockerHub ? `${registry ?? ''} (Docker Hub)` : registry],
    ['repository', repository],
    ['tag', tag ?? (digest === null ? 'latest (default)' : null)],
    ['digest', digest],
    ['mirror', mirror],
    ['pull secret', pullSecret],
    ['suspicious', suspicion],
  ];
  return optional.flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, value] as const]));
}
