/**
 * Writes what the chart shares with the rest of the repository: the schema of the policy, the alerts,
 * matchConditions, and the dashboard, which the manifests have too. A test compares.
 *
 *     npx tsx scripts/chart.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';
import { buildPolicySchema } from '../src/policy/schema.ts';
import { VOCABULARY, type Schema } from '../src/policy/section.ts';
import { RULES } from '../src/rules/index.ts';
import { isRecord } from '../src/text/json.ts';
import { buildDashboard } from './dashboard.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SCHEMA = 'charts/pullguard/values.schema.json';
const ALERTS = 'charts/pullguard/files/alerts.json';
const CONDITIONS = 'charts/pullguard/files/match-conditions.json';
/** Neither kustomize nor Helm reads a file outside of its own folder. */
const DASHBOARDS = ['charts/pullguard/files/dashboard.json', 'manifests/components/dashboard/pullguard.json'];

/** The files that are written here, by their path. */
export async function listShared(): Promise<ReadonlyMap<string, string>> {
  const schema = JSON.parse(readFileSync(join(ROOT, SCHEMA), 'utf8')) as { properties: Record<string, unknown> };
  schema.properties['policy'] = toChartSchema();
  const rule = parse(readFileSync(join(ROOT, 'manifests/components/monitoring/prometheus-rule.yaml'), 'utf8')) as {
    spec: { groups: readonly [{ rules: unknown }] };
  };
  const dashboards = DASHBOARDS.map((path) => [path, buildDashboard()] as const);
  const written = {
    [CONDITIONS]: readMatchConditions(),
    [SCHEMA]: schema,
    [ALERTS]: rule.spec.groups[0].rules,
    ...Object.fromEntries(dashboards),
  };
  const entries = Object.entries(written).map(async ([path, value]) => {
    const file = join(ROOT, path);
    return [path, await format(JSON.stringify(value), { ...(await resolveConfig(file)), filepath: file })] as const;
  });
  return new Map(await Promise.all(entries));
}

/** Those of the component, whose patch is text. */
function readMatchConditions(): unknown {
  const file = join(ROOT, 'manifests/components/match-conditions/kustomization.yaml');
  const { patches } = parse(readFileSync(file, 'utf8')) as { patches: readonly [{ patch: string }] };
  return (parse(patches[0].patch) as readonly { value: unknown }[])[1]?.value;
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
