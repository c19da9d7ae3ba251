import { describe, expect, test } from 'vitest';
import type { Facts, PullSecret, ServiceAccount } from '../../src/pull/facts.ts';
import type { Finding } from '../../src/engine/evaluate.ts';
import { describeFinding } from '../../src/report/finding.ts';
import { factsOf, holding, HOUR, judgeIn, NOW, withoutCredentials } from '../support/facts.ts';
import { judge } from '../support/judge.ts';
import { deployment, pod, type Json } from '../support/objects.ts';
import { MIRRORED, policyOf } from '../support/policies.ts';

const DEFAULT = policyOf();

function secretsAdded(image: string, spec: Json = {}, policy = DEFAULT): unknown[] {
  return judge(pod(image, spec), policy, 'apply')
    .edits.filter(({ path }) => path.includes('imagePullSecrets'))
    .map(({ value }) => value);
}

describe('every image of shared SWR gets the secret that CCE keeps for it', () => {
  test.each([
    'swr.cn-north-4.myhuaweicloud.com/team/app:v1',
    'swr.eu-west-101.myhuaweicloud.eu/team/app',
    'swr.eu-de.otc.t-systems.com/team/app',
    'swr.eu-nl.otc.t-systems.com/team/app@sha256:9b1b7be1ffa607d40d545607d3fdf441f08553468adec5588fb58499ad77fe58',
    'swr.eu-ch2.sc.otc.t-systems.com/team/app',
  ])('%s', (image) => {
    expect(secretsAdded(image)).toEqual([[{ name: 'default-secret' }]]);
  });
});

describe('nothing that only looks like shared SWR gets it', () => {
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
  ])('%s', (image) => {
    expect(secretsAdded(image)).toEqual([]);
  });
});

test('a pod that names the secret, before or after others, is left as it is', () => {
  const image = 'swr.eu-de.otc.t-systems.com/team/app';
  expect(secretsAdded(image, { imagePullSecrets: [{ name: 'default-secret' }, { name: 'other' }] })).toEqual([]);
  expect(secretsAdded(image, { imagePullSecrets: [{ name: 'other' }, { name: 'default-secret' }] })).toEqual([]);
});

test('an image that is never pulled needs no secret', () => {
  const containers = [{ name: 'a', image: 'swr.eu-de.otc.t-systems.com/a/b', imagePullPolicy: 'Never' }];
  expect(secretsAdded('', { containers })).toEqual([]);
});

test('two registries with a secret each give both, once, in one patch that applies in order', () => {
  const policy = policyOf('registries: [{ hosts: [harbor.example.com], pullSecret: harbor }]');
  const images = ['harbor.example.com/a/b', 'swr.eu-de.otc.t-systems.com/a/b', 'harbor.example.com/c/d'];
  const containers = images.map((image, at) => ({ name: `c${at}`, image }));
  expect(secretsAdded('', { containers }, policy)).toEqual([[{ name: 'harbor' }], { name: 'default-secret' }]);
});

test('an image that moves to its mirror needs the secret of the mirror', () => {
  expect(secretsAdded('nginx', {}, MIRRORED)).toEqual([[{ name: 'default-secret' }]]);
});

test("a policy's own word for SWR goes before the built-in one", () => {
  const hosts = 'hosts: ["swr.*.otc.t-systems.com"]';
  expect(
    secretsAdded('swr.eu-de.otc.t-systems.com/a/b', {}, policyOf(`registries: [{ ${hosts}, pullSecret: own }]`)),
  ).toEqual([[{ name: 'own' }]]);
  expect(secretsAdded('swr.eu-de.otc.t-systems.com/a/b', {}, policyOf(`registries: [{ ${hosts} }]`))).toEqual([]);
});

