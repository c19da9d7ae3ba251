import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Facts, PullSecret } from '../../src/pull/facts.ts';
import type { Finding, Severity } from '../../src/engine/evaluate.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { describeFinding, formatWarnings } from '../../src/report/finding.ts';
import { formatFieldPath } from '../../src/text/json.ts';
import { factsOf, holding, HOUR, judgeIn, NOW, withoutCredentials } from '../support/facts.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const HARBOR = 'harbor.example.com/team/app:v1';
const SWR = 'swr.eu-de.otc.t-systems.com/team/app:v1';
const QUAY = 'quay.io/team/app:v1';

const DENY = policyOf('rules: { pull-secret-usable: deny, pull-secret-present: off }');
/** It says that images of Harbor need a pull secret, and so may be denied for want of one. */
const HARBOR_NEEDS = policyOf(
  'rules: { pull-secret-usable: deny, pull-secret-present: off }',
  'registries: [{ hosts: [harbor.example.com], pullSecret: harbor }]',
);

type Secrets = Readonly<Record<string, PullSecret | 'unknown'>>;

/** Secrets of namespace `default`, by their names alone. */
function cluster(secrets: Secrets, account?: readonly string[], options?: Parameters<typeof factsOf>[2]): Facts {
  const placed = Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [`default/${name}`, secret]));
  return factsOf(placed, account === undefined ? {} : { 'default/default': account }, options);
}

function named(...names: readonly string[]): Json {
  return { imagePullSecrets: names.map((name) => ({ name })) };
}

function running(...images: readonly string[]): Json {
  return { containers: images.map((image, at) => ({ name: `c${at}`, image })) };
}

function judged(object: Json, facts: Facts, policy: Policy = DENY): readonly Finding[] {
  return judgeIn(facts, object, { policy }).findings.filter(({ rule }) => rule === 'pull-secret-usable');
}

/** What is found in a Deployment: `warn regcred: is missing …`, without the words that each of them begins with. */
function find(spec: Json, facts: Facts, policy: Policy = DENY): readonly string[] {
  return judged(deployment(HARBOR, spec), facts, policy).map(
    ({ action, value = '', message }) => `${action} ${value}: ${message.replace(/^pull secret (?!")/, '')}`,
  );
}

const GOOD = holding(['harbor.example.com']);
const BAD_LOGIN: PullSecret = { ...GOOD, entries: GOOD.entries.map((entry) => ({ ...entry, flaw: 'placeholder' })) };
const ANONYMOUS = `so "${HARBOR}" is pulled anonymously`;
const UNREADABLE = 'deny cannot be parsed, so no image of this Pod can be pulled: it is no JSON';
const RECREATE = 'recreate it (kubectl create secret docker-registry)';

/**
 * Each cause in a pod whose one image comes from Harbor, and what is said of it when its secret is the only one. `alone` is
 * what stays to be said when another secret has a lasting key for the image: by a pod that names the secret itself, and by
 * one that has it from its service account.
 */
