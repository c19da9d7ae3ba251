import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { readDocument } from '../../src/manifest/document.ts';
import { readManifest } from '../../src/manifest/read-manifests.ts';
import { findDisagreement } from '../support/yaml-agreement.ts';
import { edited } from './edited.ts';
import { holds } from './holds.ts';

const pod = (name: string): string => `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\n`;
const TEXTS = ['test/fixtures/manifests/deployment.yaml', 'test/fixtures/manifests/list.json'].map((path) =>
  readFileSync(path, 'utf8'),
);
const TOKENS = ['---\n', '...\n', 'kind: ', '*a', '&a ', '<<: ', '? ', '\t', '\r', '\ufeff', '{{ .a }}', '%YAML 1.1\n'];
const SIGNS = Array.from('ab:-?&*!|>\'"%@`{}[],# \n\t\r');

const yamlish = fc.oneof(
  fc.string({ unit: fc.constantFrom(...SIGNS, 'kind: ', '<<: ', '---\n', '...\n', '*a', '&a ') }),
  edited(fc.constantFrom(...TEXTS), { tokens: [...SIGNS, ...TOKENS], span: 40, most: 5 }),
);

holds(
  'whatever the text, every mistake is at a place in it, and what stands alone is read the same among others',
  fc.property(yamlish, (text) => {
    const lines = text.split(/\r\n|\r|\n/).length;
    const alone = readManifest(text);
    for (const { line, column } of alone.errors) {
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(lines);
      expect(column).toBeGreaterThanOrEqual(1);
    }
    for (const { kind, locate } of alone.objects) {
      expect(kind).not.toBe('');
      const { line } = locate('/spec/template/spec/containers/0/image');
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(lines);
    }
    // A directive would belong to the next document.
    if (text.includes('%')) return;
    const { objects } = readManifest(`${pod('first')}---\n${text}\n---\n${pod('last')}`);
    const names = objects.map(({ object }) => (object as { metadata?: { name?: unknown } | null }).metadata?.name);
    expect([names[0], names.at(-1)]).toEqual(['first', 'last']);
  }),
  300,
);

holds(
  'a document has content, or a mistake at a place in it',
  fc.property(yamlish, (text) => {
    const read = readDocument(text);
    if (read.ok) return;
    const { line, column } = read.problem;
    expect(line).toBeGreaterThanOrEqual(1);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(column).toBeLessThanOrEqual((text.split('\n')[line - 1] ?? '').length + 1);
  }),
  500,
);

const PLAIN = readFileSync('test/fixtures/manifests/deployment.yaml', 'utf8');
const LINES = [
  'a: b\n',
  '- a\n',
  '  - a: |\n',
  '    > x\n',
  "  'a': \"b\n",
  '\n',
  '   \n',
  '  # a\n',
  '  [a, b]\n',
  '1\n',
  ': ',
];

holds(
  'what the fast YAML parser reads is what the other one reads',
  fc.property(
    edited(fc.constantFrom(PLAIN), { tokens: [...SIGNS, ...TOKENS, ...LINES], span: 40, most: 4 }),
    (text) => {
      expect(findDisagreement(text)).toBeUndefined();
    },
  ),
  2000,
);
