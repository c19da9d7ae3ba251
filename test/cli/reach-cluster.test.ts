import { expect, test } from 'vitest';
import { describeRefusal, reachCluster } from '../../src/cli/reach-cluster.ts';
import { UsageError } from '../../src/cli/io.ts';
import { ApiError } from '../../src/cluster/connection/api-server.ts';
import { writeKubeconfig } from '../support/stand-in-connection.ts';
import { tempFolder } from '../support/temp-folder.ts';

test('the cluster is that of the kubeconfig', async () => {
  const kubeconfig = writeKubeconfig({ url: 'http://127.0.0.1:1' }, tempFolder().at('config'));
  expect((await reachCluster({ kubeconfig })).url).toBe('http://127.0.0.1:1');
  expect((await reachCluster({ kubeconfig, context: 'stand-in' })).url).toBe('http://127.0.0.1:1');
});

test.each<[why: string, options: { context?: string }, file: string]>([
  ['a kubeconfig that is not there', {}, 'missing'],
  ['a context that it does not have', { context: 'elsewhere' }, 'config'],
])('%s is a mistake of the caller’s, and is named', async (_why, { context }, file) => {
  const folder = tempFolder();
  writeKubeconfig({ url: 'http://127.0.0.1:1' }, folder.at('config'));
  const reached = reachCluster({ kubeconfig: folder.at(file), ...(context !== undefined && { context }) });
  await expect(reached).rejects.toThrow(UsageError);
  await expect(reached).rejects.toThrow(context ?? folder.at(file));
});

test.each<[status: number | undefined, advice: RegExp]>([
  [undefined, /^refused: check that the cluster is running, and that the kubeconfig/],
  [401, /^refused: log in/],
  [403, /^refused: ask the cluster admin for get of pods, or/],
  [422, /^refused$/],
])('a call that ended with %s is told with the next step', (status, advice) => {
  expect(describeRefusal(new ApiError('refused', { status }), 'get of pods')).toMatch(advice);
});
