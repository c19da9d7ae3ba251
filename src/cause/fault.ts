/** A response of a registry, or of another server in its place, that no working registry returns. */
export type Fault = Readonly<{ what: keyof typeof FAULTS; number?: number }>;

/** A short description in our own words, without a full stop and without text from the registry. */
export function describeFault({ what, number = 0 }: Fault): string {
  return FAULTS[what](number);
}

const FAULTS = {
  status: (status) => `HTTP ${status}`,
  'token-status': (status) => `its token service returned HTTP ${status}`,
  'elsewhere-status': (status) => `redirect to another host, which returned HTTP ${status}`,
  'elsewhere-certificate': () => 'redirect to another host with an untrusted certificate',
  'elsewhere-unreachable': () => 'redirect to another host, which is unreachable',
  'elsewhere-nonsense': () => 'redirect to another host, which returned an invalid response',
  'redirects-nowhere': () => 'redirect without a location',
  'redirects-on': (redirects) => `more than ${redirects} redirects`,
  'web-page': (status) => `web page, HTTP ${status}`,
  'token-web-page': (status) => `its token service returned a web page, HTTP ${status}`,
  'no-token': () => 'its token service returned no token',
  'no-registry': () => 'not found, not a registry',
  'no-tls': () => 'no TLS',
  'other-tls': () => 'TLS handshake failure',
  'not-http': () => 'malformed HTTP response',
  'other-protocol': () => 'protocol switch',
  'connection-failed': () => 'connection failed',
  compressed: () => 'unrequested compression',
  'too-long': (bytes) => `response longer than ${describeSize(bytes)}`,
  'ended-early': () => 'unexpected EOF',
  'odd-address': () => 'URL that is not HTTP',
  'odd-header': () => 'invalid characters for a header',
  'no-digest': () => 'no digest',
  'malformed-digest': () => 'malformed digest',
  'other-digest': () => 'different digest',
  'empty-manifest': () => 'empty manifest',
  'malformed-manifest': () => 'malformed manifest',
  'foreign-manifest': () => 'unexpected media type',
} satisfies Record<string, (number: number) => string>;

function describeSize(bytes: number): string {
  if (bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20} MiB`;
  return bytes % 2 ** 10 === 0 ? `${bytes / 2 ** 10} KiB` : `${bytes} bytes`;
}
