import { matchHostPattern, toHostTarget } from '../../image/host-pattern.ts';
import type { ImageReference } from '../../image/reference.ts';
import { joinPointer } from '../../text/json.ts';
import { quote } from '../../text/quote.ts';
import {
  ACTIONS,
  findRegistry,
  probesAny,
  type Action,
  type Configured,
  type ImagePrefix,
  type Registry,
  type RuleDefinition,
} from '../policy.ts';
import { objectOf, type Report, type Schema } from '../section.ts';
import { formatPrefix, type BuiltMirror } from './mirrors.ts';
import { BUILT_IN } from './registries.ts';

/** The schema of the settings of all rules; the options are from the rules themselves. */
export function rulesSchema(rules: readonly RuleDefinition[]): Schema {
  return objectOf(Object.fromEntries(rules.map((rule) => [rule.id, ruleSchema(rule)])), {
    default: {},
    description:
      'what to do about the findings of a rule: an action, or an object with `action`, `fix` and the options of the rule',
  });
}

/** Either just the action, or an object with the action, whether to fix, and the rule's own options. */
function ruleSchema({ options, fixable }: RuleDefinition): Schema {
  const action: Schema = { enum: ['off', ...ACTIONS], description: 'what to do about the findings of this rule' };
  const fix: Schema = fixable
    ? { fix: { type: 'boolean', description: 'whether new Pods are fixed; `true` by default' } }
    : {};
  return {
    type: ['string', 'object'],
    if: { type: 'object' },
    then: objectOf({ action, ...fix, ...options }),
    else: { if: { type: 'string' }, then: action },
  };
}

export type RulesFile = Readonly<Record<string, RuleSetting>>;

type RuleSetting =
  'off' | Action | (Readonly<{ action?: 'off' | Action; fix?: boolean }> & Readonly<Record<string, unknown>>);

/** Registries and mirrors, already built: rules that ask registries need at least one that may be asked. */
type Sources = Readonly<{ registries: readonly Registry[]; mirrors: readonly BuiltMirror[] }>;

/** The rules that are not off, in the order in which they run. */
export function buildRules<Rule extends RuleDefinition>(
  file: RulesFile = {},
  rules: readonly Rule[],
  sources: Sources,
  report: Report,
): readonly Configured<Rule>[] {
  const isAnyAsked = probesAny(sources);
  return rules.flatMap((rule) => {
    const setting = file[rule.id];
    const configured = configureRule(rule, setting, report);
    if (configured === undefined) return [];
    if (rule.id === 'mirror-used' && configured.options['verify'] === true) checkVerified(sources, report);
    if (isAnyAsked || !rule.needs.includes('registries')) return [configured];
    // The rule could never find anything. It is treated as off unless the file sets it, as reporting it as skipped each time
    // would be noise.
    if (setting !== undefined) report(joinPointer('/rules', rule.id), NO_REGISTRY, ['/registries']);
    return [];
  });
}

const NO_REGISTRY =
  'has no registry to ask, as no entry of registries has probe: add "probe: true" to those that it may ask';

function configureRule<Rule extends RuleDefinition>(
  rule: Rule,
  setting: RuleSetting | undefined,
  report: Report,
): Configured<Rule> | undefined {
  const {
    action = rule.defaultAction,
    fix = true,
    ...given
  } = typeof setting === 'string' ? { action: setting } : (setting ?? {});
  if (action === 'off') {
    const message = `${quote(rule.id)} is off by default and has no action: add "action: warn"`;
    const pointer = joinPointer('/rules', rule.id);
    if (typeof setting === 'object' && setting.action === undefined) report(pointer, message, [pointer]);
    return undefined;
  }
  const defaults = Object.fromEntries(Object.entries(rule.options).map(([name, schema]) => [name, schema.default]));
  return { rule, action, fix, options: { ...defaults, ...given } };
}

/** Reports mirrors that cannot be verified. */
function checkVerified({ registries, mirrors }: Sources, report: Report): void {
  for (const { to, at } of mirrors) {
    const sample: ImageReference = { registry: to.registry, repository: to.path === '' ? 'any' : `${to.path}/any` };
    const found = findRegistry({ registries }, sample);
    if (found?.probe !== undefined || isPartAsked(registries, to)) continue;
    // An entry of the policy takes precedence over the built-in one, so it needs the same pull secret.
    const secret = found?.pullSecret === undefined ? '' : `, pullSecret: ${found.pullSecret}`;
    const advice =
      found === undefined || found === BUILT_IN
        ? `add to registries "- { hosts: ['${to.registry}']${secret}, probe: true }"`
        : `add "probe: true" to registries[${registries.indexOf(found)}]`;
    const message = `mirrors[${at}] cannot be asked, as no entry of registries for ${quote(formatPrefix(to))} has probe: ${advice}`;
    report('/rules/mirror-used/verify', message, ['/registries', '/mirrors']);
  }
}

/** Whether an entry with `probe` matches a part of the mirror. */
function isPartAsked(registries: readonly Registry[], { registry, path }: ImagePrefix): boolean {
  const { labels, port } = toHostTarget({ registry, repository: '' });
  const inside = path === '' ? '' : `${path}/`;
  return registries
    .filter(({ probe }) => probe !== undefined)
    .flatMap(({ hosts }) => hosts)
    .some((host) => host.path.startsWith(inside) && matchHostPattern(host, { labels, port, repository: host.path }));
}
