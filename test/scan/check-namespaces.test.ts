import { expect, test } from 'vitest';
import { ApiError, type ApiServer } from '../../src/cluster/connection/api-server.ts';
import { checkNamespaces } from '../../src/scan/check-namespaces.ts';

/** An API server that answers for each namespace with a status. */
function withNamespaces(statuses: Readonly<Record<string, number>>): Pick<ApiServer, 'call'> {
  return {
    call: (_method, path) => {
      const status = statuses[path.replace('/api/v1/namespaces/', '')];
      return status === 200 ? Promise.resolve({}) : Promise.reject(new ApiError('refused', { status }));
    },
  };
}

test('a namespace that is not there is told of, as its empty list would pass for a clean one', async () => {
  const api = withNamespaces({ shop: 200, secret: 403, shpo: 404 }) as ApiServer;
  expect(await checkNamespaces(api, ['shop', 'shpo', 'secret'])).toEqual({
    namespaces: ['shop', 'secret'],
    unsure: ['secret'],
    problems: ['there is no namespace "shpo"; "kubectl get namespaces" lists those that there are'],
  });
});

test('a mistake of ours is not taken for an answer', async () => {
  const api = { call: () => Promise.reject(new TypeError('bug')) } as unknown as ApiServer;
  await expect(checkNamespaces(api, ['shop'])).rejects.toThrow('bug');
});
