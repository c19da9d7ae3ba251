import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyReplacements, formatDiff, type Replacement } from '../../src/text/unified-diff.ts';

/** Applies a unified diff by its own words, and fails where a line of it is not what stands there. */
function patch(text: string, diff: string): string {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const patched: string[] = [];
  let at = 0;
  const hunks = diff.split(/^(?=@@)/m).slice(1);
  for (const hunk of hunks) {
    const [, start = '', count = '', added = ''] = /^@@ -(\d+),(\d+) \+\d+,(\d+) @@\n/.exec(hunk) ?? [];
    const from = count === '0' ? Number(start) : Number(start) - 1;
    patched.push(...lines.slice(at, from));
    at = from;
    const body = hunk.slice(hunk.indexOf('\n') + 1).replaceAll('\n\\ No newline at end of file\n', '\u0000');
    const before = patched.length;
    for (const [line] of body.matchAll(/[^\n\0]*[\n\0]/g)) {
      const content = line.slice(1).replace('\u0000', '');
      if (!line.startsWith('+')) expect(lines[at++]).toBe(content);
      if (!line.startsWith('-')) patched.push(content);
    }
    expect([at - from, patched.length - before]).toEqual([Number(count), Number(added)]);
  }
  return [...patched, ...lines.slice(at)].join('');
}

test('a diff makes of the old text the new one, wherever it is changed', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', '\n', '\r\n', 'value: x\n'), { maxLength: 40 })
    .map((parts) => parts.join(''));
  const cuts = fc.array(fc.tuple(fc.nat(60), fc.nat(4), fc.constantFrom('', 'x', 'x\n', '\ny\n', '\n')), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(text, cuts, (old, wanted) => {
      const replacements: Replacement[] = [];
      for (const [offset, length, inserted] of wanted.toSorted(([left], [right]) => left - right)) {
        const start = Math.min(offset, old.length);
        const last = replacements.at(-1);
        if (last !== undefined && start <= last.end) continue;
        replacements.push({ start, end: Math.min(start + length, old.length), text: inserted });
      }
      expect(patch(old, formatDiff('a.yaml', old, replacements))).toBe(applyReplacements(old, replacements));
    }),
    { numRuns: 300, seed: 11 },
  );
});

test('lines of context are three, changes that are near each other stand together, and a last line without an end is marked', () => {
  const old = Array.from({ length: 12 }, (_, at) => `line ${at + 1}`).join('\n');
  const at = (text: string): Replacement => ({
    start: old.indexOf(text),
    end: old.indexOf(text) + text.length,
    text: text.toUpperCase(),
  });
  expect(formatDiff('./dir/a.yaml', old, [at('line 5'), at('line 12')])).toBe(`--- a/dir/a.yaml
+++ b/dir/a.yaml
@@ -2,11 +2,11 @@
 line 2
 line 3
 line 4
-line 5
+LINE 5
 line 6
 line 7
 line 8
 line 9
 line 10
 line 11
-line 12
\\ No newline at end of file
+LINE 12
\\ No newline at end of file
`);
});
