import { describeCause } from '../manifest/files.ts';
import type { Policy } from '../engine/rule.ts';
import { quote } from '../text/quote.ts';
import { readReference } from '../image/reference.ts';
import { explainImage, type ImageExplanation } from '../report/explain-image.ts';
import { isPullable, listProbe, toProbeJson, type ProbeReport, type Row } from './format-probe.ts';
import type { AskRegistry } from './image-probe.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';
import { loadConfig } from './load-config.ts';

export type ImageOptions = Readonly<{
  config?: string;
  /** Whether registries are asked. */
  probe?: boolean;
  /** A docker `config.json` with logins to ask them with. */
  dockerConfig?: string;
  output: 'text' | 'json';
}>;

/** @throws UsageError for logins that cannot be read */
type OpenProbe = (policy: Policy, dockerConfig: string | undefined) => Promise<AskRegistry>;

/**
 * `pullguard image`: says what addresses mean, and with `probe` what their registries say; exit code 1 if a container
 * runtime would refuse one of them, or if it is not certain that it can be pulled.
 */
export async function image(
  addresses: readonly string[],
  options: ImageOptions,
  io: Io,
  openProbe: OpenProbe = loadProbe,
): Promise<ExitCode> {
  checkUse(addresses, options);
  const policy = loadConfig(options.config);
  const ask = options.probe === true ? await openProbe(policy, options.dockerConfig) : undefined;
  const written = addresses[0] === '-' ? readLines(await readStdin(io)) : addresses;
  const format = options.output === 'json' ? formatJson : formatText;
  let isFine = true;
  for await (const told of inTurn(written, async (address) => tell(address, policy, ask))) {
    io.stdout.write(format(told));
    isFine &&= told.isFine;
  }
  return isFine ? 0 : 1;
}

/** Loaded only here: who asks no registry need not wait for what does. */
const loadProbe: OpenProbe = async (policy, dockerConfig) => {
  const { openImageProbe } = await import('./image-probe.ts');
  return openImageProbe({ policy, dockerConfig });
};

function checkUse(addresses: readonly string[], { probe, dockerConfig }: ImageOptions): void {
  if (addresses.includes('-') && addresses.length > 1)
    throw new UsageError('"-" reads addresses from standard input and stands alone');
  if (dockerConfig !== undefined && probe !== true)
    throw new UsageError('--docker-config has logins for registries, which only --probe asks: give both, or neither');
}

async function readStdin(io: Io): Promise<string> {
  try {
    return await io.readStdin();
  } catch (error) {
    throw new UsageError(`standard input cannot be read: ${describeCause(error)}`, { cause: error });
  }
}

/** One address a line, exactly as it stands there: white space around it is one of the things that can be wrong. */
function readLines(text: string): readonly string[] {
  return text.split(/\r?\n/).filter((line) => line !== '');
}

/** Addresses worked on at a time: one registry that does not answer should not hold up all the others. */
const AT_ONCE = 4;

/** What comes of each, in the order of the list, as soon as all before it are done. */
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

/** `report` is null for an address that leads to no registry, and undefined where none is asked. */
type Told = Readonly<{ explanation: ImageExplanation; report: ProbeReport | null | undefined; isFine: boolean }>;

async function tell(address: string, policy: Policy, ask: AskRegistry | undefined): Promise<Told> {
  const explanation = explainImage(address, policy);
  const { valid, mirror } = explanation;
  if (ask === undefined) return { explanation, report: undefined, isFine: valid };
  const reference = readReference(mirror ?? address);
  const report = reference === undefined ? null : await ask(reference);
  return { explanation, report, isFine: report !== null && isPullable(report) };
}

function formatJson({ explanation, report }: Told): string {
  const probe = report === undefined ? {} : { probe: report === null ? null : toProbeJson(report) };
  return `${JSON.stringify({ ...explanation, ...probe })}\n`;
}

function formatText({ explanation, report }: Told): string {
  const { image: address, problem, mirror } = explanation;
  const rows = [
    ...(problem === undefined ? listParts(explanation) : listProblem(problem)),
    ...(report === undefined || report === null ? [] : listProbe(report, mirror !== null)),
  ];
  const body = rows.map(([name, value]) => `  ${name.padEnd(12)}${value}\n`).join('');
  return `${quote(address, address.length)}\n${body}`;
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
    ['tag', tag ?? (digest === null ? 'latest (as none is written)' : null)],
    ['digest', digest],
    ['mirror', mirror],
    ['pull secret', pullSecret],
    ['suspicious', suspicion],
  ];
  return optional.flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, value] as const]));
}
