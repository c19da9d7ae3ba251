import { Ajv, type ValidateFunction } from 'ajv';
import { memoizeByObject } from '../text/memoize.ts';
import type { RuleDefinition } from './policy.ts';
import { objectOf, VOCABULARY, type Schema } from './section.ts';
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

/** Compiled on first use: it takes 50 ms, a fifth of a `check` without a policy. */
export const policyValidator = memoizeByObject((rules: readonly RuleDefinition[]): ValidateFunction<PolicyFile> => {
  const ajv = new Ajv({ allErrors: true, verbose: true, strict: true, allowUnionTypes: true });
  return ajv.addVocabulary(VOCABULARY).compile<PolicyFile>(buildPolicySchema(rules));
});