describe('where the cluster is known', () => {
  const SWR = 'swr.eu-de.otc.t-systems.com/team/app:v1';
  const HARBOR = 'harbor.example.com/team/app:v1';
  const POLICY = policyOf(
    'rules: { pull-secret-present: deny, pull-secret-usable: off, service-account-secrets-kept: off }',
    'registries: [{ hosts: [harbor.example.com], pullSecret: harbor }]',
  );

  function find(object: Json, facts: Facts, fixMode: 'announce' | 'apply' = 'announce'): readonly Finding[] {
    return judgeIn(facts, object, { policy: POLICY, fixMode }).findings;
  }

  /** What the pods of a Deployment that names no secret are given. */
  function given(images: readonly string[], facts: Facts): unknown {
    const containers = images.map((image, at) => ({ name: `c${at}`, image }));
    return find(deployment('', { containers }), facts).map(({ fix }) => fix?.gives);
  }

  /** Facts of a service account `default` that has these secrets, and of the secrets that are said to be there. */
  function account(names: readonly string[], secrets: Readonly<Record<string, PullSecret | 'unknown'>> = {}): Facts {
    const placed = Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [`default/${name}`, secret]));
    return factsOf(placed, { 'default/default': names });
  }

  test.each<[what: string, facts: Facts, expected: readonly string[]]>([
    ['no secret', account([]), ['"default-secret"', '"harbor"']],
    ['one of them', account(['harbor']), ['"default-secret"']],
    ['both', account(['default-secret', 'harbor']), []],
    ['another', account(['team']), ['"default-secret"', '"harbor"']],
    ['another, for the registry', account(['team'], { team: holding(['harbor.example.com']) }), ['"default-secret"']],
    ['secrets, but is not known', factsOf({}, { 'default/default': 'unknown' }), ['"default-secret"', '"harbor"']],
  ])('the pods of a template need nothing that their service account has: %s', (_, facts, expected) => {
    expect(given([SWR, HARBOR], facts)).toEqual(expected);
  });

  test('a service account without secrets that are known is believed by their names', () => {
    const { serviceAccounts } = factsOf({}, { 'default/default': ['harbor', 'team'] });
    expect(given([SWR, HARBOR], { serviceAccounts })).toEqual(['"default-secret"']);
  });

  test('an image that another secret serves for good needs none, however it comes to the pod', () => {
    const facts = account(['team'], { team: holding(['harbor.example.com']) });
    expect(find(pod(HARBOR, { imagePullSecrets: [{ name: 'team' }] }), facts, 'apply')).toEqual([]);
    expect(find(deployment(HARBOR, { imagePullSecrets: [{ name: 'team' }] }), facts)).toEqual([]);
    expect(find(deployment(HARBOR), facts)).toEqual([]);
  });

  test.each<[what: string, secret: PullSecret | 'unknown' | undefined, image: string]>([
    ['that is missing', undefined, HARBOR],
    ['that is not known', 'unknown', HARBOR],
    ['for another registry', holding(['quay.io']), HARBOR],
    ['without credentials', withoutCredentials(holding(['harbor.example.com'])), HARBOR],
    ['that cannot be read', holding(['harbor.example.com'], { malformed: 'it is no JSON' }), HARBOR],
    ['of another type', holding(['harbor.example.com'], { type: 'Opaque' }), HARBOR],
    ['that will end', holding(['harbor.example.com'], { expiresAt: NOW + 9999 * HOUR }), HARBOR],
    ['with what may be a copy', holding(['swr.eu-de.otc.t-systems.com']), SWR],
  ])('an image that is left to a secret %s needs its own', (_, secret, image) => {
    const facts = account(['team'], secret === undefined ? {} : { team: secret });
    const gives = image === SWR ? '"default-secret"' : '"harbor"';
    for (const object of [pod(image, { imagePullSecrets: [{ name: 'team' }] }), deployment(image)]) {
      expect(find(object, facts).map(({ fix }) => fix?.gives)).toEqual([gives]);
    }
  });

  test('the first image that is not served is the one that is named', () => {
    const facts = account(['team'], { team: holding(['harbor.example.com/team']) });
    const images = [HARBOR, 'harbor.example.com/other/app', 'harbor.example.com/third/app'];
    const containers = images.map((image, at) => ({ name: `c${at}`, image }));
    expect(find(deployment('', { containers }), facts).map((finding) => describeFinding(finding))).toEqual([
      `"harbor.example.com/other/app" needs its registry's pull secret; its pods get "harbor"`,
    ]);
  });

  test('what a template is announced leaves its pods what their service account has', () => {
    const edits = (object: Json): unknown => find(object, account(['team'])).flatMap(({ fix }) => fix?.edits ?? []);
    const containers = [SWR, HARBOR].map((image, at) => ({ name: `c${at}`, image }));
    const path = '/spec/template/spec/imagePullSecrets';
    expect(edits(deployment('', { containers }))).toEqual([
      { op: 'add', path, value: [{ name: 'team' }, { name: 'default-secret' }] },
      { op: 'add', path: `${path}/-`, value: { name: 'harbor' } },
    ]);
    expect(edits(deployment(SWR, { imagePullSecrets: [{ name: 'own' }] }))).toEqual([
      { op: 'add', path: `${path}/-`, value: { name: 'default-secret' } },
    ]);
  });

  test('a pod that came without the secrets of its service account is not given those', () => {
    const { edits } = judgeIn(account(['default-secret']), pod(SWR), { policy: POLICY, fixMode: 'apply' });
    expect(edits).toEqual([{ op: 'add', path: '/spec/imagePullSecrets', value: [{ name: 'default-secret' }] }]);
  });

  describe('a service account that enforces mountable secrets', () => {
    const strict = (...pullSecrets: readonly string[]): ServiceAccount => ({
      pullSecrets,
      enforcesMountableSecrets: true,
    });
    const facts = (...names: readonly string[]): Facts => factsOf({}, { 'default/default': strict(...names) });
    const refused = (image: string, secret: string): string =>
      `deny no "${image}" needs its registry's pull secret "${secret}", and service account "default" enforces mountable secrets and does not list it: add it to the account's imagePullSecrets`;
    const show = (object: Json, known: Facts): readonly string[] =>
      find(object, known, object['kind'] === 'Pod' ? 'apply' : 'announce').map(
        (finding) => `${finding.action} ${finding.fixed} ${describeFinding(finding)}`,
      );

    test.each([
      ['a pod', pod(SWR)],
      ['a pod with others', pod(SWR, { imagePullSecrets: [{ name: 'team' }] })],
      ['a template', deployment(SWR)],
      ['a template with others', deployment(SWR, { imagePullSecrets: [{ name: 'team' }] })],
    ])('is not defied, as the API server would refuse %s', (_, object) => {
      expect(show(object, facts('team'))).toEqual([refused(SWR, 'default-secret')]);
    });

    test('gets what it lists, and of two only that', () => {
      const containers = [SWR, HARBOR].map((image, at) => ({ name: `c${at}`, image }));
      const object = pod('', { containers, imagePullSecrets: [{ name: 'team' }] });
      expect(show(object, facts('team', 'harbor'))).toEqual([
        refused(SWR, 'default-secret'),
        `warn now "${HARBOR}" needs its registry's pull secret; given "harbor"`,
      ]);
    });
  });
});
