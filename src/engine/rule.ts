import type { CauseCode } from '../cause/causes.ts';
import type { FactName, Facts } from '../pull/facts.ts';
import type { PodPull } from '../pull/pod-pull.ts';
import type { Action, Configured, OptionSchemas, PolicyOf } from '../policy/policy.ts';
import type { Pointer } from '../text/json.ts';
import type { Edit, Workload } from '../workload/workload.ts';

/**
 * The messages of a rule, by ID: what is wrong (the runtime's own words): what to do. The value of the field is shown before the
 * message. No full stop; text from users goes through `quote`.
 */
export type Messages = Readonly<Record<string, (params: never) => string>>;

/** A problem that a rule found, without its message. */
export type Found = Readonly<{
  /** The wrong or missing field. */
  at: Pointer;
  /** The field's value, possibly with credentials; absent if the field is missing. */
  value?: string;
  /** Whether the message contains the value, so that it is not shown before the message. */
  namesValue?: true;
  /** The part of the Pod, `container "web"`; absent for the Pod as a whole. */
  label?: string;
  /** The strictest action for this problem, whatever the policy says. */
  atMost?: Action;
  /** The Pod can pull all its images anyway: the finding is a notice, whatever the policy says. */
  harmless?: true;
  /** Why the pull fails, if it is one of the known causes. */
  cause?: CauseCode;
  /** The pull secret with the problem. */
  secret?: string;
  /** The image that was probably meant. */
  suggestion?: string | undefined;
  /** The image that is, or should be, pulled instead. */
  replacement?: string;
  /** How to fix this problem, if there is more to say than the rule's own remedy: whole sentences. */
  remedy?: string;
  fix?: Fix;
}>;

/** A problem that a rule found: the ID of its message, the message's parameters, and the rest. */
export type Report<Says extends Messages> = {
  [Id in keyof Says & string]: Found &
    Readonly<{ messageId: Id } & (Parameters<Says[Id]> extends [] ? object : { params: Parameters<Says[Id]>[0] })>;
}[keyof Says & string];

/** A report without its place. */
export type Unplaced<Says extends Messages> =
  Report<Says> extends infer Each ? (Each extends unknown ? Omit<Each, 'at'> : never) : never;

/** A problem with its message. */
export type Problem = AnyReport & Readonly<{ message: string }>;

/**
 * The edits of a fix, and texts about it, which replace the message. Findings are passed between threads, so they must not
 * contain functions.
 */
export type Fix = Readonly<{
  edits: readonly Edit[];
  /** The new value: `"mirror.example.com/library/nginx"`. */
  gives: string;
  /** After the edits: `replaced "nginx" with the mirror's "mirror.example.com/library/nginx"`. */
  done: string;
  /** The text after "Pods get": `the mirror's "mirror.example.com/library/nginx" instead of "nginx"`. */
  coming: string;
}>;

export type RuleContext<Options, Needs extends FactName = never> = Readonly<{
  workload: Workload;
  /** How its Pods pull images. */
  pull: PodPull;
  policy: Policy;
  options: Options;
  /** Whether missing pull secrets are added to Pods, so that a template does not need them. */
  givesPullSecrets: boolean;
  /** Includes all facts that the rule needs; others may be missing. */
  facts: Facts & Readonly<Required<Pick<Facts, Needs>>>;
  /** Milliseconds since 1970. */
  now: number;
  flatMap: FlatMap;
}>;

/** `Array.flatMap` for lists from users, which stops when the time for the object is up. */
export type FlatMap = <Entry, Mapped>(
  list: readonly Entry[],
  map: (entry: Entry) => readonly Mapped[],
) => readonly Mapped[];

/** What makes a rule check an object again in an update: changed images, or also changed access to them. */
export type Scope = 'images' | 'pull-secrets';

/** A rule: named after the desired state, pure, and with the texts for help, documentation and messages. */
export type Rule<
  Options = Readonly<Record<string, unknown>>,
  Needs extends FactName = never,
  Says extends Messages = Messages,
> = Readonly<{
  id: string;
  /** One sentence that says what it finds. */
  description: string;
  /** One sentence that says what the author of a workload should do. */
  remedy: string;
  /** The check items of the FAQ that it covers. */
  faqItems: readonly number[];
  defaultAction: 'off' | Action;
  scope: Scope;
  /** Whether its problems may have a fix. */
  fixable: boolean;
  options: OptionSchemas;
  /** Facts without which it cannot run. */
  needs: readonly FactName[];
  messages: Says;
  check: (context: RuleContext<Options, Needs>) => readonly Report<Says>[];
}>;

/** The operator's settings, validated. */
export type Policy = PolicyOf<Rule>;

export type ConfiguredRule = Configured<Rule>;

/**
 * Infers the types of the options from the defaults in their schemas, of the facts from `needs`, and of the reports from the
 * messages. The returned rule keeps only the type of its messages.
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

/** A rule with the type of its messages. */
type RuleWith<Says extends Messages> = Omit<Rule, 'messages'> & Readonly<{ messages: Says }>;

/** A report of any rule. */
export type AnyReport = Found & Readonly<{ messageId: string; params?: unknown }>;

type OptionsOf<Schemas extends OptionSchemas> = {
  readonly [Name in keyof Schemas]: Widen<Schemas[Name]['default']>;
};

type Widen<T> = T extends boolean ? boolean : T extends number ? number : T extends string ? string : T;
