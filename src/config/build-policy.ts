import {
  stripPrefix,
  type ConfiguredRule,
  type ImagePrefix,
  type Mirror,
  type Policy,
  type Registry,
} from '../engine/policy.ts';
import type { Action, Rule } from '../engine/rule.ts';
import { normalizeName } from '../image/docker-hub.ts';
import { parseGlob, type Glob } from '../image/glob.ts';
import { isDomain, isPath } from '../image/grammar.ts';
import { parseHostPattern, type HostPattern } from '../image/host-pattern.ts';
import { quote } from '../image/quote.ts';
import { RULES } from '../rules/index.ts';
import { tabulateKinds } from '../workload/kinds.ts';
import { joinPointer, type Pointer } from '../workload/pointer.ts';
import { describeHostPattern } from './describe-host-pattern.ts';
import type { SchemaProblem } from './describe-schema-error.ts';

/** A policy file as its schema lets it be. */
export type PolicyFile = Readonly<{
  apiVersion: string;
  kind: string;
  registries?: readonly Readonly<{ hosts: readonly string[]; pullSecret?: string }>[];
  mirrors?: readonly Readonly<{ from: string; to: string }>[];
  rules?: Readonly<Record<string, RuleSetting>>;
  exempt?: Readonly<{ namespaces?: readonly string[]; images?: readonly string[] }>;
  skip?: Readonly<{ rules?: readonly string[]; namespaces?: readonly string[] }>;
  workloads?: readonly Readonly<{ group: string; kind: string; podTemplates: readonly Pointer[] }>[];
}>;

type RuleSetting =
  'off' | Action | (Readonly<{ action?: 'off' | Action; fix?: boolean }> & Readonly<Record<string, unknown>>);

/**
 * Shared SWR, where CCE keeps `default-secret` valid in every namespace. A region is one label (`eu-de`) or two
 * (`eu-ch2.sc`); the first label is `swr` and nothing else, as `swr-api` and `swr-pro` are other services.
 */
const SWR = {
  hosts: [
    'swr.*.myhuaweicloud.com',
    'swr.*.*.myhuaweicloud.com',
    'swr.*.myhuaweicloud.eu',
    'swr.*.otc.t-systems.com',
    'swr.*.*.otc.t-systems.com',
  ],
  pullSecret: 'default-secret',
};

const DEFAULT_EXEMPT_NAMESPACES = ['kube-system'];

type Report = (pointer: Pointer, message: string) => void;

/** Makes a policy of a file that fits the schema, and says what in it still makes no sense. */
export function buildPolicy(file: PolicyFile): { policy: Policy; problems: readonly SchemaProblem[] } {
  const problems: SchemaProblem[] = [];
  const report: Report = (pointer, message) => problems.push({ pointer, message });
  const policy: Policy = {
    registries: [...buildRegistries(file.registries ?? [], report), ...buildRegistries([SWR], report)],
    mirrors: buildMirrors(file, report),
    rules: RULES.flatMap((rule) => configureRule(rule, file.rules?.[rule.id], report)),
    exempt: {
      namespaces: buildNamespaces(file.exempt?.namespaces ?? DEFAULT_EXEMPT_NAMESPACES, '/exempt/namespaces', report),
      images: buildPatterns(file.exempt?.images ?? [], '/exempt/images', report),
    },
    skip: {
      known: RULES.map(({ id }) => id),
      rules: new Set(file.skip?.rules),
      namespaces: buildNamespaces(file.skip?.namespaces ?? ['*'], '/skip/namespaces', report),
    },
    kinds: buildKinds(file, report),
  };
  return { policy, problems };
}

function buildRegistries(entries: NonNullable<PolicyFile['registries']>, report: Report): readonly Registry[] {
  const seen = new Map<string, number>();
  return entries.map(({ hosts, pullSecret }, at) => {
    const pointer = joinPointer('/registries', at, 'hosts');
    for (const [index, host] of hosts.entries()) {
      const first = seen.get(host);
      if (first === undefined) seen.set(host, at);
      else report(joinPointer(pointer, index), `${quote(host)} is in registries[${first}] already, which goes first`);
    }
    return { hosts: buildPatterns(hosts, pointer, report), ...(pullSecret !== undefined && { pullSecret }) };
  });
}

function buildPatterns(texts: readonly string[], pointer: Pointer, report: Report): readonly HostPattern[] {
  return texts.flatMap((text, at) => {
    const pattern = parseHostPattern(text);
    const problem = pattern === undefined ? 'is a malformed glob' : describeHostPattern(pattern);
    if (problem !== undefined) report(joinPointer(pointer, at), `${quote(text)} ${problem}`);
    return pattern ?? [];
  });
}

