import { writeFileSync } from 'node:fs';
import { buildPublicSchema } from '../src/policy/public-schema.ts';
import { RULES } from '../src/rules/index.ts';

// npm run schema: writes schema/policy.json from the sections of the policy and the options of the rules.
writeFileSync(
  new URL('../schema/policy.json', import.meta.url),
  `${JSON.stringify(buildPublicSchema(RULES), null, 2)}\n`,
);
