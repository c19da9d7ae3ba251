import { describe, expect, test } from 'vitest';
import type { Decision, EvaluateInput } from '../../src/engine/evaluate.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import type { Facts, KnownAnswer } from '../../src/pull/facts.ts';
import { formatWarnings } from '../../src/report/finding.ts';
import { FAILURES, failed, nodesOf, pullable, registriesOf } from '../support/answers.ts';
import { factsOf, judgeIn } from '../support/facts.ts';
import { judge } from '../support/judge.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const TO = 'swr.eu-de.otc.t-systems.com/dockerhub';

function rewrite(image: string, policy = MIRRORED, spec: Json = {}): unknown {
  const { edits } = judge(pod(image, spec), policy, 'apply');
  return edits.find(({ path }) => path.endsWith('/image'))?.value;
}

test.each([
  ['nginx', 'library/nginx'],
  ['nginx:1.2.3', 'library/nginx:1.2.3'],
  ['bitnami/redis:7', 'bitnami/redis:7'],
  ['docker.io/nginx', 'library/nginx'],
  ['docker.io/library/nginx', 'library/nginx'],
  ['index.docker.io/nginx', 'library/nginx'],
  ['registry-1.docker.io/library/nginx', 'library/nginx'],
  ['registry.hub.docker.com/library/nginx:1', 'library/nginx:1'],
  [`nginx@${DIGEST}`, `library/nginx@${DIGEST}`],
  [`nginx:1.25@${DIGEST}`, `library/nginx:1.25@${DIGEST}`],
])('an image of Docker Hub, however it is written, has the same path on the mirror: %s', (image, expected) => {
  expect(rewrite(image)).toBe(`${TO}/${expected}`);
});

test.each([
  'quay.io/a/b',
  `${TO}/library/nginx:1.25`,
  'swr.cn-north-4.myhuaweicloud.com/ddn-k8s/docker.io/library/alpine:latest',
  'docker.io:443/library/nginx',
  'docker.io.example.com/library/nginx',
  'NGINX',
])('another image stays where it is: %s', (image) => {
  expect(rewrite(image)).toBeUndefined();
});

test('so does one that is never pulled', () => {
  const containers = [{ name: 'a', image: 'nginx', imagePullPolicy: 'Never' }];
  expect(rewrite('', MIRRORED, { containers })).toBeUndefined();
});

test.each([
  ['bitnami/redis:7', 'harbor.example.com:8443/legacy/redis:7'],
  ['bitnamix/redis', 'mirror.example.com/bitnamix/redis'],
  ['quay.io/a/b', 'mirror.example.com/quay/a/b'],
  // Exempt by its host and the start of its path.
  ['bitnamilegacy/redis', undefined],
])('of the mirrors in a policy it is the first that matches, a path by whole segments: %s', (image, expected) => {
  const policy = policyOf(
    'mirrors:',
    '  - { from: docker.io/bitnami, to: "harbor.example.com:8443/legacy" }',
    '  - { from: docker.io, to: mirror.example.com }',
    '  - { from: quay.io, to: mirror.example.com/quay }',
    'exempt: { images: [docker.io/bitnamilegacy/] }',
  );
  expect(rewrite(image, policy)).toBe(expected);
});

test('an address that would be too long on the mirror is left alone and said', () => {
  const { findings, edits } = judge(pod(`${'a'.repeat(123)}/${'b'.repeat(123)}`), MIRRORED, 'apply');
  expect(edits).toEqual([]);
  expect(findings.map(({ action, message }) => `${action}: ${message}`)).toEqual([
    'warn: image stays on docker.io, as its name on the mirror would exceed 255 characters: shorten the path of the mirror',
  ]);
});

