/** Host and path of a URL, percent-decoded. `host` includes the port; `path` is empty or starts with "/". */
export type UrlParts = Readonly<{ host: string; path: string }>;

/**
 * Parses a URL that starts with `http://` or `https://` as Go's `net/url` does (`url.Parse` of Go 1.26); undefined if that fails.
 * Node's own `URL` repairs and rewrites text that Go refuses or keeps.
 *
 * Some details that no image can have are simplified: an escape for a byte outside ASCII becomes some character outside ASCII,
 * and an IPv6 address with a zone, `[fe80::1%25eth0]`, is undefined.
 */
export function parseUrl(url: string): UrlParts | undefined {
  const { before: address, behind: fragment } = cut(url, '#');
  const { before: location } = cut(address, '?');
  const { before: authority, behind } = cut(location.slice(location.indexOf('//') + 2), '/');
  const path = behind === undefined ? '' : `/${behind}`;
  const at = authority.lastIndexOf('@');
  const userinfo = at < 0 ? '' : authority.slice(0, at);
  const host = readHost(authority.slice(at + 1));
  if (CONTROL_CHARACTER.test(address) || !USERINFO.test(userinfo) || host === undefined) return undefined;
  if (![fragment ?? '', userinfo, path].every((part) => isWellEscaped(part))) return undefined;
  return { host, path: decodeEscapes(path) };
}

/** Splits `UrlParts.host` into name and port as Go's `net.SplitHostPort`; without a port the name keeps its brackets. */
export function splitHostPort(host: string): Readonly<{ name: string; port: string }> {
  const found = HOST_AND_PORT.exec(host);
  return { name: found?.[1] ?? found?.[2] ?? host, port: found?.[3] ?? '' };
}

const HOST_AND_PORT = /^(?:\[([^[\]]*)\]|([^[\]:]*)):([^[\]:]*)$/;

const CONTROL_CHARACTER = /[\0-\x1f\x7f]/;

const USERINFO = /^[\w.~:!$&'()*+,;=%@-]*$/;

/** The characters allowed in a host, or an escape for a byte outside ASCII or for "%". */
const NAME_AND_PORT = /^(?:[\w.~!$&'()*+,;=\]<>"-]|[^\0-\x7f]|%25|%[89a-f][0-9a-f])*(?::[0-9]*)?$/i;

const ADDRESS_AND_PORT = /^\[([0-9a-f:.]*:[0-9a-f:.]*)\](?::[0-9]*)?$/i;

function readHost(host: string): string | undefined {
  if (!host.includes('[')) return NAME_AND_PORT.test(host) ? decodeEscapes(host) : undefined;
  const address = ADDRESS_AND_PORT.exec(host)?.[1];
  // Node and Go agree on which IPv6 addresses are valid.
  return address !== undefined && URL.canParse(`http://[${address}]`) ? host : undefined;
}

function isWellEscaped(text: string): boolean {
  return !/%(?![0-9a-f]{2})/i.test(text);
}

function decodeEscapes(text: string): string {
  return text.replaceAll(/%([0-9a-f]{2})/gi, (_, byte: string) => String.fromCharCode(parseInt(byte, 16)));
}

/** The text before a separator, and the text after it if there is one. */
function cut(text: string, separator: string): Readonly<{ before: string; behind?: string }> {
  const at = text.indexOf(separator);
  return at < 0 ? { before: text } : { before: text.slice(0, at), behind: text.slice(at + 1) };
}
