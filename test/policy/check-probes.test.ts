import { describe, expect, test } from 'vitest';
import { RULES } from '../../src/rules/index.ts';
import { buildPolicy, type PolicyFile } from '../../src/policy/build-policy.ts';

function problemsOf(members: Partial<PolicyFile>): readonly string[] {
  const { problems } = buildPolicy({ apiVersion: 'pullguard.dev/v1alpha1', kind: 'Policy', ...members }, RULES);
  return problems.map(({ pointer, message }) => `${pointer}: ${message}`);
}

describe('a rule that asks registries finds nothing where nobody may be asked', () => {
  const NOBODY = 'asks nobody: no entry of registries has probe; add "probe: true" to those that it may ask';
  const asked = [{ hosts: ['a.example'] }, { hosts: ['b.example'], probe: true }];

  test.each<[what: string, members: Partial<PolicyFile>, problems: readonly string[]]>([
    ['and says nothing of it unless it is set', {}, []],
    [
      'which is told of what is set',
      { rules: { 'image-pullable': 'deny', 'image-fits': { limitMiB: 100 } } },
      [`/rules/image-pullable: ${NOBODY}`, `/rules/image-fits: ${NOBODY}`],
    ],
    [
      'also where somebody is not to be asked',
      { rules: { 'image-pullable': 'audit' }, registries: [{ hosts: ['a.example'], probe: false }] },
      [`/rules/image-pullable: ${NOBODY}`],
    ],
    ['but not of what is off', { rules: { 'image-pullable': 'off', 'image-fits': { action: 'off' } } }, []],
    ['nor where one is asked', { rules: { 'image-pullable': 'deny', 'image-fits': 'warn' }, registries: asked }, []],
    ['nor of how much asking may take, which does no harm', { probe: { wait: '1s' } }, []],
  ])('%s', (_what, members, problems) => {
    expect(problemsOf(members)).toEqual(problems);
  });
});

describe('mirror-used verifies only mirrors that may be asked', () => {
  const hub = [{ from: 'docker.io', to: 'm.example:5000/hub' }];
  const verify = { 'mirror-used': { verify: true } };
  const unasked = (of: string, advice: string) =>
    `/rules/mirror-used/verify: ${of} cannot be asked, as no entry of registries for "m.example:5000/hub" has probe; ${advice}`;

  test.each<[what: string, members: Partial<PolicyFile>, problems: readonly string[]]>([
    ['there is none', { rules: verify }, []],
    ['nothing is verified', { rules: { 'mirror-used': { verify: false } }, mirrors: hub }, []],
    ['the rule is off', { rules: { 'mirror-used': { action: 'off', verify: true } }, mirrors: hub }, []],
    [
      'nobody is asked',
      { rules: verify, mirrors: hub },
      [unasked('mirrors[0]', `add to registries "- { hosts: ['m.example:5000'], probe: true }"`)],
    ],
    [
      'another port is asked',
      { rules: verify, mirrors: hub, registries: [{ hosts: ['m.example', 'm.example:5001'], probe: true }] },
      [unasked('mirrors[0]', `add to registries "- { hosts: ['m.example:5000'], probe: true }"`)],
    ],
    [
      'one mirror of two is asked',
      {
        rules: verify,
        mirrors: [{ from: 'quay.io', to: 'n.example' }, ...hub],
        registries: [{ hosts: ['n.example'], probe: true }],
      },
      [unasked('mirrors[1]', `add to registries "- { hosts: ['m.example:5000'], probe: true }"`)],
    ],
    [
      'its entry does not let it be asked',
      { rules: verify, mirrors: hub, registries: [{ hosts: ['n.example'] }, { hosts: ['*.example:5000'] }] },
      [unasked('mirrors[0]', 'add "probe: true" to registries[1]')],
    ],
    [
      'an entry before the one with probe takes its images',
      {
        rules: verify,
        mirrors: hub,
        registries: [{ hosts: ['m.example:5000'] }, { hosts: ['m.example:5000/hub'], probe: true }],
      },
      [unasked('mirrors[0]', 'add "probe: true" to registries[0]')],
    ],
    ['it is asked', { rules: verify, mirrors: hub, registries: [{ hosts: ['*.example:5000/hub/'], probe: true }] }, []],
    [
      'a part of it is asked',
      { rules: verify, mirrors: hub, registries: [{ hosts: ['m.example:5000/hub/library/'], probe: true }] },
      [],
    ],
    [
      'a part of it without a path is asked',
      {
        rules: verify,
        mirrors: [{ from: 'docker.io', to: 'm.example' }],
        registries: [{ hosts: ['m.example/a'], probe: true }],
      },
      [],
    ],
  ])('%s', (_what, members, problems) => {
    expect(problemsOf(members)).toEqual(problems);
  });

  test('an entry of one’s own takes the place of the one that is built in, and must not lose its pull secret', () => {
    const mirrors = [{ from: 'docker.io', to: 'swr.eu-de.otc.t-systems.com/hub' }];
    const entry = { hosts: ['swr.eu-de.otc.t-systems.com'], pullSecret: 'default-secret', probe: true };
    expect(problemsOf({ rules: verify, mirrors })).toEqual([
      expect.stringContaining(
        `"- { hosts: ['swr.eu-de.otc.t-systems.com'], pullSecret: default-secret, probe: true }"`,
      ),
    ]);
    expect(problemsOf({ rules: verify, mirrors, registries: [entry] })).toEqual([]);
  });
});

