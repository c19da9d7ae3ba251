import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeFailure, nameCause } from '../../src/cause/describe.ts';
import type { FailedPull } from '../../src/cause/answer.ts';
import { readReference, type ImageReference } from '../../src/image/reference.ts';
import { ENDPOINT, FAILURES, failed } from '../support/answers.ts';
import { HOUR, NOW } from '../support/facts.ts';

const APP = readReference('harbor.example.com/team/app:v9')!;
const HARBOR = ['harbor'];

type Options = Readonly<{ reference?: ImageReference; secrets?: readonly string[]; endpoint?: string; now?: number }>;

function say(failure: FailedPull, options: Options = { now: NOW }): string {
  const { reference = APP, secrets = HARBOR, endpoint = ENDPOINT, now } = options;
  return describeFailure(failed(failure, endpoint), reference, { secrets, now }).message;
}

describe('a person reads the cause first, with the real host and port, and then what to do', () => {
  test.each<[failure: FailedPull, text: string]>([
    [
      { outcome: 'failed', cause: 'credentials-refused' },
      'harbor.example.com:443 refuses the user and password of pull secret "harbor": make it again with the right ones',
    ],
    [
      { outcome: 'failed', cause: 'access-denied' },
      'harbor.example.com:443 does not let the user of pull secret "harbor" pull it, or there is no team/app: give the user that right, or correct the address',
    ],
    [
      { outcome: 'failed', cause: 'credentials-missing' },
      'harbor.example.com:443 gives it to nobody without a user and password, or there is no team/app: name a pull secret that has them, or correct the address',
    ],
    [
      { outcome: 'failed', cause: 'anonymous-denied' },
      'harbor.example.com:443 does not let just anybody pull it, or there is no team/app: name a pull secret of a user who may, or correct the address',
    ],
    [
      { outcome: 'failed', cause: 'repository-not-found' },
      'harbor.example.com:443 has no repository team/app: correct the address, or push the image',
    ],
    [
      { outcome: 'failed', cause: 'image-not-found' },
      'harbor.example.com:443 has no tag "v9" in team/app: correct the tag, or push the image',
    ],
    [
      { outcome: 'failed', cause: 'unknown-ca' },
      'the certificate of harbor.example.com:443 is signed by a CA that is unknown here: add the CA on each node (openssl s_client -showcerts -connect harbor.example.com:443)',
    ],
    [
      { outcome: 'failed', cause: 'certificate-expired' },
      'the certificate of harbor.example.com:443 has expired or is not yet valid: have it renewed, or put the clock right',
    ],
    [
      { outcome: 'failed', cause: 'certificate-wrong-host' },
      'the certificate of harbor.example.com:443 is for another host: write the host that it is for, or have it name this one',
    ],
    [
      { outcome: 'failed', cause: 'no-such-host' },
      'pullguard cannot reach harbor.example.com:443 (no such host): correct the address, or have DNS know the host',
    ],
    [
      { outcome: 'failed', cause: 'no-route' },
      'pullguard cannot reach harbor.example.com:443 (no route to host): give the nodes a way there, such as a public IP (EIP), or push the image to SWR',
    ],
    [
      { outcome: 'failed', cause: 'connection-refused' },
      'pullguard cannot reach harbor.example.com:443 (connection refused): check the port, and that the registry runs',
    ],
    [
      { outcome: 'failed', cause: 'connection-reset' },
      'pullguard cannot reach harbor.example.com:443 (connection reset): give the nodes a way there, such as a public IP (EIP), or push the image to SWR',
    ],
    [
      { outcome: 'failed', cause: 'timeout' },
      'pullguard cannot reach harbor.example.com:443 (timeout): give the nodes a way there, such as a public IP (EIP), or push the image to SWR',
    ],
    [
      { outcome: 'failed', cause: 'rate-limited', endsAt: undefined },
      'harbor.example.com:443 limits pulls now: push the image to SWR and pull it from there',
    ],
    [
      { outcome: 'failed', cause: 'server-error', fault: { what: 'status', number: 503 } },
      'harbor.example.com:443 does not work as a registry should (HTTP 503): ask who runs it',
    ],
    [
      { outcome: 'failed', cause: 'no-tls', fault: { what: 'no-tls' } },
      'harbor.example.com:443 does not work as a registry should (it does not speak TLS): check the port, or have plain HTTP allowed',
    ],
  ])('%j', (failure, text) => {
    expect(say(failure)).toBe(text);
    expect(text.length).toBeLessThanOrEqual(170);
  });

  test('each failure that there is has its line in the table above', () => {
    expect(new Set(FAILURES.map((failure) => say(failure))).size).toBe(FAILURES.length);
  });
});

