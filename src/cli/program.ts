import { Argument, Command, Option } from 'commander';
import type { CertsOptions } from './certs.ts';
import type { CheckOptions } from './check.ts';
import type { PolicyOptions } from './choose-policy.ts';
import type { Shell } from './completion.ts';
import type { DiagnoseOptions } from './diagnose.ts';
import type { ExportOptions, MatchConditionsOptions } from './export.ts';
import type { ImageOptions } from './image.ts';
import { hideCredentials, type ExitCode, type Io } from './io.ts';
import {
  addConnectionOptions,
  addPolicyOptions,
  collect,
  EXIT_CODES,
  FAIL_ON,
  outputOption,
  parseLife,
  parsePort,
  parseSeconds,
  scanOutputOption,
  secretsOption,
} from './options.ts';
import type { RulesOptions } from './rules.ts';
import type { ScanOptions } from './scan.ts';
import type { ServeOptions } from './serve.ts';
import { version, VERSION, type VersionOptions } from './version.ts';

/** Called with the exit code of the command that ran. */
type Finish = (code: ExitCode) => void;

/** The command line. Each command is loaded when it is called, so that `check` does not load a web server. */
export function buildProgram(io: Io, finish: Finish): Command {
  const program = new Command('pullguard')
    .description(
      'Prevents image pull failures in Kubernetes: an admission webhook, and the same checks on the command line.',
    )
    .version(VERSION)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => {
        write(hideCredentials(text));
      },
    })
    .showHelpAfterError('(run with --help for usage)')
    .exitOverride();
  addServe(program, finish);
  addCheck(program, io, finish);
  addImage(program, io, finish);
  addDiagnose(program, io, finish);
  addRules(program, io, finish);
  addPolicy(program, io, finish);
  addExport(program, io, finish);
  addCerts(program, io, finish);
  addScan(program, io, finish);
  addVersion(program, io, finish);
  addCompletion(program, io, finish);
  for (const command of program.commands) command.addHelpText('after', formatExamples(command.name()));
  return program;
}

function addServe(program: Command, finish: Finish): void {
  addConnectionOptions(program.command('serve'), 'the cluster it runs in, if any')
    .description('run the webhook: /mutate and /validate over TLS, and /healthz, /readyz and /metrics on an admin port')
    .option('--config <file>', 'policy file, reloaded when it changes (default: the built-in policy)')
    .option('--host <address>', 'address to listen on', '0.0.0.0')
    .option('--port <number>', 'port of the webhook; 0 for any free port', parsePort, 8443)
    .option(
      '--admin-port <number>',
      'port for health checks and metrics, plain HTTP; 0 for any free port',
      parsePort,
      8080,
    )
    .option(
      '--tls-cert <file>',
      'serving certificate (PEM), reloaded when it changes (default: create a CA and a certificate)',
    )
    .option('--tls-key <file>', 'private key of --tls-cert (PEM)')
    .option('--ca-out <file>', 'write the CA that was created to this file, for caBundle')
    .option(
      '--dns-name <names...>',
      'DNS names and IP addresses of the certificate that is created (default: localhost and the Service)',
    )
    .option(
      '--client-ca <file>',
      'require client certificates signed by one of these CAs (PEM), reloaded when the file changes',
    )
    .option(
      '--client-name <names...>',
      'with --client-ca: accept only client certificates with one of these common names or DNS names',
    )
    .option(
      '--drain-seconds <number>',
      'seconds to keep serving after SIGTERM, until the cluster sends no more requests',
      parseSeconds,
      5,
    )
    .addOption(
      new Option('--log-level <level>', 'lowest level to log')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'how to write the log; text on a terminal, and otherwise json').choices([
        'json',
        'text',
      ]),
    )
    .addOption(
      new Option('--offline', 'use neither a cluster (not even the one it runs in) nor registries')
        .default(false)
        .conflicts(['kubeconfig', 'context', 'tlsSecret']),
    )
    .addOption(secretsOption())
    .option(
      '--watch-nodes',
      'also watch nodes, for image-fits and image-on-node: disk pressure, disk size, and images already present',
      false,
    )
    .option(
      '--watch-pulls',
      'also watch Events of pulls: warn of images that nodes fail to pull now, and say why in an Event on the owner',
      false,
    )
    .option(
      '--native-policies <name>',
      'keep admission policies in the cluster that deny and fix without the webhook, owned by the ClusterRole of this name',
    )
    .addOption(
      new Option(
        '--tls-secret <name>',
        'keep a self-made CA and certificate in this Secret, renew them, and set caBundle of the webhook configurations',
      ).conflicts(['tlsCert', 'tlsKey', 'caOut']),
    )
    .option('--webhook-configuration <name>', 'name of the webhook configurations to set caBundle of', 'pullguard')
    .option('--service <name>', 'Service that the webhook configurations call', 'pullguard')
    .option('--ca-life <duration>', 'validity of a CA kept in --tls-secret, such as 3650d, 24h or 30m', parseLife)
    .option('--certificate-life <duration>', 'validity of a certificate kept in --tls-secret', parseLife)
    .action(async (options: Omit<ServeOptions, 'dnsName'> & { dnsName?: string[] }) => {
      const { serve } = await import('./serve.ts');
      finish(await serve({ ...options, dnsName: options.dnsName ?? [] }));
    });
}