describe('a policy that has mirrors verified', () => {
  const policyWith = (rules = ''): EvaluateInput['policy'] =>
    policyOf(
      `mirrors: [{ from: docker.io, to: ${TO} }]`,
      'registries: [{ hosts: [swr.eu-de.otc.t-systems.com], pullSecret: harbor, probe: true }]',
      `rules: { mirror-used: { action: deny, verify: true }, image-pullable: off, image-fits: off${rules} }`,
    );
  const VERIFIED = policyWith();
  const IMAGE = 'bitnami/redis:7';

  function decide(
    known: KnownAnswer | ImageAnswer | 'not-gathered',
    object = pod(IMAGE),
    nodes?: Facts['nodes'],
  ): Decision {
    const answer = typeof known === 'object' && 'outcome' in known ? { answer: known, isDue: false } : known;
    const registries = answer === 'not-gathered' ? {} : { registries: { get: () => answer } };
    const facts: Facts = { ...registries, ...(nodes !== undefined && { nodes }) };
    return judgeIn(facts, object, { policy: VERIFIED, fixMode: 'apply' });
  }

  test.each([
    ['has just said so', false],
    ['said so a while ago', true],
  ])('takes from them what they have, with the secret for it, where a mirror %s', (_, isDue) => {
    const { edits, findings, outdated } = decide({ answer: pullable(), isDue });
    expect(edits.map(({ value }) => value)).toEqual([`${TO}/${IMAGE}`, [{ name: 'harbor' }]]);
    expect(findings.map(({ rule, fixed }) => `${rule} ${fixed}`)).toEqual([
      'mirror-used now',
      'pull-secret-present now',
    ]);
    expect(findings[0]).toMatchObject({ messageId: 'not-mirrored', replacement: `${TO}/${IMAGE}` });
    expect(outdated).toHaveLength(isDue ? 1 : 0);
  });

  // A Pod that pulled from its own registry would no longer start, though the mirror "has" the image.
  test('leaves an image where a mirror lacks the platform of a node, and no other', () => {
    const sparse = pullable({ platforms: ['linux/amd64'], missing: ['linux/arm64'] });
    const arm = decide(sparse, pod(IMAGE), nodesOf({}, { platform: 'linux/arm64' }));
    expect(arm.edits).toEqual([]);
    expect(arm.findings).toMatchObject([
      {
        messageId: 'platform-not-on-mirror',
        message: `mirror does not have this image for linux/arm64: ${PUSH}`,
        action: 'warn',
        cause: 'platform-missing',
      },
    ]);
    for (const nodes of [nodesOf({}), undefined]) {
      expect(decide(sparse, pod(IMAGE), nodes).edits[0]?.value).toBe(`${TO}/${IMAGE}`);
    }
  });

  const FROM = 'image stays on docker.io, as';
  const PUSH = `run skopeo copy --all docker://docker.io/${IMAGE} docker://${TO}/${IMAGE}`;
  const SILENT = `${FROM} the mirror has not answered yet; new Pods use the mirror once it has`;
  const failing = (why: string): string => `${FROM} the mirror fails (${why})`;
  const no = (cause: 'image-not-found' | 'access-denied' | 'timeout' | 'certificate-expired'): ImageAnswer =>
    failed({ outcome: 'failed', cause });

  test.each<[messageId: string, known: Parameters<typeof decide>[0], message: string, remedy: RegExp]>([
    [
      'not-on-mirror',
      no('image-not-found'),
      `mirror does not have this image: ${PUSH}`,
      /^Copy the image to the mirror: skopeo copy/,
    ],
    [
      'mirror-denies',
      no('access-denied'),
      `mirror denies this image or does not have it: ${PUSH}`,
      /^If the mirror does not have the image: skopeo .* If it does: Grant the user/,
    ],
    ['mirror-fails', no('timeout'), failing('timeout'), /a firewall may drop the packets/],
    [
      'mirror-fails',
      no('certificate-expired'),
      failing('certificate has expired or is not yet valid'),
      /renew its certificate/,
    ],
    ['mirror-silent', 'unasked', SILENT, /^Use the image on the mirror/],
    ['mirror-silent', 'no-answer', SILENT, /^Use the image on the mirror/],
    [
      'mirror-not-allowed',
      'not-allowed',
      `${FROM} pullguard may not ask the mirror: set probe for the mirror under registries in the policy`,
      /"probe: true" to registries in the policy\.$/,
    ],
    // `check` in a pipeline: the pods do come from the mirror, and nobody is to go and change the policy.
    [
      'not-asked-here',
      'not-gathered',
      `image is pulled as the mirror's "${TO}/${IMAGE}" if the mirror has it, which is not checked here`,
      /: pullguard image --probe --config FILE docker\.io\/bitnami\/redis:7$/,
    ],
  ])('leaves an image as it is without a yes, and says why: %s', (messageId, known, message, remedy) => {
    const { edits, findings, unanswered } = decide(known);
    expect(edits).toEqual([]);
    expect(findings).toMatchObject([{ rule: 'mirror-used', messageId, message, action: 'warn', fixed: 'no' }]);
    expect(findings[0]!.remedy).toMatch(remedy);
    expect(unanswered).toHaveLength(known === 'unasked' ? 1 : 0);
  });

  test.each(FAILURES)('refuses nobody for it: %j', (failure) => {
    const { edits, findings } = decide(failed(failure));
    expect(edits).toEqual([]);
    expect(findings).toMatchObject([{ rule: 'mirror-used', action: 'warn', cause: failure.cause }]);
  });

  test('tells how to mend a secret that the mirror refuses', () => {
    const { findings } = decide(failed({ outcome: 'failed', cause: 'credentials-refused' }));
    expect(findings[0]!.remedy).toContain('delete secret harbor');
  });

  test.each([
    [
      'bitnami/nginx:1.22.0-debian-11-r3',
      '--all',
      'bitnami/nginx:1.22.0-debian-11-r3',
      'bitnami/nginx:1.22.0-debian-11-r3',
    ],
    [`bitnami/redis@${DIGEST}`, '--all --preserve-digests', `bitnami/redis@${DIGEST}`, `bitnami/redis@${DIGEST}`],
    // Skopeo takes no address with both: by its digest it stays the same, and gets the tag.
    [`bitnami/redis:7@${DIGEST}`, '--all --preserve-digests', `bitnami/redis@${DIGEST}`, 'bitnami/redis:7'],
  ])('has %s copied as it is pulled, and no command cut in the middle', (image, flags, from, to) => {
    const { findings } = decide(no('image-not-found'), deployment(image));
    const command = `skopeo copy ${flags} docker://docker.io/${from} docker://${TO}/${to}`;
    expect(findings[0]!.remedy).toBe(
      `Copy the image to the mirror: ${command} (log in first: skopeo login swr.eu-de.otc.t-systems.com)`,
    );
    expect(formatWarnings(findings)).toEqual([
      image.includes('@')
        ? expect.stringMatching(/: mirror does not have this image: push it as ".*" \(mirror-used\)$/)
        : `Deployment/web container "app": mirror does not have this image: run ${command} (mirror-used)`,
    ]);
  });

  describe('asks in the name of the pod as it will be', () => {
    const named = (...names: readonly string[]): Json => ({ imagePullSecrets: names.map((name) => ({ name })) });
    const accounts = factsOf({}, { 'default/default': ['of-account'] });
    const strict = factsOf({}, { 'default/default': { pullSecrets: ['of-account'], enforcesMountableSecrets: true } });

    test.each<[what: string, spec: Json, facts: Facts, rules: string, expected: readonly string[] | undefined]>([
      ['with its own secrets, and the one that it is given', named('a'), {}, '', ['a', 'harbor']],
      ['with that one once', named('harbor', 'a'), {}, '', ['harbor', 'a']],
      ['with its account’s', {}, accounts, '', ['of-account', 'harbor']],
      ['with that one, where no other is known', {}, {}, '', ['harbor']],
      ['without, where the policy gives none', named('a'), {}, ', pull-secret-present: off', ['a']],
      ['without, where it only says so', named('a'), {}, ', pull-secret-present: { action: warn, fix: false }', ['a']],
      ['with nobody knows what', {}, {}, ', pull-secret-present: off', undefined],
      ['without, where its account forbids it', {}, strict, '', ['of-account']],
    ])('%s', (...[, spec, known, rules, expected]) => {
      const registries = registriesOf({});
      judgeIn({ ...known, registries }, pod(IMAGE, spec), { policy: policyWith(rules) });
      expect(registries.asked).toMatchObject([{ pullSecrets: expected, namespace: 'default' }]);
    });

    test('without, where its author does not want it', () => {
      const registries = registriesOf({});
      const object = { ...pod(IMAGE), metadata: { annotations: { 'pullguard.dev/skip': 'pull-secret-present' } } };
      const { skip } = policyOf('skip: { rules: [pull-secret-present] }');
      judgeIn({ registries }, object, { policy: { ...VERIFIED, skip } });
      expect(registries.asked).toMatchObject([{ pullSecrets: undefined }]);
    });

    test('but not about what is never pulled, or has no mirror', () => {
      const registries = registriesOf({});
      const containers = [
        { name: 'a', image: 'nginx', imagePullPolicy: 'Never' },
        { name: 'b', image: 'quay.io/a/b' },
      ];
      expect(judgeIn({ registries }, pod('', { containers }), { policy: VERIFIED }).findings).toEqual([]);
      expect(registries.asked).toEqual([]);
    });
  });
});
