import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificates, requestProblem } from '../tls/self-signed.ts';
import { readServingCertificate } from '../tls/source.ts';
import { describeError } from '../text/error.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';
import { quoteForShell } from './terminal.ts';

export type CertsOptions = Readonly<{
  /** DNS names and IP addresses of the webhook. */
  dnsName: readonly string[];
  /** Folder to write to, created if missing; `certs` by default. */
  out?: string;
  /** Validity in days, as typed; 365 by default. */
  days?: string | number;
  /** Replace existing files. */
  force?: boolean;
}>;

/**
 * `pullguard certs`: creates a CA and a serving certificate and writes `ca.crt`, `tls.crt` and `tls.key` (mode 0600).
 *
 * @throws UsageError for bad names or days, existing files, or a folder that cannot be written
 */
export async function certs(options: CertsOptions, io: Pick<Io, 'stdout'>): Promise<ExitCode> {
  const { dnsName: names, out = 'certs', force = false } = options;
  const days = Number(options.days ?? 365);
  if (Number.isNaN(days)) throw new UsageError(`--days ${JSON.stringify(options.days)} is not a number`);
  const problem = requestProblem({ names, days }) ?? (force ? undefined : overwriteProblem(out));
  if (problem !== undefined) throw new UsageError(problem);

  const made = await makeCertificates({ names, days });
  const files: readonly OutputFile[] = [
    { path: join(out, 'ca.crt'), text: made.ca, mode: 0o644 },
    { path: join(out, 'tls.crt'), text: made.cert, mode: 0o644 },
    { path: join(out, 'tls.key'), text: made.key, mode: 0o600 },
  ];
  try {
    writeTogether(out, files);
  } catch (error) {
    throw new UsageError(`cannot write to ${out}: ${describeError(error)}`, { cause: error });
  }
  const { notAfter } = readServingCertificate(made.cert, made.key);
  io.stdout.write(summary(out, names, notAfter));
  return 0;
}

type OutputFile = Readonly<{ path: string; text: string; mode: number }>;

const FILE_NAMES = ['ca.crt', 'tls.crt', 'tls.key'];

function overwriteProblem(out: string): string | undefined {
  const there = FILE_NAMES.map((name) => join(out, name)).filter(exists);
  if (there.length === 0) return undefined;
  return `${there.join(', ')} ${there.length === 1 ? 'exists' : 'exist'}: add --force to replace, or choose another folder with --out`;
}

/** A dangling link counts as existing too. Other errors show up, with their reason, when the file is written. */
function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Writes all files under temporary names, then renames them, so that a server that watches them never reads half a file. */
function writeTogether(folder: string, files: readonly OutputFile[]): void {
  const temporary = `.tmp-${randomBytes(6).toString('hex')}`;
  mkdirSync(folder, { recursive: true });
  try {
    for (const { path, text, mode } of files) writeFileSync(path + temporary, text, { mode, flag: 'wx' });
    for (const { path } of files) renameSync(path + temporary, path);
  } finally {
    for (const { path } of files) rmSync(path + temporary, { force: true });
  }
}

function summary(out: string, names: readonly string[], notAfter: Date): string {
  const [ca, cert, key] = FILE_NAMES.map((name) => quoteForShell(join(out, name)));
  return `Wrote ${ca}   CA certificate; its private key was not saved, so it cannot sign anything else
Wrote ${cert}  serving certificate
Wrote ${key}  private key of the serving certificate, readable only by you
Valid until: ${notAfter.toISOString().replace('.000Z', 'Z')}
Names: ${names.join(', ')}

Next:
  pullguard serve --tls-cert ${cert} --tls-key ${key}
  Set caBundle of the webhook configurations to the output of:
  base64 -w0 ${ca}
`;
}