function addCheck(program: Command, io: Io, finish: Finish): void {
  addPolicyOptions(program.command('check'))
    .description('check manifests with the rules of the webhook: YAML and JSON files, folders, or - for standard input')
    .argument('[path...]', 'files, folders or patterns; folders are searched, and kustomizations and charts rendered')
    .option('-f, --filename <path>', 'the same as a path, for the habits of kubectl; repeatable', collect)
    .option('-R, --recursive', 'folders are always searched to the bottom; accepted for the habits of kubectl')
    .addOption(outputOption('text', 'json', 'sarif', 'junit', 'github', 'gitlab', 'markdown'))
    .option('--output-file <format=path>', 'write a report in this format to this file as well; repeatable', collect)
    .option('--fix', 'write what is certain into the files; of standard input the fixed text is printed')
    .addOption(new Option('--diff', 'print what --fix would change, and write nothing').conflicts('fix'))
    .option(
      '--fix-pull-policy <pattern>',
      'with --fix or --diff: of these images, which are large, change imagePullPolicy Always to IfNotPresent; repeatable',
      collect,
    )
    .option('--baseline <file>', 'leave out the findings that are recorded in this file')
    .option('--write-baseline <file>', 'record all findings in this file, and leave them out')
    .option(
      '--exclude <glob>',
      'files and folders to leave out, such as charts or "**/test/*.yaml"; repeatable',
      collect,
    )
    .addOption(new Option('--fail-on <action>', 'exit with 1 from this on').choices(FAIL_ON).default('deny'))
    .option('--strict', 'exit with 2 if anything was not checked')
    .option('--allow-empty', 'exit with 0 if there was nothing to check')
    .option('--no-render', 'read the files of kustomizations and charts as they are')
    .option('--values <file>', 'values to render charts with, as for helm template; repeatable', collect)
    .option('--set <key=value>', 'a value to render charts with, as for helm template; repeatable', collect)
    .option('--release-name <name>', 'name of the release to render charts with')
    .addHelpText('after', `${EXIT_CODES},\nor nothing to check`)
    .action(async (paths: string[], { filename = [], ...options }: CheckOptions & { filename?: readonly string[] }) => {
      const all = [...paths, ...filename];
      if (all.length === 0) program.error("error: missing required argument 'path'");
      const { check } = await import('./check.ts');
      finish(await check(all, options, io));
    });
}

function addImage(program: Command, io: Io, finish: Finish): void {
  addPolicyOptions(program.command('image'))
    .description('explain image references, or what is wrong with them; - reads them from standard input')
    .argument(
      '<ref...>',
      'image references or events that name one; in standard input one a line, and lines with # are comments',
    )
    .option('--probe', 'ask the registry whether the image can be pulled, as kubelet would', false)
    .option(
      '--docker-config <file>',
      'with --probe: docker config.json with credentials, or the content of a pull secret (default: ask anonymously)',
    )
    .addOption(outputOption('text', 'json'))
    .addHelpText('after', `${EXIT_CODES};\nwith --probe also 1 if an image cannot be pulled, or if that is not known`)
    .action(async (images: string[], options: ImageOptions) => {
      const { image } = await import('./image.ts');
      finish(await image(images, options, io));
    });
}

const DIAGNOSE_EXIT_CODES = `
Exit codes: 0 nothing waits or failed, 1 something does, 2 misuse or input that cannot be read or is empty`;

