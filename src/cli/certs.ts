import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { makeCertificates, requestProblem } from '../tls/self-signed.ts';
import { readServingCertificate } from '../tls/source.ts';
import { quoteForShell } from './terminal.ts';

export type CertsOptions = Readonly<{
  /** DNS names and IP addresses the webhook is called by. */
  dnsName: readonly string[];
  /** Folder to write to, made if missing; `certs` unless told otherwise. */
  out?: string;
  /** Life in days, as typed; 365 unless told otherwise. */
  days?: string | number;
  /** Replace files that exist. */
  force?: boolean;
}>;

export type CertsIo = Readonly<{ stdout: TextSink; stderr: TextSink }>;
type TextSink = Readonly<{ write: (text: string) => unknown }>;

/**
 * `pullguard certs`: makes a CA and a serving certificate and writes `ca.crt`, `tls.crt` and `tls.key` (mode 0600).
 * Returns the exit code: 0 written, 2 bad names or days, files in the way, or a folder that cannot be written.
 */
export async function certs(options: CertsOptions, io: CertsIo): Promise<number> {
  const { dnsName: names, out = 'certs', force = false } = options;
  const days = Number(options.days ?? 365);
  if (Number.isNaN(days)) return fail(io, `--days ${JSON.stringify(options.days)} is not a number`);
  const problem = requestProblem({ names, days }) ?? (force ? undefined : overwriteProblem(out));
  if (problem !== undefined) return fail(io, problem);

  const made = await makeCertificates({ names, days });
  const files: readonly OutputFile[] = [
    { path: join(out, 'ca.crt'), text: made.ca, mode: 0o644 },
    { path: join(out, 'tls.crt'), text: made.cert, mode: 0o644 },
    { path: join(out, 'tls.key'), text: made.key, mode: 0o600 },
  ];
  try {
    writeTogether(out, files);
  } catch (error) {
    return fail(io, `cannot write to ${out}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { notAfter } = readServingCertificate(made.cert, made.key);
  io.stdout.write(summary(out, names, notAfter));
  return 0;
}

type OutputFile = Readonly<{ path: string; text: string; mode: number }>;

const FILE_NAMES = ['ca.crt', 'tls.crt', 'tls.key'];

function fail(io: CertsIo, problem: string): number {
  io.stderr.write(`error: ${problem}\n`);
  return 2;
}

function overwriteProblem(out: string): string | undefined {
  const there = FILE_NAMES.map((name) => join(out, name)).filter(exists);
  if (there.length === 0) return undefined;
  return `${there.join(', ')} ${there.length === 1 ? 'exists' : 'exist'}: add --force to replace, or choose another folder with --out`;
}

/** A link that points nowhere is in the way too. What cannot be looked at cannot be written either, which says why. */
function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** All files whole under other names first, then renamed: a server that watches them never reads half of one. */
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
  return `Wrote ${ca}   the CA; its key was not kept, so it can sign nothing else
Wrote ${cert}  the serving certificate
Wrote ${key}  its private key, readable by you alone
Valid until: ${notAfter.toISOString().replace('.000Z', 'Z')}
Names: ${names.join(', ')}

Next:
  pullguard serve --tls-cert ${cert} --tls-key ${key}
  and in the webhook configurations, as caBundle, what this prints:
  base64 -w0 ${ca}
`;
}
