import fc from 'fast-check';
import { Agent, request as call } from 'node:http';
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { admit } from '../../src/admission/admit.ts';
import { readReview } from '../../src/admission/review.ts';
import { readReference } from '../../src/image/reference.ts';
import { isRecord, readPath, readString } from '../../src/text/json.ts';
import { anyString, slippedAddress, validAddress } from '../image/arbitraries.ts';
import { readCounter, reviewOf, serveApp } from '../serve/helpers.ts';
import { MIRRORED } from '../support/policies.ts';
import { changed, edited, oddValue } from './edited.ts';
import { holds } from './holds.ts';

const FOLDER = 'test/fixtures/admission-reviews';
const REVIEWS = readdirSync(FOLDER).map((name): unknown => JSON.parse(readFileSync(`${FOLDER}/${name}`, 'utf8')));

const value = fc.oneof(oddValue, anyString, slippedAddress);
const review = changed(fc.constantFrom(...REVIEWS), value);
const tokens = [...Array.from('{}[]",:\\'), ...['\\u0000', '\\ud800', 'null', '1e999', '\u0000', '\ufeff', '"uid":7,']];
const body = fc.oneof(
  review.map((each) => JSON.stringify(each)),
  edited(fc.constantFrom(...REVIEWS.map((each) => JSON.stringify(each))), { tokens, span: 60, most: 3 }),
);
const endpoint = fc.constantFrom('mutate', 'validate');

type Answer = Readonly<{ code: number; text: string }>;

async function post(port: number, path: string, text: string, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
    const sent = call({ port, path, method: 'POST', headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ code: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

let server: ReturnType<typeof serveApp> | undefined;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

holds(
  'a body with a review is answered by one with its uid, any other by what is wrong with it, and both the same each time',
  fc.asyncProperty(body, endpoint, async (text, path) => {
    const { port, metrics, lines } = await (server ??= serveApp());
    const answer = await post(port, `/${path}`, text, agent);
    expect(await post(port, `/${path}`, text, agent)).toEqual(answer);
    const answered = parse(answer.text);
    const read = readReview(parse(text));
    if (read.ok) {
      const { uid } = read.review.request;
      expect([answer.code, readPath(answered, 'response', 'uid')]).toEqual([200, uid]);
    } else if (answer.code !== 200) {
      expect(readString(answered, 'kind')).toBe('Status');
      expect(Math.floor(answer.code / 100)).toBe(4);
    }
    if (answer.code === 200) expect(readPath(answered, 'response', 'allowed')).toBeTypeOf('boolean');
    expect(await readCounter(metrics, 'pullguard_errors_total', { where: 'admission' })).toBe(0);
    lines.length = 0;
  }),
  100,
);

const image = fc.oneof({ weight: 8, arbitrary: validAddress }, slippedAddress, anyString);
const container = fc.record({ name: fc.constantFrom('a', 'b'), image });
const podSpec = fc.record({
  initContainers: fc.array(container, { maxLength: 3 }),
  containers: fc.array(container, { minLength: 1, maxLength: 3 }),
});

holds(
  'a Pod is denied if, and only if, it has an image that no runtime can read',
  fc.property(podSpec, (spec) => {
    const read = readReview(reviewOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec }));
    if (!read.ok) throw new Error(read.problem);
    const { findings } = admit(read.review.request, 'validate', MIRRORED, { facts: {}, now: 0 });
    const isUnreadable = [...spec.initContainers, ...spec.containers].some(
      ({ image }) => readReference(image) === undefined,
    );
    expect(findings.some(({ action }) => action === 'deny')).toBe(isUnreadable);
  }),
  200,
);

const LISTS = ['containers', 'initContainers', 'ephemeralContainers', 'volumes', 'imagePullSecrets', 'tolerations'];
const few = 100;

holds(
  'twice as much of everything is read twice as often, not four times',
  fc.property(review, fc.constantFrom('CREATE', 'UPDATE'), endpoint, (sample, operation, path) => {
    const read = readReview(sample);
    if (!read.ok) return;
    const count = (times: number): number => {
      const { reads, watched } = watchReads({
        object: repeatLists(read.review.request.object, times),
        oldObject: repeatLists(read.review.request.oldObject, times),
      });
      const request = { ...read.review.request, ...watched, operation };
      admit(request, path, MIRRORED, { facts: {}, now: 0 });
      return reads();
    };
    expect(count(2 * few)).toBeLessThan(2.5 * count(few) + 100);
  }),
  50,
);

/** Each list of a pod spec so many times as long, with other names. */
function repeatLists(value: unknown, times: number): unknown {
  if (Array.isArray(value)) return value.map((element) => repeatLists(element, times));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const isLong = LISTS.includes(key) && Array.isArray(member);
      return [key, isLong ? repeatElements(member, times) : repeatLists(member, times)];
    }),
  );
}

function repeatElements(elements: readonly unknown[], times: number): readonly unknown[] {
  return Array.from({ length: times }, (_, at) =>
    elements.map((element) =>
      isRecord(element) ? { ...element, name: `${readString(element, 'name')}${at}` } : element,
    ),
  ).flat();
}

/** The same value, and how often a member of it has been read. */
function watchReads<Value extends object>(value: Value): Readonly<{ watched: Value; reads: () => number }> {
  let reads = 0;
  const known = new WeakMap<object, object>();
  const watch = <Part>(part: Part): Part => {
    if (typeof part !== 'object' || part === null) return part;
    const proxy =
      known.get(part) ?? new Proxy(part, { get: (target, key) => (reads++, watch(Reflect.get(target, key))) });
    known.set(part, proxy);
    return proxy as Part;
  };
  return { watched: watch(value), reads: () => reads };
}
