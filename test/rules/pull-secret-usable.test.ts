import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Facts, PullSecret } from '../../src/pull/facts.ts';
import type { Finding } from '../../src/engine/evaluate.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { describeFinding, formatDenial, formatWarnings } from '../../src/report/finding.ts';
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
const LEFT = `"${HARBOR}" has no key`;
const MAKE_IT = 'use kubectl create secret docker-registry';

/**
 * Each cause in a pod whose one image comes from Harbor, and what is said of it when its secret is the only one. `alone` is
 * what stays to be said when another secret has a lasting key for the image: by a pod that names the secret itself, and by
 * one that has it from its service account.
 */
const CAUSES: readonly Readonly<{
  cause: string;
  secret: PullSecret | undefined;
  alone: string | undefined;
  served?: string;
  servedByAccount?: string;
}>[] = [
  {
    cause: 'none',
    secret: GOOD,
    alone: undefined,
  },
  {
    cause: 'missing',
    secret: undefined,
    alone: `warn is missing in namespace "default", so ${LEFT}: create it`,
    served: 'warn is missing in namespace "default": create it',
  },
  {
    cause: 'wrong type',
    secret: { type: 'Opaque', entries: [] },
    alone: `deny has type "Opaque", which kubelet passes over, so ${LEFT}; ${MAKE_IT}`,
    served: `deny has type "Opaque", which kubelet passes over; ${MAKE_IT}`,
  },
  {
    cause: 'malformed',
    secret: holding(['harbor.example.com'], { malformed: '.dockerconfigjson is not JSON' }),
    alone: "deny cannot be read, so none of the pod's images can be pulled: .dockerconfigjson is not JSON",
    served: "deny cannot be read, so none of the pod's images can be pulled: .dockerconfigjson is not JSON",
    servedByAccount: "deny cannot be read, so none of the pod's images can be pulled: .dockerconfigjson is not JSON",
  },
  {
    cause: 'an entry without credentials',
    secret: withoutCredentials(GOOD),
    alone: `deny has no user and password in its entry for "${HARBOR}"; ${MAKE_IT}`,
  },
  {
    cause: 'expired',
    secret: { ...GOOD, expiresAt: NOW },
    alone: `deny expired at 2026-06-01T12:00Z, so ${LEFT}; make it again`,
  },
  {
    cause: 'expires soon',
    secret: { ...GOOD, expiresAt: NOW + HOUR },
    alone: `warn expires at 2026-06-01T13:00Z, and no key for "${HARBOR}" lasts longer; make it again`,
  },
  {
    cause: 'no entry',
    secret: holding(['elsewhere.example.com']),
    alone: `deny has no entry for "${HARBOR}", left without a key; it has entries for "elsewhere.example.com"`,
  },
  {
    cause: 'no entry at all',
    secret: holding([]),
    alone: `deny has no entry for "${HARBOR}", left without a key; it is empty`,
  },
];

