import { describe, expect, test } from 'vitest';
import type { ImageAnswer } from '../../../src/cause/answer.ts';
import type { ProbeEvent, Target } from '../../../src/registry/prober/ask-registry.ts';
import { createConsult } from '../../../src/registry/prober/consult.ts';
import type { Keyring, ReadKeyring } from '../../../src/pull/keyring.ts';
import { createFingerprint } from '../../../src/registry/prober/fingerprint.ts';
import { readPull, type Pull } from '../../../src/registry/prober/pull.ts';
import { openSession, type Session } from '../../../src/registry/prober/session.ts';
import {
  credentials,
  DENIED,
  keyringOf,
  NO_IMAGE,
  NO_REPOSITORY,
  OK,
  probingPolicy,
  question,
  SETTINGS,
  settle,
  stoppedClock,
  UNREACHABLE,
} from './probing.ts';

const APP = 'registry.example.com/team/app:1';
const policy = probingPolicy();

const pullOf = (pullSecrets: readonly string[] | 'unknown', image = APP, namespace = 'web'): Pull =>
  readPull(question(image, pullSecrets, namespace), policy)!;

/** Consults about pods whose secrets hold this, at registries that say so much to each user; `anybody` has no name. */
function start(readKeyring: ReadKeyring, says: Readonly<Record<string, ImageAnswer | undefined>>) {
  const clock = stoppedClock();
  const targets: Target[] = [];
  const events: ProbeEvent[] = [];
  const { accesses, answers, ...others } = openSession(() => SETTINGS, clock.now);
  /** Everything that is put into what is known. */
  const kept: unknown[] = [];
  const session: Session = {
    ...others,
    accesses: {
      ...accesses,
      set: (...entry) => {
        kept.push(entry);
        accesses.set(...entry);
      },
    },
    answers: {
      ...answers,
      keep: (...entry) => {
        kept.push(entry);
        answers.keep(...entry);
      },
    },
  };
  let isCurrent = true;
  const consult = createConsult({
    readKeyring,
    askRegistry: async (_session, target) => {
      targets.push(target);
      const answer = says[target.credentials?.username ?? 'anybody'];
      session.answers.keep(target.key, answer);
      return Promise.resolve(answer);
    },
    onProbed: (event) => events.push(event),
    fingerprint: createFingerprint(),
    isCurrent: () => isCurrent,
    now: clock.now,
  });
  const asked = (): readonly string[] => targets.map((target) => target.credentials?.username ?? 'anybody');
  const changePolicy = (): void => {
    isCurrent = false;
  };
  return { ask: async (pull: Pull) => consult(session, pull), asked, events, kept, clock, changePolicy };
}

/** Secrets with these users for the registry, in their order. */
function holding(users: readonly string[], isComplete = true): ReadKeyring {
  const keyring = keyringOf(
    users.map((user) => ['registry.example.com', credentials(user)]),
    isComplete,
  );
  return async () => Promise.resolve(keyring);
}

const unread: ReadKeyring = async () => Promise.reject(new Error('nothing is to be read'));

describe('an image is pulled as kubelet does it', () => {
  test.each<[what: string, users: readonly string[], asked: readonly string[], told: ImageAnswer | undefined]>([
    ['as anybody without an entry for its registry', [], ['anybody'], NO_REPOSITORY],
    ['with the entry, and never as anybody then', ['denied'], ['denied'], DENIED],
    ['until somebody is let in', ['denied', 'missing', 'good', 'gone'], ['denied', 'missing', 'good'], OK],
    ['until nobody answers', ['denied', 'gone', 'good'], ['denied', 'gone'], UNREACHABLE],
    ['until it may not be asked', ['denied', 'forbidden', 'good'], ['denied', 'forbidden'], undefined],
    ['to the end when all are refused', ['denied', 'missing'], ['denied', 'missing'], NO_IMAGE],
  ])('%s', async (_what, users, tried, told) => {
    const says = { denied: DENIED, missing: NO_IMAGE, good: OK, gone: UNREACHABLE, anybody: NO_REPOSITORY };
    const { ask, asked } = start(holding(users), says);
    expect(await ask(pullOf(['one']))).toEqual(told);
    expect(asked()).toEqual(tried);
  });
});

