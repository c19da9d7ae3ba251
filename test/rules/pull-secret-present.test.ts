import { describe, expect, test } from 'vitest';
import type { Facts, PullSecret, ServiceAccount } from '../../src/pull/facts.ts';
import type { Finding } from '../../src/engine/evaluate.ts';
import { describeFinding } from '../../src/report/finding.ts';
import { factsOf, holding, HOUR, judgeIn, NOW, withoutCredentials } from '../support/facts.ts';
import { judge } from '../support/judge.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

const DEFAULT = policyOf();
const SWR = 'swr.eu-de.otc.t-systems.com/team/app:v1';
const HARBOR = 'harbor.example.com/team/app:v1';

function named(...names: readonly string[]): Json {
  return { imagePullSecrets: names.map((name) => ({ name })) };
}

function running(...images: readonly string[]): Json {
  return { containers: images.map((image, at) => ({ name: `c${at}`, image })) };
}

/** The values of the edits to a pod's list of secrets. */
function added(image: string, spec: Json = {}, policy = DEFAULT): unknown[] {
  const { edits } = judge(pod(image, spec), policy, 'apply');
  return edits.filter(({ path }) => path.includes('imagePullSecrets')).map(({ value }) => value);
}

test.each([
  'swr.cn-north-4.myhuaweicloud.com/team/app:v1',
  'swr.eu-west-101.myhuaweicloud.eu/team/app',
  'swr.eu-de.otc.t-systems.com/team/app',
  'swr.eu-nl.otc.t-systems.com/team/app@sha256:9b1b7be1ffa607d40d545607d3fdf441f08553468adec5588fb58499ad77fe58',
  'swr.eu-ch2.sc.otc.t-systems.com/team/app',
])('an image of shared SWR gets the secret that CCE keeps for it: %s', (image) => {
  expect(added(image)).toEqual([[{ name: 'default-secret' }]]);
});

test.each([
  'swr-api.eu-de.otc.t-systems.com/team/app',
  'obs.eu-de.otc.t-systems.com/team/app',
  'swr.eu-de.otc.t-systems.com.evil.com/team/app',
  'swrxeu-de.otc.t-systems.com/team/app',
  'swr.eu-de.otcxt-systems.com/team/app',
  'evil.com/swr.eu-de.otc.t-systems.com/app',
  'swr.eu-de.otc.t-systems.com:443/team/app',
  'Swr.eu-de.otc.t-systems.com/team/app',
  'my.swr.eu-de.otc.t-systems.com/team/app',
  'swr.otc.t-systems.com/team/app',
  'acme.swr-pro.myhuaweicloud.com/team/app',
  '100.125.7.25:20202/group/app',
  'nginx',
  'NGINX',
])('nothing that only looks like it gets it: %s', (image) => {
  expect(added(image)).toEqual([]);
});

test('a pod gets what it has not got, once, for what is pulled in the end', () => {
  expect(added(SWR, named('default-secret', 'other'))).toEqual([]);
  expect(added(SWR, named('other', 'default-secret'))).toEqual([]);
  expect(added('', { containers: [{ name: 'a', image: SWR, imagePullPolicy: 'Never' }] })).toEqual([]);
  expect(added('nginx', {}, MIRRORED)).toEqual([[{ name: 'default-secret' }]]);
  // The second finds the list that the first has made.
  const policy = policyOf('registries: [{ hosts: [harbor.example.com], pullSecret: harbor }]');
  const images = running(HARBOR, SWR, 'harbor.example.com/c/d');
  expect(added('', images, policy)).toEqual([[{ name: 'harbor' }], { name: 'default-secret' }]);
});

test("a policy's own word for SWR goes before the built-in one", () => {
  const hosts = 'hosts: ["swr.*.otc.t-systems.com"]';
  expect(added(SWR, {}, policyOf(`registries: [{ ${hosts}, pullSecret: own }]`))).toEqual([[{ name: 'own' }]]);
  expect(added(SWR, {}, policyOf(`registries: [{ ${hosts} }]`))).toEqual([]);
});

