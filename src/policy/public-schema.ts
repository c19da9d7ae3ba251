import { isRecord, joinPointer, type Pointer } from '../text/json.ts';
import { linkToFile } from '../text/repository.ts';
import type { RuleDefinition } from './policy.ts';
import { buildPolicySchema } from './schema.ts';
import { VOCABULARY, type Schema } from './section.ts';

const OURS: ReadonlySet<string> = new Set(VOCABULARY);

/** The schema of the policy file in plain JSON Schema, for editors and other validators. */
export function buildPublicSchema(rules: readonly (RuleDefinition & Readonly<{ description: string }>)[]): Schema {
  const described = new Map(
    rules.map(({ id, description }) => [joinPointer('/properties/rules/properties', id), description]),
  );
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: linkToFile('schema/policy.json'),
    title: 'Policy of pullguard',
    ...(publish(buildPolicySchema(rules), '') as Schema),
  };

  function publish(schema: unknown, pointer: Pointer): unknown {
    if (!isRecord(schema)) return schema;
    const isSchema = !pointer.endsWith('/properties');
    const members = Object.entries(schema)
      .filter(([key]) => !isSchema || !OURS.has(key))
      // A default or an enum contains values, not schemas.
      .map(([key, member]) => [
        key,
        isSchema && key === 'default' ? member : publish(member, joinPointer(pointer, key)),
      ]);
    const description = isSchema ? describe(schema, described.get(pointer)) : undefined;
    return { ...Object.fromEntries(members), ...(description !== undefined && { description }) };
  }
}

/** Adds the limits of a duration, which JSON Schema cannot express. */
function describe({ description, least, most }: Schema, ofRule: string | undefined): unknown {
  if (least === undefined) return description ?? ofRule;
  return `${description as string}; from ${least as string} to ${most as string}`;
}
