/** Resolves when it is one's turn. `deadline` by `performance.now()`: who has less time left goes first. */
export type TakeTurn = (deadline: number) => Promise<void>;

/**
 * Has those who could all go on at once do so one after the other, with time for other work in between. When a registry that
 * hung is given up, hundreds of reviews that waited for it can be decided in the same moment, which takes a tenth of a second;
 * in any other order, some that had waited for nearly as long as they may would be among the last.
 */
export function createTurns(): TakeTurn {
  const waiting: { readonly deadline: number; readonly go: () => void }[] = [];
  return async (deadline) =>
    new Promise((go) => {
      if (waiting.length === 0) setImmediate(letNextGo);
      // They come nearly in order.
      const after = waiting.findLastIndex((other) => other.deadline <= deadline);
      waiting.splice(after + 1, 0, { deadline, go });
    });

  function letNextGo(): void {
    waiting.shift()?.go();
    if (waiting.length > 0) setImmediate(letNextGo);
  }
}
