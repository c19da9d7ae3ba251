import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CAUSES, causeOf, type CauseCode } from '../src/cause/causes.ts';
import { REFERENCE_PROBLEM_CODES } from '../src/image/diagnose.ts';
import { RULES } from '../src/rules/index.ts';
import { findBanned } from './support/banned-phrases.ts';
import { listCatalogue } from './support/message-catalogue.ts';
import { RULE_SAMPLES } from './support/message-samples.ts';

const SECTIONS = listCatalogue();
const ENTRIES = SECTIONS.flatMap(({ title, entries }) => entries.map((entry) => ({ ...entry, title })));

describe('the catalogue of messages', () => {
  test('has each rule, each cause, and each way in which a reference is wrong', () => {
    expect(Object.keys(RULE_SAMPLES).sort()).toEqual(RULES.map(({ id }) => id).sort());
    const ids = ENTRIES.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(Object.keys(CAUSES)));
    const codes = new Set(
      ENTRIES.filter(({ title }) => title.includes('do not parse')).map(({ id }) => id.split(' ')[0]),
    );
    expect([...codes].sort()).toEqual([...REFERENCE_PROBLEM_CODES].sort());
    // A policy among the samples that has no mistake.
    expect(ENTRIES.filter(({ text }) => text === 'NOTHING IS WRONG')).toEqual([]);
  });

  test.each(ENTRIES.filter(({ kind }) => kind !== 'remedy'))(
    'is read in one line, and pasted into a search box: $id: $text',
    ({ text }) => {
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(256);
      expect(text).not.toMatch(/[\n\r\t]|\.$|\s$|^\s| {2}|undefined|NaN|\[object/);
      expect(findBanned(text)).toEqual([]);
    },
  );

  test.each(ENTRIES.filter(({ kind }) => kind === 'remedy'))('has remedies in whole sentences: $id', ({ text }) => {
    expect(text).not.toMatch(/[\n\r\t]|undefined|NaN|\[object/);
    expect(findBanned(text)).toEqual([]);
  });

  test('names no item of the FAQ: docs/causes.md links them', () => {
    expect(ENTRIES.filter(({ text }) => /\bFAQ\b/.test(text))).toEqual([]);
  });

  test('of a rule is within what the API server shows of a warning, beside a usual name and the id of the rule', () => {
    const cut = RULES.flatMap(({ id }) => {
      const room = 256 - `Deployment/shop:  (${id})`.length;
      return ENTRIES.filter(
        (entry) => entry.kind === 'message' && entry.id.startsWith(`${id} `) && entry.text.length > room,
      );
    });
    expect(cut.map(({ text }) => text)).toEqual([]);
  });

  /** What users write may be as long as they like. */
  function stretch(params: unknown): unknown {
    if (typeof params === 'string') return `${params}${'x'.repeat(300)}`;
    if (Array.isArray(params))
      return params.length === 0 ? params : Array.from({ length: 50 }, (_, at) => stretch(params[at % params.length]));
    if (params instanceof Set || typeof params !== 'object' || params === null) return params;
    return Object.fromEntries(
      Object.entries(params).map(([name, value]) => [name, OURS.has(name) ? value : stretch(value)]),
    );
  }

  // Texts of ours, which have been bounded, and names that code decides by.
  const OURS = new Set([
    'message',
    'problem',
    'suspicion',
    'advice',
    'lack',
    'flaw',
    'kind',
    'what',
    'push',
    'why',
    'field',
    'readAt',
  ]);
  // The new image, and the command that copies it, are never cut.
  const WHOLE = new Set(['not-mirrored', 'recreated', 'not-asked-here', 'no-object', 'no-text']);

  test.each(RULES.map((rule) => [rule.id, rule] as const))('of %s is short whatever the names', (id, { messages }) => {
    const samples: Readonly<Record<string, readonly unknown[]>> = RULE_SAMPLES[id as keyof typeof RULE_SAMPLES];
    for (const [messageId, word] of Object.entries(messages)) {
      if (WHOLE.has(messageId)) continue;
      for (const params of samples[messageId] ?? []) {
        const text = (word as (given: unknown) => string)(stretch(params));
        expect(text.length, text).toBeLessThanOrEqual(256);
      }
    }
  });
});

describe('docs/causes.md', () => {
  const page = readFileSync(new URL('../docs/causes.md', import.meta.url), 'utf8');
  const sections = new Map(
    page
      .split(/^## /m)
      .slice(1)
      .map((text) => [/^[a-z\d-]+/.exec(text)?.[0] ?? '', text]),
  );

  test('has a section for each cause and no other', () => {
    expect([...sections.keys()].sort()).toEqual(Object.keys(CAUSES).sort());
  });

  test.each(Object.keys(CAUSES) as CauseCode[])('explains the events of %s, and names its FAQ check item', (code) => {
    const text = sections.get(code) ?? '';
    const { says, faqItem } = causeOf(code);
    for (const said of says) expect(text).toContain(said);
    // People search for the text of the event: the heading has one.
    expect(says.some((said) => text.split('\n')[0]?.includes(said))).toBe(true);
    expect(text).toContain(faqItem === null ? 'No FAQ check item.' : `FAQ check item ${faqItem}.`);
  });
});

describe('the phrases that nobody understood at two in the morning', () => {
  const ROOT = new URL('../', import.meta.url);

  /** What was; and the page that lists them. */
  const EXEMPT = [/^CHANGELOG\.md$/, /^docs\/style\.md$/];

  function listFiles(folder: string, end: string): readonly string[] {
    return readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(end))
      .map((name) => folder + name);
  }

  const files = [
    ...listFiles('src/', '.ts'),
    ...listFiles('docs/', '.md'),
    ...['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  ].filter((file) => !EXEMPT.some((pattern) => pattern.test(file)));

  /** The strings of a file of code; all of a page. */
  function readTexts(file: string): readonly string[] {
    const text = readFileSync(new URL(file, ROOT), 'utf8');
    if (!file.endsWith('.ts')) return text.split('\n');
    const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
    return [...code.matchAll(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g)].map(([string]) => string);
  }

  test.each(files)('are not in %s', (file) => {
    expect(readTexts(file).flatMap((text) => findBanned(text).map((phrase) => `${phrase}: ${text}`))).toEqual([]);
  });
});
