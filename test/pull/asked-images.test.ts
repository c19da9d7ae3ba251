import { describe, expect, test } from 'vitest';
import { askAboutImages } from '../../src/pull/asked-images.ts';
import type { Facts } from '../../src/pull/facts.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { readWorkloads, type Workload } from '../../src/workload/workload.ts';
import { failed, pullable, registriesOf } from '../support/answers.ts';
import { factsOf } from '../support/facts.ts';
import { pod, type Json } from '../support/objects.ts';

function read(spec: Json): Workload {
  return readWorkloads(pod('nginx', spec), WORKLOAD_KINDS[0]!, 'default')[0]!;
}

const CONTAINERS = [
  { name: 'a', image: 'harbor.example.com/app:v1' },
  { name: 'b', image: 'harbor.example.com/app:v1', imagePullPolicy: 'Always' },
  { name: 'c', image: 'harbor.example.com/new:v1' },
  { name: 'd', image: 'harbor.example.com/loaded:v1', imagePullPolicy: 'Never' },
  { name: 'e', image: 'HARBOR' },
];

test('each image that is pulled is asked about once, and each place that names it is told the answer', () => {
  const registries = registriesOf({
    'harbor.example.com/app:v1': pullable(),
    'harbor.example.com/loaded:v1': failed({ outcome: 'failed', cause: 'image-not-found' }),
  });
  const { images } = askAboutImages(read({ containers: CONTAINERS }), { registries });
  expect(registries.asked.map(({ reference }) => reference.repository)).toEqual(['app', 'new']);
  expect(images.map(({ use, answer }) => `${use.label} ${answer.outcome}`)).toEqual([
    'container "a" ok',
    'container "b" ok',
  ]);
});

describe('registries are asked with what the pod has', () => {
  const accounts = factsOf({}, { 'default/default': ['of-account', ''], 'default/bare': [] });

  test.each<[what: string, spec: Json, facts: Facts, expected: readonly string[] | undefined]>([
    ['its own list', { imagePullSecrets: [{ name: 'a' }, {}, { name: 'b' }, { name: 'a' }] }, accounts, ['a', 'b']],
    ['its account’s', {}, accounts, ['of-account']],
    ['nothing', { serviceAccountName: 'bare' }, accounts, []],
    ['nobody knows what', { serviceAccountName: 'new' }, accounts, undefined],
    ['nobody knows what, as nobody told of accounts', {}, {}, undefined],
  ])('%s', (_, spec, facts, expected) => {
    const registries = registriesOf({});
    const { secrets } = askAboutImages(read(spec), { ...facts, registries });
    expect(registries.asked).toEqual([
      {
        reference: { registry: 'docker.io', repository: 'library/nginx' },
        namespace: 'default',
        pullSecrets: expected,
      },
    ]);
    expect(secrets).toEqual(expected ?? []);
  });
});
