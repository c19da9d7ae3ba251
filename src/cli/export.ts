import type { SecretsMode } from '../cluster/facts/fact-collections.ts';
import { exportAdmissionPolicies, KUBERNETES_MINORS } from '../export/admission-policies.ts';
import { keepBesideWebhook } from '../export/beside-webhook.ts';
import { buildMatchConditions } from '../export/match-conditions.ts';
import { ExportError } from '../export/cel.ts';
import type { Unsaid } from '../export/unsaid.ts';
import { formatObjectYaml } from '../manifest/commented-yaml.ts';
import { quote } from '../text/quote.ts';
import { choosePolicy, type PolicyOptions } from './choose-policy.ts';
import { UsageError, type ExitCode, type Io } from './io.ts';

export type ExportOptions = PolicyOptions &
  Readonly<{ kubernetes: string; besideWebhook: boolean; output: 'yaml' | 'json' }>;

export type MatchConditionsOptions = PolicyOptions &
  Readonly<{ secrets: SecretsMode; watchNodes: boolean; watchPulls: boolean; output: 'yaml' | 'json' }>;

/** That of the manifests. */
const WEBHOOK_NAMESPACE = 'pullguard';

/** `pullguard export admission-policies`: objects on standard output, and what they leave out on standard error. */
export async function exportPolicies(options: ExportOptions, io: Io): Promise<ExitCode> {
  const policy = await choosePolicy(['.'], options, io);
  const { objects, unsaid } = orUsageError(() => exportAdmissionPolicies(policy, readMinor(options.kubernetes)));
  const written = options.besideWebhook ? keepBesideWebhook(objects, WEBHOOK_NAMESPACE) : objects;
  io.stdout.write(formatObjects(written, options.output));
  io.stderr.write(formatUnsaid('not exported', unsaid));
  return 0;
}

/** `pullguard export match-conditions`: the part of the webhook configurations that says when to call pullguard. */
export async function exportMatchConditions(options: MatchConditionsOptions, io: Io): Promise<ExitCode> {
  const { secrets, watchNodes, watchPulls, output } = options;
  const gathered = { pullSecrets: secrets !== 'none', nodes: watchNodes, pulls: watchPulls };
  const policy = await choosePolicy(['.'], options, io);
  const { mutate, validate, always } = orUsageError(() => buildMatchConditions(policy, gathered));
  const objects = [
    { kind: 'MutatingWebhookConfiguration', name: 'mutate.pullguard.dev', matchConditions: mutate },
    { kind: 'ValidatingWebhookConfiguration', name: 'validate.pullguard.dev', matchConditions: validate },
  ].map(({ kind, name, matchConditions }) => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name: 'pullguard' },
    webhooks: [{ name, matchConditions }],
  }));
  io.stdout.write(formatObjects(objects, output));
  io.stderr.write(formatUnsaid('called for every change', always));
  return 0;
}

function orUsageError<Result>(compute: () => Result): Result {
  try {
    return compute();
  } catch (error) {
    if (error instanceof ExportError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function formatObjects(objects: readonly object[], output: 'yaml' | 'json'): string {
  if (output === 'yaml') return objects.map((object) => formatObjectYaml(object)).join('---\n');
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }, undefined, 2)}\n`;
}

/** `1.36`, or `v1.36.2` as kubectl has it. A later version serves what the last one that is known does. */
function readMinor(version: string): (typeof KUBERNETES_MINORS)[number] {
  const [, minor] = /^v?1\.(\d{1,3})(?:[.+-].*)?$/.exec(version) ?? [];
  const known = KUBERNETES_MINORS.findLast((each) => each <= Number(minor));
  if (known !== undefined) return known;
  throw new UsageError(
    `--kubernetes ${quote(version)} is not supported: ValidatingAdmissionPolicy needs Kubernetes 1.${KUBERNETES_MINORS[0]} or newer, such as 1.36`,
  );
}

function formatUnsaid(start: string, unsaid: readonly Unsaid[]): string {
  return unsaid.map(({ what, why }) => `${start}: ${what}: ${why}\n`).join('');
}
