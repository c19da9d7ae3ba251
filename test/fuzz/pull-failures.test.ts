import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diagnose, explainUnknown } from '../../src/cause/diagnosis.ts';
import { readFailure } from '../../src/cause/read-failure.ts';
import { READINGS } from '../../src/cause/failure-phrases.ts';
import { diagnose as runDiagnose } from '../../src/cli/diagnose.ts';
import { listReports } from '../../src/cause/reported-failures.ts';
import { redactMessage } from '../../src/text/redact.ts';
import { CONTAINERD } from '../cause/messages-containerd.ts';
import { CRIO, DOCKER, KUBELET } from '../cause/messages-others.ts';
import { capturedIo } from '../support/captured-io.ts';
import { changed, edited, oddValue } from './edited.ts';
import { holds } from './holds.ts';

const MESSAGES = [...CONTAINERD, ...CRIO, ...DOCKER, ...KUBELET].map(([message]) => message);
const PHRASES = READINGS.flatMap(({ phrases }) => phrases.flatMap((phrase) => phrase.split(' … ')));
const SIGNS = [...Array.from('"\\[]@\n…{'), ...['\\"', ': ', ', rpc error: ', '://', '; artifact err: ', ...PHRASES]];

const message = fc.oneof(
  edited(fc.constantFrom(...MESSAGES), { tokens: SIGNS, span: 12, most: 6 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
);

holds(
  'whatever a message says, it is read without a failure, and what is shown of it does not move a terminal',
  fc.property(message, (text) => {
    const diagnosis = diagnose(text) ?? explainUnknown(text);
    expect(diagnosis.remedy).not.toBe('');
    expect(diagnosis.says.length).toBeLessThanOrEqual(200);
  }),
  300,
);

/** What a path of an image may be made of: the words of causes, joined as a name joins them. */
const name = fc
  .array(fc.constantFrom(...PHRASES), { minLength: 1, maxLength: 3 })
  .map((parts) =>
    parts
      .join('-')
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-+|-+$/g, ''),
  )
  .filter((text) => text.length > 0 && text.length < 100);

holds(
  'the name of an image does not change its cause',
  fc.property(name, name, fc.constantFrom(...MESSAGES), (path, tag, text) => {
    const renamed = text.replaceAll('registry.example.com/team/app:1', `registry.example.com/${path}:${tag}`);
    const [before, after] = [readFailure(text), readFailure(renamed)];
    expect(after.kind === 'failed' && after.failure.cause).toBe(before.kind === 'failed' && before.failure.cause);
  }),
  300,
);

const OBJECTS = ['events.json', 'pods.json'].map(
  (file) => JSON.parse(readFileSync(new URL(`../fixtures/pull-failures/${file}`, import.meta.url), 'utf8')) as unknown,
);

holds(
  'whatever Events and Pods hold, what they report is text and numbers',
  fc.property(changed(fc.constantFrom(...OBJECTS), oddValue, 8), (object) => {
    for (const { count, ...texts } of listReports(object)) {
      expect(count ?? 1).toBeGreaterThan(0);
      for (const text of Object.values(texts)) expect(typeof text).toBe('string');
    }
  }),
  150,
);

const INPUTS = ['described-pod.txt', 'events-table.txt', 'journal.txt', 'events.json', 'pods.json'].map((file) =>
  readFileSync(new URL(`../fixtures/pull-failures/${file}`, import.meta.url), 'utf8'),
);

holds(
  'whatever is pasted, it is read without a failure',
  fc.asyncProperty(edited(fc.constantFrom(...INPUTS), { tokens: SIGNS, span: 40, most: 6 }), async (stdin) => {
    for (const output of ['json', 'text'] as const) {
      const io = capturedIo({ stdin });
      await runDiagnose(['-'], { output }, io);
      expect(io.printed.stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    }
  }),
  60,
);

test('an input of nothing but brackets is read', async () => {
  for (const stdin of ['['.repeat(200_000), `${'['.repeat(5000)}${']'.repeat(5000)}`, '{"items":'.repeat(5000)]) {
    await runDiagnose(['-'], { output: 'json' }, capturedIo({ stdin }));
  }
});

const secret = fc.stringMatching(/^[A-Za-z0-9]{12,24}$/).map((text) => `Zq9${text}x7`);

holds(
  'no credential of a message is printed',
  fc.asyncProperty(
    secret,
    fc.constantFrom(
      (hidden: string) => `Failed to pull image "a/b:1": Get "https://user:${hidden}@registry.example.com/v2/": EOF`,
      (hidden: string) => `Failed to pull image "user:${hidden}@registry.example.com/a:1": not found`,
      (hidden: string) =>
        `Failed to pull image "a/b:1": Get "https://cdn.example.net/b?X-Amz-Signature=${hidden}&a=b": EOF`,
      (hidden: string) => `Failed to pull image "a/b:1": proxyconnect tcp: dial http://me:${hidden}@10.1.1.1:3128: EOF`,
      (hidden: string) => `Failed to pull image "a/b:1": unexpected header Authorization: Bearer ${hidden}`,
      (hidden: string) => `Failed to pull image "a/b:1": password=${hidden} refused`,
      (hidden: string) =>
        `Failed to pull image "a/b:1": the flux of https://user:${hidden}@registry.example.com/v2/ is gone`,
    ),
    async (hidden, build) => {
      for (const output of ['json', 'text'] as const) {
        for (const input of [
          build(hidden),
          JSON.stringify(build(hidden)),
          JSON.stringify(JSON.stringify(build(hidden))),
        ]) {
          const io = capturedIo({ stdin: input });
          await runDiagnose(['-'], { output }, io);
          expect(io.printed.stdout).not.toContain(hidden);
        }
      }
    },
  ),
  50,
);

test.each<[what: string, unit: string]>([
  ['backslashes', '\\'],
  ['quotes', '"'],
  ['colons', ': '],
  ['brackets', '[rpc error: '],
  ['names', 'a/b:1 '],
  ['one endless name', 'a/'],
  ['addresses', 'https://'],
  ['leads of names', 'manifest lookup docker://'],
  ['queries', 'https://a:b@c?d=e#'],
  ['percent signs', '%25'],
  ['starts of a status', 'status code: '],
  ['starts of lists', ', rpc error: '],
  ['spaces', ' '],
  ['base64', 'QUJD+/'],
  ['escapes', '\\u003c'],
  ['equals', 'token='],
  ['secrets', 'secret "·" '],
])('a megabyte of %s is read and shown in time', (_what, unit) => {
  const text = `Failed to pull image "a": ${unit.repeat((1024 * 1024) / unit.length)}`;
  const start = performance.now();
  diagnose(text);
  redactMessage(text);
  expect(performance.now() - start).toBeLessThan(5000);
});
