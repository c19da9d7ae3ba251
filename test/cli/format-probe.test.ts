import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isPullable, listProbe, toProbeJson, type ProbeReport } from '../../src/cli/format-probe.ts';
import { outcomeOf, type FailedPull, type ImageAnswer, type PlatformSize } from '../../src/cause/answer.ts';
import type { ImageReference } from '../../src/image/reference.ts';
import type { ProbeResult } from '../../src/registry/client/probe-image.ts';
import type { RateLimit } from '../../src/registry/client/rate-limit.ts';
import { failed, FAILURES as ALL_FAILURES } from '../support/answers.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const ENDPOINT = 'harbor.example.com:443';
const REFERENCE: ImageReference = { registry: 'harbor.example.com', repository: 'team/app', tag: '1.4' };
const NOW = Date.UTC(2026, 5, 1, 12);

const OK: ImageAnswer = { endpoint: ENDPOINT, outcome: 'ok', digest: DIGEST, sizes: [], platforms: undefined };

const NOT_ASKED: ProbeResult = { notAsked: { why: 'bug', error: 'TypeError' } };

const UNKNOWN = { login: undefined, pullSecret: undefined, note: undefined };

function reportOf(answer: ImageAnswer, { rateLimit, ...more }: Partial<ProbeReport> & { rateLimit?: RateLimit } = {}) {
  const result = { answer, ...(rateLimit !== undefined && { rateLimit }) };
  return { ...UNKNOWN, reference: REFERENCE, result, answeredAt: NOW, ...more };
}

/** Rows as they are printed, one a line. */
function print(report: ProbeReport, isMirror = false): string {
  return listProbe(report, isMirror)
    .map(([name, value]) => `${name.padEnd(12)}${value}`)
    .join('\n');
}

const FAILURES: readonly FailedPull[] = [
  { outcome: 'failed', cause: 'credentials-missing' },
  { outcome: 'failed', cause: 'access-denied' },
  { outcome: 'failed', cause: 'image-not-found' },
  { outcome: 'failed', cause: 'unknown-ca' },
  { outcome: 'failed', cause: 'certificate-expired' },
  { outcome: 'failed', cause: 'certificate-wrong-host' },
  { outcome: 'failed', cause: 'timeout' },
  { outcome: 'failed', cause: 'rate-limited', endsAt: NOW + 3_600_000 },
  { outcome: 'failed', cause: 'server-error', fault: { what: 'status', number: 503 } },
];

describe('for people', () => {
  test('an image that can be pulled: who said so to whom, what it is, and what is left to pull', () => {
    const sizes = [
      { platform: 'linux/amd64', bytes: 12_900_000 },
      { platform: 'linux/arm64', bytes: 5_600_000_000 },
    ];
    const rateLimit = { limit: 100, remaining: 97, windowSeconds: 21_600 };
    expect(print(reportOf({ ...OK, sizes }, { login: 'harbor.example.com/team', rateLimit }))).toBe(
      `pullable    yes
answered    harbor.example.com:443, asked with the user of "harbor.example.com/team"
digest      ${DIGEST}
size        linux/amd64 12.3 MiB, linux/arm64 5.2 GiB (compressed)
rate limit  97 of 100 pulls left in 6 h`,
    );
  });

  test('what nobody asked or knows has no row', () => {
    expect(print(reportOf(OK, { reference: { ...REFERENCE, digest: DIGEST } }))).toBe(
      'pullable    yes\nanswered    harbor.example.com:443, asked anonymously',
    );
  });

  test('that a mirror was asked is said, as its address is not the one that was typed', () => {
    expect(print(reportOf(OK), true)).toContain('answered    harbor.example.com:443, the mirror, asked anonymously');
  });

  test.each<[size: PlatformSize, text: string]>([
    [{ platform: '', bytes: 12_900_000 }, '12.3 MiB (compressed)'],
    [{ platform: 'linux/amd64', bytes: 0 }, 'linux/amd64 0.0 KiB (compressed)'],
    [{ platform: 'linux/amd64', bytes: 1024 }, 'linux/amd64 1.0 KiB (compressed)'],
    [{ platform: 'linux/amd64', bytes: 2 ** 20 }, 'linux/amd64 1.0 MiB (compressed)'],
    [{ platform: 'linux/amd64', bytes: 2 ** 30 }, 'linux/amd64 1.0 GiB (compressed)'],
  ])('size of %j: %s', (size, text) => {
    expect(print(reportOf({ ...OK, sizes: [size] }))).toContain(`size        ${text}`);
  });

  test.each<[limit: RateLimit, text: string]>([
    [{ remaining: 5 }, '5 pulls left'],
    [{ remaining: 0, limit: 100 }, '0 of 100 pulls left'],
    [{ remaining: 5, windowSeconds: 60 }, '5 pulls left in 1 min'],
    [{ remaining: 5, windowSeconds: 90 }, '5 pulls left in 90 s'],
    [{ remaining: 5, windowSeconds: 86_400 }, '5 pulls left in 24 h'],
  ])('rate limit %j: %s', (rateLimit, text) => {
    expect(print(reportOf(OK, { rateLimit }))).toMatch(new RegExp(`^rate limit  ${text}$`, 'm'));
  });

  test('a failure has its cause, and what to do in lines of their own', () => {
    const text = print(reportOf({ endpoint: ENDPOINT, outcome: 'failed', cause: 'unknown-ca' }));
    const [pullable, ...more] = text.split('\n');
    expect(pullable).toMatch(/^pullable {4}no: the certificate of harbor\.example\.com:443 .* unknown/);
    expect(more[0]).toMatch(/^remedy {6}\S/);
    expect(more.at(-1)).toBe('asked       harbor.example.com:443, anonymously');
    expect(more.length).toBeGreaterThan(2);
  });

  test('a command stands in a line alone, to be copied with a click or three', () => {
    const lines = ALL_FAILURES.flatMap((failure) => print(reportOf(failed(failure))).split('\n'));
    const commands = lines.filter((line) => /(?:curl|kubectl|nslookup|openssl|skopeo) -?\w/.test(line));
    expect(commands.length).toBeGreaterThan(8);
    // The one that is part of a message is in the remedy as well.
    expect(
      commands.filter((line) => !/^(?:pullable| {12}(?:curl|kubectl|nslookup|openssl|skopeo)) /.test(line)),
    ).toEqual([]);
  });

  test('a secret that the policy gives to such images is the one to make again', () => {
    const denied = failed({ outcome: 'failed', cause: 'credentials-refused' });
    expect(print(reportOf(denied, { pullSecret: 'harbor' }))).toMatch(
      /^ {12}kubectl -n NAMESPACE delete secret harbor .* create secret docker-registry harbor /m,
    );
  });

  test('an hour that is named is one from when the answer came', () => {
    const text = print(
      reportOf({ endpoint: ENDPOINT, outcome: 'failed', cause: 'rate-limited', endsAt: NOW + 3_600_000 }),
    );
    expect(text).toContain('until 13:00Z');
  });

  test.each(FAILURES)('who did not answer is not said to have answered: $outcome', (failure) => {
    const text = print(reportOf({ endpoint: ENDPOINT, ...failure }));
    const isSilent = ['unreachable', 'certificate'].includes(outcomeOf(failure));
    expect(/^answered/m.test(text)).toBe(!isSilent);
    expect(/^asked/m.test(text)).toBe(isSilent);
  });

  test('what was not asked is neither a yes nor a no, and says why', () => {
    const report = { ...reportOf(OK), result: NOT_ASKED, note: 'look at the policy' };
    expect(print(report)).toBe(
      'pullable    not known: pullguard failed while it asked (TypeError)\nnote        look at the policy',
    );
  });

  test('what the policy does not allow is put right there, also by who has none yet', () => {
    const result: ProbeResult = { notAsked: { why: 'token-host-not-named', host: 't' } };
    const report = { ...reportOf(OK), result };
    expect(print(report)).toMatch(/^remedy {6}Allow it in the policy that --config names; docs\/policy\.md/m);
    expect(toProbeJson(report).remedy).toMatch(/^Allow it in the policy/);
  });
});

