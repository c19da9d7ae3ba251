import { isDomain, isPath, isPort, splitDomain } from '../image/reference.ts';
import { parseHostPattern, type HostPattern } from '../image/host-pattern.ts';
import { parseGlob, type Glob } from '../text/glob.ts';
import { joinPointer, type Pointer } from '../text/json.ts';
import { quote } from '../text/quote.ts';
import { findUserinfo } from '../text/redact.ts';

/**
 * JSON Schema of a part of the policy file. Each key has its `description`, and its `default` if it is optional, both as in
 * docs/policy.md; `title` describes valid values where a pattern needs an explanation.
 */
export type Schema = Readonly<Record<string, unknown>>;

/**
 * Our extensions of JSON Schema: limits of durations; removed keys and the reason; and a valid value to replace an invalid one,
 * so that the rest of the file can be checked.
 */
export const VOCABULARY = ['least', 'most', 'removed', 'instead'];

/**
 * Reports a problem in a file that fits the schema. `dependsOn` are other parts of the file that it depends on: if one of them is
 * invalid, the problem is not reported.
 */
export type Report = (pointer: Pointer, message: string, dependsOn?: readonly Pointer[]) => void;

export const TEXT = { type: 'string', minLength: 1, instead: 'placeholder.invalid' } as const;

/** An object without unknown keys; all are optional unless `rest` requires them. */
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

/** Host patterns as kubelet matches credentials: a domain whose labels may be globs, a port, the start of a path. */
export function buildHostPatterns(texts: readonly string[], at: Pointer, report: Report): readonly HostPattern[] {
  return texts.flatMap((text, index) => {
    const pattern = parseHostPattern(text);
    const problem = pattern === undefined ? 'is not a valid glob' : describeHostPattern(pattern);
    if (problem !== undefined) report(joinPointer(at, index), `${quote(text)} ${problem}`);
    return pattern ?? [];
  });
}

/** Why a pattern can never match an image: mistakes that would otherwise go unnoticed for a long time. */
function describeHostPattern({ text, path }: HostPattern): string | undefined {
  if (/^[a-z]+:\/\//i.test(text)) return 'starts with a scheme: start with the host';
  if (findUserinfo(text) >= 0) return 'contains credentials, which belong in a pull secret';
  if (/\s/.test(text)) return 'contains whitespace';
  if (text.startsWith('/')) return 'has no host';
  return describeDomain(text.split('/', 1).join('')) ?? describePath(path);
}

function describeDomain(domain: string): string | undefined {
  // An example of what the globs match; the brackets of an IPv6 address are not a glob.
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
