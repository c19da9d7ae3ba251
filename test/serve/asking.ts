import type { Inquiry } from '../../src/admission/inquiry.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import type { ProbeSettings } from '../../src/policy/policy.ts';
import { type Policy, defineRule } from '../../src/engine/rule.ts';
import { MIRRORED } from '../support/policies.ts';

/** Denies what registries say is denied. */
const asking = defineRule({
  id: 'asking',
  description: '',
  remedy: '',
  faqItems: [],
  defaultAction: 'deny',
  judges: 'images',
  fixable: false,
  options: {},
  needs: ['registries'],
  check: ({ workload: { images, namespace }, facts }) =>
    images.flatMap(({ parsed, pointer, written }) => {
      if (!parsed.ok) return [];
      const answer = facts.registries.find({ reference: parsed.reference, namespace, pullSecrets: [] });
      return answer?.outcome === 'failed' ? [{ message: 'is denied', at: pointer, value: written }] : [];
    }),
});

/** A policy whose one rule asks registries, and waits for them so long, in milliseconds. */
export function askingPolicy(waitMs: number, policy: Policy = MIRRORED): Policy {
  const probe: ProbeSettings = { ...policy.probe, waitMs };
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
  inquire: () => Inquiry;
  /** How often a rule has asked. */
  asked: () => number;
  /** From now on they say so, and nobody waits any more. */
  answer: (answer: ImageAnswer) => void;
}>;

/** Registries that do not answer until they are told to. */
export function holdRegistries(): HeldRegistries {
  let asked = 0;
  let known: ImageAnswer | undefined;
  let settle: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return {
    inquire: () => {
      let hasAsked = false;
      const find = (): ImageAnswer | undefined => {
        asked += 1;
        hasAsked = true;
        return known;
      };
      return { registries: { find }, pending: () => (hasAsked && known === undefined ? answered : undefined) };
    },
    asked: () => asked,
    answer: (answer) => {
      known = answer;
      settle();
    },
  };
}
