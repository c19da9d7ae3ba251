import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { drawSessions, drawTerminal } from '../../scripts/terminal.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ESC = '\u001b';

test('the pictures of the README show what the commands print today: npm run docs:images', () => {
  for (const [path, picture] of drawSessions()) {
    expect(picture, path).toBe(readFileSync(join(ROOT, path), 'utf8'));
    expect(picture.match(/<text /g)?.length, path).toBeGreaterThan(5);
    expect(picture.length, path).toBeLessThan(20_000);
  }
}, 120_000);

describe('a picture', () => {
  const draw = (output: string, command = 'run'): string => drawTerminal({ title: 'T', steps: [{ command, output }] });
  /** The text of each row, as it is read. */
  const rows = (picture: string): readonly string[] =>
    [...picture.matchAll(/<text .*?>(.*)<\/text>/g)].map(([, text = '']) => text.replaceAll(/<[^>]*>/g, ''));

  test('has a title for those who do not see it', () => {
    const picture = drawTerminal({ title: 'a <b> & c', steps: [] });
    expect(picture).toContain('role="img" aria-labelledby="title">\n<title id="title">a &lt;b&gt; &amp; c</title>');
  });

  test('shows text as it is, and colors by their code', () => {
    const picture = draw(`${ESC}[31merror${ESC}[39m <a> & "b"`);
    expect(picture).toContain('<tspan class="r">error</tspan> &lt;a&gt; &amp; "b"</text>');
    expect(rows(picture)).toEqual(['$ run', 'error &lt;a&gt; &amp; "b"']);
  });

  test.each([
    ['a line that fits', 'a'.repeat(96), ['a'.repeat(96)]],
    ['words', `  ${'word '.repeat(30).trim()}`, [`  ${'word '.repeat(18)}word`, `    ${'word '.repeat(10)}word`]],
    ['a word that does not fit', 'a'.repeat(100), ['a'.repeat(96), `  ${'a'.repeat(4)}`]],
    ['a space at the end of the line', `${'a'.repeat(96)} b`, ['a'.repeat(96), '  b']],
  ])('breaks %s where a reader would', (_, output, expected) => {
    expect(rows(draw(output))).toEqual(['$ run', ...expected]);
  });

  test('keeps a color across the end of a line', () => {
    expect(draw(`${ESC}[32m${'word '.repeat(30)}${ESC}[39m`).match(/class="g"/g)).toHaveLength(2);
  });

  test('leaves room for empty lines', () => {
    expect(draw('a\n\nb')).toMatch(/y="54".*>a<[^]*y="94".*>b</);
  });
});
