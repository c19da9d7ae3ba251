import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Asking, describeFailure, type FailedPull, nameCause } from '../../src/cause/answer.ts';
import { CAUSES, causeOf, type CauseCode, type CauseContext, type FaqItem } from '../../src/cause/causes.ts';
import { readReference } from '../../src/image/reference.ts';
import { failed } from '../support/answers.ts';
import { HOUR, NOW } from '../support/facts.ts';

const CODES = Object.keys(CAUSES) as CauseCode[];
const TABLE = CODES.map((code) => [code, causeOf(code)] as const);

type Options = Partial<Asking> & Readonly<{ image?: string; endpoint?: string }>;

function describeIt(failure: FailedPull, options: Options = {}): Readonly<{ message: string; remedy: string }> {
  const { image = 'harbor.example.com:8443/team/app:v9', endpoint = 'harbor.example.com:8443' } = options;
  return describeFailure(failed(failure, endpoint), readReference(image)!, {
    secrets: ['harbor'],
    now: NOW,
    ...options,
  });
}

const say = (...args: Parameters<typeof describeIt>): string => describeIt(...args).message;
const advise = (...args: Parameters<typeof describeIt>): string => describeIt(...args).remedy;

const REFUSED: FailedPull = { outcome: 'failed', cause: 'credentials-refused' };
const ANONYMOUS: FailedPull = { outcome: 'failed', cause: 'credentials-missing' };
const DENIED: FailedPull = { outcome: 'failed', cause: 'access-denied' };
const NO_IMAGE: FailedPull = { outcome: 'failed', cause: 'image-not-found' };
const NO_REPOSITORY: FailedPull = { outcome: 'failed', cause: 'repository-not-found' };
const NO_HOST: FailedPull = { outcome: 'failed', cause: 'no-such-host' };
const UNKNOWN_CA: FailedPull = { outcome: 'failed', cause: 'unknown-ca' };
const NO_TLS: FailedPull = { outcome: 'failed', cause: 'no-tls', fault: { what: 'no-tls' } };
const limited = (endsAt?: number): FailedPull => ({ outcome: 'failed', cause: 'rate-limited', endsAt });

/** As it usually is; docs/rules/image-pullable.md shows what each cause says about it. */
const USUAL: CauseContext = {
  endpoint: 'harbor.example.com:8443',
  reference: readReference('harbor.example.com:8443/team/app:v9')!,
  secrets: ['harbor'],
  now: NOW,
  endsAt: NOW + 30 * HOUR,
  fault: { what: 'token-status', number: 503 },
  platform: 'linux/arm64',
};