describe('an entry that has SWR asked must not take default-secret from its pods', () => {
  const lacks = (at: string, host: string, taken: string): string =>
    `/registries/${at}: "${host}" takes the place of the built-in "${taken}", whose "pullSecret: default-secret" it lacks;`;
  const OTC = 'swr.*.otc.t-systems.com';
  const ADD = 'add that here, or write the path of images that need none behind the host';
  type Entries = NonNullable<PolicyFile['registries']>;
  const asked = (...hosts: readonly string[]): Entries => [{ hosts, probe: true }];

  test.each<[host: string, taken: string, advice: string]>([
    [OTC, OTC, ADD],
    ['swr.eu-de.otc.t-systems.com', OTC, ADD],
    ['swr.eu-*.otc.t-systems.com', OTC, ADD],
    ['swr.eu-ch2.sc.otc.t-systems.com', 'swr.*.*.otc.t-systems.com', ADD],
    ['swr.cn-north-4.myhuaweicloud.com/', 'swr.*.myhuaweicloud.com', ADD],
    // Other hosts of theirs need no such secret.
    ['*.eu-de.otc.t-systems.com', OTC, `put an entry with that for "${OTC}" before this one`],
    ['*.*.*.com', 'swr.*.myhuaweicloud.com', 'put an entry with that for "swr.*.myhuaweicloud.com" before this one'],
  ])('%s', (host, taken, advice) => {
    expect(problemsOf({ registries: asked('harbor.example.com', host) })).toEqual([
      `${lacks('0/hosts/1', host, taken)} ${advice}`,
    ]);
  });

  test.each<[what: string, registries: Entries]>([
    ['it names it', [{ hosts: [OTC], pullSecret: 'default-secret', probe: true }]],
    ['it names another', [{ hosts: [OTC], pullSecret: 'own', probe: true }]],
    ['only public images are asked about', asked('swr.cn-north-4.myhuaweicloud.com/ddn-k8s')],
    ['nobody is asked, which is how images are taken out', [{ hosts: ['swr.eu-de.otc.t-systems.com'] }]],
    ['nor as it says so', [{ hosts: ['swr.eu-de.otc.t-systems.com'], probe: false }]],
    ['another port is asked', asked('swr.eu-de.otc.t-systems.com:8443')],
    ['another service is asked', asked('swr-api.eu-de.otc.t-systems.com', 'team.swr-pro.myhuaweicloud.com')],
    [
      'an entry before it keeps it',
      [{ hosts: [OTC, 'swr.*.*.otc.t-systems.com'], pullSecret: 'default-secret' }, ...asked('*.*.otc.t-systems.com')],
    ],
  ])('but may where %s', (_what, registries) => {
    expect(problemsOf({ registries })).toEqual([]);
  });
});
