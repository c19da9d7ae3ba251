import type { RegistryFacts } from '../pull/facts.ts';

/** What one review asks registries, and whether answers are on their way. */
export type Inquiry = Readonly<{
  registries: RegistryFacts;
  /**
   * Resolves when all that was asked so far has been answered, or will not be; undefined when nothing is on its way. Never
   * rejects.
   */
  pending: () => Promise<void> | undefined;
}>;
