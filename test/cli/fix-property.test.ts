import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { fixManifest, type FixedText } from '../../src/cli/fix-manifests.ts';
import { readFacts } from '../../src/cli/manifest-facts.ts';
import { findFiles } from '../../src/manifest/files.ts';
import { readManifest } from '../../src/manifest/read-manifests.ts';
import { policyOf } from '../support/policies.ts';

const POLICY = policyOf('mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/hub }]');

function fix(text: string, facts = readFacts(readManifest(text).objects)): FixedText {
  const terms = { policy: POLICY, facts, isHidden: () => false, replacedImages: new Set<string>() };
  return fixManifest('a.yaml', text, readManifest(text), terms);
}

/** Where two contents differ, lists of pull secrets each as one. */
function listDifferences(before: unknown, after: unknown, path = ''): readonly string[] {
  const isHolder = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (path.endsWith('/imagePullSecrets') || !isHolder(before) || !isHolder(after)) {
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
  }
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
    listDifferences(before[key], after[key], `${path}/${key}`),
  );
}

/** Read by the parser alone, as other programs do. */
function parse(text: string): unknown {
  const documents = parseAllDocuments(text.replaceAll('\r\n', '\n'), { merge: true, uniqueKeys: false });
  return Array.isArray(documents) ? documents.map((document) => document.toJS() as unknown) : [];
}

/** What is true of every text that was fixed. */
function expectExact(text: string, fixed: FixedText): void {
  const differences = listDifferences(parse(text), parse(fixed.text));
  for (const path of differences) expect(path).toMatch(/\/(?:image|reference|imagePullSecrets)$/);
  expect(differences).toHaveLength(fixed.fixed.length);
  // Around what was replaced every byte is as it was.
  let [at, moved] = [0, 0];
  for (const { start, end, text: inserted } of fixed.replacements) {
    expect(fixed.text.slice(at + moved, start + moved)).toBe(text.slice(at, start));
    at = end;
    moved += inserted.length - (end - start);
  }
  expect(fixed.text.slice(at + moved)).toBe(text.slice(at));
  expect(fix(fixed.text).replacements).toEqual([]);
}

