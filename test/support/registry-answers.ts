import type { OutgoingHttpHeaders } from 'node:http';
import type { Answer } from './fault-registry.ts';
import type { TestImage } from './registry-images.ts';

/** What `startFaultRegistry` is to answer with: parts of a registry that works, and of one that does not. */

export type User = Readonly<{ username: string; password: string }>;

/** What lets a request pass, and what is said to others. */
export type Guard = Readonly<{ accepts: (authorization: string | undefined) => boolean; challenge: string }>;

/** Wants the password itself. */
export function guardByPassword(user: User): Guard {
  return { accepts: (authorization) => authorization === basicOf(user), challenge: 'Basic realm="registry"' };
}

/** Wants a token of `serveTokens`, from there. */
export function guardByToken(realm: string): Guard {
  return {
    accepts: (authorization) => authorization === `Bearer ${TOKEN}`,
    challenge: `Bearer realm="${realm}",service="registry",scope="repository:team/app:pull,push"`,
  };
}

const TOKEN = 'a-token';

/** Gives tokens to one user, or to anybody. */
export function serveTokens(user: User | undefined): Answer {
  return ({ headers }, response) => {
    if (headers.authorization === (user === undefined ? undefined : basicOf(user))) {
      sendJson(response, 200, { token: TOKEN, expires_in: 300 });
    } else sendJson(response, 401, errorOf('UNAUTHORIZED', 'incorrect username or password'));
  };
}

/** Has the images at `/v2/<repository>/manifests/<tag>`, and the images within them by their digests. */
export function serveImages(images: Readonly<Record<string, TestImage>>, guard?: Guard): Answer {
  const paths = new Map<string, TestImage>();
  const add = (repository: string, name: string, image: TestImage): void => {
    paths.set(`/v2/${repository}/manifests/${name}`, image);
    paths.set(`/v2/${repository}/manifests/${image.digest}`, image);
    for (const part of image.images) add(repository, part.digest, part);
  };
  for (const [name, image] of Object.entries(images)) {
    const [repository = '', tag = ''] = name.split(':');
    add(repository, tag, image);
  }
  return ({ url = '', headers }, response) => {
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    const image = paths.get(new URL(url, 'http://registry').pathname);
    if (guard?.accepts(headers.authorization) === false) {
      response.setHeader('WWW-Authenticate', guard.challenge);
      sendJson(response, 401, errorOf('UNAUTHORIZED', 'authentication required'));
    } else if (image === undefined) {
      sendJson(response, 404, errorOf('MANIFEST_UNKNOWN', 'manifest unknown'));
    } else {
      const { mediaType, digest, bytes } = image;
      response.writeHead(200, {
        'Content-Type': mediaType,
        'Content-Length': bytes.length,
        'Docker-Content-Digest': digest,
      });
      // Of HEAD nothing is sent.
      response.end(bytes);
    }
  };
}

/** Answers paths as they begin with; of several the first counts. */
export function serveByPath(answers: Readonly<Record<string, Answer>>): Answer {
  return (request, response) => {
    const found = Object.entries(answers).find(([path]) => request.url?.startsWith(path) === true);
    if (found === undefined) response.writeHead(404).end();
    else found[1](request, response);
  };
}

/** Answers everything in one way; a body that is not text is JSON. */
export function answerAlways(status: number, body: string | object = '', headers: OutgoingHttpHeaders = {}): Answer {
  return (_request, response) => {
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** Sends a body that has no end for as long as the client reads. */
export function answerEndlessly(status = 200, headers: OutgoingHttpHeaders = {}): Answer {
  const chunk = Buffer.alloc(64 * 1024, ' ');
  return ({ method }, response) => {
    response.writeHead(status, headers);
    if (method === 'HEAD') {
      response.end();
      return;
    }
    const sendMore = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', sendMore);
    sendMore();
  };
}

/** Takes the request, and never says a word. */
export const neverAnswer: Answer = () => undefined;

function basicOf({ username, password }: User): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function errorOf(code: string, message: string): object {
  return { errors: [{ code, message }] };
}

function sendJson(response: Parameters<Answer>[1], status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length }).end(text);
}
