import { expect, test } from 'vitest';
import type { CauseCode } from '../../../src/cause/causes.ts';
import { createPullPicture, type PullPicture } from '../../../src/cluster/pulls/pull-picture.ts';
import { readReference } from '../../../src/image/reference.ts';
import {
  MOST_FAILED_PULLS,
  MOST_NODES_OF_FAILURE,
  MOST_PODS_OF_FAILURE,
  shareOfNamespace,
} from '../../../src/text/bounds.ts';

const APP = readReference('harbor.example.com/team/app:v1')!;
const OTHER = readReference('harbor.example.com/team/other:v1')!;
const MINUTE = 60_000;

type Noted = Partial<Parameters<PullPicture['noteFailure']>[0]>;

function createAt(start = 1000 * MINUTE) {
  let time = start;
  const picture = createPullPicture(() => time);
  return {
    ...picture,
    pass: (ms: number) => {
      time += ms;
    },
    fail: (cause: CauseCode, noted: Noted = {}) => {
      const base = { reference: APP, namespace: 'shop', pod: 'web-1', node: 'node-1', since: time, last: time };
      picture.noteFailure({ cause, ...base, ...noted });
    },
    pull: (noted: Partial<Parameters<PullPicture['notePulled']>[0]> = {}) => {
      picture.notePulled({ reference: APP, namespace: 'shop', pod: 'web-1', node: 'node-1', at: time, ...noted });
    },
  };
}

test('a failure of the registry is one for all of its images, with how many nodes and Pods meet it, since the first', () => {
  const { fail, find, pass } = createAt();
  fail('unknown-ca');
  pass(MINUTE);
  fail('unknown-ca', { node: 'node-2', pod: 'web-2' });
  fail('unknown-ca', { node: 'node-2', pod: 'api-1', namespace: 'bank', reference: OTHER });
  expect(find(OTHER, 'elsewhere')).toEqual([
    { cause: 'unknown-ca', of: 'registry', registry: 'harbor.example.com', nodes: 2, pods: 3, since: 1000 * MINUTE },
  ]);
});

// With a layer that one image lacked, every Pod of the registry was warned of, and ran.
test.each(['layer-missing', 'layer-corrupt', 'access-blocked', 'web-page', 'image-not-found'] as const)(
  '%s is no reason to warn of another image of the registry',
  (cause) => {
    const { fail, find } = createAt();
    fail(cause);
    expect(find(OTHER, 'shop')).toEqual([]);
    expect(find(APP, 'shop')).toMatchObject([{ cause, of: 'image' }]);
  },
);

test('it is over on a node when that pulls from the registry, and altogether when the last one does', () => {
  const { fail, pull, find, pass } = createAt();
  fail('unknown-ca');
  fail('unknown-ca', { node: 'node-2', pod: 'web-2' });
  pass(1000);
  pull({ pod: 'api-1', namespace: 'bank', reference: OTHER });
  expect(find(APP, 'shop')).toMatchObject([{ nodes: 1 }]);
  pull({ node: 'node-2' });
  expect(find(APP, 'shop')).toEqual([]);
});

test('a pull that went well before says nothing, as watches bring Events in any order', () => {
  const { fail, pull, find, pass } = createAt();
  pass(MINUTE);
  fail('unknown-ca');
  pull({ at: 1000 * MINUTE });
  expect(find(APP, 'shop')).toHaveLength(1);
});

test('an image that is there for one namespace is no proof for another', () => {
  const { fail, pull, find } = createAt();
  fail('credentials-refused');
  pull({ namespace: 'bank' });
  expect(find(APP, 'shop')).toHaveLength(1);
  expect(find(APP, 'bank')).toEqual([]);
});

test('what does not happen again is over after ten minutes, also what is old when it is read', () => {
  const { fail, find, pass, countWaiting } = createAt();
  fail('timeout');
  fail('no-route', { last: 980 * MINUTE });
  expect(find(APP, 'shop')).toMatchObject([{ cause: 'timeout' }]);
  expect(countWaiting()).toEqual(new Map([['timeout', 1]]));
  pass(11 * MINUTE);
  expect(find(APP, 'shop')).toEqual([]);
  expect([...countWaiting().values()]).toEqual([0]);
});

test('that a registry was pulled from is known for ten minutes', () => {
  const { pull, hasPulled, pass } = createAt();
  pull();
  expect([hasPulled('harbor.example.com'), hasPulled('quay.io')]).toEqual([true, false]);
  pass(11 * MINUTE);
  expect(hasPulled('harbor.example.com')).toBe(false);
});

test('one namespace takes its share of the room, so that a failure of another is known', () => {
  const { fail, find } = createAt();
  const image = (at: number) => readReference(`harbor.example.com/team/app:v${at}`)!;
  for (let at = 0; at < 2 * MOST_FAILED_PULLS; at++) fail('image-not-found', { reference: image(at) });
  const kept = Array.from({ length: 2 * MOST_FAILED_PULLS }, (_, at) => find(image(at), 'shop').length);
  expect(kept.reduce((sum, each) => sum + each, 0)).toBe(shareOfNamespace(MOST_FAILED_PULLS));
  fail('unknown-ca', { namespace: 'bank' });
  expect(find(APP, 'bank')).toHaveLength(1);
});

test('nodes and Pods of a failure are counted up to a bound', () => {
  const { fail, find } = createAt();
  for (let at = 0; at < 1000; at++) fail('unknown-ca', { node: `node-${at}`, pod: `web-${at}` });
  expect(find(APP, 'shop')).toMatchObject([{ nodes: MOST_NODES_OF_FAILURE, pods: MOST_PODS_OF_FAILURE }]);
});