describe('on generated manifests', () => {
  /** Each image, and what it becomes. */
  const IMAGES = new Map([
    ['NGINX:1', 'swr.eu-de.otc.t-systems.com/hub/library/nginx:1'],
    ['redis', 'swr.eu-de.otc.t-systems.com/hub/library/redis'],
    ['https://registry.example.com/team/app:1', 'registry.example.com/team/app:1'],
    ['"quoted:1"', 'swr.eu-de.otc.t-systems.com/hub/library/quoted:1'],
    ['registry.example.com/ok:1', 'registry.example.com/ok:1'],
    ['guess:1:latest', 'guess:1:latest'],
    ['https://[2001:db8::1]:5000/app', '[2001:db8::1]:5000/app'],
  ]);

  const container = fc.record({
    name: fc.constantFrom('a', 'b: c', '#d'),
    image: fc.constantFrom(...IMAGES.keys()),
    args: fc.option(
      fc.array(
        fc.string({ maxLength: 8 }).filter((text) => !text.includes('{{')),
        { maxLength: 2 },
      ),
      { nil: undefined },
    ),
  });

  const spec = fc.record(
    {
      serviceAccountName: fc.constantFrom('known', 'full'),
      imagePullSecrets: fc.constantFrom<readonly { name: string }[] | null>([], [{ name: 'mine' }], null),
      initContainers: fc.array(container, { maxLength: 2 }),
      containers: fc.array(container, { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ['containers', 'serviceAccountName'] },
  );

  const ACCOUNTS = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'known' } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'full' }, imagePullSecrets: [{ name: 'team' }] },
  ];

  const style = fc.record({
    isJson: fc.boolean(),
    isFlow: fc.boolean(),
    indent: fc.constantFrom(2, 4),
    indentSeq: fc.boolean(),
    singleQuote: fc.boolean(),
    defaultStringType: fc.constantFrom('PLAIN' as const, 'QUOTE_DOUBLE' as const, 'BLOCK_LITERAL' as const),
    lineBreak: fc.constantFrom('\n', '\r\n'),
    ending: fc.constantFrom('', '\n', '\n# the end\n'),
    mark: fc.constantFrom('', '\ufeff'),
  });

  type Style = typeof style extends fc.Arbitrary<infer Value> ? Value : never;

  function print(objects: readonly object[], { isJson, isFlow, lineBreak, ending, mark, ...options }: Style): string {
    const documents = objects.map((object) =>
      isJson
        ? JSON.stringify(object, null, isFlow ? undefined : options.indent)
        : stringify(object, {
            ...options,
            ...(isFlow && { collectionStyle: 'flow' }),
            defaultKeyType: 'PLAIN',
            lineWidth: 0,
            aliasDuplicateObjects: false,
          }).trimEnd(),
    );
    const text = isJson ? documents.join('\n') : documents.join('\n---\n# next\n') + ending;
    return mark + text.replaceAll('\n', lineBreak);
  }

  test('all that is certain is written, nothing else changes, and there is nothing left to fix', () => {
    fc.assert(
      fc.property(fc.array(spec, { minLength: 1, maxLength: 3 }), style, (specs, how) => {
        const pods = specs.map((each) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: each }));
        const text = print([...ACCOUNTS, ...pods], how);
        const before = readManifest(text);
        fc.pre(before.errors.length === 0);
        const fixed = fix(text);
        const written = fixed.manifest.objects
          .slice(ACCOUNTS.length)
          .map(({ object }) => object as (typeof pods)[number]);
        for (const [at, { spec: was }] of specs.map((each) => ({ spec: each })).entries()) {
          const now = written[at]?.spec;
          expect(now?.containers.map(({ image }) => image)).toEqual(
            was.containers.map(({ image }) => IMAGES.get(image)),
          );
          if (now !== undefined) expectSecrets(now, was.serviceAccountName === 'full');
        }
        expectExactJson(text, fixed, how.isJson);
      }),
      { numRuns: 30, seed: 7 },
    );
  }, 60_000);

  type PodSpec = typeof spec extends fc.Arbitrary<infer Value> ? Value : never;

  /** What is written into a list keeps those that the ServiceAccount has. */
  function expectSecrets({ initContainers = [], containers, imagePullSecrets }: PodSpec, isFull: boolean): void {
    const names = (imagePullSecrets ?? []).map(({ name }) => name);
    const isSwr = [...initContainers, ...containers].some(({ image }) => image.startsWith('swr.'));
    if (isSwr) expect(names).toContain('default-secret');
    if (names.length > 0 && isFull) expect(names.some((name) => name === 'team' || name === 'mine')).toBe(true);
  }

  /** A stream of JSON objects is more than one YAML parser reads. */
  function expectExactJson(text: string, fixed: FixedText, isJson: boolean): void {
    if (!isJson) expectExact(text, fixed);
    else expect(fix(fixed.text).replacements).toEqual([]);
  }
});

const FOLDERS = ['../fixtures', '../../manifests', '../../demo'].map((folder) =>
  fileURLToPath(new URL(folder, import.meta.url)),
);

test('on the manifests of this repository', () => {
  const accounts = { serviceAccounts: { find: () => ({ pullSecrets: ['team'], enforcesMountableSecrets: false }) } };
  let count = 0;
  for (const { file } of findFiles(FOLDERS)) {
    const text = readFileSync(file, 'utf8');
    const { objects } = readManifest(text);
    const fixed = fix(text, { ...readFacts(objects), ...accounts });
    if (fixed.replacements.length === 0) continue;
    count++;
    const again = fix(fixed.text, { ...readFacts(objects), ...accounts });
    expect([file, again.replacements]).toEqual([file, []]);
    if (!text.startsWith('{')) {
      for (const path of listDifferences(parse(text), parse(fixed.text)))
        expect(path).toMatch(/\/(?:image|reference|imagePullSecrets)$/);
    }
  }
  expect(count).toBeGreaterThan(3);
});
