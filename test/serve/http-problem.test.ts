import request from 'supertest';
import { expect, test } from 'vitest';
import { formatProblem, HttpProblem, sendJson, sendProblem, sendProblemEarly } from '../../src/serve/http.ts';
import { connectRaw, parseAnswer, problemOf, rawPost, serveLocally } from './helpers.ts';

test.each([
  [400, 'BadRequest'],
  [404, 'NotFound'],
  [405, 'MethodNotAllowed'],
  [408, 'Timeout'],
  [413, 'RequestEntityTooLarge'],
  [415, 'UnsupportedMediaType'],
  [431, 'RequestHeaderFieldsTooLarge'],
  [500, 'InternalError'],
  [503, 'ServiceUnavailable'],
  [418, 'Unknown'],
])('%d reaches kubectl as a Status with the reason %s', async (code, reason) => {
  const { url } = await serveLocally((_request, response) => {
    sendProblem(response, code, 'what is wrong');
  });
  const answer = await request(url).get('/');
  expect([answer.status, answer.type]).toEqual([code, 'application/json']);
  expect(answer.body).toEqual(problemOf(code, reason, 'what is wrong'));
  expect(JSON.parse(formatProblem(code, 'what is wrong'))).toEqual(answer.body);
});

test('the length of an answer counts bytes, so that one with umlauts is not cut off', async () => {
  const { url } = await serveLocally((_request, response) => {
    sendJson(response, 200, '{"name":"Müller €"}');
  });
  const answer = await request(url).get('/');
  expect([answer.body, answer.get('Content-Length')]).toEqual([{ name: 'Müller €' }, '22']);
});

test('a client that is refused while it sends gets the answer at once, and its connection ends soon', async () => {
  const { port } = await serveLocally((incoming, response) => {
    sendProblemEarly(incoming, response, new HttpProblem(413, 'too much'));
  });
  const { socket, until, ended } = await connectRaw(port);
  socket.write(rawPost('/', 'the start', { 'Content-Length': 1e9 }));
  const answer = parseAnswer(await until(/\}$/));
  expect(answer).toEqual({ code: 413, body: problemOf(413, 'RequestEntityTooLarge', 'too much') });
  const answered = performance.now();
  // Goes on sending, as a client does that reads only when it is done.
  const sending = setInterval(() => socket.write('more'), 5);
  expect(await ended).toContain('Connection: close');
  clearInterval(sending);
  expect(performance.now() - answered).toBeLessThan(3000);
});

test('a client that has sent everything is not kept waiting for the end of the connection', async () => {
  const { port } = await serveLocally((incoming, response) => {
    sendProblemEarly(incoming, response, new HttpProblem(415, 'no'));
  });
  const { socket, ended } = await connectRaw(port);
  const started = performance.now();
  socket.write(rawPost('/', 'all of it'));
  expect(parseAnswer(await ended).code).toBe(415);
  expect(performance.now() - started).toBeLessThan(900);
});
