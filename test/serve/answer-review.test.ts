import { setTimeout as wait } from 'node:timers/promises';
import request from 'supertest';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Registries } from '../../src/admission/answer-later.ts';
import { pod, type Json } from '../support/objects.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import type { Finding } from '../../src/engine/evaluate.ts';
import { failed, pullable } from '../support/answers.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';
import { askingPolicy, FOREVER_MS, holdRegistries, REFUSED } from './asking.ts';
import {
  answerOf,
  connectRaw,
  FINE,
  FINE_ANSWER,
  parseAnswer,
  rawPost,
  readCounter,
  reviewOf,
  serveApp,
} from './helpers.ts';

const DENIED = { response: { uid: 'b3f1', allowed: false } };

/** Sends a review, and does not wait for the answer. */
function send(url: string, path = '/validate', review: Json = FINE) {
  return request(url)
    .post(path)
    .send(review)
    .then(({ body }) => body as unknown);
}

const owner = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Workflow', name: 'w', uid: 'u', controller: true };
const withOwner = { ...pod('registry.example.com/app:1'), metadata: { name: 'web', ownerReferences: [owner] } };

async function serveAsking(waitMs: number) {
  const registries = holdRegistries();
  const app = await serveApp({ policy: () => askingPolicy(waitMs), registries: registries.registries });
  return { ...app, registries };
}

describe('a review about whose images registries are asked', () => {
  test('is answered when they have answered, counted and logged once, with the time that it waited', async () => {
    const { url, lines, metrics, registries } = await serveAsking(FOREVER_MS);
    const answer = send(url);
    await expect.poll(registries.asked).toBe(1);
    const from = performance.now();
    await wait(20);
    expect(lines).toEqual([]);
    const waited = performance.now() - from;
    registries.answer(REFUSED);
    expect(await answer).toMatchObject(DENIED);
    expect(lines).toMatchObject([{ msg: 'decided', outcome: 'denied', findings: [{ rule: 'asking' }] }]);
    expect(lines[0]?.['milliseconds']).toBeGreaterThan(waited);
    const labels = { endpoint: 'validate', kind: 'Pod', outcome: 'denied' };
    expect(await readCounter(metrics, 'pullguard_admission_requests_total', labels)).toBe(1);
  });

  test('is answered at once when they have answered before', async () => {
    const { url, registries } = await serveAsking(FOREVER_MS);
    registries.answer(REFUSED);
    expect(await send(url)).toMatchObject(DENIED);
    expect(registries.asked()).toBe(0);
  });

  test('is answered by what is known when it has waited as long as the policy says', async () => {
    const { url, registries } = await serveAsking(30);
    expect(await send(url)).toEqual(FINE_ANSWER);
    expect(registries.asked()).toBe(1);
  });

  test.each([
    [
      'a controller of Kubernetes',
      { userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' } },
    ],
    ['a kubelet', { userInfo: { username: 'system:node:worker-1' } }],
    ['whatever looks after the object', { object: withOwner }],
  ])('is not kept from %s for as long as from people', async (_who, fields) => {
    const { registries } = holdRegistries();
    const { url } = await serveApp({ policy: () => askingPolicy(FOREVER_MS, MIRRORED, 0), registries });
    expect(await send(url, '/validate', { ...FINE, request: { ...FINE.request, ...fields } })).toEqual(FINE_ANSWER);
  });

  test.each([
    ['in time for an API server that gives up first', 790],
    ['at once when its body took so long that no time is left', 810],
  ])('is answered %s', async (_when, passed) => {
    const { port, registries } = await serveAsking(FOREVER_MS);
    const { socket, until } = await connectRaw(port);
    const body = JSON.stringify(FINE);
    socket.write(rawPost('/validate?timeout=1s', '', { 'Content-Length': body.length, Expect: '100-continue' }));
    await until(/100 Continue/);
    const later = performance.now() + passed;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => later);
    onTestFinished(() => {
      now.mockRestore();
    });
    socket.write(body);
    expect(parseAnswer(await until(/\}$/)).body).toEqual(FINE_ANSWER);
    expect(registries.asked()).toBe(1);
  });
});

