import { ApiError } from './api-server.ts';

const LINE_FEED = 0x0a;

/**
 * The lines of a stream of bytes, without their ends, empty ones left out.
 *
 * @throws ApiError when a line has more than `maxBytes`, or when the stream ends in the middle of one.
 */
export async function* readLines(stream: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const line = Buffer.concat([...parts, chunk.subarray(start, end)]).toString();
      parts = [];
      length = 0;
      start = end + 1;
      if (line.trim() !== '') yield line;
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > maxBytes) throw new ApiError(`a line of the answer is longer than ${maxBytes} bytes`, { status: 200 });
  }
  // As good as a whole line it may look, what came of a number or a text is another one.
  if (length > 0) throw new ApiError('the answer broke off in the middle of a line');
}
