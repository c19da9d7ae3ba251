import { readLenientDocument, type Position } from '../manifest/document.ts';
import { joinPointer } from '../text/json.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { describeSchemaError, PolicyError } from './errors.ts';
import { ACTIONS } from './policy.ts';
import { compileSchema, MAX_PROBLEMS, POLICY_API_VERSION } from './schema.ts';
import { listOf, objectOf, TEXT, type Schema } from './section.ts';

/** The possible results of a rule, the worst last: no finding, a finding that is fixed in new Pods, or one with an action. */
export const RESULTS = ['none', 'fix', ...ACTIONS] as const;
export type Result = (typeof RESULTS)[number];

/** An expected result, and its place in the file. */
export type Expectation = Position &
  Readonly<{
    /** `Deployment/shop`. */
    workload: string;
    namespace?: string;
    container?: string;
    /** All rules if absent. */
    rule?: string;
    result: Result;
  }>;

/** The findings that a policy must have for manifests. Paths are relative to the folder of the file. */
export type PolicyTest = Readonly<{
  policy?: string;
  manifests: readonly string[];
  results: readonly Expectation[];
}>;

const SCHEMA = objectOf(
  {
    apiVersion: { const: POLICY_API_VERSION },
    kind: { const: 'PolicyTest' },
    metadata: { type: 'object' },
    policy: TEXT,
    manifests: listOf(TEXT, { minItems: 1 }),
    results: listOf(
      objectOf(
        {
          workload: { type: 'string', pattern: '^[^/]+/[^/]+$', title: 'Kind/name, such as Deployment/shop' },
          namespace: TEXT,
          container: TEXT,
          rule: TEXT,
          result: { enum: RESULTS },
        },
        { required: ['workload', 'result'] },
      ),
      { minItems: 1 },
    ),
  },
  { required: ['apiVersion', 'kind', 'manifests', 'results'] },
);

/** Compiled on first use. */
const validatorOf = memoizeByObject((schema: Schema) => compileSchema<PolicyTest>(schema));

/** @throws PolicyError with the line and column of every problem. */
export function readPolicyTest(text: string, source: string): PolicyTest {
  const document = readLenientDocument(text);
  if (!document.ok) throw new PolicyError(source, [document.problem]);
  const { content, locate, repeated } = document;
  const validate = validatorOf(SCHEMA);
  if (!validate(content) || repeated !== undefined) {
    const problems = (validate.errors ?? [])
      .slice(0, MAX_PROBLEMS)
      .flatMap((error) => describeSchemaError(error) ?? [])
      .map(({ pointer, part, message }) => ({ ...locate(pointer, part), message }));
    throw new PolicyError(source, [...(repeated === undefined ? [] : [repeated]), ...problems]);
  }
  const results = content.results.map((one, at) => ({ ...one, ...locate(joinPointer('/results', at)) }));
  return { ...content, results };
}
