import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CAUSES, causeOf, type CauseCode } from '../../src/cause/causes.ts';
import { readFailure, type Failure } from '../../src/cause/read-failure.ts';
import { CONTAINERD } from './messages-containerd.ts';
import { CRIO, DOCKER, KUBELET, NAMES, OTHERS } from './messages-others.ts';
import type { Sample } from './samples.ts';

function read(message: string): Failure | undefined {
  const reading = readFailure(message);
  return reading.kind === 'failed' ? reading.failure : undefined;
}

function itemOf(cause: CauseCode | 'unknown' | undefined): number | null {
  return cause === undefined || cause === 'unknown' ? null : causeOf(cause).faqItem;
}

function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/pull-failures/${name}`, import.meta.url), 'utf8'));
}

/** Quoted once more by each log that a message passes through. */
const quoted = (text: string): string => JSON.stringify(text);

const TABLES: readonly (readonly [string, readonly Sample[]])[] = [
  ['containerd', CONTAINERD],
  ['CRI-O', CRIO],
  ['Docker', DOCKER],
  ['kubelet', KUBELET],
  ['names that are words of causes', NAMES],
];

describe.each(TABLES)('the cause is read from words of %s', (_name, table) => {
  test.each(table)('%s', (message, cause) => {
    expect(read(message)?.cause).toBe(cause);
  });

  test.each(table)(
    'also where it is quoted, in a log of kubelet, or in the status of a container: %s',
    (message, cause) => {
      if (cause !== 'back-off') expect(read(quoted(quoted(message)))?.cause).toBe(cause);
      const log = `E0601 12:00:00.000000  1 pod_workers.go:1301] "Error syncing pod, skipping" err=${quoted(`failed to "StartContainer" for "web" with ErrImagePull: ${quoted(message)}`)} pod="shop/web-1" podUID="1"`;
      if (cause !== 'back-off') expect(read(log)?.cause).toBe(cause);
      if (cause !== 'back-off')
        expect(read(`Back-off pulling image "r.example/a:1": ErrImagePull: ${message}`)?.cause).toBe(cause);
    },
  );
});

test.each(OTHERS)('of something else nothing is read: %s', (message) => {
  expect(readFailure(message).kind).toBe('other');
});

test.each([
  'Pulling image "a/b:1"',
  'Successfully pulled image "x509" in 1s',
  'Container image "a" already present on machine',
  'Container image "denied/error:failed" already present on machine and can be accessed by the pod',
  'PullImage "a/b:1" returns image reference "sha256:1"',
])('what goes well is no failure: %s', (message) => {
  expect(readFailure(message).kind).toBe('well');
});

type Message = Readonly<{ message: string; faqItem: number | null; accept?: readonly number[] }>;

test.each(readFixture('event-messages.json') as readonly Message[])(
  'a message from the field leads to the right check item: $message',
  ({ message, faqItem, accept = [] }) => {
    expect(read(message)?.cause).not.toBe('unknown');
    expect([faqItem, ...accept]).toContain(itemOf(read(message)?.cause));
  },
);

test.each(readFixture('recorded-events.json') as readonly Readonly<{ message: string; reason: string }>[])(
  'what a real kubelet wrote is known: $message',
  ({ message }) => {
    expect(read(message)?.cause).not.toBeOneOf(['unknown', undefined]);
  },
);

const SAID = Object.entries(CAUSES).flatMap(([code, { says }]) =>
  says.map((said) => [code as CauseCode, said] as const),
);

/** What is a part of a word or a sentence. */
const PARTS: Readonly<Record<string, string>> = {
  'did not resolve to an alias': 'short-name "a" did not resolve to an alias',
  'docker.distribution.manifest.v1': 'application/vnd.docker.distribution.manifest.v1+prettyjws',
};

test.each(SAID)('what a cause says is read as it: %s, %s', (code, said) => {
  const sentence = PARTS[said] ?? said;
  const failure = read(`Failed to pull image "registry.example.com/a:1": rpc error: code = Unknown desc = ${sentence}`);
  expect([failure?.cause, ...(failure?.alternatives ?? [])]).toContain(code);
});

describe('what a message names is found', () => {
  test.each<[message: string, facts: Partial<Failure>]>([
    [
      'Failed to pull image "nginx:1.25": rpc error: code = Unknown desc = failed to pull and unpack image "docker.io/library/nginx:1.25": failed to resolve reference "docker.io/library/nginx:1.25": failed to do request: Head "https://mirror.example.com:8443/v2/library/nginx/manifests/1.25?ns=docker.io": x509: certificate signed by unknown authority',
      { image: 'nginx:1.25', host: 'mirror.example.com:8443', says: 'x509: certificate signed by unknown authority' },
    ],
    [
      'Failed to pull image "[2001:db8::1]:5000/a:1": rpc error: code = Unknown desc = failed to do request: Head "https://[2001:db8::1]:5000/v2/a/manifests/1": dial tcp [2001:db8::1]:5000: connect: connection refused',
      { image: '[2001:db8::1]:5000/a:1', host: '[2001:db8::1]:5000' },
    ],
    [
      'Failed to pull image "a/b:1": rpc error: code = Unknown desc = failed to do request: Head "https://registry-1.docker.io/v2/a/b/manifests/1": proxyconnect tcp: dial tcp 10.1.1.1:3128: i/o timeout',
      { host: '10.1.1.1:3128' },
    ],
    [
      'rpc error: code = Unknown desc = initializing source docker://registry.example.com/team/app:1: reading manifest 1 in registry.example.com/team/app: received unexpected HTTP status: 502 Bad Gateway',
      { image: 'registry.example.com/team/app:1', status: 502 },
    ],
    [
      'rpc error: code = Unknown desc = reading manifest 1 in registry.example.com/a: manifest unknown',
      { image: 'registry.example.com/a:1' },
    ],
    [
      'Error response from daemon: no matching manifest for linux/arm64/v8 in the manifest list entries',
      { platform: 'linux/arm64' },
    ],
    [
      'Failed to pull image "a:1": no image found in manifest list for architecture s390x, variant "", OS linux',
      { platform: 'linux/s390x' },
    ],
    [
      'Failed to pull image "a:1": Get "https://user:secret@registry.example.com/v2/": EOF',
      { host: 'registry.example.com' },
    ],
    [
      'Failed to pull image "registry.example.com/a:1": unexpected status from HEAD request to https://registry.example.com/v2/a/manifests/1: 429 Too Many Requests - Server message: toomanyrequests: see https://www.docker.com/increase-rate-limit',
      { host: 'registry.example.com', status: 429 },
    ],
  ])('%s', (message, facts) => {
    expect(read(message)).toMatchObject(facts);
  });
});

describe('where words leave two causes open', () => {
  test.each<[message: string, causes: readonly CauseCode[]]>([
    [
      'Failed to pull image "a/b:1": pull access denied, repository does not exist or may require authorization',
      ['repository-not-found', 'anonymous-denied', 'credentials-missing'],
    ],
    ['Failed to pull image "r.example/b:1": context canceled', ['image-too-large', 'timeout']],
    ['Failed to pull image "r.example/b:1": dial tcp: lookup r.example: no such host', ['no-such-host', 'dns-failed']],
  ])('both are told: %s', (message, causes) => {
    expect([read(message)?.cause, ...(read(message)?.alternatives ?? [])]).toEqual(causes);
  });
});

test('a message that was cut off is known by what its last clause began with', () => {
  const whole = CONTAINERD.find(([, cause]) => cause === 'unknown-ca')![0];
  for (const cut of [whole.slice(0, -4), `${whole.slice(0, -12)}...`, `${whole.slice(0, -8)}…`]) {
    expect(itemOf(read(cut)?.cause)).toBe(5);
  }
  expect(read('Failed to pull image "a:1": rpc error: code = Unknown desc = toomanyr...')?.cause).toBe('rate-limited');
});

const PULL = 'Failed to pull image "r.example/a:1": failed to pull and unpack image "r.example/a:1": ';

test.each<[message: string, cause: CauseCode | 'unknown']>([
  ['failed to extract layer sha256:5: write /var/lib/a: no space left on dev', 'disk-full'],
  ['tls: failed to verify certificate: x509: certificate signed by unk', 'unknown-ca'],
  [
    'failed to do request: Head "https://r.example/v2/": dial tcp 192.0.2.1:443: connect: connection refu',
    'connection-refused',
  ],
  ['dial tcp: lookup r.example on [::1]:53: read udp [::1]:40000->[::1]:53: read: connection refuse', 'dns-failed'],
  ['failed to extract layer sha256:5: mount callback failed on /var/lib/a: unexpected eo', 'layer-corrupt'],
  ['unexpected status from HEAD request to https://r.example/v2/a/manifests/1: 401...', 'credentials-missing'],
  ['failed to authorize: failed to fetch oauth token: Post "https://auth.example/token": net/http: TLS', 'timeout'],
  ['failed to pull and … certificate signed by unknown authority', 'unknown-ca'],
  // Nothing of these says why.
  ['failed to resolve reference "r.example/a:1": failed to au', 'unknown'],
  ['unexpected status from HEAD request to https://r.example/v2/a/manifests/1: 40', 'unknown'],
  ['failed to do request: Head "https://r.exa', 'unknown'],
])('a message that was cut off says what its end says, and no more: %s', (message, cause) => {
  expect(read(PULL + message)?.cause).toBe(cause);
});

test('a message that was cut off where two causes begin alike leaves both open', () => {
  const failure = read(`${PULL}dial tcp 192.0.2.1:443: connect: connection re`);
  expect([failure?.cause, ...(failure?.alternatives ?? [])]).toContain('connection-refused');
});

test('a pull that failed in words that are not known is unknown, with its last clause', () => {
  expect(read('Failed to pull image "a/b:1": rpc error: code = Unknown desc = the flux is gone')).toMatchObject({
    cause: 'unknown',
    says: 'the flux is gone',
    image: 'a/b:1',
  });
});