describe('a registry that answers too late', () => {
  const POLICY = policyOf(
    'rules: { image-pullable: warn, pull-secret-present: off }',
    'registries: [{ hosts: [registry.example.com], probe: true }]',
    'probe: { wait: 30ms, waitForControllers: 30ms }',
  );
  const MISSING = failed({ outcome: 'failed', cause: 'image-not-found' }, 'registry.example.com:443');

  async function serveLate(isTelling = true) {
    const registries = holdRegistries();
    const told: string[] = [];
    const late = {
      isTelling: () => isTelling,
      tell: ({ name }: Readonly<{ name: string }>, findings: readonly Finding[]) =>
        void told.push(`${name} ${findings.map(({ rule, messageId }) => `${rule} ${messageId}`).join()}`),
    };
    const app = await serveApp({ policy: () => POLICY, registries: registries.registries, late });
    return { ...app, registries, told };
  }

  const named = (fields: Json = {}): Json => reviewOf(pod('registry.example.com/app:1'), { name: 'web', ...fields });
  const byController = { userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' } };

  test.each([
    [true, 'if the image cannot be pulled, the result will be an Event on this Pod'],
    [false, 'so this image was not checked'],
  ])('is a notice to a person, who reads whether there will be an Event: %s', async (isTelling, words) => {
    const { url, registries } = await serveLate(isTelling);
    const answer = await send(url, '/validate', named());
    expect(answer).toMatchObject({
      response: { allowed: true, warnings: [expect.stringMatching(new RegExp(`^notice: .*not answered.*${words}`))] },
    });
    expect(registries.asked()).toBe(1);
  });

  test.each<[who: string, review: Json]>([
    ['a person', named()],
    ['a controller, which is told nothing else', named(byController)],
  ])('is told later, once, with what was not said before: %s', async (_who, review) => {
    const { url, registries, told, lines } = await serveLate();
    await send(url, '/validate', review);
    expect(told).toEqual([]);
    registries.answer(MISSING);
    await expect.poll(() => told).toEqual(['web image-pullable refused']);
    expect(lines.at(-1)).toMatchObject({
      msg: 'found after the answer',
      uid: 'b3f1',
      findings: [{ severity: 'warning' }],
    });
  });

  test('says nothing to a controller that it would only log', async () => {
    const { url } = await serveLate();
    const { response } = (await send(url, '/validate', named(byController))) as { response: Json };
    expect(response).not.toHaveProperty('warnings');
  });

  test.each<[what: string, review: Json, answer: ImageAnswer, path: string]>([
    ['that all is well', named(), pullable(), '/validate'],
    ['of a dry run, which asks nobody', named({ dryRun: true }), MISSING, '/validate'],
    ['at /mutate', named(), MISSING, '/mutate'],
  ])('is not told later %s', async (_what, review, answer, path) => {
    const { url, registries, told } = await serveLate();
    await send(url, path, review);
    registries.answer(answer);
    await wait(50);
    expect(told).toEqual([]);
  });
});

describe('nobody waits and nobody is asked', () => {
  const nobody = (): Registries => {
    const fail = (): never => {
      throw new Error('a registry was asked');
    };
    return { known: { get: fail }, ask: fail };
  };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'web' } };
  test.each([
    ['for a namespace', reviewOf(namespace)],
    ['in a namespace that is exempt', reviewOf(pod('registry.example.com/app:1'), { namespace: 'kube-system' })],
    ['for an object that is no workload', reviewOf({ apiVersion: 'v1', kind: 'ConfigMap' })],
  ])('%s', async (_name, review) => {
    const { url } = await serveApp({ policy: () => askingPolicy(FOREVER_MS), registries: nobody });
    for (const path of ['/mutate', '/validate']) expect(await send(url, path, review)).toEqual(FINE_ANSWER);
  });

  test('where the policy has no registry asked', async () => {
    const facts = () => ({ registries: holdRegistries().registries().known });
    const { url } = await serveApp({ policy: () => askingPolicy(FOREVER_MS), facts, registries: () => undefined });
    expect(await send(url)).toEqual(FINE_ANSWER);
  });
});

test('a dry run asks nobody, and is told what is known', async () => {
  const { url, registries } = await serveAsking(FOREVER_MS);
  const dryRun = reviewOf(pod('registry.example.com/app:1'), { dryRun: true });
  expect(await send(url, '/validate', dryRun)).toEqual(FINE_ANSWER);
  expect(registries.asked()).toBe(0);
  registries.answer(REFUSED);
  expect(await send(url, '/validate', dryRun)).toMatchObject(DENIED);
  expect(registries.asked()).toBe(0);
});

