import { schemeOf } from '../text/redact.ts';
import { splitReference } from './reference.ts';
import { WELL_KNOWN } from './suspect.ts';

/**
 * Whether a suggestion is the only thing that an address can have meant, so that it may be written without asking. What is between the
 * two is spaces and quotes around the address, its scheme, capitals in its repository, the "/" after a port, and how its digest is
 * written. Everything else is a guess: a missing part may be an unset variable, and of two tags each may be the right one.
 */
export function isOnlyReading(written: string, suggestion: string): boolean {
  const bare = mendColon(stripScheme(unwrap(written)));
  return bare !== undefined && lowerName(mendDigest(bare)) === suggestion;
}

/** Without invisible characters, and without spaces and quotes around it. */
function unwrap(written: string): string {
  return written.replaceAll(/\p{Cf}|(?!\s)\p{Cc}/gu, '').replaceAll(/^[\s"'`“”‘’]+|[\s"'`“”‘’]+$/g, '');
}

/** Undefined for a scheme that says more than that something is fetched: `file://`, `git://`, `ko://`. */
function stripScheme(address: string): string | undefined {
  const scheme = schemeOf(address);
  return scheme === '' || FETCHES.test(scheme) ? address.slice(scheme.length) : undefined;
}

const FETCHES = /^(?:https?|docker|oci)(?::\/\/?|\/\/|:)$/i;

/**
 * `registry.example.com:5000:team/app:1`, `ghcr.io:team/app:1`: what is before a "/" is no tag, so that the number is a port; and the name
 * of a well-known registry is no image.
 */
function mendColon(address: string | undefined): string | undefined {
  const [, host = '', port] = /^([\w-]+(?:\.[\w-]+)+)(:\d{2,5})?:(?=[a-z][\w.-]*\/)/.exec(address ?? '') ?? [];
  if (address === undefined || (port === undefined && !WELL_KNOWN.has(host))) return address;
  const name = host + (port ?? '');
  return `${name}/${address.slice(name.length + 1)}`;
}

/** The hex digits of a digest are all there, and name the image however they are introduced. */
function mendDigest(address: string): string {
  const digest = /[:@]+(?:sha-?(256|384|512)[:=-])([0-9a-f]{64,128})$/i.exec(address);
  if (digest === null) return address;
  const [, bits = '', hex = ''] = digest;
  return `${address.slice(0, digest.index)}@sha${bits}:${hex.toLowerCase()}`;
}

/** A host without a dot or port that is one by its capitals alone was hardly meant to be one: that is for its author to say. */
function lowerName(address: string): string | undefined {
  const { domain, path } = splitReference(address);
  if (domain !== undefined && !/[.:]/.test(domain) && domain !== 'localhost') return undefined;
  const end = (domain === undefined ? 0 : domain.length + 1) + path.length;
  return address.slice(0, end).toLowerCase() + address.slice(end);
}
