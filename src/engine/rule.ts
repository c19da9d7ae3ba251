import type { Edit } from '../workload/json-patch.ts';
import type { Pointer } from '../text/json.ts';
import type { Workload } from '../workload/workload.ts';
import type { FactName, Facts } from '../pull/facts.ts';
import type { Action, Configured, OptionSchemas, PolicyOf } from '../policy/policy.ts';

/** Something a rule found. */
export type Problem = Readonly<{
  /** What is wrong, without the value, which is shown before it. No full stop; other texts of users in it go through `quote`. */
  message: string;
  /** The field that is wrong, or that is missing. */
  at: Pointer;
  /** What the field holds now, credentials and all; absent when the field is missing. */
  value?: string;
  /** The part of the pod it concerns, `container "web"`; absent when that is the whole pod. */
  label?: string;
  /** For a problem that must never deny, whatever the policy says. */
  atMost?: Action;
  /** What to do about this one, where that is more than the rule's own remedy: whole sentences. */
  remedy?: string;
  fix?: Fix;
}>;

/** `gives` is what the pod gets by the edits, as messages show it: `"mirror.example.com/library/nginx"`. */
export type Fix = Readonly<{ edits: readonly Edit[]; gives: string }>;

export type RuleContext<Options, Needs extends FactName = never> = Readonly<{
  workload: Workload;
  policy: Policy;
  options: Options;
  /** Those that the rule needs are there; the others may be. */
  facts: Facts & Readonly<Required<Pick<Facts, Needs>>>;
}>;

/** A rule: named for the state we want, pure, and described well enough for help, documentation and messages. */
export type Rule<Options = Readonly<Record<string, unknown>>, Needs extends FactName = never> = Readonly<{
  id: string;
  /** One sentence that says what it finds. */
  description: string;
  /** What the author of a workload does about it; one sentence. */
  remedy: string;
  /** The check items of the FAQ it answers. */
  faqItems: readonly number[];
  defaultAction: 'off' | Action;
  /** What it judges, and so which change of an object it is asked about again: its images, or how it gets at them. */
  judges: 'images' | 'pull-secrets';
  /** Whether any of its problems may carry a fix. */
  fixable: boolean;
  options: OptionSchemas;
  /** Facts it cannot do without. */
  needs: readonly FactName[];
  check: (context: RuleContext<Options, Needs>) => readonly Problem[];
}>;

/** What an operator decided, checked and ready to be asked. */
export type Policy = PolicyOf<Rule>;

export type ConfiguredRule = Configured<Rule>;

/**
 * Types the options that `check` receives by the defaults of their schemas, and its facts by what it needs; erases both for
 * the list of all rules.
 */
export function defineRule<const Schemas extends OptionSchemas, const Needs extends FactName = never>(
  rule: Omit<Rule<OptionsOf<Schemas>, Needs>, 'options' | 'needs'> & {
    readonly options: Schemas;
    readonly needs: readonly Needs[];
  },
): Rule {
  return rule as unknown as Rule;
}

type OptionsOf<Schemas extends OptionSchemas> = {
  readonly [Name in keyof Schemas]: Widen<Schemas[Name]['default']>;
};

type Widen<T> = T extends boolean ? boolean : T extends number ? number : T extends string ? string : T;