const CAUSES: readonly Readonly<{
  cause: string;
  secret: PullSecret | undefined;
  alone?: string;
  served?: string;
  servedIs?: Severity;
  servedByAccount?: string;
}>[] = [
  { cause: 'none', secret: GOOD },
  {
    cause: 'missing',
    secret: undefined,
    alone: `warn not found in namespace "default", ${ANONYMOUS}: create it`,
    served: 'warn not found in namespace "default": create it, or remove it from imagePullSecrets',
    servedIs: 'notice',
  },
  {
    cause: 'wrong type',
    secret: { type: 'Opaque', entries: [] },
    alone: `deny has type "Opaque", which kubelet ignores, ${ANONYMOUS}: ${RECREATE}`,
    served: `warn has type "Opaque", which kubelet ignores: ${RECREATE}`,
    servedIs: 'notice',
  },
  {
    cause: 'malformed',
    secret: holding(['harbor.example.com'], { malformed: 'it is no JSON' }),
    alone: UNREADABLE,
    served: UNREADABLE,
    servedIs: 'error',
    servedByAccount: UNREADABLE,
  },
  {
    cause: 'an entry without credentials',
    secret: withoutCredentials(GOOD),
    alone: `deny has no credentials for harbor.example.com (no username and password), ${ANONYMOUS}: recreate it`,
  },
  {
    cause: 'expired',
    secret: { ...GOOD, expiresAt: NOW },
    alone: `deny expired at 12:00Z, so "${HARBOR}" cannot be pulled (unauthorized): recreate it`,
  },
  {
    cause: 'expires soon',
    secret: { ...GOOD, expiresAt: NOW + HOUR },
    alone: `warn expires at 13:00Z, and no other credentials for "${HARBOR}" last longer: recreate it`,
  },
  {
    cause: 'no entry',
    secret: holding(['elsewhere.example.com']),
    alone: `deny has no credentials for harbor.example.com (only for "elsewhere.example.com"), ${ANONYMOUS}: recreate it`,
  },
  {
    cause: 'no entry at all',
    secret: holding([]),
    alone: `deny has no credentials for harbor.example.com (it is empty), ${ANONYMOUS}: recreate it`,
  },
];

/** What is said of a secret `regcred` that the pod names itself. */
function own(text: string | undefined): readonly string[] {
  return text === undefined ? [] : [text.replace(' ', ' regcred: pull secret "regcred" ')];
}

describe.each(CAUSES)(
  'a secret with this the matter: $cause',
  ({ secret, alone, served, servedIs, servedByAccount }) => {
    const secrets: Secrets = { other: GOOD, ...(secret !== undefined && { regcred: secret }) };
    const account = (text: string | undefined): readonly string[] =>
      text === undefined ? [] : [text.replace(' ', ' default: pull secret "regcred" of ServiceAccount "default" ')];

    test('as the only one that the pod names', () => {
      expect(find(named('regcred'), cluster(secrets), HARBOR_NEEDS)).toEqual(own(alone));
    });

    test('as the only one of its service account', () => {
      expect(find({}, cluster(secrets, ['regcred']), HARBOR_NEEDS)).toEqual(account(alone));
    });

    test.each([[['regcred', 'other']], [['other', 'regcred']]])('beside one that serves the image: %j', (names) => {
      expect(find(named(...names), cluster(secrets), HARBOR_NEEDS)).toEqual(own(served));
      expect(find({}, cluster(secrets, names), HARBOR_NEEDS)).toEqual(account(servedByAccount));
      // What kubelet passes over keeps nothing from being pulled.
      const found = judged(deployment(HARBOR, named(...names)), cluster(secrets), HARBOR_NEEDS);
      expect(found.map(({ severity }) => severity)).toEqual(servedIs === undefined ? [] : [servedIs]);
    });

    test('with an image that nobody pulls, or whose address is refused anyway', () => {
      const never = { containers: [{ name: 'a', image: HARBOR, imagePullPolicy: 'Never' }] };
      expect(find({ ...named('regcred'), ...never }, cluster(secrets), HARBOR_NEEDS)).toEqual([]);
      expect(find({ ...named('regcred'), ...running('HARBOR') }, cluster(secrets), HARBOR_NEEDS)).toEqual([]);
    });

    test('is said in a warning that the API server does not cut', () => {
      const image = `harbor.example.com/${'a-long-path/'.repeat(6)}application:v1.2.3-build.456`;
      const policy = policyOf('rules: { pull-secret-usable: warn }');
      const facts = cluster(secrets, ['regcred']);
      for (const spec of [named('regcred'), {}]) {
        for (const line of formatWarnings(judged(deployment(image, spec), facts, policy))) {
          expect(line).not.toContain('… (pull-secret-usable)');
        }
      }
    });
  },
);

