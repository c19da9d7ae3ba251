import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { isRecord, joinPointer, readPath, splitPointer, type Pointer } from '../text/json.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { describeSchemaError, type SchemaProblem } from './errors.ts';
import type { RuleDefinition } from './policy.ts';
import { objectOf, VOCABULARY, type Report, type Schema } from './section.ts';
import { exemptSchema, type ExemptFile } from './sections/exempt.ts';
import { mirrorsSchema, type MirrorFile } from './sections/mirrors.ts';
import { probeSchema, type ProbeFile } from './sections/probe.ts';
import { registriesSchema, type RegistryFile } from './sections/registries.ts';
import { rulesSchema, type RulesFile } from './sections/rules.ts';
import { skipSchema, type SkipFile } from './sections/skip.ts';
import { workloadsSchema, type WorkloadFile } from './sections/workloads.ts';

export const POLICY_API_VERSION = 'pullguard.dev/v1alpha1';
export const POLICY_KIND = 'Policy';

/** A policy file that fits its schema. */
export type PolicyFile = Readonly<{
  registries?: readonly RegistryFile[];
  mirrors?: readonly MirrorFile[];
  rules?: RulesFile;
  exempt?: ExemptFile;
  skip?: SkipFile;
  workloads?: readonly WorkloadFile[];
  probe?: ProbeFile;
}>;

/** The JSON Schema of the policy file. */
export function buildPolicySchema(rules: readonly RuleDefinition[]): Schema {
  return objectOf(
    {
      apiVersion: { const: POLICY_API_VERSION, description: `\`${POLICY_API_VERSION}\`` },
      kind: { const: POLICY_KIND, description: `\`${POLICY_KIND}\`` },
      // Allowed so that the policy can be written like any other Kubernetes object.
      metadata: { type: 'object', description: 'any object; nothing in it is read' },
      registries: registriesSchema,
      mirrors: mirrorsSchema,
      rules: rulesSchema(rules),
      exempt: exemptSchema,
      skip: skipSchema(rules),
      workloads: workloadsSchema,
      probe: probeSchema,
    },
    { required: ['apiVersion', 'kind'] },
  );
}

/** @param schema in the vocabulary of the sections */
export function compileSchema<File>(schema: Schema): ValidateFunction<File> {
  const ajv = new Ajv({ allErrors: true, verbose: true, strict: true, allowUnionTypes: true });
  return ajv.addVocabulary(VOCABULARY).compile<File>(schema);
}

/** Compiled on first use: it takes 50 ms, a fifth of a `check` without a policy. */
export const policyValidator = memoizeByObject((rules: readonly RuleDefinition[]) =>
  compileSchema<PolicyFile>(buildPolicySchema(rules)),
);

/** A file whose invalid values were replaced by valid ones, so that its other mistakes are found in the same run. */
type Fitted = Readonly<{
  /** Undefined if it cannot be repaired. */
  valid: PolicyFile | undefined;
  /** The replaced values, which are never used. */
  damaged: readonly Pointer[];
  wrong: readonly SchemaProblem[];
}>;

/** More problems than a user reads, and still located quickly. */
export const MAX_PROBLEMS = 1000;

export function fitSchema(content: unknown, rules: readonly RuleDefinition[]): Fitted {
  const validate = policyValidator(rules);
  if (validate(content)) return { valid: content, damaged: [], wrong: [] };
  const errors = validate.errors?.slice(0, MAX_PROBLEMS) ?? [];
  const wrong = errors.flatMap((error) => describeSchemaError(error) ?? []);
  const repaired: unknown = structuredClone(content);
  const damaged = errors.flatMap((error) => repair(repaired, error));
  return { valid: validate(repaired) ? repaired : undefined, damaged, wrong };
}

/** Replaces an invalid value, and returns its place. */
function repair(content: unknown, { keyword, instancePath, params, parentSchema }: ErrorObject): readonly Pointer[] {
  const { additionalProperty, missingProperty } = params as Readonly<Record<string, string | undefined>>;
  if (keyword === 'if') return [];
  const key = additionalProperty ?? missingProperty;
  if (key === undefined) {
    put(content, instancePath, standIn(parentSchema));
    return [instancePath];
  }
  const pointer = joinPointer(instancePath, key);
  put(
    content,
    pointer,
    additionalProperty === undefined ? standIn(readPath(parentSchema, 'properties', key)) : undefined,
  );
  return [pointer];
}

/** A value that fits a schema; undefined if the member must be removed. */
function standIn(schema: unknown): unknown {
  for (const keyword of ['instead', 'default', 'const'] as const) {
    const value = readPath(schema, keyword);
    if (value !== undefined) return structuredClone(value);
  }
  const choices = readPath(schema, 'enum');
  if (Array.isArray(choices)) return choices[0] as unknown;
  return readPath(schema, 'type') === 'object' ? {} : undefined;
}

function put(content: unknown, pointer: Pointer, value: unknown): void {
  const segments = splitPointer(pointer);
  const parent = readPath(content, ...segments.slice(0, -1));
  const key = segments.at(-1);
  if (key === undefined || typeof parent !== 'object' || parent === null) return;
  if (value === undefined && isRecord(parent)) Reflect.deleteProperty(parent, key);
  else Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Reports only problems that do not result from a damaged value. */
export function spareDamaged(damaged: readonly Pointer[], report: Report): Report {
  const isWithin = (inner: Pointer, outer: Pointer): boolean => inner === outer || inner.startsWith(`${outer}/`);
  return (pointer, message, dependsOn = []) => {
    if (damaged.some((each) => isWithin(pointer, each))) return;
    if (dependsOn.some((source) => damaged.some((each) => isWithin(each, source) || isWithin(source, each)))) return;
    report(pointer, message);
  };
}
