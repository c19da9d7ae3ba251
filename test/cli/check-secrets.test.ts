import { describe, expect, test } from 'vitest';
import { check } from '../../src/cli/check.ts';
import { capturedIo } from '../support/captured-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

// What stands in the files beside a workload is known, and nothing else: a secret that is in no file may well be in the cluster.

const HOST = 'registry.example.com';
const POLICY = `apiVersion: pullguard.dev/v1alpha1
kind: Policy
registries: [{ hosts: [${HOST}], pullSecret: regcred }]
rules: { pull-secret-usable: { action: deny, denyMissing: true }, pull-secret-present: off }
`;

const config = (host: string, auth = 'cm9ib3Q6ZXhhbXBsZQ=='): string => `{"auths":{"${host}":{"auth":"${auth}"}}}`;
const secret = (text: string, more = ''): string => `apiVersion: v1
kind: Secret
metadata: { name: regcred${more} }
type: kubernetes.io/dockerconfigjson
stringData: { .dockerconfigjson: '${text}' }
`;
const encoded = (text: string): string =>
  secret('').replace(
    "stringData: { .dockerconfigjson: '' }",
    `data: { .dockerconfigjson: ${Buffer.from(text).toString('base64')} }`,
  );
const pod = (spec = 'imagePullSecrets: [{ name: regcred }]', more = ''): string => `apiVersion: v1
kind: Pod
metadata: { name: web${more} }
spec:
  ${spec}
  containers: [{ name: web, image: "${HOST}/team/web:1" }]
`;
const account = (name: string): string => `apiVersion: v1
kind: ServiceAccount
metadata: { name: ${name} }
imagePullSecrets: [{ name: regcred }]
`;

/** What is said, and which rules were left out. */
async function run(...documents: readonly string[]) {
  const folder = tempFolder();
  const paths = documents.map((text, at) => folder.write(`${at}.yaml`, text));
  const io = capturedIo({});
  const code = await check(paths, { output: 'json', config: folder.write('policy.txt', POLICY) }, io);
  const { findings, skipped } = JSON.parse(io.printed.stdout) as {
    findings: { message: string; action: string }[];
    skipped: { rule: string }[];
  };
  return {
    code,
    told: findings.map(({ action, message }) => `${action} ${message}`),
    skipped: skipped.map(({ rule }) => rule),
  };
}

describe('a secret in the same input is known', () => {
  test.each<[what: string, documents: readonly string[], told: RegExp]>([
    [
      'in another file, as stringData',
      [secret(config('other.example.com')), pod()],
      /^deny .*only for "other\.example\.com"/,
    ],
    [
      'after the pod in the same file',
      [`${pod()}---\n${secret(config('other.example.com'))}`],
      /^deny .*other\.example\.com/,
    ],
    ['as data', [encoded(config('other.example.com')), pod()], /^deny .*other\.example\.com/],
    ['without a type', [secret(config(HOST)).replace(/^type.*\n/m, ''), pod()], /^deny .*has type "Opaque"/],
    [
      'encoded twice',
      [encoded(Buffer.from(config(HOST)).toString('base64')), pod()],
      /base64 of base64: encode it once$/,
    ],
    [
      'as JSON under data',
      [secret(config(HOST)).replace('stringData', 'data'), pod()],
      /data is not base64: write it under stringData$/,
    ],
    [
      'as YAML',
      [secret('auths:').replace("'auths:'", "'auths: { a.example.com: { auth: dTpw } }'"), pod()],
      /is not JSON$/,
    ],
    ['with an entry that cannot work', [secret(config(HOST, 'cm9ib3Q6ZXhhbXBsZQo=')), pod()], /^warn .*line break/],
    [
      'with a placeholder of documentation',
      [secret(config(HOST, Buffer.from('robot:<your-pword>').toString('base64'))), pod()],
      /^warn .*placeholder/,
    ],
    [
      'by its service account',
      [secret(config('other.example.com')), account('default'), pod('{}').replace('  {}\n', '')],
      /^deny .*"regcred" of ServiceAccount "default"/,
    ],
    [
      'in the same namespace',
      [secret(config('other.example.com'), ', namespace: a'), pod(undefined, ', namespace: a')],
      /^deny .*other/,
    ],
  ])('%s', async (_what, documents, told) => {
    expect((await run(...documents)).told).toEqual([expect.stringMatching(told)]);
  });

  test.each<[what: string, documents: readonly string[]]>([
    ['one that serves the image', [secret(config(HOST)), pod()]],
    ['none: the secret may be in the cluster', [pod()]],
    ['one of another name', [secret(config('a.example.com')).replace('regcred', 'other'), pod()]],
    ['one of another namespace', [secret(config('a.example.com'), ', namespace: b'), pod(undefined, ', namespace: a')]],
    ['one of which nobody knows the namespace', [secret(config('a.example.com')), pod(undefined, ', namespace: a')]],
    ['two of one name', [secret(config('a.example.com')), secret(config('b.example.com')), pod()]],
    ['one that is encrypted', [`${secret('ENC[AES256_GCM,data:abc]')}sops: { version: "3" }\n`, pod()]],
    ['one that is filled in later', [secret('${DOCKER_CONFIG}'), pod()]],
    ['one whose auth is filled in later', [secret(config(HOST, '${AUTH}')), pod()]],
    ['one that is filled by a controller', [secret(''), pod()]],
    ['an account that is in no file', [secret(config('a.example.com')), pod('serviceAccountName: builder')]],
  ])('and nothing is said with %s', async (_what, documents) => {
    expect(await run(...documents)).toMatchObject({ code: 0, told: [] });
  });

  test('and rules are said to be left out only where there is nothing to know', async () => {
    expect((await run(pod())).skipped).toContain('pull-secret-usable');
    expect((await run(secret(config(HOST)), pod())).skipped).toEqual([]);
    expect((await run(account('default'), pod())).skipped).toEqual(['pull-secret-usable']);
  });
});
