import type { Diagnosis } from './diagnose-reference.ts';
import { normalizeName } from './docker-hub.ts';
import {
  isDomain,
  isHost,
  isImageId,
  isPath,
  isPort,
  MAX_REPOSITORY_LENGTH,
  splitDomain,
  type ReferenceParts,
} from './grammar.ts';
import { nameCharacter, quote } from '../text/quote.ts';

/** Two colons and nothing but hex digits, a zone at most: an IPv6 address, not a host and its port. */
const BARE_IPV6 = /^[0-9a-f]*(?::[0-9a-f]*){2,}(?:%\w+)?$/i;

/** Says what is wrong with the name in a reference, its domain first; undefined when nothing is. */
export function diagnoseName(parts: ReferenceParts): Diagnosis | undefined {
  return diagnoseDomain(parts) ?? diagnosePath(parts) ?? diagnoseLength(parts);
}

function diagnoseDomain({ domain, path, tag }: ReferenceParts): Diagnosis | undefined {
  if (domain === undefined || isDomain(domain) || isPath(domain)) return undefined;
  const { host, port } = splitDomain(domain);
  const fault = BARE_IPV6.test(domain) ? 'an IPv6 address is written in brackets: [2001:db8::1]' : findHostFault(host);
  if (fault !== undefined) return { code: 'bad-host', message: fault };
  if (port === undefined || isPort(port)) return undefined;
  // No host of one word has such a port: `app:feature/login` is a name and the branch it was built from.
  if (tag === undefined && /^[A-Za-z]/.test(port) && !host.includes('.') && host !== 'localhost') {
    return { code: 'bad-tag', message: `tag ${quote(`${port}/${path}`, 60)} cannot contain "/"` };
  }
  return { code: 'bad-port', message: describePort(host, port) };
}

function findHostFault(host: string): string | undefined {
  if (isHost(host)) return undefined;
  if (host === '') return 'the host before ":" is missing (an unset variable?)';
  const subject = `host ${quote(host, 80)}`;
  if (host === '[') return 'the "[" of an IPv6 address needs its "]"';
  if (/^\[.*\]$/.test(host)) return `${subject} may hold only hex digits and ":" between its brackets`;
  const character = /[^A-Za-z0-9.-]/.exec(host)?.[0];
  if (character !== undefined) return `${subject} cannot contain ${nameCharacter(character)}`;
  if (host.endsWith('.')) return `${subject} ends with a "."`;
  if (/^\.|\.\./.test(host)) return `${subject} has nothing before a "." (an unset variable?)`;
  return `${subject} has a part that starts or ends with "-"`;
}

function describePort(host: string, port: string): string {
  if (port === '') return `no port number follows ${quote(`${host}:`, 80)} (an unset variable?)`;
  const digits = /^([0-9]+):/.exec(port)?.[1];
  return digits === undefined
    ? `${quote(port, 40)} after ${quote(host, 80)} is not a port number`
    : `a "/" and not a ":" has to follow the port ${quote(digits, 40)}`;
}

function diagnosePath({ domain, path }: ReferenceParts): Diagnosis | undefined {
  if (isImageId(path)) {
    const message = '64 hex digits are an image id, not a name; a digest is written name@sha256:…';
    return { code: 'malformed', message };
  }
  if (isPath(path)) return undefined;
  if (path === '') return { code: 'malformed', message: 'the repository name is missing' };
  const character = /[^A-Za-z0-9._/-]/.exec(path)?.[0];
  if (character !== undefined) {
    return { code: 'malformed', message: `a repository name cannot contain ${nameCharacter(character)}` };
  }
  if (path !== path.toLowerCase()) return { code: 'uppercase', message: 'repository name must be lowercase' };
  return { code: 'malformed', message: describeComponent(path.split('/'), domain) };
}

function describeComponent(components: readonly string[], domain: string | undefined): string {
  if (components[0] === '' && domain === undefined) return 'nothing stands before the first "/" (an unset variable?)';
  const wrong = components.find((text) => !isPath(text)) ?? '';
  if (wrong === '') return 'the repository name has a "/" too many (at its start or end, or two in a row)';
  if (!/^[a-z0-9].*[a-z0-9]$/.test(wrong)) return `${quote(wrong, 80)} must start and end with a letter or digit`;
  return `${quote(wrong, 80)} may hold one ".", one or two "_" or any number of "-" in a row, and no mixture`;
}

function diagnoseLength({ domain, path }: ReferenceParts): Diagnosis | undefined {
  const isHostName = domain === undefined || isDomain(domain);
  const repository = isHostName ? normalizeName(domain, path).repository : `${domain}/${path}`;
  if (repository.length <= MAX_REPOSITORY_LENGTH) return undefined;
  const counted = repository === path || !isHostName ? '' : ', with the "library/" of Docker Hub';
  const message = `the repository name has ${repository.length} characters${counted}; at most ${MAX_REPOSITORY_LENGTH} are allowed`;
  return { code: 'too-long', message };
}
