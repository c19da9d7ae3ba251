import { matchGlob, type Glob } from '../text/glob.ts';
import { matchHostPattern, toHostTarget, type HostPattern } from '../image/host-pattern.ts';
import type { ImageReference } from '../image/reference.ts';
import { memoizeByObject } from '../text/memoize.ts';
import type { KindTable } from '../workload/kinds.ts';
import type { ProbeSettings, RegistryProbe } from './sections/probe.ts';

export type { ProbeSettings, RegistryProbe };

/** What is done about a finding: note it in the audit log and metrics, warn the user, or deny the object as well. */
export const ACTIONS = ['audit', 'warn', 'deny'] as const;
export type Action = (typeof ACTIONS)[number];

/** Options of a rule, as JSON Schema properties by name; each has a default, so that a policy may leave it out. */
export type OptionSchemas = Readonly<Record<string, Readonly<Record<string, unknown> & { default: unknown }>>>;

/** What a policy has to know of a rule to configure it. */
export type RuleDefinition = Readonly<{
  id: string;
  defaultAction: 'off' | Action;
  /** Whether any of its problems may carry a fix. */
  fixable: boolean;
  options: OptionSchemas;
  /** Facts it cannot do without. */
  needs: readonly string[];
}>;

/** What an operator decided of registries, mirrors and exceptions, checked and ready to be asked. */
export type PolicySections = Readonly<{
  /** The first whose pattern matches an image speaks for its registry. */
  registries: readonly Registry[];
  /** The first whose `from` matches an image is its mirror. */
  mirrors: readonly Mirror[];
  exempt: Readonly<{ namespaces: readonly Glob[]; images: readonly HostPattern[] }>;
  skip: SkipPolicy;
  kinds: KindTable;
  probe: ProbeSettings;
}>;

/** The same, and what was decided of rules. */
export type PolicyOf<Rule extends RuleDefinition> = PolicySections &
  Readonly<{
    /** In the order in which they run; those that are off are not here. */
    rules: readonly Configured<Rule>[];
  }>;

/** Registries, and the pull secret that their images need; without a secret they need none. */
export type Registry = Readonly<{
  hosts: readonly HostPattern[];
  pullSecret?: string;
  /** How to ask them about images; without it they are not asked. */
  probe?: RegistryProbe;
}>;

/** `from` and `to` are a registry, or a registry and the start of a path that ends where a path segment does. */
export type Mirror = Readonly<{ from: ImagePrefix; to: ImagePrefix }>;

/** `path` is empty, or path segments without a slash at either end. */
export type ImagePrefix = Readonly<{ registry: string; path: string }>;

/** What the annotation `pullguard.dev/skip` may switch off, and where. `known` are the ids of all rules, to find typos. */
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
 * The policy without the rules that need a fact which is not gathered. A rule that only waits for its facts stays, and is
 * reported as skipped; to report one that can never run would be noise in every answer.
 */
export function keepAnswerable<Rule extends RuleDefinition>(
  policy: PolicyOf<Rule>,
  gathered: readonly string[],
): PolicyOf<Rule> {
  return { ...policy, rules: policy.rules.filter(({ rule }) => rule.needs.every((fact) => gathered.includes(fact))) };
}

/** The pull secret that an image needs, if the policy knows one. */
export function findPullSecret(policy: PolicySections, reference: ImageReference): string | undefined {
  return findRegistry(policy, reference)?.pullSecret;
}

/** What the policy says of the registry of an image. */
export function findRegistry(
  { registries }: Pick<PolicySections, 'registries'>,
  reference: ImageReference,
): Registry | undefined {
  return registriesOf(registries)(reference);
}

/** Several rules ask of each image, and the same text is the same reference for as long as that is remembered. */
const registriesOf = memoizeByObject((registries: readonly Registry[]) =>
  memoizeByObject((reference: ImageReference) => {
    const target = toHostTarget(reference);
    return registries.find(({ hosts }) => hosts.some((host) => matchHostPattern(host, target)));
  }),
);

/** Every pull secret that the policy knows, each once. */
export function listPullSecrets({ registries }: PolicySections): readonly string[] {
  return [...new Set(registries.flatMap(({ pullSecret }) => pullSecret ?? []))];
}

/** Whether the policy names any registry to be asked. */
export function probesAny({ registries }: Pick<PolicySections, 'registries'>): boolean {
  return registries.some(({ probe }) => probe !== undefined);
}

/** The same image on its mirror, tag and digest kept; undefined when it has none, or is there already. */
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

/** What follows a prefix in an image's repository; undefined when the image is not under it. */
function stripPrefix({ registry, repository }: ImageReference, prefix: ImagePrefix): string | undefined {
  if (registry !== prefix.registry) return undefined;
  if (prefix.path === '') return repository;
  return repository.startsWith(`${prefix.path}/`) ? repository.slice(prefix.path.length + 1) : undefined;
}

function joinPath(path: string, rest: string): string {
  return path === '' ? rest : `${path}/${rest}`;
}
