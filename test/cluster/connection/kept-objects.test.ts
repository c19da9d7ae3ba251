import { beforeEach, describe, expect, test } from 'vitest';
import type { KubernetesObject } from '../../../src/cluster/connection/api-server.ts';
import { createKeptObjects, type KeptObjects } from '../../../src/cluster/connection/kept-objects.ts';
import { reportOnce } from '../../../src/cluster/connection/report-once.ts';
import { readString } from '../../../src/text/json.ts';

let objects: KeptObjects<string>;
let changes: string[];
let errors: string[];

/** An object whose type is kept; none of it where that is `none`, and with `odd` nobody can. */
const objectOf = (name: string, type = 'a', namespace?: string): KubernetesObject => ({
  metadata: { name, namespace },
  type,
});

beforeEach(() => {
  changes = [];
  errors = [];
  objects = createKeptObjects({
    path: '/api/v1/secrets',
    keep: (object) => {
      const type = readString(object, 'type');
      if (type === 'odd') throw new Error('it is odd');
      return type === 'none' ? undefined : type;
    },
    onChange: ({ namespace, name }, kept) => {
      if (name === 'deaf') throw new Error('not now');
      changes.push(`${namespace}/${name} ${kept ?? 'gone'}`);
    },
    reporter: reportOnce((message) => errors.push(message)),
  });
});

function list(...listed: readonly KubernetesObject[]): void {
  const listing = objects.beginList();
  for (const object of listed) listing.add(object);
  listing.end();
}

test('objects are found by namespace and name; those in no namespace have an empty one', () => {
  objects.put(objectOf('one', 'a', 'web'));
  objects.put(objectOf('web'));
  expect([objects.find('web', 'one'), objects.find('', 'web'), objects.find('', 'one'), objects.size()]).toEqual([
    'a',
    'a',
    undefined,
    2,
  ]);
  expect([...objects.values()]).toEqual([
    [{ namespace: 'web', name: 'one' }, 'a'],
    [{ namespace: '', name: 'web' }, 'a'],
  ]);
});

test('what came, changed and went is told, and nothing else', () => {
  objects.put(objectOf('one', 'a'));
  objects.put(objectOf('one', 'b'));
  objects.put(objectOf('two', 'none'));
  objects.put(objectOf('one', 'none'));
  objects.drop(objectOf('one'));
  objects.put(objectOf('one', 'c'));
  objects.drop(objectOf('one'));
  expect(changes).toEqual(['/one a', '/one b', '/one gone', '/one c', '/one gone']);
});

test('a new list takes the place of what was there when it ends, not before', () => {
  list(objectOf('stays'), objectOf('goes'));
  changes = [];
  const listing = objects.beginList();
  listing.add(objectOf('stays', 'b'));
  expect([objects.find('', 'stays'), objects.find('', 'goes'), changes]).toEqual(['a', 'a', []]);
  listing.end();
  expect(objects.find('', 'goes')).toBeUndefined();
  expect(changes).toEqual(['/goes gone', '/stays b']);
});

test('what stays the same in all that is kept stays the same object, and is told to nobody', () => {
  type Kept = Readonly<{ type: string }>;
  const told: string[] = [];
  const some = createKeptObjects<Kept>({
    path: '/api/v1/nodes',
    keep: (object) => ({ type: readString(object, 'type') }),
    isSame: (before, after) => before.type === after.type,
    onChange: ({ name }, kept) => told.push(`${name} ${kept?.type ?? 'gone'}`),
    reporter: reportOnce(() => undefined),
  });
  some.put(objectOf('one', 'a'));
  const first = some.find('', 'one');
  some.put(objectOf('one', 'a'));
  const listing = some.beginList();
  for (const each of [objectOf('one', 'a'), objectOf('two', 'a')]) listing.add(each);
  listing.end();
  expect(some.find('', 'one')).toBe(first);
  some.put(objectOf('one', 'b'));
  some.put(objectOf('one', 'a'));
  expect(told).toEqual(['one a', 'two a', 'one b', 'one a']);
  expect(some.find('', 'one')).toEqual({ type: 'a' });
});

test('what has no name is no object', () => {
  const nameless = { type: 'a', metadata: {} };
  list(nameless);
  objects.put(nameless);
  objects.drop(nameless);
  expect([objects.size(), changes, errors]).toEqual([0, [], []]);
});

describe('one odd object costs nothing else', () => {
  const TOLD = 'cannot read web/one of /api/v1/secrets, and goes on without it: it is odd';

  test('in a list', () => {
    list(objectOf('one', 'odd', 'web'), objectOf('two'));
    expect([objects.size(), errors]).toEqual([1, [TOLD]]);
  });

  test('when it was a good one before', () => {
    objects.put(objectOf('one', 'a', 'web'));
    objects.put(objectOf('one', 'odd', 'web'));
    expect([objects.find('web', 'one'), changes.at(-1)]).toEqual([undefined, 'web/one gone']);
  });

  test('and is told once, until it is a good one or gone', () => {
    const [odd, good] = [objectOf('one', 'odd', 'web'), objectOf('one', 'a', 'web')];
    for (const act of [objects.put, objects.put]) act(odd);
    expect(errors).toHaveLength(1);
    objects.put(good);
    objects.put(odd);
    objects.drop(odd);
    objects.put(odd);
    expect(errors).toEqual([TOLD, TOLD, TOLD]);
  });
});

test('who cannot deal with a change does not keep others from theirs', () => {
  list(objectOf('deaf'), objectOf('one'));
  expect(changes).toEqual(['/one a']);
  expect(errors).toEqual(['cannot deal with a change of deaf of /api/v1/secrets: not now']);
});
