import { homedir } from 'node:os';
import type * as Os from 'node:os';
import { beforeEach, expect, test, vi } from 'vitest';
import { connectToCluster } from '../../../src/cluster/connection/connect.ts';
import { isInCluster } from '../../../src/cluster/connection/in-cluster.ts';
import { writeKubeconfig } from '../../support/stand-in-connection.ts';
import { tempFolder, type TempFolder } from '../../support/temp-folder.ts';

vi.mock('../../../src/cluster/connection/in-cluster.ts', () => ({ isInCluster: vi.fn(() => false) }));
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
  ['neither variable nor file', '', /KUBECONFIG is not set, there is no \S+\/\.kube\/config, and this/],
  [
    'a variable that leads nowhere',
    '/nowhere/a:/nowhere/b',
    /KUBECONFIG names \/nowhere\/a, \/nowhere\/b, where there is no file/,
  ],
])('with %s it is said where was looked, and what to do', (_what, variable, says) => {
  vi.stubEnv('KUBECONFIG', variable);
  expect(() => connectToCluster()).toThrow(says);
  expect(() => connectToCluster()).toThrow('name a kubeconfig with --kubeconfig');
});