describe('it names what was refused', () => {
  const REFUSED = { outcome: 'failed', cause: 'credentials-refused' } as const;

  test.each<[secrets: readonly string[], text: string]>([
    [[], 'refuses the user and password it was given: give it the right ones'],
    [['a', 'b', 'c'], 'refuses the user and password of pull secrets "a" and 2 more: give it the right ones'],
    // Nobody can make it again, as CCE would be first.
    [
      ['default-secret'],
      'refuses the user and password of pull secret "default-secret": wait until CCE has renewed it, or name one of your own',
    ],
    [['a\nb'], String.raw`refuses the user and password of pull secret "a\nb": make it again with the right ones`],
  ])('of pull secrets %j', (secrets, text) => {
    expect(say(REFUSED, { secrets })).toBe(`harbor.example.com:443 ${text}`);
  });

  test.each<[image: string, text: string]>([
    ['harbor.example.com/team/app', 'has no tag "latest" in team/app: name one that is there, or push the image'],
    [
      `harbor.example.com/team/app:v9@sha256:${'0123456789abcdef'.repeat(4)}`,
      'has no image sha256:0123456789ab… in team/app: correct the digest, or push the image',
    ],
  ])('of %s', (image, text) => {
    const reference = readReference(image)!;
    expect(say({ outcome: 'failed', cause: 'image-not-found' }, { reference })).toBe(`harbor.example.com:443 ${text}`);
  });
});

describe('the end of a limit is told as far as it makes sense', () => {
  test.each<[what: string, endsAt: number, now: number | undefined, text: string]>([
    ['the same day', NOW + 2 * HOUR, NOW, 'until 14:00Z'],
    ['not before it is over', NOW + 1, NOW, 'until 12:01Z'],
    ['another day', NOW + 24 * HOUR, NOW, 'until 2026-06-02T12:00Z'],
    ['nobody knows the time', NOW + 2 * HOUR, undefined, 'until 2026-06-01T14:00Z'],
    ['over', NOW, NOW, 'now'],
    ['no time at all', NaN, NOW, 'now'],
    ['never', Infinity, undefined, 'now'],
    ['when nobody is left', 8.64e15, NOW, 'now'],
    ['beyond what a date can be', 8.64e15 + 1, NOW, 'now'],
  ])('%s', (_, endsAt, now, text) => {
    expect(say({ outcome: 'failed', cause: 'rate-limited', endsAt }, now === undefined ? {} : { now })).toContain(
      ` limits pulls ${text}: `,
    );
  });
});

test('a command that would have to be cut is left to the remedy', () => {
  const endpoint = `${'h'.repeat(60)}:5000`;
  const failure = failed({ outcome: 'failed', cause: 'unknown-ca' }, endpoint);
  const { message, remedy } = describeFailure(failure, APP, { secrets: [], now: NOW });
  expect(message).toMatch(/: add the CA on each node$/);
  expect(remedy).toContain(`openssl s_client -showcerts -connect ${endpoint} <`);
});

test('the longest names there are leave room for what to do', () => {
  const names: readonly ImageReference[] = [
    { registry: 'r', repository: 'p'.repeat(255), tag: 't'.repeat(128) },
    { registry: 'r', repository: 'p'.repeat(255), digest: `sha512:${'0'.repeat(128)}` },
  ];
  const secret = fc.string({ unit: 'binary', maxLength: 300 });
  fc.assert(
    fc.property(
      fc.constantFrom(...FAILURES),
      fc.constantFrom(...names),
      fc.array(secret, { maxLength: 3 }),
      (failure, reference, secrets) => {
        const endpoint = `${'h'.repeat(255)}:65535`;
        const message = say(failure, { reference, secrets, endpoint });
        expect(message.length).toBeLessThanOrEqual(256);
        // The port is what people look for.
        expect(message).toContain('…' + 'h'.repeat(19) + ':65535');
        expect(message).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
      },
    ),
  );
});

test.each<[Parameters<typeof nameCause>[0], string]>([
  [{ outcome: 'failed', cause: 'unknown-ca' }, 'certificate signed by an unknown CA'],
  [{ outcome: 'failed', cause: 'connection-refused' }, 'connection refused'],
  [{ outcome: 'failed', cause: 'rate-limited', endsAt: undefined }, 'too many requests'],
  [{ outcome: 'failed', cause: 'server-error', fault: { what: 'status', number: 503 } }, 'HTTP 503'],
])('%j in a few words: %s', (failure, text) => {
  expect(nameCause(failure)).toBe(text);
});
