import { describe, expect, test } from 'vitest';
import { openImageProbe } from '../../src/cli/image-probe.ts';
import { UsageError } from '../../src/cli/io.ts';
import type { FailedPull, ImageAnswer } from '../../src/cause/answer.ts';
import type { Policy } from '../../src/engine/rule.ts';
import { readReference } from '../../src/image/reference.ts';
import type { ProbeRequest, ProbeResult } from '../../src/registry/client/probe-image.ts';
import { policyOf } from '../support/policies.ts';
import { tempFolder } from '../support/temp-folder.ts';

const HOST = 'harbor.example.com';
const IMAGE = `${HOST}/team/app:1.4`;
const POLICY = policyOf();

const OK: ImageAnswer = {
  endpoint: `${HOST}:443`,
  outcome: 'ok',
  digest: `sha256:${'0'.repeat(64)}`,
  sizes: [],
  platforms: undefined,
};

const failed = (failure: FailedPull): ProbeResult => ({ answer: { endpoint: `${HOST}:443`, ...failure } });
const denied = (asked: 'anonymously' | 'with-credentials' = 'with-credentials'): ProbeResult =>
  failed({ outcome: 'failed', cause: asked === 'anonymously' ? 'credentials-missing' : 'credentials-refused' });
const MISSING_REPOSITORY = failed({ outcome: 'failed', cause: 'repository-not-found' });
const MISSING_IMAGE = failed({ outcome: 'failed', cause: 'image-not-found' });
const UNREACHABLE = failed({ outcome: 'failed', cause: 'timeout' });

type Setting = Readonly<{
  policy?: Policy;
  /** The docker config; undefined for none. */
  config?: object | null;
  /** What each user is answered; `''` is nobody. */
  answers?: Readonly<Record<string, ProbeResult>>;
}>;

/** Asks a registry that answers by the user name, and keeps what it was asked. */
async function ask(address: string, { policy = POLICY, config, answers = {} }: Setting = {}) {
  const requests: ProbeRequest[] = [];
  const { write } = tempFolder();
  // With the mark that Windows tools put at the start of a file.
  const dockerConfig = config === undefined ? undefined : write('config.json', `\ufeff${JSON.stringify(config)}`);
  const probe = openImageProbe({ policy, dockerConfig }, async (request) => {
    requests.push(request);
    return Promise.resolve(answers[request.credentials?.username ?? ''] ?? { answer: OK });
  });
  const report = await probe(readReference(address)!);
  return { report, requests, users: requests.map(({ credentials }) => credentials?.username ?? '') };
}

const login = (username: string, password = 'p'): object => ({ username, password });

describe('a registry', () => {
  test('that the policy does not name is asked over HTTPS with the usual roots, wherever it is', async () => {
    const { requests } = await ask(IMAGE);
    expect(requests).toEqual([
      {
        reference: { registry: HOST, repository: 'team/app', tag: '1.4' },
        registry: { plainHttp: false, tokenHosts: [], addresses: ['0.0.0.0/0', '::/0'], mirrors: [] },
        credentials: undefined,
        platforms: 'all',
        timeoutMs: 10_000,
        anyTokenHost: 'as-registry',
      },
    ]);
  });

  test('that the policy has, but does not have asked, is asked in the same way', async () => {
    const policy = policyOf(`registries: [{ hosts: [${HOST}], pullSecret: harbor }]`);
    expect((await ask(IMAGE, { policy })).requests).toEqual((await ask(IMAGE)).requests);
  });

  test('that the policy has asked is asked as the webhook would, and no longer than the policy says', async () => {
    const policy = policyOf(
      `registries: [{ hosts: [${HOST}], probe: { plainHttp: true, addresses: [10.0.0.0/8], tokenHosts: [t.example.com] } }]`,
      'probe: { timeout: 3s }',
    );
    const [request] = (await ask(IMAGE, { policy })).requests;
    expect(request).toMatchObject({
      registry: { plainHttp: true, addresses: ['10.0.0.0/8'], tokenHosts: ['t.example.com'] },
      timeoutMs: 3000,
      anyTokenHost: 'public',
    });
  });
});

