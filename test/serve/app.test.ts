import fc from 'fast-check';
import request from 'supertest';
import { describe, expect, test, vi } from 'vitest';
import { type Policy, defineRule } from '../../src/engine/rule.ts';
import { createRefusalLog } from '../../src/serve/app.ts';
import { deployment, pod, recordedNames, recordedReview } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';
import {
  answerOf,
  collectLog,
  connectRaw,
  parseAnswer,
  FINE,
  FINE_ANSWER,
  problemOf,
  rawPost,
  readCounter,
  reviewOf,
  serveApp,
} from './helpers.ts';

const SECRET = 's3cr3t';

describe('reviews', () => {
  const golden = [
    {
      name: 'a new pod is moved to the mirror and given its pull secret',
      path: '/mutate',
      review: reviewOf(pod('nginx:1.25')),
      response: {
        uid: 'b3f1',
        allowed: true,
        patchType: 'JSONPatch',
        patch: [
          {
            op: 'replace',
            path: '/spec/containers/0/image',
            value: 'swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25',
          },
          { op: 'add', path: '/spec/imagePullSecrets', value: [{ name: 'default-secret' }] },
        ],
        warnings: [
          'notice: Pod/web container "app": replaced "nginx:1.25" with the mirror\'s "swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25" (mirror-used)',
          `notice: Pod/web container "app": added imagePullSecret "default-secret" (needed by "swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25") (pull-secret-present)`,
        ],
        auditAnnotations: {
          findings: 'mirror-used:warn:spec.containers[0].image, pull-secret-present:warn:spec.imagePullSecrets',
          severity: 'notice',
          fixed: 'mirror-used, pull-secret-present',
        },
      },
    },
    {
      name: 'an address that nothing can parse is denied',
      path: '/validate',
      review: reviewOf(deployment('NGINX:1.25')),
      response: {
        uid: 'b3f1',
        allowed: false,
        status: {
          code: 403,
          reason: 'Forbidden',
          message:
            'container "app": spec.template.spec.containers[0].image: Invalid value: "NGINX:1.25": InvalidImageName: repository name must be lowercase; did you mean "nginx:1.25"? (reference-valid)',
        },
        auditAnnotations: {
          findings: 'reference-valid:deny:spec.template.spec.containers[0].image',
          severity: 'error',
        },
      },
    },
    {
      name: 'a deletion passes',
      path: '/validate',
      review: reviewOf(pod('NGINX'), { operation: 'DELETE', object: null, oldObject: pod('NGINX') }),
      response: { uid: 'b3f1', allowed: true },
    },
  ];

  test.each(golden)('$name', async ({ path, review, response }) => {
    const { url } = await serveApp();
    const answer = await request(url).post(`${path}?timeout=3s`).send(review);
    expect([answer.status, answer.type]).toEqual([200, 'application/json']);
    expect(decodePatch(answer.body)).toEqual(answerOf(response));
  });

  test.each(recordedNames())('%s, recorded from an API server, is answered with its uid', async (name) => {
    const { url, lines } = await serveApp();
    const review = recordedReview(name);
    for (const path of ['/mutate', '/validate']) {
      const answer = await request(url).post(path).send(review);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ apiVersion: 'admission.k8s.io/v1', response: { uid: review.request.uid } });
    }
    expect(lines.map(({ msg }) => msg)).toEqual(['decided', 'decided']);
  });

  test.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"; q=1'])(
    'the content type %s is taken',
    async (type) => {
      const { url } = await serveApp();
      const answer = await request(url).post('/mutate').set('Content-Type', type).send(JSON.stringify(FINE));
      expect(answer.body).toEqual(FINE_ANSWER);
    },
  );
});

