import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import {
  checkServerIdentity,
  createSecureContext,
  rootCertificates,
  type PeerCertificate,
  type SecureContext,
} from 'node:tls';
import type { RegistryProbe } from '../../policy/policy.ts';
import { guardLookup, type ResolveHost } from './addresses.ts';
import { nameProxy, type ProxyServer, tunnel } from './proxies.ts';

/** What decides where a connection may lead and which CAs it trusts. */
export type Permission = Pick<RegistryProbe, 'ca' | 'addresses'>;

/** `kept` uses a connection again while it is idle; `fresh` makes one for each request. `proxy`: the name of that between. */
export type Connections = Readonly<{ kept: HttpAgent; fresh: HttpAgent; proxy?: string }>;

/** A probe is a few requests one after the other; servers keep connections for longer than this. */
const IDLE_MS = 5000;

/** Of one host, while idle. */
const MOST_IDLE = 4;

/**
 * How long one of several addresses is tried before the next one. After Node's default of 250 ms, a distant address that would
 * have answered is given up for one that cannot be reached.
 */
const ATTEMPT_MS = 600;

/** A policy has a few; those of policies before it are forgotten all at once, and their idle connections close. */
const MOST_PERMISSIONS = 32;

/**
 * Connections by protocol and permission: what was connected under one permission is never used under another. Idle ones do
 * not keep the process alive.
 */
export function createConnections(
  resolve: ResolveHost,
): (protocol: 'http:' | 'https:', permission: Permission, proxy?: ProxyServer) => Connections {
  const known = new Map<string, Connections>();
  return (protocol, permission, proxy) => {
    const via = proxy === undefined ? '' : nameProxy(proxy);
    const key = [protocol, via, ...permission.addresses, permission.ca ?? ''].join('\n');
    const found = known.get(key);
    if (found !== undefined) return found;
    if (known.size >= MOST_PERMISSIONS) known.clear();
    const direct = openConnections(protocol, permission, resolve);
    const opened = proxy === undefined ? direct : putThrough(proxy, direct, resolve);
    known.set(key, opened);
    return opened;
  };
}

function putThrough(proxy: ProxyServer, { kept, fresh }: Connections, resolve: ResolveHost): Connections {
  const to = { proxy, resolve, trust: createTrust(undefined) };
  return { kept: tunnel(kept, to), fresh: tunnel(fresh, to), proxy: nameProxy(proxy) };
}

function openConnections(
  protocol: 'http:' | 'https:',
  { ca, addresses }: Permission,
  resolve: ResolveHost,
): Connections {
  const fresh = {
    lookup: guardLookup(resolve, addresses),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
  };
  const kept = { ...fresh, keepAlive: true, maxFreeSockets: MOST_IDLE, timeout: IDLE_MS };
  if (protocol === 'http:') return { kept: new HttpAgent(kept), fresh: new HttpAgent(fresh) };
  // With a resumed session, the certificate would not be checked again.
  const tls = { ...createTrust(ca), maxCachedSessions: 0 };
  return { kept: new HttpsAgent({ ...kept, ...tls }), fresh: new HttpsAgent({ ...fresh, ...tls }) };
}

/** How a server is authenticated. */
export type Trust = Readonly<{
  secureContext: SecureContext;
  checkServerIdentity: typeof checkServerIdentity;
  rejectUnauthorized: true;
}>;

/**
 * Trusts Node's root CAs, those in NODE_EXTRA_CA_CERTS, and the CAs in `ca` (PEM), as containerd does. A certificate in `ca` is
 * trusted even if it is not self-signed. Text that is not a certificate is ignored. Takes 30 ms with a CA, as all roots are read.
 */
export function createTrust(ca: string | undefined): Trust {
  return {
    secureContext: createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca !== undefined && { ca: [...rootCertificates, ...readExtraRoots(), ca], allowPartialTrustChain: true }),
    }),
    checkServerIdentity: checkIdentity,
    // Regardless of NODE_TLS_REJECT_UNAUTHORIZED: credentials are only sent to the verified registry.
    rejectUnauthorized: true,
  };
}

/** Node.js only uses this file by itself if no CAs are given. */
function readExtraRoots(): readonly string[] {
  const file = process.env['NODE_EXTRA_CA_CERTS'] ?? '';
  if (file === '') return [];
  try {
    return [readFileSync(file, 'utf8')];
  } catch {
    // Node has warned of it at the start.
    return [];
  }
}

/** Without names in its extension Node looks at a certificate's common name; Go, and so containerd, does not. */
function checkIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  return checkServerIdentity(host, { ...certificate, subject: { ...certificate.subject, CN: '' } });
}
