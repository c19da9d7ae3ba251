import { isDomain, isPath, isPort, splitDomain } from '../image/reference.ts';
import type { HostPattern } from '../image/host-pattern.ts';
import { findUserinfo } from '../text/redact.ts';

/** Why a pattern can match no image at all: each is a slip that would otherwise go unnoticed for long. */
export function describeHostPattern({ text, path }: HostPattern): string | undefined {
  if (/^[a-z]+:\/\//i.test(text)) return 'starts with a scheme; begin with the host';
  if (findUserinfo(text) >= 0) return 'holds credentials; they belong in a pull secret';
  if (/\s/.test(text)) return 'contains white space';
  if (text.startsWith('/')) return 'has no host';
  return describeDomain(text.split('/', 1).join('')) ?? describePath(path);
}

function describeDomain(domain: string): string | undefined {
  // What a glob stands for, as far as the grammar can tell; the brackets of an IPv6 address are no glob.
  const sample = isDomain(domain) ? domain : domain.replaceAll(/[*?]|\[[^\]]*\]/g, 'x');
  const { host, port } = splitDomain(sample);
  if (port !== undefined && !isPort(splitDomain(domain).port ?? '')) return 'has a port that is not a number';
  if (!isDomain(sample)) return 'has a host that no image address can have';
  if (port !== undefined || host.includes('.') || host === 'localhost' || host.startsWith('[')) return undefined;
  return 'has a host of one word, which is none in an image address; write it out, and Docker Hub as docker.io';
}

function describePath(path: string): string | undefined {
  if (/[*?[\]]/.test(path)) return 'has a glob in its path; a path is matched by how it starts, leave the glob out';
  if (/[:@]/.test(path)) return 'has a tag or a digest; a pattern ends with the path, or within it';
  // A pattern may end in the middle of a name.
  const isStart = path === '' || isPath(path.replace(/[._-]+$|\/$/, ''));
  return isStart ? undefined : 'has a path that no repository starts with; they are lower-case, with single slashes';
}
