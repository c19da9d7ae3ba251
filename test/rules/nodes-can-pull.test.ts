import { describe, expect, test } from 'vitest';
import type { CauseCode } from '../../src/cause/causes.ts';
import { readReference } from '../../src/image/reference.ts';
import { createPullPicture } from '../../src/cluster/pulls/pull-picture.ts';
import { registriesOf, failed } from '../support/answers.ts';
import { HOUR, judgeIn, NOW } from '../support/facts.ts';
import { deployment } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

const POLICY = policyOf(`registries: [{ hosts: [harbor.example.com], probe: true }]
rules: { nodes-can-pull: deny, image-pullable: deny }`);
const APP = 'harbor.example.com/team/app:v1';

type Seen = Readonly<{
  cause: CauseCode;
  image?: string;
  namespace?: string;
  node?: string;
  pod?: string;
  ago?: number;
}>;

function pullsOf(...seen: readonly Seen[]) {
  const picture = createPullPicture(() => NOW);
  for (const { cause, image = APP, namespace = 'default', node = 'node-1', pod = 'web-1', ago = 60_000 } of seen) {
    const last = NOW - ago;
    picture.noteFailure({ cause, reference: readReference(image)!, namespace, pod, node, since: last - 60_000, last });
  }
  return picture;
}

function find(seen: readonly Seen[], image = 'harbor.example.com/team/other:v2'): readonly string[] {
  const { findings } = judgeIn({ pulls: pullsOf(...seen) }, deployment(image), { policy: POLICY });
  return findings.map(({ action, message }) => `${action} ${message}`);
}

test('a registry that nodes cannot pull from is a warning for all of its images, and never more', () => {
  expect(
    find([{ cause: 'unknown-ca' }, { cause: 'unknown-ca', node: 'node-2', pod: 'web-2', namespace: 'bank' }]),
  ).toEqual([
    'warn 2 nodes cannot pull from harbor.example.com since 11:58Z (x509: certificate signed by unknown authority): see pullguard diagnose',
  ]);
});

test('an image that is not there is a warning for that image in its namespace alone', () => {
  const seen: readonly Seen[] = [{ cause: 'image-not-found' }];
  expect(find(seen, APP)).toEqual([
    'warn 1 node cannot pull this image since 11:58Z (manifest unknown): see pullguard diagnose',
  ]);
  expect(find(seen)).toEqual([]);
  expect(find([{ cause: 'image-not-found', namespace: 'bank' }], APP)).toEqual([]);
});

test.each<[what: string, seen: readonly Seen[], image?: string]>([
  ['nothing fails', []],
  ['another registry fails', [{ cause: 'unknown-ca', image: 'quay.io/a/b:1' }]],
  ['it is long ago', [{ cause: 'unknown-ca', ago: HOUR }]],
])('nothing is said where %s', (_what, seen, image) => {
  expect(find(seen, image)).toEqual([]);
});

describe('of the images of one Pod', () => {
  const messagesFor = (...seen: readonly Seen[]): readonly string[] => {
    const containers = ['app', 'b', 'c'].map((name) => ({ name, image: `harbor.example.com/team/${name}:v1` }));
    const { findings } = judgeIn({ pulls: pullsOf(...seen) }, deployment('', { containers }), { policy: POLICY });
    return findings.map(({ label, messageId }) => `${label} ${messageId}`);
  };

  test('a registry that fails is reported at the first', () => {
    expect(messagesFor({ cause: 'timeout' })).toEqual(['container "app" registry-fails']);
  });

  test('one that fails alone does not hide that the registry fails for the others', () => {
    const ofImage = ['web-1', 'web-2'].map((pod): Seen => ({ cause: 'image-not-found', pod }));
    expect(messagesFor(...ofImage, { cause: 'timeout' })).toEqual([
      'container "app" image-fails',
      'container "b" registry-fails',
    ]);
  });
});

describe('what nodes meet outranks what pullguard meets', () => {
  const registries = registriesOf({ [APP]: failed({ outcome: 'failed', cause: 'no-route' }) });
  const rules = (pulls: ReturnType<typeof pullsOf>): readonly string[] =>
    judgeIn({ registries, pulls }, deployment(APP), { policy: POLICY }).findings.map(({ rule }) => rule);

  test('nodes that know nothing leave it to the registry', () => {
    expect(rules(pullsOf())).toEqual(['image-pullable']);
  });

  test('where nodes pull, it is no matter that pullguard cannot', () => {
    const pulls = pullsOf();
    const reference = readReference('harbor.example.com/team/other:v2')!;
    pulls.notePulled({ reference, namespace: 'bank', pod: 'api', node: 'node-2', at: NOW });
    expect(rules(pulls)).toEqual([]);
  });

  test('where both cannot, it is told once', () => {
    expect(rules(pullsOf({ cause: 'unknown-ca' }))).toEqual(['nodes-can-pull']);
  });

  test('that there is no such image is told all the same', () => {
    const missing = registriesOf({ [APP]: failed({ outcome: 'failed', cause: 'image-not-found' }) });
    const facts = { registries: missing, pulls: pullsOf({ cause: 'unknown-ca' }) };
    const { findings } = judgeIn(facts, deployment(APP), { policy: POLICY });
    expect(findings.map(({ rule }) => rule)).toEqual(['nodes-can-pull', 'image-pullable']);
  });
});
