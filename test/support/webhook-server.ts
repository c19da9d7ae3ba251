import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Json } from './objects.ts';

export type WebhookServer = Readonly<{ url: string; port: number; reviews: readonly (Json & { path: string })[] }>;

/** An https server on a free port of the loopback until the end of the test, which lets every review pass. */
export async function serveWebhook(tls: ServerOptions, listener?: RequestListener): Promise<WebhookServer> {
  const reviews: (Json & { path: string })[] = [];
  const server = createServer(tls, listener ?? answerAll(reviews)).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}`, port, reviews };
}

function answerAll(reviews: (Json & { path: string })[]): RequestListener {
  return (request, response) => {
    void letPass(request, response).then((review) => reviews.push({ ...review, path: request.url ?? '' }));
  };
}

/** Answers a review as a webhook does that has nothing against it; returns its request. */
export async function letPass(request: IncomingMessage, response: ServerResponse): Promise<Json> {
  const review = JSON.parse((await request.toArray()).join('')) as { apiVersion: string; request: Json };
  const { apiVersion } = review;
  const answer = { apiVersion, kind: 'AdmissionReview', response: { uid: review.request['uid'], allowed: true } };
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
  return review.request;
}
