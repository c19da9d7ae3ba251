import { vi } from 'vitest';
import { issueAgain, makePairs, type CertificatePairs } from '../../../src/tls/self-signed.ts';
import type { Json } from '../../support/objects.ts';

export const NAMESPACE = 'pullguard';
export const SERVICE = { namespace: NAMESPACE, name: 'pullguard' };
export const NAMES = ['pullguard.pullguard.svc'];
export const SECRET = { namespace: NAMESPACE, name: 'certificates' };
/** Of the paths that only API servers are told. */
export const TOKEN = 'c0ffee00'.repeat(8);
export const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
export const MUTATING = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
export const VALIDATING = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

const DAY_MS = 24 * 60 * 60 * 1000;

/** A CA for 300 days and a certificate for 90, made some days ago. */
export async function makeTestPairs(ageDays = 0): Promise<CertificatePairs> {
  return makePairs(requestOf(NAMES, ageDays));
}

/** Another certificate of the same CA. */
export async function makeMore({ authority }: CertificatePairs, names = NAMES): Promise<CertificatePairs> {
  return issueAgain(authority, requestOf(names, 0));
}

function requestOf(names: readonly string[], ageDays: number): Parameters<typeof makePairs>[0] {
  const lives = { authorityMs: 300 * DAY_MS, servingMs: 90 * DAY_MS };
  return { names, lives, now: () => new Date(Date.now() - ageDays * DAY_MS) };
}

export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** Lets time pass until it is so. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 50) {
    if (isSo()) return;
    await pass(50);
  }
  throw new Error(`it never came to this: ${isSo.toString()}`);
}

/** Leaves out our own namespace. */
export const NOT_OURS = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: [NAMESPACE] };

/** A webhook configuration with one webhook for each `caBundle` (PEM, or undefined) that calls our Service. */
export function configuration(...bundles: readonly (string | undefined)[]): Json {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'pullguard', labels: { app: 'pullguard' } },
    webhooks: bundles.map((pem, index) => ({
      name: `webhook-${index}.pullguard.dev`,
      clientConfig: {
        service: { ...SERVICE, port: 443 },
        ...(pem !== undefined && { caBundle: toBase64(pem) }),
      },
      namespaceSelector: { matchExpressions: [NOT_OURS] },
      failurePolicy: 'Ignore',
    })),
  };
}

export function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}

export function fromBase64(text: unknown): string {
  return Buffer.from(String(text), 'base64').toString();
}

/** The pieces of keys that a message could hold: each line of their PEM texts. */
export function keyLines(...keys: readonly string[]): readonly string[] {
  return keys.flatMap((key) => key.split('\n').filter((line) => line.length > 8 && !line.startsWith('-----')));
}
