import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { listProbe, toProbeJson, type ProbeReport } from '../../src/cli/format-probe.ts';
import { outcomeOf, type ImageAnswer, type PlatformSize } from '../../src/cause/answer.ts';
import type { ImageReference } from '../../src/image/reference.ts';
import type { ProbeResult } from '../../src/registry/client/probe-image.ts';
import type { RateLimit } from '../../src/registry/client/registry-client.ts';
import { ENDPOINT, failed, FAILURES, pullable } from '../support/answers.ts';

const REFERENCE: ImageReference = { registry: 'harbor.example.com', repository: 'team/app', tag: '1.4' };
const NOW = Date.UTC(2026, 5, 1, 12);
const DIGEST = `sha256:${'a'.repeat(64)}`;
const ok = (special: Parameters<typeof pullable>[0] = {}): ImageAnswer =>
  pullable({ platforms: undefined, ...special });
const OK = ok();

type Special = Partial<ProbeReport> & { rateLimit?: RateLimit };

function reportOf(answer: ImageAnswer, { rateLimit, ...more }: Special = {}): ProbeReport {
  const result = { answer, ...(rateLimit !== undefined && { rateLimit }) };
  const unknown = { login: undefined, pullSecret: undefined, note: undefined };
  return { ...unknown, reference: REFERENCE, result, answeredAt: NOW, ...more };
}

/** Rows as they are printed, one a line. */
function print(report: ProbeReport, isMirror = false): string {
  return listProbe(report, isMirror)
    .map(([name, value]) => `${name.padEnd(12)}${value}`)
    .join('\n');
}

const AMD64: PlatformSize = { platform: 'linux/amd64', bytes: 12_900_000 };
const RATE_LIMIT = { limit: 100, remaining: 97, windowSeconds: 21_600 };