describe.each(CAUSES)('a secret with this the matter: $cause', ({ secret, alone, served, servedByAccount }) => {
  const secrets: Secrets = { other: GOOD, ...(secret !== undefined && { regcred: secret }) };
  const own = (text: string | undefined): readonly string[] =>
    text === undefined ? [] : [text.replace(' ', ' regcred: ')];
  const account = (text: string | undefined): readonly string[] =>
    text === undefined ? [] : [text.replace(' ', ' default: pull secret "regcred" of this service account ')];

  test('as the only one that the pod names', () => {
    expect(find(named('regcred'), cluster(secrets), HARBOR_NEEDS)).toEqual(own(alone));
  });

  test('as the only one of its service account', () => {
    expect(find({}, cluster(secrets, ['regcred']), HARBOR_NEEDS)).toEqual(account(alone));
  });

  test.each([[['regcred', 'other']], [['other', 'regcred']]])('beside one that serves the image: %j', (names) => {
    expect(find(named(...names), cluster(secrets), HARBOR_NEEDS)).toEqual(own(served));
    expect(find({}, cluster(secrets, names), HARBOR_NEEDS)).toEqual(account(servedByAccount));
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
});

describe('it is said where to look', () => {
  const facts = cluster({ other: GOOD }, ['regcred']);
  const show = (object: Json): readonly string[] =>
    judged(object, facts).map((finding) => `${formatFieldPath(finding.at)}: ${describeFinding(finding)}`);

  test('at the secret in the list', () => {
    expect(show(pod(HARBOR, named('other', 'gone')))).toEqual([
      'spec.imagePullSecrets[1].name: "gone": pull secret is missing in namespace "default": create it',
    ]);
    const denied = judged(pod(HARBOR, named('gone')), facts).map((finding) => ({
      ...finding,
      action: 'deny' as const,
    }));
    expect(formatDenial(denied)).toBe(
      `spec.imagePullSecrets[0].name: Invalid value: "gone": pull secret is missing in namespace "default", so ${LEFT}: create it (pull-secret-usable, FAQ check items 1 and 3)`,
    );
  });

  test('at the service account, also of a pod into which the API server has copied its secrets', () => {
    const expected = `"default": pull secret "regcred" of this service account is missing in namespace "default", so ${LEFT}: create it`;
    expect(show(deployment(HARBOR))).toEqual([`spec.template.spec.serviceAccountName: ${expected}`]);
    expect(show(pod(HARBOR, named('regcred')))).toEqual([`spec.serviceAccountName: ${expected}`]);
    expect(show(pod(HARBOR, named('regcred', 'other')))).toEqual([]);
  });

  test('once, however often a secret is named', () => {
    expect(show(pod(HARBOR, named('gone', 'gone')))).toHaveLength(1);
  });
});

describe('a missing secret', () => {
  test('is denied only where the policy says so: it may come with the same kubectl apply', () => {
    const policy = policyOf('rules: { pull-secret-usable: { action: deny, denyMissing: true } }');
    expect(find(named('gone'), cluster({}), policy)).toEqual([expect.stringMatching(/^deny gone: is missing/)]);
    expect(find({}, cluster({}, ['gone']), policy)).toEqual([expect.stringMatching(/^deny default: .* is missing/)]);
  });

  test('may be there with another type, where only pull secrets are seen', () => {
    expect(find(named('gone'), cluster({}, [], { seesEveryType: false }))).toEqual([
      `warn gone: is missing in namespace "default", or is of another type than a pull secret's, so ${LEFT}: create it`,
    ]);
  });

  test('is made by CCE, where that is what CCE does', () => {
    expect(find({ ...named('default-secret'), ...running('nginx') }, cluster({}))).toEqual([
      'warn default-secret: is missing in namespace "default": CCE makes it in every namespace',
    ]);
  });

  test('of a service account is nobody’s loss while the images are public', () => {
    expect(find(running('nginx', 'registry.k8s.io/pause:3.9'), cluster({}, ['gone']))).toEqual([]);
    expect(find(running('nginx', QUAY), cluster({}, ['gone']))).toEqual([
      expect.stringContaining(`"${QUAY}" has no key`),
    ]);
  });
});

describe('credentials end', () => {
  const find1 = (name: string, hours: number, special: Partial<PullSecret>, policy = ''): readonly string[] =>
    find(
      { ...named(name), ...running(SWR) },
      cluster({ [name]: holding(['swr.eu-de.otc.t-systems.com'], special) }),
      policyOf(
        `rules: { pull-secret-usable: { action: deny, expiresWithinHours: ${hours} }, pull-secret-present: off }`,
        policy,
      ),
    );
  /** In which SWR is a registry like any other. */
  const OWN = 'registries: [{ hosts: ["swr.*.otc.t-systems.com"], pullSecret: own }]';

  test.each([
    [-HOUR, 24, 'deny own: expired'],
    [0, 24, 'deny own: expired'],
    [1, 24, 'warn own: expires'],
    [24 * HOUR, 24, 'warn own: expires'],
    [24 * HOUR + 1, 24, ''],
    [1, 0, ''],
    [0, 0, 'deny own: expired'],
    [100 * HOUR, 200, 'warn own: expires'],
  ])('%i ms from now, with expiresWithinHours %i: %s', (inMs, hours, expected) => {
    const found = find1('own', hours, { expiresAt: NOW + inMs }, OWN);
    expect(found.map((line) => line.split(' at ')[0])).toEqual(expected === '' ? [] : [expected]);
  });

  test('those of CCE’s own secret are no concern before they have', () => {
    expect(find1('default-secret', 24, { generatedBy: 'cce', expiresAt: NOW + 1 })).toEqual([]);
    expect(find1('default-secret', 24, { generatedBy: 'cce', expiresAt: NOW })).toEqual([
      `deny default-secret: expired at 2026-06-01T12:00Z, so "${SWR}" has no key; CCE renews it`,
    ]);
  });

  test('a secret that only has that name is not renewed', () => {
    expect(find1('default-secret', 24, { expiresAt: NOW + 1 })).toEqual([expect.stringMatching(/make it again$/)]);
    expect(find1('default-secret', 24, { expiresAt: NOW })).toEqual([expect.stringMatching(/make it again$/)]);
  });

  test('a copy whose credentials ended is not made again, as the original is there', () => {
    expect(find1('copied', 24, { generatedBy: 'cce', expiresAt: NOW })).toEqual([
      `deny copied: expired at 2026-06-01T12:00Z, so "${SWR}" has no key; name default-secret instead`,
    ]);
  });

  test('a copy beside the original is not told to be left for it', () => {
    const copied = holding(['swr.eu-de.otc.t-systems.com'], { generatedBy: 'cce', expiresAt: NOW });
    expect(find({ ...named('copied', 'default-secret'), ...running(SWR) }, cluster({ copied }))).toEqual([
      expect.stringMatching(/^deny copied: expired at .*; make it again$/),
      expect.stringMatching(/^warn default-secret: is missing/),
    ]);
  });

  test('of two that end, the one that ends last is named', () => {
    const [early, late] = [NOW + HOUR, NOW + 2 * HOUR].map((expiresAt) => ({ ...GOOD, expiresAt }));
    expect(find(named('early', 'late'), cluster({ early: early!, late: late! }))).toEqual([
      expect.stringMatching(/^warn late: expires at 2026-06-01T14:00Z/),
    ]);
  });

  test('an expired key fails for public images too, as kubelet asks with it', () => {
    const spec = { ...named('hub'), ...running('nginx') };
    expect(find(spec, cluster({ hub: holding(['docker.io'], { expiresAt: NOW }) }))).toEqual([
      'deny hub: expired at 2026-06-01T12:00Z, so "nginx" has no key; make it again',
    ]);
    expect(find(spec, cluster({ hub: withoutCredentials(holding(['docker.io'])) }))).toEqual([]);
  });
});

describe('SWR credentials under another name', () => {
  const KEY = ['swr.eu-de.otc.t-systems.com'];
  const spec = { ...named('copied'), ...running(SWR) };

  test.each<[special: Partial<PullSecret>, expected: string]>([
    [
      { generatedBy: 'cce', expiresAt: NOW + 99 * HOUR },
      `is a copy of default-secret that ends at 2026-06-05T15:00Z; name default-secret for "${SWR}"`,
    ],
    [
      { expiresAt: NOW + HOUR },
      `is a copy of default-secret that ends at 2026-06-01T13:00Z; name default-secret for "${SWR}"`,
    ],
    [
      { generatedBy: 'cce' },
      `is a copy of default-secret, which ends as nobody renews it; name default-secret for "${SWR}"`,
    ],
    [
      {},
      `holds SWR credentials under another name than default-secret, and a copy of it expires; name default-secret for "${SWR}"`,
    ],
  ])('are a copy, as far as can be told: %j', (special, expected) => {
    expect(find(spec, cluster({ copied: holding(KEY, special) }))).toEqual([`warn copied: ${expected}`]);
  });

  test.each<[what: string, found: readonly string[]]>([
    [
      'beside the original',
      find(
        { ...spec, ...named('copied', 'default-secret') },
        cluster({ copied: holding(KEY), 'default-secret': holding(KEY) }),
      ),
    ],
    [
      'where the policy knows another secret for them',
      find(
        spec,
        cluster({ copied: holding(KEY) }),
        policyOf('registries: [{ hosts: ["swr.*.otc.t-systems.com"], pullSecret: copied }]'),
      ),
    ],
    ['in a pod with no image from there', find({ ...spec, ...running('nginx') }, cluster({ copied: holding(KEY) }))],
    [
      'where the original is added',
      find(spec, cluster({ copied: holding(KEY), 'default-secret': holding(KEY) }), policyOf()),
    ],
  ])('are no concern %s', (_, found) => {
    expect(found).toEqual([]);
  });
});

describe('an image that has no key', () => {
  test('may be public: only one that needs a pull secret by the policy is denied', () => {
    const facts = cluster({ regcred: holding(['elsewhere.example.com']), bare: withoutCredentials(GOOD) });
    for (const name of ['regcred', 'bare']) {
      expect(find(named(name), facts)).toEqual([expect.stringMatching(/^warn /)]);
      expect(find(named(name), facts, HARBOR_NEEDS)).toEqual([expect.stringMatching(/^deny /)]);
    }
  });

  test('is none of a secret’s business, if it needs none', () => {
    const facts = cluster({ regcred: holding(['elsewhere.example.com']) });
    const policy = policyOf('registries: [{ hosts: [quay.io] }]');
    expect(find({ ...named('regcred'), ...running('nginx', QUAY) }, facts, policy)).toEqual([]);
  });

  test('is told with its like, and with what the secret is for', () => {
    const hosts = ['a.example.com', 'user:password@b.example.com', 'c.example.com:5000/team', 'd.example.com'];
    const spec = { ...named('regcred'), ...running('nginx', HARBOR, QUAY, HARBOR) };
    const [found = ''] = find(spec, cluster({ regcred: holding(hosts) }));
    expect(found).toContain(`has no entry for "${HARBOR}" and 1 more, left without a key; it has entries for "a.`);
    expect(found).toMatch(/"c\.example\.com:5000\/team" and 1 more$/);
    expect(found).not.toContain('password');
  });

  test('is not blamed on a secret that is for another image', () => {
    const spec = { ...named('regcred'), ...running(HARBOR, QUAY) };
    expect(find(spec, cluster({ regcred: GOOD }))).toEqual([]);
  });

  test('is not blamed on others, where the secret that is for it says what is wrong', () => {
    const secrets = { old: { ...GOOD, expiresAt: NOW }, other: holding(['quay.io']) };
    expect(find(named('old', 'other'), cluster(secrets))).toEqual([expect.stringMatching(/^deny old: expired/)]);
  });
});

describe('beside a secret that nobody may look at', () => {
  test.each(
    CAUSES.map(({ cause, secret, served = '' }) => [cause, secret, served.replace(' ', ' regcred: ')] as const),
  )('only what is sure is said: %s', (_, secret, served) => {
    const secrets: Secrets = { hidden: 'unknown', ...(secret !== undefined && { regcred: secret }) };
    const expected = served === '' ? [] : [served];
    expect(find(named('regcred', 'hidden'), cluster(secrets))).toEqual(expected);
    expect(find(named('hidden', 'regcred'), cluster(secrets))).toEqual(expected);
  });

  test('nothing is said of it, nor of a pod whose service account is not known', () => {
    expect(find(named('hidden'), cluster({ hidden: 'unknown' }))).toEqual([]);
    expect(find({ serviceAccountName: 'new' }, cluster({}))).toEqual([]);
  });
});

describe('an update', () => {
  const facts = cluster({ harbor: GOOD });
  const spec = { ...named('harbor', 'gone'), ...running(HARBOR, QUAY) };

  test('that changes no image is not held up', () => {
    const oldObject = deployment('', spec);
    expect(judgeIn(facts, { ...oldObject, metadata: {} }, { policy: DENY, oldObject }).findings).toEqual([]);
  });

  test('is looked at for the images that changed', () => {
    const oldObject = deployment('', { ...spec, ...running(HARBOR, HARBOR) });
    const messages = judgeIn(facts, deployment('', spec), { policy: DENY, oldObject }).findings.map(
      ({ value, message }) => `${value ?? ''} ${message}`,
    );
    expect(messages).toEqual([
      `harbor pull secret has no entry for "${QUAY}", left without a key; it has entries for "harbor.example.com"`,
      `gone pull secret is missing in namespace "default", so "${QUAY}" has no key: create it`,
    ]);
  });
});

describe('what is added to a template is judged with what its pods have from their service account', () => {
  const policy = policyOf();
  const KEY = ['swr.eu-de.otc.t-systems.com'];

  test('their own keys count', () => {
    const secrets = { harbor: GOOD, 'default-secret': holding(KEY, { generatedBy: 'cce', expiresAt: NOW + 1 }) };
    expect(find(running(SWR, HARBOR), cluster(secrets, ['harbor']), policy)).toEqual([]);
    expect(find(running(SWR, HARBOR), cluster({ 'default-secret': holding(KEY) }, ['gone']), policy)).toEqual([
      `warn default: pull secret "gone" of this service account is missing in namespace "default", so ${LEFT}: create it`,
    ]);
  });

  test('it must be there', () => {
    expect(find(running(SWR, HARBOR), cluster({ harbor: GOOD }, ['harbor']), policy)).toEqual([
      `warn default-secret: is missing in namespace "default", so "${SWR}" has no key: CCE makes it in every namespace`,
    ]);
  });
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

test('a list as long as an API server takes is judged before it hangs up', () => {
  const names = Array.from({ length: 30_000 }, (_, at) => `gone-${at}`);
  const images = Array.from({ length: 10_000 }, (_, at) => `quay.io/team/app:${at}`);
  expect(judged(deployment('', { ...named(...names), ...running(...images) }), cluster({}))).toHaveLength(30_000);
});
