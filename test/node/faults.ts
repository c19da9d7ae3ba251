import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { ServerResponse } from 'node:http';
import { USER } from '../support/docker-registry.ts';
import type { Answer } from '../support/fault-registry.ts';
import type { Blob, TestImage } from '../support/registry-images.ts';

/** Hosts of the fault server, and what each does to every request. */
export const FAULTS: Readonly<Record<string, Answer>> = {
  'limited.example.com': (_request, response) => {
    refuse(response, 429, 'TOOMANYREQUESTS', 'You have reached your pull rate limit.');
  },
  'broken.example.com': (_request, response) => {
    refuse(response, 500, 'UNKNOWN', 'unknown error');
  },
  'overloaded.example.com': (_request, response) => {
    response.writeHead(503, { 'content-type': 'text/html' }).end('<html>Service Unavailable</html>');
  },
  'denied.example.com': (_request, response) => {
    refuse(response, 403, 'DENIED', 'requested access to the resource is denied');
  },
  'no-login.example.com': (_request, response) => {
    refuse(response, 400, 'UNKNOWN', 'Auth is empty, only accept X-Auth-Token or Authorization.');
  },
  'page.example.com': (_request, response) => {
    response.writeHead(404, { 'content-type': 'text/html' }).end('<html>Not Found</html>');
  },
  'portal.example.com': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>');
  },
  'loop.example.com': ({ url = '/' }, response) => {
    response.writeHead(307, { location: url }).end();
  },
  'moved.example.com': ({ url = '/' }, response) => {
    response.writeHead(307, { location: `https://public.example.com${url}` }).end();
  },
  'silent.example.com': () => undefined,
};

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

/** Images by `repository:tag`. Of an index in it what `omitted` has is not there. */
export type ServedImages = Readonly<{ images: ReadonlyMap<string, TestImage>; omitted?: readonly TestImage[] }>;

/** A registry with a token service, as Harbor, SWR and Docker Hub are, in a few lines. */
export function answerWithTokens(host: string, { images, omitted = [] }: ServedImages): Answer {
  const repositories = new Set([...images.keys()].map((name) => name.replace(/:[^/]*$/, '')));
  const blobs = new Map<string, Blob>();
  for (const image of images.values()) {
    for (const blob of listBlobs(image))
      if (!omitted.some(({ digest }) => digest === blob.digest)) blobs.set(blob.digest, blob);
  }
  const token = randomBytes(8).toString('hex');
  const login = `Basic ${btoa(`${USER.username}:${USER.password}`)}`;
  return ({ method, url = '/', headers }, response) => {
    const { pathname } = new URL(url, `https://${host}`);
    if (pathname === '/token') {
      giveToken(response, headers.authorization === login ? token : undefined);
      return;
    }
    const [, repository = '', , reference = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(pathname) ?? [];
    if (headers.authorization !== `Bearer ${token}`) {
      challenge(response, host, repository);
      return;
    }
    const found = blobs.get(reference) ?? images.get(`${repository}:${reference}`);
    if (pathname === '/v2/') response.end('{}');
    else if (found !== undefined) send(response, found, method === 'HEAD');
    else if (repositories.has(repository)) refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
    else refuse(response, 404, 'NAME_UNKNOWN', 'repository name not known to registry');
  };
}

/** A registry of one image without a login. Where it stalls, half of each layer is sent, and nothing more. */
export function answerOpenly(image: TestImage, { stalls = false }: Readonly<{ stalls?: boolean }> = {}): Answer {
  const blobs = new Map(listBlobs(image).map((blob) => [blob.digest, blob]));
  return ({ method, url = '/' }, response) => {
    const [, kind, reference = ''] = /\/(manifests|blobs)\/(.+)$/.exec(url) ?? [];
    const found = blobs.get(reference) ?? (kind === 'manifests' ? image : undefined);
    if (found === undefined) response.end('{}');
    else if (stalls && found.mediaType.includes('.layer.')) stall(response, found);
    else send(response, found, method === 'HEAD');
  };
}

function stall(response: ServerResponse, { bytes }: Blob): void {
  response.writeHead(200, { 'content-length': bytes.length });
  response.write(bytes.subarray(0, bytes.length / 2));
}

function challenge(response: ServerResponse, host: string, repository: string): void {
  const scope = repository === '' ? '' : `,scope="repository:${repository}:pull"`;
  response.setHeader('www-authenticate', `Bearer realm="https://${host}/token",service="${host}"${scope}`);
  refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
}

function giveToken(response: ServerResponse, token: string | undefined): void {
  if (token === undefined) refuse(response, 401, 'UNAUTHORIZED', 'incorrect username or password');
  else response.end(JSON.stringify({ token, expires_in: 300 }));
}

function send(response: ServerResponse, { mediaType, bytes, digest }: Blob, isHead: boolean): void {
  response.writeHead(200, {
    'content-type': mediaType,
    'content-length': bytes.length,
    'docker-content-digest': digest,
  });
  response.end(isHead ? undefined : bytes);
}

function listBlobs(image: TestImage): readonly Blob[] {
  return [image, ...image.blobs, ...image.images.flatMap((each) => listBlobs(each))];
}

/** Takes connections and never says a word, not even of TLS. */
export async function listenDeaf(address: string): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.resume();
  });
  await new Promise<void>((resolve) => {
    server.listen(443, address, resolve);
  });
}