test('it is said where to look: at the secret in the list, or at the service account that has it', () => {
  const facts = cluster({ other: GOOD }, ['regcred']);
  const show = (object: Json): readonly string[] =>
    judged(object, facts).map((finding) => `${formatFieldPath(finding.at)}: ${describeFinding(finding)}`);
  expect(show(pod(HARBOR, named('other', 'gone', 'gone')))).toEqual([
    'spec.imagePullSecrets[1].name: pull secret "gone" not found in namespace "default": create it, or remove it from imagePullSecrets',
  ]);
  const expected = `pull secret "regcred" of ServiceAccount "default" not found in namespace "default", ${ANONYMOUS}: create it`;
  expect(show(deployment(HARBOR))).toEqual([`spec.template.spec.serviceAccountName: ${expected}`]);
  // Also of a pod into which the API server has copied it.
  expect(show(pod(HARBOR, named('regcred')))).toEqual([`spec.serviceAccountName: ${expected}`]);
  expect(show(pod(HARBOR, named('regcred', 'other')))).toEqual([]);
});

describe('a missing secret', () => {
  test('is denied only where the policy says so: it may come with the same kubectl apply', () => {
    const policy = policyOf('rules: { pull-secret-usable: { action: deny, denyMissing: true } }');
    expect(find(named('gone'), cluster({}), policy)).toEqual([expect.stringMatching(/^deny gone: .* not found/)]);
    expect(find({}, cluster({}, ['gone']), policy)).toEqual([expect.stringMatching(/^deny default: .* not found/)]);
  });

  test.each<[beside: string, images: readonly string[], secrets: Secrets, severity: Severity]>([
    ['public images only', ['nginx', 'registry.k8s.io/pause:3.9'], {}, 'notice'],
    ['another with a key', [HARBOR], { harbor: GOOD }, 'notice'],
    ['another with a key for one of two', [HARBOR, QUAY], { harbor: GOOD }, 'error'],
    ['another with a key and public images', [HARBOR, 'nginx'], { harbor: GOOD }, 'notice'],
    ['another whose key is over', [HARBOR], { harbor: { ...GOOD, expiresAt: NOW } }, 'error'],
    ['another whose key cannot log in', [HARBOR], { harbor: BAD_LOGIN }, 'warning'],
    ['another that nobody may look at', [HARBOR], { harbor: 'unknown' }, 'warning'],
    ['an image that may be public', [QUAY], {}, 'error'],
  ])('does harm unless each image is surely pulled without it: beside %s', (_beside, images, secrets, severity) => {
    const spec = { ...named('gone', ...Object.keys(secrets)), ...running(...images) };
    const policy = policyOf('rules: { pull-secret-usable: { action: deny, denyMissing: true } }');
    const found = judged(deployment('', spec), cluster(secrets), policy);
    expect(found.find(({ messageId }) => messageId === 'missing')?.severity).toBe(severity);
  });

  test('may be there with another type, where only pull secrets are seen', () => {
    expect(find(named('gone'), cluster({}, [], { seesEveryType: false }))).toEqual([
      `warn gone: pull secret "gone" not found in namespace "default" or has another type, ${ANONYMOUS}: create it`,
    ]);
  });

  test('is created by CCE for images in SWR only', () => {
    expect(find({ ...named('default-secret'), ...running(SWR) }, cluster({}))).toEqual([
      expect.stringContaining('CCE creates it in every namespace'),
    ]);
    expect(find({ ...named('default-secret'), ...running('nginx') }, cluster({}))).toEqual([
      'warn default-secret: pull secret "default-secret" not found in namespace "default": create it, or remove it from imagePullSecrets',
    ]);
  });

  test('of a service account is nobody’s loss while the images are public', () => {
    expect(find(running('nginx', 'registry.k8s.io/pause:3.9'), cluster({}, ['gone']))).toEqual([]);
    expect(find(running('nginx', QUAY), cluster({}, ['gone']))).toEqual([
      expect.stringContaining(`so "${QUAY}" is pulled anonymously`),
    ]);
  });
});

