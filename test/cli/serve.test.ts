import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { UsageError } from '../../src/cli/io.ts';
import { serve, type ServeOptions } from '../../src/cli/serve.ts';
import type { Certificates } from '../../src/tls/self-signed.ts';
import { certificatesFor } from '../support/certificates.ts';
import { tempFolder, type TempFolder } from '../support/temp-folder.ts';

const DEFAULTS: ServeOptions = {
  host: '127.0.0.1',
  port: 0,
  adminPort: 0,
  dnsName: [],
  drainSeconds: 0,
  logLevel: 'error',
  offline: false,
  secrets: 'none',
  watchNodes: false,
  watchPulls: false,
  webhookConfiguration: 'pullguard',
  service: 'pullguard',
};

let certificates: Certificates;

beforeAll(async () => {
  certificates = await certificatesFor('localhost', '127.0.0.1');
});

type Options = Partial<ServeOptions>;

/** Options that go together, but for what is wrong with the rest. */
function servable({ write }: TempFolder): Options {
  return { tlsCert: write('tls.crt', certificates.cert), tlsKey: write('tls.key', certificates.key) };
}

test.each<[what: string, options: (folder: TempFolder) => Options, message: RegExp]>([
  [
    'a certificate without a key',
    ({ at }) => ({ tlsCert: at('a') }),
    /--tls-cert and --tls-key belong together: give both, or neither/,
  ],
  [
    'a key without a certificate',
    ({ at }) => ({ tlsKey: at('a') }),
    /--tls-cert and --tls-key belong together: give both, or neither/,
  ],
  [
    'a missing certificate',
    ({ at }) => ({ tlsCert: at('a'), tlsKey: at('b') }),
    /cannot read .*\/a: ENOENT: no such file or directory/,
  ],
  [
    'a certificate that is none',
    ({ write }) => ({ tlsCert: write('a', 'x'), tlsKey: write('b', 'y') }),
    /\/a .*no "BEGIN CERTIFICATE" line/,
  ],
  [
    '--ca-out for a certificate that it did not make',
    (folder) => ({ ...servable(folder), caOut: folder.at('ca') }),
    /--ca-out is for a certificate that pullguard creates/,
  ],
  [
    '--dns-name for a certificate that it did not make',
    (folder) => ({ ...servable(folder), dnsName: ['a.example'] }),
    /--dns-name is for a certificate that pullguard creates/,
  ],
  [
    'a CA file that cannot be written',
    ({ at }) => ({ caOut: at('no/ca') }),
    /--ca-out .*\/no\/ca cannot be written: ENOENT: no such file or directory/,
  ],
  ['a name that is none', () => ({ dnsName: ['https://a.example'] }), /"https:\/\/a\.example" is not a DNS name/],
  [
    'a missing policy',
    (folder) => ({ ...servable(folder), config: folder.at('p') }),
    /policy .*\/p cannot be read \(ENOENT: no such file or directory\): fix the path/,
  ],
  [
    'a missing client CA',
    (folder) => ({ ...servable(folder), clientCa: folder.at('c') }),
    /--client-ca .*\/c cannot be used: ENOENT: no such file or directory; give PEM certificates/,
  ],
  [
    'a client CA that is none, which would shut everybody out',
    (folder) => ({ ...servable(folder), clientCa: folder.write('c', 'x') }),
    /--client-ca .* cannot be used: it holds no "BEGIN CERTIFICATE" line; give PEM certificates/,
  ],
  [
    'a client CA that is cut off, which would shut out whom the rest stands for',
    (folder) => ({
      ...servable(folder),
      clientCa: folder.write('c', `${certificates.ca}${certificates.ca.slice(0, 99)}`),
    }),
    /--client-ca .* cannot be used: a "BEGIN CERTIFICATE" line has no END line; give PEM certificates/,
  ],
  [
    'names of clients without a CA of theirs',
    (folder) => ({ ...servable(folder), clientName: ['kube-apiserver'] }),
    /--client-name needs --client-ca: add the file/,
  ],
  [
    'a host that is none of this machine',
    (folder) => ({ ...servable(folder), host: '192.0.2.1' }),
    /192\.0\.2\.1 is not an address of this machine: choose another with --host/,
  ],
  [
    '--tls-secret without a cluster',
    () => ({ tlsSecret: 'pullguard-tls' }),
    /--tls-secret needs a cluster, and no service account token was found/,
  ],
  ['a kubeconfig that is not there', ({ at }) => ({ kubeconfig: at('none') }), /\/none/],
])('%s is a mistake of the caller', async (_what, options, message) => {
  const failed = serve({ ...DEFAULTS, ...options(tempFolder()) });
  await expect(failed).rejects.toThrow(UsageError);
  await expect(failed).rejects.toThrow(message);
});

test.each(['port', 'adminPort'] as const)('so is a port that is taken, as %s', async (option) => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => {
    other.close();
  });
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await expect(serve({ ...DEFAULTS, ...servable(tempFolder()), [option]: port })).rejects.toThrow(
    `port ${port} on 127.0.0.1 is in use (EADDRINUSE): stop the process that uses it, or choose another with --port or --admin-port`,
  );
});
