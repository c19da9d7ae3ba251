import { setImmediate as turn } from 'node:timers/promises';
import request from 'supertest';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createSend, formatProblem, readTimeoutOf, sendEarly } from '../../src/serve/http.ts';
import { connectRaw, parseAnswer, problemOf, rawPost, serveLocally } from './helpers.ts';

test.each([
  [400, 'BadRequest'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [405, 'MethodNotAllowed'],
  [408, 'Timeout'],
  [413, 'RequestEntityTooLarge'],
  [415, 'UnsupportedMediaType'],
  [431, 'RequestHeaderFieldsTooLarge'],
  [500, 'InternalError'],
  [503, 'ServiceUnavailable'],
  [418, 'Unknown'],
])('%d reaches kubectl as a Status with the reason %s', (code, reason) => {
  expect(JSON.parse(formatProblem(code, 'what is wrong'))).toEqual(problemOf(code, reason, 'what is wrong'));
});

test('the length of an answer counts bytes, so that one with umlauts is not cut off; of two answers the first is sent', async () => {
  const send = createSend(() => false);
  const { url } = await serveLocally((_request, response) => {
    send(response, 200, '{"name":"Müller €"}');
    send(response, 500, '{}');
  });
  const answer = await request(url).get('/');
  expect([answer.status, answer.type, answer.body]).toEqual([200, 'application/json', { name: 'Müller €' }]);
  expect(answer.get('Content-Length')).toBe('22');
});

test('a client that is refused while it sends gets the answer at once, and its connection ends soon', async () => {
  const { port } = await serveLocally((incoming, response) => {
    sendEarly(incoming, response, 413, formatProblem(413, 'too much'));
  });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { socket, until, ended } = await connectRaw(port);
  socket.write(rawPost('/', 'the start', { 'Content-Length': 1e9 }));
  const answer = parseAnswer(await until(/\}$/));
  expect(answer).toEqual({ code: 413, body: problemOf(413, 'RequestEntityTooLarge', 'too much') });
  // Goes on sending, as a client does that reads only when it is done.
  for (let more = 0; more < 5; more++) {
    socket.write('more');
    await turn();
  }
  expect(socket.readableEnded).toBe(false);
  // Not those that come of it: something in this process may set one anew each time.
  vi.runOnlyPendingTimers();
  expect(await ended).toContain('Connection: close');
});

test('a client that has sent everything is not kept waiting for the end of the connection', async () => {
  const { port } = await serveLocally((incoming, response) => {
    sendEarly(incoming, response, 415, formatProblem(415, 'no'));
  });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { socket, ended } = await connectRaw(port);
  socket.write(rawPost('/', 'all of it'));
  expect(parseAnswer(await ended).code).toBe(415);
});

test.each<[query: string, milliseconds: number]>([
  ['?timeout=1s', 1000],
  ['?timeout=30s', 30_000],
  ['?a=b&timeout=3s&c', 3000],
  ...['', '3', '0s', '31s', '03s', '100s', '-3s', '1.5s', '250ms', '1m', '1m30s', '3s;', '3S', '٣s'].map(
    (value): [string, number] => [`?timeout=${value}`, 10_000],
  ),
  ['', 10_000],
  ['?retimeout=3s', 10_000],
  ['/timeout=3s', 10_000],
])('an API server that calls /mutate%s is waited for %d ms', (query, milliseconds) => {
  expect(readTimeoutOf({ url: `/mutate${query}` })).toBe(milliseconds);
});
