import { issueAgain, makeAll, type IssueRequest } from '../../../src/cluster/certificates/issue-certificates.ts';
import type { CertificatePairs } from '../../../src/cluster/certificates/certificate-secret.ts';
import type { Json } from '../../support/objects.ts';

export const NAMESPACE = 'pullguard';
export const SERVICE = { namespace: NAMESPACE, name: 'pullguard' };
export const NAMES = ['pullguard.pullguard.svc'];

const DAY_MS = 24 * 60 * 60 * 1000;

/** A CA for 300 days and a certificate for 90, made some days ago. Each costs the making of two keys. */
export async function makePairs(ageDays = 0): Promise<CertificatePairs> {
  return makeAll(requestOf(ageDays));
}

/** Another certificate of the same CA. */
export async function makeMore({ authority }: CertificatePairs, names = NAMES): Promise<CertificatePairs> {
  return issueAgain(authority, { ...requestOf(0), names });
}

function requestOf(ageDays: number): IssueRequest {
  return {
    names: NAMES,
    lives: { authorityMs: 300 * DAY_MS, servingMs: 90 * DAY_MS },
    now: () => new Date(Date.now() - ageDays * DAY_MS),
  };
}

/** A webhook configuration with one webhook for each `caBundle` (PEM, or undefined) that calls our Service. */
export function configuration(...bundles: readonly (string | undefined)[]): Json {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'pullguard', labels: { app: 'pullguard' } },
    webhooks: bundles.map((pem, index) => ({
      name: `webhook-${index}.pullguard.dev`,
      clientConfig: {
        service: { ...SERVICE, path: '/validate', port: 443 },
        ...(pem !== undefined && { caBundle: toBase64(pem) }),
      },
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
