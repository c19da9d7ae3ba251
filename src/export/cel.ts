import type { Policy } from '../engine/rule.ts';
import type { HostPattern } from '../image/host-pattern.ts';
import { splitPrefix } from '../image/reference.ts';
import { MOST_COMPARED } from '../text/bounds.ts';
import type { Glob } from '../text/glob.ts';

/** What the API server evaluates by itself (cel.dev), with regular expressions as RE2 has them. */
export type Cel = string;

/** A text as CEL writes it; a raw one where it can be, so that a regular expression stays legible. */
export function literal(text: string): Cel {
  if (!/['\\\n]/.test(text)) return `'${text}'`;
  return /['\n]/.test(text) ? JSON.stringify(text) : `r'${text}'`;
}

export function list(texts: readonly string[]): Cel {
  return `[${texts.map((text) => literal(text)).join(', ')}]`;
}

/** Texts that all have to be true, or one of them; each is in brackets. Of none all are, and none is. */
export function allOf(...conditions: readonly Cel[]): Cel {
  return conditions.length === 0 ? 'true' : conditions.map((each) => `(${each})`).join(' && ');
}

export function anyOf(...conditions: readonly Cel[]): Cel {
  return conditions.length === 0 ? 'false' : conditions.map((each) => `(${each})`).join(' || ');
}

/** A name for a value within an expression, so that it is computed once. */
export function bind(name: string, value: Cel, body: Cel): Cel {
  return `[${value}].map(${name}, ${body})[0]`;
}

/** The first of what a list may hold, or the empty text. */
export function firstOr(texts: Cel): Cel {
  return `(${texts} + [''])[0]`;
}

export function escapeRegExp(text: string): string {
  return text.replaceAll(/[\\^$.|?*+()[\]{}]/g, String.raw`\$&`);
}

/** Whether a namespace, as CEL has it, is one of some. */
export function isNamespaceIn(globs: readonly Glob[], namespace: Cel): Cel {
  const names = globs.filter((glob) => typeof glob === 'string');
  const patterns = globs.flatMap((glob) =>
    typeof glob === 'string' ? [] : (patternOf(glob, { letters: NAME_LETTERS, any: '.' }) ?? []),
  );
  return anyOf(
    ...(names.length > 0 ? [`${namespace} in ${list(names)}`] : []),
    ...(patterns.length > 0 ? [`${namespace}.matches(${literal(`^(?:${patterns.join('|')})$`)})`] : []),
  );
}

/** Whether a full address, as CEL has it, is of one of some hosts: plain ones by their start, which costs next to nothing. */
export function isOfHosts(patterns: readonly HostPattern[], address: Cel): Cel {
  const globs = patterns.filter((pattern) => !isPlain(pattern)).flatMap((pattern) => hostRegExp(pattern) ?? []);
  return anyOf(
    ...patterns
      .filter((pattern) => isPlain(pattern))
      .map((pattern) => `${address}.startsWith(${literal(startOf(pattern))})`),
    ...(globs.length > 0 ? [`${address}.matches(${literal(`^(?:${globs.join('|')})`)})`] : []),
  );
}

/** What an API server counts for such a comparison with an image of 160 characters. */
export function costOfHosts(patterns: readonly HostPattern[]): number {
  const costs = patterns.map((pattern) => (isPlain(pattern) ? 6 : (hostRegExp(pattern)?.length ?? 0) * 4));
  return costs.reduce((sum, cost) => sum + cost, 0);
}

function isPlain({ labels }: HostPattern): boolean {
  return labels.every((label) => typeof label === 'string');
}

function startOf({ text, path }: HostPattern): string {
  return `${splitPrefix(text).registry}/${path}`;
}

/** What a host, or the brackets around an address of IPv6, may have in it. A glob is compared with such letters only. */
type Letters = Readonly<{ letters: readonly string[]; any: string }>;

const ALPHANUMERIC = Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789');
const NAME_LETTERS = Array.from('abcdefghijklmnopqrstuvwxyz0123456789-');
const HOST: Letters = { letters: [...ALPHANUMERIC, '-', '_'], any: '[^./:]' };
const ADDRESS: Letters = { letters: Array.from('0123456789abcdefABCDEF:'), any: '[0-9a-fA-F:]' };

/** The start of the full addresses that a pattern with globs matches; undefined where there are none. */
function hostRegExp({ labels, port, path }: HostPattern): string | undefined {
  const hosts = [joinLabels(labels, HOST), labels.length === 1 ? bracket(joinLabels(labels, ADDRESS)) : undefined];
  const [host, ...more] = hosts.filter((each) => each !== undefined);
  if (host === undefined) return undefined;
  const either = more.length === 0 ? host : `(?:${[host, ...more].join('|')})`;
  return `${either}${port === undefined ? '' : `:${port}`}/${escapeRegExp(path)}`;
}

function bracket(pattern: string | undefined): string | undefined {
  return pattern === undefined ? undefined : String.raw`\[${pattern}\]`;
}

function joinLabels(labels: readonly Glob[], letters: Letters): string | undefined {
  const patterns = labels.map((label) => patternOf(label, letters));
  return patterns.includes(undefined) ? undefined : patterns.join(String.raw`\.`);
}

/** A glob as a regular expression for texts of some letters; undefined where it matches none of them. */
function patternOf(glob: Glob, { letters, any }: Letters): string | undefined {
  if (typeof glob === 'string') return escapeRegExp(glob);
  const parts = glob.tokens.map((token) => {
    if (token === 'any-run') return `${any}*`;
    const allowed = letters.filter((letter) => token(letter));
    if (allowed.length === letters.length) return any;
    return allowed.length === 1 ? escapeRegExp(allowed.join('')) : allowed.length === 0 ? undefined : classOf(allowed);
  });
  return parts.includes(undefined) ? undefined : parts.join('');
}

function classOf(letters: readonly string[]): string {
  return `[${letters.filter((letter) => letter !== '-').join('')}${letters.includes('-') ? '-' : ''}]`;
}

/** A policy that cannot be written as CEL, as an API server would not evaluate it. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
}

/** What an API server counts for the comparison of an image with one mirror. */
const COST_OF_MIRROR = 12;

/** @throws ExportError for a policy with more than can be compared with each image of a Pod with 100 containers. */
export function checkSize({ mirrors, registries, exempt }: Policy): void {
  const hosts = [...registries.flatMap((each) => each.hosts), ...exempt.images];
  const cost = mirrors.length * COST_OF_MIRROR + costOfHosts(hosts);
  if (cost <= MOST_COMPARED) return;
  const globs = hosts.filter(({ labels }) => labels.some((label) => typeof label !== 'string')).length;
  throw new ExportError(
    `the policy has ${mirrors.length} mirrors and ${hosts.length} hosts, ${globs} of them with globs, which is more than an API server can compare with each image of a Pod with 100 containers (${Math.ceil((cost / MOST_COMPARED) * 100)} % of the limit): write hosts without globs, or use the webhook alone`,
  );
}
