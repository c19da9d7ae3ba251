import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { CertsOptions } from './certs.ts';
import type { CheckOptions } from './check.ts';
import type { ImageOptions } from './image.ts';
import { hideCredentials, type ExitCode, type Io } from './io.ts';
import {
  addConnectionOptions,
  EXIT_CODES,
  outputOption,
  parseLife,
  parsePort,
  parseSeconds,
  secretsOption,
} from './options.ts';
import type { ScanOptions } from './scan.ts';
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
  addScan(program, io, finish);
  return program;
}

function addServe(program: Command, finish: Finish): void {
  addConnectionOptions(program.command('serve'), 'the cluster it runs in, if any')
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
    .option(
      '--client-ca <file>',
      'only serve clients with a certificate of one of these CAs (PEM), reloaded whenever the file changes',
    )
    .option('--client-name <names...>', 'of these, only clients whose certificate has one of these common or DNS names')
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
    .addOption(
      new Option(
        '--offline',
        'judge by the manifests alone, asking no registry and no cluster, not even the one it runs in',
      )
        .default(false)
        .conflicts(['kubeconfig', 'context', 'tlsSecret']),
    )
    .addOption(secretsOption())
    .option('--watch-nodes', 'also watch nodes, for image-fits: disk pressure, space and images that are there', false)
    .addOption(
      new Option(
        '--tls-secret <name>',
        'keep a CA and certificate of its own in this Secret, renew them, and have the webhook configurations trust them',
      ).conflicts(['tlsCert', 'tlsKey', 'caOut']),
    )
    .option('--webhook-configuration <name>', 'webhook configurations to keep the caBundle of', 'pullguard')
    .option('--service <name>', 'Service that the webhook configurations name', 'pullguard')
    .option('--ca-life <duration>', 'life of a CA that it makes in a cluster: 3650d, 24h, 30m, 60s', parseLife)
    .option('--certificate-life <duration>', 'life of a certificate that it makes in a cluster', parseLife)
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
    .addOption(outputOption('text', 'json'))
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
    .option(
      '--config <file>',
      'policy that says which pull secret and mirror they get, and how registries are asked (default: the built-in one)',
    )
    .option('--probe', 'ask the registry of each whether it can be pulled, as kubelet would', false)
    .option(
      '--docker-config <file>',
      'docker config.json with logins to ask with, or what is in a pull secret (default: ask anonymously)',
    )
    .addOption(outputOption('text', 'json'))
    .addHelpText('after', `${EXIT_CODES};\nwith --probe also 1 when an image cannot be pulled, or nobody can tell`)
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

function addScan(program: Command, io: Io, finish: Finish): void {
  addConnectionOptions(program.command('scan'), '$KUBECONFIG or ~/.kube/config')
    .description('judge what is in a cluster by the rules of the webhook: what would be denied, fixed and warned about')
    .option('-n, --namespace <names...>', 'namespaces to look at (default: all)')
    .option('--config <file>', 'policy to judge by (default: the built-in one)')
    .addOption(secretsOption())
    .addOption(outputOption('table', 'json'))
    .addHelpText('after', `${EXIT_CODES}, or a cluster that could not be read in full`)
    .action(async (options: ScanOptions) => {
      const { scan } = await import('./scan.ts');
      finish(await scan(options, io));
    });
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