function addDiagnose(program: Command, io: Io, finish: Finish): void {
  addConnectionOptions(program.command('diagnose'), '$KUBECONFIG or ~/.kube/config')
    .description('say why Pods wait for images and what to do: of a cluster, or of messages on standard input')
    .argument(
      '[target...]',
      'Pods or TYPE/NAME (default: all that waits in the namespace); - for standard input: messages, JSON and tables of kubectl, logs',
    )
    .option('-n, --namespace <name>', 'namespace to look at (default: that of the kubeconfig)')
    .option('-A, --all-namespaces', 'look at all namespaces', false)
    .option('--config <file>', 'policy file (default: the policy of the cluster, or the built-in one)')
    .option('--probe', 'ask registries about the images, with the pull secrets of the Pods', false)
    .addOption(outputOption('text', 'json'))
    .addHelpText('after', DIAGNOSE_EXIT_CODES)
    .action(async (targets: string[], options: DiagnoseOptions) => {
      const { diagnose } = await import('./diagnose.ts');
      finish(await diagnose(targets, options, io));
    });
}

function addRules(program: Command, io: Io, finish: Finish): void {
  program
    .command('rules')
    .description('list the rules, or print the documentation of one rule')
    .argument('[id]', 'ID of the rule')
    .addOption(outputOption('text', 'json'))
    .action(async (id: string | undefined, options: RulesOptions) => {
      const { rules } = await import('./rules.ts');
      finish(rules(id, options, io));
    });
}

const POLICY_EXIT_CODES =
  '\nExit codes: 0 all as expected, 1 something is not as expected, 2 wrong usage or a file that cannot be used';

function addPolicy(program: Command, io: Io, finish: Finish): void {
  const policy = program.command('policy').description('validate, show and test policy files');
  policy
    .command('validate')
    .description('report every mistake of policy files, with line and column')
    .argument('[file...]', 'policy files, or - for standard input (default: the nearest .pullguard.yaml)')
    .addHelpText('after', '\nExit codes: 0 all files are valid, 2 one is not')
    .action(async (files: string[]) => {
      const { validatePolicies } = await import('./policy.ts');
      finish(await validatePolicies(files, io));
    });
  addPolicyOptions(policy.command('show'))
    .description('print the policy in force, with the place that each value comes from')
    .action(async (options: PolicyOptions) => {
      const { showPolicy } = await import('./policy.ts');
      finish(await showPolicy(options, io));
    });
  policy
    .command('test')
    .description('compare what policies find in manifests with the results that *.test.yaml expect')
    .argument('[path...]', 'test files, or folders that are searched for *.test.yaml', ['.'])
    .addHelpText('after', POLICY_EXIT_CODES)
    .action(async (paths: string[]) => {
      const { testPolicies } = await import('./policy-test.ts');
      finish(testPolicies(paths, io));
    });
}

const EXPORT_EXIT_CODES = '\nExit codes: 0 written, 2 wrong usage or a policy that cannot be used';

function addExport(program: Command, io: Io, finish: Finish): void {
  const command = program.command('export').description('write a policy in the language of the API server (CEL)');
  addPolicyOptions(command.command('admission-policies'))
    .description(
      'write the admission policies that the API server evaluates without the webhook, and what they leave out',
    )
    .option('--kubernetes <version>', 'version of Kubernetes that they are for, from 1.30 on', '1.36')
    .option(
      '--beside-webhook',
      'only what denies and fixes, in no namespace pullguard: for a cluster with the webhook, which warns',
      false,
    )
    .addOption(outputOption('yaml', 'json'))
    .addHelpText('after', EXPORT_EXIT_CODES)
    .action(async (options: ExportOptions) => {
      const { exportPolicies } = await import('./export.ts');
      finish(await exportPolicies(options, io));
    });
  addPolicyOptions(command.command('match-conditions'))
    .description('write the conditions under which the API server has to call the webhook, by how serve is started')
    .addOption(secretsOption())
    .option('--watch-nodes', 'serve is started with --watch-nodes', false)
    .option('--watch-pulls', 'serve is started with --watch-pulls', false)
    .addOption(outputOption('yaml', 'json'))
    .addHelpText('after', EXPORT_EXIT_CODES)
    .action(async (options: MatchConditionsOptions) => {
      const { exportMatchConditions } = await import('./export.ts');
      finish(await exportMatchConditions(options, io));
    });
}

