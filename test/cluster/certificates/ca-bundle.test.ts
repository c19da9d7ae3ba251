import { X509Certificate } from 'node:crypto';
import jsonpatch from 'fast-json-patch';
import { beforeAll, describe, expect, test } from 'vitest';

import {
  isTrusted,
  patchConfiguration,
  planBundle,
  readBundles,
  type BundleChange,
  type TrustedAuthority,
} from '../../../src/cluster/certificates/ca-bundle.ts';
import type { CertificatePairs } from '../../../src/cluster/certificates/certificate-secret.ts';
import type { Json } from '../../support/objects.ts';
import { configuration, fromBase64, makePairs, SERVICE, toBase64 } from './certificate-fixtures.ts';

const NOW = new Date();
const OWNER = { name: 'pullguard', uid: 'uid-of-now' };

let old: CertificatePairs;
let ours: CertificatePairs;

beforeAll(async () => {
  [old, ours] = await Promise.all([makePairs(10), makePairs()]);
});

describe('what the webhooks of a configuration trust', () => {
  test('is read of those that call our Service, and of no others', () => {
    const three = configuration(old.authority.cert + ours.authority.cert, ours.authority.cert, undefined);
    const webhooks = three['webhooks'] as { clientConfig: Json }[];
    webhooks[1]!.clientConfig['service'] = { ...SERVICE, namespace: 'elsewhere' };
    webhooks.push({ clientConfig: { url: 'https://127.0.0.1/', caBundle: toBase64(ours.authority.cert) } });
    expect(readBundles(three, SERVICE).map(({ index, authorities }) => [index, authorities.length])).toEqual([
      [0, 2],
      [2, 0],
    ]);
  });

  test.each<[what: string, configuration: () => Json]>([
    ['no webhooks', () => ({ metadata: {} })],
    ['webhooks of another shape', () => ({ webhooks: { a: 1 } })],
    ['webhooks that are none', () => ({ webhooks: [null, 'x', { clientConfig: null }] })],
  ])('is nothing where there are %s', (_what, broken) => {
    expect(readBundles(broken(), SERVICE)).toEqual([]);
    expect(patchConfiguration(broken(), change())).toEqual([]);
  });

  test.each<[what: string, bundle: () => string, trusted: boolean]>([
    ['its CA', () => ours.authority.cert, true],
    ['its CA in Windows lines, after another and a remark', () => `# old\n${old.authority.cert}${windows()}`, true],
    ['another CA', () => old.authority.cert, false],
    ['nothing', () => '\n', false],
    ['half of its CA', () => ours.authority.cert.slice(0, 600), false],
    ['damage before its CA', () => `${damaged()}${ours.authority.cert}`, true],
  ])('a certificate is held against %s', (_what, bundle, trusted) => {
    expect(isTrusted(ours.serving.cert, authoritiesOf(bundle()), NOW)).toBe(trusted);
  });

  test('a CA that has expired is trusted by no API server', () => {
    const authorities = authoritiesOf(ours.authority.cert);
    const [authority] = authorities;
    expect(isTrusted(ours.serving.cert, authorities, new Date(authority!.notAfter.getTime() + 1))).toBe(false);
  });
});

