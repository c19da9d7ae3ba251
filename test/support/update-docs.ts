import { readFileSync, writeFileSync } from 'node:fs';

/** With `UPDATE_DOCS=1` pages are given what their samples print, and not compared with it. */
export const UPDATES_DOCS = process.env['UPDATE_DOCS'] === '1';

/** Puts a text in the place of the first that stands behind another one, such as what a sample prints behind the sample. */
export function replaceBehind(file: string | URL, before: string, old: string, text: string): void {
  if (old === text) return;
  const page = readFileSync(file, 'utf8');
  const end = page.indexOf(before) + before.length;
  const start = page.indexOf(old, end);
  if (end < before.length || start < 0) throw new Error(`${String(file)} does not have ${JSON.stringify(old)}`);
  writeFileSync(file, page.slice(0, start) + text + page.slice(start + old.length));
}
