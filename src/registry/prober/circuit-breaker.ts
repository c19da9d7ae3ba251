import type { ImageAnswer } from '../../cause/answer.ts';
import { causeOf } from '../../cause/causes.ts';
import { createRecentMap } from './recent-map.ts';

/** One image may be at fault; so many different ones in a row are the registry. */
const FAILURES = 5;
/** For how long a registry is left alone then. */
const OPEN_MS = 30_000;
/** Registries that are remembered: a pattern of the policy may match any number of names. */
const MOST_REGISTRIES = 1000;

/** Saves a registry that does not work from being asked on and on, and those who ask from waiting for it. */
export type CircuitBreaker = Readonly<{
  /** What a registry that is left alone last said; undefined when it may be asked. */
  find: (registry: string) => ImageAnswer | undefined;
  /** The same for who asks at once if it may: of those who try whether it works again, there is one at a time. */
  enter: (registry: string) => ImageAnswer | undefined;
  /** What came of asking about an image; undefined when it was not asked after all. */
  leave: (registry: string, image: string, answer: ImageAnswer | undefined) => void;
}>;

type Circuit = {
  /** Images that failed since the registry last worked, as far as they count. */
  readonly failed: Set<string>;
  open?: { answer: ImageAnswer; until: number; isTried: boolean };
};

export function createCircuitBreaker(now: () => number): CircuitBreaker {
  const circuits = createRecentMap<Circuit>(() => MOST_REGISTRIES);
  const find = (registry: string): ImageAnswer | undefined => {
    const open = circuits.find(registry)?.open;
    return open !== undefined && (open.isTried || now() < open.until) ? open.answer : undefined;
  };
  return {
    find,
    enter: (registry) => {
      const said = find(registry);
      const open = circuits.find(registry)?.open;
      if (said === undefined && open !== undefined) open.isTried = true;
      return said;
    },
    leave: (registry, image, answer) => {
      const circuit = circuits.find(registry) ?? { failed: new Set() };
      if (circuit.open !== undefined) circuit.open.isTried = false;
      if (answer === undefined) return;
      if (answer.outcome === 'ok' || !causeOf(answer.cause).blamesRegistry) {
        circuits.delete(registry);
        return;
      }
      if (circuit.failed.size < FAILURES) circuit.failed.add(image);
      if (circuit.failed.size === FAILURES) circuit.open = { answer, until: now() + OPEN_MS, isTried: false };
      circuits.set(registry, circuit);
    },
  };
}
