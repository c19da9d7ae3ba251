import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLines } from '../../../src/cluster/connection/read-lines.ts';

const LIMIT = 20;

async function linesOf(...chunks: readonly (string | Buffer)[]): Promise<string[]> {
  const lines: string[] = [];
  const stream = (async function* () {
    for (const chunk of chunks) yield await Promise.resolve(Buffer.from(chunk));
  })();
  for await (const line of readLines(stream, LIMIT)) lines.push(line);
  return lines;
}

// A network cuts where it likes, also within a character of several bytes.
test('lines are the same wherever the stream was cut', async () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 });
  const texts = fc.array(fc.string({ unit: 'binary', maxLength: 4 }).map((text) => text.replaceAll('\n', '')));
  await fc.assert(
    fc.asyncProperty(texts, cuts, async (lines, sizes) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const chunks: Buffer[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      expect(await linesOf(...chunks)).toEqual(lines.filter((line) => line.trim() !== ''));
    }),
  );
});

// Half an event may be valid JSON with another meaning: `1` of `12`.
test('a line that was cut off is no line', async () => {
  await expect(linesOf('{"a":1}\n', '{"a"')).rejects.toThrow('the answer broke off in the middle of a line');
});

// Whatever sends this would otherwise fill the memory of a webhook that everybody waits for.
test('a line without end is given up', async () => {
  const part = 'x'.repeat(LIMIT);
  await expect(linesOf(part)).rejects.toThrow('broke off');
  await expect(linesOf(part, 'x')).rejects.toMatchObject({
    message: expect.stringContaining('longer than 20 bytes') as unknown,
  });
});
