import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { startProgram, waitUntilReady, type Program } from './processes.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

export type Pullguard = Readonly<{
  port: number;
  adminPort: number;
  /** PEM of the CA that made its certificate; empty when it keeps that in the cluster. */
  ca: string;
  program: Program;
  /** Lines of its log, parsed. */
  readLog: () => readonly LogLine[];
  stop: () => Promise<number | string>;
}>;

export type LogLine = Readonly<{ level: string; msg: string; port?: number; adminPort?: number }>;

/** A line that a test must explain: what is not JSON was written by Node.js itself. */
export function isErrorLine({ level }: LogLine): boolean {
  return level === 'error' || level === 'fatal';
}

export type PullguardOptions = Readonly<{
  policy: object;
  /** Any free one unless given. */
  port?: number;
  /** With a certificate from `makeCertificate`, which outlives a restart; without, it makes one itself. */
  certificate?: string;
  drainSeconds?: number;
  /** What to wait for; one that manages certificates is ready only once webhook configurations trust it. */
  waits?: 'ready' | 'listening';
  /** Further variables of its environment. */
  env?: Readonly<Record<string, string>>;
  /** Further flags, such as those that have it join a cluster. */
  flags?: readonly string[];
}>;

let started = 0;

/** Starts `pullguard serve` and waits until it is ready. */
export async function startPullguard(folder: string, options: PullguardOptions): Promise<Pullguard> {
  started += 1;
  const name = `pullguard-${process.pid}-${started}`;
  const policyFile = join(folder, `${name}.yaml`);
  writeFileSync(policyFile, stringify(options.policy));
  const { certificate, port = 0, drainSeconds = 0, flags = [] } = options;
  const isManaged = flags.some((flag) => flag.startsWith('--tls-secret'));
  const caFile = certificate === undefined ? join(folder, `${name}.crt`) : join(certificate, 'ca.crt');
  const program = startProgram(folder, name, 'env', [
    ...listVariables(options),
    process.execPath,
    MAIN,
    'serve',
    `--config=${policyFile}`,
    '--host=127.0.0.1',
    `--port=${port}`,
    '--admin-port=0',
    `--drain-seconds=${drainSeconds}`,
    ...(isManaged ? [] : describeCertificate(certificate, caFile)),
    ...flags,
  ]);
  const readLog = (): readonly LogLine[] => parseLog(program.log);
  const findListening = (): LogLine | undefined => readLog().find(({ msg }) => msg === 'listening');
  const isReady = async (): Promise<boolean> => {
    const adminPort = findListening()?.adminPort;
    return adminPort !== undefined && (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok;
  };
  await waitUntilReady(
    program,
    options.waits === 'listening' ? async () => Promise.resolve(findListening() !== undefined) : isReady,
  );
  return {
    port: findListening()?.port ?? 0,
    adminPort: findListening()?.adminPort ?? 0,
    ca: isManaged ? '' : readFileSync(caFile, 'utf8'),
    program,
    readLog,
    stop: async () => program.stop(),
  };
}

function listVariables({ env = {} }: PullguardOptions): readonly string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

function describeCertificate(folder: string | undefined, caFile: string): readonly string[] {
  return folder === undefined
    ? [`--ca-out=${caFile}`]
    : [`--tls-cert=${join(folder, 'tls.crt')}`, `--tls-key=${join(folder, 'tls.key')}`];
}

/** Runs `pullguard certs`; the result is the folder with what it made. */
export async function makeCertificate(folder: string): Promise<string> {
  const out = join(folder, 'certs');
  const program = startProgram(folder, 'pullguard-certs', process.execPath, [
    MAIN,
    'certs',
    '--dns-name=127.0.0.1',
    `--out=${out}`,
  ]);
  const code = await program.exited;
  if (code !== 0) throw new Error(`pullguard certs ended with ${code}:\n${readFileSync(program.log, 'utf8')}`);
  return out;
}

/** The last line may be half written; what is no JSON is an error that node itself printed. */
function parseLog(file: string): readonly LogLine[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => (line.startsWith('{') ? (JSON.parse(line) as LogLine) : { level: 'fatal', msg: line }));
}
