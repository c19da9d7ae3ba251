/** Prints everything that the core says to people, with a sample of each: to be read from end to end after a change of words. */
import { listCatalogue } from './support/message-catalogue.ts';

for (const { title, entries } of listCatalogue()) {
  process.stdout.write(`\n${title}\n${'='.repeat(title.length)}\n`);
  let last = '';
  for (const { id, kind, text } of entries) {
    if (id !== last) process.stdout.write(`\n${id}\n`);
    last = id;
    process.stdout.write(`  ${kind === 'message' ? text : `(${kind}) ${text}`}\n`);
  }
}
