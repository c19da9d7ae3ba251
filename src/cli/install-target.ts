import { X509Certificate } from 'node:crypto';
import type { UrlTarget } from '../cluster/install/url-webhooks.ts';
import { describeCause, readText } from '../manifest/read-text.ts';
import { quote } from '../text/quote.ts';
import { UsageError } from './io.ts';

/** Not that of the manifests, so that both can be in one cluster. */
export const DEFAULT_NAME = 'pullguard-dev';

/**
 * What a cluster is to call, checked before anybody is asked.
 *
 * @throws UsageError
 */
export function readTarget({ url, ca, name }: Readonly<{ url: string; ca: string; name: string }>): UrlTarget {
  return { name: checkName(name), url: readUrl(url), ca: readCa(ca) };
}

/** @throws UsageError when no object in Kubernetes can be called that. */
export function checkName(name: string): string {
  if (name.length <= 253 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(name)) return name;
  throw new UsageError(
    `--name ${quote(name)} is no name of an object: lower-case letters and digits, with "-" and "." between them`,
  );
}

/** Whether only the machine that a URL is called from can answer there. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === '[::1]' || hostname.startsWith('127.') || /^(?:.+\.)?localhost$/.test(hostname);
}

/** By the rules of API servers for `clientConfig.url`; without a slash at its end. */
function readUrl(text: string): string {
  const problem = findUrlProblem(text);
  if (problem !== undefined) throw new UsageError(`--url ${quote(text)} ${problem}`);
  const { origin, pathname } = new URL(text);
  return `${origin}${pathname.replace(/\/+$/, '')}`;
}

const FORM = 'write it as in https://10.0.0.7:8443 or https://webhooks.example.com/pullguard';

function findUrlProblem(text: string): string | undefined {
  if (!URL.canParse(text) || !/^[a-z]+:\/\//i.test(text)) return `is no URL; ${FORM}`;
  const { protocol, username, password, pathname } = new URL(text);
  if (protocol !== 'https:') return `is not https, and an API server calls webhooks by nothing else; ${FORM}`;
  if (username !== '' || password !== '') {
    return 'holds a user, and an API server takes no URL with one; leave out what stands before the "@"';
  }
  if (/[?#]/.test(text)) return 'holds a "?" or "#", and an API server takes no URL with one; leave it out';
  if (/\/(?:mutate|validate)\/*$/.test(pathname)) {
    return 'names one of the two endpoints; leave out /mutate and /validate, which are added to it';
  }
  return undefined;
}

/** Nothing but the certificates: they are published in the cluster, and a key that stands beside them is not to be. */
function readCa(file: string): string {
  try {
    const blocks = readText(file).match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    if (blocks.length === 0) throw new Error('it holds no whole certificate in PEM form');
    return blocks.map(readCertificate).join('');
  } catch (error) {
    throw new UsageError(
      `--ca ${file} cannot be used: ${describeCause(error)}; give the CA of the webhook's certificate, such as \`pullguard serve --ca-out\` and \`pullguard certs\` write it`,
      { cause: error },
    );
  }
}

function readCertificate(block: string): string {
  try {
    return new X509Certificate(block).toString();
  } catch {
    throw new Error('a certificate in it cannot be parsed');
  }
}