function addCerts(program: Command, io: Io, finish: Finish): void {
  program
    .command('certs')
    .description('create a CA and a serving certificate: ca.crt, tls.crt and tls.key')
    .requiredOption('--dns-name <names...>', 'DNS names and IP addresses of the webhook')
    .option('--out <folder>', 'folder to write to', 'certs')
    .option('--days <number>', 'validity in days', '365')
    .option('--force', 'replace existing files', false)
    .action(async (options: CertsOptions) => {
      const { certs } = await import('./certs.ts');
      finish(await certs(options, io));
    });
}

function addScan(program: Command, io: Io, finish: Finish): void {
  addConnectionOptions(program.command('scan'), '$KUBECONFIG or ~/.kube/config')
    .description('audit a running cluster with the rules of the webhook: what would be denied, fixed or warned about')
    .option('-n, --namespace <names...>', 'namespaces to audit (default: all)')
    .option('-A, --all-namespaces', 'all namespaces, whatever --namespace says', false)
    .option('--config <file>', 'policy file (default: the policy of the cluster, or the built-in one)')
    .addOption(secretsOption())
    .addOption(scanOutputOption())
    .option('--write-reports', 'with -o policyreport or openreports: write the reports into the cluster', false)
    .addHelpText('after', `${EXIT_CODES},\nor a cluster that could not be read completely`)
    .action(async (options: ScanOptions) => {
      const { scan } = await import('./scan.ts');
      finish(await scan(options, io));
    });
}

function addVersion(program: Command, io: Io, finish: Finish): void {
  program
    .command('version')
    .description('print the version of pullguard, its commit if that is known, and the version of Node.js')
    .addOption(outputOption('text', 'json'))
    .action((options: VersionOptions) => {
      finish(version(options, io));
    });
}

function addCompletion(program: Command, io: Io, finish: Finish): void {
  program
    .command('completion')
    .description('print a script that completes commands, options and their values in a shell')
    .addArgument(new Argument('<shell>', 'shell to complete in').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: Shell) => {
      const { completion } = await import('./completion.ts');
      finish(completion(shell, program, io));
    });
}

/** The most common calls of each command, as users type them. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  serve: [
    'pullguard serve --config policy.yaml --tls-secret pullguard-tls',
    'pullguard serve --offline --log-level debug',
  ],
  check: [
    'pullguard check deploy/',
    'helm template web ./chart | pullguard check -',
    'pullguard check --config policy.yaml --diff deploy/',
    'pullguard check -o github --output-file sarif=pullguard.sarif deploy/',
  ],
  image: [
    'pullguard image nginx:1.27',
    'pullguard image --probe --docker-config ~/.docker/config.json harbor.example.com/team/app:v1',
    `pullguard image 'Failed to pull image "ngnix:1.27": not found'`,
    'pullguard image -o json - < images.txt',
  ],
  diagnose: [
    'pullguard diagnose -A',
    'pullguard diagnose -n shop deployment/web --probe',
    'kubectl get events -A -o json | pullguard diagnose -',
    'kubectl get pods -A -o json | pullguard diagnose -',
    'kubectl describe pod web-1 | pullguard diagnose -',
    'journalctl -u kubelet -u containerd --since -1h | pullguard diagnose -o json -',
  ],
  rules: ['pullguard rules', 'pullguard rules pull-secret-present', 'pullguard rules -o json'],
  certs: ['pullguard certs --dns-name pullguard.pullguard.svc --out certs'],
  policy: ['pullguard policy validate', 'pullguard policy show > in-force.yaml', 'pullguard policy test deploy'],
  export: [
    'pullguard export admission-policies --config policy.yaml | kubectl apply -f -',
    'pullguard export admission-policies --beside-webhook --policy-from-cluster | kubectl apply -f -',
    'pullguard export admission-policies --kubernetes 1.34 -o json > native.json',
    'pullguard export match-conditions --policy-from-cluster > match-conditions.yaml',
  ],
  scan: [
    'pullguard scan',
    'pullguard scan -n shop -n billing --secrets all',
    'pullguard scan --context staging --config policy.yaml -o json',
    'pullguard scan -o html > report.html',
    'pullguard scan -o policyreport --write-reports',
  ],
  version: ['pullguard version', 'pullguard version -o json'],
  completion: [
    'source <(pullguard completion bash)',
    'pullguard completion zsh > "${fpath[1]}/_pullguard"',
    'pullguard completion fish > ~/.config/fish/completions/pullguard.fish',
  ],
};

/** The end of the help of a command; empty for one without examples. */
function formatExamples(command: string): string {
  const examples = EXAMPLES[command] ?? [];
  return examples.length === 0 ? '' : `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`;
}
