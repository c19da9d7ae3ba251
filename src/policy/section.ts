import { isDomain, isPath, isPort, splitDomain } from '../image/reference.ts';
import { parseHostPattern, type HostPattern } from '../image/host-pattern.ts';
import { parseGlob, type Glob } from '../text/glob.ts';
import { joinPointer, type Pointer } from '../text/json.ts';
import { quote } from '../text/quote.ts';
import { findUserinfo } from '../text/redact.ts';

/**
 * JSON Schema of a part of the policy file. Each key has its `description`, and its `default` where it may be left out, as
 * docs/policy.md has them; `title` says what fits where a pattern does not speak for itself.
 */
export type Schema = Readonly<Record<string, unknown>>;

/**
 * What our schemas hold that JSON Schema does not know: limits of durations; keys that are gone, with what to do; and a valid value
 * that is read instead of a wrong one, so that the rest of the file can be checked.
 */
export const VOCABULARY = ['least', 'most', 'removed', 'instead'];

/**
 * Notes a problem of what fits the schema, by where it stands. `drawnFrom` are the other parts of the file that it follows from:
 * if one of these has a mistake itself, there may be no problem.
 */
export type Report = (pointer: Pointer, message: string, drawnFrom?: readonly Pointer[]) => void;

export const TEXT = { type: 'string', minLength: 1, instead: 'placeholder.invalid' } as const;

/** An object whose keys are all known; none is required unless `rest` says so. */
export function objectOf(properties: Schema, rest: Schema = {}): Schema {
  return { type: 'object', properties, additionalProperties: false, ...rest };
}

export function listOf<Rest extends Schema>(items: Schema, rest: Rest): Rest & Schema {
  return { type: 'array', items, ...rest };
}

export function buildGlobs(texts: readonly string[], at: Pointer, report: Report): readonly Glob[] {
  return texts.flatMap((text, index) => {
    const glob = parseGlob(text);
    if (glob === undefined) report(joinPointer(at, index), `${quote(text)} is not a valid glob`);
    return glob === undefined ? [] : [glob];
  });
}

/** Hosts as kubelet matches credentials: a domain whose labels may be globs, a port, the start of a path. */
export function buildHostPatterns(texts: readonly string[], at: Pointer, report: Report): readonly HostPattern[] {
  return texts.flatMap((text, index) => {
    const pattern = parseHostPattern(text);
    const problem = pattern === undefined ? 'is not a valid glob' : describeHostPattern(pattern);
    if (problem !== undefined) report(joinPointer(at, index), `${quote(text)} ${problem}`);
    return pattern ?? [];
  });
}

/** Why a pattern can match no image at all: each is a slip that would otherwise go unnoticed for long. */
function describeHostPattern({ text, path }: HostPattern): string | undefined {
  if (/^[a-z]+:\/\//i.test(text)) return 'starts with a scheme: start with the host';
  if (findUserinfo(text) >= 0) return 'contains credentials, which belong in a pull secret';
  if (/\s/.test(text)) return 'contains whitespace';
  if (text.startsWith('/')) return 'has no host';
  return describeDomain(text.split('/', 1).join('')) ?? describePath(path);
}

function describeDomain(domain: string): string | undefined {
  // What a glob stands for, as far as the grammar can tell; the brackets of an IPv6 address are no glob.
  const sample = isDomain(domain) ? domain : domain.replaceAll(/[*?]|\[[^\]]*\]/g, 'x');
  const { host, port } = splitDomain(sample);
  if (port !== undefined && !isPort(splitDomain(domain).port ?? '')) return 'has a port that is not a number';
  if (!isDomain(sample)) return 'has a host that no image can have';
  if (port !== undefined || host.includes('.') || host === 'localhost' || host.startsWith('[')) return undefined;
  return 'has a host of one word, which is not a host in an image: write the full host, and docker.io for Docker Hub';
}

function describePath(path: string): string | undefined {
  if (/[*?[\]]/.test(path)) return 'has a glob in its path, but a path matches by its start: remove the glob';
  if (/[:@]/.test(path)) return 'has a tag or a digest: remove it';
  // A pattern may end in the middle of a name.
  const isStart = path === '' || isPath(path.replace(/[._-]+$|\/$/, ''));
  return isStart ? undefined : 'has a path that no repository starts with: use lowercase and single slashes';
}
