import { createSocket } from 'node:dgram';

const HEADER_BYTES = 12;
/** A response, recursion desired and available, NXDOMAIN. */
const NO_SUCH_NAME = 0x8183;

/** A DNS server that knows no name at all, so that what `/etc/hosts` does not have is the same "no such host" everywhere. */
export async function startEmptyDns(): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    const answer = Buffer.from(query);
    answer.writeUInt16BE(NO_SUCH_NAME, 2);
    // The one question, and nothing of what a resolver may add behind it.
    answer.fill(0, 6, HEADER_BYTES);
    let end = HEADER_BYTES;
    while (end < answer.length && answer[end] !== 0) end += (answer[end] ?? 0) + 1;
    socket.send(answer.subarray(0, end + 5), port, address);
  });
  await new Promise<void>((resolve) => {
    socket.bind(53, '127.0.0.1', resolve);
  });
}
