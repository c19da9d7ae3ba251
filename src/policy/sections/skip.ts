import type { RuleDefinition, SkipPolicy } from '../policy.ts';
import { buildGlobs, listOf, objectOf, TEXT, type Report, type Schema } from '../section.ts';

const namespaces = listOf(TEXT, {
  default: ['*'],
  description: 'names or globs of the namespaces where it is allowed',
});

export function skipSchema(rules: readonly RuleDefinition[]): Schema {
  const ids = { enum: rules.map(({ id }) => id) };
  return objectOf(
    { rules: listOf(ids, { default: [], description: 'rules that the annotation may switch off' }), namespaces },
    { description: 'what the annotation `pullguard.dev/skip` may switch off, and in which namespaces' },
  );
}

export type SkipFile = Readonly<{ rules?: readonly string[]; namespaces?: readonly string[] }>;

export function buildSkip(file: SkipFile = {}, rules: readonly RuleDefinition[], report: Report): SkipPolicy {
  return {
    known: rules.map(({ id }) => id),
    rules: new Set(file.rules),
    namespaces: buildGlobs(file.namespaces ?? namespaces.default, '/skip/namespaces', report),
  };
}