describe('when it is not sure what kubelet has', () => {
  const unsure: readonly [what: string, pull: Pull, readKeyring: ReadKeyring][] = [
    ['as a secret could not be read', pullOf(['one']), holding([], false)],
    ['as nobody knows which secrets there are', pullOf('unknown'), unread],
    ['as there are too many secrets', pullOf(Array.from({ length: 21 }, (_, at) => `s${at}`)), holding([])],
  ];
  describe.each(unsure)('%s', (_what, pull, readKeyring) => {
    test.each([
      [OK, OK],
      [UNREACHABLE, UNREACHABLE],
      // With a key that kubelet may have it may be there.
      [NO_IMAGE, { ...NO_IMAGE, mayBeHidden: true }],
      [DENIED, undefined],
      [NO_REPOSITORY, undefined],
    ])('what the registry says, and the rule is told: %j, %j', async (answer, told) => {
      const { ask } = start(readKeyring, { anybody: answer });
      expect(await ask(pull)).toEqual(told);
    });
  });

  test('a refusal of six users is none, as only five are tried', async () => {
    const users = ['a', 'b', 'c', 'd', 'e', 'f'];
    const { ask, asked } = start(holding(users), Object.fromEntries(users.map((user) => [user, DENIED])));
    expect(await ask(pullOf(['one']))).toBeUndefined();
    expect(asked()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});

describe('pull secrets', () => {
  test('are not read for a pod that has none', async () => {
    const { ask, asked, events } = start(unread, { anybody: OK });
    expect(await ask(pullOf([]))).toEqual(OK);
    expect([asked(), events]).toEqual([['anybody'], []]);
  });

  test('that cannot be read have nothing asked and nothing said, and operators are told', async () => {
    const { ask, asked, events } = start(
      async () => Promise.reject(new Error('cannot read pull secret "web/one"')),
      {},
    );
    expect(await ask(pullOf(['one']))).toBeUndefined();
    expect(asked()).toEqual([]);
    expect(events).toEqual([
      {
        registry: 'registry.example.com',
        seconds: 0,
        result: { notAsked: { why: 'secrets-unreadable', problem: 'cannot read pull secret "web/one"' } },
      },
    ]);
  });

  test('are read once by all who ask at the same time, and again by who comes later', async () => {
    const reads: string[] = [];
    const readKeyring: ReadKeyring = async (namespace, names) => {
      reads.push(`${namespace}/${names.join('+')}`);
      return holding(['dev'])(namespace, names);
    };
    const { ask } = start(readKeyring, { dev: OK });
    const images = Array.from({ length: 50 }, (_, at) => `registry.example.com/team/app-${at}:1`);
    await Promise.all(images.map(async (image) => ask(pullOf(['one'], image))));
    await Promise.all([ask(pullOf(['one'])), ask(pullOf(['one', 'two'])), ask(pullOf(['one'], APP, 'other'))]);
    expect(reads).toEqual(['web/one', 'web/one', 'web/one+two', 'other/one']);
  });

  test('are read a few at a time, as an API server has other things to do', async () => {
    const ends: ((keyring: Keyring) => void)[] = [];
    const { ask } = start(async () => new Promise((resolve) => ends.push(resolve)), { anybody: OK });
    const asked = Array.from({ length: 1100 }, async (_, at) => ask(pullOf(['one'], APP, `web-${at}`)));
    await settle();
    expect(ends).toHaveLength(8);
    for (const end of ends) {
      end(keyringOf([]));
      // The next ones begin to be read, and end up in the same list.
      await settle();
    }
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(1008);
  });
});

describe('an answer that is there', () => {
  test('is used by all who have the same credentials, whatever namespace they are in', async () => {
    const { ask, asked } = start(holding(['dev']), { dev: OK });
    expect(await ask(pullOf(['one']))).toEqual(OK);
    expect(await ask(pullOf(['copy'], APP, 'other'))).toEqual(OK);
    expect(asked()).toEqual(['dev']);
  });

  test('is told at once when it is time to ask again, and that is done', async () => {
    const { ask, asked, clock } = start(holding(['dev']), { dev: OK });
    await ask(pullOf(['one']));
    clock.pass(SETTINGS.positiveMs / 2);
    expect(await ask(pullOf(['one']))).toEqual(OK);
    expect(asked()).toEqual(['dev', 'dev']);
  });
});

test('what was asked under an old policy is not told under a new one', async () => {
  const { ask, changePolicy } = start(holding(['dev']), { dev: OK });
  const asked = ask(pullOf(['one']));
  changePolicy();
  expect(await asked).toBeUndefined();
});

test('of credentials only fingerprints are kept', async () => {
  const { ask, kept } = start(holding(['dev-user']), { 'dev-user': OK });
  await ask(pullOf(['one']));
  expect(kept).toHaveLength(2);
  expect(JSON.stringify(kept)).not.toMatch(/dev-user|password/);
});