describe('odd reviews are answered like any other', () => {
  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const splice = (from: string, to: string) => JSON.stringify(FINE).replace(from, to);
  const PROTO = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1}';
  const turn = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(turn);
    if (typeof value !== 'object' || value === null) return 7;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, turn(member)]));
  };
  const numbers = { ...FINE, request: { ...(turn(FINE.request) as object), uid: 'b3f1' } };

  test.each([
    ['nested 10,000 deep', splice('"dryRun"', `"deep":${deep(10_000)},"dryRun"`)],
    ['an object nested 10,000 deep', splice('"spec":{', `"spec":{"deep":${deep(10_000)},`)],
    ['20,000 empty containers', splice('"containers":[', `"containers":[${'{},'.repeat(20_000)}`)],
    ['100,000 numbers for containers', splice('"containers":[', `"containers":[${'1,'.repeat(1e5)}`)],
    ['__proto__ in the review', splice('"dryRun"', `"__proto__":${PROTO},"dryRun"`)],
    ['__proto__ in the spec', splice('"spec":{', `"spec":{"__proto__":${PROTO},`)],
    ['__proto__ for a container', splice('"containers":[', `"containers":[${PROTO},`)],
    ['__proto__ for the kind', splice('"kind":"Pod"', '"kind":"__proto__"')],
    ['constructor for the group', splice('"group":""', '"group":"constructor"')],
    ['a key twice, of which the last counts', splice('"uid"', '"uid":"first","uid"')],
    ['an escaped half of a character', splice('"web"', String.raw`"\ud800"`)],
    ['numbers for texts', JSON.stringify(numbers)],
    ['nothing but a uid', '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"b3f1"}}'],
  ])('%s', async (name, text) => {
    const { url } = await serveApp();
    for (const path of ['/mutate', '/validate']) {
      const answer = await request(url).post(path).set('Content-Type', 'application/json').send(text);
      const body = answer.body as { response: { auditAnnotations?: object; warnings?: object } };
      // Of a large object a busy machine may run out of time, and says so.
      if (name.startsWith('20,000')) {
        delete body.response.auditAnnotations;
        delete body.response.warnings;
      }
      expect(body).toEqual(FINE_ANSWER);
    }
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('polluted');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('whatever object is sent, the answer is a review with its uid, and no failure of ours', async () => {
    const { url, lines } = await serveApp();
    const keys = ['metadata', 'spec', 'template', 'containers', 'image', 'imagePullSecrets', 'name', '__proto__'];
    const anything = fc.jsonValue({ maxDepth: 4 });
    const shapes = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 5 },
        anything,
        fc.dictionary(fc.constantFrom(...keys), tie('node')),
        fc.array(tie('node'), { maxLength: 3 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(shapes.node, anything, fc.constantFrom('Pod', 'CronJob'), async (object, odd, kind) => {
        const fields = { object, oldObject: odd, kind: { group: kind === 'Pod' ? '' : 'batch', kind }, name: odd };
        for (const operation of ['CREATE', 'UPDATE']) {
          const review = reviewOf({}, { ...fields, operation });
          for (const path of ['/mutate', '/validate']) {
            expect((await request(url).post(path).send(review)).body).toMatchObject({ response: { uid: 'b3f1' } });
          }
        }
      }),
      { numRuns: 30 },
    );
    expect(lines.filter(({ level }) => level > 30)).toEqual([]);
  });
});

