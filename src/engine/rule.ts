import type { CauseCode } from '../cause/causes.ts';
import type { FactName, Facts } from '../pull/facts.ts';
import type { PodPull } from '../pull/pod-pull.ts';
import type { Action, Configured, OptionSchemas, PolicyOf } from '../policy/policy.ts';
import type { Pointer } from '../text/json.ts';
import type { Edit } from '../workload/workload.ts';
import type { Workload } from '../workload/workload.ts';

/**
 * What a rule says, by id: what is wrong (the runtime's own words): what to do. The value of the field is shown before it. No full
 * stop; texts of users in it go through `quote`.
 */
export type Messages = Readonly<Record<string, (params: never) => string>>;

/** Something a rule found, without its words. */
export type Found = Readonly<{
  /** The field that is wrong, or that is missing. */
  at: Pointer;
  /** What the field holds now, credentials and all; absent when the field is missing. */
  value?: string;
  /** Whether the message names that value, so that it is not shown before it. */
  namesValue?: true;
  /** The part of the pod it concerns, `container "web"`; absent when that is the whole pod. */
  label?: string;
  /** For a problem that must never deny, whatever the policy says. */
  atMost?: Action;
  /** The Pod pulls all its images in spite of it: a notice, whatever the policy says. */
  harmless?: true;
  /** Why the pull fails, where that is one of the known causes. */
  cause?: CauseCode;
  /** The pull secret that it is about. */
  secret?: string;
  /** The image that was probably meant. */
  suggestion?: string | undefined;
  /** The image that is, or should be, pulled instead. */
  replacement?: string;
  /** What to do about this one, where that is more than the rule's own remedy: whole sentences. */
  remedy?: string;
  fix?: Fix;
}>;

/** Something a rule found: the id of its message, what goes into that, and the rest. */
export type Report<Says extends Messages> = {
  [Id in keyof Says & string]: Found &
    Readonly<{ messageId: Id } & (Parameters<Says[Id]> extends [] ? object : { params: Parameters<Says[Id]>[0] })>;
}[keyof Says & string];

/** A report to which the place is still to be added. */
export type Unplaced<Says extends Messages> =
  Report<Says> extends infer Each ? (Each extends unknown ? Omit<Each, 'at'> : never) : never;

/** Something a rule found, in words. */
export type Problem = AnyReport & Readonly<{ message: string }>;

/**
 * Some edits, and what they are in words, which then stand in the place of the message. A finding is sent from thread to thread, so
 * that nothing in it may be a function.
 */
export type Fix = Readonly<{
  edits: readonly Edit[];
  /** The new value: `"mirror.example.com/library/nginx"`. */
  gives: string;
  /** Once the edits are made: `replaced "nginx" with the mirror's "mirror.example.com/library/nginx"`. */
  done: string;
  /** What follows "Pods get": `the mirror's "mirror.example.com/library/nginx" instead of "nginx"`. */
  coming: string;
}>;

export type RuleContext<Options, Needs extends FactName = never> = Readonly<{
  workload: Workload;
  /** How its pods pull. */
  pull: PodPull;
  policy: Policy;
  options: Options;
  /** Whether pods are given the pull secrets that the policy knows, so that a template need not name them. */
  givesPullSecrets: boolean;
  /** Those that the rule needs are there; the others may be. */
  facts: Facts & Readonly<Required<Pick<Facts, Needs>>>;
  /** Milliseconds since 1970. */
  now: number;
  flatMap: FlatMap;
}>;

/** Goes through a list as long as the author of an object made it, as `Array.flatMap` does, for as long as there is time for it. */
export type FlatMap = <Entry, Mapped>(
  list: readonly Entry[],
  map: (entry: Entry) => readonly Mapped[],
) => readonly Mapped[];

/** What a rule is asked about again when an object changes: its images, or how its pods get at them. */
export type Scope = 'images' | 'pull-secrets';

/** A rule: named for the state we want, pure, and described well enough for help, documentation and messages. */
export type Rule<
  Options = Readonly<Record<string, unknown>>,
  Needs extends FactName = never,
  Says extends Messages = Messages,
> = Readonly<{
  id: string;
  /** One sentence that says what it finds. */
  description: string;
  /** What the author of a workload does about it; one sentence. */
  remedy: string;
  /** The check items of the FAQ it answers. */
  faqItems: readonly number[];
  defaultAction: 'off' | Action;
  scope: Scope;
  /** Whether any of its problems may carry a fix. */
  fixable: boolean;
  options: OptionSchemas;
  /** Facts it cannot do without. */
  needs: readonly FactName[];
  messages: Says;
  check: (context: RuleContext<Options, Needs>) => readonly Report<Says>[];
}>;

/** What an operator decided, checked and ready to be asked. */
export type Policy = PolicyOf<Rule>;

export type ConfiguredRule = Configured<Rule>;

/**
 * Types the options that `check` receives by the defaults of their schemas, its facts by what it needs, and its reports by its
 * messages. The rule that it returns keeps only the type of its messages.
 */
export function defineRule<
  const Schemas extends OptionSchemas,
  const Says extends Messages,
  const Needs extends FactName = never,
>(
  rule: Omit<Rule<OptionsOf<Schemas>, Needs, Says>, 'options' | 'needs'> & {
    readonly options: Schemas;
    readonly needs: readonly Needs[];
  },
): RuleWith<Says> {
  return rule as unknown as RuleWith<Says>;
}

/** A rule of which the messages are known. */
type RuleWith<Says extends Messages> = Omit<Rule, 'messages'> & Readonly<{ messages: Says }>;

/** A report of any rule. */
export type AnyReport = Found & Readonly<{ messageId: string; params?: unknown }>;

type OptionsOf<Schemas extends OptionSchemas> = {
  readonly [Name in keyof Schemas]: Widen<Schemas[Name]['default']>;
};

type Widen<T> = T extends boolean ? boolean : T extends number ? number : T extends string ? string : T;
