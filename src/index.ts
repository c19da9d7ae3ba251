/**
 * pullguard as a library: what the webhook and the command line are made of.
 *
 *     const policy = loadPolicy(await readFile('policy.yaml', 'utf8'), 'policy.yaml');
 *     explainImage('NGINX:1.25', policy).problem?.suggestion; // 'nginx:1.25'
 */
export { defaultPolicy, loadPolicy } from './rules/policy.ts';
export { PolicyError, type PolicyProblem } from './policy/errors.ts';
export {
  evaluate,
  type Decision,
  type EvaluateInput,
  type Finding,
  type FixMode,
  type Severity,
} from './engine/evaluate.ts';
export type { Action, ImagePrefix, Mirror, Registry } from './policy/policy.ts';
export type { Facts } from './pull/facts.ts';
export type { ConfiguredRule, Fix, Policy, Problem, Rule, RuleContext } from './engine/rule.ts';
export { parseReference, type ParsedReference } from './image/parse-reference.ts';
export { formatReference, type ImageReference } from './image/reference.ts';
export type { ReferenceProblem, ReferenceProblemCode } from './image/diagnose.ts';
export { explainImage, type ImageExplanation } from './report/explain-image.ts';
export { RULES } from './rules/index.ts';
export { findKind, WORKLOAD_KINDS, type KindTable, type WorkloadKind } from './workload/kinds.ts';
export type { Edit, ImageUse, Workload } from './workload/workload.ts';
