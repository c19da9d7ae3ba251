import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import type * as Os from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { isInCluster } from '../../../src/cluster/connection/api-server.ts';
import type * as Api from '../../../src/cluster/connection/api-server.ts';
import { connectToCluster, loadKubeconfig } from '../../../src/cluster/connection/connect.ts';
import type { Json } from '../../support/objects.ts';
import { writeKubeconfig } from '../../support/stand-in-connection.ts';
import { tempFolder, type TempFolder } from '../../support/temp-folder.ts';

vi.mock('../../../src/cluster/connection/api-server.ts', async (importOriginal) => ({
  ...(await importOriginal<typeof Api>()),
  isInCluster: vi.fn(() => false),
}));
vi.mock('node:os', async (importOriginal) => ({ ...(await importOriginal<typeof Os>()), homedir: vi.fn() }));

let folder: TempFolder;

beforeEach(() => {
  folder = tempFolder();
  vi.mocked(homedir).mockReturnValue(folder.path);
  vi.mocked(isInCluster).mockReturnValue(false);
  vi.stubEnv('KUBECONFIG', '');
  vi.stubEnv('KUBERNETES_SERVICE_HOST', 'fd00::1');
  vi.stubEnv('KUBERNETES_SERVICE_PORT', '6443');
  return () => {
    vi.unstubAllEnvs();
  };
});

/** A kubeconfig that leads to `http://<name>`. */
function write(name: string, file = name): string {
  return writeKubeconfig({ url: `http://${name}` }, folder.write(file, ''));
}

test('what is named is used, whatever else there is', () => {
  vi.mocked(isInCluster).mockReturnValue(true);
  vi.stubEnv('KUBECONFIG', write('from-variable'));
  expect(connectToCluster({ kubeconfig: write('named') }).url).toBe('http://named');
});

test('in a pod the service account is used', () => {
  vi.mocked(isInCluster).mockReturnValue(true);
  vi.stubEnv('KUBECONFIG', write('from-variable'));
  expect(connectToCluster()).toMatchObject({ url: 'https://[fd00::1]:6443', namespace: 'default' });
});

test('a context is one of a kubeconfig, in a pod too', () => {
  vi.mocked(isInCluster).mockReturnValue(true);
  vi.stubEnv('KUBECONFIG', write('from-variable'));
  expect(connectToCluster({ context: 'stand-in' }).url).toBe('http://from-variable');
});

test('KUBECONFIG comes before the home folder; of its files those count that exist', () => {
  write('from-home', '.kube/config');
  vi.stubEnv('KUBECONFIG', `/nowhere/config:${write('from-variable')}:`);
  expect(connectToCluster().url).toBe('http://from-variable');
});

test('the home folder comes last', () => {
  write('from-home', '.kube/config');
  expect(connectToCluster().url).toBe('http://from-home');
});

// client-node would ask http://localhost:8080, and people would look for the fault there.
test.each([
  ['neither variable nor file', '', /KUBECONFIG is not set, and \S+\/\.kube\/config does not exist/],
  [
    'a variable that leads nowhere',
    '/nowhere/a:/nowhere/b',
    /no file of KUBECONFIG exists \(\/nowhere\/a, \/nowhere\/b\)/,
  ],
])('with %s it is said where was looked, and what to do', (_what, variable, says) => {
  vi.stubEnv('KUBECONFIG', variable);
  expect(() => connectToCluster()).toThrow(says);
  expect(() => connectToCluster()).toThrow('give a file with --kubeconfig');
});

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

const load = (text: string, context?: string) => loadKubeconfig([folder.write('config', text)], context);

test('files are found from where the kubeconfig is', () => {
  expect(load(kubeconfig()).getCurrentCluster()).toMatchObject({ caFile: join(folder.path, 'ca.crt') });
});

test('of several files the first counts where they say the same, as kubectl has it', () => {
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
  folder.write('ca.crt', 'an authority');
  const config = load(kubeconfig({ context: { user: null } }));
  const options: RequestOptions = {};
  await config.applyToFetchOptions(options);
  expect(options.ca).toEqual(Buffer.from('an authority'));
});

describe('what cannot be used is refused by file, cause and next step', () => {
  test.each<[what: string, text: string, says: RegExp, context?: string]>([
    ['nothing', '', /^cannot read kubeconfig \S+config: it is not a kubeconfig$/],
    ['no YAML', 'users:\n  - user:\n      token: "c2VjcmV0\nclusters: [', /config: it is not valid YAML, see line 5$/],
    ['no server', kubeconfig({ cluster: {} }), /config: clusters\[0\]\.cluster\.server is missing$/],
    ['no context at all', '{}', /has no current context \(it has none\): choose one with --context$/],
    ['no current context', kubeconfig({ 'current-context': '' as never }), /no current context \(it has "one"\): /],
    [
      'an unknown context',
      kubeconfig(),
      /has no context "two" \(it has "one"\): choose another with --context$/,
      'two',
    ],
    ['a number for a name', kubeconfig({ 'current-context': 5 as never }), /has no context "5"/],
    [
      'an unknown cluster',
      kubeconfig({ context: { cluster: 'gone' } }),
      /context "one" .* uses the cluster "gone", which does not exist there: fix the kubeconfig$/,
    ],
    [
      'an unknown user',
      kubeconfig({ context: { user: 'gone' } }),
      /"one" .* uses the user "gone", which does not exist there: fix the kubeconfig$/,
    ],
    [
      'no address',
      kubeconfig({ cluster: { server: '10.0.0.1:6443' } }),
      /its server "10\.0\.0\.1:6443" is not a URL: use one such as https/,
    ],
    [
      'an address without TLS',
      kubeconfig({ cluster: { server: 'http://10.0.0.1' } }),
      /is not encrypted: use https, or set insecure-skip-tls-verify: true/,
    ],
    [
      'a proxy that is none',
      kubeconfig({ cluster: { ...CLUSTER, 'proxy-url': 'c2VjcmV0@proxy' } }),
      /its proxy-url is not a URL/,
    ],
  ])('%s', (_what, text, says, context) => {
    const loading = (): unknown => load(text, context);
    expect(loading).toThrow(says);
    expect(loading).not.toThrow('c2VjcmV0');
  });

  test('a file that is not there', () => {
    expect(() => loadKubeconfig(['/nowhere/config'])).toThrow('cannot read kubeconfig /nowhere/config: ENOENT');
  });
});