describe('for people', () => {
  test('an image that can be pulled: who said so to whom, what it is, and what is left to pull', () => {
    const sizes = [AMD64, { platform: 'linux/arm64', bytes: 5_600_000_000 }];
    expect(print(reportOf(ok({ sizes }), { login: 'harbor.example.com/team', rateLimit: RATE_LIMIT }))).toBe(
      `pullable    yes
answered    harbor.example.com:443, asked with credentials for "harbor.example.com/team"
digest      ${DIGEST}
size        linux/amd64 12.3 MiB, linux/arm64 5.2 GiB (compressed)
rate limit  97 of 100 pulls left in 6 h`,
    );
  });

  test('what nobody asked or knows has no row; that a mirror was asked is said', () => {
    const report = reportOf(OK, { reference: { ...REFERENCE, digest: DIGEST } });
    expect(print(report)).toBe('pullable    yes\nanswered    harbor.example.com:443, asked anonymously');
    expect(print(report, true)).toContain('answered    harbor.example.com:443 (mirror), asked anonymously');
  });

  test('a platform that is missing is a note, as others can be pulled', () => {
    const report = reportOf(ok({ sizes: [AMD64], platforms: ['linux/amd64'], missing: ['linux/arm64'] }));
    const note =
      'the index lists linux/arm64 too, but the registry does not have that manifest: nodes of that platform cannot pull it';
    expect(print(report)).toMatch(/^pullable {4}yes$/m);
    expect(print(report)).toContain(`note        ${note}`);
    expect(toProbeJson(report)).toMatchObject({ pullable: true, outcome: 'ok', platforms: ['linux/amd64'], note });
  });

  test.each<[size: PlatformSize, text: string]>([
    [{ platform: '', bytes: 12_900_000 }, '12.3 MiB (compressed)'],
    [{ platform: 'linux/amd64', bytes: 0 }, 'linux/amd64 0.0 KiB (compressed)'],
    [{ platform: 'linux/amd64', bytes: 2 ** 20 }, 'linux/amd64 1.0 MiB (compressed)'],
    [{ platform: 'linux/amd64', bytes: 2 ** 30 }, 'linux/amd64 1.0 GiB (compressed)'],
  ])('size of %j: %s', (size, text) => {
    expect(print(reportOf(ok({ sizes: [size] })))).toContain(`size        ${text}`);
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

  test.each(FAILURES)('$cause has its cause first, a remedy, and who answered, or was asked in vain', (failure) => {
    const [first, second, ...more] = print(reportOf(failed(failure))).split('\n');
    expect(first).toMatch(/^pullable {4}no: \S/);
    expect(second).toMatch(/^remedy {6}\S/);
    const isSilent = ['unreachable', 'certificate'].includes(outcomeOf(failure));
    expect(more.at(-1)).toMatch(isSilent ? /^asked {7}harbor/ : /^answered {4}harbor/);
  });

  test('what the registry says of it has a row of its own, in quotes', () => {
    const report = reportOf(failed({ outcome: 'failed', cause: 'access-denied', says: 'ask \\"ops\\"' }));
    expect(print(report).split('\n')[1]).toBe('returned    "ask \\"ops\\""');
    expect(toProbeJson(report)).toMatchObject({ says: 'ask \\"ops\\"' });
  });

  test('a command stands in a line alone, to be copied with a click or three', () => {
    const lines = FAILURES.flatMap((failure) => print(reportOf(failed(failure))).split('\n'));
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
    const limited = failed({ outcome: 'failed', cause: 'rate-limited', endsAt: NOW + 3_600_000 });
    expect(print(reportOf(limited))).toContain('until 13:00Z');
  });
});

const NOT_ASKED: ProbeResult = { notAsked: { why: 'bug', error: 'TypeError' } };

describe('what was not asked', () => {
  test('is neither a yes nor a no, and says why', () => {
    const report = { ...reportOf(OK), result: NOT_ASKED, note: 'look at the policy' };
    expect(print(report)).toBe(
      'pullable    unknown: pullguard internal error (TypeError)\nnote        look at the policy',
    );
    expect(toProbeJson(report)).toEqual({
      ...toProbeJson(reportOf(OK)),
      pullable: null,
      outcome: 'not-asked',
      endpoint: null,
      asked: null,
      digest: null,
      message: 'pullguard internal error (TypeError)',
      note: 'look at the policy',
    });
  });

  test('because the policy does not allow it is put right there, also by who has none yet', () => {
    const report = { ...reportOf(OK), result: { notAsked: { why: 'token-host-not-named', host: 't' } } as const };
    expect(print(report)).toMatch(/^remedy {6}Allow it in the policy that --config names: .* docs\/policy\.md/m);
    expect(toProbeJson(report)).toMatchObject({ remedy: expect.stringMatching(/^Allow it in the policy/) as string });
  });
});

describe('for machines', () => {
  test('an image that can be pulled has all that is known of it', () => {
    const platforms = ['linux/amd64', 'linux/arm64'];
    const special = { login: 'harbor.example.com', rateLimit: RATE_LIMIT, note: 'a note' };
    expect(toProbeJson(reportOf(ok({ sizes: [AMD64], platforms }), special))).toEqual({
      pullable: true,
      outcome: 'ok',
      endpoint: ENDPOINT,
      asked: 'with-credentials',
      digest: DIGEST,
      sizes: [AMD64],
      platforms,
      rateLimit: RATE_LIMIT,
      message: null,
      says: null,
      remedy: null,
      note: 'a note',
    });
  });

  test('what is not known is null, and never left out', () => {
    const json = toProbeJson(reportOf(ok({ sizes: [{ platform: '', bytes: 1 }] }), { rateLimit: { remaining: 3 } }));
    expect(json).toMatchObject({
      asked: 'anonymously',
      sizes: [{ platform: null, bytes: 1 }],
      platforms: null,
      rateLimit: { remaining: 3, limit: null, windowSeconds: null },
      note: null,
    });
  });

  test.each(FAILURES)('$cause has words and no image', (failure) => {
    expect(toProbeJson(reportOf(failed(failure)))).toMatchObject({
      pullable: false,
      outcome: outcomeOf(failure),
      endpoint: ENDPOINT,
      digest: null,
      sizes: [],
      platforms: null,
      rateLimit: null,
      message: expect.stringMatching(/\w{3}/) as string,
      remedy: expect.stringMatching(/^[A-Z].*\w{3}/) as string,
    });
  });

  test('the page that promises the keys has them all, and no other', () => {
    const page = readFileSync(new URL('../../docs/image.md', import.meta.url), 'utf8');
    const [, table = ''] = /^`probe` always has .*\n\n([\s\S]*)/m.exec(page) ?? [];
    const keys = [...table.matchAll(/^\| `(\w+)` /gm)].map(([, key]) => key);
    expect(keys).toEqual(Object.keys(toProbeJson(reportOf(OK))));
  });
});
