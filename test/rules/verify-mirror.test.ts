import { describe, expect, test } from 'vitest';
import type { Facts } from '../../src/pull/facts.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { findMirrorTrouble, type MirrorTrouble } from '../../src/rules/verify-mirror.ts';
import { readReference } from '../../src/image/reference.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { readWorkloads, type Workload } from '../../src/workload/workload.ts';
import { FAILURES, failed, pullable, registriesOf } from '../support/answers.ts';
import { factsOf } from '../support/facts.ts';
import { pod, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const TO = 'harbor.example.com/dockerhub';
const ENTRY = '{ hosts: [harbor.example.com], pullSecret: harbor';
const PROBED = policyOf(`registries: [${ENTRY}, probe: true }]`);

function read(spec: Json): Workload {
  return readWorkloads(pod('nginx', spec), WORKLOAD_KINDS[0]!, 'default')[0]!;
}

type Options = Readonly<{ image?: string; policy?: Policy; spec?: Json; facts?: Facts }>;

function trouble(answer: ImageAnswer | undefined, options: Options = {}): MirrorTrouble | undefined {
  const { image = 'bitnami/redis:7', policy = PROBED, spec = {} } = options;
  const [original, mirrored] = [readReference(image)!, readReference(`${TO}/${image}`)!];
  const registries = registriesOf(answer === undefined ? {} : { [`${TO}/${image}`]: answer });
  return findMirrorTrouble(original, mirrored, {
    workload: read(spec),
    policy,
    facts: options.facts ?? { registries },
  });
}

test('a mirror that has the image is no trouble', () => {
  expect(trouble(pullable())).toBeUndefined();
});

test.each(FAILURES)('whatever else it says is: %j', (failure) => {
  expect(trouble(failed(failure))).toBeDefined();
});

describe('a person reads why, and what to do', () => {
  const COMMAND = `skopeo copy --all docker://docker.io/bitnami/redis:7 docker://${TO}/bitnami/redis:7`;

  test.each<[what: string, answer: ImageAnswer | undefined, text: string]>([
    ['not there', failed({ outcome: 'failed', cause: 'image-not-found' }), `is not on its mirror; push it: ${COMMAND}`],
    [
      'denied',
      failed({ outcome: 'failed', cause: 'access-denied' }),
      `cannot be pulled from its mirror, or is not there; push it: ${COMMAND}`,
    ],
    [
      'out of reach',
      failed({ outcome: 'failed', cause: 'timeout' }),
      'comes from docker.io; its mirror does not work now (timeout), so it is not taken from there',
    ],
    [
      'with a bad certificate',
      failed({ outcome: 'failed', cause: 'certificate-expired' }),
      'comes from docker.io; its mirror does not work now (certificate has expired or is not yet valid), so it is not taken from there',
    ],
    ['silent so far', undefined, 'comes from docker.io; its mirror has not said yet whether it has it'],
  ])('of a mirror that is %s', (_, answer, text) => {
    expect(trouble(answer)?.message).toBe(text);
  });

  test('of one that nobody asks, and so will never say', () => {
    const text = 'comes from docker.io; whether its mirror has it is not known, as nobody asks it';
    const policy = policyOf(`registries: [${ENTRY} }]`);
    expect(trouble(undefined, { policy })).toEqual({
      message: text,
      remedy: expect.stringContaining('with probe') as string,
    });
  });

  // `check` in a pipeline: the pods do come from the mirror, and nobody is to go and change the policy.
  test('outside of a cluster, where it comes from if the mirror has it, and how to ask', () => {
    expect(trouble(undefined, { facts: {} })).toEqual({
      message: `comes from docker.io; taken from "${TO}/bitnami/redis:7" if it is there, which is not asked here`,
      remedy: expect.stringMatching(/: pullguard image --probe --config FILE docker\.io\/bitnami\/redis:7$/) as string,
    });
  });

  test('with the whole command in the remedy, and none in a message that would be cut in the middle of it', () => {
    const image = `bitnami/redis@sha256:${'a'.repeat(64)}`;
    const { message, remedy } = trouble(failed({ outcome: 'failed', cause: 'image-not-found' }), { image })!;
    expect(message).toMatch(/^is not on its mirror; push it there as "harbor\.example\.com\/.*"$/);
    expect(remedy).toBe(
      `Copy it there: skopeo copy --all --preserve-digests docker://docker.io/${image} docker://${TO}/${image} (log in first: skopeo login harbor.example.com)`,
    );
  });

  test('with the remedy for a secret that is refused', () => {
    const { remedy } = trouble(failed({ outcome: 'failed', cause: 'credentials-refused' }))!;
    expect(remedy).toContain('delete secret harbor');
  });
});

describe('the mirror is asked in the name of the pod as it will be', () => {
  const accounts = factsOf({}, { 'default/default': ['of-account'] });
  const named = (...names: readonly string[]): Json => ({ imagePullSecrets: names.map((name) => ({ name })) });
  const without = (rule: string): Policy =>
    policyOf(`rules: { pull-secret-present: ${rule} }`, `registries: [${ENTRY} }]`);

  test.each<[what: string, options: Options, expected: readonly string[] | undefined]>([
    ['with its own secrets, and the one that it is given', { spec: named('a') }, ['a', 'harbor']],
    ['with that one once', { spec: named('harbor', 'a') }, ['harbor', 'a']],
    ['with its account’s', { facts: accounts }, ['of-account', 'harbor']],
    ['with that one, where no other is known', {}, ['harbor']],
    ['without, where the policy gives none', { spec: named('a'), policy: without('off') }, ['a']],
    [
      'without, where the policy only says so',
      { spec: named('a'), policy: without('{ action: warn, fix: false }') },
      ['a'],
    ],
    ['with nobody knows what', { policy: without('off') }, undefined],
  ])('%s', (_, options, expected) => {
    const registries = registriesOf({});
    trouble(undefined, { ...options, facts: { ...options.facts, registries } });
    expect(registries.asked.map(({ pullSecrets, namespace }) => [pullSecrets, namespace])).toEqual([
      [expected, 'default'],
    ]);
  });
});
