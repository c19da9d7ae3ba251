/**
 * The least that any webhook on Node.js has to do: TLS, a body, JSON in, JSON out. The benchmark compares pullguard with it.
 *
 *     tsx bench/bare-server.ts CERT KEY
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

const [certFile = '', keyFile = ''] = process.argv.slice(2);

const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const {
      apiVersion,
      kind,
      request: review,
    } = JSON.parse(Buffer.concat(chunks).toString()) as {
      apiVersion: string;
      kind: string;
      request: { uid: string };
    };
    const text = JSON.stringify({ apiVersion, kind, response: { uid: review.uid, allowed: true } });
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
    response.end(text);
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port, pid: process.pid })}\n`);
});
