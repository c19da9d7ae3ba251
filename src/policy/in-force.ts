import { isRecord, joinPointer, readPath, type Pointer } from '../text/json.ts';
import type { PolicyOf, RuleDefinition } from './policy.ts';
import { buildPolicySchema } from './schema.ts';
import { BUILT_IN } from './sections/registries.ts';

/** The effective policy, as a policy file with every value, and the source of each value. */
type PolicyInForce = Readonly<{
  content: unknown;
  /** By pointer into `content`. */
  origins: ReadonlyMap<Pointer, Origin>;
}>;

/** A place in the policy file, or a text for values that are in no file. */
type Origin = Readonly<{ at: Pointer } | { words: string }>;

const DEFAULT: Origin = { words: 'default' };
const NOT_ASKED: Origin = { words: 'default, as no entry of registries has probe' };

/** `file` is the parsed file, and `policy` the policy that was built from it. */
export function describeInForce<Rule extends RuleDefinition>(
  file: unknown,
  policy: PolicyOf<Rule>,
  rules: readonly Rule[],
): PolicyInForce {
  const origins = new Map<Pointer, Origin>();
  const content = fillObject(buildPolicySchema(rules), file, '');
  return { content, origins };

  /** Adds the default of each missing member; undefined if it has none. */
  function fill(schema: unknown, written: unknown, pointer: Pointer): unknown {
    if (pointer === '/rules') return fillRules(written);
    if (pointer === '/registries') return [...fillEntries(schema, written ?? [], pointer), fillBuiltIn(written)];
    const branch = readPath(schema, 'then');
    if (branch !== undefined && isRecord(written)) return fillObject(branch, written, pointer);
    if (branch === undefined && readPath(schema, 'properties') !== undefined)
      return fillObject(schema, written, pointer);
    const entries = readPath(schema, 'items', 'properties') === undefined ? [] : fillEntries(schema, written, pointer);
    return entries.length > 0 ? entries : fillValue(schema, written, pointer);
  }

  function fillValue(schema: unknown, written: unknown, pointer: Pointer): unknown {
    const value = written ?? readPath(schema, 'const') ?? readPath(schema, 'default');
    if (value !== undefined) origins.set(pointer, written === undefined ? DEFAULT : { at: pointer });
    return value;
  }

  function fillObject(schema: unknown, written: unknown, pointer: Pointer): unknown {
    const properties = readPath(schema, 'properties');
    return Object.fromEntries(
      Object.entries(isRecord(properties) ? properties : {})
        .map(([key, member]) => [key, fill(member, readPath(written, key), joinPointer(pointer, key))] as const)
        .filter(([, value]) => value !== undefined),
    );
  }

  function fillEntries(schema: unknown, written: unknown, pointer: Pointer): readonly unknown[] {
    const items = readPath(schema, 'items');
    return (Array.isArray(written) ? written : []).map((entry: unknown, at) =>
      fillObject(items, entry, joinPointer(pointer, at)),
    );
  }

  function fillBuiltIn(written: unknown): unknown {
    const entry = { hosts: BUILT_IN.hosts.map(({ text }) => text), pullSecret: BUILT_IN.pullSecret };
    const pointer = joinPointer('/registries', Array.isArray(written) ? written.length : 0);
    for (const key of Object.keys(entry)) origins.set(joinPointer(pointer, key), { words: 'built in' });
    return entry;
  }

  function fillRules(written: unknown): unknown {
    return Object.fromEntries(rules.map((rule) => [rule.id, fillRule(rule, readPath(written, rule.id))]));
  }

  function fillRule({ id, fixable, defaultAction }: Rule, written: unknown): unknown {
    const pointer = joinPointer('/rules', id);
    const configured = policy.rules.find(({ rule }) => rule.id === id);
    const given = isRecord(written) ? written : {};
    const members: Readonly<Record<string, unknown>> =
      configured === undefined
        ? { action: 'off' }
        : { action: configured.action, ...(fixable && { fix: configured.fix }), ...configured.options };
    for (const key of Object.keys(members)) {
      const at = joinPointer(pointer, key);
      origins.set(at, Object.hasOwn(given, key) ? { at } : DEFAULT);
    }
    const action = joinPointer(pointer, 'action');
    if (typeof written === 'string') origins.set(action, { at: pointer });
    else if (configured === undefined && written === undefined && defaultAction !== 'off')
      origins.set(action, NOT_ASKED);
    return members;
  }
}
