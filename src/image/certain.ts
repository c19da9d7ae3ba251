import { schemeOf } from '../text/redact.ts';
import { splitReference } from './reference.ts';
import { WELL_KNOWN } from './suspect.ts';

/**
 * Whether a suggestion is the only possible meaning of an image, so that it can be applied without asking. They may differ in
 * spaces and quotes around the image, the scheme, capitals in the repository, the "/" after a port, and the form of the digest.
 * Everything else is a guess: a missing part may be an unset variable, and either of two tags may be right.
 */
export function isOnlyReading(written: string, suggestion: string): boolean {
  const bare = mendColon(stripScheme(unwrap(written)));
  return bare !== undefined && lowerName(mendDigest(bare)) === suggestion;
}

/** Removes invisible characters, and the spaces and quotes around an image. */
function unwrap(written: string): string {
  return written.replaceAll(/\p{Cf}|(?!\s)\p{Cc}/gu, '').replaceAll(/^[\s"'`“”‘’]+|[\s"'`“”‘’]+$/g, '');
}

/** Undefined for a scheme with a meaning of its own, such as `file://`, `git://` or `ko://`. */
function stripScheme(address: string): string | undefined {
  const scheme = schemeOf(address);
  return scheme === '' || FETCHES.test(scheme) ? address.slice(scheme.length) : undefined;
}

const FETCHES = /^(?:https?|docker|oci)(?::\/\/?|\/\/|:)$/i;

/**
 * `registry.example.com:5000:team/app:1`, `ghcr.io:team/app:1`: there is no tag before a "/", so the number is a port, and the
 * name of a well-known registry is not an image.
 */
function mendColon(address: string | undefined): string | undefined {
  const [, host = '', port] = /^([\w-]+(?:\.[\w-]+)+)(:\d{2,5})?:(?=[a-z][\w.-]*\/)/.exec(address ?? '') ?? [];
  if (address === undefined || (port === undefined && !WELL_KNOWN.has(host))) return address;
  const name = host + (port ?? '');
  return `${name}/${address.slice(name.length + 1)}`;
}

/** A digest with all hex digits names the image, no matter what its algorithm part looks like. */
function mendDigest(address: string): string {
  const digest = /[:@]+(?:sha-?(256|384|512)[:=-])([0-9a-f]{64,128})$/i.exec(address);
  if (digest === null) return address;
  const [, bits = '', hex = ''] = digest;
  return `${address.slice(0, digest.index)}@sha${bits}:${hex.toLowerCase()}`;
}

/** Undefined if the first part counts as a host only for its capitals: probably it is not a host, so the author decides. */
function lowerName(address: string): string | undefined {
  const { domain, path } = splitReference(address);
  if (domain !== undefined && !/[.:]/.test(domain) && domain !== 'localhost') return undefined;
  const end = (domain === undefined ? 0 : domain.length + 1) + path.length;
  return address.slice(0, end).toLowerCase() + address.slice(end);
}