const ofSwr = (special: Partial<PullSecret> = {}): PullSecret => holding(['swr.eu-de.otc.t-systems.com'], special);
const findSwr = (secrets: Secrets, policy = DENY, ...names: readonly string[]): readonly string[] =>
  find({ ...named(...Object.keys(secrets), ...names), ...running(SWR) }, cluster(secrets), policy);

describe('credentials end', () => {
  const OVER = `expired at 12:00Z, so "${SWR}" cannot be pulled (unauthorized)`;

  test.each([
    [-HOUR, 24, 'deny own: pull secret "own" expired'],
    [0, 24, 'deny own: pull secret "own" expired'],
    [1, 24, 'warn own: pull secret "own" expires'],
    [24 * HOUR, 24, 'warn own: pull secret "own" expires'],
    [24 * HOUR + 1, 24, ''],
    [1, 0, ''],
    [0, 0, 'deny own: pull secret "own" expired'],
    [100 * HOUR, 200, 'warn own: pull secret "own" expires'],
  ])('%i ms from now, with expiresWithinHours %i: %s', (inMs, hours, expected) => {
    // In which SWR is a registry like any other.
    const policy = policyOf(
      `rules: { pull-secret-usable: { action: deny, expiresWithinHours: ${hours} } }`,
      'registries: [{ hosts: ["swr.*.otc.t-systems.com"], pullSecret: own }]',
    );
    const found = findSwr({ own: ofSwr({ expiresAt: NOW + inMs }) }, policy);
    expect(found.map((line) => line.split(' at ')[0])).toEqual(expected === '' ? [] : [expected]);
  });

  test('and are renewed in CCE’s own secret, not in one that only has its name, and not in a copy', () => {
    const end = (name: string, special: Partial<PullSecret>, ...others: readonly string[]): readonly string[] =>
      findSwr({ [name]: ofSwr(special) }, DENY, ...others);
    const [ended, ending] = [{ expiresAt: NOW }, { expiresAt: NOW + 1 }];
    expect(end('default-secret', { generatedBy: 'cce', ...ending })).toEqual([]);
    expect(end('default-secret', { generatedBy: 'cce', ...ended })).toEqual([
      `deny default-secret: pull secret "default-secret" ${OVER}: wait until CCE renews it`,
    ]);
    expect(end('default-secret', ending)).toEqual([expect.stringMatching(/^warn .* last longer: recreate it$/)]);
    expect(end('default-secret', ended)).toEqual([
      `deny default-secret: pull secret "default-secret" ${OVER}: recreate it`,
    ]);
    expect(end('copied', { generatedBy: 'cce', ...ended })).toEqual([
      `deny copied: pull secret "copied" ${OVER}: use default-secret instead`,
    ]);
    expect(end('copied', ended, 'default-secret')).toEqual([
      `deny copied: pull secret "copied" ${OVER}: recreate it`,
      expect.stringMatching(/^warn default-secret: .* not found/),
    ]);
  });

  test('of two that end, the one that ends last is named', () => {
    const [early, late] = [NOW + HOUR, NOW + 2 * HOUR].map((expiresAt) => ({ ...GOOD, expiresAt }));
    expect(find(named('early', 'late'), cluster({ early: early!, late: late! }))).toEqual([
      expect.stringMatching(/^warn late: .* expires at 14:00Z/),
    ]);
  });

  test('an expired key fails for public images too, as kubelet asks with it', () => {
    const spec = { ...named('hub'), ...running('nginx') };
    expect(find(spec, cluster({ hub: holding(['docker.io'], { expiresAt: NOW }) }))).toEqual([
      'deny hub: pull secret "hub" expired at 12:00Z, so "nginx" cannot be pulled (unauthorized): recreate it',
    ]);
    expect(find(spec, cluster({ hub: withoutCredentials(holding(['docker.io'])) }))).toEqual([]);
  });
});

