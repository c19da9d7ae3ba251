/**
 * A stand-in for a registry: has every image, for one platform, and requires authentication. Prints its port when it is ready.
 *
 *     stand-in-registry.ts 100     each answer takes 100 ms
 *     stand-in-registry.ts hang    no manifest is ever answered
 *
 * `GET /asked` returns how often manifests were requested: by HEAD, by GET, and how many different ones.
 */
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const [, , pace = '0'] = process.argv;

const TYPE = 'application/vnd.oci.image.manifest.v1+json';
const digest = `sha256:${'a'.repeat(64)}`;
const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: TYPE,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 1470 },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: 42_000_000 }],
  }),
);
const MANIFEST_DIGEST = `sha256:${createHash('sha256').update(MANIFEST).digest('hex')}`;

const asked = { head: 0, get: 0, images: new Set<string>() };

const server = createServer((request, response) => {
  const { method = '', url = '' } = request;
  if (url === '/asked') {
    response.end(JSON.stringify({ ...asked, images: asked.images.size }));
    return;
  }
  if (request.headers.authorization === undefined) {
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="stand-in"' }).end();
    return;
  }
  if (method === 'HEAD') {
    asked.head++;
    asked.images.add(url);
  } else asked.get++;
  if (pace !== 'hang') void answer(method, response);
});

async function answer(method: string, response: ServerResponse): Promise<void> {
  await wait(Number(pace));
  response.writeHead(200, {
    'Content-Type': TYPE,
    'Content-Length': MANIFEST.length,
    'Docker-Content-Digest': MANIFEST_DIGEST,
    'Docker-Distribution-Api-Version': 'registry/2.0',
  });
  response.end(method === 'HEAD' ? undefined : MANIFEST);
}

server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
});