test('only an image that is there counts as pullable', () => {
  expect(isPullable(reportOf(OK))).toBe(true);
  expect(isPullable({ ...reportOf(OK), result: NOT_ASKED })).toBe(false);
  for (const failure of FAILURES) expect(isPullable(reportOf({ endpoint: ENDPOINT, ...failure }))).toBe(false);
});

describe('for machines', () => {
  test('an image that can be pulled has all that is known of it', () => {
    const sizes = [{ platform: 'linux/amd64', bytes: 12_900_000 }];
    const answer = { ...OK, sizes, platforms: ['linux/amd64', 'linux/arm64'] };
    const rateLimit = { limit: 100, remaining: 97, windowSeconds: 21_600 };
    expect(toProbeJson(reportOf(answer, { login: 'harbor.example.com', rateLimit, note: 'a note' }))).toEqual({
      pullable: true,
      outcome: 'ok',
      endpoint: ENDPOINT,
      asked: 'with-credentials',
      digest: DIGEST,
      sizes,
      platforms: ['linux/amd64', 'linux/arm64'],
      rateLimit,
      message: null,
      remedy: null,
      note: 'a note',
    });
  });

  test('what is not known is null, and never left out', () => {
    const json = toProbeJson(reportOf({ ...OK, sizes: [{ platform: '', bytes: 1 }] }, { rateLimit: { remaining: 3 } }));
    expect(json).toMatchObject({
      asked: 'anonymously',
      sizes: [{ platform: null, bytes: 1 }],
      platforms: null,
      rateLimit: { remaining: 3, limit: null, windowSeconds: null },
      note: null,
    });
  });

  test.each(FAILURES)('a failure, $outcome, has words and no image', (failure) => {
    const json = toProbeJson(reportOf({ endpoint: ENDPOINT, ...failure }));
    expect(json).toMatchObject({ pullable: false, outcome: failure.outcome, endpoint: ENDPOINT, digest: null });
    expect(json).toMatchObject({ sizes: [], platforms: null, rateLimit: null });
    expect(json.message).toMatch(/\w{3}/);
    expect(json.remedy).toMatch(/^[A-Z].*\w{3}/);
  });

  test('what was not asked has the same keys', () => {
    const asked = toProbeJson(reportOf(OK));
    const json = toProbeJson({ ...reportOf(OK), result: NOT_ASKED });
    expect(Object.keys(json)).toEqual(Object.keys(asked));
    expect(json).toMatchObject({
      pullable: null,
      outcome: 'not-asked',
      endpoint: null,
      asked: null,
      message: 'pullguard failed while it asked (TypeError)',
    });
  });

  test('the page that promises the keys has them all, and no other', () => {
    const page = readFileSync(new URL('../../docs/image.md', import.meta.url), 'utf8');
    const [, table = ''] = /^`probe` always has .*\n\n([\s\S]*)/m.exec(page) ?? [];
    const keys = [...table.matchAll(/^\| `(\w+)` /gm)].map(([, key]) => key);
    expect(keys).toEqual(Object.keys(toProbeJson(reportOf(OK))));
  });
});