function buildNamespaces(texts: readonly string[], pointer: Pointer, report: Report): readonly Glob[] {
  return texts.flatMap((text, at) => {
    const glob = parseGlob(text);
    if (glob === undefined) report(joinPointer(pointer, at), `${quote(text)} is a malformed glob`);
    return glob === undefined ? [] : [glob];
  });
}

function buildMirrors({ mirrors = [] }: PolicyFile, report: Report): Policy['mirrors'] {
  const built = mirrors.flatMap(({ from, to }, at) => {
    const prefixes = { from: parsePrefix(from), to: parsePrefix(to) };
    for (const side of ['from', 'to'] as const) {
      const given = side === 'from' ? from : to;
      const message = `${quote(given)} is not a registry, with or without a path: write host[:port][/path]`;
      if (prefixes[side] === undefined) report(joinPointer('/mirrors', at, side), message);
    }
    return prefixes.from === undefined || prefixes.to === undefined
      ? []
      : [{ from: prefixes.from, to: prefixes.to, at }];
  });
  for (const [position, mirror] of built.entries()) checkMirror(mirror, built, built.slice(0, position), report);
  return built.map(({ from, to }) => ({ from, to }));
}

type BuiltMirror = Mirror & Readonly<{ at: number }>;

function checkMirror(
  { from, to, at }: BuiltMirror,
  all: readonly BuiltMirror[],
  earlier: readonly BuiltMirror[],
  report: Report,
): void {
  const next = all.find((other) => overlaps(to, other.from));
  if (next !== undefined) {
    const message = `images on this mirror would be mirrored again by mirrors[${next.at}]; a mirror must lie outside every "from"`;
    report(joinPointer('/mirrors', at, 'to'), message);
  }
  const first = earlier.find((other) => isWithin(from, other.from));
  if (first !== undefined) {
    const message = `never used, as mirrors[${first.at}] takes all these images before; put the narrower "from" first`;
    report(joinPointer('/mirrors', at, 'from'), message);
  }
}

/** Whether an image under `to` is, or can be, under `from` as well. */
function overlaps(to: ImagePrefix, from: ImagePrefix): boolean {
  return isWithin(to, from) || isWithin(from, to);
}

/** Whether every image under `inner` is under `outer`. */
function isWithin(inner: ImagePrefix, outer: ImagePrefix): boolean {
  const repository = inner.path === '' ? 'any' : `${inner.path}/any`;
  return stripPrefix({ registry: inner.registry, repository }, outer) !== undefined;
}

function parsePrefix(text: string): ImagePrefix | undefined {
  const slash = text.indexOf('/');
  const domain = slash < 0 ? text : text.slice(0, slash);
  const path = slash < 0 ? '' : text.slice(slash + 1).replace(/\/$/, '');
  const named = domain === 'localhost' || /[.:]/.test(domain);
  if (!named || !isDomain(domain) || (path !== '' && !isPath(path))) return undefined;
  return { registry: normalizeName(domain, '/').registry, path };
}

function configureRule(rule: Rule, setting: RuleSetting | undefined, report: Report): readonly ConfiguredRule[] {
  const {
    action = rule.defaultAction,
    fix = true,
    ...given
  } = typeof setting === 'string' ? { action: setting } : (setting ?? {});
  if (action === 'off') {
    if (typeof setting === 'object' && setting.action === undefined) {
      report(joinPointer('/rules', rule.id), `${quote(rule.id)} is off unless it has an action; add "action: warn"`);
    }
    return [];
  }
  const defaults = Object.fromEntries(Object.entries(rule.options).map(([name, schema]) => [name, schema.default]));
  return [{ rule, action, fix, options: { ...defaults, ...given } }];
}

function buildKinds({ workloads = [] }: PolicyFile, report: Report): Policy['kinds'] {
  const added = workloads.map(({ group, kind, podTemplates }) => ({
    group,
    kind,
    podSpecs: podTemplates.map((pointer) => joinPointer(pointer, 'spec')),
  }));
  const known = new Map([...tabulateKinds([]).keys()].map((key) => [key, 'is built in; leave it out']));
  for (const [at, { group, kind, podTemplates }] of workloads.entries()) {
    const key = `${group}/${kind}`;
    const problem = known.get(key);
    if (problem !== undefined) report(joinPointer('/workloads', at), `${quote(kind)} ${problem}`);
    known.set(key, `is in workloads[${at}] already; one entry takes all its podTemplates`);
    checkTemplates(podTemplates, joinPointer('/workloads', at, 'podTemplates'), report);
  }
  return tabulateKinds(added);
}

function checkTemplates(podTemplates: readonly Pointer[], at: Pointer, report: Report): void {
  for (const [index, pointer] of podTemplates.entries()) {
    if (!pointer.endsWith('/template/spec')) continue;
    const template = pointer.slice(0, -'/spec'.length);
    report(joinPointer(at, index), `${quote(pointer)} is the pod's spec; name what holds it, ${quote(template)}`);
  }
}
