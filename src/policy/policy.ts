import { matchGlob, type Glob } from '../text/glob.ts';
import { matchHostPattern, toHostTarget, type HostPattern } from '../image/host-pattern.ts';
import type { ImageReference } from '../image/reference.ts';
import { memoizeByObject } from '../text/memoize.ts';
import type { KindTable } from '../workload/kinds.ts';
import type { ProbeSettings, RegistryProbe } from './sections/probe.ts';

export type { ProbeSettings, RegistryProbe };

/** What to do about a finding: only record it in the audit log and metrics, warn the user, or deny the object. */
export const ACTIONS = ['audit', 'warn', 'deny'] as const;
export type Action = (typeof ACTIONS)[number];

/** Options of a rule, as JSON Schema properties by name; each has a default. */
export type OptionSchemas = Readonly<Record<string, Readonly<Record<string, unknown> & { default: unknown }>>>;

/** The properties of a rule that are needed to configure it. */
export type RuleDefinition = Readonly<{
  id: string;
  defaultAction: 'off' | Action;
  /** Whether its problems may have a fix. */
  fixable: boolean;
  options: OptionSchemas;
  /** Facts without which it cannot run. */
  needs: readonly string[];
}>;

/** The operator's settings for registries, mirrors and exceptions, validated. */
export type PolicySections = Readonly<{
  /** The first entry that matches an image applies to its registry. */
  registries: readonly Registry[];
  /** The first mirror whose `from` matches an image is used. */
  mirrors: readonly Mirror[];
  exempt: Readonly<{ namespaces: readonly Glob[]; images: readonly HostPattern[] }>;
  skip: SkipPolicy;
  kinds: KindTable;
  probe: ProbeSettings;
}>;

/** The same, with the settings of rules. */
export type PolicyOf<Rule extends RuleDefinition> = PolicySections &
  Readonly<{
    /** In the order in which they run, without those that are off. */
    rules: readonly Configured<Rule>[];
  }>;

/** Registries, and the pull secret that their images need, if any. */
export type Registry = Readonly<{
  hosts: readonly HostPattern[];
  pullSecret?: string;
  /** How to ask them about images; without it, they are not asked. */
  probe?: RegistryProbe;
}>;

/** `from` and `to` are a registry, optionally with complete leading path segments. */
export type Mirror = Readonly<{ from: ImagePrefix; to: ImagePrefix }>;

/** `path` is empty, or path segments without a slash at either end. */
export type ImagePrefix = Readonly<{ registry: string; path: string }>;

/**
 * The rules that the annotation `pullguard.dev/skip` may skip, and in which namespaces. `known` has all rule IDs, to find typos.
 */
export type SkipPolicy = Readonly<{
  known: readonly string[];
  rules: ReadonlySet<string>;
  namespaces: readonly Glob[];
}>;

export type Configured<Rule extends RuleDefinition> = Readonly<{
  rule: Rule;
  action: Action;
  /** Whether its fixes are applied. */
  fix: boolean;
  options: Readonly<Record<string, unknown>>;
}>;

/**
 * The policy without rules that need a fact which is never collected. A rule that only waits for its facts stays, and is reported
 * as skipped; reporting rules that can never run would be noise in every response.
 */
export function keepAnswerable<Rule extends RuleDefinition>(
  policy: PolicyOf<Rule>,
  gathered: readonly string[],
): PolicyOf<Rule> {
  return { ...policy, rules: policy.rules.filter(({ rule }) => rule.needs.every((fact) => gathered.includes(fact))) };
}

/** The pull secret that an image needs by the policy, if any. */
export function findPullSecret(policy: PolicySections, reference: ImageReference): string | undefined {
  return findRegistry(policy, reference)?.pullSecret;
}

/** The policy's entry for the registry of an image. */
export function findRegistry(
  { registries }: Pick<PolicySections, 'registries'>,
  reference: ImageReference,
): Registry | undefined {
  return registriesOf(registries)(reference);
}

/** Cached, as several rules need it for each image, and equal texts share one reference object. */
const registriesOf = memoizeByObject((registries: readonly Registry[]) =>
  memoizeByObject((reference: ImageReference) => {
    const target = toHostTarget(reference);
    return registries.find(({ hosts }) => hosts.some((host) => matchHostPattern(host, target)));
  }),
);

/** All pull secrets in the policy, without duplicates. */
export function listPullSecrets({ registries }: PolicySections): readonly string[] {
  return [...new Set(registries.flatMap(({ pullSecret }) => pullSecret ?? []))];
}

/** Whether any registry in the policy may be asked. */
export function probesAny({ registries }: Pick<PolicySections, 'registries'>): boolean {
  return registries.some(({ probe }) => probe !== undefined);
}

/** The same image on its mirror, with tag and digest; undefined if it has none, or is on its mirror already. */
export function findMirror({ mirrors }: PolicySections, reference: ImageReference): ImageReference | undefined {
  for (const { from, to } of mirrors) {
    const rest = stripPrefix(reference, from);
    if (rest !== undefined) return { ...reference, registry: to.registry, repository: joinPath(to.path, rest) };
  }
  return undefined;
}

export function isExemptImage({ exempt }: PolicySections, reference: ImageReference): boolean {
  if (exempt.images.length === 0) return false;
  const target = toHostTarget(reference);
  return exempt.images.some((pattern) => matchHostPattern(pattern, target));
}

export function isExemptNamespace({ exempt }: PolicySections, namespace: string): boolean {
  return exempt.namespaces.some((glob) => matchGlob(glob, namespace));
}

/** The rest of an image's repository after a prefix; undefined if the image does not have the prefix. */
function stripPrefix({ registry, repository }: ImageReference, prefix: ImagePrefix): string | undefined {
  if (registry !== prefix.registry) return undefined;
  if (prefix.path === '') return repository;
  return repository.startsWith(`${prefix.path}/`) ? repository.slice(prefix.path.length + 1) : undefined;
}

function joinPath(path: string, rest: string): string {
  return path === '' ? rest : `${path}/${rest}`;
}
