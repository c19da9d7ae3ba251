/**
 * Writes what the chart shares with the rest of the repository: the schema of the policy, the alerts,
 * matchConditions, the dashboard and the default policy as admission policies, which the manifests have too. A test compares.
 *
 *     npx tsx scripts/chart.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';
import { exportAdmissionPolicies, type ApiObject } from '../src/export/admission-policies.ts';
import { keepBesideWebhook } from '../src/export/beside-webhook.ts';
import { formatObjectYaml } from '../src/manifest/commented-yaml.ts';
import { buildPolicySchema } from '../src/policy/schema.ts';
import { VOCABULARY, type Schema } from '../src/policy/section.ts';
import { RULES } from '../src/rules/index.ts';
import { defaultPolicy } from '../src/rules/policy.ts';
import { isRecord } from '../src/text/json.ts';
import { buildDashboard } from './dashboard.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SCHEMA = 'charts/pullguard/values.schema.json';
const ALERTS = 'charts/pullguard/files/alerts.json';
const CONDITIONS = 'charts/pullguard/files/match-conditions.json';
/** Neither kustomize nor Helm reads a file outside of its own folder. */
const DASHBOARDS = ['charts/pullguard/files/dashboard.json', 'manifests/components/dashboard/pullguard.json'];
const NATIVE = 'charts/pullguard/files/native.json';
const COMPONENT = 'manifests/components/native';

/** In the chart, where the namespace is known only when it is rendered. */
const RELEASE_NAMESPACE = 'RELEASE-NAMESPACE';

/** The files that are written here, by their path. */
export async function listShared(): Promise<ReadonlyMap<string, string>> {
  const schema = JSON.parse(readFileSync(join(ROOT, SCHEMA), 'utf8')) as { properties: Record<string, unknown> };
  schema.properties['policy'] = toChartSchema();
  const rule = parse(readFileSync(join(ROOT, 'manifests/components/monitoring/prometheus-rule.yaml'), 'utf8')) as {
    spec: { groups: readonly [{ rules: unknown }] };
  };
  const dashboards = DASHBOARDS.map((path) => [path, buildDashboard()] as const);
  const { policy } = parse(readFileSync(join(ROOT, 'charts/pullguard/values.yaml'), 'utf8')) as { policy: object };
  const written = {
    [CONDITIONS]: readMatchConditions(),
    [SCHEMA]: schema,
    [ALERTS]: rule.spec.groups[0].rules,
    [NATIVE]: { policy, objects: listNative(RELEASE_NAMESPACE) },
    ...Object.fromEntries(dashboards),
  };
  const native = listNative('pullguard');
  const texts = {
    ...Object.fromEntries(Object.entries(written).map(([path, value]) => [path, JSON.stringify(value)])),
    [`${COMPONENT}/checks.yaml`]: formatNative(native.filter((object) => isCheck(object))),
    [`${COMPONENT}/fixes.yaml`]: formatNative(native.filter((object) => !isCheck(object))),
  };
  const entries = Object.entries(texts).map(async ([path, text]) => {
    const file = join(ROOT, path);
    return [path, await format(text, { ...(await resolveConfig(file)), filepath: file })] as const;
  });
  return new Map(await Promise.all(entries));
}

/** Those of the component, whose patch is text. */
function readMatchConditions(): unknown {
  const file = join(ROOT, 'manifests/components/match-conditions/kustomization.yaml');
  const { patches } = parse(readFileSync(file, 'utf8')) as { patches: readonly [{ patch: string }] };
  return (parse(patches[0].patch) as readonly { value: unknown }[])[1]?.value;
}

/** The default policy, for the first version of Kubernetes that can do all of it. */
function listNative(namespace: string): readonly ApiObject[] {
  return keepBesideWebhook(exportAdmissionPolicies(defaultPolicy(), 36).objects, namespace);
}

function isCheck({ kind }: ApiObject): boolean {
  return kind.startsWith('Validating');
}

function formatNative(objects: readonly ApiObject[]): string {
  return `# Written by scripts/chart.ts.\n${objects.map((object) => formatObjectYaml(object)).join('---\n')}`;
}

/** The policy in values has no apiVersion and kind; the chart adds them. */
function toChartSchema(): unknown {
  const { properties, ...schema } = omit(buildPolicySchema(RULES), ['required']);
  return { ...schema, properties: toHelm(omit(properties as Schema, ['apiVersion', 'kind', 'metadata'])) };
}

function omit(object: Schema, keys: readonly string[]): Schema {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** Helm reads `off` without quotes as false, and its validator does not know our own keywords. */
function toHelm(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toHelm);
  if (!isRecord(value)) return value;
  const written = Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => (VOCABULARY.includes(key) ? [] : [[key, toHelm(each)]])),
  );
  const { enum: choices, else: otherwise } = written;
  if (Array.isArray(choices) && choices.includes('off'))
    return { ...written, enum: [...(choices as unknown[]), false] };
  // A rule: an object, or an action.
  if (isRecord(otherwise) && 'then' in otherwise) {
    return { ...written, type: ['string', 'object', 'boolean'], else: otherwise['then'] };
  }
  return written;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of await listShared()) writeFileSync(join(ROOT, path), text);
}
