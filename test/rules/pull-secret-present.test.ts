import { describe, expect, test } from 'vitest';
import { judge } from '../support/judge.ts';
import { pod, type Json } from '../support/objects.ts';
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