describe('logins are tried as kubelet tries them', () => {
  const config = {
    auths: {
      [HOST]: login('host'),
      [`${HOST}/team`]: login('team'),
      [`${HOST}/other`]: login('other'),
      'ghcr.io': login('ghcr'),
    },
  };

  test('the more specific first, and no more once one will do', async () => {
    const { users, requests, report } = await ask(IMAGE, { config });
    expect(users).toEqual(['team']);
    // With a login a token service is sent the password.
    expect(requests[0]).not.toHaveProperty('anyTokenHost');
    expect(report.login).toBe(`${HOST}/team`);
  });

  test.each<[what: string, refused: ProbeResult]>([
    ['denied', denied()],
    ['told that there is no such repository, which may be a way to say the same', MISSING_REPOSITORY],
  ])('the next after one that is %s', async (_what, refused) => {
    const { users, report } = await ask(IMAGE, { config, answers: { team: refused } });
    expect(users).toEqual(['team', 'host']);
    expect(report).toMatchObject({ login: HOST, result: { answer: OK } });
  });

  test('none after an answer that no login would change', async () => {
    const { users, report } = await ask(IMAGE, { config, answers: { team: UNREACHABLE } });
    expect(users).toEqual(['team']);
    expect(report.result).toBe(UNREACHABLE);
  });

  test('none after a registry that may not be asked', async () => {
    const notAsked: ProbeResult = { notAsked: { why: 'bug', error: 'TypeError' } };
    const { users, report } = await ask(IMAGE, { config, answers: { team: notAsked } });
    expect(users).toEqual(['team']);
    expect(report).toMatchObject({ result: notAsked, login: undefined });
  });

  test('never anonymously if all credentials fail: those that can see the repository give the best answer', async () => {
    const { users, report } = await ask(IMAGE, { config, answers: { team: denied(), host: MISSING_IMAGE } });
    expect(users).toEqual(['team', 'host']);
    expect(report).toMatchObject({ login: HOST, result: MISSING_IMAGE, note: undefined });
  });

  test('anonymously if no credentials are for the image', async () => {
    const { users, report } = await ask('quay.io/team/app:1', { config });
    expect(users).toEqual(['']);
    expect(report.login).toBeUndefined();
  });

  test('the one of Docker Hub for an image without a host', async () => {
    const hub = { auths: { 'https://index.docker.io/v1/': login('hub') } };
    expect((await ask('nginx', { config: hub })).users).toEqual(['hub']);
  });
});

describe('nobody is said to have logged in', () => {
  const config = { auths: { [HOST]: login('host') } };

  test('when it was a mirror of the nodes that answered, which gets no credentials', async () => {
    const answers = { host: { answer: { ...OK, endpoint: 'mirror.example.com:443' } } };
    expect((await ask(IMAGE, { config, answers })).report.login).toBeUndefined();
  });

  test('without a password, as then nothing is sent', async () => {
    const without = { auths: { [HOST]: login('host', '') } };
    const { report } = await ask(IMAGE, { config: without, answers: { host: denied('anonymously') } });
    expect(report.login).toBeUndefined();
  });
});

describe('a note says why no credentials were used', () => {
  const anonymous = { '': denied('anonymously') };

  test.each<[what: string, config: object | null | undefined, note: RegExp]>([
    [
      'no docker config',
      undefined,
      /^asked without credentials; pass the content of a pull secret with --docker-config: .* get secret NAME -o jsonpath=/,
    ],
    [
      'no login in it',
      { auths: {} },
      /as the docker config has none; pass the content of a pull secret with --docker-config: .* > config\.json$/,
    ],
    // Somebody has saved the Secret itself.
    [
      'nothing of a docker config',
      { kind: 'Secret', data: { '.dockerconfigjson': 'e30=' } },
      /as the docker config has none; /,
    ],
    [
      'a login for another port',
      { auths: { [`${HOST}:8443`]: login('host'), 'ghcr.io': login('ghcr') } },
      /^asked without credentials, as the docker config has none for "harbor\.example\.com\/team\/app", only for "harbor\.example\.com:8443", "ghcr\.io"$/,
    ],
    ['null, as to kubelet', null, /as the docker config has none; /],
    [
      'a credential helper',
      { credHelpers: { [HOST]: 'pass' } },
      /credential helper .*, which neither pullguard nor kubelet runs/,
    ],
    ['one for another registry', { credHelpers: { 'ghcr.io': 'pass' } }, /as the docker config has none; /],
    ['a store that docker left an empty entry for', { auths: { [HOST]: {} }, credsStore: 'x' }, /credential helper/],
    ['no store', { credsStore: '' }, /as the docker config has none; /],
    ['neither as docker writes it', { credsStore: 7, credHelpers: [HOST] }, /as the docker config has none; /],
  ])('%s', async (_what, config, note) => {
    const { report } = await ask(IMAGE, { ...(config !== undefined && { config }), answers: anonymous });
    expect(report.note).toMatch(note);
  });

  test('and how to log in with the pull secret that pods get by the policy', async () => {
    const policy = policyOf(`registries: [{ hosts: [${HOST}], pullSecret: harbor }]`);
    const { report } = await ask(IMAGE, { policy, answers: anonymous });
    expect(report.pullSecret).toBe('harbor');
    expect(report.note).toContain(
      String.raw`kubectl -n NAMESPACE get secret harbor -o jsonpath='{.data.\.dockerconfigjson}' | base64 -d > config.json`,
    );
  });

  test('a helper is told of even if anybody may pull the image: others that it is for may not be public', async () => {
    expect((await ask(IMAGE, { config: { credsStore: 'desktop' } })).report.note).toMatch(/credential helper/);
  });

  test.each<[what: string, setting: Setting]>([
    ['somebody did', { config: { auths: { [HOST]: login('host') }, credsStore: 'x' }, answers: { host: denied() } }],
    ['it would not have helped', { config: { auths: {} }, answers: { '': UNREACHABLE } }],
    ['there was no need to', {}],
  ])('and is not there when %s', async (_what, setting) => {
    expect((await ask(IMAGE, setting)).report.note).toBeUndefined();
  });
});