describe('SWR credentials under another name', () => {
  test.each<[special: Partial<PullSecret>, expected: string]>([
    [{ generatedBy: 'cce', expiresAt: NOW + HOUR }, 'is a copy of default-secret and expires at 13:00Z'],
    [{ expiresAt: NOW + HOUR }, 'is a copy of default-secret and expires at 13:00Z'],
    [{ generatedBy: 'cce' }, 'is a copy of default-secret that CCE does not renew'],
    [{}, 'has SWR credentials that may expire, as CCE renews only default-secret'],
  ])('are a copy, as far as can be told: %j', (special, expected) => {
    expect(findSwr({ copied: ofSwr(special) })).toEqual([
      `warn copied: pull secret "copied" ${expected}: use default-secret for "${SWR}"`,
    ]);
  });

  test('are told of by a notice where nothing shows that they end', () => {
    const severityOf = (special: Partial<PullSecret>): readonly string[] =>
      judged(deployment(SWR, named('copied')), cluster({ copied: ofSwr(special) }), DENY).map(
        ({ severity }) => severity,
      );
    expect(severityOf({})).toEqual(['notice']);
    expect(severityOf({ generatedBy: 'cce' })).toEqual(['warning']);
    expect(severityOf({ expiresAt: NOW + HOUR })).toEqual(['warning']);
  });

  test('are no concern beside the original, or where the policy knows no other, or for no image of a pod', () => {
    const both = { copied: ofSwr(), 'default-secret': ofSwr() };
    const own = policyOf('registries: [{ hosts: ["swr.*.otc.t-systems.com"], pullSecret: copied }]');
    expect(findSwr(both)).toEqual([]);
    expect(findSwr({ copied: ofSwr() }, own)).toEqual([]);
    expect(find({ ...named('copied'), ...running('nginx') }, cluster({ copied: ofSwr() }))).toEqual([]);
    // Where the original is added.
    expect(find({ ...named('copied'), ...running(SWR) }, cluster(both), policyOf())).toEqual([]);
  });
});

describe('an image that has no key', () => {
  const elsewhere = holding(['elsewhere.example.com']);

  test('may be public: only one that needs a pull secret by the policy is denied', () => {
    const facts = cluster({ regcred: elsewhere, bare: withoutCredentials(GOOD) });
    for (const name of ['regcred', 'bare']) {
      expect(find(named(name), facts)).toEqual([expect.stringMatching(/^warn /)]);
      expect(find(named(name), facts, HARBOR_NEEDS)).toEqual([expect.stringMatching(/^deny /)]);
    }
    const policy = policyOf('registries: [{ hosts: [quay.io] }]');
    expect(find({ ...named('regcred'), ...running('nginx', QUAY) }, facts, policy)).toEqual([]);
  });

  test('is told with its like, and with what the secret is for', () => {
    const hosts = ['a.example.com', 'user:password@b.example.com', 'c.example.com:5000/team', 'd.example.com'];
    const spec = { ...named('regcred'), ...running('nginx', HARBOR, QUAY, HARBOR) };
    expect(find(spec, cluster({ regcred: holding(hosts) }))).toEqual([
      `warn regcred: pull secret "regcred" has no credentials for harbor.example.com (only for "a.example.com", "b.example.com" and 2 more), so "${HARBOR}" and 1 more are pulled anonymously: recreate it`,
    ]);
  });

  test('is blamed on the secret that is for it, and on none that is for another', () => {
    const secrets = { old: { ...GOOD, expiresAt: NOW }, other: holding(['quay.io']) };
    expect(find(named('old', 'other'), cluster(secrets))).toEqual([expect.stringMatching(/^deny old: .* expired/)]);
    expect(find({ ...named('regcred'), ...running(HARBOR, QUAY) }, cluster({ regcred: GOOD }))).toEqual([]);
  });
});