describe('the table of causes', () => {
  test.each<[item: FaqItem, causes: readonly CauseCode[]]>([
    [1, ['credentials-missing', 'token-denied-anonymous']],
    [
      2,
      [
        'repository-not-found',
        'image-not-found',
        'web-page-not-found',
        'no-such-host',
        'reference-invalid',
        'short-name',
      ],
    ],
    [
      3,
      [
        'anonymous-denied',
        'credentials-refused',
        'access-denied',
        'token-denied',
        'pull-secret-missing',
        'pull-secret-malformed',
      ],
    ],
    [4, ['disk-full']],
    [5, ['unknown-ca', 'certificate-expired', 'certificate-wrong-host', 'certificate-unusable']],
    [6, ['image-too-large']],
    [
      7,
      [
        'no-route',
        'connection-refused',
        'connection-reset',
        'timeout',
        'registry-unavailable',
        'proxy-failed',
        'dns-failed',
      ],
    ],
    [8, ['rate-limited']],
  ])('sends to check item %s of the FAQ who can be helped there: %j', (item, causes) => {
    expect(CODES.filter((code) => causeOf(code).faqItem === item).sort()).toEqual([...causes].sort());
  });

  test.each(TABLE)('agrees with itself: %s', (_code, cause) => {
    // What is the same for all users is not asked again with other credentials. Nodes are never asked.
    if (cause.credentials === 'no' && cause.outcome !== 'node') expect(cause.about).not.toBe('credentials');
    // What is left alone is tried again one day, and what passes by itself is not believed as long as a no.
    if (cause.blamesRegistry === true) expect(cause.isTransient).toBe(true);
    if (cause.believed === 'negative') expect(cause.isTransient).toBeUndefined();
    if (cause.blamesRegistry === true) expect(['way', 'registry']).toContain(cause.about);
  });

  test('knows each by words of its own that stand in events', () => {
    const phrases = TABLE.flatMap(([code, { says }]) => says.map((phrase) => [code, phrase] as const));
    expect(TABLE.filter(([, { says }]) => says.length === 0)).toEqual([]);
    expect(new Set(phrases.map(([, phrase]) => phrase)).size).toBe(phrases.length);
  });

  test.each(TABLE)('tells what to do about %s in one line', (_code, cause) => {
    const [message, remedy] = [cause.message(USUAL), cause.remedy(USUAL)];
    expect(message).toMatch(/^[^\n]+: [^\n]+[^.]$/);
    expect(message.length).toBeLessThanOrEqual(170);
    expect(remedy).toMatch(/^[A-Z\d][^\n]{40,}$/);
    // As true on the machine of a person as in a cluster.
    expect(remedy).not.toMatch(/cluster|proxy is|pullguard for/);
    // A name is shown before a message, and stands in the middle of another one.
    expect(cause.name).toMatch(/^[a-z].*[^.]$/i);
  });

  test('leaves room for what to do, whatever the names', () => {
    const name = fc.string({ unit: 'binary', maxLength: 300 });
    const reference = fc.constantFrom(
      { registry: 'r', repository: 'p'.repeat(255), tag: 't'.repeat(128) },
      { registry: 'r', repository: 'p'.repeat(255), digest: `sha512:${'0'.repeat(128)}` },
    );
    const context = {
      reference,
      secrets: fc.array(name, { maxLength: 3 }),
      endsAt: fc.constantFrom(undefined, NOW + 99 * HOUR),
    };
    fc.assert(
      fc.property(fc.constantFrom(...CODES), fc.record(context), (code, names) => {
        const message = causeOf(code).message({ ...USUAL, ...names, endpoint: `${'h'.repeat(255)}:65535` });
        expect(message.length).toBeLessThanOrEqual(256);
        // The port is what people look for.
        if (causeOf(code).outcome !== 'node') expect(message).toContain('…' + 'h'.repeat(19) + ':65535');
        expect(message).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  const sentences = TABLE.flatMap(([, { remedy }]) => remedy(USUAL).split(/(?<=\.) (?=\p{Lu})/u));
  const commands = sentences.flatMap((each) => /(?:kubectl|openssl|curl|nslookup|skopeo) .*/.exec(each)?.[0] ?? []);

  test.each([...new Set(commands)])('has commands that a shell takes: %s', (command) => {
    execFileSync('sh', ['-n', '-c', command]);
    expect(command.replace(/ # .*/, '')).not.toMatch(/[.,;]$/);
  });
});

describe('a message names what it is about', () => {
  test.each<[failure: FailedPull, options: Options, text: string]>([
    [
      REFUSED,
      {},
      'refused the credentials of pull secret "harbor" (unauthorized): recreate it with the right credentials',
    ],
    [REFUSED, { secrets: [] }, 'refused the credentials (unauthorized): use the right credentials'],
    [
      REFUSED,
      { secrets: ['a', 'b', 'c'] },
      'refused the credentials of pull secrets "a" and 2 more (unauthorized): use the right credentials',
    ],
    // CCE recreates it itself.
    [
      REFUSED,
      { secrets: ['default-secret'] },
      'refused the credentials of pull secret "default-secret" (unauthorized): wait until CCE renews it, or use another pull secret',
    ],
    [
      REFUSED,
      { secrets: ['a\nb'] },
      String.raw`refused the credentials of pull secret "a\nb" (unauthorized): recreate it with the right credentials`,
    ],
    [NO_IMAGE, {}, 'has no tag "v9" in team/app (manifest unknown): fix the tag, or push the image'],
    [
      NO_IMAGE,
      { image: `r.example/team/app:v9@sha256:${'0123456789abcdef'.repeat(4)}` },
      'has no digest sha256:0123456789ab… in team/app (manifest unknown): fix the digest, or push the image',
    ],
    [
      NO_TLS,
      {},
      'does not speak TLS (http: server gave HTTP response to HTTPS client): fix the port, or allow plain HTTP',
    ],
    [limited(), {}, 'is rate-limiting pulls (toomanyrequests): pull from a mirror, or push the image to SWR'],
  ])('%j with %j', (failure, options, text) => {
    expect(say(failure, options)).toBe(`harbor.example.com:8443 ${text}`);
  });

  test.each<[what: string, endsAt: number, now: number | undefined, text: string]>([
    ['the same day', NOW + 2 * HOUR, NOW, ' until 14:00Z'],
    ['not before it is over', NOW + 1, NOW, ' until 12:01Z'],
    ['another day', NOW + 24 * HOUR, NOW, ' until 2026-06-02T12:00Z'],
    ['the time now is not known', NOW + 2 * HOUR, undefined, ' until 2026-06-01T14:00Z'],
    ['over', NOW, NOW, ''],
    ['no time at all', NaN, NOW, ''],
    ['never', Infinity, undefined, ''],
    ['in 270,000 years', 8.64e15, NOW, ''],
    ['beyond what a date can be', 8.64e15 + 1, NOW, ''],
  ])('the end of a limit, as far as it makes sense: %s', (_, endsAt, now, text) => {
    expect(say(limited(endsAt), { now })).toContain(` is rate-limiting pulls${text} (`);
  });

  test('the registry is named as in images, without the port that they leave out', () => {
    expect(say(UNKNOWN_CA, { endpoint: 'harbor.example.com:443' })).toMatch(
      /^certificate of harbor\.example\.com has /,
    );
  });

  test.each<[image: string, options: Options, text: string]>([
    ['swr.eu-de.otc.t-systems.com/team/app', {}, ': add pull secret "default-secret", or fix the image'],
    [
      'swr.eu-de.otc.t-systems.com/team/app',
      { secrets: ['default-secret'] },
      ': add a pull secret for this registry, ',
    ],
    ['harbor.example.com/team/app', { usualSecret: 'usual' }, ': add pull secret "usual", or fix the image'],
    ['harbor.example.com/team/app', {}, ': add a pull secret for this registry, or fix the image'],
  ])('the pull secret to add is named where it is known: %s %j', (image, options, text) => {
    expect(say(ANONYMOUS, { image, secrets: [], ...options })).toContain(text);
  });

  test('commands have the whole host, however long', () => {
    const endpoint = `${'h'.repeat(60)}:5000`;
    expect(advise(UNKNOWN_CA, { endpoint })).toContain(`openssl s_client -showcerts -connect ${endpoint} <`);
  });

  test.each<[FailedPull, string]>([
    [UNKNOWN_CA, 'unknown CA'],
    [limited(), 'rate-limited'],
    [{ outcome: 'failed', cause: 'server-error', fault: { what: 'status', number: 503 } }, 'HTTP 503'],
  ])('or has it in a few words: %j, %s', (failure, text) => {
    expect(nameCause(failure)).toBe(text);
  });
});

describe('a remedy', () => {
  const FETCH =
    "openssl s_client -showcerts -connect harbor.example.com:8443 < /dev/null | sed -ne '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' > ";
  const RPM = `${FETCH}/etc/pki/ca-trust/source/anchors/harbor.example.com.crt && update-ca-trust && systemctl restart `;
  const DEB = `${FETCH}/usr/local/share/ca-certificates/harbor.example.com.crt && update-ca-certificates && systemctl restart `;
  const HUB: Options = { image: 'team/app', endpoint: 'registry-1.docker.io:443' };
  const NO_PORT: Options = { image: 'harbor.example.com/team/app', endpoint: 'harbor.example.com:443' };
  const SWR: Options = { image: 'swr.eu-de.otc.t-systems.com/team/app', endpoint: 'swr.eu-de.otc.t-systems.com:443' };
  const [NOBODY, SEVERAL, OF_CCE] = [{ secrets: [] }, { secrets: ['a', 'b'] }, { secrets: ['default-secret'] }];
  const USUAL_ONE: Options = { secrets: [], usualSecret: 'usual' };
  const BY_ADDRESS: Options = { image: '100.125.0.198:20202/team/app', secrets: [], usualSecret: 'default-secret' };
  const NAME_OF_CCE = 'Add default-secret to imagePullSecrets';
  const MAKE_ONE = /^Create a pull secret (?!.*delete).* docker-registry NAME /;
  const [AGAIN, MAKE_USUAL] = [
    /^Recreate the pull secret .* delete secret (\S+) .* docker-registry \1 /,
    / docker-registry usual /,
  ];

  test.each<[what: string, failure: FailedPull, options: Options, text: string | RegExp]>([
    ['writes a CA where CentOS looks for it', UNKNOWN_CA, {}, RPM],
    ['and where Ubuntu does', UNKNOWN_CA, {}, DEB],
    ['makes no file with brackets', UNKNOWN_CA, { endpoint: '[::1]:5000' }, '/ca-certificates/___1_.crt '],
    ['makes a secret that is refused again', REFUSED, {}, AGAIN],
    [
      'for the host as images write it',
      REFUSED,
      {},
      ' harbor --docker-server=harbor.example.com:8443 --docker-username=USER ',
    ],
    [
      'without a port, as kubelet would not find it',
      ANONYMOUS,
      NO_PORT,
      ' --docker-server=harbor.example.com --docker',
    ],
    ['calls Docker Hub what it is called there', ANONYMOUS, HUB, '--docker-server=https://index.docker.io/v1/ '],
    ['looks up a name without its port', NO_HOST, {}, ': nslookup harbor.example.com'],
    ['lists the tags there are', NO_IMAGE, { image: 'nginx:1' }, ': skopeo list-tags docker://docker.io/library/nginx'],
    ['asks by plain HTTP who may speak it', NO_TLS, {}, ': curl -v http://harbor.example.com:8443/v2/'],
    ['makes anew what several secrets may be', REFUSED, SEVERAL, MAKE_ONE],
    ['makes the secret that is not there', ANONYMOUS, NOBODY, MAKE_ONE],
    ['makes again the one that the policy names', REFUSED, USUAL_ONE, AGAIN],
    ['that one', REFUSED, USUAL_ONE, MAKE_USUAL],
    ['or any', REFUSED, NOBODY, AGAIN],
    ['makes the one that the policy names', ANONYMOUS, USUAL_ONE, MAKE_USUAL],
    [
      'but not where it has nothing for the registry',
      ANONYMOUS,
      { secrets: ['usual'], usualSecret: 'usual' },
      MAKE_ONE,
    ],
    ['names the secret that SWR has in every namespace', ANONYMOUS, { ...SWR, ...NOBODY }, NAME_OF_CCE],
    ['also by its address', ANONYMOUS, BY_ADDRESS, NAME_OF_CCE],
    ['also for another that is refused', REFUSED, BY_ADDRESS, NAME_OF_CCE],
    ['but not again', ANONYMOUS, { ...SWR, ...OF_CCE }, MAKE_ONE],
    ['nor has it deleted', REFUSED, { ...SWR, ...OF_CCE }, MAKE_ONE],
    [
      'knows that a right is no matter of secrets',
      DENIED,
      {},
      /^Grant the user of the pull secret pull access to team/,
    ],
    ['gives nodes a way, or takes the image to SWR', { outcome: 'failed', cause: 'timeout' }, {}, /EIP .*SWR/],
    ['takes a limited image to SWR', limited(), {}, 'push the image to SWR'],
    // A command in the name of a Secret must not be copied into a shell.
    ['holds no text of others', REFUSED, { secrets: ['a; rm -rf /'] }, /^(?!.*rm -rf).*docker-registry NAME /],
    ['lists no tags of a repository that is not there', NO_REPOSITORY, {}, /^(?!.*list-tags)/],
    ['nor for a digest', NO_IMAGE, { image: `app@sha256:${'0'.repeat(64)}` }, /^(?!.*list-tags)/],
  ])('%s', (_, failure, options, text) => {
    if (typeof text === 'string') expect(advise(failure, options)).toContain(text);
    else expect(advise(failure, options)).toMatch(text);
  });
});
