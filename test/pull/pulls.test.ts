import { expect, test } from 'vitest';
import type { Facts, PullSecret } from '../../src/pull/facts.ts';
import { findPulls } from '../../src/pull/pulls.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { readWorkloads } from '../../src/workload/workload.ts';
import { factsOf, holding, HOUR, NOW, withoutCredentials } from '../support/facts.ts';
import { pod } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const IMAGES = ['nginx', 'quay.io/team/app', 'harbor.example.com/team/app'];

/** The images of a pod with secrets `a` and `b`, by what becomes of them; keys should last two hours. */
function sort(secrets: Readonly<Record<string, PullSecret | 'unknown'>>): object {
  const containers = IMAGES.map((image, at) => ({ name: `c${at}`, image }));
  const object = pod('', { containers, imagePullSecrets: [{ name: 'a' }, { name: 'b' }] });
  const [workload] = readWorkloads(object, WORKLOAD_KINDS[0]!, 'default');
  const facts = factsOf(Object.fromEntries(Object.entries(secrets).map(([name, each]) => [`default/${name}`, each])));
  const pulls = findPulls(workload!, policyOf(), facts, 2 * HOUR);
  // Nothing can be wrong.
  if (pulls === undefined) return NOTHING;
  const { unserved, left, withoutEntry, endingSoon } = pulls;
  const name = (images: readonly Readonly<{ written: string }>[]): string =>
    images.map(({ written }) => written.split('.')[0]).join(' ');
  return {
    unserved: name(unserved),
    left: name(left),
    withoutEntry: name(withoutEntry),
    endingSoon: name([...endingSoon.keys()]),
  };
}

const NOTHING = { unserved: '', left: '', withoutEntry: '', endingSoon: '' };

const BOTH = ['quay.io', 'harbor.example.com'];

test.each<[what: string, secrets: Record<string, PullSecret | 'unknown'>, expected: object]>([
  ['no secret', {}, { unserved: 'nginx quay harbor', left: 'quay harbor', withoutEntry: 'quay harbor' }],
  ['a key for one', { b: holding(['quay.io']) }, { unserved: 'nginx harbor', left: 'harbor', withoutEntry: 'harbor' }],
  ['keys for all', { a: holding([...BOTH, 'docker.io']) }, {}],
  ['keys in two', { a: holding(['quay.io', 'docker.io']), b: holding(['harbor.example.com']) }, {}],
  ['an empty entry', { a: withoutCredentials(holding(BOTH)) }, { unserved: 'nginx quay harbor', left: 'quay harbor' }],
  ['a secret that is not known', { a: 'unknown' }, {}],
  ['keys that ended', { a: holding(BOTH, { expiresAt: NOW }) }, { unserved: 'nginx quay harbor', left: 'quay harbor' }],
  [
    'keys that end soon',
    { a: holding(BOTH, { expiresAt: NOW + 1 }) },
    { unserved: 'nginx', endingSoon: 'quay harbor' },
  ],
  [
    'keys that end just soon',
    { a: holding(BOTH, { expiresAt: NOW + 2 * HOUR }) },
    { unserved: 'nginx', endingSoon: 'quay harbor' },
  ],
  ['keys that end later', { a: holding(BOTH, { expiresAt: NOW + 2 * HOUR + 1 }) }, { unserved: 'nginx' }],
  [
    'one of two that lasts',
    { a: holding(BOTH, { expiresAt: NOW + 1 }), b: holding(['quay.io']) },
    { unserved: 'nginx', endingSoon: 'harbor' },
  ],
  ['one that ends soon beside one that nobody may see', { a: holding(BOTH, { expiresAt: NOW + 1 }), b: 'unknown' }, {}],
])('an image is said to lack a key only if it surely does: %s', (_, secrets, expected) => {
  expect(sort(secrets)).toEqual({ ...NOTHING, ...expected });
});

test('of a pod whose secrets nobody knows nothing is said', () => {
  const [workload] = readWorkloads(pod('nginx', { serviceAccountName: 'new' }), WORKLOAD_KINDS[0]!, 'default');
  const facts: Facts & Required<Pick<Facts, 'pullSecrets'>> = factsOf({});
  expect(findPulls(workload!, policyOf(), facts, 0)).toBeUndefined();
});
