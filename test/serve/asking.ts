import type { Registries } from '../../src/admission/answer-later.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import { defineRule, type Policy } from '../../src/engine/rule.ts';
import type { ProbeSettings } from '../../src/policy/policy.ts';
import { placeOf } from '../../src/workload/workload.ts';
import { MIRRORED } from '../support/policies.ts';

/** Denies what registries say is denied. */
const asking = defineRule({
  id: 'asking',
  description: '',
  remedy: '',
  faqItems: [],
  defaultAction: 'deny',
  scope: 'images',
  fixable: false,
  options: {},
  needs: ['registries'],
  messages: { denied: () => 'is denied' },
  check: ({ pull }) =>
    pull
      .answers()
      .filter(({ answer }) => answer.outcome === 'failed')
      .map(({ use }) => ({ ...placeOf(use), messageId: 'denied' })),
});

/** A policy whose one rule asks registries, and waits for them so long, in milliseconds. */
export function askingPolicy(waitMs: number, policy: Policy = MIRRORED, controllerWaitMs = waitMs): Policy {
  const probe: ProbeSettings = { ...policy.probe, waitMs, controllerWaitMs };
  return { ...policy, rules: [{ rule: asking, action: 'deny', fix: false, options: {} }], probe };
}

/** Longer than any test: who waits for it to pass fails. */
export const FOREVER_MS = 600_000;

export const REFUSED: ImageAnswer = {
  endpoint: 'registry.example.com:443',
  outcome: 'failed',
  cause: 'credentials-missing',
};

export type HeldRegistries = Readonly<{
  registries: () => Registries;
  /** How often they were asked. */
  asked: () => number;
  /** From now on they say so, and nobody waits any more. */
  answer: (answer: ImageAnswer) => void;
}>;

/** Registries that do not answer until they are told to. */
export function holdRegistries(): HeldRegistries {
  let asked = 0;
  let said: ImageAnswer | undefined;
  let settle: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const registries: Registries = {
    known: { get: () => (said === undefined ? 'unasked' : { answer: said, isDue: false }) },
    ask: async () => {
      asked += 1;
      await answered;
      return said;
    },
  };
  return {
    registries: () => registries,
    asked: () => asked,
    answer: (answer) => {
      said = answer;
      settle();
    },
  };
}