describe('where the cluster is known', () => {
  const POLICY = policyOf(
    'rules: { pull-secret-present: deny, pull-secret-usable: off, service-account-secrets-kept: off }',
    'registries: [{ hosts: [harbor.example.com], pullSecret: harbor }]',
  );

  function find(object: Json, facts: Facts): readonly Finding[] {
    const fixMode = object['kind'] === 'Pod' ? 'apply' : 'announce';
    return judgeIn(facts, object, { policy: POLICY, fixMode }).findings;
  }

  function given(object: Json, facts: Facts): unknown {
    return find(object, facts).map(({ fix }) => fix?.gives);
  }

  /** Facts of a service account `default` that has these secrets, and of the secrets that are said to be there. */
  function account(
    names: readonly string[] | ServiceAccount | 'unknown',
    secrets: Readonly<Record<string, PullSecret | 'unknown'>> = {},
  ): Facts {
    const placed = Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [`default/${name}`, secret]));
    return factsOf(placed, { 'default/default': names });
  }

  const { serviceAccounts } = account(['harbor', 'team']);

  test.each<[what: string, facts: Facts, expected: readonly string[]]>([
    ['no secret', account([]), ['"default-secret"', '"harbor"']],
    ['one of them', account(['harbor']), ['"default-secret"']],
    ['both', account(['default-secret', 'harbor']), []],
    ['another', account(['team']), ['"default-secret"', '"harbor"']],
    ['another, for the registry', account(['team'], { team: holding(['harbor.example.com']) }), ['"default-secret"']],
    ['secrets, but is not known', account('unknown'), ['"default-secret"', '"harbor"']],
    // Believed by their names.
    ['secrets that are not known', { serviceAccounts: serviceAccounts! }, ['"default-secret"']],
  ])('the pods of a template need nothing that their service account has: %s', (_, facts, expected) => {
    expect(given(deployment('', running(SWR, HARBOR)), facts)).toEqual(expected);
  });

  test.each<[what: string, secret: PullSecret | 'unknown' | undefined, image?: string]>([
    ['that is missing', undefined],
    ['that is not known', 'unknown'],
    ['for another registry', holding(['quay.io'])],
    ['without credentials', withoutCredentials(holding(['harbor.example.com']))],
    ['that cannot be read', holding(['harbor.example.com'], { malformed: 'it is no JSON' })],
    ['of another type', holding(['harbor.example.com'], { type: 'Opaque' })],
    ['that will end', holding(['harbor.example.com'], { expiresAt: NOW + 9999 * HOUR })],
    ['with what may be a copy', holding(['swr.eu-de.otc.t-systems.com']), SWR],
  ])('an image that is left to a secret %s needs its own', (_, secret, image = HARBOR) => {
    const facts = account(['team'], secret === undefined ? {} : { team: secret });
    const gives = image === SWR ? '"default-secret"' : '"harbor"';
    for (const object of [pod(image, named('team')), deployment(image)]) expect(given(object, facts)).toEqual([gives]);
  });

  test('one that another secret serves for good needs none, however it comes to the pod', () => {
    const facts = account(['team'], { team: holding(['harbor.example.com']) });
    const objects = [pod(HARBOR, named('team')), deployment(HARBOR, named('team')), deployment(HARBOR)];
    for (const object of objects) expect(given(object, facts)).toEqual([]);
  });

  test.each<[secret: PullSecret, severity: string]>([
    [holding(['swr.eu-de.otc.t-systems.com']), 'notice'],
    [holding(['swr.eu-de.otc.t-systems.com'], { expiresAt: NOW - HOUR }), 'error'],
    [holding(['quay.io']), 'error'],
  ])(
    'where nothing can be added any more, it counts whether the image is pulled all the same: %j',
    (team, severity) => {
      const facts = account([], { team });
      const { findings } = judgeIn(facts, pod(SWR, named('team')), { policy: POLICY, fixMode: 'never' });
      expect(findings.map((finding) => finding.severity)).toEqual([severity]);
    },
  );

  test('the first image that is not served is the one that is named', () => {
    const facts = account(['team'], { team: holding(['harbor.example.com/team']) });
    const images = running(HARBOR, 'harbor.example.com/other/app', 'harbor.example.com/third/app');
    const [found] = find(deployment('', images), facts);
    expect(describeFinding(found!)).toBe(
      `Pods get imagePullSecret "harbor" (needed by "harbor.example.com/other/app")`,
    );
    expect(found).toMatchObject({ label: 'container "c1"', messageId: 'missing', secret: 'harbor' });
  });

  test('what a template is announced leaves its pods what their service account has, and a pod has its own by now', () => {
    const edits = (object: Json, ...names: readonly string[]): unknown =>
      find(object, account(names)).flatMap(({ fix }) => fix?.edits ?? []);
    const path = '/spec/template/spec/imagePullSecrets';
    expect(edits(deployment('', running(SWR, HARBOR)), 'team')).toEqual([
      { op: 'add', path, value: [{ name: 'team' }, { name: 'default-secret' }] },
      { op: 'add', path: `${path}/-`, value: { name: 'harbor' } },
    ]);
    expect(edits(deployment(SWR, named('own')), 'team')).toEqual([
      { op: 'add', path: `${path}/-`, value: { name: 'default-secret' } },
    ]);
    expect(edits(pod(SWR), 'default-secret')).toEqual([
      { op: 'add', path: '/spec/imagePullSecrets', value: [{ name: 'default-secret' }] },
    ]);
  });

  test('a service account that enforces mountable secrets is not defied, as the API server would refuse the pod', () => {
    const show = (object: Json, ...pullSecrets: readonly string[]): readonly string[] =>
      find(object, account({ pullSecrets, enforcesMountableSecrets: true })).map(
        (finding) => `${finding.action} ${finding.fixed} ${describeFinding(finding)}`,
      );
    const refused = `deny no "${SWR}" needs imagePullSecret "default-secret", but ServiceAccount "default" allows only its own (enforce-mountable-secrets): add it to its imagePullSecrets`;
    const objects = [pod(SWR), pod(SWR, named('team')), deployment(SWR), deployment(SWR, named('team'))];
    for (const object of objects) expect(show(object, 'team')).toEqual([refused]);
    // And gives what it lists, of two only that.
    expect(show(pod('', { ...running(SWR, HARBOR), ...named('team') }), 'team', 'harbor')).toEqual([
      refused,
      `warn now added imagePullSecret "harbor" (needed by "${HARBOR}")`,
    ]);
  });
});
