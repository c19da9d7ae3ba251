import {
  probesAny,
  type Action,
  type Configured,
  type PolicyOf,
  type PolicySections,
  type Registry,
  type RuleDefinition,
} from './policy.ts';
import { parseGlob, type Glob } from '../text/glob.ts';
import { parseHostPattern, type HostPattern } from '../image/host-pattern.ts';
import { CCE_SECRET, SWR_HOSTS } from '../image/swr.ts';
import { quote } from '../text/quote.ts';
import { tabulateKinds } from '../workload/kinds.ts';
import { joinPointer, type Pointer } from '../text/json.ts';
import { buildMirrors, type MirrorFile } from './build-mirrors.ts';
import { buildProbeSettings, type ProbeSettingsFile } from './build-probe-settings.ts';
import { buildRegistryProbe, type RegistryProbeFile } from './build-registry-probe.ts';
import { checkProbes } from './check-probes.ts';
import { describeHostPattern } from './describe-host-pattern.ts';
import type { Report, SchemaProblem } from './describe-schema-error.ts';

/** A policy file as its schema lets it be. */
export type PolicyFile = Readonly<{
  apiVersion: string;
  kind: string;
  registries?: readonly RegistryFile[];
  mirrors?: readonly MirrorFile[];
  rules?: Readonly<Record<string, RuleSetting>>;
  exempt?: Readonly<{ namespaces?: readonly string[]; images?: readonly string[] }>;
  skip?: Readonly<{ rules?: readonly string[]; namespaces?: readonly string[] }>;
  workloads?: readonly Readonly<{ group: string; kind: string; podTemplates: readonly Pointer[] }>[];
  probe?: ProbeSettingsFile;
}>;

type RegistryFile = Readonly<{ hosts: readonly string[]; pullSecret?: string; probe?: RegistryProbeFile }>;

type RuleSetting =
  'off' | Action | (Readonly<{ action?: 'off' | Action; fix?: boolean }> & Readonly<Record<string, unknown>>);

const SWR = { hosts: SWR_HOSTS, pullSecret: CCE_SECRET };

const DEFAULT_EXEMPT_NAMESPACES = ['kube-system'];

/** A policy, and what is wrong with the file it was made of; then it is not to be used. */
export type BuiltPolicy<Rule extends RuleDefinition> = Readonly<{
  policy: PolicyOf<Rule>;
  problems: readonly SchemaProblem[];
}>;

/** Makes a policy of a file that fits the schema, and says what in it still makes no sense. */
export function buildPolicy<Rule extends RuleDefinition>(file: PolicyFile, rules: readonly Rule[]): BuiltPolicy<Rule> {
  const problems: SchemaProblem[] = [];
  const report: Report = (pointer, message) => problems.push({ pointer, message });
  const mirrors = buildMirrors(file.mirrors ?? [], report);
  const policy: PolicyOf<Rule> = {
    registries: [...buildRegistries(file.registries ?? [], report), ...buildRegistries([SWR], report)],
    mirrors: mirrors.map(({ from, to }) => ({ from, to })),
    rules: rules.flatMap((rule) => configureRule(rule, file.rules?.[rule.id], report)),
    exempt: {
      namespaces: buildNamespaces(file.exempt?.namespaces ?? DEFAULT_EXEMPT_NAMESPACES, '/exempt/namespaces', report),
      images: buildPatterns(file.exempt?.images ?? [], '/exempt/images', report),
    },
    skip: {
      known: rules.map(({ id }) => id),
      rules: new Set(file.skip?.rules),
      namespaces: buildNamespaces(file.skip?.namespaces ?? ['*'], '/skip/namespaces', report),
    },
    kinds: buildKinds(file, report),
    probe: buildProbeSettings(file.probe ?? {}, report),
  };
  checkProbes(file, policy, mirrors, report);
  return { policy: probesAny(policy) ? policy : dropAskingRules(policy), problems };
}

/** Where no registry may be asked, rules that ask one are as good as off: to say each time that they were skipped is noise. */
function dropAskingRules<Rule extends RuleDefinition>(policy: PolicyOf<Rule>): PolicyOf<Rule> {
  return { ...policy, rules: policy.rules.filter(({ rule }) => !rule.needs.includes('registries')) };
}

function buildRegistries(entries: readonly RegistryFile[], report: Report): readonly Registry[] {
  const seen = new Map<string, number>();
  return entries.map(({ hosts, pullSecret, probe: given }, at) => {
    const pointer = joinPointer('/registries', at, 'hosts');
    for (const [index, host] of hosts.entries()) {
      const first = seen.get(host);
      if (first === undefined) seen.set(host, at);
      else report(joinPointer(pointer, index), `${quote(host)} is in registries[${first}] already, which goes first`);
    }
    const probe = buildRegistryProbe(given, joinPointer('/registries', at, 'probe'), report);
    return {
      hosts: buildPatterns(hosts, pointer, report),
      ...(pullSecret !== undefined && { pullSecret }),
      ...(probe !== undefined && { probe }),
    };
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

function configureRule<Rule extends RuleDefinition>(
  rule: Rule,
  setting: RuleSetting | undefined,
  report: Report,
): readonly Configured<Rule>[] {
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

function buildKinds({ workloads = [] }: PolicyFile, report: Report): PolicySections['kinds'] {
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
