import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/serve/metrics.ts';
import { startServer } from '../../src/serve/start-server.ts';
import { fileSource } from '../../src/tls/files.ts';
import { makeCertificates, type Certificates } from '../../src/tls/self-signed.ts';
import { MIRRORED } from '../support/policies.ts';
import { collectLog } from './helpers.ts';
import { startLoad } from './load.ts';

test('a certificate is replaced under load: no call fails, new connections get the new one, old ones go on, a bad pair changes nothing', async () => {
  const [first, second] = await Promise.all([makeFor('127.0.0.1', 30), makeFor('127.0.0.1', 60)]);
  const folder = mkdtempSync(join(tmpdir(), 'pullguard-rotate-'));
  const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  const put = ({ cert, key }: Pick<Certificates, 'cert' | 'key'>) => {
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
  };
  put(first);

  const problems: string[] = [];
  const certificate = fileSource({ certFile, keyFile, onError: (problem) => problems.push(problem), intervalMs: 20 });
  const { logger, lines } = collectLog('info');
  const server = await startServer({
    host: '127.0.0.1',
    port: 0,
    adminPort: 0,
    certificate,
    policy: () => MIRRORED,
    facts: () => ({}),
    metrics: createMetrics(),
    logger,
  });
  onTestFinished(async () => {
    await certificate.close();
    await server.stop(0);
    rmSync(folder, { recursive: true });
  });

  const target = { port: server.port, ca: first.ca + second.ca };
  const kept = [1, 2, 3].map(() => startLoad({ ...target, keepAlive: true }));
  const fresh = [1, 2].map(() => startLoad({ ...target, keepAlive: false }));
  const loads = [...kept, ...fresh];
  /** Some calls later, which are sure to have begun after now. */
  const goOn = async () => {
    const targets = loads.map(({ answers }) => answers.length + 5);
    await expect.poll(() => loads.every(({ answers }, at) => answers.length >= (targets[at] ?? 0))).toBe(true);
  };
  const newest = () => fresh.map(({ answers }) => answers.at(-1)?.fingerprint);

  await goOn();
  expect(newest()).toEqual([fingerprintOf(first), fingerprintOf(first)]);

  put({ cert: second.cert, key: first.key });
  await expect.poll(() => problems.join()).toContain('the private key does not belong to the certificate');
  await goOn();
  expect(newest()).toEqual([fingerprintOf(first), fingerprintOf(first)]);

  for (const next of [second, first, second]) {
    put(next);
    await expect.poll(newest, { timeout: 5000 }).toEqual([fingerprintOf(next), fingerprintOf(next)]);
    await goOn();
  }

  await Promise.all(loads.map(({ stop }) => stop()));
  expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
  for (const { answers } of kept)
    expect(new Set(answers.map(({ fingerprint }) => fingerprint))).toEqual(new Set([fingerprintOf(first)]));
  expect(lines.filter(({ msg }) => msg === 'certificate reloaded')).toHaveLength(3);
});

async function makeFor(name: string, days: number): Promise<Certificates> {
  return makeCertificates({ names: [name], days });
}

function fingerprintOf({ cert }: Certificates): string {
  return new X509Certificate(cert).fingerprint256;
}
