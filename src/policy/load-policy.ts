import { Ajv, type ValidateFunction } from 'ajv';
import type { PolicyOf, RuleDefinition } from './policy.ts';
import { isRecord } from '../text/json.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { buildPolicy, type BuiltPolicy, type PolicyFile } from './build-policy.ts';
import { describeSchemaError } from './describe-schema-error.ts';
import { readDocument } from '../manifest/document.ts';
import { PolicyError } from './policy-error.ts';
import { buildPolicySchema, POLICY_API_VERSION, POLICY_KIND } from './policy-schema.ts';

const EMPTY = `the policy is empty; it begins with "apiVersion: ${POLICY_API_VERSION}" and "kind: ${POLICY_KIND}"`;

/**
 * Reads a policy file's text. What it leaves out keeps its default.
 *
 * @param source how to call the file in messages.
 * @param rules those that it may configure, in the order in which they run.
 * @throws PolicyError with the line and column of every problem.
 */
export function readPolicy<Rule extends RuleDefinition>(
  text: string,
  source: string,
  rules: readonly Rule[],
): PolicyOf<Rule> {
  const read = readDocument(text);
  if (!read.ok) throw new PolicyError(source, [read.problem]);
  if (read.content === null) throw new PolicyError(source, [{ line: 1, column: 1, message: EMPTY }]);
  const { policy, problems } = buildChecked(dropNulls(read.content), rules);
  if (problems.length === 0) return policy;
  const located = problems.map(({ pointer, part, message }) => ({
    ...read.locate(pointer, part),
    message,
  }));
  throw new PolicyError(
    source,
    located.sort((left, right) => left.line - right.line || left.column - right.column),
  );
}

/** The policy of a pullguard that was given no file. */
export function buildDefaultPolicy<Rule extends RuleDefinition>(rules: readonly Rule[]): PolicyOf<Rule> {
  return buildPolicy({ apiVersion: POLICY_API_VERSION, kind: POLICY_KIND }, rules).policy;
}

/** A member without a value, such as a list all of whose entries are commented out, is left out, as in Kubernetes' objects. */
function dropNulls(value: unknown): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([key, member]) => [key, dropNulls(member)]),
  );
}

function buildChecked<Rule extends RuleDefinition>(content: unknown, rules: readonly Rule[]): BuiltPolicy<Rule> {
  const validate = validatorOf(rules);
  if (validate(content)) return buildPolicy(content, rules);
  const problems = (validate.errors ?? []).flatMap((error) => describeSchemaError(error) ?? []);
  return { policy: buildDefaultPolicy(rules), problems };
}

/** Compiled when first needed: it takes 50 ms, a fifth of a `check` that is given no policy. */
const validatorOf = memoizeByObject((rules: readonly RuleDefinition[]): ValidateFunction<PolicyFile> => {
  const ajv = new Ajv({ allErrors: true, verbose: true, strict: true, allowUnionTypes: true });
  return ajv.compile<PolicyFile>(buildPolicySchema(rules));
});