describe('beside a secret that nobody may look at', () => {
  test.each(CAUSES)('only what is sure is said: $cause', ({ secret, served }) => {
    const secrets: Secrets = { hidden: 'unknown', ...(secret !== undefined && { regcred: secret }) };
    expect(find(named('regcred', 'hidden'), cluster(secrets))).toEqual(own(served));
    expect(find(named('hidden', 'regcred'), cluster(secrets))).toEqual(own(served));
  });

  test('nothing is said of it, nor of a pod whose service account is not known', () => {
    expect(find(named('hidden'), cluster({ hidden: 'unknown' }))).toEqual([]);
    expect(find({ serviceAccountName: 'new' }, cluster({}))).toEqual([]);
  });
});

test('an update is looked at for the images that it changed', () => {
  const of = (...images: readonly string[]): Json =>
    deployment('', { ...named('harbor', 'gone'), ...running(...images) });
  const messages = (object: Json, oldObject: Json): readonly string[] =>
    judgeIn(cluster({ harbor: GOOD }), object, { policy: DENY, oldObject }).findings.map(({ message }) => message);
  expect(messages({ ...of(HARBOR, QUAY), metadata: {} }, of(HARBOR, QUAY))).toEqual([]);
  expect(messages(of(HARBOR, QUAY), of(HARBOR, HARBOR))).toEqual([
    `pull secret "harbor" has no credentials for quay.io (only for "harbor.example.com"), so "${QUAY}" is pulled anonymously: recreate it`,
    `pull secret "gone" not found in namespace "default", so "${QUAY}" is pulled anonymously: create it`,
  ]);
});

test('what is added to a template is judged with what its pods have from their service account', () => {
  const given = (secrets: Secrets, account: string): readonly string[] =>
    find(running(SWR, HARBOR), cluster(secrets, [account]), policyOf());
  const cce = ofSwr({ generatedBy: 'cce', expiresAt: NOW + 1 });
  expect(given({ harbor: GOOD, 'default-secret': cce }, 'harbor')).toEqual([]);
  expect(given({ 'default-secret': cce }, 'gone')).toEqual([
    `warn default: pull secret "gone" of ServiceAccount "default" not found in namespace "default", ${ANONYMOUS}: create it`,
  ]);
  expect(given({ harbor: GOOD }, 'harbor')).toEqual([
    expect.stringMatching(
      /^warn default-secret: .* not found in namespace "default", .*: CCE creates it in every namespace/,
    ),
  ]);
});

test('a pod whose images each have a key that lasts hears nothing, whatever else its secrets hold', () => {
  const hosts = ['harbor.example.com', 'quay.io', 'ghcr.io', 'swr.eu-de.otc.t-systems.com'];
  const image = fc.constantFrom('nginx', ...hosts.map((host) => `${host}/team/app:v1`));
  const keys = fc.uniqueArray(fc.constantFrom(...hosts, 'elsewhere.example.com'));
  const end = fc.integer({ min: NOW - 99 * HOUR, max: NOW + 99 * HOUR });
  const secret = fc.oneof(
    keys.map((each) => holding(each)),
    keys.map((each) => withoutCredentials(holding(each))),
    fc.tuple(keys, end).map(([each, expiresAt]) => holding(each, { expiresAt })),
  );
  const lasting = holding([...hosts, 'docker.io'], { generatedBy: 'cce', expiresAt: NOW + HOUR });
  fc.assert(
    fc.property(
      fc.array(image, { minLength: 1, maxLength: 4 }),
      fc.array(secret, { maxLength: 4 }),
      fc.nat(),
      fc.boolean(),
      (images, others, at, isOwn) => {
        const secrets = Object.fromEntries(others.map((each, index) => [`s${index}`, each]));
        const names = Object.keys(secrets).toSpliced(at % (others.length + 1), 0, 'default-secret');
        const facts = cluster({ ...secrets, 'default-secret': lasting }, names);
        const spec = { ...running(...images), ...(isOwn && named(...names.toReversed())) };
        expect(judgeIn(facts, deployment('', spec), { policy: policyOf() }).findings).toEqual([]);
      },
    ),
  );
});
