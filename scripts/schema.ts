import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RuleDefinition } from '../src/policy/policy.ts';
import { buildPolicySchema } from '../src/policy/schema.ts';
import { VOCABULARY, type Schema } from '../src/policy/section.ts';
import { RULES } from '../src/rules/index.ts';
import { isRecord, joinPointer, type Pointer } from '../src/text/json.ts';
import { linkToFile } from '../src/text/repository.ts';

const OURS: ReadonlySet<string> = new Set(VOCABULARY);

/** The schema of the policy file in plain JSON Schema, for editors and other validators: schema/policy.json. */
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

// npm run schema: writes it from the sections of the policy and the options of the rules.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL('../schema/policy.json', import.meta.url);
  writeFileSync(file, `${JSON.stringify(buildPublicSchema(RULES), null, 2)}\n`);
}