describe('a patch', () => {
  test('puts the new CA before the old one in each webhook of ours, and changes nothing else', () => {
    const before = stored(configuration(old.authority.cert, undefined));
    (before['webhooks'] as Json[]).push({ name: 'other', clientConfig: { service: { name: 'x', namespace: 'y' } } });
    const after = apply(before, patchConfiguration(before, change()));
    expect(bundlesOf(after)).toEqual([ours.authority.cert + old.authority.cert, ours.authority.cert, 'undefined']);
    expect(withoutBundles(after)).toEqual(withoutBundles(before));
    expect(patchConfiguration(after, change())).toEqual([]);
  });

  test('is for the very version that was read: one who was faster makes it fail', () => {
    const before = stored(configuration(undefined));
    const patch = patchConfiguration(before, change());
    const changed = { ...before, metadata: { ...(before['metadata'] as Json), resourceVersion: '8' } };
    expect(() => apply(changed, patch)).toThrow('TEST_OPERATION_FAILED');
  });

  test('takes the old CA out when it is told to', () => {
    const before = stored(configuration(ours.authority.cert + old.authority.cert));
    expect(patchConfiguration(before, change())).toEqual([]);
    expect(bundlesOf(apply(before, patchConfiguration(before, change({ dropOlder: true }))))).toEqual([
      ours.authority.cert,
    ]);
  });

  test('brings order into a bundle that nobody can read, and leaves the rest alone', () => {
    const before = stored(configuration('not PEM', ours.authority.cert));
    expect(patchConfiguration(before, change()).map(({ path }) => path)).toEqual([
      '/metadata/resourceVersion',
      '/webhooks/0/clientConfig/caBundle',
    ]);
  });

  const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'release', uid: 'uid-of-release' };
  const wanted = { apiVersion: 'v1', kind: 'Namespace', ...OWNER };

  test.each<[what: string, owners: unknown, expected: unknown]>([
    ['none', undefined, [wanted]],
    ['somebody else', [other], [other, wanted]],
    ['a namespace of the same name that is gone', [{ ...wanted, uid: 'gone' }, other], [other, wanted]],
    ['it already', [wanted, other], [wanted, other]],
  ])('makes our namespace the owner, so that both go together, where the owner is %s', (_what, owners, expected) => {
    const plain = stored(configuration(ours.authority.cert));
    const before = { ...plain, metadata: { ...(plain['metadata'] as Json), ownerReferences: owners } };
    const after = apply(before, patchConfiguration(before, change({ owner: OWNER })));
    expect(after['metadata']).toEqual({ ...(before.metadata as Json), ownerReferences: expected });
  });

  test('leaves a configuration alone in which nothing is ours, its owners too', () => {
    expect(patchConfiguration(stored(configuration()), change({ owner: OWNER }))).toEqual([]);
  });
});

describe('the CAs to trust', () => {
  const now = new Date('2026-06-01');
  const at = (pem: string, from: string, to: string): TrustedAuthority => {
    return { pem, notBefore: new Date(from), notAfter: new Date(to) };
  };
  const own = at('own', '2026-05-01', '2036-01-01');
  const before = at('before', '2020-01-01', '2030-01-01');
  const expired = at('expired', '2016-01-01', '2026-01-01');
  const younger = at('younger', '2026-05-31', '2036-01-01');

  test.each<[why: string, current: TrustedAuthority[], dropOlder: boolean, planned: TrustedAuthority[]]>([
    ['ours is added first', [before], false, [own, before]],
    ['an expired one leaves', [own, expired], false, [own]],
    ['older ones leave in the end', [own, before, expired], true, [own]],
    ['a younger one never does: it is we who are behind', [younger, own, before], true, [own, younger]],
    ['ours once is enough', [own, before, own], false, [own, before]],
  ])('%s', (_why, current, dropOlder, planned) => {
    expect(planBundle(current, own, { dropOlder, now })).toEqual(planned);
  });

  test('do not grow without end, even where somebody deletes the Secret every minute', () => {
    let bundle: readonly TrustedAuthority[] = [];
    for (let minute = 0; minute < 30; minute++) {
      const next = at(`CA ${minute}`, '2026-05-01', '2036-01-01');
      bundle = planBundle(bundle, next, { dropOlder: false, now });
      expect(bundle[0]).toBe(next);
    }
    expect(bundle).toHaveLength(10);
  });
});

function change(more: Partial<BundleChange> = {}): BundleChange {
  return { service: SERVICE, authority: ours.authority.cert, dropOlder: false, now: NOW, ...more };
}

function stored(object: Json): Json {
  return { ...object, metadata: { ...(object['metadata'] as Json), resourceVersion: '7' } };
}

function apply(object: Json, patch: ReturnType<typeof patchConfiguration>): Json {
  return jsonpatch.applyPatch(structuredClone(object), patch, true, false).newDocument;
}

function bundlesOf(object: Json): readonly string[] {
  return (object['webhooks'] as { clientConfig: Json }[]).map(({ clientConfig }) =>
    clientConfig['caBundle'] === undefined ? 'undefined' : fromBase64(clientConfig['caBundle']),
  );
}

function withoutBundles(object: Json): Json {
  return JSON.parse(JSON.stringify(object, (key, value: unknown) => (key === 'caBundle' ? undefined : value))) as Json;
}

function authoritiesOf(bundle: string): readonly TrustedAuthority[] {
  return readBundles(configuration(bundle), SERVICE)[0]!.authorities;
}

function windows(): string {
  return new X509Certificate(ours.authority.cert).toString().replaceAll('\n', '\r\n');
}

function damaged(): string {
  return old.authority.cert.replace(/\n[^-\n]{20}/, `\n${'A'.repeat(20)}`);
}