describe('a note says what the docker config shows to be wrong with a login that did not help', () => {
  const TOKEN = 'eyJhbGciOiJub25lIn0.e30.';
  const auth = (text: string): object => ({ auth: Buffer.from(text).toString('base64') });
  const past = `eyJhbGciOiJub25lIn0.${Buffer.from('{"exp":1600000000}').toString('base64').replaceAll('=', '')}.`;

  test.each<[what: string, config: object, note: RegExp]>([
    [
      'a line break',
      { auths: { [HOST]: auth('host:example\n') } },
      /"harbor\.example\.com" .*password ends with a line break/,
    ],
    [
      'an identity token',
      { auths: { [HOST]: { ...auth('host:'), identitytoken: TOKEN } } },
      /identitytoken instead of a password/,
    ],
    [
      'one alone',
      { auths: { [HOST]: { identitytoken: TOKEN } } },
      /^asked without credentials: .*identitytoken instead of a password/,
    ],
    ['no user', { auths: { [HOST]: { password: 's3cret' } } }, /^asked without credentials: .*no user/],
    ['a placeholder', { auths: { [HOST]: login('host', '<your-pword>') } }, /placeholder/],
    ['a token that is over', { auths: { [HOST]: login('host', past) } }, /token expired at 2020-09-13T12:26Z/],
    [
      'a key that is no address',
      { auths: { [` ${HOST}`]: login('host') } },
      /^asked without credentials: kubelet ignores the entry " harbor/,
    ],
    ['the older form', { [HOST]: login('host') }, /^asked without credentials: .*format of a \.dockercfg/],
  ])('%s', async (_what, config, note) => {
    const answers = { '': denied('anonymously'), host: denied() };
    const { report } = await ask(IMAGE, { config, answers });
    expect(report.note).toMatch(note);
    expect(report.note).not.toMatch(/s3cret|example\\n|eyJ|your-pword/);
    // Where it works after all there is nothing to say.
    expect((await ask(IMAGE, { config })).report.note).toBeUndefined();
  });
});

describe('a docker config that cannot be used is misuse, which names it and the cause, and shows nothing of it', () => {
  const open = (file: string) => () => openImageProbe({ policy: POLICY, dockerConfig: file });

  test.each<[what: string, content: string | Buffer, cause: string]>([
    ['no JSON', '{"auths": s3cret', 'it is not JSON'],
    ['a list', '["s3cret"]', 'it is not an object'],
    ['a key that is not base64', '{"auths":{"harbor.example.com":{"auth":"s3cret!"}}}', 'not base64'],
    ['a password that is a number', '{"auths":{"harbor.example.com":{"password":53173117}}}', 'is not a string'],
    ['UTF-16', Buffer.from('{"auths":{}}', 'utf16le'), 'file is UTF-16'],
  ])('%s', (_what, content, cause) => {
    const file = tempFolder().write('config.json', content);
    expect(open(file)).toThrow(UsageError);
    expect(open(file)).toThrow(`--docker-config ${file} cannot be used: `);
    expect(open(file)).toThrow(cause);
    expect(open(file)).toThrow(/; give a config\.json as written by docker login$/);
    expect(open(file)).not.toThrow(/s3cret|53173117/);
  });

  test('one that is not there', () => {
    const file = tempFolder().at('none.json');
    expect(open(file)).toThrow(
      new UsageError(
        `--docker-config ${file} cannot be used: ENOENT: no such file or directory; give a config.json as written by docker login`,
      ),
    );
  });
});
