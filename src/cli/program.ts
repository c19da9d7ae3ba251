import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CertsOptions } from './certs.ts';
import type { CheckOptions } from './check.ts';
import type { ImageOptions } from './image.ts';
import { hideCredentials, type ExitCode, type Io } from './io.ts';
import type { ServeOptions } from './serve.ts';

/** Told the exit code of the command that ran. */
export type Finish = (code: ExitCode) => void;

/** The command line. Each command is loaded when it is called: `check` should not wait for a web server to load. */
export function buildProgram(io: Io, finish: Finish): Command {
  const program = new Command('pullguard')
    .description('Prevents image pull failures in Kubernetes: an admission webhook, and the same rules offline.')
    .version(readVersion())
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => {
        write(hideCredentials(text));
      },
    })
    .showHelpAfterError('(--help says more)')
    .exitOverride();
  addServe(program, finish);
  addCheck(program, io, finish);
  addImage(program, io, finish);
  addRules(program, io, finish);
  addCerts(program, io, finish);
  return program;
}

function addServe(program: Command, finish: Finish): void {
  program
    .command('serve')
    .description(
      'run the webhook: /mutate and /validate over TLS, and an admin port with /healthz, /readyz and /metrics',
    )
    .option('--config <file>', 'policy to judge by, taken over whenever the file changes (default: the built-in one)')
    .option('--host <address>', 'address to listen on', '0.0.0.0')
    .option('--port <number>', 'port of the webhook, 0 for any free one', parsePort, 8443)
    .option('--admin-port <number>', 'port for health and metrics, plain HTTP, 0 for any free one', parsePort, 8080)
    .option(
      '--tls-cert <file>',
      'serving certificate (PEM), taken over whenever it changes; without one a CA and certificate are made',
    )
    .option('--tls-key <file>', 'private key of the certificate (PEM)')
    .option('--ca-out <file>', 'write the CA of the certificate that was made, for caBundle')
    .option(
      '--dns-name <names...>',
      'DNS names and IP addresses for the certificate that is made (default: localhost and the Service)',
    )
    .option('--client-ca <file>', 'only serve clients with a certificate of one of these CAs (PEM)')
    .option(
      '--drain-seconds <number>',
      'how long to serve on after SIGTERM, until the cluster has noticed',
      parseSeconds,
      5,
    )
    .addOption(
      new Option('--log-level <level>', 'least severe log lines to write')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option(
      '--offline',
      'judge by the manifests alone, asking no cluster and no registry (as this version always does)',
      false,
    )
    .action(async (options: Omit<ServeOptions, 'dnsName'> & { dnsName?: string[] }) => {
      const { serve } = await import('./serve.ts');
      finish(await serve({ ...options, dnsName: options.dnsName ?? [] }));
    });
}

function addCheck(program: Command, io: Io, finish: Finish): void {
  program
    .command('check')
    .description('judge manifests by the rules of the webhook: YAML and JSON files, folders, or - for standard input')
    .argument('<path...>', 'files or folders; a folder is searched for .yaml, .yml and .json')
    .option('--config <file>', 'policy to judge by (default: the built-in one)')
    .addOption(outputOption())
    .addHelpText('after', EXIT_CODES)
    .action(async (paths: string[], options: CheckOptions) => {
      const { check } = await import('./check.ts');
      finish(await check(paths, options, io));
    });
}

function addImage(program: Command, io: Io, finish: Finish): void {
  program
    .command('image')
    .description('say what image addresses mean, or why they are wrong and what was meant; - reads one a line')
    .argument('<ref...>', 'image addresses')
    .option('--config <file>', 'policy that says which pull secret and mirror they get (default: the built-in one)')
    .addOption(outputOption())
    .addHelpText('after', EXIT_CODES)
    .action(async (addresses: string[], options: ImageOptions) => {
      const { image } = await import('./image.ts');
      finish(await image(addresses, options, io));
    });
}

function addRules(program: Command, io: Io, finish: Finish): void {
  program
    .command('rules')
    .description('list the rules, or print the documentation of one')
    .argument('[id]', 'the rule')
    .action(async (id: string | undefined) => {
      const { rules } = await import('./rules.ts');
      finish(rules(id, io));
    });
}

function addCerts(program: Command, io: Io, finish: Finish): void {
  program
    .command('certs')
    .description('make a CA and a serving certificate: ca.crt, tls.crt and tls.key')
    .requiredOption('--dns-name <names...>', 'DNS names and IP addresses the webhook is called by')
    .option('--out <folder>', 'folder to write to', 'certs')
    .option('--days <number>', 'how long they are valid', '365')
    .option('--force', 'replace files that are there', false)
    .action(async (options: CertsOptions) => {
      const { certs } = await import('./certs.ts');
      finish((await certs(options, io)) === 0 ? 0 : 2);
    });
}

const EXIT_CODES = '\nExit codes: 0 fine, 1 something would be denied, 2 misuse or input that cannot be read';

function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text');
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

function parseSeconds(text: string): number {
  const seconds = /^\d{1,4}(?:\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(seconds <= 3600)) throw new InvalidArgumentError('A time is a number of seconds from 0 to 3600.');
  return seconds;
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
