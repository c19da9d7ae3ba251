import { ACTIONS, type RuleDefinition } from './policy.ts';
import { DURATION_PATTERN } from '../text/duration.ts';

export const POLICY_API_VERSION = 'pullguard.dev/v1alpha1';
export const POLICY_KIND = 'Policy';

type Schema = Readonly<Record<string, unknown>>;

/** Hosts as kubelet matches credentials: a domain whose labels may be globs, a port, the start of a path. */
const HOST_LIST: Schema = { type: 'array', items: { type: 'string', minLength: 1 } };

/** The one JSON Schema of the policy file; what a rule can be told comes from the rule itself. */
export function buildPolicySchema(rules: readonly RuleDefinition[]): Schema {
  return objectOf(
    {
      apiVersion: { const: POLICY_API_VERSION },
      kind: { const: POLICY_KIND },
      // Lets the policy be written like any other Kubernetes object; nothing in it is read.
      metadata: { type: 'object' },
      registries: listOf(
        objectOf({ hosts: { ...HOST_LIST, minItems: 1 }, pullSecret: SECRET_NAME, probe: REGISTRY_PROBE }, ['hosts']),
      ),
      mirrors: listOf(objectOf({ from: NON_EMPTY, to: NON_EMPTY }, ['from', 'to'])),
      rules: objectOf(Object.fromEntries(rules.map((rule) => [rule.id, buildRuleSchema(rule)]))),
      exempt: objectOf({ namespaces: listOf(NON_EMPTY), images: HOST_LIST }),
      skip: objectOf({ rules: listOf({ enum: rules.map(({ id }) => id) }), namespaces: listOf(NON_EMPTY) }),
      workloads: listOf(
        objectOf({ group: GROUP, kind: NON_EMPTY, podTemplates: { ...listOf(POINTER), minItems: 1 } }, [
          'group',
          'kind',
          'podTemplates',
        ]),
      ),
      probe: objectOf({
        wait: DURATION,
        timeout: DURATION,
        cache: objectOf({
          positive: DURATION,
          negative: DURATION,
          error: DURATION,
          entries: integerBetween(1, 1_000_000),
        }),
        concurrency: integerBetween(1, 100),
        dockerHubPerHour: integerBetween(0, 1000),
      }),
    },
    ['apiVersion', 'kind'],
  );
}

const NON_EMPTY: Schema = { type: 'string', minLength: 1 };
/** The name of a Secret: an RFC 1123 subdomain. */
const SECRET_NAME: Schema = {
  type: 'string',
  description: 'the name of a Secret: lower-case letters, digits, "-" and "." between them, at most 253 in all',
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
  maxLength: 253,
};
/** A JSON Pointer (RFC 6901) whose segments all have a name. */
const POINTER: Schema = {
  type: 'string',
  description: 'a path from the root of the object, such as /spec/template',
  pattern: '^(/([^~/]|~[01])+)+$',
};
const GROUP: Schema = {
  type: 'string',
  description: 'an API group without its version, such as argoproj.io',
  pattern: '^[^/]*$',
};

/** Milliseconds would fit a number too, but who writes 5 means seconds. */
const DURATION: Schema = {
  type: 'string',
  description: 'a whole number with a unit, such as 250ms, 10s, 5m or 1h',
  pattern: DURATION_PATTERN,
};

/** Whether a registry is asked, or an object that says what is allowed in asking it. */
const REGISTRY_PROBE: Schema = {
  type: ['boolean', 'object'],
  if: { type: 'object' },
  then: objectOf({
    ca: NON_EMPTY,
    plainHttp: { type: 'boolean' },
    tokenHosts: listOf(NON_EMPTY),
    addresses: listOf(NON_EMPTY),
    mirrors: listOf(NON_EMPTY),
  }),
};

/** Either just the action, or an object with the action, whether to fix, and the rule's own options. */
function buildRuleSchema({ options, fixable }: RuleDefinition): Schema {
  const action: Schema = { enum: ['off', ...ACTIONS] };
  const fix: Schema = fixable ? { fix: { type: 'boolean' } } : {};
  return {
    type: ['string', 'object'],
    if: { type: 'object' },
    then: objectOf({ action, ...fix, ...options }),
    else: { if: { type: 'string' }, then: action },
  };
}

function objectOf(properties: Schema, required: readonly string[] = []): Schema {
  return { type: 'object', properties, required, additionalProperties: false };
}

function listOf(items: Schema): Schema {
  return { type: 'array', items };
}

function integerBetween(minimum: number, maximum: number): Schema {
  return { type: 'integer', minimum, maximum };
}
