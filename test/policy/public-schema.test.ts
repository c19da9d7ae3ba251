import { existsSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildPublicSchema } from '../../scripts/schema.ts';
import { policyValidator } from '../../src/policy/schema.ts';
import { RULES } from '../../src/rules/index.ts';

const ROOT = new URL('../../', import.meta.url);
const FILE = new URL('schema/policy.json', ROOT);
const text = readFileSync(FILE, 'utf8');
const schema = JSON.parse(text) as { $id: string; properties: { rules: { properties: Record<string, object> } } };
// Strict, and without our vocabulary: what an editor knows is enough.
const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(schema);

test('the published schema is that of this version: npm run schema writes it', () => {
  expect(text).toBe(`${JSON.stringify(buildPublicSchema(RULES), null, 2)}\n`);
});

test('editors show what each key and rule is for', () => {
  const bare: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, member] of Object.entries(node) as [string, object][]) {
      if (path.endsWith('/properties') && !('description' in member)) bare.push(`${path}/${key}`);
      visit(member, `${path}/${key}`);
    }
  };
  visit(schema, '');
  expect(bare).toEqual([]);
  expect(Object.keys(schema.properties.rules.properties)).toEqual(RULES.map(({ id }) => id));
});

describe('it takes what pullguard takes, and no more', () => {
  const pages = ['README.md', 'docs/policy.md', 'docs/install.md', 'docs/rules/mirror-used.md'].flatMap((page) =>
    [...readFileSync(new URL(page, ROOT), 'utf8').matchAll(/^ *```yaml(.*)\n([\s\S]*?)^ *```$/gm)]
      .filter(([, , sample = '']) => /^kind: Policy$/m.test(sample))
      .map(([, info = '', sample = '']) => [`${page}${info}`, sample] as const),
  );
  const manifest = readFileSync(new URL('manifests/base/policy.yaml', ROOT), 'utf8');

  test.each([...pages, ['manifests/base/policy.yaml', manifest] as const])('of %s', (_page, sample) => {
    const content: unknown = parse(sample);
    expect(validate(content)).toBe(policyValidator(RULES)(content));
  });

  test('with samples of both', () => {
    const verdicts = pages.map(([, sample]) => validate(parse(sample)));
    expect(new Set(verdicts)).toEqual(new Set([true, false]));
  });

  test('the sample policy names it for editors', () => {
    const [, path = ''] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(manifest) ?? [];
    expect(new URL(path, new URL('manifests/base/', ROOT)).href).toBe(FILE.href);
    expect(existsSync(FILE)).toBe(true);
  });
});