describe('what is no review is refused in one clear JSON, and the next request works', () => {
  const NOT_V1 = 'the body is not an AdmissionReview of admission.k8s.io/v1, the only version served';
  const json = { 'Content-Type': 'application/json' };
  const review = JSON.stringify(FINE);

  const badRequests = [
    ['not JSON', `{"password":"${SECRET}"`, 'the body is not valid JSON'],
    ['text after the JSON', `${review}${SECRET}`, 'the body is not valid JSON'],
    ['a byte order mark', `\uFEFF${review}`, 'the body is not valid JSON'],
    ['a list', '[]', 'the body is not a JSON object'],
    ['null', 'null', 'the body is not a JSON object'],
    ['a text', `"${SECRET}"`, 'the body is not a JSON object'],
    ['an empty object', '{}', NOT_V1],
    ['a version to come', review.replace('k8s.io/v1', 'k8s.io/v2'), NOT_V1],
    ['a version that was', review.replace('k8s.io/v1', 'k8s.io/v1beta1'), NOT_V1],
    ['another kind', review.replace('AdmissionReview', 'Pod'), NOT_V1],
    ['a null request', review.replace(/"request":.*/, '"request":null}'), 'the AdmissionReview has no request'],
    ['a list for the request', review.replace(/"request":.*/, '"request":[]}'), 'the AdmissionReview has no request'],
    ['only inherited members', `{"__proto__":${review}}`, NOT_V1],
    ...['null', '7', '""', '{}', '["b3f1"]'].map((uid) => [
      `${uid} for the uid`,
      review.replace('"b3f1"', uid),
      'the AdmissionReview has no request.uid',
    ]),
    ['no uid', review.replace('"uid"', '"id"'), 'the AdmissionReview has no request.uid'],
    ['an empty body', '', 'the body is empty'],
  ].map(([name = '', body, message = '']) => ({
    name,
    body,
    headers: json,
    refusal: problemOf(400, 'BadRequest', message),
  }));

  const wrongTypes = [
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'application/vnd.kubernetes.protobuf',
    'application/json+patch',
    ';',
  ].map((type) => ({
    name: `the content type ${type ?? 'left out'}`,
    body: review,
    headers: { ...(type !== undefined && { 'Content-Type': type }) },
    refusal: problemOf(
      415,
      'UnsupportedMediaType',
      'unsupported content type: send an AdmissionReview as application/json',
    ),
  }));

  const wrongCharsets = ['utf-16', 'iso-8859-1', '"utf-16"', SECRET].map((charset) => ({
    name: `the charset ${charset}`,
    body: review,
    headers: { 'Content-Type': `application/json; charset=${charset}` },
    refusal: problemOf(415, 'UnsupportedMediaType', 'unsupported charset: send JSON in UTF-8'),
  }));

  test.each([...badRequests, ...wrongTypes, ...wrongCharsets])('$name', async ({ body, headers, refusal }) => {
    const { url, port, lines, metrics } = await serveApp();
    for (const path of ['/mutate', '/validate']) {
      const answer = await sendRaw(port, path, body ?? '', headers);
      expect(answer).toEqual({ code: refusal['code'], body: refusal });
    }
    const next = await request(url).post('/mutate').send(FINE);
    expect(next.body).toEqual(FINE_ANSWER);
    const { code, message } = refusal;
    expect(lines).toMatchObject([
      { level: 40, msg: 'call rejected', endpoint: 'mutate', code, problem: message },
      { level: 40, msg: 'call rejected', endpoint: 'validate', code, problem: message },
      { level: 30, msg: 'decided' },
    ]);
    expect(JSON.stringify(lines)).not.toContain(SECRET);
    const labels = { endpoint: 'mutate', kind: 'other', outcome: 'invalid' };
    expect(await readCounter(metrics, 'pullguard_admission_requests_total', labels)).toBe(1);
  });

  test('bytes that are no UTF-8', async () => {
    const { port } = await serveApp();
    const { socket, until } = await connectRaw(port);
    const body = Buffer.concat([Buffer.from('{"kind":"'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')]);
    socket.write(rawPost('/mutate', '', { 'Content-Length': body.length }));
    socket.write(body);
    expect(parseAnswer(await until(/\}$/))).toEqual({
      code: 400,
      body: problemOf(400, 'BadRequest', 'the body is not valid UTF-8'),
    });
  });

  test.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const)('the method %s', async (method) => {
    const { url } = await serveApp();
    for (const path of ['/mutate', '/validate']) {
      const answer = await request(url)[method.toLowerCase() as 'get'](path);
      const refusal = problemOf(405, 'MethodNotAllowed', 'send AdmissionReviews by POST');
      expect([answer.status, answer.get('Allow')]).toEqual([405, 'POST']);
      if (method !== 'HEAD') expect(answer.body).toEqual(refusal);
    }
    expect((await request(url).post('/mutate').send(FINE)).body).toEqual(FINE_ANSWER);
  });

  test.each(['/', '/mutate/x', '/metrics', '/%', '/%00', '/..%2fmutate', '/?timeout=3s'])(
    'the address %s',
    async (path) => {
      const { url } = await serveApp();
      for (const answer of [await request(url).get(path), await request(url).post(path).send(FINE)]) {
        expect(answer.body).toEqual(
          problemOf(404, 'NotFound', 'not found: use the path in the webhook configurations'),
        );
        expect([answer.status, answer.get('X-Powered-By')]).toEqual([404, undefined]);
      }
      expect((await request(url).post('/mutate').send(FINE)).body).toEqual(FINE_ANSWER);
    },
  );
});

describe('HTTP as clients other than the API server speak it', () => {
  const review = JSON.stringify(FINE);
  const answer = JSON.stringify(FINE_ANSWER);

  test('pipelined requests are answered in their order, refused ones too', async () => {
    const { port } = await serveApp();
    const { socket, until } = await connectRaw(port);
    const second = JSON.stringify(reviewOf(pod('registry.example.com/app:1'), { uid: 'second' }));
    socket.write(rawPost('/mutate', review) + rawPost('/validate', '{') + rawPost('/validate', second));
    const received = await until(/"uid":"second"/);
    expect(received.match(/HTTP\/1.1 [^\r]*|"uid":"\w+"/g)).toEqual([
      'HTTP/1.1 200 OK',
      '"uid":"b3f1"',
      'HTTP/1.1 400 Bad Request',
      'HTTP/1.1 200 OK',
      '"uid":"second"',
    ]);
  });

  test('HTTP/1.0 is answered, and its connection ended', async () => {
    const { port } = await serveApp();
    const { socket, ended } = await connectRaw(port);
    socket.write(rawPost('/mutate', review).replace('HTTP/1.1', 'HTTP/1.0'));
    expect(await ended).toContain(answer);
  });

  test('while draining, every answer asks to close the connection', async () => {
    let draining = false;
    const { url } = await serveApp({ draining: () => draining });
    const ask = async () => {
      const answers = [
        await request(url).post('/mutate').set('Connection', 'keep-alive').send(FINE),
        await request(url).get('/nothing').set('Connection', 'keep-alive'),
      ];
      return answers.map((each) => each.get('Connection'));
    };
    expect(await ask()).toEqual(['keep-alive', 'keep-alive']);
    draining = true;
    expect(await ask()).toEqual(['close', 'close']);
  });
});

describe('a failure of our own lets the object pass, and is not hidden', () => {
  const failing = (error: unknown): Policy => {
    const rule = defineRule({
      id: 'failing',
      description: '',
      remedy: '',
      faqItems: [],
      defaultAction: 'deny',
      scope: 'images',
      fixable: false,
      options: {},
      needs: [],
      messages: {},
      check: () => {
        throw error;
      },
    });
    return { ...MIRRORED, rules: [{ rule, action: 'deny', fix: false, options: {} }] };
  };

  const failures = [
    { name: 'a rule throws', options: { policy: () => failing(new Error('a bug')) }, logged: 'a bug' },
    { name: 'a rule throws what is no error', options: { policy: () => failing('a bug') }, logged: 'a bug' },
    { name: 'the policy throws', options: { policy: () => fail('no policy') }, logged: 'no policy' },
    { name: 'the facts throw', options: { facts: () => fail('no facts') }, logged: 'no facts' },
  ];

  test.each(failures)('$name', async ({ options, logged }) => {
    const { url, lines, metrics } = await serveApp(options);
    const answer = await request(url)
      .post('/validate')
      .send(reviewOf(pod('NGINX'), { uid: 'u-1' }));
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(
      answerOf({
        uid: 'u-1',
        allowed: true,
        warnings: ["pullguard internal error, this Pod was admitted unchecked: see pullguard's log, uid u-1"],
        auditAnnotations: { error: 'internal' },
      }),
    );
    expect(lines).toMatchObject([
      { level: 50, msg: 'internal error, admitted unchecked', uid: 'u-1', outcome: 'error', endpoint: 'validate' },
    ]);
    expect(JSON.stringify(lines[0]?.['err'])).toContain(logged);
    expect(await readCounter(metrics, 'pullguard_errors_total', { where: 'admission' })).toBe(1);
    const labels = { endpoint: 'validate', kind: 'Pod', outcome: 'error' };
    expect(await readCounter(metrics, 'pullguard_admission_requests_total', labels)).toBe(1);
  });

  test('a failure outside a decision is a 500 without a stack, counted and logged', async () => {
    const { url, lines, metrics } = await serveApp({ registries: () => fail(`secret ${SECRET}`) });
    const answer = await request(url).post('/mutate').send(FINE);
    expect([answer.status, answer.body]).toEqual([
      500,
      problemOf(500, 'InternalError', 'pullguard internal error: see its log'),
    ]);
    expect(lines).toMatchObject([{ level: 50, msg: 'request failed' }]);
    expect(await readCounter(metrics, 'pullguard_errors_total', { where: 'admission' })).toBe(1);
  });

  function fail(message: string): never {
    throw new Error(message);
  }
});

describe('credentials in image addresses', () => {
  const image = `user:${SECRET}@registry.example.com/app:1`;
  const volume = { name: 'data', image: { reference: image } };
  const spec = {
    initContainers: [{ name: 'init', image }],
    ephemeralContainers: [{ name: 'debug', image }],
    volumes: [volume],
  };
  const objects = [pod(image, spec), deployment(image, spec), pod(`https://${image}`), pod(`user:${SECRET}@nginx:1:2`)];

  test.each(['deny', 'warn', 'audit'])('are in no answer, line or metric when the action is %s', async (action) => {
    const policy = policyOf(`rules: { reference-valid: ${action}, tag-explicit: ${action} }`);
    const { url, lines, metrics } = await serveApp({ policy: () => policy });
    for (const object of objects) {
      for (const path of ['/mutate', '/validate']) {
        const answer = await request(url).post(path).send(reviewOf(object));
        expect(JSON.stringify([answer.body, answer.headers])).not.toContain(SECRET);
      }
    }
    expect(lines).toHaveLength(2 * objects.length);
    expect(JSON.stringify(lines)).toContain('***@registry.example.com/app:1');
    expect(JSON.stringify(lines)).not.toContain(SECRET);
    expect(await metrics.registry.metrics()).not.toContain(SECRET);
  });
});

function decodePatch(body: unknown): unknown {
  const { response, ...rest } = body as { response: { patch?: string } };
  if (response.patch === undefined) return body;
  const patch = JSON.parse(Buffer.from(response.patch, 'base64').toString()) as unknown;
  return { ...rest, response: { ...response, patch } };
}

/** Sends exactly these headers, which an HTTP client would complete. */
async function sendRaw(
  port: number,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<unknown> {
  const { socket, until } = await connectRaw(port);
  const type = headers['Content-Type'];
  const typeLine = type === undefined ? '' : `Content-Type: ${type}\r\n`;
  socket.write(rawPost(path, body).replace(/Content-Type: .*\r\n/, typeLine));
  return parseAnswer(await until(/\}$/));
}

test('a large review that we fail to check passes, and says so', async () => {
  const failed = { problem: { code: 500, message: 'pullguard internal error: see its log' } };
  const large = { decide: async () => Promise.resolve(failed), close: async () => Promise.resolve() };
  const { url, metrics } = await serveApp({ large });
  const review = { ...FINE, filling: 'x'.repeat(70_000) };
  const { body } = (await request(url).post('/validate').send(review)) as { body: unknown };
  expect(body).toMatchObject({ response: { uid: 'b3f1', allowed: true, auditAnnotations: { error: 'internal' } } });
  const labels = { endpoint: 'validate', kind: 'other', outcome: 'error' };
  expect(await readCounter(metrics, 'pullguard_admission_requests_total', labels)).toBe(1);
});

test('thousands of refused calls are a few lines, and the next one says how many were not logged', () => {
  const { logger, lines } = collectLog();
  const now = vi.spyOn(performance, 'now').mockReturnValue(1000);
  const log = createRefusalLog(logger);
  for (let i = 0; i < 5000; i++) log({ code: 415 });
  now.mockReturnValue(2000);
  log({ code: 415 });
  log({ code: 415 });
  now.mockRestore();
  expect(lines.map(({ unlogged }) => unlogged)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    4995,
    undefined,
  ]);
});
