/** What a registry, or what answers in its place, did that no working registry does. */
export type Fault = Readonly<{ what: keyof typeof FAULTS; number?: number }>;

/** In a few words of ours, without a full stop; nothing of the registry's. */
export function describeFault({ what, number = 0 }: Fault): string {
  return FAULTS[what](number);
}

const FAULTS = {
  status: (status) => `HTTP ${status}`,
  'token-status': (status) => `its token service answers with HTTP ${status}`,
  'elsewhere-status': (status) => `it redirects to another host, which answers with HTTP ${status}`,
  'elsewhere-certificate': () => 'it redirects to another host, whose certificate is not accepted',
  'elsewhere-unreachable': () => 'it redirects to another host, which cannot be reached',
  'elsewhere-nonsense': () => 'it redirects to another host, whose answer makes no sense',
  'redirects-nowhere': () => 'it redirects to nowhere',
  'redirects-on': (redirects) => `it redirects more than ${redirects} times`,
  'web-page': (status) => `a web page, HTTP ${status}`,
  'token-web-page': (status) => `its token service answers with a web page, HTTP ${status}`,
  'no-token': () => 'its token service gives no token',
  'no-registry': () => 'no registry answers there',
  'no-tls': () => 'it does not speak TLS',
  'other-tls': () => 'it and pullguard cannot agree on TLS',
  'not-http': () => 'its answer is not HTTP',
  'other-protocol': () => 'it went over to another protocol',
  'connection-failed': () => 'the connection to it failed',
  compressed: () => 'its answer is compressed, which nobody asked for',
  'too-long': (bytes) => `its answer is longer than ${describeSize(bytes)}`,
  'ended-early': () => 'its answer ended early',
  'odd-address': () => 'it names an address that is not of HTTP',
  'odd-header': () => 'it asks to be sent something that no header can hold',
  'no-digest': () => 'it gives no digest',
  'malformed-digest': () => 'it gives a malformed digest',
  'other-digest': () => 'it answers with another digest',
  'empty-manifest': () => 'it says that its manifest is empty',
  'malformed-manifest': () => 'its manifest is malformed',
  'foreign-manifest': () => 'its manifest is of no kind that containerd takes',
} satisfies Record<string, (number: number) => string>;

function describeSize(bytes: number): string {
  if (bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20} MiB`;
  return bytes % 2 ** 10 === 0 ? `${bytes / 2 ** 10} KiB` : `${bytes} bytes`;
}
