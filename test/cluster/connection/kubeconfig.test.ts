import type { RequestOptions } from 'node:https';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadKubeconfig } from '../../../src/cluster/connection/kubeconfig.ts';
import type { Json } from '../../support/objects.ts';
import { tempFolder, type TempFolder } from '../../support/temp-folder.ts';

const CLUSTER = { server: 'https://10.0.0.1:6443', 'certificate-authority': 'ca.crt' };

/** A kubeconfig with one context `one` of cluster `cluster` and user `user`, each as given. */
function kubeconfig({
  cluster = CLUSTER,
  user = { token: 'c2VjcmV0' },
  context = {},
  ...rest
}: Record<string, Json> = {}): string {
  return JSON.stringify({
    'current-context': 'one',
    contexts: [{ name: 'one', context: { cluster: 'cluster', user: 'user', ...context } }],
    clusters: [{ name: 'cluster', cluster }],
    users: [{ name: 'user', user }],
    ...rest,
  });
}

const load = (text: string, context?: string, folder: TempFolder = tempFolder()) =>
  loadKubeconfig([folder.write('config', text)], context);

test('files are found from where the kubeconfig is', () => {
  const folder = tempFolder();
  expect(load(kubeconfig(), undefined, folder).getCurrentCluster()).toMatchObject({
    caFile: join(folder.path, 'ca.crt'),
  });
});

test('of several files the first counts where they say the same, as kubectl has it', () => {
  const folder = tempFolder();
  const files = [
    folder.write('none', '{"kind":"Config"}'),
    folder.write('first', kubeconfig()),
    folder.write('second', kubeconfig({ cluster: { server: 'https://10.0.0.2' }, 'current-context': 'two' as never })),
  ];
  const config = loadKubeconfig(files);
  expect(config.getCurrentContext()).toBe('one');
  expect(config.getCurrentCluster()?.server).toBe('https://10.0.0.1:6443');
});

test('a context that is asked for comes before the current one', () => {
  const contexts = ['one', 'two'].map((name) => ({ name, context: { cluster: 'cluster', namespace: `of-${name}` } }));
  const config = load(kubeconfig({ contexts: contexts as never }), 'two');
  expect(config.getContextObject(config.getCurrentContext())?.namespace).toBe('of-two');
});

// client-node would ask the cluster without its authority, and fail with a message about certificates.
test('a context without a user keeps what its cluster is known by', async () => {
  const folder = tempFolder();
  folder.write('ca.crt', 'an authority');
  const config = load(kubeconfig({ context: { user: null } }), undefined, folder);
  const options: RequestOptions = {};
  await config.applyToFetchOptions(options);
  expect(options.ca).toEqual(Buffer.from('an authority'));
});

describe('what cannot be used is refused by file, cause and next step', () => {
  test.each<[what: string, text: string, context: string | undefined, says: RegExp]>([
    ['nothing', '', undefined, /^cannot read kubeconfig \S+config: it holds no kubeconfig$/],
    [
      'no YAML',
      'users:\n  - user:\n      token: "c2VjcmV0\nclusters: [',
      undefined,
      /config: it is not YAML, see line \d+$/,
    ],
    [
      'a cluster without a server',
      kubeconfig({ cluster: {} }),
      undefined,
      /config: clusters\[0\]\.cluster\.server is missing$/,
    ],
    ['no context at all', '{}', undefined, /has no current context; name one with --context: it has none$/],
    [
      'no current context',
      kubeconfig({ 'current-context': '' as never }),
      undefined,
      /has no current context; .*: it has "one"$/,
    ],
    ['an unknown context', kubeconfig(), 'two', /has no context "two"; name another with --context: it has "one"$/],
    [
      'an unknown cluster',
      kubeconfig({ context: { cluster: 'gone' } }),
      undefined,
      /context "one" .* names cluster "gone", which is not in it$/,
    ],
    [
      'an unknown user',
      kubeconfig({ context: { user: 'gone' } }),
      undefined,
      /context "one" .* names user "gone", which is not in it$/,
    ],
    [
      'no address',
      kubeconfig({ cluster: { server: '10.0.0.1:6443' } }),
      undefined,
      /its server is "10\.0\.0\.1:6443", but should be an address such as https/,
    ],
    [
      'an address without TLS',
      kubeconfig({ cluster: { server: 'http://10.0.0.1' } }),
      undefined,
      /is not encrypted; use https, or set insecure-skip-tls-verify: true/,
    ],
    [
      'a proxy that is none',
      kubeconfig({ cluster: { ...CLUSTER, 'proxy-url': 'c2VjcmV0@proxy' } }),
      undefined,
      /its proxy-url is no address/,
    ],
  ])('%s', (_what, text, context, says) => {
    const loading = (): unknown => load(text, context);
    expect(loading).toThrow(says);
    expect(loading).not.toThrow('c2VjcmV0');
  });

  test('a file that is not there', () => {
    expect(() => loadKubeconfig(['/nowhere/config'])).toThrow('cannot read kubeconfig /nowhere/config: ENOENT');
  });

  test('a name that YAML takes for a number', () => {
    expect(() => load(kubeconfig({ 'current-context': 5 as never }))).toThrow('has no context "5"');
  });
});