describe('while a review waits', () => {
  test('its client may go away', async () => {
    const { url, port, lines, registries } = await serveAsking(FOREVER_MS);
    const { socket, ended } = await connectRaw(port);
    socket.write(rawPost('/validate', JSON.stringify(FINE)));
    await expect.poll(registries.asked).toBe(1);
    socket.destroy();
    await ended;
    registries.answer(REFUSED);
    await expect.poll(() => lines).toMatchObject([{ msg: 'decided', outcome: 'denied' }]);
    expect(await send(url)).toMatchObject(DENIED);
  });

  test('requests that follow on the same connection are answered after it', async () => {
    const { port, registries } = await serveAsking(FOREVER_MS);
    const { socket, until } = await connectRaw(port);
    const body = JSON.stringify(FINE);
    socket.write(rawPost('/validate', body) + rawPost('/validate', body.replace('b3f1', 'second')));
    await expect.poll(registries.asked).toBe(2);
    registries.answer(REFUSED);
    const received = await until(/"uid":"second"[^]*\}$/);
    expect(received.match(/"uid":"\w+"/g)).toEqual(['"uid":"b3f1"', '"uid":"second"']);
  });
});

describe('reviews that wait hold their bodies, so that', () => {
  const large = (bytes: number): string =>
    JSON.stringify(reviewOf(pod('registry.example.com/app:1', { pad: 'x'.repeat(bytes) })));

  /** Sends a body as it is, and gives what is answered. */
  async function sendBody(port: number, body: string) {
    const { socket, until } = await connectRaw(port);
    socket.write(rawPost('/validate', body));
    return { answer: until(/\}(?:\r\n0\r\n\r\n)?$/).then((text) => parseAnswer(text).body) };
  }

  test('when they are many or large the next one is answered at once', async () => {
    const { port, registries } = await serveAsking(FOREVER_MS);
    const first = await sendBody(port, large(600_000));
    await expect.poll(registries.asked).toBe(1);
    const second = await sendBody(port, large(600_000));
    expect(await second.answer).toEqual(FINE_ANSWER);
    expect(registries.asked()).toBe(2);
    registries.answer(REFUSED);
    expect(await first.answer).toMatchObject(DENIED);
  });

  test('and those that come after they were answered may wait again', async () => {
    const { port, registries } = await serveAsking(30);
    for (let asked = 1; asked <= 3; asked++) {
      const { answer } = await sendBody(port, large(600_000));
      expect(await answer).toEqual(FINE_ANSWER);
      expect(registries.asked()).toBe(asked);
    }
  });

  test('one whose size nobody says does not wait', async () => {
    const { port, registries } = await serveAsking(FOREVER_MS);
    const { socket, until } = await connectRaw(port);
    const head = rawPost('/validate', '').replace(/Content-Length: 0/, 'Transfer-Encoding: chunked');
    const text = JSON.stringify(FINE);
    socket.write(`${head}${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`);
    expect(parseAnswer(await until(/\}$/)).body).toEqual(FINE_ANSWER);
    expect(registries.asked()).toBe(1);
  });
});

describe('a failure of our own after registries have answered', () => {
  test('in judging again lets the object pass, and is not hidden', async () => {
    const { registries, asked, answer } = holdRegistries();
    let isAnswered = false;
    const facts = () => {
      if (isAnswered) throw new Error('a bug');
      return {};
    };
    const { url, lines, metrics } = await serveApp({ policy: () => askingPolicy(FOREVER_MS), registries, facts });
    const sent = send(url);
    await expect.poll(asked).toBe(1);
    isAnswered = true;
    answer(REFUSED);
    expect(await sent).toMatchObject({ response: { allowed: true, auditAnnotations: { error: 'internal' } } });
    expect(lines).toMatchObject([{ level: 50, msg: 'internal error, admitted unchecked', outcome: 'error' }]);
    expect(await readCounter(metrics, 'pullguard_errors_total', { where: 'admission' })).toBe(1);
  });

  test('in what comes after the answer is counted and logged, and the server serves on', async () => {
    const registries = holdRegistries();
    const onDecided = () => {
      throw new Error('a bug');
    };
    const { url, lines, metrics } = await serveApp({
      policy: () => askingPolicy(30),
      registries: registries.registries,
      onDecided,
    });
    for (let time = 1; time <= 2; time++) {
      expect(await send(url)).toEqual(FINE_ANSWER);
      await expect.poll(() => readCounter(metrics, 'pullguard_errors_total', { where: 'admission' })).toBe(time);
    }
    expect(lines.map(({ msg }) => msg)).toEqual(['decided', 'request failed', 'decided', 'request failed']);
  });
});

test('who is told of decisions is told of the last one', async () => {
  const told: unknown[] = [];
  const registries = holdRegistries();
  const { url } = await serveApp({
    policy: () => askingPolicy(FOREVER_MS),
    registries: registries.registries,
    onDecided: (review, { findings }) => told.push([review.uid, findings.map(({ rule }) => rule)]),
  });
  const sent = send(url);
  await expect.poll(registries.asked).toBe(1);
  registries.answer(REFUSED);
  expect(await sent).toMatchObject(answerOf(DENIED.response));
  expect(told).toEqual([['b3f1', ['asking']]]);
});
