import { chmodSync } from 'node:fs';
import { KubeConfig, type User } from '@kubernetes/client-node';
import { afterEach, expect, test, vi } from 'vitest';
import { createLogin, type Login } from '../../../src/cluster/connection/login.ts';
import { tempFolder } from '../../support/temp-folder.ts';

afterEach(() => {
  vi.useRealTimers();
});

const CA = Buffer.from('an authority').toString('base64');

function loginAs(user: Partial<User>, caFile?: string): () => Promise<Login> {
  const config = new KubeConfig();
  const ca = caFile === undefined ? { caData: CA } : { caFile };
  config.loadFromClusterAndUser(
    { name: 'one', server: 'https://api.example.com', skipTLSVerify: false, ...ca },
    { name: 'tester', ...user },
  );
  return createLogin(config);
}

const authorization = ({ headers }: Login): string | null => headers.get('Authorization');

// kubelet writes a new token every hour or so, and the API server refuses the old one soon after.
test('the token of a service account is read again as it rotates', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const folder = tempFolder();
  const tokenFile = folder.write('token', 'first');
  const login = loginAs({ authProvider: { name: 'tokenFile', config: { tokenFile } } });
  expect(authorization(await login())).toBe('Bearer first');
  folder.write('token', 'second');
  vi.advanceTimersByTime(90_000);
  expect(authorization(await login())).toBe('Bearer second');
});

test('a program that the kubeconfig names is asked for the token', async () => {
  const folder = tempFolder();
  const command = folder.write('log-in', '#!/bin/sh\necho \'{"status":{"token":"from-program"}}\'\n');
  chmodSync(command, 0o700);
  expect(authorization(await loginAs({ exec: { command } })())).toBe('Bearer from-program');
});

test('connections are kept from one login to the next', async () => {
  const login = loginAs({ token: 'one' });
  const [first, second] = [await login(), await login()];
  expect(second.agent).toBe(first.agent);
  expect(first.agent).toMatchObject({ keepAlive: true });
});

// Otherwise a cluster whose authority was changed is lost until pullguard is restarted.
test('new connections are made when what they are made with has changed', async () => {
  const folder = tempFolder();
  const caFile = folder.write('ca.crt', 'first');
  const login = loginAs({}, caFile);
  const before = await login();
  folder.write('ca.crt', 'second');
  const after = await login();
  expect(after.agent).not.toBe(before.agent);
  expect((await login()).agent).toBe(after.agent);
});
